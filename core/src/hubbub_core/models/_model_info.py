"""What a model can do: families of models and the flags that agents ask for."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Literal, Required, TypeAlias

from typing_extensions import TypedDict


@cache
def _families(maker: str) -> frozenset[str]:
    """Return the families of a maker. They are data, `_families.json`: new ones come without a change of code.

    The spellings with a dot there are those of the older documents; configurations that carry them still mean the same
    family (N-050).
    """
    makers: dict[str, list[str]] = json.loads(
        files("hubbub_core.models").joinpath("_families.json").read_text(encoding="utf-8")
    )["makers"]
    return frozenset(makers[maker])


class ModelFamily:
    """A name space of model families: `ModelFamily.GPT_4O` is the string `"gpt-4o"`.

    A family stands for traits in general, in contrast to the single capabilities of `ModelInfo`, and for all models of
    a generation: `gpt-6.1-sol` is of the family `"gpt-6"`. Any other string is allowed as a family and is treated like
    `UNKNOWN`. The class cannot be instantiated.

    Raises:
        TypeError: On instantiation.
    """

    GPT_6 = "gpt-6"
    GPT_OSS = "gpt-oss"
    GPT_5 = "gpt-5"
    GPT_41 = "gpt-41"
    GPT_45 = "gpt-45"
    GPT_4O = "gpt-4o"
    O1 = "o1"
    O3 = "o3"
    O4 = "o4"
    GPT_4 = "gpt-4"
    GPT_35 = "gpt-35"
    R1 = "r1"
    GEMINI_1_5_FLASH = "gemini-1.5-flash"
    GEMINI_1_5_PRO = "gemini-1.5-pro"
    GEMINI_2_0_FLASH = "gemini-2.0-flash"
    GEMINI_2_5_PRO = "gemini-2.5-pro"
    GEMINI_2_5_FLASH = "gemini-2.5-flash"
    GEMINI_3_PRO = "gemini-3-pro"
    GEMINI_3_FLASH = "gemini-3-flash"
    GEMINI_4 = "gemini-4"
    CLAUDE_3_HAIKU = "claude-3-haiku"
    CLAUDE_3_SONNET = "claude-3-sonnet"
    CLAUDE_3_OPUS = "claude-3-opus"
    CLAUDE_3_5_HAIKU = "claude-3-5-haiku"
    CLAUDE_3_5_SONNET = "claude-3-5-sonnet"
    CLAUDE_3_7_SONNET = "claude-3-7-sonnet"
    CLAUDE_4_OPUS = "claude-4-opus"
    CLAUDE_4_SONNET = "claude-4-sonnet"
    CLAUDE_4_HAIKU = "claude-4-haiku"
    CLAUDE_5_FABLE = "claude-5-fable"
    CLAUDE_5_OPUS = "claude-5-opus"
    CLAUDE_5_SONNET = "claude-5-sonnet"
    CLAUDE_5_HAIKU = "claude-5-haiku"
    LLAMA_3_3_8B = "llama-3.3-8b"
    LLAMA_3_3_70B = "llama-3.3-70b"
    LLAMA_4_SCOUT = "llama-4-scout"
    LLAMA_4_MAVERICK = "llama-4-maverick"
    # The two misspelt names are the public ones (N-049).
    CODESRAL = "codestral"
    OPEN_CODESRAL_MAMBA = "open-codestral-mamba"
    MISTRAL = "mistral"
    MINISTRAL = "ministral"
    PIXTRAL = "pixtral"
    MAGISTRAL = "magistral"
    UNKNOWN = "unknown"

    ANY: TypeAlias = Literal[
        # OpenAI
        "gpt-6",
        "gpt-oss",
        "gpt-5",
        "gpt-41",
        "gpt-45",
        "gpt-4o",
        "o1",
        "o3",
        "o4",
        "gpt-4",
        "gpt-35",
        "r1",
        # Google
        "gemini-1.5-flash",
        "gemini-1.5-pro",
        "gemini-2.0-flash",
        "gemini-2.5-pro",
        "gemini-2.5-flash",
        "gemini-3-pro",
        "gemini-3-flash",
        "gemini-4",
        # Anthropic
        "claude-3-haiku",
        "claude-3-sonnet",
        "claude-3-opus",
        "claude-3-5-haiku",
        "claude-3-5-sonnet",
        "claude-3-7-sonnet",
        "claude-4-opus",
        "claude-4-sonnet",
        "claude-4-haiku",
        "claude-5-fable",
        "claude-5-opus",
        "claude-5-sonnet",
        "claude-5-haiku",
        # Llama
        "llama-3.3-8b",
        "llama-3.3-70b",
        "llama-4-scout",
        "llama-4-maverick",
        # Mistral
        "codestral",
        "open-codestral-mamba",
        "mistral",
        "ministral",
        "pixtral",
        "magistral",
        "unknown",
    ]

    def __new__(cls, *args: Any, **kwargs: Any) -> ModelFamily:
        raise TypeError(f"{cls.__name__} is a name space and cannot be instantiated; use its constants or a string")

    @staticmethod
    def is_claude(family: str) -> bool:
        """Tell whether `family` is one of Anthropic's Claude families, in either spelling."""
        return family in _families("anthropic")

    @staticmethod
    def is_gemini(family: str) -> bool:
        """Tell whether `family` is one of Google's Gemini families."""
        return family in _families("google")

    @staticmethod
    def is_openai(family: str) -> bool:
        """Tell whether `family` is one of OpenAI's families. `"r1"` is not."""
        return family in _families("openai")

    @staticmethod
    def is_llama(family: str) -> bool:
        """Tell whether `family` is one of Meta's Llama families."""
        return family in _families("meta")

    @staticmethod
    def is_mistral(family: str) -> bool:
        """Tell whether `family` is one of Mistral's families."""
        return family in _families("mistral")


class ModelCapabilities(TypedDict):
    """The older, shorter form of `ModelInfo`. Deprecated in the documents, still accepted."""

    vision: bool
    function_calling: bool
    json_output: bool


class ModelInfo(TypedDict, total=False):
    """What a model can do. `multiple_system_messages` may be missing, everything else is required.

    A missing `structured_output` is accepted with a warning (`validate_model_info`), for configurations that AutoGen
    0.4 wrote. Read it by `get`.
    """

    vision: Required[bool]
    """Accepts images in user messages."""
    function_calling: Required[bool]
    """Accepts tools and answers with calls of them."""
    json_output: Required[bool]
    """Has a JSON mode. Not the same as `structured_output`."""
    family: Required[ModelFamily.ANY | str]
    """A constant of `ModelFamily`, or any string, which then counts as unknown."""
    structured_output: bool
    """Answers in the form of a given schema. Missing means no."""
    multiple_system_messages: bool | None
    """Takes several system messages that do not follow each other. Missing means no."""


def validate_model_info(model_info: ModelInfo) -> None:
    """Check that `model_info` has all its required fields.

    A missing `structured_output` is only a `UserWarning`, since configurations of older releases lack it (N-054).

    Raises:
        ValueError: `vision`, `function_calling`, `json_output` or `family` is missing; the text names the field.
    """
    # To a type checker these fields are always there; in what was loaded from a file they may not be.
    given: Mapping[str, object] = model_info
    for field in ("vision", "function_calling", "json_output", "family"):
        if field not in given:
            raise ValueError(
                f"Missing required field '{field}' in ModelInfo. "
                "ModelInfo needs vision, function_calling, json_output, family and structured_output.",
            )
    if "structured_output" not in given:
        warnings.warn(
            "Missing required field 'structured_output' in ModelInfo. "
            "This field will be required in a future version; set it to False if the model has no structured output.",
            UserWarning,
            stacklevel=2,
        )
