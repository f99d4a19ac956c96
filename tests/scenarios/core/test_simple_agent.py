"""The simplest agents with a model: no memory, a cache, a stream.

Spec: 000 MC-10, MC-26, CA-01..05; 001 MODELC-6, MODELC-11..18.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from hubbub_core import (
    AgentId,
    CancellationToken,
    InMemoryStore,
    MessageContext,
    RoutedAgent,
    SingleThreadedAgentRuntime,
    message_handler,
)
from hubbub_core.models import ChatCompletionClient, CreateResult, LLMMessage, RequestUsage, SystemMessage, UserMessage
from hubbub_core.models.cache import CHAT_CACHE_VALUE_TYPE, ChatCompletionCache
from hubbub_core.models.replay import ReplayChatCompletionClient

SYSTEM = SystemMessage(content="You are a helpful AI assistant.")


@dataclass
class Message:
    content: str


class SimpleAgent(RoutedAgent):
    def __init__(self, model_client: ChatCompletionClient) -> None:
        super().__init__("A simple agent")
        self._model_client = model_client

    @message_handler
    async def handle_user_message(self, message: Message, ctx: MessageContext) -> Message:
        reply = await self._model_client.create(
            [SYSTEM, UserMessage(content=message.content, source="user")], cancellation_token=ctx.cancellation_token
        )
        assert isinstance(reply.content, str)
        return Message(reply.content)


class StreamingAgent(RoutedAgent):
    """Prints the answer as it comes."""

    def __init__(self, model_client: ChatCompletionClient) -> None:
        super().__init__("A streaming agent")
        self._model_client = model_client

    @message_handler
    async def handle_user_message(self, message: Message, ctx: MessageContext) -> Message:
        ends: list[CreateResult] = []
        async for item in self._model_client.create_stream([UserMessage(content=message.content, source="user")]):
            assert not ends, "the result comes last"
            if isinstance(item, str):
                print(item, end="|")
            else:
                ends.append(item)
        (result,) = ends
        print(f"\n{result.finish_reason}: {result.content}")
        assert isinstance(result.content, str)
        return Message(result.content)


AGENT = AgentId("simple_agent", "default")


async def test_simple_agent_answers_and_remembers_nothing(runtime: SingleThreadedAgentRuntime) -> None:
    model = ReplayChatCompletionClient(["Seattle has many.", "I mentioned nothing."])
    await SimpleAgent.register(runtime, "simple_agent", lambda: SimpleAgent(model))
    runtime.start()
    answers = [
        await runtime.send_message(Message("What is fun in Seattle?"), AGENT),
        await runtime.send_message(Message("What did you mention first?"), AGENT),
    ]
    await runtime.stop()
    await model.close()

    assert answers == [Message("Seattle has many."), Message("I mentioned nothing.")]
    assert [call["messages"] for call in model.create_calls] == [
        [SYSTEM, UserMessage(content="What is fun in Seattle?", source="user")],
        [SYSTEM, UserMessage(content="What did you mention first?", source="user")],
    ]


async def test_token_of_the_sender_reaches_the_request_to_the_model(runtime: SingleThreadedAgentRuntime) -> None:
    asked = asyncio.Event()
    ended: list[str] = []

    class Endless(ReplayChatCompletionClient):
        """A model that answers never, and is told when nobody waits any more."""

        async def create(
            self, *args: Any, cancellation_token: CancellationToken | None = None, **kwargs: Any
        ) -> CreateResult:
            assert cancellation_token is not None
            never: asyncio.Future[CreateResult] = asyncio.get_running_loop().create_future()
            cancellation_token.link_future(never)
            asked.set()
            try:
                return await never
            except asyncio.CancelledError:
                ended.append("cancelled")
                raise

    await SimpleAgent.register(runtime, "simple_agent", lambda: SimpleAgent(Endless([])))
    runtime.start()
    token = CancellationToken()
    sending = asyncio.ensure_future(runtime.send_message(Message("Hurry"), AGENT, cancellation_token=token))
    await asyncio.wait_for(asked.wait(), 10)
    token.cancel()

    with pytest.raises(asyncio.CancelledError):
        await sending
    await asyncio.wait_for(runtime.stop_when_idle(), 10)
    assert ended == ["cancelled"]


async def test_answer_streams_in_parts_and_comes_whole_at_the_end(
    runtime: SingleThreadedAgentRuntime, printed: Callable[[], list[str]]
) -> None:
    model = ReplayChatCompletionClient(["Once upon a time"])
    await StreamingAgent.register(runtime, "simple_agent", lambda: StreamingAgent(model))
    runtime.start()
    answer = await runtime.send_message(Message("Tell me a story"), AGENT)
    await runtime.stop()

    assert answer == Message("Once upon a time")
    assert printed() == ["Once |upon |a |time|", "stop: Once upon a time"]


async def test_same_question_is_answered_from_the_cache_at_no_cost(runtime: SingleThreadedAgentRuntime) -> None:
    model = ReplayChatCompletionClient(["Seattle has many.", "Something else."])
    model.set_cached_bool_value(False)
    cache = ChatCompletionCache(model, InMemoryStore[CHAT_CACHE_VALUE_TYPE]())
    await SimpleAgent.register(runtime, "simple_agent", lambda: SimpleAgent(cache))
    runtime.start()
    answers, usage = [], []
    for _ in range(2):
        answers.append(await runtime.send_message(Message("What is fun in Seattle?"), AGENT))
        usage.append((cache.total_usage(), model.total_usage()))
    await runtime.stop()

    assert answers == [Message("Seattle has many.")] * 2
    assert len(model.create_calls) == 1
    spent = RequestUsage(prompt_tokens=11, completion_tokens=3)
    assert usage == [(spent, spent)] * 2
    # Directly: the hit says so, and what else is asked for makes another request.
    question: list[LLMMessage] = [SYSTEM, UserMessage(content="What is fun in Seattle?", source="user")]
    hit, miss = await cache.create(question), await cache.create(question, json_output=True)
    assert (hit.cached, hit.content, miss.cached, miss.content) == (True, "Seattle has many.", False, "Something else.")
    await cache.close()
    await model.close()
