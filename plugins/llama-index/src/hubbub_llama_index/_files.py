"""The documents of a folder: which files belong, in which order, and why one was left out."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

SKIPPED_FOLDERS = frozenset({"node_modules", "__pycache__", "venv", "site-packages"})
"""Folders that hold other people's files. Hidden ones, `.git` and `.venv` among them, are left out as well."""


def find_files(folder: Path, patterns: Sequence[str]) -> list[Path]:
    """Return the files below a folder that match a pattern, sorted by their path.

    A pattern is matched against the path relative to the folder: `*` and `?` stay within a name, `**/` stands for any
    number of folders. Links to folders are not followed.

    Raises:
        ValueError: There is no such folder, or no file matches.
    """
    if not folder.is_dir():
        raise ValueError(f"docs folder {folder} {'is not a folder' if folder.exists() else 'does not exist'}")
    wanted = re.compile("|".join(f"(?:{_regex(pattern)})" for pattern in patterns))
    found: list[str] = []
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in SKIPPED_FOLDERS]
        below = Path(root).relative_to(folder)
        found += [
            relative
            for name in names
            if not name.startswith(".") and wanted.fullmatch(relative := (below / name).as_posix())
        ]
    if not found:
        kinds = ", ".join(pattern.removeprefix("**/") for pattern in patterns)
        raise ValueError(f"docs folder {folder} holds no {kinds} file")
    return [folder / relative for relative in sorted(found)]


def read_document(path: Path, folder: Path, max_size: int) -> str:
    """Return a file's text.

    Raises:
        SkippedFileError: It cannot be read, is not UTF-8, is larger than `max_size` bytes or lies outside the folder.
    """
    try:
        if not path.resolve().is_relative_to(folder.resolve()):
            raise SkippedFileError("leads out of the folder")
        if not path.is_file():
            raise SkippedFileError("is no regular file")
        if (size := path.stat().st_size) > max_size:
            raise SkippedFileError(f"has {size} bytes, more than max_file_size {max_size}")
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise SkippedFileError(error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise SkippedFileError(f"is not UTF-8 text (byte {error.start})") from error


class SkippedFileError(ValueError):
    """A document is left out; the message says why."""


def _regex(pattern: str) -> str:
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", pattern)
    meaning = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return "".join(meaning.get(part) or re.escape(part) for part in parts)
