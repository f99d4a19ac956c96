"""What the languages of blocks need on this machine; looked at by `hubbub plugins doctor`."""

from __future__ import annotations

import os

from hubbub_registry import Problem

from ._languages import LANGUAGES


def pwsh() -> list[Problem]:
    """Look for what runs PowerShell blocks."""
    try:
        LANGUAGES["pwsh"].command("", os.environ)
    except LookupError:
        found = "pwsh is not on PATH, so blocks of PowerShell cannot run"
        return [Problem(found=found, remedy="install PowerShell from https://aka.ms/powershell", optional=True)]
    return []
