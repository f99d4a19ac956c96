"""An agent that handles messages of some types strictly one after another."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any

from hubbub_core import MessageContext, RoutedAgent


class FifoLock:
    """A lock that is given in the order it was asked for, and belongs to no event loop."""

    __slots__ = ("_held", "_waiters")

    def __init__(self) -> None:
        self._held = False
        self._waiters: deque[asyncio.Future[None]] = deque()

    async def __aenter__(self) -> None:
        if not self._held:
            self._held = True
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(future)
        try:
            await future
        except BaseException:
            if future.done() and not future.cancelled():
                self._release()  # it was given just as the wait ended
            else:
                self._waiters.remove(future)
            raise

    async def __aexit__(self, *exc_info: object) -> None:
        self._release()

    def _release(self) -> None:
        while self._waiters:
            future = self._waiters.popleft()
            if not future.done():
                future.set_result(None)  # stays held, by the next one
                return
        self._held = False


class SequentialRoutedAgent(RoutedAgent):
    """Handles messages of the listed types one after another, in the order of arrival; others at any time (N-190).

    Args:
        description: What the agent does.
        sequential_message_types: The types, exactly; subclasses are not meant.
    """

    def __init__(self, description: str, sequential_message_types: Sequence[type[Any]]) -> None:
        super().__init__(description)
        self._sequential_message_types = frozenset(sequential_message_types)
        self._sequence = FifoLock()

    async def on_message_impl(self, message: Any, ctx: MessageContext) -> Any | None:
        if type(message) not in self._sequential_message_types:
            return await super().on_message_impl(message, ctx)
        async with self._sequence:
            return await super().on_message_impl(message, ctx)
