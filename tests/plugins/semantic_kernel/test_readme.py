"""The README's program runs as it stands and prints what the README shows."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("semantic_kernel", reason="Semantic Kernel is not in every environment")

README = Path(__file__).parents[3] / "plugins" / "semantic-kernel" / "README.md"


def test_the_program_prints_what_is_shown() -> None:
    text = README.read_text(encoding="utf-8")
    found = re.search(r"```python\n(.*?)```\n\n```\n(.*?)```", text, re.DOTALL)
    assert found is not None

    run = subprocess.run([sys.executable, "-W", "error", "-c", found[1]], capture_output=True, text=True)

    assert (run.stderr, run.stdout) == ("", found[2])
