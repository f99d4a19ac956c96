"""Passing a message through all intervention handlers."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any, Final

from ._agent_id import AgentId
from ._intervention import DropMessage, InterventionHandler
from ._message_context import MessageContext
from .exceptions import MessageDroppedException

# Whether the code that runs is an intervention handler: what it sends must not wait behind the message it holds.
INTERVENING: Final[ContextVar[bool]] = ContextVar("hubbub_intervening", default=False)


class InterventionChain:
    """Intervention handlers in order, each given what the one before returned.

    Every method returns what to deliver.

    Raises:
        MessageDroppedException: A handler dropped the message.
        Exception: Whatever a handler raised.
    """

    def __init__(self, handlers: Sequence[InterventionHandler]) -> None:
        self._handlers = tuple(handlers)

    async def on_send(self, message: Any, context: MessageContext, recipient: AgentId) -> Any:
        """Pass a direct message."""
        for handler in self._handlers:
            returned = await handler.on_send(message, message_context=context, recipient=recipient)
            message = self._checked(message, returned, handler, "on_send")
        return message

    async def on_publish(self, message: Any, context: MessageContext) -> Any:
        """Pass a published message."""
        for handler in self._handlers:
            returned = await handler.on_publish(message, message_context=context)
            message = self._checked(message, returned, handler, "on_publish")
        return message

    async def on_response(self, reply: Any, sender: AgentId, recipient: AgentId | None) -> Any:
        """Pass a reply."""
        for handler in self._handlers:
            returned = await handler.on_response(reply, sender=sender, recipient=recipient)
            reply = self._checked(reply, returned, handler, "on_response")
        return reply

    @staticmethod
    def _checked(message: Any, returned: Any, handler: InterventionHandler, method: str) -> Any:
        if returned is DropMessage or isinstance(returned, DropMessage):
            raise MessageDroppedException(
                f"{type(handler).__name__}.{method} dropped a message of type {type(message).__name__}"
            )
        # A handler without a reply returns None, which then passes as None.
        if returned is None and message is not None:
            warnings.warn(
                f"{type(handler).__name__}.{method} returned None; the message goes on unchanged. To drop it, return"
                " DropMessage",
                RuntimeWarning,
                stacklevel=2,
            )
            return message
        return returned
