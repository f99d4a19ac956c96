"""The languages: what a file of each is called, which program runs it, and how the code is made ready."""

from __future__ import annotations

import ast
import re
import shutil
import textwrap
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Language:
    """A language that blocks are written in.

    Args:
        suffix: Of its files. PowerShell runs no file that is not called `.ps1`.
        programs: Names to look up on PATH, the first that is there runs the file. Empty: the Python of the executor.
        options: What the program is given before the file.
    """

    suffix: str
    programs: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    @property
    def is_python(self) -> bool:
        return not self.programs

    def command(self, python: str, variables: Mapping[str, str]) -> Sequence[str]:
        """Return the words that run a file when its path is added.

        Raises:
            LookupError: The program is not there.
        """
        for program in self.programs or (python,):
            found = shutil.which(program, path=variables.get("PATH"))
            if found is not None:
                return [found, *self.options]
        missing = f"{self.programs[0]!r} on PATH" if self.programs else f"Python at {python!r}"
        raise LookupError(f"there is no {missing}")

    def ready(self, code: str) -> str:
        """Return the code as it is written to its file."""
        return straightened(code) if self.is_python else _PIP_INSTALL.sub(r"\1 -qq", code)


# Twice quiet: errors are still shown, progress, warnings and notices are not (spec: 001 CLIEXEC-13).
_PIP_INSTALL = re.compile(r"^([ \t]*(?:\S*python[\d.]*\s+-m\s+)?pip[\d.]*[ \t]+install)(?=\s)", re.MULTILINE)

_PYTHON = Language(".py")
_BASH = Language(".bash", ("bash",))
_SH = Language(".sh", ("sh",))
_POWERSHELL = Language(".ps1", ("pwsh", "powershell"), ("-NoProfile", "-ExecutionPolicy", "Bypass", "-File"))

LANGUAGES: Final[Mapping[str, Language]] = {
    "bash": _BASH,
    "shell": _SH,
    "sh": _SH,
    "pwsh": _POWERSHELL,
    "powershell": _POWERSHELL,
    "ps1": _POWERSHELL,
    "python": _PYTHON,
}
"""In the documented order (spec: 000 L30037)."""


def straightened(code: str) -> str:
    """Return Python code without the indentation that it brought along from where it was quoted.

    Either all of it is indented, or all but the first line, as in the documented example of a text inside a function
    (spec: 000 L20863). Code that is valid as it is, or that would not become so, is returned unchanged.
    """
    first, newline, rest = code.lstrip("\n").partition("\n")
    if not first.startswith((" ", "\t")) and not _all_indented(rest):
        return code
    if _parses(code):
        return code
    for candidate in (textwrap.dedent(code), first.lstrip() + newline + textwrap.dedent(rest)):
        if _parses(candidate):
            return candidate
    return code


def _all_indented(text: str) -> bool:
    lines = [line for line in text.splitlines() if line.strip()]
    return bool(lines) and all(line.startswith((" ", "\t")) for line in lines)


def _parses(code: str) -> bool:
    try:
        with warnings.catch_warnings():
            # Of an invalid escape in somebody else's text: the interpreter that runs it will say so.
            warnings.simplefilter("ignore")
            ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
