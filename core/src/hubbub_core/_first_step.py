"""Driving a coroutine's first step by hand, to learn at once whether it suspends, and going on by `await`."""

from __future__ import annotations

import types
from collections.abc import Awaitable, Coroutine, Generator
from itertools import repeat
from typing import Any


def as_coroutine(awaitable: Awaitable[Any]) -> Coroutine[Any, Any, Any]:
    """Return the awaitable itself if it is a coroutine, else a coroutine that awaits it."""
    if isinstance(awaitable, types.CoroutineType):
        return awaitable
    return _await(awaitable)


async def _await(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


class Yielded:
    """Hands the task what the first step has yielded: to be awaited before `Begun`.

    What the task throws in instead of a result, a cancellation, is raised by the `await`; the coroutine has not got it.
    """

    __slots__ = ("_awaited",)

    def __init__(self, awaited: Any) -> None:
        self._awaited = awaited

    def __await__(self) -> Generator[Any, Any, None]:
        # Smaller than a generator, and as fast.
        return repeat(self._awaited, 1)  # type: ignore[return-value] # an iterator is all that `await` asks for


class Begun:
    """A coroutine that has made its first step, to be awaited: `await` itself refuses coroutines that have begun."""

    __slots__ = ("_coroutine",)

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self._coroutine = coroutine

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._coroutine.__await__()
