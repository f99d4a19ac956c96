"""Messages of the hub as chat messages of LlamaIndex and back. What has no counterpart is refused by name."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence
from typing import Any

from llama_index.core.base.llms.types import ThinkingBlock, ToolCallBlock
from llama_index.core.llms import ChatMessage, ImageBlock, MessageRole, TextBlock

from hubbub_core import FunctionCall, Image
from hubbub_core.models import (
    AssistantMessage,
    CreateResult,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    LLMMessage,
    SystemMessage,
    UserMessage,
)
from hubbub_core.models.conversation import assistant_message, joined_results, user_content

_SYSTEM = (MessageRole.SYSTEM, MessageRole.DEVELOPER)
_ASSISTANT = (MessageRole.ASSISTANT, MessageRole.CHATBOT, MessageRole.MODEL)
_TOOL = (MessageRole.TOOL, MessageRole.FUNCTION)


def to_chat_messages(messages: Iterable[LLMMessage]) -> list[ChatMessage]:
    """Return messages of the hub as LlamaIndex has them: each function result is a message of its own.

    Whoever sent a message is its `name`, unless that is `user` or `assistant` anyway; a tool error is `is_error`.
    """
    return [converted for message in messages for converted in _to_chat(message)]


def from_chat_messages(
    messages: Sequence[ChatMessage], *, user: str = "user", assistant: str = "assistant"
) -> list[LLMMessage]:
    """Return chat messages as the hub has them: the results that follow one another are one message.

    Args:
        messages: The conversation.
        user: Source of user messages without a name.
        assistant: Source of assistant messages without a name.

    Raises:
        ValueError: A part has no counterpart in the hub: audio, video, documents, citations, cache points, remote
            images.
    """
    converted: list[LLMMessage] = []
    names: dict[str, str] = {}
    for message in messages:
        if message.role in _TOOL:
            converted.append(FunctionExecutionResultMessage(content=[_result(message, names)]))
        else:
            converted.append(from_chat_message(message, user=user, assistant=assistant))
            names.update({call.id: call.name for call in _calls(message)})
    return joined_results(converted)


def from_chat_message(message: ChatMessage, *, user: str = "user", assistant: str = "assistant") -> LLMMessage:
    """Return one chat message as the hub has it.

    Raises:
        ValueError: A part has no counterpart in the hub.
    """
    name = message.additional_kwargs.get("name")
    if message.role in _SYSTEM:
        return SystemMessage(content=_text(message))
    if message.role is MessageRole.USER:
        return UserMessage(content=_user_content(message), source=name or user)
    if message.role in _TOOL:
        return FunctionExecutionResultMessage(content=[_result(message, {})])
    calls = _calls(message)
    thoughts = [block.content for block in message.blocks if isinstance(block, ThinkingBlock) and block.content]
    return assistant_message(_text(message), calls, thoughts, source=name or assistant)


def from_create_result(result: CreateResult) -> ChatMessage:
    """Return a model's reply as the assistant's message."""
    return _to_chat(AssistantMessage(content=result.content, thought=result.thought, source="assistant"))[0]


def tool_arguments(call: FunctionCall) -> dict[str, Any]:
    """Return a call's arguments.

    Raises:
        ValueError: The model wrote something else than a JSON object.
    """
    try:
        arguments = json.loads(call.arguments or "{}")
    except json.JSONDecodeError as error:
        raise ValueError(f"the model called {call.name} with arguments that are not JSON: {error}") from error
    if not isinstance(arguments, dict):
        raise ValueError(f"the model called {call.name} with {arguments!r}; its arguments must be a JSON object")
    return arguments


def calls_of(message: ChatMessage) -> list[FunctionCall]:
    """Return the function calls of an assistant's message, from its blocks or as older model classes put them."""
    return _calls(message)


def _to_chat(message: LLMMessage) -> list[ChatMessage]:
    if isinstance(message, SystemMessage):
        return [ChatMessage(role=MessageRole.SYSTEM, content=message.content)]
    if isinstance(message, UserMessage):
        parts = [message.content] if isinstance(message.content, str) else message.content
        return [
            ChatMessage(
                role=MessageRole.USER,
                blocks=[TextBlock(text=part) if isinstance(part, str) else _image_block(part) for part in parts],
                additional_kwargs=_named(message.source, "user"),
            )
        ]
    if isinstance(message, AssistantMessage):
        blocks: list[Any] = [] if message.thought is None else [ThinkingBlock(content=message.thought)]
        if isinstance(message.content, str):
            blocks.append(TextBlock(text=message.content))
        else:
            blocks += [_call_block(call) for call in message.content]
        return [
            ChatMessage(
                role=MessageRole.ASSISTANT, blocks=blocks, additional_kwargs=_named(message.source, "assistant")
            )
        ]
    return [
        ChatMessage(
            role=MessageRole.TOOL,
            content=result.content,
            additional_kwargs={
                "tool_call_id": result.call_id,
                "name": result.name,
                **({} if result.is_error is None else {"is_error": result.is_error}),
            },
        )
        for result in message.content
    ]


def _named(source: str, default: str) -> dict[str, Any]:
    return {} if source == default else {"name": source}


def _image_block(image: Image) -> ImageBlock:
    return ImageBlock(image=base64.b64decode(image.to_base64()), image_mimetype="image/png")


def _call_block(call: FunctionCall) -> ToolCallBlock:
    # Arguments stay the text that the model wrote: it may be invalid, and its form must survive a round trip.
    return ToolCallBlock(tool_call_id=call.id, tool_name=call.name, tool_kwargs=call.arguments)


def _text(message: ChatMessage) -> str:
    parts = []
    for block in message.blocks:
        if isinstance(block, TextBlock):
            parts.append(block.text)
        elif message.role not in _ASSISTANT or not isinstance(block, ThinkingBlock | ToolCallBlock):
            raise _refused(block, message)
    return "\n".join(parts)


def _user_content(message: ChatMessage) -> str | list[str | Image]:
    parts: list[str | Image] = []
    for block in message.blocks:
        if isinstance(block, TextBlock):
            parts.append(block.text)
        elif isinstance(block, ImageBlock):
            parts.append(_image(block))
        else:
            raise _refused(block, message)
    return user_content(parts)


def _image(block: ImageBlock) -> Image:
    url = str(block.url) if block.url is not None else ""
    if block.image is None and block.path is None and not url.startswith("data:"):
        raise ValueError(
            f"the image {url or 'of an empty ImageBlock'} cannot be converted: the hub downloads nothing; "
            "give ImageBlock the image's bytes or path"
        )
    return Image.from_base64(block.resolve_image(as_base64=True).read().decode("ascii"))


def _result(message: ChatMessage, names: dict[str, str]) -> FunctionExecutionResult:
    about = message.additional_kwargs
    call_id = str(about.get("tool_call_id") or "")
    error = about.get("is_error")
    return FunctionExecutionResult(
        content=_text(message),
        name=str(about.get("name") or names.get(call_id, "")),
        call_id=call_id,
        is_error=None if error is None else bool(error),
    )


def _calls(message: ChatMessage) -> list[FunctionCall]:
    calls = [
        FunctionCall(
            id=block.tool_call_id or "",
            name=block.tool_name,
            arguments=block.tool_kwargs if isinstance(block.tool_kwargs, str) else _json(block.tool_kwargs),
        )
        for block in message.blocks
        if isinstance(block, ToolCallBlock)
    ]
    if calls or message.role not in _ASSISTANT:
        return calls
    return [_older_call(call) for call in message.additional_kwargs.get("tool_calls") or []]


def _older_call(call: Any) -> FunctionCall:
    """Read a call of OpenAI's form, a dictionary or an object, which models wrote before there were blocks."""
    data = call if isinstance(call, dict) else call.model_dump()
    function = data.get("function")
    if not isinstance(function, dict):
        raise ValueError(f"the tool call {data!r} of an assistant message cannot be converted: it names no function")
    arguments = function.get("arguments") or "{}"
    return FunctionCall(
        id=str(data.get("id") or ""),
        name=str(function["name"]),
        arguments=arguments if isinstance(arguments, str) else _json(arguments),
    )


def _json(arguments: Any) -> str:
    return json.dumps(arguments, ensure_ascii=False)


def _refused(block: object, message: ChatMessage) -> ValueError:
    return ValueError(
        f"a {type(block).__name__} in a {message.role.value} message cannot be converted: models of the hub take text, "
        "images of users, and function calls and results"
    )
