"""Messages of the hub as chat messages of Semantic Kernel and back. What has no counterpart is refused by name."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel
from semantic_kernel.contents.chat_message_content import ChatMessageContent
from semantic_kernel.contents.function_call_content import FunctionCallContent
from semantic_kernel.contents.function_result_content import FunctionResultContent
from semantic_kernel.contents.image_content import ImageContent
from semantic_kernel.contents.kernel_content import KernelContent
from semantic_kernel.contents.reasoning_content import ReasoningContent
from semantic_kernel.contents.text_content import TextContent
from semantic_kernel.contents.utils.author_role import AuthorRole
from semantic_kernel.contents.utils.finish_reason import FinishReason

from hubbub_core import FunctionCall, Image
from hubbub_core.models import (
    AssistantMessage,
    FinishReasons,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    LLMMessage,
    RequestUsage,
    SystemMessage,
    UserMessage,
)
from hubbub_core.models.conversation import assistant_message, joined_results, user_content

IS_ERROR: Final = "is_error"
"""Key in the metadata of a function result which says that the call failed; Semantic Kernel has no field for it."""

# How Semantic Kernel tells a model that a call which it made itself has failed. It says so nowhere else.
_FAILURES: Final = (
    "An error occurred while invoking the function ",
    "The tool call with name `",
    "The tool call arguments are malformed.",
    "Missing required argument(s): ",
    "Received unexpected argument(s): ",
)

_FINISH_REASONS: Final[Mapping[str, FinishReasons]] = {
    "stop": "stop",
    "length": "length",
    "content_filter": "content_filter",
    "tool_calls": "function_calls",
    "function_call": "function_calls",
}
_SK_FINISH_REASONS: Final[Mapping[FinishReasons, FinishReason]] = {
    "stop": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "content_filter": FinishReason.CONTENT_FILTER,
    "function_calls": FinishReason.TOOL_CALLS,
}


def to_chat_messages(messages: Iterable[LLMMessage], *, split_names: bool = True) -> list[ChatMessageContent]:
    """Return messages of the hub as Semantic Kernel has them: each function result is a message of its own.

    Whoever sent a message is its `name`, unless that is `user` or `assistant` anyway. A thought is a
    `ReasoningContent`; whether a call failed is `metadata["is_error"]` of its result.

    Args:
        messages: The conversation.
        split_names: Whether a hyphen in a function's name parts plugin and function, as Semantic Kernel reads it.
    """
    return [converted for message in messages for converted in _to_chat(message, split_names)]


def from_chat_messages(
    messages: Sequence[ChatMessageContent], *, user: str = "user", assistant: str = "assistant"
) -> list[LLMMessage]:
    """Return chat messages as the hub has them: function results that follow one another are one message.

    Args:
        messages: The conversation.
        user: Source of user messages without a name.
        assistant: Source of assistant messages without a name.

    Raises:
        ValueError: A part has no counterpart in the hub: audio, files, annotations, images of anybody but users,
            images by address.
    """
    return joined_results(from_chat_message(message, user=user, assistant=assistant) for message in messages)


def from_chat_message(message: ChatMessageContent, *, user: str = "user", assistant: str = "assistant") -> LLMMessage:
    """Return one chat message as the hub has it.

    Raises:
        ValueError: A part has no counterpart in the hub.
    """
    if message.role in (AuthorRole.SYSTEM, AuthorRole.DEVELOPER):
        return SystemMessage(content="\n".join(_texts(message)))
    if message.role == AuthorRole.USER:
        return UserMessage(content=_user_content(message), source=message.name or user)
    if message.role == AuthorRole.TOOL:
        return FunctionExecutionResultMessage(content=[_result(item, message) for item in message.items])
    calls = [call_of(item) for item in message.items if isinstance(item, FunctionCallContent)]
    thoughts = [item.text for item in message.items if isinstance(item, ReasoningContent) and item.text is not None]
    text = "\n".join(_texts(message, FunctionCallContent, ReasoningContent))
    return assistant_message(text, calls, thoughts, source=message.name or assistant)


def call_of(item: FunctionCallContent) -> FunctionCall:
    """Return a function call, named `<plugin>-<function>` where it has a plugin (spec: newer N-326)."""
    arguments = "{}" if item.arguments is None else item.arguments
    return FunctionCall(
        id=item.id or item.call_id or "",
        name=item.name or item.custom_fully_qualified_name("-"),
        arguments=arguments if isinstance(arguments, str) else json.dumps(dict(arguments), ensure_ascii=False),
    )


def call_item(call: FunctionCall, index: int, *, split_names: bool = True) -> FunctionCallContent:
    """Return a function call as Semantic Kernel has it; its arguments stay the text that the model wrote."""
    return FunctionCallContent(
        id=call.id,
        index=index,
        name=call.name,
        function_name=None if split_names else call.name,
        arguments=call.arguments,
    )


def value_text(value: Any) -> str:
    """Return what a kernel function returned as text: contents as they read, objects as JSON, the rest as `str`."""
    if isinstance(value, list) and value and all(isinstance(part, KernelContent) for part in value):
        return "\n".join(map(str, value))
    if isinstance(value, BaseModel) and not isinstance(value, KernelContent):
        return value.model_dump_json()
    if isinstance(value, Mapping | list | tuple):
        return json.dumps(value, ensure_ascii=False, default=_jsonable)
    return str(value)


def finish_reason(reason: str | None) -> FinishReasons:
    """Return a finish reason of Semantic Kernel as the hub's; an unnamed or unknown one is `unknown`."""
    return _FINISH_REASONS.get(str(getattr(reason, "value", reason)), "unknown")


def sk_finish_reason(reason: FinishReasons) -> FinishReason | None:
    """Return the hub's finish reason as Semantic Kernel's, which has none for `unknown`."""
    return _SK_FINISH_REASONS.get(reason)


def usage_of(found: Any) -> RequestUsage:
    """Return the tokens that a message's `metadata["usage"]` tells; nothing told counts as zero (spec: newer N-292)."""

    def read(*names: str) -> int:
        for name in names:
            value = found.get(name) if isinstance(found, Mapping) else getattr(found, name, None)
            if value is not None:
                return int(value)
        return 0

    # The first names are Semantic Kernel's own, the others those of OpenAI's Responses.
    return RequestUsage(
        prompt_tokens=read("prompt_tokens", "input_tokens"),
        completion_tokens=read("completion_tokens", "output_tokens"),
    )


def refused(item: object, message: ChatMessageContent) -> ValueError:
    """Return the error for a part that cannot be converted."""
    return ValueError(
        f"{type(item).__name__} in a message of the {message.role.value} cannot be converted: models of the hub take "
        "text, images of users, and function calls and results"
    )


def _to_chat(message: LLMMessage, split_names: bool) -> list[ChatMessageContent]:
    if isinstance(message, SystemMessage):
        return [ChatMessageContent(role=AuthorRole.SYSTEM, items=[TextContent(text=message.content)])]
    if isinstance(message, UserMessage):
        parts = [message.content] if isinstance(message.content, str) else message.content
        return [
            ChatMessageContent(
                role=AuthorRole.USER,
                items=[TextContent(text=part) if isinstance(part, str) else _image_item(part) for part in parts],
                name=None if message.source == "user" else message.source,
            )
        ]
    if isinstance(message, AssistantMessage):
        items: list[Any] = [] if message.thought is None else [ReasoningContent(text=message.thought)]
        if isinstance(message.content, str):
            items.append(TextContent(text=message.content))
        else:
            items += [call_item(call, i, split_names=split_names) for i, call in enumerate(message.content)]
        name = None if message.source == "assistant" else message.source
        return [ChatMessageContent(role=AuthorRole.ASSISTANT, items=items, name=name)]
    return [
        ChatMessageContent(role=AuthorRole.TOOL, items=[_result_item(result, split_names)])
        for result in message.content
    ]


def _result_item(result: FunctionExecutionResult, split_names: bool) -> FunctionResultContent:
    return FunctionResultContent(
        id=result.call_id,
        name=result.name,
        function_name=None if split_names else result.name,
        result=result.content,
        metadata={} if result.is_error is None else {IS_ERROR: result.is_error},
    )


def _result(item: object, message: ChatMessageContent) -> FunctionExecutionResult:
    if not isinstance(item, FunctionResultContent):
        raise refused(item, message)
    content, error = value_text(item.result), item.metadata.get(IS_ERROR)
    if error is None and content.startswith(_FAILURES):
        error = True
    return FunctionExecutionResult(
        content=content,
        name=item.name or item.custom_fully_qualified_name("-"),
        call_id=item.id or item.call_id or "",
        is_error=None if error is None else bool(error),
    )


def _texts(message: ChatMessageContent, *apart: type[KernelContent]) -> list[str]:
    texts = []
    for item in message.items:
        if isinstance(item, TextContent):
            texts.append(item.text)
        elif not isinstance(item, apart):
            raise refused(item, message)
    return texts


def _user_content(message: ChatMessageContent) -> str | list[str | Image]:
    parts: list[str | Image] = []
    for item in message.items:
        if isinstance(item, TextContent):
            parts.append(item.text)
        elif isinstance(item, ImageContent):
            parts.append(_image(item))
        else:
            raise refused(item, message)
    return user_content(parts)


def _image_item(image: Image) -> ImageContent:
    return ImageContent(data=base64.b64decode(image.to_base64()), data_format="base64", mime_type="image/png")


def _image(item: ImageContent) -> Image:
    if not item.data:
        raise ValueError(
            f"the image {item.uri or 'of an empty ImageContent'} cannot be converted: the hub downloads nothing; "
            "give ImageContent the image's data, or make it with ImageContent.from_image_file"
        )
    data = item.data if isinstance(item.data, bytes) else item.data.tobytes()
    return Image.from_base64(base64.b64encode(data).decode("ascii"))


def _jsonable(value: object) -> object:
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else str(value)
