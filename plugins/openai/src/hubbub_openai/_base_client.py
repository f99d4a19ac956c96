"""The client around an SDK client that somebody made."""

from __future__ import annotations

import logging
import warnings
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel

from hubbub_core import EVENT_LOGGER_NAME
from hubbub_core.models import (
    ChatCompletionClient,
    CreateResult,
    LLMMessage,
    ModelCapabilities,
    ModelFamily,
    ModelInfo,
    RequestUsage,
    validate_model_info,
)
from hubbub_core.tools import Tool, ToolSchema

from . import _answer
from ._completion import StreamedAnswer, is_completion, read_completion
from ._errors import ModelEndpointError, endpoint_errors, shown_url
from ._linked import linked, linked_items
from ._model_table import DEFAULT_TOKEN_LIMIT, ModelEntry, find_model, is_version_of, unknown_model_info
from ._request import build_request, resolve_stream_options
from ._tokens import TokenCounter
from ._transformation import convert_messages

if TYPE_CHECKING:
    from openai import AsyncOpenAI

    from hubbub_core import CancellationToken

_event_logger = logging.getLogger(EVENT_LOGGER_NAME)
_NO_USAGE = RequestUsage(prompt_tokens=0, completion_tokens=0)


class BaseOpenAIChatCompletionClient(ChatCompletionClient):
    """A chat model behind an SDK client.

    Args:
        client: The SDK's client; `close` closes it.
        create_args: What goes into every request; `model` at least.
        model_capabilities: Deprecated: `model_info`.
        model_info: What the model can do. Without it the name is looked up; for a name that is not known there is one
            warning, and the model is taken to have tools, JSON mode and structured output, but no vision.
        add_name_prefixes: Put `<source> said:` and a newline before the text of user messages.
        include_name_in_message: Send the source of a message as its `name`.

    Raises:
        ValueError: `model` is missing, or `model_info` lacks a field.
    """

    def __init__(
        self,
        client: AsyncOpenAI,
        *,
        create_args: dict[str, Any],
        model_capabilities: ModelCapabilities | None = None,
        model_info: ModelInfo | None = None,
        add_name_prefixes: bool = False,
        include_name_in_message: bool = True,
    ) -> None:
        if not create_args.get("model"):
            raise ValueError("create_args need `model`, the name of the model as the endpoint knows it")
        self._client = client
        self._create_args = dict(create_args)
        self._add_name_prefixes = add_name_prefixes
        self._include_name_in_message = include_name_in_message
        self._entry: ModelEntry | None = find_model(self._model)
        self._model_info = self._resolve_info(model_info, model_capabilities)
        self._actual_usage = _NO_USAGE
        self._total_usage = _NO_USAGE
        self._tokens = TokenCounter(self._model, self._entry.encoding if self._entry else None)
        self._warned_mismatch = False
        self._warned_limit = False

    @classmethod
    def create_from_config(cls, config: dict[str, Any]) -> ChatCompletionClient:
        """Make a client of the keyword arguments of `OpenAIChatCompletionClient` (spec: 000 L24385)."""
        from ._chat_client import OpenAIChatCompletionClient

        return OpenAIChatCompletionClient(**config)

    @property
    def _model(self) -> str:
        return str(self._create_args["model"])

    @property
    def _base_url(self) -> str:
        return shown_url(str(self._client.base_url))

    def _resolve_info(self, info: ModelInfo | None, capabilities: ModelCapabilities | None) -> ModelInfo:
        if info is not None and capabilities is not None:
            raise ValueError("model_capabilities and model_info are both set; keep model_info")
        if info is not None:
            validate_model_info(info)
            return info
        if capabilities is not None:
            warnings.warn("model_capabilities is deprecated, use model_info instead", DeprecationWarning, stacklevel=4)
            known = self._entry.info if self._entry else None
            return ModelInfo(
                vision=capabilities["vision"],
                function_calling=capabilities["function_calling"],
                json_output=capabilities["json_output"],
                family=known["family"] if known else ModelFamily.UNKNOWN,
                structured_output=known["structured_output"] if known else False,
                multiple_system_messages=known.get("multiple_system_messages") if known else True,
            )
        if self._entry is not None:
            return self._entry.info
        warnings.warn(
            f"model {self._model!r} is not in the table of known models: it is taken to have tools, JSON mode and "
            "structured output, but no vision; pass model_info to say what it can do",
            UserWarning,
            stacklevel=4,
        )
        return unknown_model_info()

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
        """Ask the model and return its whole reply.

        Args:
            messages: The conversation.
            tools: What the model may call.
            tool_choice: `"auto"`, `"required"`, `"none"`, or the tool that the model has to call.
            json_output: True for JSON mode, False for text, a pydantic class for JSON of its schema; `content` stays
                text either way.
            extra_create_args: Options of this request; they win over those of the client.
            cancellation_token: Cancelling it aborts the HTTP request.

        Raises:
            ValueError: Messages or options do not fit each other or the model.
            ModelEndpointError: The endpoint cannot be reached, or sends what is no answer.
            openai.APIStatusError: The endpoint refuses the request.
            asyncio.CancelledError: The token was cancelled.
        """
        request = self._request(messages, tools, tool_choice, json_output, extra_create_args)
        request.pop("stream_options", None)  # The service takes it only with streams.
        with endpoint_errors(self._base_url, self._model):
            completion: Any = await linked(
                self._client.chat.completions.create(**request, stream=False), cancellation_token
            )
        if not is_completion(completion):
            raise ModelEndpointError(
                self._base_url, self._model, f"sent no chat completion: {_answer.shorten(completion)}"
            )
        usage = _answer.usage(completion.usage)
        # Before anything else can fail: the tokens are paid for, whether the answer is of use or not.
        self._add_usage(usage)
        self._check_served_model(completion.model)
        if _event_logger.isEnabledFor(logging.INFO):
            from hubbub_core.logging import LLMCallEvent

            _event_logger.info(
                LLMCallEvent(
                    messages=request["messages"],
                    response=completion.model_dump(mode="json", warnings=False),
                    prompt_tokens=usage.prompt_tokens,
                    completion_tokens=usage.completion_tokens,
                    tools=request.get("tools", []),
                ),
            )
        return read_completion(completion, self._model_info["family"], usage)

    async def create_stream(
        self,
        messages: Sequence[LLMMessage],
        *,
        tools: Sequence[Tool | ToolSchema] = [],
        tool_choice: Tool | Literal["auto", "required", "none"] = "auto",
        json_output: bool | type[BaseModel] | None = None,
        extra_create_args: Mapping[str, Any] = {},
        cancellation_token: CancellationToken | None = None,
        max_consecutive_empty_chunk_tolerance: int = 0,
        include_usage: bool | None = None,
    ) -> AsyncGenerator[str | CreateResult, None]:
        """Ask the model and yield the pieces of its text as they come, then one `CreateResult` with the whole reply.

        The reasoning of a model that sends it apart is yielded between `<think>` and `</think>`, and is the result's
        `thought`. The usage is zero unless the server is asked for it (spec: 000 L24409).

        Args:
            messages: The conversation.
            tools: What the model may call.
            tool_choice: `"auto"`, `"required"`, `"none"`, or the tool that the model has to call.
            json_output: As for `create`.
            extra_create_args: Options of this request; they win over those of the client.
            cancellation_token: Cancelling it aborts the HTTP request. So does closing the generator.
            max_consecutive_empty_chunk_tolerance: Deprecated and without effect: empty chunks are skipped.
            include_usage: True asks the server for the tokens used.

        Raises:
            ValueError: Messages or options do not fit each other or the model.
            ModelEndpointError: The endpoint cannot be reached, or breaks off.
            openai.APIStatusError: The endpoint refuses the request.
            asyncio.CancelledError: The token was cancelled.
        """
        if max_consecutive_empty_chunk_tolerance != 0:
            warnings.warn(
                "max_consecutive_empty_chunk_tolerance is deprecated and has no effect: empty chunks are skipped",
                DeprecationWarning,
                stacklevel=2,
            )
        request = self._request(messages, tools, tool_choice, json_output, extra_create_args)
        stream_options = resolve_stream_options(request, include_usage)
        request.pop("stream_options", None)
        if stream_options:
            request["stream_options"] = stream_options
        answer = StreamedAnswer(self._model_info["family"])
        with endpoint_errors(self._base_url, self._model):
            stream: Any = await linked(self._client.chat.completions.create(**request, stream=True), cancellation_token)
        started = False
        async with aclosing(linked_items(stream, cancellation_token, self._base_url, self._model)) as chunks:
            async for chunk in chunks:
                if not hasattr(chunk, "choices"):
                    raise ModelEndpointError(
                        self._base_url, self._model, f"sent a chunk that is none: {_answer.shorten(chunk)}"
                    )
                if not started:
                    started = True
                    self._log_stream_start(request)
                piece = answer.feed(chunk)
                if piece:
                    yield piece
        if not started:
            raise ModelEndpointError(self._base_url, self._model, "ended its stream before the answer began")
        self._add_usage(answer.usage)
        tail = answer.end_of_thought()
        if tail:
            yield tail
        self._check_served_model(answer.model)
        result = answer.result()
        if _event_logger.isEnabledFor(logging.INFO):
            from hubbub_core.logging import LLMStreamEndEvent

            _event_logger.info(
                LLMStreamEndEvent(
                    response=result.model_dump(mode="json"),
                    prompt_tokens=result.usage.prompt_tokens,
                    completion_tokens=result.usage.completion_tokens,
                ),
            )
        yield result

    async def close(self) -> None:
        """Close the SDK's client and its connections."""
        await self._client.close()

    def actual_usage(self) -> RequestUsage:
        """Return the tokens that the requests of this client were charged with."""
        return self._actual_usage

    def total_usage(self) -> RequestUsage:
        """Return the tokens of all requests of this client."""
        return self._total_usage

    def count_tokens(
        self,
        messages: Sequence[LLMMessage],
        *,
        tools: Sequence[Tool | ToolSchema] = [],
    ) -> int:
        """Return how many tokens the messages and tools take up. Opens no connection.

        Text is counted with the vendor's table if tiktoken is installed, which the extra `tokens` brings. Otherwise,
        and for models whose vendor has published no table, the number of its UTF-8 bytes counts, which no byte-level
        tokeniser exceeds, with one warning.
        """
        converted = convert_messages(
            messages,
            model=self._model,
            family=self._model_info["family"],
            prepend_name=self._add_name_prefixes,
            include_name_in_message=self._include_name_in_message,
        )
        return self._tokens.count(converted, tools)

    def remaining_tokens(
        self,
        messages: Sequence[LLMMessage],
        *,
        tools: Sequence[Tool | ToolSchema] = [],
    ) -> int:
        """Return how many tokens of the model's window are left; negative when the messages do not fit.

        A window that is not known counts as 128,000 tokens, with one warning.
        """
        limit = self._entry.token_limit if self._entry else None
        if limit is None:
            limit = DEFAULT_TOKEN_LIMIT
            if not self._warned_limit:
                self._warned_limit = True
                warnings.warn(
                    f"the context window of model {self._model!r} is not known; it is taken to be {limit:,} tokens",
                    UserWarning,
                    stacklevel=2,
                )
        return limit - self.count_tokens(messages, tools=tools)

    @property
    def capabilities(self) -> ModelCapabilities:
        """What the model can do, in the older form. Use `model_info`."""
        info = self._model_info
        return ModelCapabilities(
            vision=info["vision"], function_calling=info["function_calling"], json_output=info["json_output"]
        )

    @property
    def model_info(self) -> ModelInfo:
        """What the model can do."""
        return self._model_info

    def _request(
        self,
        messages: Sequence[LLMMessage],
        tools: Sequence[Tool | ToolSchema],
        tool_choice: Tool | Literal["auto", "required", "none"],
        json_output: bool | type[BaseModel] | None,
        extra_create_args: Mapping[str, Any],
    ) -> dict[str, Any]:
        return build_request(
            messages,
            tools=tools,
            tool_choice=tool_choice,
            json_output=json_output,
            extra_create_args=extra_create_args,
            create_args=self._create_args,
            model_info=self._model_info,
            add_name_prefixes=self._add_name_prefixes,
            include_name_in_message=self._include_name_in_message,
        )

    def _check_served_model(self, served: str | None) -> None:
        expected = self._entry.resolved if self._entry else None
        # A server that answers with the very name it was asked for says nothing about versions.
        if not served or expected is None or served in (expected, self._model) or self._warned_mismatch:
            return
        if expected == self._model and is_version_of(served, expected):
            return  # the table knows no date of this model
        self._warned_mismatch = True
        warnings.warn(
            f"Resolved model mismatch: {expected} != {served}. Model mapping may be incorrect. "
            f"Set the model to {served} to use the information about it.",
            UserWarning,
            stacklevel=3,
        )

    def _log_stream_start(self, request: Mapping[str, Any]) -> None:
        if _event_logger.isEnabledFor(logging.INFO):
            from hubbub_core.logging import LLMStreamStartEvent

            _event_logger.info(LLMStreamStartEvent(messages=request["messages"]))

    def _add_usage(self, usage: RequestUsage) -> None:
        self._actual_usage = _answer.sum_usage(self._actual_usage, usage)
        self._total_usage = _answer.sum_usage(self._total_usage, usage)
