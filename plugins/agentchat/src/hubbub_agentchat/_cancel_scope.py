"""Ends a block of awaits when a token is cancelled, whatever it awaits."""

from __future__ import annotations

import asyncio
from types import TracebackType

from hubbub_core import CancellationToken


class CancelScope:
    """While the block runs, cancelling the token raises `asyncio.CancelledError` at the await it stands at.

    A token reaches a coroutine only where somebody links it to a future. This links the running task itself, as
    `asyncio.timeout` does, so that a model client, a tool or an agent that ignores the token ends too, and no extra
    task is needed. The cancellation is taken back from the task when the block is left: what the caller sees is the
    error, not a task that counts as cancelled for ever.

    Raises:
        asyncio.CancelledError: The token was cancelled before or within the block.
    """

    __slots__ = ("_active", "_fired", "_handle", "_loop", "_task", "_token")

    def __init__(self, token: CancellationToken) -> None:
        self._token = token
        self._active = False
        self._fired = False
        self._handle: int | None = None

    def __enter__(self) -> None:
        if self._token.is_cancelled():
            raise asyncio.CancelledError("the cancellation token is cancelled")
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a CancelScope needs a running task")
        self._task = task
        self._loop = task.get_loop()
        self._active = True
        self._handle = self._token.link(self._on_token)

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._active = False
        if self._handle is not None:
            self._token.unlink(self._handle)
        if self._fired:
            self._task.uncancel()
        if self._token.is_cancelled() and exc_type is None:
            raise asyncio.CancelledError("the cancellation token was cancelled")

    def _on_token(self) -> None:
        # From within the task itself the cancellation would hit the next await, which may lie behind the block; from
        # another thread the task may not be touched. The loop's next turn finds the task suspended, or gone on.
        if asyncio._get_running_loop() is self._loop and asyncio.current_task() is not self._task:
            self._cancel()
        else:
            self._loop.call_soon_threadsafe(self._cancel)

    def _cancel(self) -> None:
        if self._active and not self._fired:
            self._fired = True
            self._task.cancel("the cancellation token was cancelled")


def was_cancelled(error: BaseException, token: CancellationToken) -> bool:
    """Tell whether an error is the cancellation of the token, or of the running task.

    What else raises `CancelledError` (a model client or tool that gave up by itself) is an error like any other: taken
    for a cancellation it would end a run without anybody hearing of it.
    """
    if not isinstance(error, asyncio.CancelledError):
        return False
    task = asyncio.current_task()
    return token.is_cancelled() or (task is not None and task.cancelling() > 0)
