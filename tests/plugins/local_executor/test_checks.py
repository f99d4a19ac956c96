"""What `hubbub plugins doctor` finds out about the languages on this machine."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from hubbub_local_executor.checks import pwsh
from hubbub_registry import Problem


def test_powershell_that_is_missing_is_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert pwsh() == [
        Problem(
            found="pwsh is not on PATH, so blocks of PowerShell cannot run",
            remedy="install PowerShell from https://aka.ms/powershell",
            optional=True,
        )
    ]


@pytest.mark.skipif(os.name != "posix", reason="Windows names its programs otherwise, and has PowerShell")
@pytest.mark.parametrize("program", ["pwsh", "powershell"])
def test_powershell_of_either_name_is_enough(program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shell = shutil.which("sh")
    assert shell is not None
    (tmp_path / program).symlink_to(shell)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert pwsh() == []
