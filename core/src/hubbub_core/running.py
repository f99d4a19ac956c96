"""Run a framework's work as an async iterator that the caller can cancel or leave at any point.

What every adapter needs: the work happens in one task, because frameworks keep callbacks, spans and scopes in context
variables that do not survive a change of task, and it has ended, its cleanup included, when the iterator ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from ._cancellation_token import CancellationToken

__all__ = ["iterate", "linked", "stream_work"]

Piece = TypeVar("Piece")
Result = TypeVar("Result")
T = TypeVar("T")

_END: Final = object()


async def stream_work(
    work: Callable[[Callable[[Piece], None]], Coroutine[Any, Any, Result]], token: CancellationToken
) -> AsyncGenerator[Piece | Result, None]:
    """Yield the pieces that `work` emits, then its result.

    Args:
        work: Called with a function that hands over a piece and never suspends.
        token: Cancels the work.

    Raises:
        Exception: What the work raised, as it is.
        asyncio.CancelledError: The token was cancelled. The work has ended by then.
    """
    # Unbounded: a run emits no more than a model writes, and a slow reader must not hold up its connection.
    queue: asyncio.Queue[Any] = asyncio.Queue()
    task = asyncio.create_task(work(queue.put_nowait))
    task.add_done_callback(lambda _: queue.put_nowait(_END))
    token.link_future(task)
    try:
        while (piece := await queue.get()) is not _END:
            yield piece
        yield await task
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # seen: raised above, or of a run that nobody waits for any more


async def iterate(items: AsyncIterator[T], token: CancellationToken) -> AsyncGenerator[T, None]:
    """Yield what `items` yields, read in one task, and close it when this generator ends.

    Raises:
        Exception: What the iterator raised, as it is.
        asyncio.CancelledError: The token was cancelled.
    """

    async def read(emit: Callable[[T], None]) -> object:
        try:
            async for item in items:
                emit(item)
        finally:
            # An async generator left in the middle would be closed some time later, by the garbage collector.
            aclose = getattr(items, "aclose", None)
            if aclose is not None:
                await aclose()
        return _END

    stream: AsyncGenerator[Any, None] = stream_work(read, token)
    try:
        async for item in stream:
            if item is not _END:
                yield item
    finally:
        await stream.aclose()


async def linked(call: Coroutine[Any, Any, T], token: CancellationToken | None) -> T:
    """Await a call in a task that the token cancels."""
    if token is None:
        return await call
    return await token.link_future(asyncio.ensure_future(call))
