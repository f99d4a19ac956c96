"""A switch that cancels the pending asynchronous calls it was handed to."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Callable
from typing import Any, Final, TypeVar

_FutureT = TypeVar("_FutureT", bound="asyncio.Future[Any]")
_HANDLES: Final = itertools.count()


class CancellationToken:
    """Cancels everything that was linked to it, once.

    One token may be shared by any number of calls for any length of time: a linked future unlinks itself when it is
    done, so the token keeps nothing of calls that are over. `cancel` may be called from any thread.
    """

    __slots__ = ("__weakref__", "_callbacks", "_cancelled", "_lock")

    def __init__(self) -> None:
        self._cancelled = False
        self._lock = threading.Lock()
        # In the order they were added. Keyed by a number: the same callback may be added twice.
        self._callbacks: dict[int, Callable[[], Any]] = {}

    def cancel(self) -> None:
        """Cancel what is linked, in the order it was linked. A second call does nothing.

        Raises:
            Exception: The first error of a callback, after all of them were called.
        """
        with self._lock:
            if self._cancelled:
                return
            self._cancelled = True
            callbacks = list(self._callbacks.values())
            self._callbacks.clear()
        failure: Exception | None = None
        for callback in callbacks:
            try:
                callback()
            except Exception as exc:
                failure = failure or exc
        if failure is not None:
            raise failure

    def is_cancelled(self) -> bool:
        """Say whether `cancel` was called."""
        return self._cancelled

    def add_callback(self, callback: Callable[[], None]) -> None:
        """Have `callback` called by `cancel`; at once if the token is cancelled already."""
        self.link(callback)

    def link_future(self, future: _FutureT) -> _FutureT:
        """Have `future` cancelled by `cancel`, and return it so that it can be awaited in place."""

        def cancel_future() -> None:
            loop = future.get_loop()
            # Futures are not thread-safe: from a foreign thread their own loop has to do it.
            if loop.is_running() and asyncio._get_running_loop() is not loop:
                loop.call_soon_threadsafe(future.cancel)
            else:
                future.cancel()

        handle = self.link(cancel_future)
        if handle is not None:
            future.add_done_callback(lambda _: self.unlink(handle))
        return future

    def link(self, callback: Callable[[], Any]) -> int | None:
        """Like `add_callback`, and return what `unlink` takes; None if the token is cancelled already."""
        with self._lock:
            if not self._cancelled:
                handle = next(_HANDLES)
                self._callbacks[handle] = callback
                return handle
        callback()
        return None

    def unlink(self, handle: int) -> None:
        """Forget a callback that `link` took. Does nothing if it was called or forgotten already."""
        with self._lock:
            self._callbacks.pop(handle, None)
