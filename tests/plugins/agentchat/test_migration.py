"""Messages of AutoGen 0.2 and back, as the migration guide has them."""

from __future__ import annotations

import base64
from typing import Any, cast

import pytest

from hubbub_agentchat.messages import (
    BaseAgentEvent,
    BaseChatMessage,
    HandoffMessage,
    ModelClientStreamingChunkEvent,
    MultiModalMessage,
    StopMessage,
    TextMessage,
    ThoughtEvent,
    ToolCallExecutionEvent,
    ToolCallRequestEvent,
    ToolCallSummaryMessage,
)
from hubbub_agentchat.migration import (
    convert_to_v02_history,
    convert_to_v02_message,
    convert_to_v04_history,
    convert_to_v04_message,
)
from hubbub_core import FunctionCall, Image
from hubbub_core.models import FunctionExecutionResult

PIXEL = (
    "data:image/png;base64,"
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
CALL = FunctionCall(id="1", name="get_weather", arguments='{"city": "Oslo"}')
REQUEST = ToolCallRequestEvent(content=[CALL], source="assistant")
EXECUTION = ToolCallExecutionEvent(
    content=[
        FunctionExecutionResult(call_id="1", content="Rain.", is_error=False, name="get_weather"),
        FunctionExecutionResult(call_id="2", content="Sun.", is_error=False, name="get_weather"),
    ],
    source="assistant",
)


def plain(message: BaseAgentEvent | BaseChatMessage) -> dict[str, Any]:
    return message.model_dump(exclude={"id", "created_at"})


@pytest.mark.parametrize(
    "message",
    [
        TextMessage(content="Hello!", source="ada"),
        StopMessage(content="Hello!", source="ada"),
        HandoffMessage(content="Hello!", source="ada", target="bob"),
        ToolCallSummaryMessage(content="Hello!", source="ada", tool_calls=[], results=[]),
    ],
)
def test_message_of_one_text_becomes_a_dictionary(message: BaseChatMessage) -> None:
    assert convert_to_v02_message(message, "user") == {"content": "Hello!", "role": "user", "name": "ada"}


def test_multi_modal_message_becomes_a_list_of_parts() -> None:
    message = MultiModalMessage(content=["Look:", Image.from_uri(PIXEL)], source="ada")

    found = convert_to_v02_message(message, "user", "low")

    text, image = found["content"]
    assert (text, found["role"], found["name"]) == ({"type": "text", "text": "Look:"}, "user", "ada")
    assert (image["type"], image["image_url"]["detail"]) == ("image_url", "low")
    assert base64.b64decode(image["image_url"]["url"].partition(",")[2]).startswith(b"\x89PNG")


def test_tool_events_become_what_the_guide_writes() -> None:
    assert convert_to_v02_message(REQUEST, "user") == {
        "tool_calls": [
            {"id": "1", "type": "function", "function": {"name": "get_weather", "args": '{"city": "Oslo"}'}}
        ],
        "role": "assistant",
        "content": None,
        "name": "assistant",
    }
    assert convert_to_v02_message(EXECUTION, "user") == {
        "tool_responses": [
            {"tool_call_id": "1", "role": "tool", "content": "Rain."},
            {"tool_call_id": "2", "role": "tool", "content": "Sun."},
        ],
        "role": "tool",
        "content": "Rain.\n\nSun.",
    }


def test_native_form_is_the_one_of_0_2() -> None:
    request = convert_to_v02_message(REQUEST, "assistant", native=True)
    execution = convert_to_v02_message(EXECUTION, "tool", native=True)

    assert request["tool_calls"][0]["function"] == {"name": "get_weather", "arguments": '{"city": "Oslo"}'}
    assert [response["name"] for response in execution["tool_responses"]] == ["get_weather", "get_weather"]


@pytest.mark.parametrize(
    "message",
    [ThoughtEvent(content="Hm.", source="ada"), ModelClientStreamingChunkEvent(content="He", source="ada")],
)
def test_what_0_2_does_not_have_is_refused(message: BaseAgentEvent) -> None:
    with pytest.raises(ValueError, match=r"Invalid message type: .*Event"):
        convert_to_v02_message(message, "assistant")


def test_part_that_is_neither_text_nor_image_is_refused() -> None:
    message = MultiModalMessage(content=["Look:"], source="ada")
    message.content[0] = cast("str", 1)

    with pytest.raises(ValueError, match="Invalid multimodal message content: 1"):
        convert_to_v02_message(message, "user")


@pytest.mark.parametrize("key", ["args", "arguments"])
def test_tool_call_of_0_2_becomes_a_request(key: str) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "get_weather", key: '{"city": "Oslo"}'}}

    found = convert_to_v04_message({"tool_calls": [call], "role": "assistant", "content": None, "name": "assistant"})

    assert isinstance(found, ToolCallRequestEvent)
    assert plain(found) == plain(REQUEST)


def test_tool_responses_of_0_2_become_an_execution_by_tools() -> None:
    response = {"tool_call_id": "1", "role": "tool", "content": "Rain.", "name": "get_weather"}

    found = convert_to_v04_message({"tool_responses": [response], "role": "tool", "content": "Rain."})

    assert isinstance(found, ToolCallExecutionEvent)
    assert found.source == "tools"
    assert found.content == [
        FunctionExecutionResult(call_id="1", content="Rain.", is_error=False, name="get_weather"),
    ]


def test_text_and_parts_of_0_2_become_messages() -> None:
    text = convert_to_v04_message({"content": "Hello!", "role": "user", "name": "ada"})
    parts = convert_to_v04_message(
        {"content": [{"type": "text", "text": "Look:"}, {"type": "image_url", "image_url": {"url": PIXEL}}]}
        | {"role": "user", "name": "ada"}
    )

    assert isinstance(text, TextMessage)
    assert (text.content, text.source) == ("Hello!", "ada")
    assert isinstance(parts, MultiModalMessage)
    assert parts.content[0] == "Look:"
    assert isinstance(parts.content[1], Image)


def test_role_is_the_author_where_no_name_is() -> None:
    assert convert_to_v04_message({"content": "Hello!", "role": "assistant"}).source == "assistant"


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"content": None, "role": "assistant"},
        {"content": [{"type": "text"}], "role": "user"},
        {"tool_calls": [{"id": "1"}], "role": "assistant"},
        {"tool_responses": ["Rain."], "role": "tool"},
    ],
)
def test_what_is_no_message_of_0_2_is_refused(message: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="Unable to convert message: "):
        convert_to_v04_message(message)


def test_history_goes_there_and_back() -> None:
    messages: list[BaseAgentEvent | BaseChatMessage] = [
        TextMessage(content="Weather?", source="user"),
        ThoughtEvent(content="A tool!", source="assistant"),
        REQUEST,
        ToolCallExecutionEvent(content=EXECUTION.content[:1], source="tools"),
        TextMessage(content="It rains.", source="assistant"),
    ]

    history = convert_to_v02_history(messages)
    back = convert_to_v04_history(history)

    assert [entry["role"] for entry in history] == ["user", "assistant", "tool", "assistant"]
    assert [plain(message) for message in back] == [
        plain(message) for message in messages if message is not messages[1]
    ]


def test_history_written_by_the_guide_has_its_tool_names_again() -> None:
    history = [convert_to_v02_message(REQUEST, "assistant"), convert_to_v02_message(EXECUTION, "tool")]

    _, execution = convert_to_v04_history(history)

    assert isinstance(execution, ToolCallExecutionEvent)
    assert [result.name for result in execution.content] == ["get_weather", ""]
