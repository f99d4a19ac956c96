"""Telling observers about deliveries, whatever they do."""

from __future__ import annotations

import logging
from typing import Any, Final

from ._agent_id import AgentId
from ._constants import ROOT_LOGGER_NAME
from ._message_context import MessageContext
from .observe import DeliveryObserver

logger: Final = logging.getLogger(ROOT_LOGGER_NAME)


def notify_started(
    observers: tuple[DeliveryObserver, ...], agent_id: AgentId, message: Any, context: MessageContext
) -> None:
    """Tell all observers that a delivery begins; log their errors."""
    for observer in observers:
        try:
            observer.delivery_started(agent_id, message, context)
        except Exception:
            logger.exception("observer %r failed in delivery_started", observer)


def notify_finished(
    observers: tuple[DeliveryObserver, ...],
    agent_id: AgentId,
    message: Any,
    context: MessageContext,
    error: BaseException | None,
) -> None:
    """Tell all observers that a delivery is over; log their errors."""
    for observer in observers:
        try:
            observer.delivery_finished(agent_id, message, context, error)
        except Exception:
            logger.exception("observer %r failed in delivery_finished", observer)
