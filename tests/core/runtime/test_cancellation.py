"""Cancelling: tokens, linked futures, messages."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from core_agents import Scripted, Text, add_agent, settle

from hubbub_core import (
    CancellationToken,
    DefaultInterventionHandler,
    MessageContext,
    SingleThreadedAgentRuntime,
    TopicId,
)


async def test_cancel_calls_callbacks_once_in_order_and_late_ones_at_once() -> None:
    token = CancellationToken()
    called: list[int] = []
    token.add_callback(lambda: called.append(1))
    token.add_callback(lambda: called.append(2))
    assert not token.is_cancelled()
    token.cancel()
    token.cancel()
    token.add_callback(lambda: called.append(3))

    assert token.is_cancelled()
    assert called == [1, 2, 3]


async def test_failing_callback_keeps_no_other_from_being_called() -> None:
    token = CancellationToken()
    called: list[int] = []

    def fail() -> None:
        raise ValueError("broken")

    token.add_callback(fail)
    token.add_callback(lambda: called.append(1))
    with pytest.raises(ValueError, match="broken"):
        token.cancel()

    assert called == [1]


@pytest.mark.parametrize("early", [True, False])
async def test_linked_future_is_cancelled(early: bool) -> None:
    token = CancellationToken()
    if early:
        token.cancel()
    future = token.link_future(asyncio.ensure_future(asyncio.Event().wait()))
    await settle()
    token.cancel()

    with pytest.raises(asyncio.CancelledError):
        await future


async def test_token_can_be_cancelled_from_another_thread(runtime: SingleThreadedAgentRuntime) -> None:
    async def wait(agent: Scripted, message: Any, ctx: MessageContext) -> None:
        await asyncio.Event().wait()

    target = await add_agent(runtime, "wait", wait)
    token = CancellationToken()
    future = token.link_future(asyncio.get_running_loop().create_future())
    sender = asyncio.create_task(runtime.send_message(Text("x"), target, cancellation_token=token))
    await settle()
    thread = threading.Thread(target=token.cancel)
    thread.start()

    for waiting in (future, sender):
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(waiting, 5)
    thread.join()


async def test_message_with_a_cancelled_token_is_not_delivered(runtime: SingleThreadedAgentRuntime) -> None:
    got: list[Any] = []

    async def note(agent: Scripted, message: Any, ctx: MessageContext) -> None:
        got.append(message)

    target = await add_agent(runtime, "note", note, "news")
    token = CancellationToken()
    token.cancel()

    with pytest.raises(asyncio.CancelledError):
        await runtime.send_message(Text("x"), target, cancellation_token=token)
    with pytest.raises(asyncio.CancelledError):
        await runtime.publish_message(Text("x"), TopicId("news", "default"), cancellation_token=token)
    await runtime.stop_when_idle()
    runtime.start()
    assert got == []


@pytest.mark.parametrize("by", ["token", "task"])
async def test_message_cancelled_in_the_queue_is_not_delivered(by: str) -> None:
    runtime = SingleThreadedAgentRuntime()
    got: list[Any] = []

    async def note(agent: Scripted, message: Any, ctx: MessageContext) -> None:
        got.append(message)

    target = await add_agent(runtime, "note", note, "news")
    token = CancellationToken()
    sender = asyncio.create_task(runtime.send_message(Text("x"), target, cancellation_token=token))
    await runtime.publish_message(Text("y"), TopicId("news", "default"), cancellation_token=token)
    await settle()
    token.cancel() if by == "token" else sender.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sender
    runtime.start()
    await asyncio.wait_for(runtime.stop_when_idle(), 5)

    assert got == ([] if by == "token" else [Text("y")])


async def test_cancelling_the_sender_cancels_the_token_of_its_message(runtime: SingleThreadedAgentRuntime) -> None:
    tokens: list[CancellationToken] = []

    async def wait(agent: Scripted, message: Any, ctx: MessageContext) -> None:
        tokens.append(ctx.cancellation_token)
        await asyncio.Event().wait()

    target = await add_agent(runtime, "wait", wait)
    shared = CancellationToken()
    for token in (None, shared):
        sender = asyncio.create_task(runtime.send_message(Text("x"), target, cancellation_token=token))
        await settle()
        sender.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sender

    assert [token.is_cancelled() for token in tokens] == [True, False]
    assert tokens[1] is shared


async def test_cancelling_the_token_of_a_publish_cancels_all_its_handlers(
    runtime: SingleThreadedAgentRuntime,
) -> None:
    ended: list[str] = []

    async def wait(agent: Scripted, message: Any, ctx: MessageContext) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(agent.type)

    for name in "abc":
        await add_agent(runtime, name, wait, "news")
    token = CancellationToken()
    await runtime.publish_message(Text("x"), TopicId("news", "default"), cancellation_token=token)
    await settle()
    token.cancel()
    await asyncio.wait_for(runtime.stop_when_idle(), 5)
    runtime.start()

    assert ended == ["a", "b", "c"]


async def test_cancelled_error_raised_by_a_handler_reaches_the_sender_and_stops_nothing(
    runtime: SingleThreadedAgentRuntime,
) -> None:
    async def cancelled(agent: Scripted, message: Any, ctx: MessageContext) -> None:
        raise asyncio.CancelledError("inner")

    target = await add_agent(runtime, "cancelled", cancelled)
    for _ in range(2):
        with pytest.raises(asyncio.CancelledError):
            await runtime.send_message(Text("x"), target)


async def test_handler_may_clean_up_while_it_is_cancelled(runtime: SingleThreadedAgentRuntime) -> None:
    cleaned: list[str] = []

    async def wait(agent: Scripted, message: Any, ctx: MessageContext) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(3):
                await asyncio.sleep(0)
            cleaned.append("done")

    target = await add_agent(runtime, "wait", wait)
    sender = asyncio.create_task(runtime.send_message(Text("x"), target))
    await settle()
    sender.cancel()
    await asyncio.wait_for(runtime.stop_when_idle(), 5)
    runtime.start()

    assert cleaned == ["done"]


async def test_cancelling_a_message_held_by_an_intervention_frees_the_queue() -> None:
    class HoldFirst(DefaultInterventionHandler):
        async def on_send(self, message: Text, **_: Any) -> Any:
            if message.content == "held":
                await asyncio.Event().wait()
            return message

    async def echo(agent: Scripted, message: Any, ctx: MessageContext) -> Any:
        await asyncio.sleep(0)
        return message

    runtime = SingleThreadedAgentRuntime(intervention_handlers=[HoldFirst()])
    target = await add_agent(runtime, "echo", echo)
    runtime.start()
    held = asyncio.create_task(runtime.send_message(Text("held"), target))
    behind = asyncio.create_task(runtime.send_message(Text("behind"), target))
    await settle()
    assert not behind.done()
    held.cancel()

    assert await asyncio.wait_for(behind, 5) == Text("behind")
    await asyncio.wait_for(runtime.stop_when_idle(), 5)
