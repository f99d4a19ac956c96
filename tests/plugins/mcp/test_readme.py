"""The README's program prints what the README says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parents[3] / "plugins" / "mcp" / "README.md"


def test_the_program_of_the_readme_prints_what_it_shows(tmp_path: Path) -> None:
    text = README.read_text(encoding="utf-8")
    [program] = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    [output] = re.findall(r"it prints:\n\n```\n(.*?)```", text, re.DOTALL)
    # The hash of a commit follows from its contents, author and dates.
    identity = {"NAME": "Ada", "EMAIL": "ada@example.org", "DATE": "2026-01-02T03:04:05Z"}
    environment = {f"GIT_{who}_{key}": value for who in ("AUTHOR", "COMMITTER") for key, value in identity.items()}
    environment |= {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1"}
    for command in (["init", "--quiet"], ["commit", "--quiet", "--allow-empty", "-m", "Plant a tree"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True, env=environment)

    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False
    )

    assert done.stderr == ""
    assert done.stdout.strip() == output.strip()
