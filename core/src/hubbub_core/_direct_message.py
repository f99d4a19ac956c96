"""A message to one agent, which its sender awaits as it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from contextvars import Context
from typing import Any, Self

from ._agent_id import AgentId
from ._envelope import DeliveryContext, Envelope


class DirectMessage(Envelope):
    """A message to one agent. To the task of its sender it is a future, as `Standby` is to a pump.

    With an `asyncio.Future` and the iterator over it, a sender that waits would be two objects more. Where agents wait
    for agents by the thousand, the garbage collector looks at every one of them while the event loop stands still.
    """

    __slots__ = (
        "_asyncio_future_blocking",
        "_error",
        "_loop",
        "_reply",
        "_step",
        "_step_context",
        "answered",
        "recipient",
    )

    _loop: asyncio.AbstractEventLoop
    _reply: Any
    _step_context: Context
    _asyncio_future_blocking: bool

    def __init__(self, message: Any, context: DeliveryContext, recipient: AgentId) -> None:
        super().__init__(message, context)
        self.recipient = recipient
        self.answered = False
        """Whether there is a reply, or an error in its place."""
        self._error: BaseException | None = None
        self._step: Callable[[Any], object] | None = None
        """The next step of the sender's task, while that waits."""

    def in_loop(self, loop: asyncio.AbstractEventLoop) -> Self:
        """Return itself, to be awaited by a task of that loop."""
        self._loop = loop
        return self

    def resolve(self, reply: Any) -> None:
        """Answer the sender, if it still waits."""
        if not self.answered:
            self._reply = reply
            self._answer()

    def fail(self, error: BaseException) -> None:
        """Answer the sender with an error, if it still waits."""
        if not self.answered:
            # A cancellation is the sender's own from here on, as that of a future would be.
            cancelled = isinstance(error, asyncio.CancelledError)
            self._error = asyncio.CancelledError(*error.args[:1]) if cancelled else error
            self._answer()

    def call_off(self) -> None:
        """Cancel the sender's wait and the handler."""
        self.cancel()
        super().call_off()

    def _answer(self) -> None:
        self.answered = True
        step = self._step
        if step is not None:
            self._step = None
            self._loop.call_soon(step, self, context=self._step_context)

    # What a task asks of a future.

    def __await__(self) -> Generator[Any, None, Any]:
        self._asyncio_future_blocking = True
        return self  # type: ignore[return-value] # an iterator is all that `await` asks for

    def __next__(self) -> Self:
        if self.answered:
            raise StopIteration(self._reply)
        return self

    def add_done_callback(self, step: Callable[[Any], object], *, context: Context) -> None:
        """Take the next step of the sender's task."""
        self._step, self._step_context = step, context

    def result(self) -> Any:
        """Return the reply, or raise the error: that only once, as its traceback leads back to who holds this."""
        error = self._error
        if error is None:
            return self._reply
        self._error = None
        try:
            raise error
        finally:
            del error

    def cancel(self, msg: Any = None) -> bool:
        """End the sender's wait. The handler is not told before the sender is, which then calls the message off."""
        if self.answered:
            return False
        self.fail(asyncio.CancelledError() if msg is None else asyncio.CancelledError(msg))
        return True
