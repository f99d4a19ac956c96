"""What a LlamaIndex model tells besides its message. Every vendor's class has its own places and names for that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from hubbub_core.models import ChatCompletionTokenLogprob, FinishReasons, RequestUsage, TopLogprob

if TYPE_CHECKING:
    from llama_index.core.llms import ChatResponse, CompletionResponse

# OpenAI and those who speak like it; Anthropic; Google; Ollama.
_USAGE_NAMES: Final = (
    ("prompt_tokens", "completion_tokens"),
    ("input_tokens", "output_tokens"),
    ("prompt_token_count", "candidates_token_count"),
    ("prompt_eval_count", "eval_count"),
)
_REASON_NAMES: Final = ("finish_reason", "stop_reason", "done_reason")
_REASONS: Final[Mapping[str, FinishReasons]] = {
    "stop": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "max_tokens": "length",
    "tool_calls": "function_calls",
    "function_calls": "function_calls",
    "function_call": "function_calls",
    "tool_use": "function_calls",
    "content_filter": "content_filter",
    "refusal": "content_filter",
    "safety": "content_filter",
}


def usage_of(response: ChatResponse | CompletionResponse) -> RequestUsage | None:
    """Return the tokens that a reply, or a piece of one, says it took; None when it says nothing."""
    for place in (response.additional_kwargs, response.raw, _get(_get(response, "message"), "additional_kwargs")):
        usage = usage_in(place)
        if usage is not None:
            return usage
    return None


def usage_in(place: Any) -> RequestUsage | None:
    """Return the tokens that a service's reply tells, itself or in its `usage`; None when it tells none."""
    for holder in (place, _get(place, "usage"), _get(place, "usage_metadata")):
        for prompt_name, completion_name in _USAGE_NAMES:
            prompt, completion = _get(holder, prompt_name), _get(holder, completion_name)
            if isinstance(prompt, int) or isinstance(completion, int):
                return RequestUsage(prompt_tokens=prompt or 0, completion_tokens=completion or 0)
    return None


def finish_reason_of(response: ChatResponse | CompletionResponse) -> FinishReasons | None:
    """Return why the model stopped, `"unknown"` for a reason without a name in the hub; None when it does not say."""
    for place in (response.raw, _get(response, "message"), response):
        reason = finish_reason_in(place)
        if reason is not None:
            return reason
    return None


def finish_reason_in(place: Any) -> FinishReasons | None:
    """Return why the model stopped, as a service's reply or LlamaIndex's message of it tells; None when it does not."""
    choices = _get(place, "choices")
    first = choices[0] if isinstance(choices, Sequence) and choices else None
    for holder in (first, place, _get(place, "additional_kwargs")):
        for name in _REASON_NAMES:
            reason = _get(holder, name)
            if reason is not None:
                # Google has an enumeration; its members are named like the others' texts, in capitals.
                return _REASONS.get(str(getattr(reason, "name", reason)).lower(), "unknown")
    return None


def logprobs_of(response: ChatResponse) -> list[ChatCompletionTokenLogprob] | None:
    """Return the log probabilities; LlamaIndex lists for each token the likeliest ones, the best first."""
    if response.logprobs is None:
        return None
    return [
        ChatCompletionTokenLogprob(
            token=likeliest[0].token,
            logprob=likeliest[0].logprob,
            top_logprobs=[TopLogprob(logprob=one.logprob, bytes=one.bytes or None) for one in likeliest]
            if len(likeliest) > 1
            else None,
            bytes=likeliest[0].bytes or None,
        )
        for likeliest in response.logprobs
        if likeliest
    ]


def _get(place: Any, name: str) -> Any:
    return place.get(name) if isinstance(place, Mapping) else getattr(place, name, None)
