"""What a runtime must not cost: memory that grows, imports that nobody asked for."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

from core_agents import Number, Scripted, add_agent

import hubbub_core
from hubbub_core import (
    AgentId,
    CancellationToken,
    MessageContext,
    SingleThreadedAgentRuntime,
    TopicId,
    TypePrefixSubscription,
    TypeSubscription,
)

SOAK = Path(__file__).parents[3] / "benchmarks" / "soak.py"

PROGRAM = """
import asyncio, sys
from dataclasses import dataclass
from hubbub_core import AgentId, MessageContext, RoutedAgent, SingleThreadedAgentRuntime, TopicId, message_handler

@dataclass
class Text:
    content: str

class Echo(RoutedAgent):
    @message_handler
    async def on_text(self, message: Text, ctx: MessageContext) -> Text:
        return message

async def main() -> None:
    runtime = SingleThreadedAgentRuntime()
    await Echo.register(runtime, "echo", lambda: Echo("echoes"))
    runtime.start()
    assert await runtime.send_message(Text("x"), AgentId("echo", "1")) == Text("x")
    await runtime.publish_message(Text("x"), TopicId("echo:", "1"))
    await runtime.stop_when_idle()

asyncio.run(main())
print(*sorted(sys.modules))
"""


def test_delivering_a_dataclass_imports_nothing_heavy() -> None:
    ran = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)

    loaded = set(ran.stdout.split())
    heavy = {"pydantic", "pluggy", "opentelemetry", "PIL", "google", "google.protobuf", "importlib.metadata"}
    assert loaded & heavy == set()
    assert "hubbub_core._dispatcher" in loaded


def test_importing_the_package_imports_nothing_else_of_it() -> None:
    code = "import sys, hubbub_core; print(*[m for m in sys.modules if m.startswith('hubbub')])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ran.stdout.split() == ["hubbub_core"]


def test_all_public_names_are_listed_and_served() -> None:
    assert sorted(hubbub_core.__all__) == sorted(hubbub_core._LAZY)
    for name in hubbub_core.__all__:
        assert getattr(hubbub_core, name) is not None
    assert set(hubbub_core.__all__) <= set(dir(hubbub_core))
    assert hubbub_core.__version__


async def test_two_hundred_thousand_messages_leave_memory_flat() -> None:
    runtime = SingleThreadedAgentRuntime()

    async def handle(agent: Scripted, message: Number, ctx: MessageContext) -> int:
        if message.value % 10 == 0:
            _ = ctx.cancellation_token
        if message.value % 50 == 0:
            await asyncio.sleep(0)
        return message.value

    target = await add_agent(runtime, "handle", handle, "news")
    runtime.start()
    token = CancellationToken()

    async def burst(count: int) -> None:
        for value in range(count):
            await runtime.publish_message(Number(value), TopicId("news", f"s{value % 100}"))
            if value % 20 == 0:
                await runtime.send_message(Number(value), target, cancellation_token=token)

    await burst(20_000)
    tracemalloc.start()
    try:
        await burst(5_000)
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        await burst(170_000)
        tracemalloc.start()
        await burst(5_000)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    await runtime.stop_when_idle()

    # What 5,000 messages leave behind, early and late: nothing that grows.
    assert abs(after - before) < 50_000


def test_soak_of_all_kinds_of_messages_leaves_memory_flat() -> None:
    """The benchmark itself, with fewer messages: cancellations, errors, chains, sessions, runtimes that come and go."""
    command = [sys.executable, str(SOAK), "--messages", "200000", "--allowed", "1"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=300)

    assert (ran.returncode, ran.stderr) == (0, ""), ran.stdout
    assert "flat" in ran.stdout


async def routing_calls(subscriptions: int, topics: int) -> tuple[int, int, int]:
    """Count the calls of functions that an unmatched, then a matched publish, then one more subscription cost."""
    runtime = SingleThreadedAgentRuntime()

    async def handle(agent: Scripted, message: Any, ctx: MessageContext) -> None:
        return None

    await add_agent(runtime, "handle", handle)
    for number in range(subscriptions):
        await runtime.add_subscription(TypeSubscription(f"topic{number}", "handle"))
        await runtime.add_subscription(TypePrefixSubscription(f"prefix{number % 10}-{number:09}:", "handle"))
    runtime.start()
    for number in range(topics):
        await runtime.publish_message(Number(0), TopicId(f"topic{number % subscriptions}", str(number % 10)))
        await runtime.publish_message(Number(0), TopicId("unknown", str(number)))
    counts: list[int] = []
    calls = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    async def publish(topic: TopicId) -> None:
        await runtime.publish_message(Number(0), topic)
        await runtime.stop_when_idle()

    for act in (
        publish(TopicId("unknown", "new")),
        publish(TopicId("topic1", "5")),
        runtime.add_subscription(TypeSubscription("more", "handle")),
    ):
        await runtime.stop_when_idle()
        runtime.start()
        calls = 0
        sys.setprofile(count)
        await act
        sys.setprofile(None)
        counts.append(calls)
        if not runtime._started:
            runtime.start()
    await runtime.stop()
    return counts[0], counts[1], counts[2]


async def test_routing_costs_the_same_with_ten_and_with_five_thousand_subscriptions() -> None:
    small = await routing_calls(10, 20)
    large = await routing_calls(5_000, 10_000)

    # A full cache of topics takes a call or two more, to drop the oldest.
    assert all(many <= few * 1.2 for few, many in zip(small, large, strict=True)), (small, large)


async def test_lazily_made_agents_are_small() -> None:
    runtime = SingleThreadedAgentRuntime()

    async def handle(agent: Scripted, message: Any, ctx: MessageContext) -> None:
        return None

    await add_agent(runtime, "handle", handle)
    runtime.start()
    await runtime.send_message(Number(0), AgentId("handle", "first"))
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(5_000):
            await runtime.send_message(Number(0), AgentId("handle", str(number)))
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    await runtime.stop()

    assert (after - before) / 5_000 < 500
