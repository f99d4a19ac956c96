"""What `hubbub plugins doctor` finds out about the programs that start servers."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from hubbub_mcp.checks import launchers


@pytest.mark.skipif(os.name != "posix", reason="Windows names its programs otherwise")
def test_launcher_that_is_missing_is_a_note_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    missing = [problem for problem in launchers() if problem.found.startswith("npx")]
    assert [(problem.remedy, problem.optional) for problem in missing] == [("install Node.js", True)]

    shell = shutil.which("sh", path="/bin")
    assert shell is not None
    for name in ("npx", "uvx"):
        (tmp_path / name).symlink_to(shell)
    assert launchers() == []
