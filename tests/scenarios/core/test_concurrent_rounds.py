"""Concurrent agents, two rounds on one runtime; the second one collects (spec: 000 DP-02, DP-03; 001 CONC-3..6)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from hubbub_core import (
    ClosureAgent,
    ClosureContext,
    MessageContext,
    RoutedAgent,
    SingleThreadedAgentRuntime,
    TopicId,
    TypeSubscription,
    message_handler,
    type_subscription,
)

RESULTS = TopicId(type="task-results", source="default")


@dataclass
class Task:
    task_id: str


@dataclass
class TaskResponse:
    task_id: str
    result: str


@type_subscription(topic_type="urgent")
class UrgentProcessor(RoutedAgent):
    def __init__(self, urgent_done: asyncio.Event) -> None:
        super().__init__("Urgent processor")
        self.urgent_done = urgent_done

    @message_handler
    async def on_task(self, message: Task, ctx: MessageContext) -> None:
        print(f"Urgent processor starting task {message.task_id}")
        await asyncio.sleep(0)
        print(f"Urgent processor finished task {message.task_id}")
        self.urgent_done.set()
        await self.publish_message(TaskResponse(message.task_id, "by the urgent processor"), topic_id=RESULTS)


@type_subscription(topic_type="normal")
class NormalProcessor(RoutedAgent):
    def __init__(self, urgent_done: asyncio.Event) -> None:
        super().__init__("Normal processor")
        self.urgent_done = urgent_done

    @message_handler
    async def on_task(self, message: Task, ctx: MessageContext) -> None:
        print(f"Normal processor starting task {message.task_id}")
        # The slow one: its work takes until the urgent task is done.
        await self.urgent_done.wait()
        self.urgent_done.clear()
        print(f"Normal processor finished task {message.task_id}")
        await self.publish_message(TaskResponse(message.task_id, "by the normal processor"), topic_id=RESULTS)


async def test_second_round_on_the_same_runtime_is_collected(
    runtime: SingleThreadedAgentRuntime, printed: Callable[[], list[str]]
) -> None:
    urgent_done = asyncio.Event()
    await UrgentProcessor.register(runtime, "urgent_processor", lambda: UrgentProcessor(urgent_done))
    await NormalProcessor.register(runtime, "normal_processor", lambda: NormalProcessor(urgent_done))
    collected: asyncio.Queue[TaskResponse] = asyncio.Queue()

    async def collect_result(_agent: ClosureContext, message: TaskResponse, ctx: MessageContext) -> None:
        await collected.put(message)

    async def one_round() -> list[str]:
        await runtime.publish_message(Task("normal-1"), topic_id=TopicId("normal", "default"))
        await runtime.publish_message(Task("urgent-1"), topic_id=TopicId("urgent", "default"))
        await asyncio.wait_for(runtime.stop_when_idle(), 10)
        return printed()

    runtime.start()
    first = await one_round()
    assert collected.empty()
    runtime.start()
    await ClosureAgent.register_closure(
        runtime,
        "collect_result_agent",
        collect_result,
        subscriptions=lambda: [TypeSubscription("task-results", "collect_result_agent")],
    )
    second = await one_round()

    assert (
        first
        == second
        == [
            "Normal processor starting task normal-1",
            "Urgent processor starting task urgent-1",
            "Urgent processor finished task urgent-1",
            "Normal processor finished task normal-1",
        ]
    )
    assert [collected.get_nowait() for _ in range(collected.qsize())] == [
        TaskResponse("urgent-1", "by the urgent processor"),
        TaskResponse("normal-1", "by the normal processor"),
    ]
