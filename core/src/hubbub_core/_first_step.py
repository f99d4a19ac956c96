"""Driving a coroutine's first step by hand, to learn at once whether it suspends."""

from __future__ import annotations

import types
from collections.abc import Awaitable, Coroutine, Generator
from typing import Any


def as_coroutine(awaitable: Awaitable[Any]) -> Coroutine[Any, Any, Any]:
    """Return the awaitable itself if it is a coroutine, else a coroutine that awaits it."""
    if isinstance(awaitable, types.CoroutineType):
        return awaitable
    return _await(awaitable)


async def _await(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


@types.coroutine
def resume(coroutine: Coroutine[Any, Any, Any], awaited: Any) -> Generator[Any, Any, Any]:
    """Go on with a coroutine whose `send(None)` has yielded `awaited`; its task sees no difference to `await`."""
    while True:
        try:
            yield awaited
        except GeneratorExit:
            coroutine.close()
            raise
        except BaseException as exc:
            # Thrown in by the task: a cancellation. The coroutine may end, raise, or await something else.
            try:
                awaited = coroutine.throw(exc)
            except StopIteration as finished:
                return finished.value
        else:
            # From here on the interpreter's own delegation does: it begins with the send(None) that is due now.
            return (yield from coroutine)
