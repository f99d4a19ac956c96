"""Messages survive the way into LangChain and back; what cannot is refused by name."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core import messages as lc
from langchain_core.messages.tool import tool_call
from PIL import Image as PILImage

from hubbub_core import FunctionCall, Image
from hubbub_core.models import (
    AssistantMessage,
    CreateResult,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    LLMMessage,
    RequestUsage,
    SystemMessage,
    UserMessage,
)
from hubbub_langchain.messages import (
    finish_reason_of,
    from_create_result,
    from_langchain,
    to_langchain,
    usage_of,
)

_TEXT = st.text(max_size=40)
_NAME = st.text(min_size=1, max_size=20)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=6,
)
_IMAGE = st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(0, 255)).map(
    lambda size: Image.from_pil(PILImage.new("RGB", size[:2], (size[2], 0, 0)))
)
_CALL = st.builds(
    FunctionCall,
    id=_TEXT,
    name=_NAME,
    arguments=st.dictionaries(_TEXT, _JSON, max_size=3).map(lambda value: json.dumps(value, ensure_ascii=False)),
)
_RESULT = st.builds(
    FunctionExecutionResult, content=_TEXT, name=_TEXT, call_id=_TEXT, is_error=st.none() | st.booleans()
)
_SAID = st.one_of(
    st.builds(SystemMessage, content=_TEXT),
    st.builds(UserMessage, content=_TEXT | st.lists(_TEXT | _IMAGE, max_size=3), source=_TEXT),
    # No thought and an empty one are the same to LangChain.
    st.builds(AssistantMessage, content=_TEXT, thought=st.none() | _NAME, source=_TEXT),
    st.builds(AssistantMessage, content=st.lists(_CALL, min_size=1, max_size=3), thought=st.none(), source=_TEXT),
    st.builds(AssistantMessage, content=st.lists(_CALL, min_size=1, max_size=3), thought=_NAME, source=_TEXT),
)
_RESULTS = st.builds(FunctionExecutionResultMessage, content=st.lists(_RESULT, min_size=1, max_size=3))
# Between two messages with results there is always what asked for the second ones.
_CONVERSATION: st.SearchStrategy[list[LLMMessage]] = st.lists(
    st.tuples(_SAID, st.none() | _RESULTS).map(lambda pair: [message for message in pair if message is not None]),
    max_size=4,
).map(lambda groups: [message for group in groups for message in group])


@settings(deadline=None)  # the first example imports what the others have
@given(_CONVERSATION)
def test_a_conversation_comes_back_from_langchain_as_it_was(conversation: list[LLMMessage]) -> None:
    returned = from_langchain(to_langchain(conversation), source="somebody else")

    assert [message.model_dump() for message in returned] == [message.model_dump() for message in conversation]


@settings(deadline=None)  # the first example imports what the others have
@given(st.lists(_TEXT | _IMAGE, max_size=4))
def test_pictures_keep_their_pixels(parts: list[str | Image]) -> None:
    (returned,) = from_langchain(to_langchain([UserMessage(content=parts, source="u")]), source="x")

    assert isinstance(returned.content, list)
    assert [part.image.tobytes() if isinstance(part, Image) else part for part in returned.content] == [
        part.image.tobytes() if isinstance(part, Image) else part for part in parts
    ]


_LC_CALL = st.builds(
    tool_call, name=_NAME, args=st.dictionaries(_TEXT, _JSON, max_size=3), id=st.text(min_size=1, max_size=9)
)
_LC_MESSAGE = st.one_of(
    st.builds(lc.SystemMessage, content=_TEXT),
    st.builds(lc.HumanMessage, content=_TEXT, name=st.just("user")),
    st.builds(lc.AIMessage, content=_TEXT, name=st.just("bot"), tool_calls=st.lists(_LC_CALL, max_size=2)),
    st.builds(
        lc.ToolMessage,
        content=_TEXT,
        name=_NAME,
        tool_call_id=_NAME,
        status=st.sampled_from(["success", "error"]),
    ),
)


@settings(deadline=None)  # the first example imports what the others have
@given(st.lists(_LC_MESSAGE, max_size=5))
def test_messages_of_langchain_come_back_from_the_hub_as_they_were(messages: list[lc.BaseMessage]) -> None:
    returned = to_langchain(from_langchain(messages, source="x"))

    assert returned == messages


@settings(deadline=None)  # the first example imports what the others have
@given(st.integers(0, 10**9), st.integers(0, 10**9), st.sampled_from(["stop", "length", "function_calls", "unknown"]))
def test_usage_and_finish_reason_of_a_reply_survive(prompt: int, completion: int, reason: Any) -> None:
    result = CreateResult(
        finish_reason=reason, content="hi", usage=RequestUsage(prompt, completion), cached=False, thought="hm"
    )

    message = from_create_result(result, source="model")

    assert usage_of(message) == RequestUsage(prompt, completion)
    assert finish_reason_of(message) == reason
    assert from_langchain([message], source="x") == [AssistantMessage(content="hi", thought="hm", source="model")]


def test_arguments_that_are_no_json_object_travel_as_invalid_calls() -> None:
    calls = [FunctionCall(id="1", name="f", arguments="{oops"), FunctionCall(id="2", name="g", arguments="[1]")]

    (message,) = to_langchain([AssistantMessage(content=calls, source="bot")])

    assert isinstance(message, lc.AIMessage)
    assert [(call["name"], call["args"]) for call in message.invalid_tool_calls] == [("f", "{oops"), ("g", "[1]")]
    assert from_langchain([message], source="x") == [AssistantMessage(content=calls, source="bot")]


def test_text_and_reasoning_beside_calls_become_the_thought() -> None:
    message = lc.AIMessage(
        content=[{"type": "reasoning", "reasoning": "I need a tool."}, {"type": "text", "text": "Let me see."}],
        tool_calls=[tool_call(name="f", args={}, id="1")],
    )

    assert from_langchain([message], source="bot") == [
        AssistantMessage(
            content=[FunctionCall(id="1", name="f", arguments="{}")],
            thought="I need a tool.\nLet me see.",
            source="bot",
        )
    ]


def test_results_in_a_row_become_one_message() -> None:
    messages = [
        lc.ToolMessage(content="1", tool_call_id="a", name="f"),
        lc.ToolMessage(content=[{"type": "text", "text": "2"}], tool_call_id="b", name="g", status="error"),
    ]

    assert from_langchain(messages, source="x") == [
        FunctionExecutionResultMessage(
            content=[
                FunctionExecutionResult(content="1", name="f", call_id="a", is_error=False),
                FunctionExecutionResult(content="2", name="g", call_id="b", is_error=True),
            ]
        )
    ]


def test_images_in_the_form_of_openai_are_understood() -> None:
    picture = Image.from_pil(PILImage.new("RGB", (2, 1), (1, 2, 3)))
    message = lc.HumanMessage(
        content=[{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": picture.data_uri}}]
    )

    (returned,) = from_langchain([message], source="x")

    assert isinstance(returned.content, list)
    assert returned.content[0] == "see"
    assert isinstance(returned.content[1], Image)
    assert returned.content[1].image.tobytes() == picture.image.tobytes()


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        (lc.RemoveMessage(id="1"), "a RemoveMessage has no form among the hub's messages"),
        (
            lc.ChatMessage(role="critic", content="no"),
            "a ChatMessage with the role 'critic' has no form among the hub's messages",
        ),
        (
            lc.HumanMessage(content=[{"type": "image", "url": "https://example.org/cat.png"}]),
            "a HumanMessage holds an image by the address https://example.org/cat.png; "
            "the hub takes images with their data (base64)",
        ),
        (
            lc.HumanMessage(content=[{"type": "audio", "base64": "AAAA", "mime_type": "audio/wav"}]),
            "a HumanMessage holds a content block of type 'audio', which the hub cannot carry",
        ),
        (
            lc.ToolMessage(content=[{"type": "image", "base64": "AAAA", "mime_type": "image/png"}], tool_call_id="1"),
            "a ToolMessage holds a content block of type 'image', which the hub cannot carry",
        ),
        (
            lc.AIMessage(content=[{"type": "hologram", "beam": 1}]),
            "an AIMessage holds a content block of type 'hologram', which the hub cannot carry",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_the_hub_cannot_carry_is_refused_by_name(message: lc.BaseMessage, problem: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 # compared whole below
        from_langchain([message], source="x")

    assert str(caught.value) == problem
