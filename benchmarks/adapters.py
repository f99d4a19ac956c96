"""Measure what the hub adds around each framework: a call alone and the same call in the hub, in turn.

    uv run python benchmarks/adapters.py [--rounds 5] [--only langgraph,openai] [--scale 1] [--json FILE]

Each round runs every group in a fresh process. Within it each call alone is followed by one in the hub, so that both
see the same machine; the figure of a round is the median of its calls. Reported are medians over the rounds, with the
smallest and the largest in brackets. Agents are asked through a runtime, by message and reply.

The limit: the larger of 1 ms and 10 % of the framework's own time. It holds for conversations of every length, so that
the hub adds no cost that grows with the conversation beyond the framework's own.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

GROUPS = ("langgraph", "langchain", "llama_index", "semantic_kernel", "mcp", "openai")
FRAMEWORKS = (
    "langgraph",
    "langchain-core",
    "llama-index-core",
    "llama-index-workflows",
    "semantic-kernel",
    "mcp",
    "openai",
)
WORKLOADS = Path(__file__).with_name("_adapters_workloads.py")

LIMIT_US = 1000.0
LIMIT_SHARE = 0.1

Rounds = dict[str, list[tuple[float, float]]]
"""The times alone and in the hub of each round, in microseconds, by workload."""


def measure(group: str, scale: float) -> dict[str, tuple[float, float]]:
    """Run one group of workloads in a fresh process."""
    command = [sys.executable, str(WORKLOADS), group, str(scale)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode:
        sys.exit(f"{group} failed:\n{ran.stderr}")
    return {name: (alone, hub) for name, (alone, hub) in json.loads(ran.stdout.splitlines()[-1]).items()}


def limit(alone: float) -> float:
    """Return what the hub may add to a call, in microseconds."""
    return max(LIMIT_US, LIMIT_SHARE * alone)


def row(name: str, rounds: list[tuple[float, float]]) -> tuple[str, bool]:
    """Return the line of the table, and whether the limit is kept."""
    alone = statistics.median(times[0] for times in rounds)
    differences = [hub - own for own, hub in rounds]
    added = statistics.median(differences)
    met = added <= limit(alone)
    spread = f"({min(differences):,.0f} to {max(differences):,.0f})"
    cells = f"{alone:12,.0f} | {added:8,.0f} {spread:>20} | {limit(alone):8,.0f} | {'yes' if met else 'NO':>4}"
    return f"| {name:46} | {cells} |", met


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="how often each group is measured (default 5)")
    parser.add_argument("--only", default=",".join(GROUPS), help=f"groups to run, of {','.join(GROUPS)}")
    parser.add_argument("--scale", type=float, default=1.0, help="multiplies the calls of a round (default 1)")
    parser.add_argument("--json", type=Path, help="write the figures of all rounds to this file")
    arguments = parser.parse_args()
    groups = arguments.only.split(",")
    if unknown := sorted(set(groups) - set(GROUPS)):
        parser.error(f"no such group: {', '.join(unknown)}; there are {', '.join(GROUPS)}")
    rounds: Rounds = {}
    for number in range(arguments.rounds):
        for group in groups:
            print(f"round {number + 1} of {arguments.rounds}: {group}", file=sys.stderr)
            for name, times in measure(group, arguments.scale).items():
                rounds.setdefault(name, []).append(times)
    versions = ", ".join(f"{name} {version(name)}" for name in FRAMEWORKS)
    print(f"{versions}, CPython {platform.python_version()}, {platform.system()} {platform.machine()},", end=" ")
    print(f"{os.cpu_count()} cores, {arguments.rounds} rounds\n")
    print("Microseconds per call: median (smallest to largest round).\n")
    print(f"| {'':46} | {'alone':>12} | {'the hub adds':>29} | {'at most':>8} | {'met':>4} |")
    print(f"|{'-' * 48}|{'-' * 13}:|{'-' * 30}:|{'-' * 9}:|{'-' * 5}:|")
    lines = [row(name, times) for name, times in rounds.items()]
    for line, _ in lines:
        print(line)
    if arguments.json:
        arguments.json.write_text(json.dumps(rounds, indent=1))
    if not all(met for _, met in lines):
        sys.exit(1)


if __name__ == "__main__":
    main()
