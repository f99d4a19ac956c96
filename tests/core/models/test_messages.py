"""Messages, results, and what is known about models."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from importlib.resources import files
from typing import get_args

import pytest
from PIL import Image as PILImage
from pydantic import BaseModel, TypeAdapter, ValidationError

from hubbub_core import FunctionCall, Image
from hubbub_core.models import (
    AssistantMessage,
    ChatCompletionClient,
    ChatCompletionTokenLogprob,
    CreateResult,
    FinishReasons,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    LLMMessage,
    ModelCapabilities,
    ModelFamily,
    ModelInfo,
    RequestUsage,
    SystemMessage,
    UserMessage,
    validate_model_info,
)

MESSAGES: TypeAdapter[list[LLMMessage]] = TypeAdapter(list[LLMMessage])


def test_messages_survive_json_as_the_types_they_were() -> None:
    messages: list[LLMMessage] = [
        SystemMessage(content="Be brief."),
        UserMessage(content="Hi", source="user"),
        UserMessage(content=["look", "here"], source="user"),
        AssistantMessage(content="Hello", thought="polite", source="assistant"),
        AssistantMessage(content=[FunctionCall(id="1", arguments="{}", name="f")], source="assistant"),
        FunctionExecutionResultMessage(
            content=[FunctionExecutionResult(content="ok", name="f", call_id="1", is_error=False)],
        ),
    ]

    assert MESSAGES.validate_json(MESSAGES.dump_json(messages)) == messages


def test_type_names_the_class_of_a_message() -> None:
    dumped = MESSAGES.dump_python([SystemMessage(content="a"), FunctionExecutionResultMessage(content=[])])

    assert [each["type"] for each in dumped] == ["SystemMessage", "FunctionExecutionResultMessage"]


def test_unknown_message_type_is_refused() -> None:
    with pytest.raises(ValidationError, match="type"):
        MESSAGES.validate_python([{"type": "DeveloperMessage", "content": "x"}])


def test_image_in_a_user_message_survives_json() -> None:
    message = UserMessage(content=["red", Image.from_pil(PILImage.new("RGB", (2, 3), "red"))], source="user")

    restored = UserMessage.model_validate_json(message.model_dump_json())

    image = restored.content[1]
    assert isinstance(image, Image)
    assert (image.image.size, image.image.getpixel((0, 0))) == ((2, 3), (255, 0, 0))


def test_image_adds_an_empty_schema_to_user_messages() -> None:
    schema = UserMessage.model_json_schema()

    assert schema["properties"]["content"]["anyOf"][1]["items"] == {"anyOf": [{"type": "string"}, {}]}


def test_schemas_have_the_documented_properties_in_their_order() -> None:
    shapes: dict[type[BaseModel], tuple[list[str], list[str]]] = {
        SystemMessage: (["content", "type"], ["content"]),
        UserMessage: (["content", "source", "type"], ["content", "source"]),
        AssistantMessage: (["content", "thought", "source", "type"], ["content", "source"]),
        FunctionExecutionResult: (["content", "name", "call_id", "is_error"], ["content", "name", "call_id"]),
        FunctionExecutionResultMessage: (["content", "type"], ["content"]),
        CreateResult: (
            ["finish_reason", "content", "usage", "cached", "logprobs", "thought"],
            ["finish_reason", "content", "usage", "cached"],
        ),
        ChatCompletionTokenLogprob: (["token", "logprob", "top_logprobs", "bytes"], ["token", "logprob"]),
    }

    for model, (properties, required) in shapes.items():
        schema = model.model_json_schema()
        assert (list(schema["properties"]), schema["required"]) == (properties, required)
    info = TypeAdapter(ModelInfo).json_schema()
    assert list(info["properties"]) == [
        "vision",
        "function_calling",
        "json_output",
        "family",
        "structured_output",
        "multiple_system_messages",
    ]
    # The documents require structured_output too; files of AutoGen 0.4 lack it, which is a warning (N-054).
    assert info["required"] == list(info["properties"])[:-2]
    assert list(AssistantMessage.model_json_schema()["$defs"]["FunctionCall"]["properties"]) == [
        "id",
        "arguments",
        "name",
    ]


def test_create_result_prints_its_fields_in_the_documented_order() -> None:
    result = CreateResult(finish_reason="stop", content="Paris", usage=RequestUsage(15, 5), cached=False)

    assert str(result) == (
        "finish_reason='stop' content='Paris' usage=RequestUsage(prompt_tokens=15, completion_tokens=5) "
        "cached=False logprobs=None thought=None"
    )


def test_create_result_needs_to_say_whether_it_is_cached() -> None:
    with pytest.raises(ValidationError, match="cached"):
        CreateResult.model_validate(
            {"finish_reason": "stop", "content": "", "usage": {"prompt_tokens": 0, "completion_tokens": 0}}
        )


def test_finish_reasons_are_the_documented_five() -> None:
    assert get_args(FinishReasons) == ("stop", "length", "function_calls", "content_filter", "unknown")


def test_every_family_constant_is_part_of_any() -> None:
    constants = {value for name, value in vars(ModelFamily).items() if name.isupper() and isinstance(value, str)}

    assert constants == set(get_args(ModelFamily.ANY))


@pytest.mark.parametrize(
    ("family", "is_of"),
    [
        (ModelFamily.GPT_5, "openai"),
        (ModelFamily.O4, "openai"),
        (ModelFamily.CLAUDE_4_SONNET, "claude"),
        ("claude-3.7-sonnet", "claude"),
        (ModelFamily.GEMINI_2_5_PRO, "gemini"),
        (ModelFamily.LLAMA_4_SCOUT, "llama"),
        (ModelFamily.CODESRAL, "mistral"),
        (ModelFamily.R1, None),
        (ModelFamily.UNKNOWN, None),
        ("something-new", None),
        (ModelFamily.GPT_6, "openai"),
        (ModelFamily.GEMINI_4, "gemini"),
        (ModelFamily.CLAUDE_5_OPUS, "claude"),
        (ModelFamily.MAGISTRAL, "mistral"),
    ],
)
def test_a_family_belongs_to_one_maker_or_none(family: str, is_of: str | None) -> None:
    makers = {
        name
        for name in ("openai", "claude", "gemini", "llama", "mistral")
        if getattr(ModelFamily, f"is_{name}")(family)
    }

    assert makers == ({is_of} if is_of else set())


def test_families_of_the_makers_are_data() -> None:
    data = json.loads(files("hubbub_core.models").joinpath("_families.json").read_text(encoding="utf-8"))
    of_a_maker = {family for families in data["makers"].values() for family in families}
    older_spellings = {"claude-3.7-sonnet", "claude-3.5-sonnet", "claude-3.5-haiku"}

    assert of_a_maker - older_spellings == {*get_args(ModelFamily.ANY)} - {ModelFamily.R1, ModelFamily.UNKNOWN}
    assert sum(len(families) for families in data["makers"].values()) == len(of_a_maker)


def test_model_family_cannot_be_instantiated() -> None:
    with pytest.raises(TypeError, match="name space"):
        ModelFamily()


@pytest.mark.parametrize("field", ["vision", "function_calling", "json_output", "family"])
def test_missing_field_of_model_info_is_named(field: str) -> None:
    info = {"vision": False, "function_calling": False, "json_output": False, "family": "x", "structured_output": False}
    del info[field]

    with pytest.raises(ValueError, match=f"'{field}'"):
        validate_model_info(info)  # type: ignore[arg-type] # a file may hold less than the type demands


def test_missing_structured_output_is_only_a_warning() -> None:
    with pytest.warns(UserWarning, match="structured_output"):
        validate_model_info({"vision": False, "function_calling": False, "json_output": False, "family": "x"})


def test_unknown_family_passes_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        validate_model_info(
            ModelInfo(
                vision=False, function_calling=False, json_output=False, family="tomorrow", structured_output=True
            ),
        )


def test_client_without_model_info_falls_back_to_its_capabilities() -> None:
    from hubbub_core.models.replay import ReplayChatCompletionClient

    class OldClient(ReplayChatCompletionClient):
        model_info = ChatCompletionClient.model_info

        @property
        def capabilities(self) -> ModelCapabilities:
            return ModelCapabilities(vision=True, function_calling=False, json_output=True)

    with pytest.warns(UserWarning, match="OldClient does not define model_info"):
        info = OldClient([]).model_info

    assert info == {
        "vision": True,
        "function_calling": False,
        "json_output": True,
        "family": "unknown",
        "structured_output": False,
    }


@pytest.mark.parametrize(
    "module",
    [
        "hubbub_core.models",
        "hubbub_core.models.replay",
        "hubbub_core.models.extractive",
        "hubbub_core.tools",
        "hubbub_core.memory",
    ],
)
def test_importing_loads_nothing_heavier_than_pydantic(module: str) -> None:
    code = f"import json, sys, {module}; print(json.dumps(sorted(sys.modules)))"

    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout

    loaded = set(json.loads(out))
    assert "pydantic" in loaded
    assert not loaded & {
        "PIL",
        "jsonschema",
        "opentelemetry",
        "numpy",
        "pluggy",
        "yaml",
        "mcp",
        "openai",
        "langchain_core",
    }


def test_images_load_pillow_only_when_there_is_one() -> None:
    code = """
import sys
from hubbub_core import Image
from hubbub_core.models import UserMessage
from hubbub_core.memory import MemoryContent
UserMessage.model_validate_json(UserMessage(content=["red"], source="user").model_dump_json())
MemoryContent(content="red", mime_type="text/plain").model_dump_json()
before = "PIL" in sys.modules
Image.from_base64("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4z8DwHwAFAAH/iZk9HQAAAABJRU5ErkJggg==")
print(before, "PIL" in sys.modules)
"""

    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout

    assert out.split() == ["False", "True"]


def test_importing_the_logging_module_does_not_load_pydantic() -> None:
    code = "import sys, hubbub_core.logging; print('pydantic' in sys.modules)"

    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout

    assert out.strip() == "False"
