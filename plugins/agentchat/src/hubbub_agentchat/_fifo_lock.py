"""A fair lock that outlives event loops."""

from __future__ import annotations

import asyncio
from collections import deque


class FifoLock:
    """A lock that is given in the order it was asked for, and belongs to no event loop."""

    __slots__ = ("_held", "_waiters")

    def __init__(self) -> None:
        self._held = False
        self._waiters: deque[asyncio.Future[None]] = deque()

    def acquire_nowait(self) -> bool:
        """Take the lock if nobody has it; returns whether it was taken."""
        if self._held:
            return False
        self._held = True
        return True

    async def acquire(self) -> None:
        """Take the lock, after whoever has asked for it before."""
        if self.acquire_nowait():
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(future)
        try:
            await future
        except BaseException:
            if future.done() and not future.cancelled():
                self.release()  # it was given just as the wait ended
            else:
                self._waiters.remove(future)
            raise

    def release(self) -> None:
        """Give the lock to whoever has waited longest."""
        while self._waiters:
            future = self._waiters.popleft()
            if not future.done():
                future.set_result(None)  # stays held, by the next one
                return
        self._held = False

    async def __aenter__(self) -> None:
        await self.acquire()

    async def __aexit__(self, *exc_info: object) -> None:
        self.release()
