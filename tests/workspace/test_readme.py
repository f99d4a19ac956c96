"""The README's program is the example, and prints what the README says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLE = ROOT / "examples" / "two_frameworks.py"


def test_program_is_the_example() -> None:
    (program,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)

    assert program == EXAMPLE.read_text(encoding="utf-8")


def test_program_prints_what_the_readme_says() -> None:
    done = subprocess.run([sys.executable, str(EXAMPLE)], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    assert f"```text\n{done.stdout}```" in README


def test_every_command_stands_alone() -> None:
    commands = re.findall(r"^\$ (.*)$", README, re.MULTILINE)

    assert [command.split(" && ")[0] for command in commands] == ["python3 -m pip install -q uv"] * 3


def test_every_link_leads_to_a_file() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]

    assert [link for link in links if not (ROOT / link).exists()] == []
