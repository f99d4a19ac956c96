"""Run work that emits chunks as an async iterator which the caller can cancel or leave at any point."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any

from hubbub_core import CancellationToken
from hubbub_core.exchange import AgentChunk, AgentResult

Emit = Callable[[AgentChunk], None]
"""Hands a chunk to the caller; never suspends."""

Work = Callable[[Emit], Coroutine[Any, Any, AgentResult]]


async def stream_work(work: Work, token: CancellationToken) -> AsyncGenerator[AgentChunk | AgentResult, None]:
    """Yield the chunks that `work` emits, then its result.

    The work is one task: frameworks that keep spans and scopes in context variables see one context throughout. It has
    ended, its cleanup included, when this iterator ends or is closed.

    Raises:
        asyncio.CancelledError: The token was cancelled.
    """
    # Unbounded: a run emits no more than a model writes, and a slow reader must not hold the framework up.
    queue: asyncio.Queue[AgentChunk | None] = asyncio.Queue()
    task = asyncio.create_task(work(queue.put_nowait))
    task.add_done_callback(lambda _: queue.put_nowait(None))
    token.link_future(task)
    try:
        while (chunk := await queue.get()) is not None:
            yield chunk
        yield await task
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # read, or asyncio reports it as lost when the caller left early
