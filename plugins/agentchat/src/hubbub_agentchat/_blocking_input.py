"""Asking a human by a function that blocks."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from typing import cast


async def call_in_thread(func: Callable[[str], str], prompt: str) -> str:
    """Call a blocking input function in a daemon thread.

    Nothing can end a thread that waits at the terminal. As a daemon it does not keep the program from ending either,
    which a thread of the loop's executor would.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[str] = loop.create_future()
    context = contextvars.copy_context()

    def settle(text: str | None, error: BaseException | None) -> None:
        if answer.done():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(cast("str", text))

    def call() -> None:
        text: str | None = None
        error: BaseException | None = None
        try:
            text = context.run(func, prompt)
        except Exception as exc:
            # StopIteration cannot be set on a future (a scripted input that ran dry raises it).
            error = RuntimeError("the input function ran out of answers") if isinstance(exc, StopIteration) else exc
        try:
            loop.call_soon_threadsafe(settle, text, error)
        except RuntimeError:
            pass  # the loop was closed while the user was typing: nobody waits for the answer any more

    threading.Thread(target=call, name="user-input", daemon=True).start()
    return await answer
