"""Measure the runtime against autogen-core, interleaved: `uv run python benchmarks/runtime.py [--rounds 5]`.

Each round runs every workload once in a fresh process of either side, so that both see the same machine; what is
reported is the median over the rounds, the spread (largest over smallest) and the ratio. autogen-core gets an
environment of its own, made once with uv in a cache folder. The workloads are one source text for both sides: their
packages have the same names.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

PEER = "autogen-core==0.7.5"

WORKLOADS = r"""
import asyncio, gc, importlib, json, resource, sys, time, tracemalloc
from dataclasses import dataclass

started = time.perf_counter()
core = importlib.import_module(sys.argv[1])
SingleThreadedAgentRuntime, RoutedAgent = core.SingleThreadedAgentRuntime, core.RoutedAgent
results = {"import, ms": (time.perf_counter() - started) * 1e3}
scale = float(sys.argv[2])


@dataclass
class Message:
    number: int
    text: str = ""


class Echo(RoutedAgent):
    @core.message_handler
    async def on_message_(self, message: Message, ctx: core.MessageContext) -> Message:
        return message


class Forward(RoutedAgent):
    @core.message_handler
    async def on_message_(self, message: Message, ctx: core.MessageContext) -> Message:
        echo = core.AgentId("echo", "x")
        for _ in range(message.number):
            await self.send_message(message, echo)
        return message


class Sink(RoutedAgent):
    @core.message_handler
    async def on_message_(self, message: Message, ctx: core.MessageContext) -> None:
        pass


class Relay(RoutedAgent):
    def __init__(self, to):
        super().__init__("relay")
        self.to = to

    @core.message_handler
    async def on_message_(self, message: Message, ctx: core.MessageContext) -> None:
        if message.number > 0:
            await self.publish_message(Message(message.number - 1), core.TopicId(self.to, "x"))


class Clock:
    def __init__(self, name, count):
        self.name, self.count = name, count

    def __enter__(self):
        gc.collect()
        self.begun = time.perf_counter()

    def __exit__(self, *_):
        results[self.name] = (time.perf_counter() - self.begun) / self.count * 1e6


async def idle(runtime):
    await runtime.stop_when_idle()
    runtime.start()


async def main():
    runtime = SingleThreadedAgentRuntime()
    await Echo.register(runtime, "echo", lambda: Echo("echo"))
    await Forward.register(runtime, "forward", lambda: Forward("forward"))
    await Sink.register(runtime, "sink", lambda: Sink("sink"))
    for width in (1, 10, 100, 1000):
        for number in range(width):
            name = f"sink_{width}_{number}"
            await Sink.register(runtime, name, lambda: Sink("sink"), skip_direct_message_subscription=True)
            await runtime.add_subscription(core.TypeSubscription(f"topic_{width}", name))
    for number in range(1000):
        await Relay.register(
            runtime, f"chain_{number}", lambda number=number: Relay(f"chain_{number + 1}"),
            skip_direct_message_subscription=True,
        )
        await runtime.add_subscription(core.TypeSubscription(f"chain_{number}", f"chain_{number}"))
    for name, to in (("ping", "pong"), ("pong", "ping")):
        await Relay.register(runtime, name, lambda to=to: Relay(to))
        await runtime.add_subscription(core.TypeSubscription(name, name))
    runtime.start()
    echo = core.AgentId("echo", "x")
    count = int(5000 * scale)
    for _ in range(200):
        await runtime.send_message(Message(0), echo)
    with Clock("send, sequential", count):
        for _ in range(count):
            await runtime.send_message(Message(0), echo)
    large = Message(0, "x" * 100_000)
    with Clock("send, 100 kB", count // 10):
        for _ in range(count // 10):
            await runtime.send_message(large, echo)
    with Clock("send, 1000 concurrent", count // 1000 * 1000):
        for _ in range(count // 1000):
            await asyncio.gather(*(runtime.send_message(Message(0), echo) for _ in range(1000)))
    with Clock("send, agent to agent", count):
        await runtime.send_message(Message(count), core.AgentId("forward", "x"))
    for width in (1, 10, 100, 1000):
        times = max(1, count // width)
        await runtime.publish_message(Message(0), core.TopicId(f"topic_{width}", "x"))
        await idle(runtime)
        with Clock(f"publish to {width}, per delivery", times * width):
            for _ in range(times):
                await runtime.publish_message(Message(0), core.TopicId(f"topic_{width}", "x"))
            await idle(runtime)
    with Clock("ping-pong, publish", count):
        await runtime.publish_message(Message(count), core.TopicId("ping", "x"))
        await idle(runtime)
    await runtime.publish_message(Message(1000), core.TopicId("chain_0", "x"))
    await idle(runtime)
    with Clock("chain of 1000 publishers", 1000):
        await runtime.publish_message(Message(1000), core.TopicId("chain_0", "x"))
        await idle(runtime)
    with Clock("agents made by key", count):
        for number in range(count):
            await runtime.send_message(Message(0), core.AgentId("sink", f"a{number}"))
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for number in range(count):
        await runtime.send_message(Message(0), core.AgentId("sink", f"b{number}"))
    gc.collect()
    results["bytes per agent"] = (tracemalloc.get_traced_memory()[0] - before) / count
    token = core.CancellationToken()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(count):
        await runtime.send_message(Message(0), echo, cancellation_token=token)
    gc.collect()
    results["bytes per send kept by a shared token"] = (tracemalloc.get_traced_memory()[0] - before) / count
    tracemalloc.stop()
    await runtime.stop()

    for size in (10, 100, 1000):
        runtime = SingleThreadedAgentRuntime()
        await Sink.register(runtime, "sink", lambda: Sink("sink"))
        with Clock(f"add {size} subscriptions, each", size):
            for number in range(size):
                await runtime.add_subscription(core.TypeSubscription(f"t{number}", "sink"))
        runtime.start()
        times = 300
        await runtime.publish_message(Message(0), core.TopicId("t0", "x"))
        await idle(runtime)
        with Clock(f"publish to a seen topic, {size} subscriptions", times):
            for _ in range(times):
                await runtime.publish_message(Message(0), core.TopicId("t0", "x"))
            await idle(runtime)
        with Clock(f"publish to new topics without subscribers, {size} subscriptions", times):
            for number in range(times):
                await runtime.publish_message(Message(0), core.TopicId("unknown", str(number)))
            await idle(runtime)
        await runtime.stop()
    results["peak memory, MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


asyncio.run(main())
print(json.dumps(results))
"""


def peer_python() -> Path:
    """Return the interpreter of an environment with autogen-core, making the environment if need be."""
    environment = Path(tempfile.gettempdir()) / "hubbub-benchmarks" / PEER.replace("==", "-")
    python = environment / "bin" / "python"
    if not (environment / "ready").exists():
        subprocess.run(["uv", "venv", "--clear", "--python", sys.executable, str(environment)], check=True)
        subprocess.run(["uv", "pip", "install", "--python", str(python), PEER], check=True)
        (environment / "ready").touch()
    return python


def measure(python: Path, package: str, scale: float) -> dict[str, float]:
    """Run all workloads once in a fresh process."""
    command = [str(python), "-c", WORKLOADS, package, str(scale)]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)
    results: dict[str, float] = json.loads(ran.stdout.splitlines()[-1])
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5, help="how often each side is measured (default 5)")
    parser.add_argument("--scale", type=float, default=1.0, help="multiplies the numbers of messages (default 1)")
    parser.add_argument("--json", type=Path, help="write the figures of all rounds to this file")
    arguments = parser.parse_args()
    sides = {"hubbub_core": Path(sys.executable), "autogen_core": peer_python()}
    rounds: dict[str, list[dict[str, float]]] = {side: [] for side in sides}
    for number in range(arguments.rounds):
        print(f"round {number + 1} of {arguments.rounds}", file=sys.stderr)
        for side, python in sides.items():
            rounds[side].append(measure(python, side, arguments.scale))
    print(f"{PEER}, CPython {platform.python_version()}, {platform.system()} {platform.machine()}")
    print("microseconds unless stated; median (largest / smallest) of", arguments.rounds, "rounds\n")
    print(f"| {'workload':56} | {'hubbub_core':>18} | {'autogen_core':>18} | {'ratio':>6} |")
    print(f"|{'-' * 58}|{'-' * 19}:|{'-' * 19}:|{'-' * 7}:|")
    for workload in rounds["hubbub_core"][0]:
        cells, medians = [], []
        for side in sides:
            values = [each[workload] for each in rounds[side]]
            medians.append(statistics.median(values))
            low = max(min(values), 1e-9)
            cells.append(f"{medians[-1]:.2f} ({max(values) / low:.1f})")
        ratio = f"{medians[1] / medians[0]:.1f}" if medians[0] > 1 else "-"
        print(f"| {workload:56} | {cells[0]:>18} | {cells[1]:>18} | {ratio:>6} |")
    if arguments.json:
        arguments.json.write_text(json.dumps(rounds, indent=1))


if __name__ == "__main__":
    main()
