"""Tasks that wait for something to happen."""

from __future__ import annotations

import asyncio


class Waiters:
    """A list of waiting tasks, woken all at once."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[None]] = []

    def __bool__(self) -> bool:
        return bool(self._waiting)

    async def wait(self, timeout: float | None = None) -> None:
        """Wait for the next `wake`, at most `timeout` seconds."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            await asyncio.wait((waiter,), timeout=timeout)
        finally:
            # One that was woken has left the list already.
            if not waiter.done():
                self._waiting.remove(waiter)
                waiter.cancel()

    def wake(self) -> None:
        """Let everybody go on who waits now."""
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)

    def forget(self) -> None:
        """Drop everybody without a word: their event loop is gone."""
        self._waiting = []
