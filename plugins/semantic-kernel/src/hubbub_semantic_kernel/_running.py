"""Run work that emits pieces as an async iterator which the caller can cancel or leave at any point."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any, TypeVar

from hubbub_core import CancellationToken

PieceT = TypeVar("PieceT")
ResultT = TypeVar("ResultT")


async def stream_work(
    work: Callable[[Callable[[PieceT], None]], Coroutine[Any, Any, ResultT]], token: CancellationToken
) -> AsyncGenerator[PieceT | ResultT, None]:
    """Yield the pieces that `work` emits, then its result.

    The work is one task: Semantic Kernel keeps tracing spans in context variables, which must be left in the context
    they were entered in. It has ended, its cleanup included, when this iterator ends or is closed.

    Raises:
        asyncio.CancelledError: The token was cancelled.
    """
    # Unbounded: a run emits no more than a model writes, and a slow reader must not hold the framework up.
    queue: asyncio.Queue[tuple[PieceT] | None] = asyncio.Queue()
    task = asyncio.create_task(work(lambda piece: queue.put_nowait((piece,))))
    task.add_done_callback(lambda _: queue.put_nowait(None))
    token.link_future(task)
    try:
        while (item := await queue.get()) is not None:
            yield item[0]
        yield await task
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # read, or asyncio reports it as lost when the caller left early
