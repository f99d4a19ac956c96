"""Asking whether code may run: the documented request and answer, and how anybody is asked."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import TypeAlias, TypeVar, cast

from pydantic import BaseModel

from hubbub_core.blocking import call_in_thread
from hubbub_core.models import LLMMessage


class ApprovalRequest(BaseModel):
    """Code that is about to run."""

    code: str
    """All blocks, each fenced with its language, a blank line between them."""

    context: list[LLMMessage]
    """The conversation that it comes from, as the model sees it."""


class ApprovalResponse(BaseModel):
    """Whether the code may run."""

    approved: bool
    reason: str
    """Why; told to whoever wrote the code when it may not."""


SyncApprovalFunc: TypeAlias = Callable[[ApprovalRequest], ApprovalResponse]
"""Decides on code. Runs in a thread, so that it may wait for somebody."""
AsyncApprovalFunc: TypeAlias = Callable[[ApprovalRequest], Awaitable[ApprovalResponse]]
"""Decides on code."""
ApprovalFuncType: TypeAlias = SyncApprovalFunc | AsyncApprovalFunc

RequestT = TypeVar("RequestT")
ResponseT = TypeVar("ResponseT")


async def ask(
    function: Callable[[RequestT], ResponseT | Awaitable[ResponseT]], request: RequestT, answer: type[ResponseT]
) -> ResponseT:
    """Call a function that decides; a synchronous one in a thread, which a cancellation leaves waiting.

    Raises:
        TypeError: It returned something else than an `answer`: neither a yes nor a no.
        Exception: What it raised.
    """
    given: object
    if is_async(function):
        given = await cast("Callable[[RequestT], Awaitable[ResponseT]]", function)(request)
    else:
        given = await call_in_thread(function, request)
        if inspect.isawaitable(given):
            given = await given
    if not isinstance(given, answer):
        raise TypeError(f"an approval function has to return {answer.__name__}, but returned {given!r}")
    return given


def is_async(function: object) -> bool:
    """Tell whether a function, or an object that is called like one, is a coroutine function."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004 # the method itself is looked at, not whether it is there
