"""What comes out of LangChain as what the exchange carries. Public: hubbub-langgraph builds on it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from langchain_core.messages import AIMessage, BaseMessage, BaseMessageChunk
from langchain_core.prompt_values import PromptValue
from pydantic import BaseModel, JsonValue

from hubbub_core.exchange import AgentChunk
from hubbub_core.models import (
    AssistantMessage,
    FunctionExecutionResultMessage,
    LLMMessage,
    SystemMessage,
    UserMessage,
)

from .messages import from_langchain, function_calls

HUB_MESSAGES: Final = (SystemMessage, UserMessage, AssistantMessage, FunctionExecutionResultMessage)
"""The classes of the hub's messages, for `isinstance`."""


def answer_messages(value: Any, *, source: str, owner: str) -> list[LLMMessage]:
    """Convert an answer: text, messages of LangChain or the hub, a prompt, an object of pydantic, or JSON.

    Args:
        value: The answer.
        source: Author of messages that name none.
        owner: What returned it, for errors: `"graph 'planner'"`.

    Raises:
        ValueError: It has no form in the hub.
    """
    if value is None:
        return []
    if isinstance(value, PromptValue):
        value = value.to_messages()
    values = list(value) if isinstance(value, list | tuple) else [value]
    if values and all(isinstance(item, BaseMessage) for item in values):
        return from_langchain(values, source=source)
    if values and all(isinstance(item, HUB_MESSAGES) for item in values):
        return values
    if isinstance(value, str):
        return [AssistantMessage(content=str(value), source=source)]
    if isinstance(value, BaseModel) and not isinstance(value, BaseMessageChunk):
        return [AssistantMessage(content=value.model_dump_json(), source=source)]
    if not values:
        return []
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{owner} returned a {type(value).__name__} that is neither text, messages, documents nor JSON ({error}); "
            "pass output=, a function that makes one of these of it"
        ) from error
    return [AssistantMessage(content=text, source=source)]


def call_chunks(message: AIMessage, source: str, place: Mapping[str, JsonValue] | None = None) -> Iterator[AgentChunk]:
    """Yield the calls of a message; `place` goes beside name, id and arguments in the metadata."""
    for call in function_calls(message):
        about: dict[str, JsonValue] = {"name": call.name, "call_id": call.id, "arguments": call.arguments}
        yield AgentChunk(
            content=f"{call.name}({call.arguments})",
            source=source,
            kind="tool_call",
            metadata={**(place or {}), **about},
        )
