"""Asking a human: an agent asks, whoever runs it answers.

Nothing is passed through signatures: who answers binds itself to the context of the tasks that it starts, as the
listener of `hubbub_core.progress` does. So an agent that was built from a file, far from any terminal, reaches the one
that its run belongs to.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

REQUEST_ID: Final = "request_id"
"""Key in the metadata of a chunk that tells that an agent waits for a human: the id of its `InputRequest`."""


@dataclass(frozen=True, slots=True)
class InputRequest:
    """A question to the human."""

    prompt: str
    source: str
    """Name of the agent that asks."""

    request_id: str
    """The id that is also in the metadata of the chunk that announces the question."""


AskUser = Callable[[InputRequest], Awaitable[str]]
"""Given a question, returns what the human says. Cancelled when the run ends before the answer."""

_answering: ContextVar[AskUser | None] = ContextVar("hubbub_user_input", default=None)


def user_input() -> AskUser | None:
    """Return who answers questions here; None when nobody does."""
    return _answering.get()


@contextmanager
def answer_with(ask: AskUser) -> Iterator[None]:
    """Have the questions of everything started within the block answered by a function."""
    token = _answering.set(ask)
    try:
        yield
    finally:
        _answering.reset(token)
