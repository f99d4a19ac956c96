"""Messages of the hub as messages of langchain_core, and back. Public: hubbub-langgraph builds on it.

Nothing is dropped: what the other side cannot hold is a ValueError that names it. Two things have no place of their own
in a LangChain message and travel in `additional_kwargs`: a reasoning model's thought (`reasoning_content`, the key that
langchain_core itself reads) and a source that would not be a valid `name` at model services (`hubbub_source`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast, get_args

from langchain_core import messages as lc
from langchain_core.messages.ai import UsageMetadata

from hubbub_core import FunctionCall, Image
from hubbub_core.models import (
    AssistantMessage,
    ChatCompletionTokenLogprob,
    CreateResult,
    FinishReasons,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    LLMMessage,
    RequestUsage,
    SystemMessage,
    TopLogprob,
    UserMessage,
)
from hubbub_core.models.conversation import assistant_message, joined_results

_SERVICE_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_SOURCE = "hubbub_source"
_ERROR_UNKNOWN = "hubbub_is_error_unknown"
REASONING_KEY = "reasoning_content"
"""Key of `additional_kwargs` with a reasoning model's thought."""

# Blocks that repeat what `tool_calls` and `invalid_tool_calls` of the same message hold.
_CALL_BLOCKS = frozenset({"tool_call", "tool_call_chunk", "invalid_tool_call", "tool_use", "function_call"})
_FINISH_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "tool_calls": "function_calls",
    "tool_use": "function_calls",
    "refusal": "content_filter",
}


def to_langchain(messages: Iterable[LLMMessage]) -> list[lc.BaseMessage]:
    """Convert messages of the hub.

    A message with the results of several calls becomes one `ToolMessage` per result. The thought of a message with
    calls becomes its text, as services send it. Arguments that are no JSON object become `invalid_tool_calls`.
    """
    return [converted for message in messages for converted in _to_langchain(message)]


def from_langchain(messages: Sequence[Any], *, source: str) -> list[LLMMessage]:
    """Convert messages of langchain_core.

    Tool messages in a row are the results of one model reply and become one message. With function calls, text and
    reasoning both go to `thought`.

    Args:
        messages: What a graph returned.
        source: Author of assistant messages that have no name.

    Raises:
        ValueError: A message, or a part of one, has no form in the hub; the error names it.
    """
    return joined_results(_from_langchain(message, source) for message in messages)


def from_create_result(result: CreateResult, *, source: str | None = None) -> lc.AIMessage:
    """Convert a model's reply, with usage and finish reason where LangChain's own models put them.

    Args:
        result: The reply.
        source: Its author; None leaves the message without a name, as replies of LangChain's own models are.
    """
    said = AssistantMessage(content=result.content, thought=result.thought, source=source or "")
    message = _ai_message(said, {} if source is None else _author(source))
    return message.model_copy(
        update={"usage_metadata": usage_metadata(result), "response_metadata": response_metadata(result)}
    )


def usage_metadata(result: CreateResult) -> UsageMetadata:
    """Return the tokens of a reply in LangChain's form."""
    prompt, completion = result.usage.prompt_tokens, result.usage.completion_tokens
    return UsageMetadata(input_tokens=prompt, output_tokens=completion, total_tokens=prompt + completion)


def response_metadata(result: CreateResult) -> dict[str, Any]:
    """Return what a reply says beside its content: finish reason, log probabilities, whether a cache gave it."""
    metadata: dict[str, Any] = {
        "finish_reason": "tool_calls" if result.finish_reason == "function_calls" else result.finish_reason
    }
    if result.cached:
        metadata["cached"] = True
    if result.logprobs is not None:
        metadata["logprobs"] = {"content": [entry.model_dump(mode="json") for entry in result.logprobs]}
    return metadata


def to_create_result(message: lc.AIMessage) -> CreateResult:
    """Convert the reply of a LangChain model.

    A reply without text in which the model refuses holds the refusal as its text.

    Raises:
        ValueError: The reply holds what the hub cannot carry; the error names it.
    """
    said = _assistant_message(message, "")
    content = said.content
    refusal = message.additional_kwargs.get("refusal")
    if not content and isinstance(refusal, str):
        content = refusal
    reason = finish_reason_of(message)
    if not isinstance(content, str):
        reason = "function_calls"
    known = reason is not None and reason in get_args(FinishReasons)
    return CreateResult(
        finish_reason=cast("FinishReasons", reason) if known else "unknown",
        content=content,
        usage=usage_of(message) or RequestUsage(prompt_tokens=0, completion_tokens=0),
        cached=message.response_metadata.get("cached") is True,
        logprobs=_logprobs(message.response_metadata.get("logprobs")),
        thought=said.thought,
    )


def usage_of(message: object) -> RequestUsage | None:
    """Return the tokens that a message says it cost; None when it does not say."""
    usage = message.usage_metadata if isinstance(message, lc.AIMessage) else None
    return None if usage is None else RequestUsage(usage["input_tokens"], usage["output_tokens"])


def finish_reason_of(message: object) -> str | None:
    """Return why the model stopped, in the hub's words where it has one; None when the message does not say."""
    if not isinstance(message, lc.AIMessage):
        return None
    for key in ("finish_reason", "stop_reason", "done_reason"):
        reason = message.response_metadata.get(key)
        if isinstance(reason, str) and reason:
            return _FINISH_REASONS.get(reason.lower(), reason.lower())
    return None


def function_calls(message: lc.AIMessage) -> list[FunctionCall]:
    """Return the calls that a model asked for, those with unreadable arguments last.

    The calls of a streamed message are as the model wrote them: what LangChain completes of arguments that were cut off
    is not.
    """
    if isinstance(message, lc.AIMessageChunk) and message.tool_call_chunks:
        return [
            FunctionCall(id=piece["id"] or "", name=piece["name"] or "", arguments=piece["args"] or "{}")
            for piece in message.tool_call_chunks
        ]
    calls = [
        FunctionCall(id=call["id"] or "", name=call["name"], arguments=json.dumps(call["args"], ensure_ascii=False))
        for call in message.tool_calls
    ]
    calls += [
        FunctionCall(id=invalid["id"] or "", name=invalid["name"] or "", arguments=invalid["args"] or "")
        for invalid in message.invalid_tool_calls
    ]
    return calls


def text_and_reasoning(message: lc.BaseMessage) -> tuple[str, str]:
    """Return the text and the reasoning of a message, images and calls left out; for chunks of a stream."""
    if isinstance(message.content, str):
        reasoning = message.additional_kwargs.get(REASONING_KEY)
        return message.content, reasoning if isinstance(reasoning, str) else ""
    text, reasoning = [], []
    for block in message.content_blocks:
        if block["type"] == "text":
            text.append(block["text"])
        elif block["type"] == "reasoning":
            reasoning.append(block.get("reasoning", ""))
    return "".join(text), "".join(reasoning)


def _to_langchain(message: LLMMessage) -> list[lc.BaseMessage]:
    match message:
        case SystemMessage():
            return [lc.SystemMessage(content=message.content)]
        case UserMessage():
            content: str | list[str | dict[Any, Any]]
            content = message.content if isinstance(message.content, str) else [_block(p) for p in message.content]
            return [lc.HumanMessage(content=content, **_author(message.source))]
        case AssistantMessage():
            return [_ai_message(message, _author(message.source))]
        case FunctionExecutionResultMessage():
            return [_tool_message(result) for result in message.content]
    raise ValueError(f"{type(message).__name__} is not a message of a model conversation")


def _block(part: str | Image) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    return {"type": "image", "base64": part.to_base64(), "mime_type": "image/png"}


def _author(source: str) -> dict[str, Any]:
    """Return the fields of a message that say who wrote it."""
    return {"name": source} if _SERVICE_NAME.match(source) else {"additional_kwargs": {_SOURCE: source}}


def _ai_message(message: AssistantMessage, author: Mapping[str, Any]) -> lc.AIMessage:
    if isinstance(message.content, str):
        reply = lc.AIMessage(content=message.content, **author)
        if message.thought:
            reply.additional_kwargs[REASONING_KEY] = message.thought
        return reply
    calls: list[dict[str, Any]] = []
    invalid: list[dict[str, Any]] = []
    for call in message.content:
        # Some models send an empty text for a call without arguments.
        text = call.arguments or "{}"
        try:
            arguments = json.loads(text)
        except ValueError as error:
            problem: str | None = f"not JSON: {error}"
        else:
            problem = None if isinstance(arguments, dict) else "not a JSON object"
        entry = {"id": call.id, "name": call.name}
        if problem is None:
            calls.append({**entry, "args": arguments, "type": "tool_call"})
        else:
            invalid.append({**entry, "args": call.arguments, "error": problem, "type": "invalid_tool_call"})
    return lc.AIMessage(content=message.thought or "", tool_calls=calls, invalid_tool_calls=invalid, **author)


def _tool_message(result: FunctionExecutionResult) -> lc.ToolMessage:
    return lc.ToolMessage(
        content=result.content,
        tool_call_id=result.call_id,
        name=result.name,
        status="error" if result.is_error else "success",
        additional_kwargs={_ERROR_UNKNOWN: True} if result.is_error is None else {},
    )


def _from_langchain(message: Any, source: str) -> LLMMessage:
    if isinstance(message, lc.ChatMessage):
        message = _from_role(message)
    if isinstance(message, lc.AIMessage):
        return _assistant_message(message, source)
    if isinstance(message, lc.HumanMessage):
        return UserMessage(content=_user_content(message), source=_source(message, "user"))
    if isinstance(message, lc.SystemMessage):
        return SystemMessage(content="\n".join(_texts(message)))
    if isinstance(message, lc.ToolMessage | lc.FunctionMessage):
        return FunctionExecutionResultMessage(content=[_function_result(message)])
    raise ValueError(f"{_article(message)} has no form among the hub's messages")


def _from_role(message: lc.ChatMessage) -> lc.BaseMessage:
    roles: dict[str, type[lc.AIMessage | lc.HumanMessage | lc.SystemMessage]] = {
        "assistant": lc.AIMessage,
        "user": lc.HumanMessage,
        "system": lc.SystemMessage,
        "developer": lc.SystemMessage,
    }
    if message.role not in roles:
        raise ValueError(f"a ChatMessage with the role {message.role!r} has no form among the hub's messages")
    return roles[message.role](
        content=message.content, name=message.name, additional_kwargs=message.additional_kwargs, id=message.id
    )


def _source(message: lc.BaseMessage, default: str) -> str:
    carried = message.additional_kwargs.get(_SOURCE)
    return carried if isinstance(carried, str) else message.name or default


def _assistant_message(message: lc.AIMessage, source: str) -> AssistantMessage:
    texts: list[str] = []
    thoughts: list[str] = []
    for block in _blocks(message):
        kind = block["type"]
        if kind == "text":
            texts.append(block["text"])
        elif kind == "reasoning":
            thoughts.append(block.get("reasoning", ""))
        elif kind not in _CALL_BLOCKS:
            raise _unsupported(message, kind)
    return assistant_message(
        "".join(texts), function_calls(message), filter(None, thoughts), source=_source(message, source)
    )


def _user_content(message: lc.BaseMessage) -> str | list[str | Image]:
    if isinstance(message.content, str):
        return message.content
    parts: list[str | Image] = []
    for block in _blocks(message):
        if block["type"] == "text":
            parts.append(block["text"])
        elif block["type"] == "image":
            parts.append(_image(message, block))
        else:
            raise _unsupported(message, block["type"])
    return parts


def _image(message: lc.BaseMessage, block: dict[str, Any]) -> Image:
    if "base64" in block:
        return Image.from_base64(block["base64"])
    url = block.get("url", "")
    if url.startswith("data:"):
        return Image.from_uri(url)
    where = f"the address {url}" if url else f"the file id {block.get('file_id')!r}"
    raise ValueError(f"{_article(message)} holds an image by {where}; the hub takes images with their data (base64)")


def _function_result(message: lc.ToolMessage | lc.FunctionMessage) -> FunctionExecutionResult:
    content = "\n".join(_texts(message))
    if isinstance(message, lc.FunctionMessage):
        return FunctionExecutionResult(content=content, name=message.name, call_id="")
    unknown = message.status == "success" and message.additional_kwargs.get(_ERROR_UNKNOWN) is True
    return FunctionExecutionResult(
        content=content,
        name=message.name or "",
        call_id=message.tool_call_id,
        is_error=None if unknown else message.status == "error",
    )


def _texts(message: lc.BaseMessage) -> list[str]:
    if isinstance(message.content, str):
        return [message.content]
    texts = []
    for block in _blocks(message):
        if block["type"] != "text":
            raise _unsupported(message, block["type"])
        texts.append(block["text"])
    return texts


def _blocks(message: lc.BaseMessage) -> list[dict[str, Any]]:
    """Return the content as blocks of langchain_core's standard form; a foreign block goes by its own type."""
    blocks: list[dict[str, Any]] = []
    for block in message.content_blocks:
        if block["type"] != "non_standard":
            blocks.append(dict(block))
            continue
        value = block["value"]
        if value.get("type") == "thinking":  # Anthropic's form, when the message does not name its provider
            blocks.append({"type": "reasoning", "reasoning": value.get("thinking", "")})
        else:
            blocks.append({**value, "type": str(value.get("type", "untyped"))})
    return blocks


def _logprobs(found: Any) -> list[ChatCompletionTokenLogprob] | None:
    entries = found.get("content") if isinstance(found, Mapping) else None
    if not isinstance(entries, list):
        return None
    # Services add fields of their own, which the hub's values do not have.
    return [
        ChatCompletionTokenLogprob(
            token=entry["token"],
            logprob=entry["logprob"],
            bytes=entry.get("bytes"),
            top_logprobs=None
            if entry.get("top_logprobs") is None
            else [TopLogprob(logprob=top["logprob"], bytes=top.get("bytes")) for top in entry["top_logprobs"]],
        )
        for entry in entries
    ]


def _unsupported(message: lc.BaseMessage, kind: str) -> ValueError:
    return ValueError(f"{_article(message)} holds a content block of type {kind!r}, which the hub cannot carry")


def _article(message: object) -> str:
    name = type(message).__name__
    return f"an {name}" if name[0] in "AEIOU" else f"a {name}"
