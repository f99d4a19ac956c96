"""The files that blocks are written to, all inside the working directory."""

from __future__ import annotations

import hashlib
import itertools
import logging
import os
import re
from collections import Counter
from pathlib import Path

_LOGGER = logging.getLogger("hubbub_local_executor")
_HEADER = re.compile(r"#\s*filename:\s*(\S.*?)\s*(?:\n|$)")

_in_use: Counter[Path] = Counter()
"""How many calls under way run a temporary file: equal blocks share one, which the last of them removes."""


_numbers = itertools.count()


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that nobody ever reads half of it: another call may be running the same code.

    A link in its place is replaced, not followed.

    Raises:
        OSError: It cannot be written.
    """
    draft = path.with_name(f".draft-{os.getpid()}-{next(_numbers)}")
    try:
        draft.write_bytes(content)
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


class NotInWorkspaceError(ValueError):
    """A block names a file outside of the working directory."""

    def __init__(self) -> None:
        # The documented text (spec: newer N-262).
        super().__init__("Filename is not in the workspace")


class CodeFiles:
    """The code files of one call.

    Args:
        folder: The working directory; it exists.
    """

    def __init__(self, folder: Path) -> None:
        # Resolved once: a name is judged by where it leads to, links included.
        self._folder = folder.resolve()
        self._temporary: list[Path] = []

    def write(self, code: str, suffix: str) -> Path:
        """Write a block to the file that its first line names (`# filename: NAME`), else to one named by its hash.

        Returns:
            The absolute path.

        Raises:
            NotInWorkspaceError: The name leads out of the working directory.
            OSError: The file cannot be written.
        """
        content = code.encode()
        header = _HEADER.match(code)
        if header is None:
            path = self._folder / f"tmp_code_{hashlib.sha256(content).hexdigest()}{suffix}"
            _in_use[path] += 1
            self._temporary.append(path)
        else:
            path = self._named(header[1])
            path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)
        return path

    def _named(self, name: str) -> Path:
        try:
            path = (self._folder / name).resolve()
        except (ValueError, RuntimeError) as exc:
            # A NUL character, or links in a circle.
            raise NotInWorkspaceError from exc
        if path == self._folder or not path.is_relative_to(self._folder):
            raise NotInWorkspaceError
        return path

    def release(self, *, remove: bool) -> None:
        """Let go of the temporary files, and remove those that no other call runs. Named files stay.

        A file that cannot be removed is logged as an error (spec: newer N-401).
        """
        for path in self._temporary:
            _in_use[path] -= 1
            if _in_use[path] > 0:
                continue
            del _in_use[path]
            if remove:
                try:
                    path.unlink(missing_ok=True)
                except OSError as exc:
                    _LOGGER.error("Failed to delete temporary file %s: %s", path, exc)
        self._temporary.clear()
