"""The examples under `examples/teams` run as they stand, without a key."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[3] / "examples" / "teams"
SPOKEN = ["Leaves fall.", "More colour, please.", "Gold leaves fall, slowly.", "APPROVE"]


def run(*command: str | Path, typed: str = "") -> str:
    done = subprocess.run(
        [sys.executable, *map(str, command)], input=typed, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_writer_and_critic_end_with_an_approval() -> None:
    lines = run(EXAMPLES / "writer_and_critic.py").splitlines()

    assert lines[3:-1:2] == SPOKEN
    assert lines[-1] == "stopped: Text 'APPROVE' mentioned"


def test_the_same_team_runs_from_its_file() -> None:
    out = run("-m", "hubbub_registry", "run", EXAMPLES / "writer_and_critic.yaml", "--task", "A line about autumn.")

    assert out.splitlines()[1::2] == SPOKEN


@pytest.mark.parametrize(
    ("typed", "booked", "last"),
    [
        ("y\nAPPROVE\n", "Booked: Oslo 08:12 - Bergen 11:40.", "I have done what you allowed. Is there anything else?"),
        ("too early\nAnd now?\nAPPROVE\n", "Reason: too early", "There is nothing else that I can do."),
    ],
)
def test_human_decides_on_the_booking_and_when_it_is_enough(typed: str, booked: str, last: str) -> None:
    out = run(EXAMPLES / "tools_and_human.py", typed=typed)

    assert booked in out
    assert last in out
    assert out.endswith("APPROVE\nstopped: Text 'APPROVE' mentioned\n")


def test_flow_revises_once_and_publishes() -> None:
    out = run(EXAMPLES / "review_flow.py")

    authors = [line.split("(")[1].rstrip(") -") for line in out.splitlines() if line.startswith("-")]
    assert authors[:2] == ["user", "writer"]
    assert [set(authors[2:4]), authors[4:6], set(authors[6:8])] == [
        {"facts", "style"},
        ["judge", "writer"],
        {"facts", "style"},
    ]
    assert authors[8:] == ["judge", "publisher"]
    assert out.endswith("Published: Gulls nest on cliffs.\nstopped: Digraph execution is complete\n")
