"""Whether memory stays flat: ten million messages of every kind, and the memory of the process over time.

    uv run python benchmarks/soak.py [--messages 10000000]

The exit status is 1 if the process grew by more than `--allowed` megabytes after the first quarter. Agents live as long
as their runtime, so each runtime takes a share of the messages only, is closed, and has to vanish with its agents.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import platform
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hubbub_core import (
    AgentId,
    CancellationToken,
    MessageContext,
    RoutedAgent,
    SingleThreadedAgentRuntime,
    TopicId,
    TypeSubscription,
    event,
    rpc,
)

PER_RUNTIME = 50_000
SAMPLES = 20


@dataclass
class Work:
    """A message."""

    number: int


class Worker(RoutedAgent):
    """Answers; every hundredth message it refuses."""

    @rpc
    async def on_send(self, message: Work, ctx: MessageContext) -> int:
        """Answer at once, after a wait, or with an error."""
        if message.number % 100 == 0:
            raise ValueError("refused")
        if message.number % 50 == 1:
            await asyncio.sleep(0)
        return message.number

    @event
    async def on_publish(self, message: Work, ctx: MessageContext) -> None:
        """Take part in the fan-out; now and then read what is made on demand."""
        if message.number % 10 == 0:
            assert ctx.message_id
            assert not ctx.cancellation_token.is_cancelled()


class Link(RoutedAgent):
    """Publishes to the next link, and asks a worker at the end of the chain."""

    @event
    async def on_work(self, message: Work, ctx: MessageContext) -> None:
        """Pass on."""
        assert ctx.topic_id is not None
        if message.number > 0:
            await self.publish_message(Work(message.number - 1), TopicId(f"chain{message.number - 1}", "x"))
        else:
            await self.send_message(Work(7), AgentId("worker", "end"), cancellation_token=ctx.cancellation_token)


class Patient(RoutedAgent):
    """Waits until it is cancelled."""

    @rpc
    async def on_send(self, message: Work, ctx: MessageContext) -> None:
        """Wait."""
        await asyncio.Event().wait()


async def make_runtime() -> SingleThreadedAgentRuntime:
    """Make a started runtime with all the agents."""
    runtime = SingleThreadedAgentRuntime()
    await Worker.register(runtime, "worker", lambda: Worker("works"))
    await Patient.register(runtime, "patient", lambda: Patient("waits"))
    for number in range(3):
        await Worker.register(runtime, f"listener{number}", lambda: Worker("listens"))
        await runtime.add_subscription(TypeSubscription("news", f"listener{number}"))
    await Worker.register(runtime, "session", lambda: Worker("is made for each session"))
    await runtime.add_subscription(TypeSubscription("session", "session"))
    for number in range(5):
        await Link.register(runtime, f"link{number}", lambda: Link("passes on"))
        await runtime.add_subscription(TypeSubscription(f"chain{number}", f"link{number}"))
    runtime.start()
    return runtime


async def round_of_all(runtime: SingleThreadedAgentRuntime, number: int, shared: CancellationToken) -> int:
    """Send and publish in every way there is; return how many messages that were."""
    worker = AgentId("worker", str(number % 50))
    sent = 0
    for value in range(number * 20, number * 20 + 20):
        try:
            await runtime.send_message(Work(value), worker, cancellation_token=shared if value % 4 == 0 else None)
        except ValueError:
            pass
        sent += 1
    # Three subscribers; a topic source that nobody hears and that never comes again; an agent made for its session.
    for _ in range(4):
        await runtime.publish_message(Work(number), TopicId("news", str(number % 20)))
    await runtime.publish_message(Work(number), TopicId("unheard", str(number)))
    await runtime.publish_message(Work(number), TopicId("session", str(number)), cancellation_token=shared)
    await runtime.publish_message(Work(4), TopicId("chain4", "x"))
    sent += 4 * 3 + 2 + 6
    # Messages cancelled: in the queue, and while their handlers wait; by a token of their own, and with the sender.
    token = CancellationToken()
    waiting = [
        asyncio.ensure_future(runtime.send_message(Work(0), AgentId("patient", "x"), cancellation_token=token)),
        asyncio.ensure_future(runtime.send_message(Work(0), AgentId("patient", "x"), cancellation_token=shared)),
    ]
    if number % 2:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    token.cancel()
    waiting[1].cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    answers = await asyncio.gather(*(runtime.send_message(Work(value), worker) for value in range(1, 11)))
    assert answers == list(range(1, 11))
    return sent + 2 + 10


def memory() -> float:
    """Return the megabytes of the process that are in memory; where the system does not tell, the most ever."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    return pages * resource.getpagesize() / 2**20


async def soak(messages: int, report: Callable[[int, float], None]) -> list[float]:
    """Send the messages; return the memory at `SAMPLES` regular points, which `report` is told with the count."""
    shared = CancellationToken()
    done = number = 0
    samples: list[float] = []
    while done < messages:
        runtime = await make_runtime()
        until = min(done + PER_RUNTIME, messages)
        while done < until:
            done += await round_of_all(runtime, number, shared)
            number += 1
        await runtime.stop_when_idle()
        await runtime.close()
        if done * SAMPLES >= messages * (len(samples) + 1):
            gc.collect()
            samples.append(memory())
            report(done, samples[-1])
    return samples


def main() -> int:
    """Run; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=10_000_000)
    parser.add_argument("--allowed", type=float, default=3.0, help="growth in megabytes that counts as flat")
    arguments = parser.parse_args()
    # Errors of handlers are part of the mix.
    logging.disable(logging.CRITICAL)
    begun = time.perf_counter()
    print(f"CPython {platform.python_version()}, {platform.system()} {platform.machine()}")
    print(f"{'messages':>12}{'seconds':>9}{'MB':>8}")

    def report(done: int, megabytes: float) -> None:
        print(f"{done:12,}{time.perf_counter() - begun:9.1f}{megabytes:8.2f}", flush=True)

    samples = asyncio.run(soak(arguments.messages, report))
    growth = samples[-1] - samples[len(samples) // 4]
    flat = growth <= arguments.allowed
    print(f"grown by {growth:.2f} MB after the first quarter: {'flat' if flat else 'NOT flat'}")
    return 0 if flat else 1


if __name__ == "__main__":
    sys.exit(main())
