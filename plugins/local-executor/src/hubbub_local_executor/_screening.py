"""Refuses shell commands that would destroy the user's machine by accident (spec: 000 L29969).

It catches a model's blunders, not an attacker: a command can be written in more ways than patterns can name.
"""

from __future__ import annotations

import re
from typing import Final

# Up to the end of the command, so that the arguments of the next one are not taken for its own.
_ARGUMENTS = r"[^\n;&|]*"
# The root, an absolute path, the home folder, or a way up out of the working directory.
_OUTSIDE = r"""\s["']?(?:/|~|\$\{?HOME\b|\.\.(?:/|["'\s]|$))"""

_REFUSED: Final = (
    (
        re.compile(rf"\brm\b(?={_ARGUMENTS}\s(?:-[a-zA-Z]*[rR]|--recursive\b)){_ARGUMENTS}{_OUTSIDE}", re.MULTILINE),
        "Use of 'rm -rf' outside of the working directory is not allowed.",
    ),
    (re.compile(rf"\bmv\b{_ARGUMENTS}\s/dev/null\b"), "Moving files to /dev/null is not allowed."),
    (re.compile(rf"\bdd\b{_ARGUMENTS}\bof=[\"']?/dev/(?!null\b)"), "Use of 'dd' on a device is not allowed."),
    (re.compile(rf"\bmkfs(?:\.\w+)?\s{_ARGUMENTS}/dev/"), "Formatting a device is not allowed."),
    (
        re.compile(r">\s*[\"']?/dev/(?:sd[a-z]|hd[a-z]|vd[a-z]|xvd[a-z]|nvme\d|mmcblk\d|disk\d)"),
        "Overwriting disk blocks directly is not allowed.",
    ),
    (re.compile(r"(?P<name>[\w:.]+)\s*\(\)\s*\{\s*(?P=name)\s*\|\s*(?P=name)\s*&"), "Fork bombs are not allowed."),
)


def refusal(code: str) -> str | None:
    """Return why a shell script is not run; None if it may."""
    for pattern, reason in _REFUSED:
        if pattern.search(code):
            return f"Potentially dangerous command detected: {reason}"
    return None
