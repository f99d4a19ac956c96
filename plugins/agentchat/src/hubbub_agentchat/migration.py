"""Messages of AutoGen 0.2 and back: the helpers of the migration guide (spec: 002 L1450-1558).

A message of 0.2 is a dictionary as the OpenAI API has it, with the author in `name`. The guide's own pair of functions
does not get everything back: it writes the arguments of a call under `args`, where 0.2 has `arguments`, and results
without the name of their tool. Here both spellings are read, names are found in the calls before, and
`native=True` writes what 0.2 itself writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from hubbub_agentchat.messages import (
    BaseAgentEvent,
    BaseChatMessage,
    HandoffMessage,
    MultiModalMessage,
    StopMessage,
    TextMessage,
    ToolCallExecutionEvent,
    ToolCallRequestEvent,
    ToolCallSummaryMessage,
)
from hubbub_core import FunctionCall, Image
from hubbub_core.models import FunctionExecutionResult

__all__ = [
    "convert_to_v02_history",
    "convert_to_v02_message",
    "convert_to_v04_history",
    "convert_to_v04_message",
]

Role = Literal["assistant", "user", "tool"]
ImageDetail = Literal["auto", "high", "low"]


def convert_to_v02_message(
    message: BaseAgentEvent | BaseChatMessage,
    role: Role,
    image_detail: ImageDetail = "auto",
    *,
    native: bool = False,
) -> dict[str, Any]:
    """Convert a message to one of AutoGen 0.2.

    Args:
        message: A text, stop, handoff, summary or multi-modal message, or the event of tool calls or their results.
        role: Role of a chat message; those of tool events are fixed.
        image_detail: How closely a model shall look at images.
        native: Write tool calls and results as 0.2 does (`arguments`, and the names of tools), not as the guide does.

    Raises:
        ValueError: 0.2 has nothing like it, or a part of a multi-modal message is neither text nor image.
    """
    if isinstance(message, TextMessage | StopMessage | HandoffMessage | ToolCallSummaryMessage):
        return {"content": message.content, "role": role, "name": message.source}
    if isinstance(message, MultiModalMessage):
        parts = [_part(part, image_detail) for part in message.content]
        return {"content": parts, "role": role, "name": message.source}
    if isinstance(message, ToolCallRequestEvent):
        key = "arguments" if native else "args"
        calls = [
            {"id": call.id, "type": "function", "function": {"name": call.name, key: call.arguments}}
            for call in message.content
        ]
        return {"tool_calls": calls, "role": "assistant", "content": None, "name": message.source}
    if isinstance(message, ToolCallExecutionEvent):
        responses = [
            {"tool_call_id": result.call_id, "role": "tool", "content": result.content}
            | ({"name": result.name} if native else {})
            for result in message.content
        ]
        content = "\n\n".join(response["content"] for response in responses)
        return {"tool_responses": responses, "role": "tool", "content": content}
    raise ValueError(f"Invalid message type: {type(message)}")


def _part(part: object, image_detail: ImageDetail) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    if isinstance(part, Image):
        return dict(part.to_openai_format(detail=image_detail))
    raise ValueError(f"Invalid multimodal message content: {part}")


def convert_to_v04_message(
    message: Mapping[str, Any], *, tool_names: Mapping[str, str] | None = None
) -> BaseAgentEvent | BaseChatMessage:
    """Convert a message of AutoGen 0.2.

    Args:
        message: The dictionary. Without `name` its `role` is taken for the author.
        tool_names: Names of tools by call id, for results that do not name theirs.

    Returns:
        A `ToolCallRequestEvent`, `ToolCallExecutionEvent` (from `tools`), `MultiModalMessage` or `TextMessage`.

    Raises:
        ValueError: It is no message of 0.2.
    """
    source = str(message.get("name") or message.get("role") or "user")
    try:
        if message.get("tool_calls"):
            return ToolCallRequestEvent(source=source, content=[_call(call) for call in message["tool_calls"]])
        if message.get("tool_responses"):
            results = [_result(response, tool_names or {}) for response in message["tool_responses"]]
            return ToolCallExecutionEvent(source="tools", content=results)
        content = message.get("content")
        if isinstance(content, list):
            parts = [
                part["text"] if part["type"] == "text" else Image.from_uri(part["image_url"]["url"]) for part in content
            ]
            return MultiModalMessage(content=parts, source=source)
        if isinstance(content, str):
            return TextMessage(content=content, source=source)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"Unable to convert message: {message}") from error
    raise ValueError(f"Unable to convert message: {message}")


def _call(call: Mapping[str, Any]) -> FunctionCall:
    function = call["function"]
    arguments = function["args"] if "args" in function else function["arguments"]
    return FunctionCall(id=call["id"], name=function["name"], arguments=arguments)


def _result(response: Mapping[str, Any], tool_names: Mapping[str, str]) -> FunctionExecutionResult:
    call_id = response["tool_call_id"]
    name = response.get("name") or tool_names.get(call_id, "")
    return FunctionExecutionResult(call_id=call_id, content=response["content"], is_error=False, name=name)


def convert_to_v02_history(
    messages: Iterable[BaseAgentEvent | BaseChatMessage],
    *,
    user: str = "user",
    image_detail: ImageDetail = "auto",
) -> list[dict[str, Any]]:
    """Convert a `TaskResult.messages` to what 0.2 called `ChatResult.chat_history`.

    Events that 0.2 has nothing like (thoughts, chunks, requests for input) are left out.

    Args:
        messages: The messages and events.
        user: Whose messages have the role `user`; all others' have `assistant`.
        image_detail: How closely a model shall look at images.

    Raises:
        ValueError: A chat message that 0.2 has nothing like.
    """
    history: list[dict[str, Any]] = []
    for message in messages:
        if isinstance(message, BaseChatMessage | ToolCallRequestEvent | ToolCallExecutionEvent):
            role: Role = "user" if message.source == user else "assistant"
            history.append(convert_to_v02_message(message, role, image_detail, native=True))
    return history


def convert_to_v04_history(history: Sequence[Mapping[str, Any]]) -> list[BaseAgentEvent | BaseChatMessage]:
    """Convert a `chat_history` of 0.2; tool results get the names of their tools from the calls before.

    Raises:
        ValueError: One of them is no message of 0.2.
    """
    messages: list[BaseAgentEvent | BaseChatMessage] = []
    names: dict[str, str] = {}
    for entry in history:
        message = convert_to_v04_message(entry, tool_names=names)
        if isinstance(message, ToolCallRequestEvent):
            names.update({call.id: call.name for call in message.content})
        messages.append(message)
    return messages
