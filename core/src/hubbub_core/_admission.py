"""Whether a message is delivered: passing it through the interventions, and settling what they refuse."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final

from . import _event_log as event_log
from ._constants import ROOT_LOGGER_NAME
from ._direct_message import DirectMessage
from ._envelope import Envelope
from ._intervention_chain import INTERVENING, InterventionChain
from ._message_handler_context import CURRENT_AGENT
from .exceptions import MessageDroppedException

logger: Final = logging.getLogger(ROOT_LOGGER_NAME)


async def admit(envelope: Envelope, interventions: InterventionChain, task: asyncio.Task[Any]) -> bool:
    """Pass a message through the interventions in the current task, which `envelope.call_off()` cancels.

    Return whether it is to be delivered; its sender has been told if not. Raises only what ends the program.
    """
    CURRENT_AGENT.set(None)
    token = INTERVENING.set(True)
    envelope.add_task(task)
    try:
        await _pass(envelope, interventions)
    except GeneratorExit:
        raise
    except BaseException as exc:
        # BaseException: an intervention may refuse with one, as the denial of a tool call does.
        _refuse(envelope, exc)
        if isinstance(exc, (KeyboardInterrupt, SystemExit)):
            raise
    else:
        return not envelope.cancelled
    finally:
        envelope.forget_tasks()
        INTERVENING.reset(token)
    return False


async def _pass(envelope: Envelope, interventions: InterventionChain) -> None:
    if isinstance(envelope, DirectMessage):
        passed = await interventions.on_send(envelope.message, envelope.context, envelope.recipient)
    else:
        passed = await interventions.on_publish(envelope.message, envelope.context)
    envelope.message = passed


def _refuse(envelope: Envelope, error: BaseException) -> None:
    """Settle a message that did not pass."""
    context = envelope.context
    direct = isinstance(envelope, DirectMessage)
    if isinstance(error, MessageDroppedException):
        receiver = envelope.recipient if isinstance(envelope, DirectMessage) else context.topic_id
        event_log.log_dropped(envelope.message, context.sender, receiver, "DIRECT" if direct else "PUBLISH")
    elif not direct and not isinstance(error, asyncio.CancelledError):
        logger.error("An intervention handler failed, the published message is dropped: %r", error, exc_info=error)
    if isinstance(envelope, DirectMessage):
        envelope.fail(error)
