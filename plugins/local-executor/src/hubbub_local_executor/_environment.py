"""The Python and the environment variables that blocks run with."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace


@dataclass(frozen=True, slots=True)
class Environment:
    """Where blocks find their Python, and the variables they see."""

    python: str
    variables: Mapping[str, str]


def environment_of(context: SimpleNamespace | None, modules: Path | None) -> Environment:
    """Return the environment of blocks: ours, or that of a virtual environment.

    Args:
        context: What `venv.EnvBuilder.ensure_directories` returns: `env_dir`, `env_exe` and `bin_path` are read.
        modules: A folder whose modules the blocks may import.
    """
    variables = dict(os.environ)
    # Output is read as UTF-8, which is not what a pipe gets on Windows.
    variables.setdefault("PYTHONIOENCODING", "utf-8")
    if modules is not None:
        _put_first(variables, "PYTHONPATH", str(modules))
    if context is None:
        return Environment(sys.executable or "python3", variables)
    # What activating it does. Absolute, because blocks run in another folder.
    variables["VIRTUAL_ENV"] = os.path.abspath(context.env_dir)
    variables.pop("PYTHONHOME", None)
    _put_first(variables, "PATH", os.path.abspath(context.bin_path))
    return Environment(os.path.abspath(context.env_exe), variables)


def _put_first(variables: dict[str, str], name: str, folder: str) -> None:
    rest = variables.get(name)
    variables[name] = folder + os.pathsep + rest if rest else folder


def uv_command() -> list[str] | None:
    """Return the words that run uv, which installs into environments that have no pip; None if it is not there."""
    # `uv run` names itself in UV.
    found = os.environ.get("UV") or shutil.which("uv")
    if found:
        return [found]
    return [sys.executable, "-m", "uv"] if importlib.util.find_spec("uv") is not None else None
