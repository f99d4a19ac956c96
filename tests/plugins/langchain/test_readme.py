"""The README's program runs as it stands and prints what the README shows."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parents[3] / "plugins" / "langchain" / "README.md"


def test_the_program_prints_what_is_shown() -> None:
    text = README.read_text()
    program, shown = re.search(r"```python\n(.*?)```\n\n```\n(.*?)```", text, re.DOTALL).groups()  # type: ignore[union-attr] # no match fails the test

    run = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True)

    assert (run.stderr, run.stdout) == ("", shown)
