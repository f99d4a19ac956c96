"""Log what goes to a model and comes back, while somebody listens."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from hubbub_core._constants import EVENT_LOGGER_NAME
from hubbub_core.models._types import CreateResult, LLMMessage

_EVENTS = logging.getLogger(EVENT_LOGGER_NAME)


def log_call(messages: Sequence[LLMMessage], result: CreateResult, **extra: Any) -> None:
    """Log an `LLMCallEvent`."""
    if _EVENTS.isEnabledFor(logging.INFO):
        from hubbub_core.logging import LLMCallEvent

        _EVENTS.info(
            LLMCallEvent(
                messages=_dump(messages),
                response=result.model_dump(mode="json"),
                prompt_tokens=result.usage.prompt_tokens,
                completion_tokens=result.usage.completion_tokens,
                **extra,
            ),
        )


def log_stream_start(messages: Sequence[LLMMessage], **extra: Any) -> None:
    """Log an `LLMStreamStartEvent`."""
    if _EVENTS.isEnabledFor(logging.INFO):
        from hubbub_core.logging import LLMStreamStartEvent

        _EVENTS.info(LLMStreamStartEvent(messages=_dump(messages), **extra))


def log_stream_end(result: CreateResult, **extra: Any) -> None:
    """Log an `LLMStreamEndEvent`."""
    if _EVENTS.isEnabledFor(logging.INFO):
        from hubbub_core.logging import LLMStreamEndEvent

        _EVENTS.info(
            LLMStreamEndEvent(
                response=result.model_dump(mode="json"),
                prompt_tokens=result.usage.prompt_tokens,
                completion_tokens=result.usage.completion_tokens,
                **extra,
            ),
        )


def _dump(messages: Sequence[LLMMessage]) -> list[dict[str, Any]]:
    return [message.model_dump(mode="json") for message in messages]
