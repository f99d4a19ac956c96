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


@dataclass(frozen=True, slots=True)
class VirtualEnvironment:
    """The folders of a virtual environment, absolute: blocks run in another folder, and the program may change its own.

    Args:
        folder: The environment.
        programs: Its programs.
        python: Its interpreter.
    """

    folder: str
    programs: str
    python: str

    @classmethod
    def of_context(cls, context: SimpleNamespace) -> VirtualEnvironment:
        """Read what `venv.EnvBuilder.ensure_directories` returned, whose paths may be relative.

        Raises:
            ValueError: It is something else.
        """
        try:
            return cls(*map(os.path.abspath, (context.env_dir, context.bin_path, context.env_exe)))
        except AttributeError as exc:
            raise ValueError(
                f"virtual_env_context has no {exc.name}; pass what venv.EnvBuilder().ensure_directories(...) returns"
            ) from exc


def environment_of(virtual: VirtualEnvironment | None, modules: Path | None) -> Environment:
    """Return the environment of blocks: ours, or the virtual one.

    Args:
        virtual: Where to run instead of our own environment.
        modules: A folder whose modules the blocks may import.
    """
    variables = dict(os.environ)
    # Output is read as UTF-8, which is not what a pipe gets on Windows.
    variables.setdefault("PYTHONIOENCODING", "utf-8")
    if modules is not None:
        _put_first(variables, "PYTHONPATH", str(modules))
    if virtual is None:
        return Environment(sys.executable or "python3", variables)
    # What activating it does.
    variables["VIRTUAL_ENV"] = virtual.folder
    variables.pop("PYTHONHOME", None)
    _put_first(variables, "PATH", virtual.programs)
    return Environment(virtual.python, variables)


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
