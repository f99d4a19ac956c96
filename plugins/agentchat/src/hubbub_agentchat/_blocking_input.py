"""Asking a human by a function that blocks."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from typing import TypeVar, cast

T = TypeVar("T")
R = TypeVar("R")


async def call_in_thread(func: Callable[[T], R], prompt: T) -> R:
    """Call a blocking input function in a daemon thread.

    Nothing can end a thread that waits at the terminal. As a daemon it does not keep the program from ending either,
    which a thread of the loop's executor would.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[R] = loop.create_future()
    context = contextvars.copy_context()

    def settle(given: R | None, error: BaseException | None) -> None:
        if answer.done():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(cast("R", given))

    def call() -> None:
        given: R | None = None
        error: BaseException | None = None
        try:
            given = context.run(func, prompt)
        except BaseException as exc:  # also SystemExit: whoever waits for the answer must not wait for ever
            # StopIteration cannot be set on a future (a scripted input that ran dry raises it).
            error = RuntimeError("the input function ran out of answers") if isinstance(exc, StopIteration) else exc
        try:
            loop.call_soon_threadsafe(settle, given, error)
        except RuntimeError:
            pass  # the loop was closed while the user was typing: nobody waits for the answer any more

    threading.Thread(target=call, name="user-input", daemon=True).start()
    return await answer
