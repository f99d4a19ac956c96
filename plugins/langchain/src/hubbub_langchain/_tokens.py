"""Estimate tokens without a table and without a connection."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Final

from hubbub_core import FunctionCall, Image
from hubbub_core.models import FunctionExecutionResultMessage, LLMMessage
from hubbub_core.tools import ToolSchema

_BYTES_PER_TOKEN: Final = 4
_PER_MESSAGE: Final = 3
_PER_IMAGE: Final = 765  # what OpenAI counts for a picture of 1024 x 1024


def estimate_tokens(messages: Sequence[LLMMessage], tools: Sequence[ToolSchema]) -> int:
    """Return about how many tokens a request takes: a quarter of its bytes of UTF-8, and a little per message."""
    total = sum(_PER_MESSAGE + _count(message) for message in messages)
    return total + sum(_text(json.dumps(tool)) for tool in tools)


def _count(message: LLMMessage) -> int:
    if isinstance(message, FunctionExecutionResultMessage):
        return sum(_text(result.content) + _text(result.name) for result in message.content)
    thought = getattr(message, "thought", None) or ""
    if isinstance(message.content, str):
        return _text(message.content) + _text(thought)
    return _text(thought) + sum(map(_part, message.content))


def _part(part: str | Image | FunctionCall) -> int:
    if isinstance(part, Image):
        return _PER_IMAGE
    return _text(part) if isinstance(part, str) else _text(part.name + part.arguments)


def _text(text: str) -> int:
    return math.ceil(len(text.encode("utf-8", "surrogatepass")) / _BYTES_PER_TOKEN)
