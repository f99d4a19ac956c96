"""Parts of what came back from a model, read into the hub's values."""

from __future__ import annotations

import json
import warnings
from typing import Any

from pydantic import BaseModel

from hubbub_core import FunctionCall
from hubbub_core.models import (
    ChatCompletionTokenLogprob,
    CreateResult,
    FinishReasons,
    ModelFamily,
    RequestUsage,
    TopLogprob,
)
from hubbub_core.models.thoughts import parse_r1_content

from ._tools import normalize_name

_FINISH_REASONS: dict[str, FinishReasons] = {
    "stop": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "max_completion_tokens": "length",
    "max_prompt_tokens": "length",
    "content_filter": "content_filter",
    "tool_calls": "function_calls",
    "tool_use": "function_calls",
    "function_call": "function_calls",
    "function_calls": "function_calls",
    "unknown": "unknown",
}


def finish_reason(reason: str | None, *, calls: bool = False) -> FinishReasons:
    """Return the normalised reason; tool calls in the answer decide, whatever the server says (newer N-289)."""
    normalized = _FINISH_REASONS.get(reason.lower(), "unknown") if isinstance(reason, str) else "unknown"
    if calls and normalized != "function_calls":
        warnings.warn(
            f"Finish reason mismatch: {reason} != tool_calls when the answer has tool calls. "
            "Finish reason may not be accurate.",
            stacklevel=3,
        )
        return "function_calls"
    return normalized


def usage(reported: Any) -> RequestUsage:
    """Return the tokens used; what the server leaves out or null counts as zero (newer N-292)."""
    return RequestUsage(
        prompt_tokens=count(getattr(reported, "prompt_tokens", None)),
        completion_tokens=count(getattr(reported, "completion_tokens", None)),
    )


def count(reported: Any) -> int:
    """Return a number of tokens; whatever is no number counts as zero."""
    return reported if isinstance(reported, int) else 0


def text_of(content: Any) -> str:
    """Return the text of a message or delta, whose content some servers send in parts.

    Raises:
        ValueError: A part is not text.
    """
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    texts: list[str] = []
    for part in content if isinstance(content, list) else [content]:
        if not (isinstance(part, dict) and isinstance(part.get("text"), str)):
            kind = part.get("type") if isinstance(part, dict) else type(part).__name__
            raise ValueError(f"the model answered with a part of type {kind!r}; only text is supported")
        texts.append(part["text"])
    return "".join(texts)


def reasoning_of(message: Any) -> str:
    """Return the reasoning that a message or delta carries in a field of its own.

    Servers call it `reasoning_content` (DeepSeek, older vLLM) or `reasoning` (OpenRouter, vLLM).
    """
    for field in ("reasoning_content", "reasoning"):
        value = getattr(message, field, None)
        if isinstance(value, str) and value:
            return value
    return ""


def function_call(call_id: str | None, name: str | None, arguments: Any) -> FunctionCall:
    """Make a call of what the server sent.

    Arguments that were not sent at all count as an empty object: some servers do so for functions without parameters.
    """
    return FunctionCall(id=call_id or "", arguments=arguments_text(arguments) or "{}", name=normalize_name(name or ""))


def arguments_text(arguments: Any) -> str:
    """Return the arguments of a call, or a piece of them, as JSON text (newer N-406)."""
    if arguments is None or isinstance(arguments, str):
        return arguments or ""
    warnings.warn(f"Tool call function arguments field is not a string: {arguments!r}", stacklevel=3)
    return json.dumps(arguments)


def logprobs(choice: Any) -> list[ChatCompletionTokenLogprob] | None:
    """Return the log probabilities of a choice's tokens, None when there are none."""
    content = getattr(getattr(choice, "logprobs", None), "content", None)
    if not content:
        return None
    return [
        ChatCompletionTokenLogprob(
            token=token.token,
            logprob=token.logprob,
            top_logprobs=[TopLogprob(logprob=top.logprob, bytes=top.bytes) for top in token.top_logprobs or ()],
            bytes=token.bytes,
        )
        for token in content
    ]


def make_result(
    *,
    text: str,
    reasoning: str,
    calls: list[FunctionCall],
    family: str,
    reason: str | None,
    usage: RequestUsage,
    logprobs: list[ChatCompletionTokenLogprob] | None,
) -> CreateResult:
    """Return what a model answered: its reasoning, and text beside calls, are the thought (newer N-288)."""
    thought: str | None = reasoning or None
    content: str | list[FunctionCall] = text
    if calls:
        content = calls
        thought = "\n".join(part for part in (reasoning, text) if part) or None
    elif family == ModelFamily.R1 and not reasoning:
        thought, content = parse_r1_content(text)
    elif not text:
        warnings.warn("the model's answer has neither text nor tool calls", stacklevel=3)
    return CreateResult(
        finish_reason=finish_reason(reason, calls=bool(calls)),
        content=content,
        usage=usage,
        cached=False,
        logprobs=logprobs,
        thought=thought,
    )


def sum_usage(*parts: RequestUsage) -> RequestUsage:
    """Return the tokens of several requests together."""
    return RequestUsage(
        prompt_tokens=sum(part.prompt_tokens for part in parts),
        completion_tokens=sum(part.completion_tokens for part in parts),
    )


def shorten(answer: Any) -> str:
    """Return the beginning of what a server sent, on one line, for an error."""
    if isinstance(answer, BaseModel):
        answer = answer.model_dump_json(exclude_none=True, warnings=False)
    text = " ".join((answer if isinstance(answer, str) else repr(answer)).split())
    return text if len(text) <= 200 else text[:200] + "..."
