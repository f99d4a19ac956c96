"""The README's program runs and prints what the README says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parents[3] / "plugins" / "llama-index" / "README.md"


def test_the_program_of_the_readme_prints_what_it_says() -> None:
    text = README.read_text(encoding="utf-8")
    found = re.search(r"```python\n(.*?)```\n\n    (.*?)\n", text, re.DOTALL)
    assert found is not None

    done = subprocess.run([sys.executable, "-c", found[1]], capture_output=True, text=True, check=True)

    assert done.stdout == f"{found[2]}\n"
