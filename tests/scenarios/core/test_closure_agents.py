"""Agents made from functions (spec: 001 API-CLOSURE-9..11, EXTRACT-1, EXTRACT-3)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from hubbub_core import (
    AgentId,
    AgentType,
    ClosureAgent,
    ClosureContext,
    DefaultSubscription,
    DefaultTopicId,
    MessageContext,
    SingleThreadedAgentRuntime,
    TopicId,
)


@dataclass
class MyMessage:
    content: str


@dataclass
class FinalResult:
    value: str


@dataclass
class Unrelated:
    value: int


async def test_message_leaves_the_runtime_through_a_queue(runtime: SingleThreadedAgentRuntime) -> None:
    queue: asyncio.Queue[MyMessage] = asyncio.Queue()

    async def output_result(_ctx: ClosureContext, message: MyMessage, ctx: MessageContext) -> None:
        await queue.put(message)

    registered = await ClosureAgent.register_closure(
        runtime, "output_result", output_result, subscriptions=lambda: [DefaultSubscription()]
    )
    runtime.start()
    await runtime.publish_message(MyMessage("Hello, world!"), DefaultTopicId())
    await runtime.publish_message(MyMessage("elsewhere"), TopicId("other", "default"))
    await runtime.stop_when_idle()

    assert repr(registered) == "AgentType(type='output_result')"
    assert [queue.get_nowait() for _ in range(queue.qsize())] == [MyMessage("Hello, world!")]


async def test_union_of_result_types_is_extracted_in_order(runtime: SingleThreadedAgentRuntime) -> None:
    seen: list[tuple[str, MyMessage | FinalResult]] = []

    async def output_result(agent: ClosureContext, message: MyMessage | FinalResult, ctx: MessageContext) -> None:
        seen.append((str(agent.id), message))

    async def default_subscriptions() -> list[Any]:
        return [DefaultSubscription()]

    await ClosureAgent.register_closure(runtime, "output_result", output_result, subscriptions=default_subscriptions)
    runtime.start()
    await runtime.publish_message(FinalResult("Result 1"), DefaultTopicId(source="session-1"))
    await runtime.publish_message(MyMessage("Result 2"), DefaultTopicId(source="session-2"))
    await runtime.stop_when_idle()

    assert seen == [
        ("output_result/session-1", FinalResult("Result 1")),
        ("output_result/session-2", MyMessage("Result 2")),
    ]


async def test_any_accepts_every_message_and_answers_direct_ones(runtime: SingleThreadedAgentRuntime) -> None:
    async def echo(agent: ClosureContext, message: Any, ctx: MessageContext) -> Any:
        return message

    echo_type = await ClosureAgent.register_closure(runtime, "echo", echo)
    assert echo_type == AgentType("echo")
    runtime.start()
    replies = [
        await runtime.send_message(message, AgentId("echo", "default")) for message in (Unrelated(1), MyMessage("two"))
    ]

    assert replies == [Unrelated(1), MyMessage("two")]
