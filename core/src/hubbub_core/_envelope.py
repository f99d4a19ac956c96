"""A message on its way: what it carries, who waits for it, and how it is cancelled."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from typing import Any

from ._agent_id import AgentId
from ._cancellation_token import CancellationToken
from ._message_context import MessageContext
from ._topic import TopicId


class DeliveryContext(MessageContext):
    """The context of a message, whose id and token are made when somebody reads them first.

    Most handlers read neither, and a UUID alone costs as much as a delivery.
    """

    __slots__ = ("envelope", "trace")

    envelope: Envelope | None
    """The message, until it is over."""
    trace: Any
    """Where a tracer keeps the message's span."""

    def __init__(
        self,
        sender: AgentId | None,
        topic_id: TopicId | None,
        is_rpc: bool,
        cancellation_token: CancellationToken | None = None,
        message_id: str | None = None,
    ) -> None:
        self.sender = sender
        self.topic_id = topic_id
        self.is_rpc = is_rpc
        self.envelope = None
        self.trace = None
        # A slot that is left empty sends its first reader to __getattr__.
        if cancellation_token is not None:
            self.cancellation_token = cancellation_token
        if message_id is not None:
            self.message_id = message_id

    def __getattr__(self, name: str) -> Any:
        if name == "message_id":
            self.message_id = str(uuid.uuid4())
            return self.message_id
        if name == "cancellation_token":
            self.cancellation_token = token = CancellationToken()
            if self.envelope is not None:
                self.envelope.use_own_token(token)
            return token
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)


class Envelope:
    """A message in the runtime, from submission until every recipient's handler is over.

    `unfinished` counts deliveries not yet over. The tasks it notes are those that run its interventions, and those that
    run its handlers which have suspended at least once: before that a handler shares its task.
    """

    __slots__ = (
        "_handle",
        "_more_tasks",
        "_own_token",
        "_task",
        "_token",
        "cancelled",
        "context",
        "logged",
        "message",
        "unfinished",
    )

    def __init__(self, message: Any, context: DeliveryContext) -> None:
        self.message = message
        self.context = context
        context.envelope = self
        self.cancelled = False
        self.logged = False
        """Whether somebody listened to the log when the message was submitted."""
        self.unfinished = 1
        # Most messages have one task: a tuple of it would be one more object for each that waits.
        self._task: asyncio.Task[Any] | None = None
        self._more_tasks: tuple[asyncio.Task[Any], ...] = ()
        self._token: CancellationToken | None = None
        self._own_token = False

    def link(self, token: CancellationToken, loop: asyncio.AbstractEventLoop) -> None:
        """Have the token cancel this message, until `finish`."""

        def cancel_in_loop() -> None:
            if asyncio._get_running_loop() is loop:
                self.call_off()
            elif not loop.is_closed():
                loop.call_soon_threadsafe(self.call_off)

        self._handle = token.link(cancel_in_loop)
        self._token = token

    def use_own_token(self, token: CancellationToken) -> None:
        """Take a token that exists for this message alone: each cancels the other."""
        self._own_token = True
        if self.cancelled:
            token.cancel()
        else:
            self.link(token, asyncio.get_running_loop())

    def add_task(self, task: asyncio.Task[Any]) -> None:
        """Note a task that `call_off` has to cancel; at once if the message is cancelled already."""
        if self._task is None:
            self._task = task
        else:
            self._more_tasks = (*self._more_tasks, task)
        if self.cancelled:
            task.cancel()

    def forget_tasks(self) -> None:
        """Leave alone the tasks noted so far: they are done with this message."""
        self._task = None
        self._more_tasks = ()

    def call_off(self) -> None:
        """Cancel whoever waits for the reply, and the handlers that run."""
        if self.cancelled:
            return
        self.cancelled = True
        if self._task is not None:
            for task in (self._task, *self._more_tasks):
                task.cancel()
        if self._own_token and self._token is not None:
            self._token.cancel()

    def finish(self) -> None:
        """Let go of the token: the message is over."""
        self.context.envelope = None
        self._task = None
        self._more_tasks = ()
        if self._token is not None and self._handle is not None:
            self._token.unlink(self._handle)


class Broadcast(Envelope):
    """A message to all subscribers of a topic."""

    __slots__ = ("rest", "topic_id")

    def __init__(self, message: Any, context: DeliveryContext, topic_id: TopicId) -> None:
        super().__init__(message, context)
        self.topic_id = topic_id
        self.rest: Iterator[AgentId] | None = None
        """Recipients whose handlers have not begun; None before the recipients are known."""
