"""Progress of long work: a component reports, whoever runs it listens.

Nothing is passed through signatures: the listener binds itself to the context of the tasks (and `asyncio.to_thread`
calls) that it starts, and a report without a listener costs one lookup.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """How far some work is."""

    text: str
    """What is being done: `"indexing"`, the last line of a download."""

    done: int | None = None
    total: int | None = None
    """Items finished and items in all; None while not known."""


_listener: ContextVar[Callable[[Progress], None] | None] = ContextVar("hubbub_progress", default=None)


def report_progress(text: str, *, done: int | None = None, total: int | None = None) -> None:
    """Tell whoever listens how far the work is. May be called from a thread that carries the caller's context."""
    listener = _listener.get()
    if listener is not None:
        listener(Progress(text, done, total))


@contextmanager
def progress_to(listener: Callable[[Progress], None]) -> Iterator[None]:
    """Send the reports of everything started within the block to a listener."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
