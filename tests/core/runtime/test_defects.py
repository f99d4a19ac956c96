"""Promises that other runtimes were seen to break, one test each."""

from __future__ import annotations

import asyncio
import gc
import logging
import tracemalloc
import weakref
from dataclasses import dataclass, make_dataclass
from typing import Any

import pytest
from core_agents import Number, Scripted, Text, add_agent, settle

from hubbub_core import (
    AgentId,
    BaseAgent,
    CancellationToken,
    DefaultInterventionHandler,
    DropMessage,
    MessageContext,
    SingleThreadedAgentRuntime,
    TopicId,
    TypeSubscription,
    try_get_known_serializers_for_type,
)
from hubbub_core._serialization import SerializationRegistry
from hubbub_core.exceptions import MessageDroppedException, UndeliverableException


async def echo(agent: Scripted, message: Any, ctx: MessageContext) -> Any:
    return message


class DropEverything(DefaultInterventionHandler):
    async def on_send(self, message: Any, *, message_context: MessageContext, recipient: AgentId) -> Any:
        return DropMessage

    async def on_publish(self, message: Any, *, message_context: MessageContext) -> Any:
        return DropMessage


class RefuseEverything(DefaultInterventionHandler):
    async def on_send(self, message: Any, *, message_context: MessageContext, recipient: AgentId) -> Any:
        raise PermissionError("refused")

    async def on_publish(self, message: Any, *, message_context: MessageContext) -> Any:
        raise PermissionError("refused")


# 1


async def test_dropped_message_does_not_block_stop_when_idle() -> None:
    runtime = SingleThreadedAgentRuntime(intervention_handlers=[DropEverything()])
    target = await add_agent(runtime, "echo", echo, "news")
    runtime.start()

    with pytest.raises(MessageDroppedException):
        await runtime.send_message(Text("a"), target)
    await runtime.publish_message(Text("b"), TopicId("news", "default"))
    await asyncio.wait_for(runtime.stop_when_idle(), 5)

    assert runtime.unprocessed_messages_count == 0


async def test_refused_message_does_not_block_stop_when_idle(caplog: pytest.LogCaptureFixture) -> None:
    runtime = SingleThreadedAgentRuntime(intervention_handlers=[RefuseEverything()])
    target = await add_agent(runtime, "echo", echo, "news")
    runtime.start()

    with pytest.raises(PermissionError, match="refused"):
        await runtime.send_message(Text("a"), target)
    await runtime.publish_message(Text("b"), TopicId("news", "default"))
    await asyncio.wait_for(runtime.stop_when_idle(), 5)

    assert "the published message is dropped: PermissionError('refused')" in caplog.text


# 2


async def test_stop_answers_queued_senders() -> None:
    runtime = SingleThreadedAgentRuntime()
    target = await add_agent(runtime, "echo", echo)
    senders = [asyncio.create_task(runtime.send_message(Number(n), target)) for n in range(3)]
    await settle()
    runtime.start()
    await runtime.stop()

    answers = await asyncio.wait_for(asyncio.gather(*senders, return_exceptions=True), 5)

    assert [str(answer) for answer in answers] == [
        "the runtime was stopped before the message for echo/default was delivered"
    ] * 3
    assert all(isinstance(answer, UndeliverableException) for answer in answers)
    assert runtime.unprocessed_messages_count == 0


async def test_handler_that_outlives_stop_cannot_hang_in_a_send() -> None:
    runtime = SingleThreadedAgentRuntime()
    go = asyncio.Event()

    async def slow(agent: Scripted, message: Any, ctx: MessageContext) -> Any:
        await go.wait()
        return await agent.send_message(message, AgentId("echo", "default"))

    await add_agent(runtime, "echo", echo)
    target = await add_agent(runtime, "slow", slow)
    runtime.start()
    sender = asyncio.create_task(runtime.send_message(Text("a"), target))
    await settle()
    await runtime.stop()
    go.set()

    with pytest.raises(UndeliverableException, match="agent slow/default cannot send: the runtime was stopped"):
        await asyncio.wait_for(sender, 5)


# 3


async def test_error_of_an_event_handler_is_logged_with_its_traceback(
    runtime: SingleThreadedAgentRuntime, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(agent: Scripted, message: Any, ctx: MessageContext) -> None:
        raise ValueError("broken")

    await add_agent(runtime, "fails", fail, "news")
    await runtime.publish_message(Text("a"), TopicId("news", "default"))
    await settle()

    [record] = caplog.records
    assert record.levelno == logging.ERROR
    assert record.getMessage() == ("Error processing a published message in agent fails/default: ValueError('broken')")
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], ValueError)


async def test_error_of_an_event_handler_is_raised_to_whoever_waits_if_not_ignored() -> None:
    runtime = SingleThreadedAgentRuntime(ignore_unhandled_exceptions=False)

    async def fail(agent: Scripted, message: Text, ctx: MessageContext) -> None:
        raise ValueError(message.content)

    await add_agent(runtime, "fails", fail, "news")
    runtime.start()
    await runtime.publish_message(Text("first"), TopicId("news", "default"))
    await runtime.publish_message(Text("second"), TopicId("news", "default"))

    with pytest.raises(ValueError, match="first"):
        await asyncio.wait_for(runtime.stop_when_idle(), 5)

    runtime.start()
    await runtime.stop_when_idle()


async def test_cancelled_event_handler_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    runtime = SingleThreadedAgentRuntime(ignore_unhandled_exceptions=False)
    token = CancellationToken()

    async def wait(agent: Scripted, message: Any, ctx: MessageContext) -> None:
        await asyncio.Event().wait()

    await add_agent(runtime, "waits", wait, "news")
    runtime.start()
    await runtime.publish_message(Text("a"), TopicId("news", "default"), cancellation_token=token)
    await settle()
    token.cancel()
    await asyncio.wait_for(runtime.stop_when_idle(), 5)

    assert caplog.records == []


# 4


async def test_failing_factory_does_not_keep_the_message_from_others(runtime: SingleThreadedAgentRuntime) -> None:
    got: list[str] = []

    async def note(agent: Scripted, message: Text, ctx: MessageContext) -> None:
        got.append(f"{agent.id} {message.content}")

    def broken() -> Scripted:
        raise OSError("no disk")

    await add_agent(runtime, "a", note, "news")
    await Scripted.register(runtime, "b", broken)
    await runtime.add_subscription(TypeSubscription("news", "b"))
    await runtime.add_subscription(TypeSubscription("news", "unregistered"))
    await add_agent(runtime, "c", note, "news")
    await runtime.publish_message(Text("x"), TopicId("news", "s"))
    await runtime.stop_when_idle()
    runtime.start()

    assert got == ["a/s x", "c/s x"]


# 5


@pytest.mark.parametrize("failing_first", [True, False])
async def test_stop_when_idle_waits_for_siblings_of_a_failing_handler(failing_first: bool) -> None:
    runtime = SingleThreadedAgentRuntime()
    go = asyncio.Event()
    done: list[str] = []

    async def fail(agent: Scripted, message: Any, ctx: MessageContext) -> None:
        raise ValueError("broken")

    async def slow(agent: Scripted, message: Any, ctx: MessageContext) -> None:
        await go.wait()
        done.append(str(agent.id))

    handlers = [fail, slow] if failing_first else [slow, fail]
    for number, handler in enumerate(handlers):
        await add_agent(runtime, f"agent{number}", handler, "news")
    runtime.start()
    await runtime.publish_message(Text("x"), TopicId("news", "default"))
    stopping = asyncio.create_task(runtime.stop_when_idle())
    await settle()
    assert not stopping.done()
    go.set()
    await asyncio.wait_for(stopping, 5)

    assert len(done) == 1


# 6


async def test_concurrent_first_messages_make_an_agent_once(runtime: SingleThreadedAgentRuntime) -> None:
    made: list[Scripted] = []

    async def who(agent: Scripted, message: Any, ctx: MessageContext) -> Text:
        return Text(str(id(agent)))

    async def slow_factory() -> Scripted:
        await asyncio.sleep(0)
        made.append(Scripted(who))
        await asyncio.sleep(0)
        return made[-1]

    await Scripted.register(runtime, "slow", slow_factory)
    answers = await asyncio.gather(*(runtime.send_message(Text(""), AgentId("slow", "k")) for _ in range(5)))

    assert len(made) == 1
    assert answers == [Text(str(id(made[0])))] * 5


async def test_failed_factory_is_tried_again_for_the_next_message(runtime: SingleThreadedAgentRuntime) -> None:
    attempts = 0

    async def flaky() -> Scripted:
        nonlocal attempts
        attempts += 1
        await asyncio.sleep(0)
        if attempts == 1:
            raise OSError("no disk")
        return Scripted(echo)

    await Scripted.register(runtime, "flaky", flaky)
    first = await asyncio.gather(
        *(runtime.send_message(Text("a"), AgentId("flaky", "k")) for _ in range(2)), return_exceptions=True
    )

    assert [str(error) for error in first] == ["no disk", "no disk"]
    assert await runtime.send_message(Text("b"), AgentId("flaky", "k")) == Text("b")


# 7


async def test_publish_from_an_unregistered_sender_is_delivered(runtime: SingleThreadedAgentRuntime) -> None:
    got: list[AgentId | None] = []

    async def note(agent: Scripted, message: Any, ctx: MessageContext) -> None:
        got.append(ctx.sender)

    await add_agent(runtime, "note", note, "news")
    stranger = AgentId("stranger", "1")
    await runtime.publish_message(Text("x"), TopicId("news", "default"), sender=stranger)
    await runtime.stop_when_idle()
    runtime.start()

    assert got == [stranger]


async def test_sender_is_not_made_by_sending(runtime: SingleThreadedAgentRuntime) -> None:
    made: list[str] = []

    class Counted(BaseAgent):
        def __init__(self) -> None:
            super().__init__("counted")
            made.append(str(self.id))

        async def on_message_impl(self, message: Any, ctx: MessageContext) -> Any:
            return message

    await Counted.register(runtime, "counted", Counted)
    await runtime.add_subscription(TypeSubscription("news", "counted"))
    await runtime.send_message(Text("x"), AgentId("counted", "b"), sender=AgentId("counted", "a"))
    await runtime.publish_message(Text("x"), TopicId("news", "a"), sender=AgentId("counted", "a"))
    await runtime.stop_when_idle()
    runtime.start()

    assert made == ["counted/b"]


# 8


async def test_shared_token_keeps_nothing_of_finished_messages(runtime: SingleThreadedAgentRuntime) -> None:
    class Reply:
        pass

    replies: list[weakref.ref[Reply]] = []

    async def answer(agent: Scripted, message: Any, ctx: MessageContext) -> Reply:
        reply = Reply()
        replies.append(weakref.ref(reply))
        return reply

    target = await add_agent(runtime, "answer", answer, "news")
    token = CancellationToken()
    for _ in range(100):
        await runtime.send_message(Text("x"), target, cancellation_token=token)
        await runtime.publish_message(Text("x"), TopicId("news", "default"), cancellation_token=token)
    await settle()
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    token.link_future(future)
    future.set_result(None)
    await settle()
    gc.collect()

    assert token._callbacks == {}
    assert [reply() for reply in replies if reply() is not None] == []


async def test_topics_are_not_kept_for_ever(runtime: SingleThreadedAgentRuntime) -> None:
    await runtime.add_subscription(TypeSubscription("known", "nobody"))
    await add_agent(runtime, "echo", echo)
    tracemalloc.start()
    try:
        for number in range(20_000):
            await runtime.publish_message(Text("x"), TopicId("unknown", f"source-{number}"))
            if number == 2_000:
                await settle()
                before, _ = tracemalloc.get_traced_memory()
        await runtime.stop_when_idle()
        runtime.start()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert after - before < 100_000


# 9


@pytest.mark.parametrize("by", ["token", "task"])
async def test_cancelling_a_send_cancels_the_running_handler(runtime: SingleThreadedAgentRuntime, by: str) -> None:
    ended: list[str] = []

    async def wait(agent: Scripted, message: Any, ctx: MessageContext) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append(str(agent.id))
            raise

    async def forward(agent: Scripted, message: Any, ctx: MessageContext) -> None:
        try:
            await agent.send_message(message, AgentId("waits", "default"))
        except asyncio.CancelledError:
            ended.append(str(agent.id))
            raise

    await add_agent(runtime, "waits", wait)
    outer = await add_agent(runtime, "forwards", forward)
    token = CancellationToken()
    sender = asyncio.create_task(runtime.send_message(Text("x"), outer, cancellation_token=token))
    await settle()
    token.cancel() if by == "token" else sender.cancel()

    with pytest.raises(asyncio.CancelledError):
        await sender
    await asyncio.wait_for(runtime.stop_when_idle(), 5)
    runtime.start()
    assert sorted(ended) == ["forwards/default", "waits/default"]


# 10


async def test_unknown_recipient_is_a_lookup_error_that_names_it(runtime: SingleThreadedAgentRuntime) -> None:
    await add_agent(runtime, "known", echo)

    with pytest.raises(LookupError) as caught:
        await runtime.send_message(Text("x"), AgentId("unknown", "k"))

    assert isinstance(caught.value, UndeliverableException)
    assert str(caught.value) == (
        "no agent type 'unknown' is registered in this runtime (registered: known); register it first, for example"
        " with `await MyAgent.register(runtime, 'unknown', factory)`"
    )


# 11


def make_namesake(field_type: type[Any], module: str) -> type[Any]:
    namesake = make_dataclass("Namesake", [("value", field_type)])
    namesake.__module__ = module
    return namesake


def test_two_message_classes_of_one_name_do_not_collide() -> None:
    first, second = make_namesake(int, "first.module"), make_namesake(str, "second.module")
    registry = SerializationRegistry()
    for cls in (first, second, first):
        registry.add_serializer(try_get_known_serializers_for_type(cls))

    for message in (first(1), second("a")):
        name = registry.type_name(message)
        payload = registry.serialize(message, type_name=name, data_content_type="application/json")
        assert registry.deserialize(payload, type_name=name, data_content_type="application/json") == message
    with pytest.raises(ValueError, match="'Namesake' is the name of several message classes"):
        registry.deserialize(b"{}", type_name="Namesake", data_content_type="application/json")


@dataclass
class Inner:
    number: int


@dataclass
class Outer:
    inner: Inner
    maybe: Inner | None
    either: list[int | str]


def test_nested_and_optional_dataclass_fields_are_serialized() -> None:
    [serializer] = try_get_known_serializers_for_type(Outer)
    message = Outer(Inner(1), None, [1, "a"])

    assert serializer.deserialize(serializer.serialize(message)) == message
    assert serializer.serialize(message) == b'{"inner":{"number":1},"maybe":null,"either":[1,"a"]}'


# 12: messages travel by reference, as documented on the runtime; nothing copies a large one on its way.


async def test_messages_are_passed_by_reference(runtime: SingleThreadedAgentRuntime) -> None:
    target = await add_agent(runtime, "echo", echo)
    message = Text("x" * 100_000)

    assert await runtime.send_message(message, target) is message


# 13: handlers of one agent overlap, as the documents' samples need; nothing is lost or run twice by it.


async def test_an_agent_can_send_to_itself_within_a_handler(runtime: SingleThreadedAgentRuntime) -> None:
    async def countdown(agent: Scripted, message: Number, ctx: MessageContext) -> list[int]:
        if message.value == 0:
            return [0]
        return [message.value, *await agent.send_message(Number(message.value - 1), agent.id)]

    target = await add_agent(runtime, "countdown", countdown)

    assert await asyncio.wait_for(runtime.send_message(Number(3), target), 5) == [3, 2, 1, 0]
