"""Message content as text."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel

from hubbub_core import FunctionCall, Image
from hubbub_core.models import FunctionExecutionResult, LLMMessage, UserMessage


def content_to_str(
    content: str | BaseModel | Sequence[str | Image] | Sequence[FunctionCall] | Sequence[FunctionExecutionResult],
) -> str:
    """Return a message's content as text: images as `<image>`, a pydantic object as JSON, list items a line each."""
    if isinstance(content, str):
        return content
    if isinstance(content, BaseModel):
        return content.model_dump_json()
    return "\n".join("<image>" if isinstance(part, Image) else str(part) for part in content)


def remove_images(messages: list[LLMMessage]) -> list[LLMMessage]:
    """Return the messages with the content of user messages as text only, images as `<image>`."""
    return [
        UserMessage(content=content_to_str(message.content), source=message.source)
        if isinstance(message, UserMessage) and not isinstance(message.content, str)
        else message
        for message in messages
    ]
