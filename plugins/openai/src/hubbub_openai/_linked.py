"""SDK calls that a cancellation token ends."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from hubbub_core import CancellationToken

_T = TypeVar("_T")


async def linked(call: Coroutine[Any, Any, _T], token: CancellationToken | None) -> _T:
    """Await an SDK call; cancelling the token cancels it, and with it its HTTP request."""
    if token is None:
        return await call
    return await token.link_future(asyncio.ensure_future(call))
