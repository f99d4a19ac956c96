"""Starting, stopping, stepping and closing a runtime."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from core_agents import Number, Scripted, Text, add_agent, settle

from hubbub_core import AgentId, BaseAgent, MessageContext, SingleThreadedAgentRuntime, TopicId
from hubbub_core.exceptions import UndeliverableException


async def echo(agent: Scripted, message: Any, ctx: MessageContext) -> Any:
    return message


async def fail(agent: Scripted, message: Text, ctx: MessageContext) -> None:
    raise ValueError(message.content)


async def test_runtime_with_nothing_registered_starts_and_stops() -> None:
    runtime = SingleThreadedAgentRuntime()
    runtime.start()
    await runtime.stop()


async def test_starting_twice_is_an_error() -> None:
    runtime = SingleThreadedAgentRuntime()
    runtime.start()

    with pytest.raises(RuntimeError, match="Runtime is already started"):
        runtime.start()

    await runtime.stop()


async def test_stopping_what_is_not_started_is_an_error() -> None:
    runtime = SingleThreadedAgentRuntime()

    for stopping in (runtime.stop(), runtime.stop_when_idle(), runtime.stop_when(lambda: True)):
        with pytest.raises(RuntimeError, match="Runtime is not started"):
            await stopping


async def test_runtime_can_be_started_again_after_every_kind_of_stop() -> None:
    runtime = SingleThreadedAgentRuntime()
    target = await add_agent(runtime, "echo", echo)
    for number in range(3):
        runtime.start()
        assert await runtime.send_message(Number(number), target) == Number(number)
        if number == 0:
            await runtime.stop()
        elif number == 1:
            await runtime.stop_when_idle()
        else:
            await runtime.stop_when(lambda: True)


async def test_messages_sent_before_start_wait_for_it() -> None:
    runtime = SingleThreadedAgentRuntime()
    got: list[str] = []

    async def note(agent: Scripted, message: Text, ctx: MessageContext) -> None:
        got.append(message.content)

    await add_agent(runtime, "note", note, "news")
    await runtime.publish_message(Text("early"), TopicId("news", "default"))
    await settle()
    assert (got, runtime.unprocessed_messages_count) == ([], 1)
    runtime.start()
    await runtime.stop_when_idle()

    assert (got, runtime.unprocessed_messages_count) == (["early"], 0)


async def test_stop_lets_running_handlers_end_and_discards_what_is_queued() -> None:
    runtime = SingleThreadedAgentRuntime()
    got: list[int] = []
    go = asyncio.Event()

    async def work(agent: Scripted, message: Number, ctx: MessageContext) -> int:
        got.append(message.value)
        if message.value == 1:
            await runtime.stop()
        await go.wait()
        return message.value

    target = await add_agent(runtime, "work", work)
    runtime.start()
    senders = [asyncio.create_task(runtime.send_message(Number(n), target)) for n in range(4)]
    await settle()
    go.set()
    answers = await asyncio.gather(*senders, return_exceptions=True)

    assert got == [0, 1]
    assert answers[:2] == [0, 1]
    assert [type(answer) for answer in answers[2:]] == [UndeliverableException] * 2


async def test_message_being_handed_to_its_subscribers_reaches_all_of_them_despite_a_stop() -> None:
    runtime = SingleThreadedAgentRuntime()
    got: list[str] = []

    async def note(agent: Scripted, message: Any, ctx: MessageContext) -> None:
        got.append(agent.type)
        if agent.type == "agent0":
            await runtime.stop()

    for number in range(200):
        await add_agent(runtime, f"agent{number}", note, "news")
    runtime.start()
    await runtime.publish_message(Text("x"), TopicId("news", "default"))
    await settle()

    assert got == [f"agent{number}" for number in range(200)]


async def test_stop_when_idle_waits_for_messages_that_handlers_send() -> None:
    runtime = SingleThreadedAgentRuntime()
    got: list[int] = []

    async def count(agent: Scripted, message: Number, ctx: MessageContext) -> None:
        got.append(message.value)
        await asyncio.sleep(0)
        if message.value:
            await agent.publish_message(
                Number(message.value - 1), TopicId("b" if agent.type == "a" else "a", "default")
            )

    await add_agent(runtime, "a", count, "a")
    await add_agent(runtime, "b", count, "b")
    runtime.start()
    await runtime.publish_message(Number(200), TopicId("a", "default"))
    await asyncio.wait_for(runtime.stop_when_idle(), 10)

    assert got == list(range(200, -1, -1))


async def test_stop_when_idle_in_a_handler_says_that_it_would_wait_for_itself(
    runtime: SingleThreadedAgentRuntime,
) -> None:
    async def wait(agent: Scripted, message: Any, ctx: MessageContext) -> None:
        await runtime.stop_when_idle()

    target = await add_agent(runtime, "wait", wait)

    with pytest.raises(RuntimeError, match="awaited in a message handler, which counts as running itself"):
        await asyncio.wait_for(runtime.send_message(Text("x"), target), 5)


async def test_stop_when_idle_returns_when_somebody_else_stops_the_runtime() -> None:
    runtime = SingleThreadedAgentRuntime()
    go = asyncio.Event()

    async def wait(agent: Scripted, message: Any, ctx: MessageContext) -> None:
        await go.wait()

    await add_agent(runtime, "wait", wait, "news")
    runtime.start()
    await runtime.publish_message(Text("x"), TopicId("news", "default"))
    await settle()
    stopping = asyncio.create_task(runtime.stop_when_idle())
    await settle()
    await runtime.stop()

    await asyncio.wait_for(stopping, 5)
    go.set()
    await settle()


async def test_stop_when_asks_its_condition_after_each_message() -> None:
    runtime = SingleThreadedAgentRuntime()
    handled = 0

    async def again(agent: Scripted, message: Number, ctx: MessageContext) -> None:
        nonlocal handled
        handled += 1
        await asyncio.sleep(0)
        await agent.publish_message(message, TopicId("b" if agent.type == "a" else "a", "default"))

    await add_agent(runtime, "a", again, "a")
    await add_agent(runtime, "b", again, "b")
    runtime.start()
    await runtime.publish_message(Number(0), TopicId("a", "default"))
    await asyncio.wait_for(runtime.stop_when(lambda: handled >= 10), 5)
    await settle()

    assert 10 <= handled <= 12


async def test_stop_when_sees_a_condition_that_no_message_changes() -> None:
    runtime = SingleThreadedAgentRuntime()
    runtime.start()
    flag = asyncio.Event()
    stopping = asyncio.create_task(runtime.stop_when(flag.is_set))
    await settle()
    assert not stopping.done()
    flag.set()

    await asyncio.wait_for(stopping, 5)


async def test_process_next_delivers_one_message() -> None:
    runtime = SingleThreadedAgentRuntime()
    got: list[int] = []

    async def note(agent: Scripted, message: Number, ctx: MessageContext) -> int:
        got.append(message.value)
        return message.value

    target = await add_agent(runtime, "note", note, "news")
    await runtime.publish_message(Number(1), TopicId("news", "default"))
    sender = asyncio.create_task(runtime.send_message(Number(2), target))
    await settle()
    await runtime.process_next()
    assert (got, runtime.unprocessed_messages_count) == ([1], 1)
    await runtime.process_next()

    assert (got, await sender, runtime.unprocessed_messages_count) == ([1, 2], 2, 0)


async def test_process_next_waits_for_a_message() -> None:
    runtime = SingleThreadedAgentRuntime()
    target = await add_agent(runtime, "echo", echo)
    stepping = asyncio.create_task(runtime.process_next())
    await settle()
    assert not stepping.done()

    assert await asyncio.wait_for(runtime.send_message(Text("x"), target), 5) == Text("x")
    await stepping


async def test_process_next_raises_the_error_of_an_event_handler_again_and_again() -> None:
    runtime = SingleThreadedAgentRuntime(ignore_unhandled_exceptions=False)
    await add_agent(runtime, "fail", fail, "news")
    await runtime.publish_message(Text("broken"), TopicId("news", "default"))

    for _ in range(2):
        with pytest.raises(ValueError, match="broken"):
            await runtime.process_next()


async def test_runtime_stopped_by_an_unhandled_error_refuses_messages_and_says_why() -> None:
    runtime = SingleThreadedAgentRuntime(ignore_unhandled_exceptions=False)
    target = await add_agent(runtime, "fail", fail, "news")
    runtime.start()
    await runtime.publish_message(Text("broken"), TopicId("news", "default"))
    await settle()

    with pytest.raises(UndeliverableException, match=r"stopped by an unhandled error .*ValueError\('broken'\)"):
        await runtime.send_message(Text("x"), target)
    with pytest.raises(UndeliverableException):
        await runtime.publish_message(Text("x"), TopicId("news", "default"))
    with pytest.raises(ValueError, match="broken"):
        await runtime.stop()


async def test_unhandled_error_ends_a_wait_for_a_conversation_without_end() -> None:
    runtime = SingleThreadedAgentRuntime(ignore_unhandled_exceptions=False)

    async def again(agent: Scripted, message: Number, ctx: MessageContext) -> None:
        await asyncio.sleep(0)
        await agent.publish_message(Number(message.value + 1), TopicId("b" if agent.type == "a" else "a", "default"))
        if message.value == 5:
            raise ValueError("five")

    await add_agent(runtime, "a", again, "a")
    await add_agent(runtime, "b", again, "b")
    runtime.start()
    await runtime.publish_message(Number(0), TopicId("a", "default"))

    with pytest.raises(ValueError, match="five"):
        await asyncio.wait_for(runtime.stop_when_idle(), 5)


async def test_errors_of_direct_messages_do_not_count_as_unhandled() -> None:
    runtime = SingleThreadedAgentRuntime(ignore_unhandled_exceptions=False)
    target = await add_agent(runtime, "fail", fail)
    runtime.start()

    with pytest.raises(ValueError, match="broken"):
        await runtime.send_message(Text("broken"), target)
    await runtime.stop_when_idle()


class Closing(BaseAgent):
    closed: list[str]

    def __init__(self, closed: list[str], error: Exception | None = None) -> None:
        super().__init__("closing")
        self.closed = closed
        self.error = error

    async def on_message_impl(self, message: Any, ctx: MessageContext) -> Any:
        return message

    async def close(self) -> None:
        self.closed.append(str(self.id))
        if self.error is not None:
            raise self.error


async def test_close_stops_and_closes_all_agents_that_were_made() -> None:
    runtime = SingleThreadedAgentRuntime()
    closed: list[str] = []
    await Closing.register(runtime, "fails", lambda: Closing(closed, OSError("busy")))
    await Closing.register(runtime, "never_made", lambda: Closing(closed))
    await Closing.register(runtime, "made", lambda: Closing(closed))
    runtime.start()
    for agent_type in ("fails", "made"):
        await runtime.send_message(Text("x"), AgentId(agent_type, "1"))

    with pytest.raises(OSError, match="busy"):
        await runtime.close()

    assert closed == ["fails/1", "made/1"]
    with pytest.raises(RuntimeError, match="Runtime is not started"):
        await runtime.stop()


async def test_no_handler_outlives_close() -> None:
    runtime = SingleThreadedAgentRuntime()
    before = asyncio.all_tasks()

    async def wait(agent: Scripted, message: Any, ctx: MessageContext) -> None:
        await asyncio.Event().wait()

    target = await add_agent(runtime, "wait", wait, "news")
    runtime.start()
    sender = asyncio.create_task(runtime.send_message(Text("x"), target))
    await runtime.publish_message(Text("x"), TopicId("news", "default"))
    await settle()
    await runtime.close()

    with pytest.raises(asyncio.CancelledError):
        await sender
    assert asyncio.all_tasks() == before


def test_runtime_outlives_its_event_loop() -> None:
    runtime = SingleThreadedAgentRuntime()

    async def wait(agent: Scripted, message: Text, ctx: MessageContext) -> Text:
        if message.content == "wait":
            await asyncio.Event().wait()
        return message

    async def first() -> None:
        await add_agent(runtime, "wait", wait, "news")
        runtime.start()
        await runtime.publish_message(Text("wait"), TopicId("news", "default"))
        await settle()
        await runtime.stop()

    async def second() -> Any:
        runtime.start()
        reply = await asyncio.wait_for(runtime.send_message(Text("x"), AgentId("wait", "default")), 5)
        await asyncio.wait_for(runtime.stop_when_idle(), 5)
        return reply

    asyncio.run(first())

    assert asyncio.run(second()) == Text("x")


async def test_message_published_by_a_handler_after_its_stop_waits_for_the_next_start() -> None:
    runtime = SingleThreadedAgentRuntime()
    got: list[str] = []

    async def stop(agent: Scripted, message: Any, ctx: MessageContext) -> None:
        await runtime.stop()
        await agent.publish_message(Text("late"), TopicId("notes", "default"))

    async def note(agent: Scripted, message: Text, ctx: MessageContext) -> None:
        got.append(message.content)

    await add_agent(runtime, "stop", stop, "news")
    await add_agent(runtime, "note", note, "notes")
    runtime.start()
    await runtime.publish_message(Text("x"), TopicId("news", "default"))
    await settle()
    assert (got, runtime.unprocessed_messages_count) == ([], 1)
    runtime.start()
    await runtime.stop_when_idle()

    assert got == ["late"]


def test_runtime_that_was_not_stopped_goes_on_in_the_next_event_loop() -> None:
    runtime = SingleThreadedAgentRuntime()

    async def echo(agent: Scripted, message: Text, ctx: MessageContext) -> str:
        if message.content == "wait":
            await asyncio.sleep(0)
        return message.content

    async def start() -> None:
        await add_agent(runtime, "echo", echo)
        runtime.start()

    async def send(content: str) -> Any:
        return await asyncio.wait_for(runtime.send_message(Text(content), AgentId("echo", "x")), 5)

    asyncio.run(start())

    assert [asyncio.run(send(content)) for content in ("a", "wait", "b")] == ["a", "wait", "b"]
