"""Invariants of delivery under a thousand random schedules."""

from __future__ import annotations

import asyncio
import logging
import random
from typing import Any

import pytest
from core_agents import Number, Scripted

from hubbub_core import (
    AgentId,
    CancellationToken,
    DefaultInterventionHandler,
    DropMessage,
    MessageContext,
    SingleThreadedAgentRuntime,
    TopicId,
    TypeSubscription,
)

TYPES = ("a", "b", "c")


class Schedule:
    """One random run: what was sent, what came back, what arrived."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.running = 0
        self.published: dict[int, str] = {}
        """Number of each published message, and its publisher."""
        self.dropped: set[int] = set()
        self.arrived: dict[str, list[int]] = {}
        self.next_number = 0
        self.token = CancellationToken()
        interventions: list[Any] = [self.intervention()] if self.random.random() < 0.5 else []
        self.runtime = SingleThreadedAgentRuntime(intervention_handlers=interventions or None)

    def intervention(self) -> DefaultInterventionHandler:
        schedule = self

        class Sometimes(DefaultInterventionHandler):
            async def on_send(self, message: Any, **_: Any) -> Any:
                return await schedule.judge(message)

            async def on_publish(self, message: Any, **_: Any) -> Any:
                return await schedule.judge(message)

            async def on_response(self, message: Any, **_: Any) -> Any:
                if schedule.random.random() < 0.05:
                    raise PermissionError("response")
                return message

        return Sometimes()

    async def judge(self, message: Number) -> Any:
        if self.random.random() < 0.3:
            await asyncio.sleep(0)
        choice = self.random.random()
        if choice < 0.05:
            self.dropped.add(message.value)
            return DropMessage
        if choice < 0.1:
            self.dropped.add(message.value)
            raise PermissionError("refused")
        return message

    def number(self) -> Number:
        self.next_number += 1
        return Number(self.next_number)

    async def handle(self, agent: Scripted, message: Number, ctx: MessageContext) -> int:
        self.running += 1
        try:
            if not ctx.is_rpc:
                self.arrived.setdefault(str(agent.id), []).append(message.value)
            for _ in range(self.random.randrange(3)):
                await asyncio.sleep(0)
            if self.next_number < 60 and self.random.random() < 0.4:
                await self.act(agent)
            if self.random.random() < 0.1:
                raise ValueError("handler")
            return message.value
        finally:
            self.running -= 1

    async def act(self, agent: Scripted) -> None:
        """Have an agent publish or send."""
        message = self.number()
        if self.random.random() < 0.5:
            self.published[message.value] = str(agent.id)
            await agent.publish_message(message, TopicId("news", self.random.choice("xy")))
        else:
            recipient = AgentId(self.random.choice(TYPES), self.random.choice("xy"))
            try:
                assert await agent.send_message(message, recipient) == message.value
            except (ValueError, OSError, PermissionError, Exception):
                pass

    def factory(self) -> Any:
        if self.random.random() < 0.1:
            raise OSError("factory")
        if self.random.random() < 0.5:
            return Scripted(self.handle)

        async def later() -> Scripted:
            await asyncio.sleep(0)
            if self.random.random() < 0.1:
                raise OSError("factory")
            return Scripted(self.handle)

        return later()

    async def run(self) -> None:
        runtime = self.runtime
        before = asyncio.all_tasks()
        for agent_type in TYPES:
            await Scripted.register(runtime, agent_type, self.factory)
            await runtime.add_subscription(TypeSubscription("news", agent_type))
        runtime.start()
        senders: list[tuple[int, asyncio.Task[Any]]] = []
        for _ in range(15):
            message = self.number()
            choice = self.random.random()
            if choice < 0.4:
                self.published[message.value] = "app"
                await runtime.publish_message(message, TopicId("news", self.random.choice("xy")))
            else:
                token = self.token if choice < 0.6 else None
                recipient = AgentId(self.random.choice(TYPES), self.random.choice("xy"))
                sending = runtime.send_message(message, recipient, cancellation_token=token)
                senders.append((message.value, asyncio.create_task(sending)))
            if self.random.random() < 0.3:
                await asyncio.sleep(0)
            if self.random.random() < 0.05:
                self.random.choice(senders or [(0, asyncio.create_task(asyncio.sleep(0)))])[1].cancel()
        if self.random.random() < 0.3:
            await asyncio.sleep(0)
            self.token.cancel()
        await asyncio.sleep(0)
        await asyncio.wait_for(runtime.stop_when_idle(), 10)

        # Nothing runs once it is idle, and every caller has exactly one answer.
        assert self.running == 0
        answers = await asyncio.wait_for(asyncio.gather(*(task for _, task in senders), return_exceptions=True), 10)
        for (value, _), answer in zip(senders, answers, strict=True):
            assert answer == value or isinstance(answer, BaseException)
        self.check_arrivals()
        # Nothing leaks: tasks, callbacks, queued messages.
        await asyncio.sleep(0)
        assert asyncio.all_tasks() - before - {task for _, task in senders} == set()
        assert self.token._callbacks == {}
        assert (runtime.unprocessed_messages_count, runtime._dispatcher._tasks) == (0, set())

    def check_arrivals(self) -> None:
        for agent, values in self.arrived.items():
            # At most once; never back to the publisher; not if it was dropped; in order per publisher.
            assert len(set(values)) == len(values)
            by_publisher: dict[str, list[int]] = {}
            for value in values:
                assert self.published[value] != agent
                assert value not in self.dropped
                by_publisher.setdefault(self.published[value], []).append(value)
            assert by_publisher["app"] == sorted(by_publisher["app"]) if "app" in by_publisher else True


@pytest.mark.parametrize("block", range(10))
def test_random_schedules_keep_the_promises(block: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)

    async def run_all() -> None:
        for seed in range(block * 100, block * 100 + 100):
            try:
                await Schedule(seed).run()
            except AssertionError as error:
                raise AssertionError(f"seed {seed}") from error

    asyncio.run(run_all())


async def test_every_published_message_reaches_every_subscriber_exactly_once_in_order() -> None:
    """Without failures the claim is exact: no message is missing."""
    for seed in range(20):
        chance = random.Random(seed)
        runtime = SingleThreadedAgentRuntime()
        arrived: dict[str, list[int]] = {}

        async def note(
            agent: Scripted,
            message: Number,
            ctx: MessageContext,
            *,
            arrived: dict[str, list[int]] = arrived,
            chance: random.Random = chance,
        ) -> None:
            arrived.setdefault(str(agent.id), []).append(message.value)
            if chance.random() < 0.3:
                await asyncio.sleep(0)

        for agent_type in TYPES:
            await Scripted.register(runtime, agent_type, lambda note=note: Scripted(note))  # type: ignore[misc] # a lambda's default has no inferred type
            await runtime.add_subscription(TypeSubscription("news", agent_type))
        runtime.start()
        expected: dict[str, list[int]] = {}
        for value in range(300):
            source = chance.choice("xy")
            await runtime.publish_message(Number(value), TopicId("news", source))
            for agent_type in TYPES:
                expected.setdefault(f"{agent_type}/{source}", []).append(value)
            if chance.random() < 0.05:
                await asyncio.sleep(0)
        await asyncio.wait_for(runtime.stop_when_idle(), 10)

        assert arrived == expected
