"""A turn happens whole or not at all: what is left of one that failed or was cancelled, and what a retry reads."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from chat_scripts import ABLE, calling

from hubbub_agentchat.agents import AssistantAgent
from hubbub_agentchat.base import Response
from hubbub_agentchat.messages import HandoffMessage, TextMessage
from hubbub_agentchat.teams import RoundRobinGroupChat
from hubbub_core import CancellationToken
from hubbub_core.memory import ListMemory, MemoryContent
from hubbub_core.model_context import (
    BufferedChatCompletionContext,
    ChatCompletionContext,
    HeadAndTailChatCompletionContext,
    TokenLimitedChatCompletionContext,
    UnboundedChatCompletionContext,
)
from hubbub_core.models import AssistantMessage, CreateResult, LLMMessage, UserMessage
from hubbub_core.models.replay import ReplayChatCompletionClient


class Flaky(ReplayChatCompletionClient):
    """Raises what its list holds as an error, and waits for ever at `...`."""

    def __init__(self, *answers: Any) -> None:
        super().__init__([], model_info=ABLE)
        self.script = list(answers)
        self.waits = asyncio.Event()

    async def create(self, *args: Any, **kwargs: Any) -> CreateResult:
        answer = self.script.pop(0)
        if answer is ...:
            self.waits.set()
            await asyncio.Event().wait()
        if isinstance(answer, Exception):
            raise answer
        self.chat_completions.append(answer)
        return await super().create(*args, **kwargs)


def ping() -> str:
    """Ping."""
    return "pong"


def prompts(client: ReplayChatCompletionClient) -> list[list[Any]]:
    return [[message.content for message in call["messages"]] for call in client.create_calls]


def make(name: str, *answers: Any, **options: Any) -> tuple[AssistantAgent, Flaky]:
    client = Flaky(*answers)
    return AssistantAgent(name, client, system_message=None, **options), client


class Rewriting(ChatCompletionContext):
    """Forgets old messages for good whenever it is read, as one that sums a conversation up does."""

    component_provider_override = "test_turns.Rewriting"

    async def get_messages(self) -> list[LLMMessage]:
        self._messages = self._messages[-2:]
        return list(self._messages)

    def _to_config(self) -> Any:
        raise NotImplementedError


class Elsewhere(ChatCompletionContext):
    """Keeps the conversation somewhere else than the base class does."""

    component_provider_override = "test_turns.Elsewhere"

    def __init__(self) -> None:
        super().__init__()
        self.store: list[LLMMessage] = []

    async def add_message(self, message: LLMMessage) -> None:
        self.store.append(message)

    async def get_messages(self) -> list[LLMMessage]:
        return list(self.store)

    async def save_state(self) -> Mapping[str, Any]:
        return {"kept": list(self.store)}

    async def load_state(self, state: Mapping[str, Any]) -> None:
        self.store = list(state["kept"])

    def _to_config(self) -> Any:
        raise NotImplementedError


CONTEXTS = [
    UnboundedChatCompletionContext,
    lambda: BufferedChatCompletionContext(10),
    lambda: HeadAndTailChatCompletionContext(3, 3),
    lambda: TokenLimitedChatCompletionContext(Flaky(), token_limit=1000),
    Rewriting,
    Elsewhere,
]


@pytest.mark.parametrize("context", CONTEXTS, ids=["unbounded", "buffered", "head and tail", "tokens", "own", "store"])
async def test_context_of_any_kind_is_what_it_was_before_a_failed_turn(context: Any) -> None:
    memory = ListMemory()
    agent, _ = make(
        "a", "hello", calling("ping"), ValueError("boom"), tools=[ping], max_tool_iterations=3,
        model_context=context(), memory=[memory],
    )  # fmt: skip
    await agent.run(task="hi")
    before = await agent.model_context.get_messages()
    await memory.add(MemoryContent(content="a fact", mime_type="text/plain"))

    with pytest.raises(ValueError, match="boom"):
        await agent.on_messages(
            [HandoffMessage(content="x", source="b", target="a", context=[UserMessage(content="y", source="b")])],
            CancellationToken(),
        )

    assert before == [UserMessage(content="hi", source="user"), AssistantMessage(content="hello", source="a")]
    assert await agent.model_context.get_messages() == before


async def test_turn_that_yields_its_response_is_kept_though_the_stream_is_closed_there() -> None:
    agent, _ = make("a", "hello")
    stream = agent.on_messages_stream([TextMessage(content="hi", source="user")], CancellationToken())

    async for item in stream:
        if isinstance(item, Response):
            break
    await stream.aclose()

    assert len(await agent.model_context.get_messages()) == 2


async def test_response_that_a_cancelled_caller_will_not_take_is_taken_back() -> None:
    token = CancellationToken()

    class Cancelling(ReplayChatCompletionClient):
        async def create(self, *args: Any, **kwargs: Any) -> CreateResult:
            result = await super().create(*args, **kwargs)
            token.cancel()
            return result

    agent = AssistantAgent("a", Cancelling(["hello"]))

    with pytest.raises(asyncio.CancelledError):
        await agent.run(task="hi", cancellation_token=token)

    assert await agent.model_context.get_messages() == []


@pytest.mark.parametrize("failure", [ValueError("boom"), ...], ids=["error", "cancellation"])
async def test_team_that_is_run_again_gives_an_agent_each_message_once(failure: Any) -> None:
    (a, _), (b, b_client) = make("a", "one", "two"), make("b", failure, "fine", "fine")
    team = RoundRobinGroupChat([a, b], max_turns=2)

    await fail(team.run, b_client, failure, task="go")
    state = await team.save_state()
    await team.run()

    assert state["agent_states"]["b"]["agent_state"]["llm_context"] == {"messages": []}
    assert prompts(b_client)[-1] == ["go", "one", "two"]


@pytest.mark.parametrize("failure", [ValueError("boom"), ...], ids=["error", "cancellation"])
async def test_inner_team_that_failed_goes_on_and_reads_each_message_once(failure: Any) -> None:
    (a, a_client), (b, b_client) = make("a", "one", "two"), make("b", failure, "three")
    inner = RoundRobinGroupChat([a, b], name="inner", max_turns=2)
    team = RoundRobinGroupChat([inner], max_turns=1)

    await fail(team.run, b_client, failure, task="go")
    await team.run(task="again")

    assert prompts(a_client) == [["go"], ["go", "one", "again"]]
    assert prompts(b_client) == [["go", "one", "again", "two"]]


async def test_inner_team_that_refuses_its_task_is_given_it_again() -> None:
    a, a_client = make("a", "one", "two")
    inner = RoundRobinGroupChat([a], name="inner", max_turns=1)
    team = RoundRobinGroupChat([inner], max_turns=1)
    busy = inner.run_stream(task="other")
    await anext(busy)

    with pytest.raises(RuntimeError, match="The team is already running"):
        await team.run(task="go")
    await busy.aclose()
    await inner.reset()
    await team.run()

    assert prompts(a_client)[-1] == ["go"]


async def fail(run: Any, client: Flaky, failure: Any, **options: Any) -> None:
    """Run until the client fails, or waits and is cancelled."""
    if failure is not ...:
        with pytest.raises(RuntimeError, match="boom"):
            await run(**options)
        return
    token = CancellationToken()
    running = asyncio.create_task(run(cancellation_token=token, **options))
    await client.waits.wait()
    token.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
