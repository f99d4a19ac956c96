"""Run work that emits pieces as an async iterator which the caller can cancel or leave at any point."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any, TypeVar

from hubbub_core import CancellationToken
from hubbub_core.exchange import AgentChunk

Piece = TypeVar("Piece")
Result = TypeVar("Result")
T = TypeVar("T")

Emit = Callable[[AgentChunk], None]
"""Hands a chunk to the caller; never suspends."""


async def stream_work(
    work: Callable[[Callable[[Piece], None]], Coroutine[Any, Any, Result]], token: CancellationToken
) -> AsyncGenerator[Piece | Result, None]:
    """Yield what `work` emits, then its result.

    The work is one task: frameworks that keep spans and scopes in context variables see one context throughout. It has
    ended, its cleanup included, when this iterator ends or is closed.

    Raises:
        asyncio.CancelledError: The token was cancelled.
    """
    # Unbounded: a run emits no more than a model writes, and a slow reader must not hold the framework up.
    queue: asyncio.Queue[Piece | None] = asyncio.Queue()
    task = asyncio.create_task(work(queue.put_nowait))
    task.add_done_callback(lambda _: queue.put_nowait(None))
    token.link_future(task)
    try:
        while (piece := await queue.get()) is not None:
            yield piece
        yield await task
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # read, or asyncio reports it as lost when the caller left early


async def linked(call: Coroutine[Any, Any, T], token: CancellationToken | None) -> T:
    """Await a call that the token cancels."""
    if token is None:
        return await call
    return await token.link_future(asyncio.ensure_future(call))
