"""Watching deliveries: what a live view or a tracer implements."""

from __future__ import annotations

from typing import Any, Protocol

from ._agent_id import AgentId
from ._message_context import MessageContext


class DeliveryObserver(Protocol):
    """Is told about each delivery of a message to an agent. An error it raises is logged and changes nothing else.

    The calls are made in the task that runs the handler, and `context` is the same object in both.
    """

    def delivery_started(self, agent_id: AgentId, message: Any, context: MessageContext) -> None:
        """The agent is about to get the message; it may still have to be made."""
        ...

    def delivery_finished(
        self, agent_id: AgentId, message: Any, context: MessageContext, error: BaseException | None
    ) -> None:
        """The handler returned, or failed with `error`; `asyncio.CancelledError` if it was cancelled."""
        ...
