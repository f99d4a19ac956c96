"""Asking for a token of Entra ID without stopping the event loop, and not for ever."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, Final

from hubbub_core.blocking import call_in_thread

TOKEN_SECONDS: Final = 600.0
"""How long a token may take when the client has no `timeout`: as long as the SDK waits for an answer."""


def bounded(provider: Callable[[], Any], seconds: float) -> Callable[[], Awaitable[Any]]:
    """Return an asynchronous token provider that gives up after some seconds.

    A provider that is no coroutine function is called in a thread, in the caller's context: those of azure-identity
    start processes and wait for networks. It may return an awaitable all the same.

    Raises:
        TimeoutError: By what is returned: there was no token in time.
    """
    asynchronous = inspect.iscoroutinefunction(provider) or inspect.iscoroutinefunction(type(provider).__call__)

    async def token() -> Any:
        try:
            async with asyncio.timeout(seconds) as limit:
                given = provider() if asynchronous else await call_in_thread(provider)
                return await given if inspect.isawaitable(given) else given
        except TimeoutError as exc:
            if not limit.expired():
                raise
            raise TimeoutError(
                f"azure_ad_token_provider gave no token within {seconds:g} seconds, the `timeout` of the client"
            ) from exc

    return token
