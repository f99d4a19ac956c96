"""Agents that wait for agents: how deep it goes, and what each level costs."""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from collections.abc import Callable

import pytest
from core_agents import Number, Scripted, add_agent

from hubbub_core import (
    AgentId,
    MessageContext,
    RoutedAgent,
    SingleThreadedAgentRuntime,
    message_handler,
)


class Nest(RoutedAgent):
    """Sends on, as often as the message's number says: to two agents in turn, or else to a new agent each time."""

    def __init__(self, recipients: tuple[AgentId, ...], at_the_end: Callable[[], None]) -> None:
        super().__init__("nest")
        self._recipients = recipients
        self._at_the_end = at_the_end

    @message_handler
    async def on_number(self, message: Number, ctx: MessageContext) -> int:
        left = message.value
        if left == 0:
            self._at_the_end()
            return 0
        recipient = self._recipients[left % 2] if self._recipients else AgentId("nest", str(left))
        depth: int = await self.send_message(Number(left - 1), recipient)
        return depth + 1


async def send_nested(
    runtime: SingleThreadedAgentRuntime,
    depth: int,
    recipients: tuple[AgentId, ...],
    at_the_end: Callable[[], None] = lambda: None,
) -> int:
    """Have agents wait for agents, so many levels deep; return what the first answers."""
    await Nest.register(runtime, "nest", lambda: Nest(recipients, at_the_end))
    reached: int = await asyncio.wait_for(runtime.send_message(Number(depth), AgentId("nest", "first")), 60)
    return reached


TWO_IN_TURN = (AgentId("nest", "ping"), AgentId("nest", "pong"))
NESTS = {"two agents in turn": TWO_IN_TURN, "an agent for each level": ()}


@pytest.mark.parametrize("recipients", NESTS.values(), ids=NESTS)
async def test_ten_thousand_nested_sends_neither_overflow_nor_block_the_loop(
    runtime: SingleThreadedAgentRuntime, recipients: tuple[AgentId, ...]
) -> None:
    """In processor time, as the machine may be busy with other tests, and without the interpreter's garbage collector.

    The collector's pause is bounded by the test below, and measured with everything else by `benchmarks/runtime.py`.
    """
    longest = collecting = 0.0

    def collect(phase: str, info: dict[str, int]) -> None:
        nonlocal collecting
        collecting += time.thread_time() if phase == "stop" else -time.thread_time()

    async def watch() -> None:
        nonlocal longest
        while True:
            before = time.thread_time() - collecting
            await asyncio.sleep(0)
            longest = max(longest, time.thread_time() - collecting - before)

    watching = asyncio.create_task(watch())
    gc.callbacks.append(collect)
    try:
        depth = await send_nested(runtime, 10_000, recipients)
    finally:
        gc.callbacks.remove(collect)
        watching.cancel()

    assert depth == 10_000
    assert longest < 0.05


@pytest.mark.parametrize(("nest", "at_most"), [("two agents in turn", 14), ("an agent for each level", 16)])
async def test_send_that_waits_is_few_objects_to_the_garbage_collector(
    runtime: SingleThreadedAgentRuntime, nest: str, at_most: int
) -> None:
    """The collector holds up the loop for as long as it takes to look at all of them.

    Four are asyncio's: the task, its context, a weak reference to it and its callback. Two are the handler's coroutine
    and its message, two more the agent and its id if there is one for each level. Six are the runtime's. A context with
    many variables, of whatever else the process has done, may be one or two more.
    """
    at_the_end: list[int] = []
    gc.collect()
    before = len(gc.get_objects())
    await send_nested(runtime, 2_000, NESTS[nest], lambda: at_the_end.append(len(gc.get_objects())))

    assert round((at_the_end[0] - before) / 2_000) <= at_most


async def test_cancelling_the_first_of_ten_thousand_nested_sends_ends_them_all(
    runtime: SingleThreadedAgentRuntime,
) -> None:
    deepest = asyncio.Event()
    running = 0

    async def nest(agent: Scripted, message: Number, ctx: MessageContext) -> None:
        nonlocal running
        running += 1
        try:
            if message.value == 0:
                deepest.set()
                await asyncio.Event().wait()
            await agent.send_message(Number(message.value - 1), AgentId("nest", str(message.value % 7)))
        finally:
            running -= 1

    await add_agent(runtime, "nest", nest)
    sending = asyncio.create_task(runtime.send_message(Number(10_000), AgentId("nest", "x")))
    await asyncio.wait_for(deepest.wait(), 60)
    assert running == 10_001
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    await asyncio.wait_for(runtime.stop_when_idle(), 60)
    runtime.start()

    assert running == 0


if sys.version_info >= (3, 12):

    async def test_chains_of_agents_do_not_overflow_with_eager_tasks(runtime: SingleThreadedAgentRuntime) -> None:
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)

        assert await send_nested(runtime, 1_000, TWO_IN_TURN) == 1_000
