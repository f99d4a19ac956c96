"""What starts servers on this machine; looked at by `hubbub plugins doctor`."""

from __future__ import annotations

import os
from typing import Final

from hubbub_registry import Problem

from ._environment import find_command

_LAUNCHERS: Final = {
    "npx": Problem(
        found="npx is not on PATH, so servers that are packages of npm cannot start",
        remedy="install Node.js",
        optional=True,
    ),
    "uvx": Problem(
        found="uvx is not there, so servers that are packages of PyPI cannot start",
        remedy="`pip install uv`",
        optional=True,
    ),
}


def launchers() -> list[Problem]:
    """Look for the programs that most servers are started by."""
    return [problem for command, problem in _LAUNCHERS.items() if find_command(command, os.environ) is None]
