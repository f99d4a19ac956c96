"""Count words where a client without a tokenizer has to tell its usage."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hubbub_core.models._types import (
    AssistantMessage,
    FunctionExecutionResultMessage,
    LLMMessage,
    SystemMessage,
)

if TYPE_CHECKING:
    from hubbub_core.tools._base import Tool, ToolSchema


def texts_of(message: LLMMessage) -> list[str]:
    """Return all the text of a message: what was said, called, or returned. Images have none."""
    if isinstance(message, SystemMessage):
        return [message.content]
    if isinstance(message, FunctionExecutionResultMessage):
        return [result.content for result in message.content]
    if isinstance(message.content, str):
        return [message.content]
    if isinstance(message, AssistantMessage):
        return [f"{call.name} {call.arguments}" for call in message.content if not isinstance(call, str)]
    return [part for part in message.content if isinstance(part, str)]


def count_words(messages: Sequence[LLMMessage], tools: Sequence[Tool | ToolSchema] = ()) -> int:
    """Count what white space separates in the messages and in the JSON of the tools' schemas."""
    words = sum(len(text.split()) for message in messages for text in texts_of(message))
    for tool in tools:
        words += len(json.dumps(tool if isinstance(tool, dict) else tool.schema).split())
    return words
