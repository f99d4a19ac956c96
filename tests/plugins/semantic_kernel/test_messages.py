"""Messages of the hub and of Semantic Kernel."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

pytest.importorskip("semantic_kernel", reason="Semantic Kernel is not in every environment")

from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as PILImage
from pydantic import BaseModel, TypeAdapter
from semantic_kernel.contents import (
    AnnotationContent,
    AudioContent,
    ChatHistory,
    ChatMessageContent,
    FileReferenceContent,
    FunctionCallContent,
    FunctionResultContent,
    ImageContent,
    TextContent,
)
from semantic_kernel.contents.reasoning_content import ReasoningContent
from semantic_kernel.contents.utils.author_role import AuthorRole

from hubbub_core import FunctionCall, Image
from hubbub_core.models import (
    AssistantMessage,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    LLMMessage,
    SystemMessage,
    UserMessage,
)
from hubbub_semantic_kernel import from_chat_messages, to_chat_messages
from hubbub_semantic_kernel.messages import finish_reason, usage_of, value_text

ANY: TypeAdapter[LLMMessage] = TypeAdapter(LLMMessage)
PICTURE = Image.from_pil(PILImage.new("RGB", (2, 3), (10, 20, 30)))

text = st.text(max_size=20)
name = st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,12}", fullmatch=True)
# A single text in a list is read as the text itself, so lists hold at least an image or two texts.
parts = st.lists(st.one_of(text, st.just(PICTURE)), min_size=2, max_size=4) | st.just([PICTURE])
calls = st.lists(st.builds(FunctionCall, id=text, name=name, arguments=text), min_size=1, max_size=3)
messages = st.one_of(
    st.builds(SystemMessage, content=text),
    st.builds(UserMessage, content=text | parts, source=name),
    st.builds(AssistantMessage, content=text | calls, thought=st.none() | text, source=name),
)
results = st.lists(
    st.builds(FunctionExecutionResult, content=text, name=name, call_id=text, is_error=st.none() | st.booleans()),
    min_size=1,
    max_size=3,
).map(lambda content: FunctionExecutionResultMessage(content=content))


@st.composite
def conversations(draw: st.DrawFn) -> list[LLMMessage]:
    """Draw messages in any order; results never follow results, which the hub has as one message."""
    drawn: list[LLMMessage] = []
    for message in draw(st.lists(messages | results, max_size=6)):
        both = [type(each) is FunctionExecutionResultMessage for each in (message, *drawn[-1:])]
        if both != [True, True]:
            drawn.append(message)
    return drawn


def dumped(conversation: list[LLMMessage]) -> list[Any]:
    return [ANY.dump_python(message, mode="json") for message in conversation]


@given(conversations(), st.booleans())
def test_messages_survive_the_way_there_and_back(conversation: list[LLMMessage], split_names: bool) -> None:
    there = to_chat_messages(conversation, split_names=split_names)

    assert dumped(from_chat_messages(there)) == dumped(conversation)


@given(conversations())
def test_messages_survive_a_history_that_was_saved_as_json(conversation: list[LLMMessage]) -> None:
    saved = ChatHistory(messages=to_chat_messages(conversation)).serialize()

    assert dumped(from_chat_messages(ChatHistory.restore_chat_history(saved).messages)) == dumped(conversation)


sk_names = st.none() | name
sk_picture = ImageContent(data=base64.b64decode(PICTURE.to_base64()), data_format="base64", mime_type="image/png")
sk_calls = st.builds(FunctionCallContent, id=text, name=name, arguments=text | st.dictionaries(name, text, max_size=2))
sk_messages = st.one_of(
    st.builds(
        ChatMessageContent,
        role=st.just(AuthorRole.USER),
        items=st.lists(st.builds(TextContent, text=text) | st.just(sk_picture), max_size=3),
        name=sk_names,
    ),
    st.builds(
        ChatMessageContent,
        role=st.just(AuthorRole.ASSISTANT),
        items=st.lists(
            st.builds(TextContent, text=text) | st.builds(ReasoningContent, text=text) | sk_calls, max_size=4
        ),
        name=sk_names,
    ),
    st.builds(
        ChatMessageContent,
        role=st.just(AuthorRole.TOOL),
        items=st.lists(st.builds(FunctionResultContent, id=text, name=name, result=text), min_size=1, max_size=3),
    ),
    st.builds(
        ChatMessageContent,
        role=st.sampled_from([AuthorRole.SYSTEM, AuthorRole.DEVELOPER]),
        items=st.lists(st.builds(TextContent, text=text), max_size=2),
    ),
)


@given(st.lists(sk_messages, max_size=6))
def test_what_the_hub_makes_of_chat_messages_survives_the_way_back(conversation: list[ChatMessageContent]) -> None:
    converted = from_chat_messages(conversation)

    assert dumped(from_chat_messages(to_chat_messages(converted))) == dumped(converted)


@given(st.lists(sk_messages, max_size=6))
def test_every_text_call_and_result_of_chat_messages_is_in_the_hubs(conversation: list[ChatMessageContent]) -> None:
    shown = json.dumps(dumped(from_chat_messages(conversation)), ensure_ascii=False)

    for message in conversation:
        for item in message.items:
            if isinstance(item, TextContent | ReasoningContent):
                assert json.dumps(item.text, ensure_ascii=False)[1:-1] in shown
            elif isinstance(item, FunctionCallContent | FunctionResultContent):
                assert json.dumps(item.id, ensure_ascii=False) in shown
                assert json.dumps(item.name, ensure_ascii=False) in shown
            else:
                assert PICTURE.to_base64() in shown


def test_each_result_is_a_message_of_its_own() -> None:
    done = [FunctionExecutionResult(content=c, name="math-add", call_id=c, is_error=None) for c in "12"]

    first, second = to_chat_messages([FunctionExecutionResultMessage(content=done)])

    assert [first.role, second.role] == [AuthorRole.TOOL, AuthorRole.TOOL]
    item = first.items[0]
    assert isinstance(item, FunctionResultContent)
    assert (item.id, item.plugin_name, item.function_name, item.result) == ("1", "math", "add", "1")


def test_the_default_authors_have_no_name_in_semantic_kernel() -> None:
    there = to_chat_messages([UserMessage(content="a", source="user"), AssistantMessage(content="b", source="bot")])

    assert [message.name for message in there] == [None, "bot"]


def test_messages_without_a_name_get_the_given_sources() -> None:
    there = to_chat_messages(
        [UserMessage(content="a", source="user"), AssistantMessage(content="b", source="assistant")]
    )

    assert [getattr(m, "source", None) for m in from_chat_messages(there, user="ann", assistant="bot")] == [
        "ann",
        "bot",
    ]


def test_text_beside_calls_is_their_thought() -> None:
    message = ChatMessageContent(
        role=AuthorRole.ASSISTANT,
        items=[TextContent(text="Let me see."), FunctionCallContent(id="1", name="f", arguments={"a": "ä"})],
    )

    assert from_chat_messages([message]) == [
        AssistantMessage(
            content=[FunctionCall(id="1", name="f", arguments='{"a": "ä"}')],
            thought="Let me see.",
            source="assistant",
        )
    ]


def test_a_developer_message_instructs() -> None:
    message = ChatMessageContent(role=AuthorRole.DEVELOPER, content="Be brief.")

    assert from_chat_messages([message]) == [SystemMessage(content="Be brief.")]


def test_results_of_one_message_stay_together() -> None:
    items: list[Any] = [FunctionResultContent(id=i, name="f", result={"n": i}) for i in "12"]

    (converted,) = from_chat_messages([ChatMessageContent(role=AuthorRole.TOOL, items=items)])

    assert isinstance(converted, FunctionExecutionResultMessage)
    assert [result.content for result in converted.content] == ['{"n": "1"}', '{"n": "2"}']


@pytest.mark.parametrize(
    ("role", "item", "kind"),
    [
        ("user", AudioContent(data=b"x", mime_type="audio/wav", data_format="base64"), "AudioContent"),
        ("user", FileReferenceContent(file_id="1"), "FileReferenceContent"),
        ("user", FunctionCallContent(id="1", name="f"), "FunctionCallContent"),
        ("system", ImageContent(data=b"x", mime_type="image/png", data_format="base64"), "ImageContent"),
        ("assistant", ImageContent(data=b"x", mime_type="image/png", data_format="base64"), "ImageContent"),
        ("assistant", AnnotationContent(quote="q"), "AnnotationContent"),
        ("tool", TextContent(text="x"), "TextContent"),
    ],
)
def test_what_the_hub_does_not_know_is_refused_by_name(role: str, item: Any, kind: str) -> None:
    message = ChatMessageContent(role=AuthorRole(role), items=[item])

    with pytest.raises(ValueError, match=f"^{kind} in a message of the {role} cannot be converted"):
        from_chat_messages([message])


def test_a_remote_image_is_refused_and_nothing_is_downloaded() -> None:
    message = ChatMessageContent(role=AuthorRole.USER, items=[ImageContent(uri="http://127.0.0.1:9/cat.png")])

    with pytest.raises(ValueError, match=r"http://127\.0\.0\.1:9/cat\.png cannot be converted: the hub downloads"):
        from_chat_messages([message])


def test_data_that_is_no_image_is_refused() -> None:
    item = ImageContent(data=b"x", mime_type="image/png", data_format="base64")

    with pytest.raises(ValueError, match="not an image"):
        from_chat_messages([ChatMessageContent(role=AuthorRole.USER, items=[item])])


class Sum(BaseModel):
    total: int


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a", "a"),
        (3, "3"),
        (None, "None"),
        (Sum(total=3), '{"total":3}'),
        ([Sum(total=3), 1], '[{"total": 3}, 1]'),
        ({"ä": 1}, '{"ä": 1}'),
        ([ChatMessageContent(role=AuthorRole.ASSISTANT, content="Hi")], "Hi"),
        (TextContent(text="t"), "t"),
        ([], "[]"),
    ],
)
def test_values_of_functions_read_as_text(value: Any, expected: str) -> None:
    assert value_text(value) == expected


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (None, (0, 0)),
        ({"prompt_tokens": 1, "completion_tokens": None}, (1, 0)),
        ({"input_tokens": 3, "output_tokens": 4}, (3, 4)),
    ],
)
def test_usage_that_is_missing_counts_as_zero(usage: Any, expected: tuple[int, int]) -> None:
    found = usage_of(usage)

    assert (found.prompt_tokens, found.completion_tokens) == expected


def test_an_unknown_finish_reason_is_unknown() -> None:
    assert [finish_reason(reason) for reason in ("stop", "tool_calls", "odd", None)] == [
        "stop",
        "function_calls",
        "unknown",
        "unknown",
    ]


def test_arguments_stay_the_text_of_the_model() -> None:
    broken = AssistantMessage(content=[FunctionCall(id="1", name="f", arguments='{"a": ')], source="assistant")

    (there,) = to_chat_messages([broken])

    item = there.items[0]
    assert isinstance(item, FunctionCallContent)
    assert item.arguments == '{"a": '
    assert json.dumps(dumped(from_chat_messages([there]))) == json.dumps(dumped([broken]))
