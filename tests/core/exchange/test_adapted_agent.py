"""Any adapter becomes an agent: direct, on topics, in chains, with state, and gone when it is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import pytest

from hubbub_core import (
    AdaptedAgent,
    AgentChunk,
    AgentContext,
    AgentId,
    AgentResult,
    AgentTask,
    CancellationToken,
    ClosureAgent,
    ClosureContext,
    Image,
    MessageContext,
    SingleThreadedAgentRuntime,
    Source,
    TopicId,
    TypeSubscription,
)
from hubbub_core.exchange import as_task
from hubbub_core.models import UserMessage

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
"""An image of one pixel, as base64."""


class Counting:
    """Answers with its number of tasks so far; keeps it as state."""

    def __init__(self, word: str = "n") -> None:
        self.word = word
        self.count = 0
        self.closed = False

    async def run(self, task: AgentTask, context: AgentContext) -> AsyncGenerator[AgentChunk | AgentResult, None]:
        self.count += 1
        yield AgentChunk(content="thinking", source=context.name, kind="status")
        yield AgentResult.from_text(f"{task.text()} {self.word}{self.count}", source=context.name)

    async def save_state(self) -> Mapping[str, Any]:
        return {"count": self.count}

    async def load_state(self, state: Mapping[str, Any]) -> None:
        self.count = state["count"]

    async def close(self) -> None:
        self.closed = True


class Endless:
    """Waits for ever, and says when it was ended."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.ended = asyncio.Event()

    async def run(self, task: AgentTask, context: AgentContext) -> AsyncGenerator[AgentChunk | AgentResult, None]:
        try:
            self.begun.set()
            await asyncio.Event().wait()
            yield AgentChunk(content="never", source=context.name)
        finally:
            self.ended.set()


class Mute:
    """Breaks its promise of a result."""

    async def run(self, task: AgentTask, context: AgentContext) -> AsyncGenerator[AgentChunk | AgentResult, None]:
        yield AgentChunk(content="...", source=context.name)


async def listen(runtime: SingleThreadedAgentRuntime, topic: str) -> list[Any]:
    heard: list[Any] = []

    async def closure(agent: ClosureContext, message: AgentChunk | AgentResult, ctx: MessageContext) -> None:
        heard.append(message)

    await ClosureAgent.register_closure(
        runtime, f"ear_{topic}", closure, subscriptions=lambda: [TypeSubscription(topic, f"ear_{topic}")]
    )
    return heard


async def test_direct_task_is_answered_with_the_result() -> None:
    runtime = SingleThreadedAgentRuntime()
    await AdaptedAgent(Counting, name="counting").register(runtime, "counter")
    runtime.start()

    result = await runtime.send_message(AgentTask.from_text("hello"), AgentId("counter", "default"))
    await runtime.stop_when_idle()

    assert (result.text(), result.source, result.metadata) == ("hello n1", "counter", {"task": "hello"})


async def test_each_key_has_a_state_of_its_own() -> None:
    runtime = SingleThreadedAgentRuntime()
    await AdaptedAgent(Counting, name="counting").register(runtime, "counter")
    runtime.start()

    texts = [
        (await runtime.send_message(AgentTask.from_text("x"), AgentId("counter", key))).text()
        for key in ("a", "a", "b")
    ]
    await runtime.stop_when_idle()

    assert texts == ["x n1", "x n2", "x n1"]


async def test_published_task_streams_to_its_reply_topic_and_answers_there() -> None:
    runtime = SingleThreadedAgentRuntime()
    await AdaptedAgent(Counting, name="counting").register(runtime, "counter", subscriptions=["tasks"])
    heard = await listen(runtime, "replies")
    runtime.start()

    await runtime.publish_message(AgentTask.from_text("hi", reply_to="replies"), TopicId("tasks", "default"))
    await runtime.stop_when_idle()

    assert [type(message) for message in heard] == [AgentChunk, AgentResult]
    assert heard[1].text() == "hi n1"


async def test_result_becomes_the_next_agents_task_with_its_sources_and_reply_topic() -> None:
    seen: list[AgentTask] = []

    class Reading:
        async def run(self, task: AgentTask, context: AgentContext) -> AsyncGenerator[AgentChunk | AgentResult, None]:
            seen.append(task)
            yield AgentResult.from_text("read", source=context.name)

    class Finding:
        async def run(self, task: AgentTask, context: AgentContext) -> AsyncGenerator[AgentChunk | AgentResult, None]:
            source = Source(content="a passage", title="page 3")
            yield AgentResult.from_text("found it", source=context.name, sources=[source])

    runtime = SingleThreadedAgentRuntime()
    await AdaptedAgent(Finding, name="f").register(runtime, "finder", subscriptions=["tasks"], publishes="found")
    await AdaptedAgent(Reading, name="r").register(runtime, "reader", subscriptions=["found"])
    heard = await listen(runtime, "out")
    runtime.start()

    await runtime.publish_message(AgentTask.from_text("look", reply_to="out"), TopicId("tasks", "default"))
    await runtime.stop_when_idle()

    (task,) = seen
    assert task.messages == [UserMessage(content="found it", source="finder")]
    assert [source.title for source in task.sources] == ["page 3"]
    assert (task.reply_to, task.metadata["task"]) == ("out", "look")
    assert [message.text() for message in heard] == ["read"]


async def test_result_that_names_a_topic_goes_there() -> None:
    class Routing:
        async def run(self, task: AgentTask, context: AgentContext) -> AsyncGenerator[AgentChunk | AgentResult, None]:
            yield AgentResult.from_text("urgent", source=context.name, topic="express")

    runtime = SingleThreadedAgentRuntime()
    await AdaptedAgent(Routing, name="r").register(runtime, "router", subscriptions=["tasks"], publishes="normal")
    normal, express = await listen(runtime, "normal"), await listen(runtime, "express")
    runtime.start()

    await runtime.publish_message(AgentTask.from_text("x"), TopicId("tasks", "default"))
    await runtime.stop_when_idle()

    assert (len(normal), len(express)) == (0, 1)


async def test_result_without_messages_is_not_published() -> None:
    class Quiet:
        async def run(self, task: AgentTask, context: AgentContext) -> AsyncGenerator[AgentChunk | AgentResult, None]:
            yield AgentResult()

    runtime = SingleThreadedAgentRuntime()
    await AdaptedAgent(Quiet, name="q").register(runtime, "quiet", subscriptions=["tasks"], publishes="out")
    heard = await listen(runtime, "out")
    runtime.start()

    await runtime.publish_message(AgentTask.from_text("x"), TopicId("tasks", "default"))
    await runtime.stop_when_idle()

    assert heard == []


async def test_run_without_a_result_is_an_error_that_names_the_agent() -> None:
    with pytest.raises(RuntimeError, match="agent 'mute' ended its run without a result"):
        await AdaptedAgent(Mute, name="mute").run("hello")


async def test_cancelling_the_token_ends_the_run_before_the_caller_hears_of_it() -> None:
    endless = Endless()
    runtime = SingleThreadedAgentRuntime()
    await AdaptedAgent(lambda: endless, name="endless").register(runtime, "endless")
    runtime.start()
    token = CancellationToken()
    sending = asyncio.ensure_future(
        runtime.send_message(AgentTask.from_text("x"), AgentId("endless", "default"), cancellation_token=token)
    )
    await endless.begun.wait()

    token.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    await asyncio.wait_for(endless.ended.wait(), 5)
    await runtime.stop_when_idle()


async def test_abandoned_stream_ends_the_run() -> None:
    ended = asyncio.Event()

    class Talking:
        async def run(self, task: AgentTask, context: AgentContext) -> AsyncGenerator[AgentChunk | AgentResult, None]:
            try:
                while True:
                    yield AgentChunk(content="and", source=context.name)
            finally:
                ended.set()

    stream = AdaptedAgent(Talking, name="talking").run_stream("x")
    await anext(stream)

    await stream.aclose()
    assert ended.is_set()


async def test_token_cancelled_before_the_run_starts_nothing() -> None:
    counting = Counting()
    token = CancellationToken()
    token.cancel()

    with pytest.raises(asyncio.CancelledError, match="agent 'counting' was cancelled"):
        await AdaptedAgent(lambda: counting, name="counting").run("x", cancellation_token=token)
    assert counting.count == 0


async def test_state_moves_to_another_agent() -> None:
    first, second = AdaptedAgent(Counting, name="a"), AdaptedAgent(Counting, name="b")
    await first.run("x")
    await first.run("x", session="other")

    await second.load_state(await first.save_state())

    assert (await second.run("y")).text() == "y n2"
    assert (await second.run("y", session="other")).text() == "y n2"


async def test_runtime_saves_and_loads_the_adapters_state() -> None:
    async def made() -> SingleThreadedAgentRuntime:
        runtime = SingleThreadedAgentRuntime()
        await AdaptedAgent(Counting, name="counting").register(runtime, "counter")
        runtime.start()
        return runtime

    before, after = await made(), await made()
    await before.send_message(AgentTask.from_text("x"), AgentId("counter", "k"))

    await after.load_state(await before.save_state())
    result = await after.send_message(AgentTask.from_text("x"), AgentId("counter", "k"))
    await before.stop_when_idle()
    await after.stop_when_idle()

    assert result.text() == "x n2"


async def test_closing_closes_every_session() -> None:
    adapters: list[Counting] = []

    def make() -> Counting:
        adapters.append(Counting())
        return adapters[-1]

    agent = AdaptedAgent(make, name="counting")
    await agent.run("x")
    await agent.run("x", session="other")

    await agent.close()

    assert [adapter.closed for adapter in adapters] == [True, True]


def test_images_of_a_result_go_along_to_the_next_agent() -> None:
    picture = UserMessage(content=["a gull", Image.from_base64(PNG)], source="painter")

    task = as_task(AgentResult(messages=[picture], source="painter"))

    assert task.messages == [picture]
