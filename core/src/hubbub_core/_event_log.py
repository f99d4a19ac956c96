"""The runtime's log lines and structured events, made only while somebody listens."""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from ._agent_id import AgentId
from ._constants import EVENT_LOGGER_NAME, ROOT_LOGGER_NAME
from ._serialization import MessageSerializer, try_get_known_serializers_for_type
from ._topic import TopicId

if TYPE_CHECKING:
    from .logging import DeliveryStage, MessageKind

logger: Final = logging.getLogger(ROOT_LOGGER_NAME)
event_logger: Final = logging.getLogger(EVENT_LOGGER_NAME)

_UNSERIALIZABLE: Final = "Message could not be serialized"


def listening() -> bool:
    """Say whether anybody wants to know about messages; the one test that a message pays otherwise."""
    return event_logger.isEnabledFor(logging.INFO) or logger.isEnabledFor(logging.INFO)


# Bounded: a program may make message classes without end.
@lru_cache(maxsize=256)
def _serializers(message_type: type[Any]) -> list[MessageSerializer[Any]]:
    return try_get_known_serializers_for_type(message_type)


def payload_text(message: Any) -> str:
    """Return a message as JSON, or a fixed text if it has none."""
    if message is None:
        return "null"
    known = _serializers(type(message))  # type: ignore[arg-type] # every class is hashable
    try:
        return known[0].serialize(message).decode(errors="replace") if known else _UNSERIALIZABLE
    except Exception:
        # Whatever a foreign field's conversion raises, logging must not stop the message.
        return _UNSERIALIZABLE


class _Lazy:
    """Text made when a log handler asks for it."""

    def __init__(self, message: Any) -> None:
        self._message = message

    def __str__(self) -> str:
        return payload_text(self._message)


def _name(agent_id: AgentId | None) -> str:
    return "Unknown" if agent_id is None else str(agent_id)


def log_sent(message: Any, sender: AgentId | None, recipient: AgentId) -> None:
    """Log that a direct message was submitted."""
    from .logging import DeliveryStage, MessageKind

    logger.info("Sending message of type %s to %s: %s", type(message).__name__, recipient.type, _Lazy(message))
    _log_message(message, sender, recipient, MessageKind.DIRECT, DeliveryStage.SEND)


def log_published(message: Any, sender: AgentId | None, topic_id: TopicId) -> None:
    """Log that a message was published."""
    from .logging import DeliveryStage, MessageKind

    logger.info("Publishing message of type %s to all subscribers: %s", type(message).__name__, _Lazy(message))
    _log_message(message, sender, topic_id, MessageKind.PUBLISH, DeliveryStage.SEND)


def log_delivered(message: Any, sender: AgentId | None, recipient: AgentId, is_rpc: bool) -> None:
    """Log that a handler is about to get a message."""
    from .logging import DeliveryStage, MessageKind

    logger.info(
        "Calling message handler for %s with message type %s %s by %s",
        recipient,
        type(message).__name__,
        "sent" if is_rpc else "published",
        _name(sender),
    )
    kind = MessageKind.DIRECT if is_rpc else MessageKind.PUBLISH
    _log_message(message, sender, recipient, kind, DeliveryStage.DELIVER)


def log_reply(reply: Any, sender: AgentId, recipient: AgentId | None) -> None:
    """Log that a handler replied."""
    from .logging import DeliveryStage, MessageKind

    logger.info(
        "Resolving response with message type %s for recipient %s from %s: %s",
        type(reply).__name__,
        recipient,
        sender.type,
        _Lazy(reply),
    )
    _log_message(reply, sender, recipient, MessageKind.RESPOND, DeliveryStage.DELIVER)


def _log_message(
    message: Any,
    sender: AgentId | None,
    receiver: AgentId | TopicId | None,
    kind: MessageKind,
    stage: DeliveryStage,
) -> None:
    if event_logger.isEnabledFor(logging.INFO):
        from .logging import MessageEvent

        event_logger.info(
            MessageEvent(
                payload=payload_text(message), sender=sender, receiver=receiver, kind=kind, delivery_stage=stage
            )
        )


def log_dropped(message: Any, sender: AgentId | None, receiver: AgentId | TopicId | None, kind_name: str) -> None:
    """Log that an intervention handler dropped a message; `kind_name` is a name of `MessageKind`."""
    if event_logger.isEnabledFor(logging.INFO):
        from .logging import MessageDroppedEvent, MessageKind

        event_logger.info(
            MessageDroppedEvent(
                payload=payload_text(message), sender=sender, receiver=receiver, kind=MessageKind[kind_name]
            )
        )


def log_handler_error(message: Any, agent_id: AgentId, error: BaseException) -> None:
    """Log that a handler failed."""
    if event_logger.isEnabledFor(logging.INFO):
        from .logging import MessageHandlerExceptionEvent

        event_logger.info(
            MessageHandlerExceptionEvent(payload=payload_text(message), handling_agent=agent_id, exception=error)
        )


def log_construction_error(agent_id: AgentId, error: BaseException) -> None:
    """Log that an agent could not be made."""
    if event_logger.isEnabledFor(logging.INFO):
        from .logging import AgentConstructionExceptionEvent

        event_logger.info(AgentConstructionExceptionEvent(agent_id=agent_id, exception=error))
