"""The workloads of `runtime.py`, for either package: `python _runtime_workloads.py PACKAGE SCALE GROUP`.

Prints the figures of one group as JSON: microseconds unless the name says otherwise, most the median of repetitions.
The packages have the same names, so one text serves both; type checkers see ours.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import resource
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import hubbub_core as core
else:
    core = importlib.import_module(sys.argv[1])

results: dict[str, float] = {}


@dataclass
class Message:
    number: int
    text: str = ""


class Echo(core.RoutedAgent):
    @core.message_handler
    async def on_text(self, message: Message, ctx: core.MessageContext) -> Message:
        return message


class Forward(core.RoutedAgent):
    """Sends as many messages to the echo as it is told."""

    @core.message_handler
    async def on_text(self, message: Message, ctx: core.MessageContext) -> Message:
        echo = core.AgentId("echo", "x")
        for _ in range(message.number):
            await self.send_message(message, echo)
        return message


class Sink(core.RoutedAgent):
    @core.message_handler
    async def on_text(self, message: Message, ctx: core.MessageContext) -> None:
        return None


class Relay(core.RoutedAgent):
    """Publishes on, as often as the message's number says."""

    def __init__(self, to: str) -> None:
        super().__init__("relay")
        self.to = to

    @core.message_handler
    async def on_text(self, message: Message, ctx: core.MessageContext) -> None:
        if message.number > 0:
            await self.publish_message(Message(message.number - 1), core.TopicId(self.to, "x"))


class Nest(core.RoutedAgent):
    """Sends on, as often as the message's number says: to two agents in turn, or else to a new agent each time."""

    def __init__(self, recipients: tuple[core.AgentId, ...]) -> None:
        super().__init__("nest")
        self.recipients = recipients

    @core.message_handler
    async def on_number(self, message: Message, ctx: core.MessageContext) -> Message:
        left = message.number
        if left > 0:
            recipient = self.recipients[left % 2] if self.recipients else core.AgentId("nest", str(left))
            return await self.send_message(Message(left - 1, message.text), recipient)  # type: ignore[no-any-return] # a reply may be anything
        if message.text == "collect":
            begun = time.thread_time()
            gc.collect()
            return Message(0, str(time.thread_time() - begun))
        return message


async def measure(name: str, count: int, body: Callable[[], Awaitable[object]], repetitions: int = 5) -> None:
    """Note the time of one of the `count` things that `body` does."""
    times = []
    for _ in range(repetitions):
        gc.collect()
        begun = time.perf_counter()
        await body()
        times.append((time.perf_counter() - begun) / count * 1e6)
    results[name] = statistics.median(times)


async def started() -> core.SingleThreadedAgentRuntime:
    """Return a started runtime with an echo and a sink."""
    runtime = core.SingleThreadedAgentRuntime()
    await Echo.register(runtime, "echo", lambda: Echo("echo"))
    await Sink.register(runtime, "sink", lambda: Sink("sink"))
    runtime.start()
    return runtime


async def idle(runtime: core.SingleThreadedAgentRuntime) -> None:
    """Wait until all is delivered."""
    await runtime.stop_when_idle()
    runtime.start()


def in_memory() -> int:
    """Return the bytes of the process that are in memory; where the system does not tell, the most ever."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return pages * resource.getpagesize()


async def send(scale: float) -> None:
    """Direct messages from outside, and from agent to agent."""
    runtime = await started()
    await Forward.register(runtime, "forward", lambda: Forward("forward"))
    echo, forward = core.AgentId("echo", "x"), core.AgentId("forward", "x")
    count = max(1000, int(2000 * scale))
    large = Message(0, "x" * 100_000)

    async def one_after_another(message: Message, times: int) -> None:
        for _ in range(times):
            await runtime.send_message(message, echo)

    async def at_once() -> None:
        await asyncio.gather(*(runtime.send_message(Message(0), echo) for _ in range(1000)))

    await one_after_another(Message(0), 200)
    await measure("send, one after another", count, lambda: one_after_another(Message(0), count))
    await measure("send, 1,000 at once", 1000, at_once)
    await measure("send, agent to agent", count, lambda: runtime.send_message(Message(count), forward))
    await measure("send, 100 kB", count // 10, lambda: one_after_another(large, count // 10))
    await runtime.stop()


async def nested(scale: float) -> None:
    """Agents that wait for agents: the longest time for which the loop runs nothing else, the collector's included.

    That is by the clock, the best of three, as other work on the machine lengthens it; and it depends on how deep the
    agents were when the garbage collector chose to look at everything. So the worst that it can do is measured too, in
    processor time.
    """

    async def watch(pauses: list[float]) -> None:
        beat = time.perf_counter()
        while True:
            await asyncio.sleep(0)
            now = time.perf_counter()
            pauses.append(now - beat)
            beat = now

    two = (core.AgentId("nest", "ping"), core.AgentId("nest", "pong"))
    for shape, recipients in (("2 agents", two), ("new agents", ())):
        longest, collections = [], []
        for text in ("", "collect") * 3:
            runtime = core.SingleThreadedAgentRuntime()
            await Nest.register(runtime, "nest", lambda recipients=recipients: Nest(recipients))  # type: ignore[misc] # a lambda's default has no inferred type
            runtime.start()
            pauses: list[float] = []
            gc.collect()
            watching = asyncio.create_task(watch(pauses))
            reply = await runtime.send_message(Message(10_000, text), core.AgentId("nest", "first"))
            watching.cancel()
            await runtime.stop()
            if text:
                collections.append(float(reply.text) * 1e3)
            else:
                longest.append(max(pauses) * 1e3)
        results[f"10,000 nested sends, {shape}: longest pause of the loop, ms"] = min(longest)
        results[f"10,000 nested sends, {shape}: collection at the deepest, ms"] = min(collections)


async def telemetry(scale: float) -> None:
    """Direct messages while spans are recorded, and handed to an exporter in batches that drops them."""
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

    class Drop(SpanExporter):
        def export(self, spans: object) -> SpanExportResult:
            return SpanExportResult.SUCCESS

        def shutdown(self) -> None:
            return None

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(Drop()))
    runtime = core.SingleThreadedAgentRuntime(tracer_provider=provider)
    await Echo.register(runtime, "echo", lambda: Echo("echo"))
    runtime.start()
    count = max(1000, int(2000 * scale))

    async def one_after_another() -> None:
        for _ in range(count):
            await runtime.send_message(Message(0), core.AgentId("echo", "x"))

    await one_after_another()
    await measure("send, OpenTelemetry SDK recording", count, one_after_another)
    await runtime.stop()
    provider.shutdown()


async def publish(scale: float) -> None:
    """Fan-out; per delivery."""
    runtime = await started()
    for width in (1, 10, 100, 1000):
        for number in range(width):
            name = f"sink_{width}_{number}"
            await Sink.register(runtime, name, lambda: Sink("sink"), skip_direct_message_subscription=True)
            await runtime.add_subscription(core.TypeSubscription(f"topic_{width}", name))
        times = max(1, int(2000 * scale) // width)

        async def fan_out(times: int = times, topic: str = f"topic_{width}") -> None:
            for _ in range(times):
                await runtime.publish_message(Message(0), core.TopicId(topic, "x"))
            await idle(runtime)

        await fan_out()
        await measure(f"publish to {width:,}, per delivery", times * width, fan_out)
    await runtime.stop()


async def conversation(scale: float) -> None:
    """Agents that publish in turn."""
    runtime = await started()
    for name, to in (("ping", "pong"), ("pong", "ping")):
        await Relay.register(runtime, name, lambda to=to: Relay(to))  # type: ignore[misc] # a lambda's default has no inferred type
        await runtime.add_subscription(core.TypeSubscription(name, name))
    for number in range(1000):
        await Relay.register(
            runtime,
            f"chain_{number}",
            lambda number=number: Relay(f"chain_{number + 1}"),  # type: ignore[misc] # a lambda's default has no inferred type
            skip_direct_message_subscription=True,
        )
        await runtime.add_subscription(core.TypeSubscription(f"chain_{number}", f"chain_{number}"))

    async def start_at(topic: str, number: int) -> None:
        await runtime.publish_message(Message(number), core.TopicId(topic, "x"))
        await idle(runtime)

    count = max(1000, int(10_000 * scale))
    await start_at("ping", 100)
    await measure("ping-pong, publish", count, lambda: start_at("ping", count), 3)
    await start_at("chain_0", 1000)
    await measure("chain of 1,000 publishers", 1000, lambda: start_at("chain_0", 1000))
    await runtime.stop()


async def agents(scale: float) -> None:
    """Agents made by the first message to them."""
    runtime = await started()
    count = int(100_000 * scale)
    await runtime.send_message(Message(0), core.AgentId("sink", "first"))
    gc.collect()
    before = in_memory()
    begun = time.perf_counter()
    for number in range(count):
        await runtime.send_message(Message(0), core.AgentId("sink", str(number)))
    results["agent made by a send"] = (time.perf_counter() - begun) / count * 1e6
    gc.collect()
    results["agent made by a send, bytes"] = (in_memory() - before) / count
    await runtime.stop()


async def subscriptions(scale: float) -> None:
    """Subscriptions: adding them, and publishing among them."""
    for size in (10, 100, 1000, 10_000):
        if size * scale < 10:
            continue
        runtime = await started()
        begun = time.perf_counter()
        for number in range(size):
            await runtime.add_subscription(core.TypeSubscription(f"t{number}", "sink"))
        results[f"add one of {size:,} subscriptions"] = (time.perf_counter() - begun) / size * 1e6
        new: Iterator[int] = iter(range(10**9))

        async def to_seen(runtime: core.SingleThreadedAgentRuntime = runtime) -> None:
            for _ in range(200):
                await runtime.publish_message(Message(0), core.TopicId("t0", "x"))
            await idle(runtime)

        async def to_new(
            runtime: core.SingleThreadedAgentRuntime = runtime,
            new: Iterator[int] = new,
        ) -> None:
            for _ in range(200):
                await runtime.publish_message(Message(0), core.TopicId("unknown", str(next(new))))
            await idle(runtime)

        await to_seen()
        await measure(f"publish to a seen topic, {size:,} subscriptions", 200, to_seen)
        await measure(f"publish to new topics without subscribers, {size:,} subscriptions", 200, to_new)
        await runtime.stop()


async def topics(scale: float) -> None:
    """One more subscription after many topics."""
    runtime = await started()
    for number in range(1000):
        await runtime.add_subscription(core.TypeSubscription(f"t{number}", "sink"))
    count = int(10_000 * scale)
    for number in range(count):
        await runtime.publish_message(Message(0), core.TopicId(f"t{number % 1000}", str(number % 10)))
    for number in range(count):
        await runtime.publish_message(Message(0), core.TopicId("unknown", str(number)))
    await idle(runtime)
    more = iter(range(100))
    name = "one more than 1,000 subscriptions after 20,000 topics, ms"
    await measure(name, 1000, lambda: runtime.add_subscription(core.TypeSubscription(f"more{next(more)}", "sink")))
    await runtime.stop()


async def token(scale: float) -> None:
    """What a token shared by many messages keeps of them."""
    import tracemalloc

    runtime = await started()
    shared, echo = core.CancellationToken(), core.AgentId("echo", "x")
    count = int(5000 * scale)
    await runtime.send_message(Message(0), echo, cancellation_token=shared)
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for _ in range(count):
        await runtime.send_message(Message(0), echo, cancellation_token=shared)
    gc.collect()
    results["kept of a send by a shared token, bytes"] = (tracemalloc.get_traced_memory()[0] - before) / count
    tracemalloc.stop()
    await runtime.stop()


GROUPS = (send, nested, telemetry, publish, conversation, agents, subscriptions, topics, token)

if __name__ == "__main__":
    asyncio.run({group.__name__: group for group in GROUPS}[sys.argv[3]](float(sys.argv[2])))
    print(json.dumps(results))
