"""Read a foreign stream in one task that the caller can cancel or leave at any point."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from typing import Any, Final, TypeVar

from hubbub_core import CancellationToken

T = TypeVar("T")

_END: Final = object()


async def iterate(items: AsyncIterator[T], token: CancellationToken) -> AsyncGenerator[T, None]:
    """Yield what `items` yields.

    The whole stream is read in one task: LangChain keeps its callbacks in context variables, which do not survive a
    change of task between two items. The stream is closed, its cleanup included, when this generator ends.

    Raises:
        Exception: What the stream raised, as it is.
        asyncio.CancelledError: The token was cancelled.
    """
    # Unbounded: a model writes no more than it writes, and a slow reader must not hold its connection up.
    queue: asyncio.Queue[Any] = asyncio.Queue()

    async def pump() -> None:
        try:
            async for item in items:
                queue.put_nowait(item)
        finally:
            # An async generator left in the middle would be closed some time later, by the garbage collector.
            aclose = getattr(items, "aclose", None)
            if aclose is not None:
                await aclose()

    reading = asyncio.create_task(pump())
    reading.add_done_callback(lambda _: queue.put_nowait(_END))
    token.link_future(reading)
    try:
        while (item := await queue.get()) is not _END:
            yield item
        await reading
    finally:
        if not reading.done():
            reading.cancel()
            await asyncio.wait([reading])
        if not reading.cancelled():
            reading.exception()  # seen: raised above, or of a stream that nobody reads any more


async def linked(call: Coroutine[Any, Any, T], token: CancellationToken | None) -> T:
    """Await a call in a task that the token cancels."""
    if token is None:
        return await call
    return await token.link_future(asyncio.ensure_future(call))
