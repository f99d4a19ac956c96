"""Measure the runtime against autogen-core, interleaved.

    uv run python benchmarks/runtime.py [--rounds 5] [--only send,publish] [--scale 1] [--json FILE]

Each round runs every group of workloads in a fresh process of either side, one right after the other, so that both see
the same machine. Reported are medians over the rounds, with the spread (largest over smallest) in brackets, and
whether the targets are met; they are ratios to autogen-core in the same rounds wherever that makes sense. autogen-core
gets an environment of its own in the folder for temporary files, made at the first run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

PEER = "autogen-core==0.7.5"
TELEMETRY = "opentelemetry-sdk"
OURS, THEIRS = "hubbub_core", "autogen_core"
GROUPS = (
    "import",
    "send",
    "nested",
    "telemetry",
    "publish",
    "conversation",
    "agents",
    "subscriptions",
    "topics",
    "token",
)
WORKLOADS = Path(__file__).with_name("_runtime_workloads.py")

# What a program needs to deliver its first message, and that message; json is imported when it is over.
IMPORT = """
import time
begun = time.perf_counter()
import asyncio
from dataclasses import dataclass
from PACKAGE import AgentId, MessageContext, RoutedAgent, SingleThreadedAgentRuntime, TopicId, message_handler
imported = time.perf_counter() - begun
@dataclass
class Message:
    text: str
class Echo(RoutedAgent):
    @message_handler
    async def on_text(self, message: Message, ctx: MessageContext) -> Message:
        return message
async def main():
    runtime = SingleThreadedAgentRuntime()
    await Echo.register(runtime, "echo", lambda: Echo("echo"))
    runtime.start()
    await runtime.send_message(Message("x"), AgentId("echo", "x"))
    await runtime.stop_when_idle()
asyncio.run(main())
import json, resource, sys
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
print(json.dumps({"import, ms": imported * 1e3, "peak memory of one message, MB": peak}))
"""

Rounds = dict[str, list[dict[str, float]]]


class Figures:
    """The medians of either side."""

    def __init__(self, rounds: Rounds) -> None:
        self._values = {
            side: {name: [each[name] for each in done] for name in done[0]} for side, done in rounds.items() if done
        }

    def names(self) -> list[str]:
        """Return the names of the workloads."""
        return list(self._values[OURS])

    def ours(self, name: str) -> float:
        """Return our median."""
        return statistics.median(self._values[OURS][name])

    def theirs(self, name: str) -> float:
        """Return their median."""
        return statistics.median(self._values[THEIRS][name])

    def ratio(self, name: str) -> float:
        """Return the median over the rounds of their time by ours: the noise of a round is in both."""
        pairs = zip(self._values[THEIRS][name], self._values[OURS][name], strict=True)
        return statistics.median(theirs / max(ours, 1e-9) for theirs, ours in pairs)

    def cell(self, side: str, name: str) -> str:
        """Return a median and its spread as text."""
        values = self._values[side][name]
        median = statistics.median(values)
        digits = 3 if median < 1 else 2 if median < 100 else 0
        spread = f" ({max(values) / min(values):.1f})" if min(values) > 0 and len(values) > 1 else ""
        return f"{median:,.{digits}f}{spread}"


@dataclass(frozen=True)
class Target:
    """What is wanted of a figure made from the medians: at least so much, or at most."""

    what: str
    figure: Callable[[Figures], float]
    must: float
    stretch: float | None = None
    at_most: bool = False

    def row(self, figures: Figures) -> str | None:
        """Return the line of the table; None if the workloads were not run."""
        try:
            value = self.figure(figures)
        except KeyError:
            return None
        sign = "<=" if self.at_most else ">="
        stretch = "-" if self.stretch is None else f"{sign} {self.stretch:.3g}"
        met = "yes" if self._holds(value, self.must) else "NO"
        if self.stretch is not None and self._holds(value, self.stretch):
            met = "stretch"
        return f"| {self.what:62} | {value:9.3g} | {sign + f' {self.must:g}':>8} | {stretch:>8} | {met:>7} |"

    def _holds(self, value: float, bound: float) -> bool:
        return value <= bound if self.at_most else value >= bound


def times(name: str, must: float, stretch: float | None = None) -> Target:
    """Make the target of being so many times as fast as autogen-core."""
    return Target(f"x faster: {name}", lambda figures: figures.ratio(name), must, stretch)


def below(name: str, must: float, stretch: float | None = None) -> Target:
    """Make a target of our own figure."""
    return Target(name, lambda figures: figures.ours(name), must, stretch, at_most=True)


UNMATCHED = "publish to new topics without subscribers, {} subscriptions"
ONE_MORE = "one more than 1,000 subscriptions after 20,000 topics, ms"
SENT, TRACED = "send, one after another", "send, OpenTelemetry SDK recording"
TARGETS = (
    times(SENT, 10, 40),
    times("send, 1,000 at once", 10, 20),
    times("send, agent to agent", 10, 40),
    times("send, 100 kB", 100),
    Target("100 kB by 16 bytes, ours", lambda f: f.ours("send, 100 kB") / f.ours(SENT), 1.1, at_most=True),
    Target("traced send by their idle send", lambda f: f.ours(TRACED) / f.theirs(SENT), 1 / 2, 1 / 3, at_most=True),
    below("10,000 nested sends, 2 agents: longest pause of the loop, ms", 50, 25),
    below("10,000 nested sends, new agents: longest pause of the loop, ms", 50, 35),
    times("publish to 1,000, per delivery", 7, 25),
    times("ping-pong, publish", 10, 30),
    times("chain of 1,000 publishers", 10, 30),
    times("agent made by a send", 15, 40),
    below("agent made by a send", 12),
    below("agent made by a send, bytes", 500),
    times("add one of 10,000 subscriptions", 200),
    Target(
        "unmatched publish, 10,000 by 10 subscriptions, ours",
        lambda f: f.ours(UNMATCHED.format("10,000")) / f.ours(UNMATCHED.format("10")),
        1.2,
        at_most=True,
    ),
    below(ONE_MORE, 0.05),
    below("kept of a send by a shared token, bytes", 10),
    below("import, ms", 90, 60),
    below("peak memory of one message, MB", 25),
)


def peer_python() -> Path:
    """Return the interpreter of an environment with autogen-core, making the environment if need be."""
    name = f"hubbub-benchmarks-{PEER.replace('==', '-')}-{platform.python_version()}"
    environment = Path(tempfile.gettempdir()) / name
    python = environment / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not (environment / "ready").exists():
        print(f"making an environment with {PEER}", file=sys.stderr)
        packages = [PEER, TELEMETRY]
        if shutil.which("uv"):
            make = ["uv", "venv", "--quiet", "--clear", "--python", sys.executable, str(environment)]
            install = ["uv", "pip", "install", "--quiet", "--python", str(python), *packages]
        else:
            make = [sys.executable, "-m", "venv", "--clear", str(environment)]
            install = [str(python), "-m", "pip", "install", "--quiet", *packages]
        # From outside the workspace, whose pins are not the peer's.
        for command in (make, install):
            subprocess.run(command, check=True, cwd=tempfile.gettempdir())
        (environment / "ready").touch()
    return python


def measure(python: Path, package: str, group: str, scale: float) -> dict[str, float]:
    """Run one group of workloads in a fresh process."""
    if group == "import":
        command = [str(python), "-c", IMPORT.replace("PACKAGE", package)]
        # Once for the bytecode.
        subprocess.run(command, check=True, capture_output=True)
    else:
        command = [str(python), str(WORKLOADS), package, str(scale), group]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode:
        sys.exit(f"{package}, {group} failed:\n{ran.stderr}")
    figures: dict[str, float] = json.loads(ran.stdout.splitlines()[-1])
    return figures


def main() -> None:
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="how often each side is measured (default 5)")
    parser.add_argument("--only", default=",".join(GROUPS), help=f"groups to run, of {','.join(GROUPS)}")
    parser.add_argument("--scale", type=float, default=1.0, help="multiplies the numbers of messages (default 1)")
    parser.add_argument("--json", type=Path, help="write the figures of all rounds to this file")
    arguments = parser.parse_args()
    groups = arguments.only.split(",")
    if unknown := sorted(set(groups) - set(GROUPS)):
        parser.error(f"no such group: {', '.join(unknown)}; there are {', '.join(GROUPS)}")
    sides = {OURS: Path(sys.executable), THEIRS: peer_python()}
    rounds: Rounds = {side: [{} for _ in range(arguments.rounds)] for side in sides}
    for number in range(arguments.rounds):
        for group in groups:
            print(f"round {number + 1} of {arguments.rounds}: {group}", file=sys.stderr)
            for side, python in sides.items():
                rounds[side][number].update(measure(python, side, group, arguments.scale))
    figures = Figures(rounds)
    print(
        f"hubbub-core {version('hubbub-core')}, {PEER}, {TELEMETRY} {version(TELEMETRY)}, CPython"
        f" {platform.python_version()}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores,"
        f" {arguments.rounds} rounds\n"
    )
    print("Microseconds unless stated: median (largest by smallest round).\n")
    print(f"| {'workload':62} | {OURS:>16} | {THEIRS:>18} | {'ratio':>7} |")
    print(f"|{'-' * 64}|{'-' * 17}:|{'-' * 19}:|{'-' * 8}:|")
    for name in figures.names():
        ours, theirs = figures.cell(OURS, name), figures.cell(THEIRS, name)
        ratio = figures.ratio(name)
        shown = f"{ratio:,.1f}" if ratio < 100 else f"{ratio:,.0f}" if figures.ours(name) > 1e-3 else "-"
        print(f"| {name:62} | {ours:>16} | {theirs:>18} | {shown:>7} |")
    print(f"\n| {'target':62} | {'measured':>9} | {'must':>8} | {'stretch':>8} | {'met':>7} |")
    print(f"|{'-' * 64}|{'-' * 10}:|{'-' * 9}:|{'-' * 9}:|{'-' * 8}:|")
    for target in TARGETS:
        row = target.row(figures)
        if row is not None:
            print(row)
    if arguments.json:
        arguments.json.write_text(json.dumps(rounds, indent=1))


if __name__ == "__main__":
    main()
