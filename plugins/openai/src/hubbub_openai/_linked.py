"""SDK calls and streams that a cancellation token ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from ._errors import endpoint_errors

if TYPE_CHECKING:
    from hubbub_core import CancellationToken

_T = TypeVar("_T")


async def linked(call: Coroutine[Any, Any, _T], token: CancellationToken | None) -> _T:
    """Await an SDK call; cancelling the token cancels it, and with it its HTTP request."""
    if token is None:
        return await call
    return await token.link_future(asyncio.ensure_future(call))


async def linked_items(
    stream: Any, token: CancellationToken | None, base_url: str, model: str
) -> AsyncGenerator[Any, None]:
    """Yield the items of an SDK stream to its end; leaving it in the middle closes its connection.

    Raises:
        ModelEndpointError: The endpoint breaks off, or sends what is no answer.
        asyncio.CancelledError: The token was cancelled.
    """
    try:
        while True:
            try:
                with endpoint_errors(base_url, model):
                    item = await linked(stream.__anext__(), token)
            except StopAsyncIteration:
                return
            yield item
    finally:
        # Does nothing at the end: a connection that was read out is used again.
        await stream.close()
