"""Messages of the hub as items, the input of Responses and Conversations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from hubbub_core import FunctionCall, Image
from hubbub_core.models import (
    AssistantMessage,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    LLMMessage,
    SystemMessage,
    UserMessage,
)

Item: TypeAlias = dict[str, Any]
"""One item of a request's `input`, as JSON."""


def message_item(message: LLMMessage, role: str = "user") -> list[Item]:
    """Return the items of a model message. A thought beside calls becomes a text of the assistant before them.

    Args:
        message: The message.
        role: Role of a `UserMessage`, whose text may be that of a system or assistant.

    Raises:
        ValueError: The message holds what Responses have no item for.
    """
    if isinstance(message, SystemMessage):
        return [{"role": "system", "content": message.content}]
    if isinstance(message, UserMessage):
        if isinstance(message.content, str):
            return [{"role": role, "content": message.content}]
        return [{"role": "user", "content": input_parts(message.content)}]
    if isinstance(message, AssistantMessage):
        if isinstance(message.content, str):
            return [{"role": "assistant", "content": message.content}]
        thought: list[Item] = [{"role": "assistant", "content": message.thought}] if message.thought else []
        return [*thought, *(call_item(call) for call in message.content)]
    if isinstance(message, FunctionExecutionResultMessage):
        return [output_item(result) for result in message.content]
    raise ValueError(f"Unknown message type: {type(message).__name__}")


def input_parts(content: Sequence[str | Image]) -> list[Item]:
    """Return texts and images as parts of an item."""
    return [
        {"type": "input_text", "text": part}
        if isinstance(part, str)
        else {"type": "input_image", "image_url": part.data_uri, "detail": "auto"}
        for part in content
    ]


def call_item(call: FunctionCall) -> Item:
    """Return a call as an item."""
    return {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": call.arguments}


def output_item(result: FunctionExecutionResult, parts: Sequence[str | Image] = ()) -> Item:
    """Return a result as an item.

    Args:
        result: The result.
        parts: Its texts and images, where there are images.
    """
    output = input_parts(parts) if parts else result.content
    return {"type": "function_call_output", "call_id": result.call_id, "output": output}
