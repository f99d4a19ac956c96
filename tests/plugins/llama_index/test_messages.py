"""Messages both ways."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llama_index.core.base.llms.types import CachePoint, CitableBlock, ContentBlock, ThinkingBlock, ToolCallBlock
from llama_index.core.llms import (
    AudioBlock,
    ChatMessage,
    DocumentBlock,
    ImageBlock,
    MessageRole,
    TextBlock,
)
from PIL import Image as PILImage

from hubbub_core import FunctionCall, Image
from hubbub_core.exchange import AgentTask, Source
from hubbub_core.models import (
    AssistantMessage,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    LLMMessage,
    SystemMessage,
    UserMessage,
)
from hubbub_core.passages import with_sources
from hubbub_llama_index._messages import from_chat_messages, to_chat_messages

NAMES = st.text(alphabet="abcdefghij_", min_size=1, max_size=8)
PICTURE = Image(PILImage.new("RGB", (2, 2), "red"))
CALLS = st.builds(FunctionCall, id=NAMES, name=NAMES, arguments=st.dictionaries(NAMES, st.integers()).map(json.dumps))
RESULTS = st.builds(
    FunctionExecutionResult,
    content=st.text(),
    name=NAMES,
    call_id=NAMES,
    is_error=st.sampled_from([None, True, False]),
)
# One text alone is the same as a list of that text, which comes back as the text.
PARTS = st.lists(st.text(), min_size=2, max_size=3)
MESSAGES = st.one_of(
    st.builds(SystemMessage, content=st.text()),
    st.builds(UserMessage, content=st.text() | PARTS, source=NAMES),
    st.builds(AssistantMessage, content=st.text(), thought=st.none() | st.text(min_size=1), source=NAMES),
    st.builds(
        AssistantMessage,
        content=st.lists(CALLS, min_size=1, max_size=3),
        thought=st.none() | st.text(min_size=1),
        source=NAMES,
    ),
)
CONVERSATIONS = st.lists(
    st.tuples(
        MESSAGES,
        st.none() | st.builds(FunctionExecutionResultMessage, content=st.lists(RESULTS, min_size=1, max_size=3)),
    ).map(lambda pair: [message for message in pair if message is not None]),
    max_size=4,
).map(lambda pairs: [message for pair in pairs for message in pair])


@given(CONVERSATIONS)
def test_a_conversation_survives_the_round_trip(messages: list[LLMMessage]) -> None:
    assert from_chat_messages(to_chat_messages(messages)) == messages


@given(CONVERSATIONS)
def test_a_conversation_survives_as_json_of_the_framework(messages: list[LLMMessage]) -> None:
    saved = [message.model_dump_json() for message in to_chat_messages(messages)]

    assert from_chat_messages([ChatMessage.model_validate_json(text) for text in saved]) == messages


def test_an_image_survives_the_round_trip() -> None:
    (message,) = from_chat_messages(to_chat_messages([UserMessage(content=["See:", PICTURE], source="user")]))

    assert isinstance(message, UserMessage)
    text, image = list(message.content)
    assert text == "See:"
    assert isinstance(image, Image)
    assert image.to_base64() == PICTURE.to_base64()


def test_results_that_follow_one_another_are_one_message_and_find_their_names() -> None:
    converted = from_chat_messages(
        [
            ChatMessage(
                role=MessageRole.ASSISTANT,
                blocks=[
                    TextBlock(text="Let me see."),
                    ToolCallBlock(tool_call_id="1", tool_name="add", tool_kwargs={"a": 1}),
                    ToolCallBlock(tool_call_id="2", tool_name="mul", tool_kwargs='{"a": '),
                ],
            ),
            ChatMessage(role=MessageRole.TOOL, content="3", additional_kwargs={"tool_call_id": "2"}),
            ChatMessage(role=MessageRole.FUNCTION, content="4", additional_kwargs={"name": "add"}),
        ],
        assistant="calculator",
    )

    assert converted == [
        AssistantMessage(
            content=[
                FunctionCall(id="1", name="add", arguments='{"a": 1}'),
                FunctionCall(id="2", name="mul", arguments='{"a": '),
            ],
            thought="Let me see.",
            source="calculator",
        ),
        FunctionExecutionResultMessage(
            content=[
                FunctionExecutionResult(content="3", name="mul", call_id="2"),
                FunctionExecutionResult(content="4", name="add", call_id=""),
            ]
        ),
    ]


def test_calls_in_the_older_place_are_read() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
    message = ChatMessage(role=MessageRole.ASSISTANT, additional_kwargs={"tool_calls": [call]})

    assert from_chat_messages([message]) == [
        AssistantMessage(content=[FunctionCall(id="1", name="add", arguments='{"a": 1}')], source="assistant")
    ]


def test_a_developer_message_is_a_system_message_and_thinking_is_a_thought() -> None:
    converted = from_chat_messages(
        [
            ChatMessage(role=MessageRole.DEVELOPER, content="Be brief."),
            ChatMessage(role=MessageRole.MODEL, blocks=[ThinkingBlock(content="Hm."), TextBlock(text="Yes.")]),
        ]
    )

    assert converted == [
        SystemMessage(content="Be brief."),
        AssistantMessage(content="Yes.", thought="Hm.", source="assistant"),
    ]


@pytest.mark.parametrize(
    ("role", "block", "name"),
    [
        ("user", AudioBlock(audio=b"RIFF"), "AudioBlock"),
        ("user", DocumentBlock(data=b"%PDF", document_mimetype="application/pdf"), "DocumentBlock"),
        ("user", CitableBlock(title="t", source="s", content=[TextBlock(text="x")]), "CitableBlock"),
        ("system", ImageBlock(image=b"x"), "ImageBlock"),
        ("assistant", ImageBlock(image=b"x"), "ImageBlock"),
        ("tool", ImageBlock(image=b"x"), "ImageBlock"),
        ("user", CachePoint.model_validate({"cache_control": {"type": "ephemeral"}}), "CachePoint"),
    ],
)
def test_what_the_hub_does_not_know_is_refused_by_name(role: str, block: ContentBlock, name: str) -> None:
    message = ChatMessage(role=MessageRole(role), blocks=[TextBlock(text="a"), block])

    with pytest.raises(ValueError, match=f"a {name} in a {role} message cannot be converted"):
        from_chat_messages([message])


def test_a_remote_image_is_refused_and_nothing_is_downloaded() -> None:
    block = ImageBlock(url="http://127.0.0.1:9/cat.png")

    with pytest.raises(
        ValueError, match=r"http://127\.0\.0\.1:9/cat\.png cannot be converted: the hub downloads nothing"
    ):
        from_chat_messages([ChatMessage(role=MessageRole.USER, blocks=[block])])


def test_a_call_without_a_function_is_refused() -> None:
    message = ChatMessage(role=MessageRole.ASSISTANT, additional_kwargs={"tool_calls": [{"id": "1"}]})

    with pytest.raises(ValueError, match="it names no function"):
        from_chat_messages([message])


@pytest.mark.parametrize("content", ["Where?", ["Where?", PICTURE]])
def test_passages_of_a_task_join_its_newest_message_once(content: Any) -> None:
    task = AgentTask(
        messages=[UserMessage(content="Quoted already.", source="a"), UserMessage(content=content, source="user")],
        sources=[Source(content="Quoted already."), Source(content="On rails.", title="Rail")],
    )

    last = with_sources(task)[-1]

    assert isinstance(last, UserMessage)
    expected = [*content, "[1] Rail\nOn rails."] if isinstance(content, list) else f"{content}\n\n[1] Rail\nOn rails."
    assert last.content == expected
