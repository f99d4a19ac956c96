"""Order, overlap, isolation and fairness of deliveries."""

from __future__ import annotations

import asyncio
import gc
import weakref
from contextvars import ContextVar
from typing import Any

import pytest
from core_agents import Number, Scripted, Text, add_agent, settle

from hubbub_core import (
    AgentId,
    CancellationToken,
    DefaultTopicId,
    MessageContext,
    MessageHandlerContext,
    SingleThreadedAgentRuntime,
    TopicId,
    TypePrefixSubscription,
    TypeSubscription,
)

VARIABLE: ContextVar[str] = ContextVar("test_variable", default="unset")


async def nothing(agent: Scripted, message: Any, ctx: MessageContext) -> None:
    return None


async def test_sends_and_publishes_begin_in_the_order_they_were_made(runtime: SingleThreadedAgentRuntime) -> None:
    begun: list[int] = []

    async def note(agent: Scripted, message: Number, ctx: MessageContext) -> None:
        begun.append(message.value)
        if message.value % 3 == 0:
            await asyncio.sleep(0)

    target = await add_agent(runtime, "note", note, "news")
    senders = []
    for number in range(30):
        if number % 2:
            await runtime.publish_message(Number(number), TopicId("news", "default"))
        else:
            senders.append(asyncio.create_task(runtime.send_message(Number(number), target)))
            await asyncio.sleep(0)
    await asyncio.gather(*senders)
    await runtime.stop_when_idle()
    runtime.start()

    assert begun == list(range(30))


async def test_all_subscribers_begin_in_order_before_one_that_waits_goes_on(
    runtime: SingleThreadedAgentRuntime,
) -> None:
    events: list[str] = []

    async def work(agent: Scripted, message: Any, ctx: MessageContext) -> None:
        events.append(f"begin {agent.type}")
        await asyncio.sleep(0)
        events.append(f"end {agent.type}")

    for name in "cab":
        await add_agent(runtime, name, work, "news")
    await runtime.publish_message(Text("x"), TopicId("news", "default"))
    await runtime.stop_when_idle()
    runtime.start()

    assert events == ["begin c", "begin a", "begin b", "end c", "end a", "end b"]


async def test_handlers_of_one_agent_overlap(runtime: SingleThreadedAgentRuntime) -> None:
    events: list[str] = []
    go = asyncio.Event()

    async def work(agent: Scripted, message: Text, ctx: MessageContext) -> None:
        events.append(f"{message.content} begins")
        if message.content == "slow":
            await go.wait()
        else:
            go.set()
        events.append(f"{message.content} ends")

    await add_agent(runtime, "work", work, "news")
    for content in ("slow", "quick"):
        await runtime.publish_message(Text(content), TopicId("news", "default"))
    await asyncio.wait_for(runtime.stop_when_idle(), 5)
    runtime.start()

    assert events == ["slow begins", "quick begins", "quick ends", "slow ends"]


async def test_recipient_of_several_matching_subscriptions_gets_a_message_once(
    runtime: SingleThreadedAgentRuntime,
) -> None:
    got: list[str] = []

    async def note(agent: Scripted, message: Any, ctx: MessageContext) -> None:
        got.append(str(agent.id))

    await add_agent(runtime, "first", note)
    await add_agent(runtime, "second", note)
    await runtime.add_subscription(TypePrefixSubscription("ne", "first"))
    await runtime.add_subscription(TypeSubscription("news", "second"))
    await runtime.add_subscription(TypeSubscription("news", "first"))
    await runtime.publish_message(Text("x"), TopicId("news", "s/1"))
    await runtime.stop_when_idle()
    runtime.start()

    assert got == ["first/s/1", "second/s/1"]


async def test_publisher_does_not_get_its_own_message_but_others_of_its_type_do(
    runtime: SingleThreadedAgentRuntime,
) -> None:
    got: list[str] = []

    async def relay(agent: Scripted, message: Text, ctx: MessageContext) -> None:
        got.append(f"{agent.id} {message.content}")
        if message.content == "start":
            await agent.publish_message(Text("own"), TopicId("news", "a"))
            await agent.publish_message(Text("other"), TopicId("news", "b"))

    await add_agent(runtime, "relay", relay, "news")
    await runtime.publish_message(Text("start"), TopicId("news", "a"))
    await runtime.stop_when_idle()
    runtime.start()

    assert got == ["relay/a start", "relay/b other"]


async def test_context_variables_of_a_handler_reach_no_other_handler(runtime: SingleThreadedAgentRuntime) -> None:
    seen: list[str] = []

    async def mark(agent: Scripted, message: Text, ctx: MessageContext) -> None:
        seen.append(VARIABLE.get())
        VARIABLE.set(message.content)
        if message.content == "waits":
            await asyncio.sleep(0)
            seen.append(VARIABLE.get())
        elif message.content == "fails":
            raise ValueError("broken")

    for number in range(3):
        await add_agent(runtime, f"mark{number}", mark, "news")
    for content in ("a", "waits", "fails", "b"):
        await runtime.publish_message(Text(content), TopicId("news", "default"))
    await runtime.stop_when_idle()
    runtime.start()

    assert sorted(seen) == ["unset"] * 12 + ["waits"] * 3


async def test_handlers_see_the_context_in_which_the_runtime_was_started() -> None:
    runtime = SingleThreadedAgentRuntime()
    seen: list[str] = []

    async def look(agent: Scripted, message: Any, ctx: MessageContext) -> None:
        seen.append(VARIABLE.get())

    target = await add_agent(runtime, "look", look)
    VARIABLE.set("at start")
    runtime.start()
    VARIABLE.set("at send")
    await runtime.send_message(Text("x"), target)
    await runtime.stop()

    assert seen == ["at start"]


async def test_handlers_see_the_context_of_the_last_start_however_soon_it_came(
    runtime: SingleThreadedAgentRuntime,
) -> None:
    async def look(agent: Scripted, message: Any, ctx: MessageContext) -> str:
        return VARIABLE.get()

    target = await add_agent(runtime, "look", look)
    assert await runtime.send_message(Text("x"), target) == "unset"
    await runtime.stop()
    token = VARIABLE.set("second start")
    runtime.start()
    VARIABLE.reset(token)

    assert await runtime.send_message(Text("x"), target) == "second start"


async def test_handler_context_and_default_topic_follow_the_handler_into_its_tasks(
    runtime: SingleThreadedAgentRuntime,
) -> None:
    seen: list[tuple[str, str]] = []

    async def look() -> None:
        await asyncio.sleep(0)
        seen.append((str(MessageHandlerContext.agent_id()), str(DefaultTopicId(type="t"))))

    async def handle(agent: Scripted, message: Any, ctx: MessageContext) -> None:
        await asyncio.gather(look(), look())

    await add_agent(runtime, "a", handle)
    await asyncio.gather(*(runtime.send_message(Text("x"), AgentId("a", key)) for key in ("1", "2")))

    assert sorted(seen) == [("a/1", "t/1")] * 2 + [("a/2", "t/2")] * 2
    assert str(DefaultTopicId()) == "default/default"
    with pytest.raises(RuntimeError, match="outside a message handler"):
        MessageHandlerContext.agent_id()


async def test_current_task_of_a_handler_never_changes_and_its_timeouts_work(
    runtime: SingleThreadedAgentRuntime,
) -> None:
    async def handle(agent: Scripted, message: Number, ctx: MessageContext) -> bool:
        task = asyncio.current_task()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await asyncio.Event().wait()
        same = asyncio.current_task() is task
        if message.value:
            same = same and await agent.send_message(Number(message.value - 1), agent.id)
        return same and asyncio.current_task() is task

    target = await add_agent(runtime, "handle", handle)

    assert await asyncio.gather(*(runtime.send_message(Number(2), target) for _ in range(10))) == [True] * 10


async def test_waiting_handlers_share_no_task(runtime: SingleThreadedAgentRuntime) -> None:
    tasks: list[asyncio.Task[Any] | None] = []

    async def handle(agent: Scripted, message: Any, ctx: MessageContext) -> None:
        await asyncio.sleep(0)
        tasks.append(asyncio.current_task())

    for number in range(3):
        await add_agent(runtime, f"a{number}", handle, "news")
    for _ in range(3):
        await runtime.publish_message(Text("x"), TopicId("news", "default"))
    await runtime.stop_when_idle()
    runtime.start()

    assert len(set(tasks)) == 9


async def test_handler_that_cancels_its_own_task_harms_no_other(runtime: SingleThreadedAgentRuntime) -> None:
    got: list[str] = []

    async def handle(agent: Scripted, message: Text, ctx: MessageContext) -> None:
        got.append(message.content)
        task = asyncio.current_task()
        assert task is not None
        if message.content == "cancel":
            task.cancel()
        else:
            await asyncio.sleep(0)
            got.append(message.content)

    await add_agent(runtime, "handle", handle, "news")
    for content in ("cancel", "a", "cancel", "b"):
        await runtime.publish_message(Text(content), TopicId("news", "default"))
    await asyncio.wait_for(runtime.stop_when_idle(), 5)
    runtime.start()

    assert sorted(got) == ["a", "a", "b", "b", "cancel", "cancel"]


async def test_task_that_a_handler_has_marked_is_let_go(runtime: SingleThreadedAgentRuntime) -> None:
    tasks: list[weakref.ref[Any]] = []

    async def mark(agent: Scripted, message: Text, ctx: MessageContext) -> None:
        VARIABLE.set(message.content)
        tasks.append(weakref.ref(asyncio.current_task()))

    target = await add_agent(runtime, "mark", mark)
    for _ in range(3):
        await runtime.send_message(Text("x"), target)
    await settle()
    gc.collect()

    assert [task() for task in tasks] == [None] * 3


async def test_handler_goes_on_after_cancellations_that_it_does_not_mind(runtime: SingleThreadedAgentRuntime) -> None:
    got: list[str] = []

    async def stubborn(agent: Scripted, message: Any, ctx: MessageContext) -> None:
        for _ in range(2):
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                got.append("cancelled")
        await asyncio.sleep(0)
        got.append("done")

    def cancel_handler() -> None:
        for task in asyncio.all_tasks() - others:
            task.cancel()

    target = await add_agent(runtime, "stubborn", stubborn)
    sending = asyncio.create_task(runtime.send_message(Text("x"), target))
    others = {*asyncio.all_tasks(), sending}
    await settle()
    cancel_handler()
    await settle()
    cancel_handler()

    assert await asyncio.wait_for(sending, 5) is None
    assert got == ["cancelled", "cancelled", "done"]


async def test_handler_that_cancels_its_own_token_is_cancelled_at_its_next_wait(
    runtime: SingleThreadedAgentRuntime,
) -> None:
    reached: list[str] = []

    async def handle(agent: Scripted, message: Any, ctx: MessageContext) -> None:
        ctx.cancellation_token.cancel()
        reached.append("cancelled")
        await asyncio.sleep(0)
        reached.append("never")

    target = await add_agent(runtime, "handle", handle)

    with pytest.raises(asyncio.CancelledError):
        await runtime.send_message(Text("x"), target)
    with pytest.raises(asyncio.CancelledError):
        await runtime.send_message(Text("x"), target, cancellation_token=CancellationToken())
    await asyncio.wait_for(runtime.stop_when_idle(), 5)
    runtime.start()
    assert reached == ["cancelled", "cancelled"]


async def test_sends_one_after_another_share_a_task_and_let_others_run(runtime: SingleThreadedAgentRuntime) -> None:
    tasks: set[Any] = set()
    rounds = 0

    async def note(agent: Scripted, message: Number, ctx: MessageContext) -> int:
        tasks.add(asyncio.current_task())
        return message.value

    async def count_rounds() -> None:
        nonlocal rounds
        while True:
            rounds += 1
            await asyncio.sleep(0)

    target = await add_agent(runtime, "note", note)
    counting = asyncio.create_task(count_rounds())
    sender = asyncio.current_task()
    for value in range(1000):
        assert await runtime.send_message(Number(value), target) == value
        assert asyncio.current_task() is sender
    counting.cancel()

    assert sender not in tasks
    assert len(tasks) < 10
    assert rounds > 10


async def test_send_waits_behind_what_was_published_before_even_if_the_runtime_was_idle(
    runtime: SingleThreadedAgentRuntime,
) -> None:
    got: list[int] = []

    async def note(agent: Scripted, message: Number, ctx: MessageContext) -> None:
        got.append(message.value)

    target = await add_agent(runtime, "note", note, "news")
    for value in range(0, 30, 3):
        await runtime.send_message(Number(value), target)
        await runtime.publish_message(Number(value + 1), TopicId("news", "default"))
        await runtime.send_message(Number(value + 2), target)

    assert got == list(range(30))


async def test_no_task_is_left_one_round_after_an_answer(runtime: SingleThreadedAgentRuntime) -> None:
    async def note(agent: Scripted, message: Text, ctx: MessageContext) -> None:
        return None

    target = await add_agent(runtime, "note", note)
    before = asyncio.all_tasks()
    await runtime.send_message(Text("x"), target)
    await asyncio.sleep(0)

    assert asyncio.all_tasks() == before


@pytest.mark.parametrize("by", ["send", "publish"])
async def test_message_is_delivered_though_somebody_cancelled_all_idle_tasks(
    runtime: SingleThreadedAgentRuntime, by: str
) -> None:
    got: list[str] = []

    async def note(agent: Scripted, message: Text, ctx: MessageContext) -> None:
        got.append(message.content)

    target = await add_agent(runtime, "note", note, "news")
    await runtime.send_message(Text("first"), target)
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    if by == "send":
        await asyncio.wait_for(runtime.send_message(Text("second"), target), 5)
    else:
        await runtime.publish_message(Text("second"), TopicId("news", "default"))
    await asyncio.wait_for(runtime.stop_when_idle(), 5)
    runtime.start()

    assert got == ["first", "second"]


async def test_endless_conversation_lets_other_tasks_run(runtime: SingleThreadedAgentRuntime) -> None:
    async def again(agent: Scripted, message: Any, ctx: MessageContext) -> None:
        await agent.publish_message(message, TopicId("ping" if agent.type == "pong" else "pong", "default"))

    await add_agent(runtime, "ping", again, "ping")
    await add_agent(runtime, "pong", again, "pong")
    await runtime.publish_message(Text("x"), TopicId("ping", "default"))

    await asyncio.wait_for(settle(), 5)


async def test_replies_of_gathered_sends_come_in_call_order(runtime: SingleThreadedAgentRuntime) -> None:
    async def answer(agent: Scripted, message: Number, ctx: MessageContext) -> int:
        for _ in range(10 - message.value):
            await asyncio.sleep(0)
        return message.value

    target = await add_agent(runtime, "answer", answer)

    replies = await asyncio.gather(*(runtime.send_message(Number(n), target) for n in range(10)))

    assert replies == list(range(10))


async def test_context_tells_how_a_message_came(runtime: SingleThreadedAgentRuntime) -> None:
    seen: list[tuple[Any, ...]] = []

    async def look(agent: Scripted, message: Any, ctx: MessageContext) -> None:
        seen.append((ctx.sender, ctx.topic_id, ctx.is_rpc, ctx.message_id, ctx.cancellation_token))

    target = await add_agent(runtime, "look", look, "news")
    sender, topic, token = AgentId("app", "1"), TopicId("news", "default"), CancellationToken()
    await runtime.send_message(Text("x"), target, sender=sender, cancellation_token=token, message_id="m1")
    await runtime.publish_message(Text("x"), topic, cancellation_token=token, message_id="m2")
    await runtime.stop_when_idle()
    runtime.start()

    assert seen == [(sender, None, True, "m1", token), (None, topic, False, "m2", token)]


async def test_message_ids_and_tokens_are_made_when_read_and_stay_the_same(
    runtime: SingleThreadedAgentRuntime,
) -> None:
    ids: list[str] = []

    async def look(agent: Scripted, message: Any, ctx: MessageContext) -> None:
        assert ctx.cancellation_token is ctx.cancellation_token
        assert ctx.message_id == ctx.message_id
        ids.append(ctx.message_id)

    target = await add_agent(runtime, "look", look)
    for _ in range(2):
        await runtime.send_message(Text("x"), target)

    assert len(set(ids)) == 2
    assert all(len(each) == 36 for each in ids)


async def test_publish_without_subscribers_is_no_error(runtime: SingleThreadedAgentRuntime) -> None:
    await runtime.publish_message(Text("x"), TopicId("nobody", "default"))
    await asyncio.wait_for(runtime.stop_when_idle(), 5)
    runtime.start()

    assert runtime.unprocessed_messages_count == 0


async def test_replies_to_published_messages_are_discarded(runtime: SingleThreadedAgentRuntime) -> None:
    async def answer(agent: Scripted, message: Any, ctx: MessageContext) -> str:
        return "ignored"

    await add_agent(runtime, "answer", answer, "news")
    published: object = await runtime.publish_message(Text("x"), TopicId("news", "default"))  # type: ignore[func-returns-value] # that it returns None is the claim

    assert published is None


async def test_error_of_the_recipient_reaches_the_sender(runtime: SingleThreadedAgentRuntime) -> None:
    async def fail(agent: Scripted, message: Any, ctx: MessageContext) -> None:
        await asyncio.sleep(0)
        raise KeyError("k")

    target = await add_agent(runtime, "fail", fail)

    with pytest.raises(KeyError, match="'k'"):
        await runtime.send_message(Text("x"), target)
