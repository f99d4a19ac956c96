"""What Hubbub knows about models by name: family, capabilities, context window, tokeniser. The data is `_models.json`.

Names are those of the documents (newer N-307) and of the SDK's list of chat models. A window that the vendor does not
state is left out, and so is the tokeniser of models that tiktoken does not know. A model that is not in the table works
all the same, with the defaults of `unknown_model_info`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any, Final

from hubbub_core.models import ModelFamily, ModelInfo

DEFAULT_TOKEN_LIMIT: Final = 128_000
"""Tokens that the window of a model is taken to have when the table does not say."""

_DATED = re.compile(r"-(?:\d{4}-\d{2}-\d{2}|\d{8}|\d{4}|latest)$")
_TUNED = re.compile(r"ft:([^:]+):")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEntry:
    """One line of the table."""

    resolved: str | None
    """The dated name that the vendor's servers answer with; the name itself where there is none, None if unlisted."""
    info: ModelInfo
    token_limit: int | None
    """Tokens in the context window, None when not published in the documents."""
    encoding: str | None
    """Name of the tiktoken table, None when the vendor's tokeniser is not one of OpenAI's."""


@cache
def _tables() -> tuple[dict[str, ModelEntry], dict[str, ModelEntry]]:
    """Return the entries by name, and by the prefix that a generation's names have."""
    groups: list[dict[str, Any]] = json.loads(files("hubbub_openai").joinpath("_models.json").read_text("utf-8"))[
        "groups"
    ]
    table: dict[str, ModelEntry] = {}
    generations: dict[str, ModelEntry] = {}
    for group in groups:
        info = ModelInfo(
            vision=group["vision"],
            function_calling=group["function_calling"],
            json_output=group["json_output"],
            family=group["family"],
            structured_output=group["structured_output"],
            multiple_system_messages=group["multiple_system_messages"],
        )
        limit, encoding = group.get("token_limit"), group.get("encoding")
        for name, resolved in group["names"].items():
            entry = ModelEntry(resolved=resolved or name, info=info, token_limit=limit, encoding=encoding)
            table[name] = entry
            if resolved:
                table.setdefault(resolved, entry)
        for prefix in group.get("prefixes", ()):
            generations[prefix] = ModelEntry(resolved=None, info=info, token_limit=limit, encoding=encoding)
    return table, generations


def find_model(name: str) -> ModelEntry | None:
    """Look a model up.

    A dated or `-latest` name that is not listed counts as the model it is a version of, `ft:gpt-4o:...` as the model
    that was tuned, and any other as one of its generation: `gpt-6.2-sol` has the prefix `gpt-6`.
    """
    table, generations = _tables()
    if name in table:
        return table[name]
    tuned = _TUNED.match(name)
    if tuned:
        base = find_model(tuned[1])
        return replace(base, resolved=None) if base else None
    base = table.get(_DATED.sub("", name))
    if base is not None:
        return replace(base, resolved=name)
    prefixes = [prefix for prefix in generations if re.match(re.escape(prefix) + r"(?:[-.:]|$)", name)]
    return generations[max(prefixes, key=len)] if prefixes else None


def is_version_of(served: str, name: str) -> bool:
    """Tell whether a server's name of a model is `name` with a date."""
    return _DATED.sub("", served) == name


def unknown_model_info() -> ModelInfo:
    """Return what a model is taken to do that the table does not have and nobody described.

    Tools, JSON mode and structured output are assumed, since most compatible servers have them and the server's own
    error is clearer than a refusal here; images are not, since a model that cannot see may ignore them without a word.
    System messages are sent as they are.
    """
    return ModelInfo(
        vision=False,
        function_calling=True,
        json_output=True,
        family=ModelFamily.UNKNOWN,
        structured_output=True,
        multiple_system_messages=True,
    )
