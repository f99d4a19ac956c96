"""Measure teams against autogen-agentchat, agent-framework and langgraph, interleaved.

    uv run python benchmarks/teams.py [--rounds 5] [--only turns,stream,alone] [--scale 1] [--json FILE]

Each round runs every group of workloads in a fresh process of each side, one right after the other, so that all see
the same machine. Reported are medians over the rounds, with the spread (largest over smallest) in brackets, and
whether the targets are met; they are ratios within the same rounds. Each peer gets an environment of its own in the
folder for temporary files, made at the first run: autogen-agentchat 0.7.5, the others at their newest (`--fresh` makes
them anew).

What the peers do is what comes nearest, and less where they have nothing like it: agent-framework's trivial turn is an
executor that passes a number on, without model, history or termination, and its AssistantAgent a group chat with a
selection function; langgraph's are two nodes in a loop that append to a list and to a list of messages.
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

OURS, AUTOGEN = "hubbub", "autogen"
PEERS = {
    AUTOGEN: ("autogen-agentchat==0.7.5",),
    "agent_framework": ("agent-framework-core", "agent-framework-orchestrations"),
    "langgraph": ("langgraph",),
}
KINDS = ("trivial agents", "AssistantAgent")
GROUPS = ("turns", "stream", "alone")
WORKLOADS = Path(__file__).with_name("_teams_workloads.py")

Rounds = dict[str, list[dict[str, float]]]


class Figures:
    """What was measured, of every side."""

    def __init__(self, rounds: Rounds) -> None:
        self._values = {
            side: {name: [each[name] for each in done] for name in done[0]} for side, done in rounds.items() if done
        }

    def names(self) -> list[str]:
        """Return the names of the workloads."""
        return list(self._values[OURS])

    def ratio(self, name: str, side: str = AUTOGEN) -> float:
        """Return the median over the rounds of a peer's time by ours: the noise of a round is in both."""
        pairs = zip(self._values[side][name], self._values[OURS][name], strict=True)
        return statistics.median(theirs / ours for theirs, ours in pairs)

    def nearest(self, name: str) -> float:
        """Return the ratio to the fastest peer that has such a workload."""
        return min(self.ratio(name, side) for side in PEERS if name in self._values.get(side, {}))

    def growth(self, late: str, early: str) -> float:
        """Return the median over the rounds of one of our times by another."""
        pairs = zip(self._values[OURS][late], self._values[OURS][early], strict=True)
        return statistics.median(one / other for one, other in pairs)

    def cell(self, side: str, name: str) -> str:
        """Return a median and its spread as text; a dash where there is no such workload."""
        values = self._values.get(side, {}).get(name)
        if values is None:
            return "-"
        median = statistics.median(values)
        spread = f" ({max(values) / min(values):.1f})" if len(values) > 1 else ""
        return f"{median:,.{2 if median < 100 else 0}f}{spread}"


@dataclass(frozen=True)
class Target:
    """What is wanted of a figure: at least so much, or at most."""

    what: str
    figure: Callable[[Figures], float]
    must: float
    at_most: bool = False

    def row(self, figures: Figures) -> str | None:
        """Return the line of the table; None if the workloads were not run."""
        try:
            value = self.figure(figures)
        except KeyError:
            return None
        met = value <= self.must if self.at_most else value >= self.must
        sign = "<=" if self.at_most else ">="
        return f"| {self.what:68} | {value:9.3g} | {sign + f' {self.must:g}':>7} | {'yes' if met else 'NO':>4} |"


def faster(name: str, must: float) -> Target:
    """Make the target of being so many times as fast as autogen-agentchat."""
    return Target(f"x faster than autogen: {name}", lambda figures: figures.ratio(name), must)


def fastest(name: str) -> Target:
    """Make the target of being ahead of every peer."""
    return Target(f"x faster than the fastest peer: {name}", lambda figures: figures.nearest(name), 1)


def flat(what: str, late: str, early: str) -> Target:
    """Make the target that ours costs the same late as early."""
    return Target(f"ours, {what}", lambda figures: figures.growth(late, early), 1.2, at_most=True)


TURNS = "team of {}, {} turns"
TARGETS = (
    *(faster(TURNS.format(kind, turns), 6) for kind in KINDS for turns in ("100", "1,000")),
    *(fastest(TURNS.format(kind, turns)) for kind in KINDS for turns in ("100", "1,000")),
    faster("chunk through a team", 12),
    *(
        flat(f"team of {kind}, 1,000 by 100 turns", TURNS.format(kind, "1,000"), TURNS.format(kind, "100"))
        for kind in (*KINDS, "AssistantAgent, bounded context")
    ),
    flat("single agent, turn 1,000 by turn 100", "single agent, turn 1,000", "single agent, turn 100"),
)


def peer_python(side: str, fresh: bool) -> Path:
    """Return the interpreter of an environment with a peer, making the environment if need be."""
    packages = PEERS[side]
    environment = Path(tempfile.gettempdir()) / f"hubbub-benchmarks-teams-{side}-{platform.python_version()}"
    python = environment / ("Scripts" if os.name == "nt" else "bin") / "python"
    if fresh or not (environment / "ready").exists():
        print(f"making an environment with {', '.join(packages)}", file=sys.stderr)
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


def installed(python: Path, package: str) -> str:
    """Return a peer's name and version."""
    name = package.partition("==")[0]
    code = f"from importlib.metadata import version; print(version({name!r}))"
    ran = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True)
    return f"{name} {ran.stdout.strip()}"


def measure(python: Path, side: str, group: str, scale: float) -> dict[str, float]:
    """Run one group of workloads in a fresh process."""
    command = [str(python), str(WORKLOADS), side, group, str(scale)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode:
        sys.exit(f"{side}, {group} failed:\n{ran.stderr}")
    figures: dict[str, float] = json.loads(ran.stdout.splitlines()[-1])
    return figures


def main() -> None:
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="how often each side is measured (default 5)")
    parser.add_argument("--only", default=",".join(GROUPS), help=f"groups to run, of {','.join(GROUPS)}")
    parser.add_argument("--scale", type=float, default=1.0, help="multiplies repetitions and chunks (default 1)")
    parser.add_argument("--fresh", action="store_true", help="make the peers' environments anew")
    parser.add_argument("--json", type=Path, help="write the figures of all rounds to this file")
    arguments = parser.parse_args()
    groups = arguments.only.split(",")
    if unknown := sorted(set(groups) - set(GROUPS)):
        parser.error(f"no such group: {', '.join(unknown)}; there are {', '.join(GROUPS)}")
    sides = {OURS: Path(sys.executable)} | {side: peer_python(side, arguments.fresh) for side in PEERS}
    rounds: Rounds = {side: [{} for _ in range(arguments.rounds)] for side in sides}
    for number in range(arguments.rounds):
        for group in groups:
            print(f"round {number + 1} of {arguments.rounds}: {group}", file=sys.stderr)
            for side, python in sides.items():
                rounds[side][number].update(measure(python, side, group, arguments.scale))
    figures = Figures(rounds)
    peers = ", ".join(installed(sides[side], package) for side, packages in PEERS.items() for package in packages)
    print(
        f"hubbub-agentchat {version('hubbub-agentchat')}, {peers}, CPython {platform.python_version()},"
        f" {platform.system()} {platform.machine()}, {os.cpu_count()} cores, {arguments.rounds} rounds\n"
    )
    print("Microseconds per turn or chunk unless stated: median (largest by smallest round).\n")
    columns = list(sides)
    print(f"| {'workload':52} |" + "".join(f" {side:>15} |" for side in columns) + f" {'autogen/ours':>12} |")
    print(f"|{'-' * 54}|" + f"{'-' * 16}:|" * len(columns) + f"{'-' * 13}:|")
    for name in figures.names():
        cells = "".join(f" {figures.cell(side, name):>15} |" for side in columns)
        print(f"| {name:52} |{cells} {figures.ratio(name):12.1f} |")
    print(f"\n| {'target':68} | {'measured':>9} | {'must':>7} | {'met':>4} |")
    print(f"|{'-' * 70}|{'-' * 10}:|{'-' * 8}:|{'-' * 5}:|")
    for target in TARGETS:
        row = target.row(figures)
        if row is not None:
            print(row)
    if arguments.json:
        arguments.json.write_text(json.dumps(rounds, indent=1))


if __name__ == "__main__":
    main()
