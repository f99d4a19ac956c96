"""Which messages a context shows."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub_core import FunctionCall
from hubbub_core.model_context import (
    BufferedChatCompletionContext,
    ChatCompletionContext,
    HeadAndTailChatCompletionContext,
    TokenLimitedChatCompletionContext,
    UnboundedChatCompletionContext,
)
from hubbub_core.models import (
    AssistantMessage,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    LLMMessage,
    UserMessage,
)
from hubbub_core.models.replay import ReplayChatCompletionClient
from hubbub_core.tools import Tool, ToolSchema

CALL = AssistantMessage(content=[FunctionCall(id="1", arguments="{}", name="f")], source="assistant")
RESULT = FunctionExecutionResultMessage(
    content=[FunctionExecutionResult(content="ok", name="f", call_id="1", is_error=False)],
)


def user(text: str) -> UserMessage:
    return UserMessage(content=text, source="user")


def users(count: int) -> list[LLMMessage]:
    return [user(f"message {number}") for number in range(count)]


async def filled(context: ChatCompletionContext, messages: list[LLMMessage]) -> list[LLMMessage]:
    for message in messages:
        await context.add_message(message)
    return await context.get_messages()


async def test_unbounded_shows_all() -> None:
    assert await filled(UnboundedChatCompletionContext(), users(20)) == users(20)


async def test_buffer_shows_the_last() -> None:
    assert await filled(BufferedChatCompletionContext(buffer_size=2), users(5)) == users(5)[-2:]


async def test_buffer_does_not_begin_with_results() -> None:
    assert await filled(BufferedChatCompletionContext(2), [CALL, RESULT, user("a")]) == [user("a")]


async def test_head_and_tail_shows_both_and_how_many_were_skipped() -> None:
    shown = await filled(HeadAndTailChatCompletionContext(head_size=1, tail_size=2), users(7))

    assert shown == [user("message 0"), UserMessage(content="Skipped 4 messages.", source="System"), *users(7)[-2:]]


@pytest.mark.parametrize("count", [0, 1, 3])
async def test_head_and_tail_shows_all_when_nothing_is_skipped(count: int) -> None:
    assert await filled(HeadAndTailChatCompletionContext(1, 2), users(count)) == users(count)


async def test_head_and_tail_leaves_out_halves_of_calls() -> None:
    messages: list[LLMMessage] = [user("a"), CALL, RESULT, user("b"), CALL, RESULT, user("c")]

    shown = await filled(HeadAndTailChatCompletionContext(2, 2), messages)

    assert shown == [user("a"), UserMessage(content="Skipped 3 messages.", source="System"), user("c")]


async def test_token_limit_takes_messages_out_of_the_middle_of_a_copy() -> None:
    context = TokenLimitedChatCompletionContext(ReplayChatCompletionClient([]), token_limit=6)

    shown = await filled(context, users(5))

    assert shown == [user("message 0"), user("message 1"), user("message 4")]
    assert len((await context.save_state())["messages"]) == 5


async def test_without_a_limit_the_window_of_the_model_counts() -> None:
    class TinyClient(ReplayChatCompletionClient):
        def remaining_tokens(self, messages, *, tools=()) -> int:  # type: ignore[no-untyped-def] # as in the base class
            return 2 - len(messages)

    context = TokenLimitedChatCompletionContext(TinyClient([]))

    assert await filled(context, [user("a"), user("b"), user("c")]) == [user("a"), user("c")]


async def test_token_limit_shows_what_taking_out_one_by_one_leaves_with_few_counts() -> None:
    class Counting(ReplayChatCompletionClient):
        counts = 0

        def count_tokens(self, messages: Sequence[LLMMessage], *, tools: Sequence[Tool | ToolSchema] = []) -> int:
            self.counts += 1
            return super().count_tokens(messages, tools=tools)

    messages: list[LLMMessage] = [UserMessage(content="x " * (number % 7), source="u") for number in range(1_000)]
    for limit in (1, 2, 50, 51, 1_000, 10_000):
        client = Counting([])
        context = TokenLimitedChatCompletionContext(client, token_limit=limit, initial_messages=messages)

        shown = await context.get_messages()

        left = list(messages)
        while left and client.count_tokens(left) > limit:
            client.counts -= 1
            left.pop(len(left) // 2)
        assert shown == left
        assert client.counts < 15


async def test_token_limit_does_not_begin_with_results() -> None:
    context = TokenLimitedChatCompletionContext(ReplayChatCompletionClient([]), token_limit=3)

    assert await filled(context, [RESULT, user("a b")]) == [user("a b")]


@given(st.integers(1, 20), st.integers(0, 12))
async def test_token_limit_is_never_exceeded(limit: int, count: int) -> None:
    client = ReplayChatCompletionClient([])
    context = TokenLimitedChatCompletionContext(client, token_limit=limit, initial_messages=users(count))

    assert client.count_tokens(await context.get_messages()) <= limit


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: BufferedChatCompletionContext(0), "buffer_size must be greater than 0"),
        (lambda: HeadAndTailChatCompletionContext(0, 1), "head_size must be greater than 0"),
        (lambda: HeadAndTailChatCompletionContext(1, -1), "tail_size must be greater than 0"),
        (
            lambda: TokenLimitedChatCompletionContext(ReplayChatCompletionClient([]), token_limit=0),
            r"token_limit must be greater than 0\.",
        ),
    ],
)
def test_sizes_have_to_be_positive(build, message: str) -> None:  # type: ignore[no-untyped-def] # four different lambdas
    with pytest.raises(ValueError, match=message):
        build()


async def test_changing_what_was_shown_does_not_change_the_context() -> None:
    for context in (
        UnboundedChatCompletionContext(),
        BufferedChatCompletionContext(9),
        HeadAndTailChatCompletionContext(5, 5),
    ):
        shown = await filled(context, users(2))

        shown.clear()

        assert await context.get_messages() == users(2)


async def test_clear_removes_the_initial_messages_too() -> None:
    initial = users(1)
    context = UnboundedChatCompletionContext(initial_messages=initial)

    await context.clear()

    assert await context.get_messages() == []
    assert initial == users(1)


async def test_state_is_json_and_restores_typed_messages() -> None:
    context = UnboundedChatCompletionContext()
    await filled(context, [user("a"), CALL, RESULT])

    state = await context.save_state()
    other = BufferedChatCompletionContext(10)
    await other.load_state(state)

    assert state["messages"][0] == {"content": "a", "source": "user", "type": "UserMessage"}
    assert await other.get_messages() == [user("a"), CALL, RESULT]


@pytest.mark.parametrize(
    "context",
    [
        UnboundedChatCompletionContext([user("a"), CALL]),
        BufferedChatCompletionContext(3, [user("a"), CALL]),
        HeadAndTailChatCompletionContext(1, 2, [user("a"), CALL]),
        TokenLimitedChatCompletionContext(
            ReplayChatCompletionClient(["x"]),
            token_limit=50,
            tool_schema=[{"name": "f", "parameters": {"type": "object", "properties": {}}}],
            initial_messages=[user("a"), CALL],
        ),
    ],
    ids=lambda context: type(context).__name__,
)
async def test_component_round_trip_keeps_the_initial_messages_but_not_later_ones(
    context: ChatCompletionContext,
) -> None:
    await context.add_message(user("later"))

    dumped = context.dump_component()
    loaded = ChatCompletionContext.load_component(dumped.model_dump())

    assert dumped.provider == f"hubbub_core.model_context.{type(context).__name__}"
    assert dumped.component_type == "chat_completion_context"
    assert type(loaded) is type(context)
    assert await loaded.get_messages() == [user("a"), CALL]
    assert loaded.dump_component() == dumped


async def test_subclass_may_change_what_a_model_sees() -> None:
    class ReasoningModelContext(UnboundedChatCompletionContext):
        async def get_messages(self) -> list[LLMMessage]:
            return [
                message.model_copy(update={"thought": None}) if isinstance(message, AssistantMessage) else message
                for message in await super().get_messages()
            ]

    shown = await filled(
        ReasoningModelContext(),
        [AssistantMessage(content="a", thought="hmm", source="x"), user("b")],
    )

    assert shown == [AssistantMessage(content="a", source="x"), user("b")]


class Trimming(BufferedChatCompletionContext):
    """Keeps no more than it shows, unlike its base class."""

    async def add_message(self, message: LLMMessage) -> None:
        await super().add_message(message)
        self._messages = self._messages[-2:]


class Elsewhere(UnboundedChatCompletionContext):
    """Trims when it is read, in the list of the base class."""

    async def get_messages(self) -> list[LLMMessage]:
        self._messages = self._messages[-2:]
        return list(self._messages)


@pytest.mark.parametrize(
    "context",
    [
        UnboundedChatCompletionContext(users(3)),
        BufferedChatCompletionContext(2, users(3)),
        HeadAndTailChatCompletionContext(1, 1, users(3)),
        Trimming(2, users(3)),
        Elsewhere(users(3)),
    ],
    ids=lambda context: type(context).__name__,
)
async def test_rollback_takes_back_what_was_added_since_the_mark(context: ChatCompletionContext) -> None:
    before = await context.save_state()

    mark = await context.mark()
    for _ in range(2):  # a mark may be gone back to again
        await context.add_message(user("later"))
        await context.add_message(user("still later"))
        await context.get_messages()
        await context.rollback(mark)
        assert await context.save_state() == before


async def test_rollback_to_the_last_of_several_marks_keeps_what_the_first_was_followed_by() -> None:
    context = UnboundedChatCompletionContext()

    await context.mark()
    await context.add_message(user("kept"))
    mark = await context.mark()
    await context.add_message(user("taken back"))
    await context.rollback(mark)

    assert await context.get_messages() == [user("kept")]
