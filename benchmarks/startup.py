"""What starting costs: imports, peak memory, and the command line, against the budgets of the project.

    uv run python benchmarks/startup.py [--rounds 5]

Every row is a process of its own; rows run interleaved, the best of the rounds counts, and bytecode is cached before
the first one. "over" is the time above the bare interpreter, measured in the same rounds. A row over its budget is
marked, and the exit status is 1; on a loaded machine, read the ratio to `import asyncio` instead.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

DELIVERY = """
from dataclasses import dataclass
import asyncio
from hubbub_core import AgentId, MessageContext, RoutedAgent, SingleThreadedAgentRuntime, TopicId, message_handler
@dataclass
class Ping:
    text: str
class Echo(RoutedAgent):
    @message_handler
    async def on_ping(self, message: Ping, ctx: MessageContext) -> Ping:
        return message
async def main():
    runtime = SingleThreadedAgentRuntime()
    await Echo.register(runtime, "echo", lambda: Echo("echo"))
    runtime.start()
    assert await runtime.send_message(Ping("hello"), AgentId("echo", "default")) == Ping("hello")
    await runtime.stop_when_idle()
asyncio.run(main())
"""
PEAK = "\nimport resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
PLUGINS = ("agentchat", "langgraph", "llama_index", "mcp", "openai")
HUBBUB = str(Path(sys.executable).parent / "hubbub")


@dataclass
class Row:
    """One measured start."""

    name: str
    command: list[str]
    budget_ms: float | None = None
    budget_mb: float | None = None
    over_bare: bool = True
    environment: dict[str, str] = field(default_factory=dict)
    times: list[float] = field(default_factory=list)
    peaks: list[float] = field(default_factory=list)

    def measure(self) -> None:
        """Run the command once."""
        environment = {**os.environ, **self.environment}
        begun = time.perf_counter()
        done = subprocess.run(self.command, capture_output=True, text=True, env=environment, check=False)
        self.times.append((time.perf_counter() - begun) * 1000)
        if done.returncode:
            sys.exit(f"{self.name} failed:\n{done.stderr}")
        last = done.stdout.split()[-1:]
        if self.command[1] == "-c" and last and last[0].isdigit():
            self.peaks.append(int(last[0]) / 1024)


def python(name: str, code: str, **budgets: float) -> Row:
    """Make a row of a Python program that prints its peak memory."""
    return Row(name, [sys.executable, "-c", code + PEAK], **budgets)  # type: ignore[arg-type] # budgets are floats only


def make_distributions(folder: Path, count: int) -> None:
    """Write the metadata of distributions that are not plugins."""
    for number in range(count):
        info = folder / f"filler_{number}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: filler-{number}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[console_scripts]\nfiller{number} = filler:main\n")


def main() -> int:
    """Run the benchmark; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as name:
        make_distributions(Path(name), 200)
        many = {"PYTHONPATH": name}
        bare = python("bare interpreter", "pass")
        rows = [
            bare,
            python("import asyncio", "import asyncio"),
            python("core: import and deliver one message", DELIVERY, budget_ms=90, budget_mb=25),
            *(python(f"import hubbub_{plugin}", f"import hubbub_{plugin}", budget_ms=30) for plugin in PLUGINS),
            Row("hubbub --help", [HUBBUB, "--help"], budget_ms=200, over_bare=False),
            Row("hubbub plugins list, 200 more distributions", [HUBBUB, "plugins", "list"], 250, None, False, many),
        ]
        for row in rows:
            row.measure()
            row.times.clear()
            row.peaks.clear()
        for _ in range(rounds):
            for row in rows:
                row.measure()
    base = min(bare.times)
    asyncio_over = min(rows[1].times) - base
    failed = False
    print(f"{'':46}{'ms':>7}{'over':>7}{'budget':>8}{'x asyncio':>11}{'MB':>7}{'budget':>8}")
    for row in rows:
        best, over = min(row.times), min(row.times) - base
        counted = over if row.over_bare else best
        peak = min(row.peaks) if row.peaks else None
        bad = (row.budget_ms is not None and counted > row.budget_ms) or (
            row.budget_mb is not None and peak is not None and peak > row.budget_mb
        )
        failed = failed or bad
        print(
            f"{row.name:46}{best:7.0f}{over:7.0f}{row.budget_ms or '-':>8}{over / asyncio_over:11.2f}"
            f"{peak or 0:7.1f}{row.budget_mb or '-':>8}{'  OVER' if bad else ''}"
        )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
