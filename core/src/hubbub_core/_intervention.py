"""Intervention handlers: see, change or drop every message before it is delivered."""

from __future__ import annotations

from typing import Any, Protocol, final

from ._agent_id import AgentId
from ._message_context import MessageContext


@final
class DropMessage:
    """Returned by an intervention handler, as this class itself, to drop the message."""


class InterventionHandler(Protocol):
    """Sees each message before it is delivered and returns what to deliver instead (spec: 001 L3056).

    A runtime calls its handlers in list order, each with what the one before returned. Messages go through them one
    at a time in the order they were sent: one that waits (for a person's approval) holds back those behind it, but not
    those that it sends itself. Returning None warns and leaves the message as it is; `DropMessage` drops it.
    """

    async def on_send(
        self, message: Any, *, message_context: MessageContext, recipient: AgentId
    ) -> Any | type[DropMessage]:
        """See a direct message. An exception goes to the sender instead of a reply."""
        ...

    async def on_publish(self, message: Any, *, message_context: MessageContext) -> Any | type[DropMessage]:
        """See a published message, whether or not anybody subscribes. An exception is logged and drops the message."""
        ...

    async def on_response(self, message: Any, *, sender: AgentId, recipient: AgentId | None) -> Any | type[DropMessage]:
        """See a reply on its way back to `recipient`, None outside agents. An exception goes there instead."""
        ...


class DefaultInterventionHandler(InterventionHandler):
    """Lets everything pass: a base for handlers that look at some messages only."""

    async def on_send(
        self, message: Any, *, message_context: MessageContext, recipient: AgentId
    ) -> Any | type[DropMessage]:
        """Return the message as it is."""
        return message

    async def on_publish(self, message: Any, *, message_context: MessageContext) -> Any | type[DropMessage]:
        """Return the message as it is."""
        return message

    async def on_response(self, message: Any, *, sender: AgentId, recipient: AgentId | None) -> Any | type[DropMessage]:
        """Return the reply as it is."""
        return message
