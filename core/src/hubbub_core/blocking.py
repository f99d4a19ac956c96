"""Call asynchronous code from synchronous code, and blocking code from a coroutine."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import weakref
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from concurrent.futures import Future
from typing import Any, ParamSpec, TypeVar

__all__ = ["LoopThread", "call_in_thread"]

P = ParamSpec("P")
T = TypeVar("T")


async def call_in_thread(func: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function that blocks in a daemon thread, in the caller's context, and return its result.

    Nothing can end a thread that waits at a terminal or for a network. As a daemon it does not keep the program from
    ending either, which a thread of the loop's executor would. Who is cancelled stops waiting; the result is dropped.

    Raises:
        RuntimeError: The function raised StopIteration, which cannot leave a coroutine.
        BaseException: What else the function raised.
    """
    outcome: Future[T] = Future()
    context = contextvars.copy_context()

    def call() -> None:
        try:
            result = context.run(func, *args, **kwargs)
        except StopIteration as exc:
            name = getattr(func, "__qualname__", type(func).__qualname__)
            error = RuntimeError(f"{name} ran out of answers: it raised StopIteration")
            error.__cause__ = exc
            outcome.set_exception(error)
        except BaseException as exc:  # also SystemExit: whoever waits must not wait for ever
            outcome.set_exception(exc)
        else:
            outcome.set_result(result)

    # Else the future could be cancelled under the thread, which then cannot set it.
    outcome.set_running_or_notify_cancel()
    threading.Thread(target=call, name="hubbub-call", daemon=True).start()
    return await asyncio.wrap_future(outcome)


class LoopThread:
    """An event loop in a thread of its own, started by the first call; or a loop that runs already.

    One loop for all calls, since HTTP clients keep connections that only their own loop can use. The thread ends with
    this object, or with the interpreter.

    Args:
        loop: A running loop to use in place of an own one. It stays its owner's.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self._lock = threading.Lock()
        self._given = loop
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end: weakref.finalize[Any, LoopThread] | None = None

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine there and return its result; an interrupt of the caller cancels it.

        Raises:
            RuntimeError: Called from that loop's own thread, which would wait for itself for ever; or the given loop
                has ended.
        """
        running = asyncio._get_running_loop()
        if running is not None and running in (self._loop, self._given):
            coroutine.close()
            raise RuntimeError(
                "a synchronous call of the hub from the event loop that has to answer it; use the asynchronous method"
            )
        try:
            loop = self._started()
        except RuntimeError:
            coroutine.close()
            raise
        future = asyncio.run_coroutine_threadsafe(coroutine, loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def iterate(self, items: AsyncGenerator[T, None]) -> Generator[T, None, None]:
        """Run an asynchronous generator there, item by item (none is None), and close it when the caller stops."""
        try:
            while (item := self.call(_next(items))) is not None:
                yield item
        finally:
            self.call(_close(items))

    def close(self) -> None:
        """End the thread; the next call starts another."""
        with self._lock:
            end, self._end, self._loop = self._end, None, None
        if end is not None:
            end()

    def _started(self) -> asyncio.AbstractEventLoop:
        if self._given is not None:
            if not self._given.is_running():
                raise RuntimeError("the event loop that synchronous calls of the hub were to run in has ended")
            return self._given
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                thread = threading.Thread(target=_serve, args=(self._loop,), name="hubbub-blocking", daemon=True)
                thread.start()
                self._end = weakref.finalize(self, _stop, self._loop, thread)
            return self._loop


# Coroutines, which run_coroutine_threadsafe asks for; anext() and aclose() alone give other awaitables.


async def _next(items: AsyncGenerator[T, None]) -> T | None:
    return await anext(items, None)


async def _close(items: AsyncGenerator[T, None]) -> None:
    await items.aclose()


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
        loop.run_until_complete(_finish())
    finally:
        loop.close()


async def _finish() -> None:
    """End what is still running in the loop."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.get_running_loop().shutdown_asyncgens()


def _stop(loop: asyncio.AbstractEventLoop, thread: threading.Thread) -> None:
    loop.call_soon_threadsafe(loop.stop)
    if thread is not threading.current_thread():
        thread.join(timeout=5)
