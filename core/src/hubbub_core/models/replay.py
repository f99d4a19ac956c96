"""A model client that gives prepared answers: the test double for a model."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import BaseModel

from hubbub_core._constants import TRACE_LOGGER_NAME
from hubbub_core.models._call_log import log_call, log_stream_end, log_stream_start
from hubbub_core.models._model_client import ChatCompletionClient
from hubbub_core.models._model_info import ModelCapabilities, ModelFamily, ModelInfo, validate_model_info
from hubbub_core.models._types import CreateResult, LLMMessage, RequestUsage
from hubbub_core.models._words import count_words
from hubbub_registry import Component

if TYPE_CHECKING:
    from hubbub_core._cancellation_token import CancellationToken
    from hubbub_core.tools._base import Tool, ToolSchema

__all__ = ["ReplayChatCompletionClient", "ReplayChatCompletionClientConfig"]

_TRACE = logging.getLogger(f"{TRACE_LOGGER_NAME}.models.replay")
_WORD = re.compile(r"\S+\s*|\s+")
_AVAILABLE_TOKENS = 10_000


class ReplayChatCompletionClientConfig(BaseModel):
    """Configuration of a `ReplayChatCompletionClient`."""

    chat_completions: Sequence[str | CreateResult]
    """The answers, in order."""

    model_info: ModelInfo | None = None
    """What the model is said to be able to do; nothing by default."""


class ReplayChatCompletionClient(ChatCompletionClient, Component[ReplayChatCompletionClientConfig]):
    """Gives prepared answers one after another, whatever it is asked.

    `create` and `create_stream` share one position in the list. A text becomes a result with finish reason `"stop"`
    and is streamed word by word, its tokens counted as words between white space. A result is given as it is, with the
    usage it says. `tool_choice` is ignored, which is logged as a warning (N-328).

    Args:
        chat_completions: The answers: texts, or whole results (for function calls, thoughts, other finish reasons).
        model_info: What the model is said to be able to do. By default nothing, of an unknown family.

    Raises:
        ValueError: `model_info` lacks a field.
    """

    component_type: ClassVar[str] = "replay_chat_completion_client"
    component_provider_override: ClassVar[str] = "hubbub_core.models.replay.ReplayChatCompletionClient"
    component_config_schema = ReplayChatCompletionClientConfig

    def __init__(
        self,
        chat_completions: Sequence[str | CreateResult],
        model_info: ModelInfo | None = None,
    ) -> None:
        self.chat_completions = list(chat_completions)
        self._model_info = model_info or ModelInfo(
            vision=False,
            function_calling=False,
            json_output=False,
            family=ModelFamily.UNKNOWN,
            structured_output=False,
        )
        validate_model_info(self._model_info)
        self._cached = True
        self._create_calls: list[dict[str, Any]] = []
        self.reset()

    @property
    def create_calls(self) -> list[dict[str, Any]]:
        """The arguments of every request so far, streamed ones included, each under its parameter's name."""
        return self._create_calls

    async def create(
        self,
        messages: Sequence[LLMMessage],
        *,
        tools: Sequence[Tool | ToolSchema] = [],
        tool_choice: Tool | Literal["auto", "required", "none"] = "auto",
        json_output: bool | type[BaseModel] | None = None,
        extra_create_args: Mapping[str, Any] = {},
        cancellation_token: CancellationToken | None = None,
    ) -> CreateResult:
        """Return the next answer.

        Raises:
            ValueError: No answer is left.
            asyncio.CancelledError: The token was cancelled.
        """
        result = self._next(messages, tools, tool_choice, json_output, extra_create_args, cancellation_token)
        self._settle(result)
        log_call(messages, result)
        return result

    async def create_stream(
        self,
        messages: Sequence[LLMMessage],
        *,
        tools: Sequence[Tool | ToolSchema] = [],
        tool_choice: Tool | Literal["auto", "required", "none"] = "auto",
        json_output: bool | type[BaseModel] | None = None,
        extra_create_args: Mapping[str, Any] = {},
        cancellation_token: CancellationToken | None = None,
    ) -> AsyncGenerator[str | CreateResult, None]:
        """Yield the next answer word by word, then as a whole.

        Raises:
            ValueError: No answer is left.
            asyncio.CancelledError: The token was cancelled.
        """
        result = self._next(messages, tools, tool_choice, json_output, extra_create_args, cancellation_token)
        log_stream_start(messages)
        if isinstance(result.content, str):
            for word in _WORD.findall(result.content):
                _check(cancellation_token)
                yield word
        _check(cancellation_token)
        self._settle(result)
        log_stream_end(result)
        yield result

    async def close(self) -> None:
        """Do nothing."""

    def actual_usage(self) -> RequestUsage:
        """Return the usage of the last request."""
        return self._last_usage

    def total_usage(self) -> RequestUsage:
        """Return the usage of all requests since the start or the last `reset`."""
        return self._total_usage

    def count_tokens(
        self,
        messages: Sequence[LLMMessage],
        *,
        tools: Sequence[Tool | ToolSchema] = [],
    ) -> int:
        """Return the number of words in the messages. Tools count nothing."""
        return count_words(messages)

    def remaining_tokens(
        self,
        messages: Sequence[LLMMessage],
        *,
        tools: Sequence[Tool | ToolSchema] = [],
    ) -> int:
        """Return what is left of 10 000 tokens after all requests so far; never negative."""
        used = self._total_usage.prompt_tokens + self._total_usage.completion_tokens
        return max(0, _AVAILABLE_TOKENS - used)

    def set_cached_bool_value(self, value: bool) -> None:
        """Say whether results made from texts claim to come from a cache. They do by default."""
        self._cached = value

    def reset(self) -> None:
        """Start again with the first answer and no usage. `create_calls` stays."""
        self._position = 0
        self._last_usage = RequestUsage(0, 0)
        self._total_usage = RequestUsage(0, 0)

    @property
    def capabilities(self) -> ModelCapabilities:
        """What the model is said to be able to do, in the older form."""
        info = self._model_info
        return ModelCapabilities(
            vision=info["vision"],
            function_calling=info["function_calling"],
            json_output=info["json_output"],
        )

    @property
    def model_info(self) -> ModelInfo:
        """What the model is said to be able to do."""
        return self._model_info

    def _next(
        self,
        messages: Sequence[LLMMessage],
        tools: Sequence[Tool | ToolSchema],
        tool_choice: Tool | Literal["auto", "required", "none"],
        json_output: bool | type[BaseModel] | None,
        extra_create_args: Mapping[str, Any],
        cancellation_token: CancellationToken | None,
    ) -> CreateResult:
        _check(cancellation_token)
        if tool_choice != "auto":
            _TRACE.warning("tool_choice is given but ignored: %s replays prepared answers", type(self).__name__)
        if self._position >= len(self.chat_completions):
            raise ValueError("No more mock responses available")
        answer = self.chat_completions[self._position]
        self._position += 1
        self._create_calls.append(
            {
                # A copy: the caller's list grows while the conversation goes on.
                "messages": list(messages),
                "tools": tools,
                "tool_choice": tool_choice,
                "json_output": json_output,
                "extra_create_args": extra_create_args,
                "cancellation_token": cancellation_token,
            },
        )
        if isinstance(answer, CreateResult):
            # Deep: after a reset the same answer is given again, whatever was done to this one.
            return answer.model_copy(deep=True)
        return CreateResult(
            finish_reason="stop",
            content=answer,
            usage=RequestUsage(count_words(messages), len(answer.split())),
            cached=self._cached,
        )

    def _settle(self, result: CreateResult) -> None:
        total = self._total_usage
        self._last_usage = result.usage
        self._total_usage = RequestUsage(
            total.prompt_tokens + result.usage.prompt_tokens,
            total.completion_tokens + result.usage.completion_tokens,
        )

    def _to_config(self) -> ReplayChatCompletionClientConfig:
        return ReplayChatCompletionClientConfig(chat_completions=self.chat_completions, model_info=self._model_info)

    @classmethod
    def _from_config(cls, config: ReplayChatCompletionClientConfig) -> Self:
        return cls(chat_completions=config.chat_completions, model_info=config.model_info)


def _check(token: CancellationToken | None) -> None:
    if token is not None and token.is_cancelled():
        raise asyncio.CancelledError("the request to the model was cancelled")
