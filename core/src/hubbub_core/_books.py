"""The end of every delivery: who is answered, who is told of an error, and what is still outstanding."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from . import _event_log as event_log
from ._agent_id import AgentId
from ._direct_message import DirectMessage
from ._envelope import Envelope
from ._observers import notify_finished
from ._unhandled_errors import UnhandledErrors
from ._waiters import Waiters
from .exceptions import UndeliverableException
from .observe import DeliveryObserver


class Books:
    """Settles deliveries and counts messages.

    Args:
        errors: Where errors go that no sender waits for.
        on_fatal: Called after the error that ends all deliveries.
    """

    def __init__(self, errors: UnhandledErrors, on_fatal: Callable[[], None]) -> None:
        self._errors = errors
        self._on_fatal = on_fatal
        self.outstanding = 0
        """Messages submitted and not yet finished, queued ones included."""
        self.idle_waiters = Waiters()
        """Woken when the last outstanding message is finished."""
        self.change_waiters = Waiters()
        """Woken after every finished message."""

    def settle(
        self,
        envelope: Envelope,
        recipient: AgentId,
        observers: tuple[DeliveryObserver, ...],
        reply: Any,
        error: BaseException | None,
    ) -> None:
        """Tell what became of a delivery to whoever wants to know."""
        if error is not None:
            self._settle_error(envelope, recipient, error)
        elif isinstance(envelope, DirectMessage):
            if envelope.logged:
                event_log.log_reply(reply, recipient, envelope.context.sender)
            envelope.resolve(reply)
        if observers:
            notify_finished(observers, recipient, envelope.message, envelope.context, error)

    def _settle_error(self, envelope: Envelope, recipient: AgentId, error: BaseException) -> None:
        if not isinstance(error, asyncio.CancelledError):
            event_log.log_handler_error(envelope.message, recipient, error)
        if isinstance(envelope, DirectMessage):
            envelope.fail(error)
        elif not isinstance(error, asyncio.CancelledError) and self._errors.report(recipient, error):
            # Nothing is delivered after the error that somebody is going to be told.
            self._on_fatal()

    def finish_one(self, envelope: Envelope) -> None:
        """Take note that one of a message's deliveries is over."""
        envelope.unfinished -= 1
        if envelope.unfinished == 0:
            self.finish(envelope)

    def finish(self, envelope: Envelope) -> None:
        """Take note that a message is over."""
        envelope.finish()
        self.outstanding -= 1
        if self.outstanding == 0 and self.idle_waiters:
            self.idle_waiters.wake()
        if self.change_waiters:
            self.change_waiters.wake()

    def discard(self, envelope: Envelope) -> None:
        """End a message that is not going to be delivered."""
        if isinstance(envelope, DirectMessage):
            envelope.fail(
                UndeliverableException(
                    f"the runtime was stopped before the message for {envelope.recipient} was delivered"
                )
            )
        self.finish(envelope)

    def forget_loop(self, outstanding: int) -> None:
        """Begin again in another event loop, with this many messages: nobody waits for the rest any more."""
        self.outstanding = outstanding
        self.idle_waiters.forget()
        self.change_waiters.forget()
