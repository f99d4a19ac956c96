"""A task that stands by: another task may have it run on the spot, without a round of the event loop."""

from __future__ import annotations

import asyncio
from asyncio.tasks import _enter_task, _leave_task
from collections.abc import Callable, Generator
from contextvars import Context
from typing import Any


class Standby:
    """What a task awaits to stand by, until `wake` or the next round of the event loop.

    To the task it is a future; the callback that the task leaves with it is the task's next step, which `wake` calls
    within the step of another task. CPython's own eager tasks (3.12) run in the same way; `_enter_task` and
    `_leave_task`, documented for other implementations of tasks, keep `asyncio.current_task()` right in both.
    """

    __slots__ = ("_asyncio_future_blocking", "_context", "_loop", "_relief", "_woken", "step")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        # How asyncio knows a future.
        self._asyncio_future_blocking = False
        self._loop = loop
        self.step: Callable[[Any], object] | None = None
        """The next step of the task that stands by, if one does."""
        self._woken = False
        self._context: Context | None = None
        # Whether a round of the loop that ends the standing by is on its way.
        self._relief = False

    def wake(self) -> None:
        """Run the next step of the task that stands by. The current task goes on when that step is over."""
        self._woken = True
        loop = self._loop
        current = asyncio.current_task(loop)
        if current is None:
            self._run_step()
            return
        _leave_task(loop, current)
        try:
            self._run_step()
        finally:
            _enter_task(loop, current)

    def _run_step(self) -> None:
        step, context = self.step, self._context
        assert step is not None
        assert context is not None
        self.step = self._context = None
        context.run(step, self)

    def _relieve(self) -> None:
        self._relief = False
        if self.step is not None:
            self._woken = False
            self._run_step()

    # What a task asks of a future.

    def __await__(self) -> Generator[Any, None, bool]:
        self._asyncio_future_blocking = True
        yield self
        return self._woken

    def add_done_callback(self, step: Callable[[Any], object], *, context: Context) -> None:
        """Take the task's next step."""
        self.step, self._context = step, context
        if not self._relief:
            self._relief = True
            self._loop.call_soon(self._relieve)

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """Return the loop of the task."""
        return self._loop

    def result(self) -> bool:
        """Return what awaiting it gives: whether `wake` ended it."""
        return self._woken

    def cancel(self, msg: Any = None) -> bool:
        """Leave a cancellation to the task's next step, which is at most a round of the loop away."""
        return False
