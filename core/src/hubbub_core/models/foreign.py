"""The base of model clients that ask a model of another framework."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar

from pydantic import BaseModel

from hubbub_core._cancellation_token import CancellationToken
from hubbub_core._image import Image
from hubbub_core.models._call_log import log_call, log_stream_end, log_stream_start
from hubbub_core.models._model_client import ChatCompletionClient
from hubbub_core.models._model_info import ModelCapabilities, ModelInfo, validate_model_info
from hubbub_core.models._types import CreateResult, LLMMessage, RequestUsage, UserMessage
from hubbub_core.running import linked, stream_work
from hubbub_core.tools import Tool, ToolSchema

__all__ = ["ForeignChatCompletionClient", "ToolChoice", "schema_of"]

ToolChoice: TypeAlias = Tool | Literal["auto", "required", "none"]
RequestT = TypeVar("RequestT")

_DEFAULT_WINDOW: Final = 128_000


class ForeignChatCompletionClient(ChatCompletionClient, Generic[RequestT]):
    """A model client whose model is an object of another framework, made and closed by somebody else.

    A framework's client says how a request is made, asked and streamed. What all of them do alike is here: a request is
    checked against `model_info` before the framework sees it, the framework's work is cancelled with the token or when
    a stream is left, and has ended then, calls are logged while somebody listens, tokens are added up, and what is left
    of the model's window is told.

    Args:
        model_info: What the model can do.
        model_name: What warnings call the model, such as the name of its class.
        context_window: Tokens that the model takes, prompt and answer together; None where nobody tells.

    Raises:
        ValueError: `model_info` lacks a field, or `context_window` is not positive.
    """

    def __init__(self, model_info: ModelInfo, *, model_name: str, context_window: int | None = None) -> None:
        validate_model_info(model_info)
        if context_window is not None and context_window < 1:
            raise ValueError(f"context_window must be positive, not {context_window}")
        self._model_info = model_info
        self._model_name = model_name
        self._context_window = context_window
        self._warned_window = False
        self._usage = RequestUsage(prompt_tokens=0, completion_tokens=0)

    @abstractmethod
    def _request(
        self,
        messages: Sequence[LLMMessage],
        tools: Sequence[Tool | ToolSchema],
        tool_choice: ToolChoice,
        json_output: bool | type[BaseModel] | None,
        extra_create_args: Mapping[str, Any],
    ) -> RequestT:
        """Convert a request that fits `model_info` to the framework's form.

        Raises:
            ValueError: Something in it has no form there.
        """

    @abstractmethod
    async def _ask(self, request: RequestT) -> CreateResult:
        """Ask the model; cancelling this ends the framework's work."""

    @abstractmethod
    async def _ask_streaming(self, request: RequestT, emit: Callable[[str], None]) -> CreateResult:
        """Ask the model, emit the pieces of its text, and return the whole; cancelling this ends the framework's work.

        Reasoning comes first, between `<think>` and `</think>`: `hubbub_core.models.thoughts.ThoughtTagger` writes it.
        """

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

        Raises:
            ValueError: Messages or options do not fit each other or the model, or the reply holds what the hub cannot
                carry.
            Exception: What the framework raised, as it is.
            asyncio.CancelledError: The token was cancelled.
        """
        request = self._checked(messages, tools, tool_choice, json_output, extra_create_args)
        result = await linked(self._ask(request), cancellation_token)
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
        """Ask the model and yield the pieces of its text as they come, then one `CreateResult` with the whole reply.

        Reasoning that comes before the text is yielded between `<think>` and `</think>`; all of it is the result's
        `thought`.

        Raises:
            ValueError: Messages or options do not fit each other or the model, or the reply holds what the hub cannot
                carry.
            Exception: What the framework raised, as it is.
            asyncio.CancelledError: The token was cancelled.
        """
        request = self._checked(messages, tools, tool_choice, json_output, extra_create_args)

        async def work(emit: Callable[[str], None]) -> CreateResult:
            return await self._ask_streaming(request, emit)

        log_stream_start(messages)
        async with aclosing(stream_work(work, cancellation_token or CancellationToken())) as pieces:
            async for piece in pieces:
                if isinstance(piece, CreateResult):
                    log_stream_end(piece)
                yield piece

    async def close(self) -> None:
        """Do nothing: the model belongs to whoever made it."""

    def actual_usage(self) -> RequestUsage:
        """Return the tokens of all requests, as far as the model told them."""
        return self._usage

    def total_usage(self) -> RequestUsage:
        """Return the tokens of all requests, as far as the model told them."""
        return self._usage

    def remaining_tokens(self, messages: Sequence[LLMMessage], *, tools: Sequence[Tool | ToolSchema] = []) -> int:
        """Return about how many tokens of the model's window are left; negative when the messages do not fit.

        A window that is not known counts as 128,000 tokens, with one warning.
        """
        window = self._window()
        if window is None:
            window = _DEFAULT_WINDOW
            if not self._warned_window:
                self._warned_window = True
                warnings.warn(
                    f"the context window of {self._model_name} is not known; it is taken to be {window:,} tokens; pass "
                    "context_window to say what it is",
                    UserWarning,
                    stacklevel=2,
                )
        return window - self.count_tokens(messages, tools=tools)

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

    def _window(self) -> int | None:
        """Return the tokens of the model's window, None where nobody tells; for models that know it themselves."""
        return self._context_window

    def _count(self, usage: RequestUsage) -> None:
        """Add the tokens of a reply; call it before anything else in the reply can fail, for they are paid for."""
        self._usage = RequestUsage(
            prompt_tokens=self._usage.prompt_tokens + usage.prompt_tokens,
            completion_tokens=self._usage.completion_tokens + usage.completion_tokens,
        )

    def _checked(
        self,
        messages: Sequence[LLMMessage],
        tools: Sequence[Tool | ToolSchema],
        tool_choice: ToolChoice,
        json_output: bool | type[BaseModel] | None,
        extra_create_args: Mapping[str, Any],
    ) -> RequestT:
        info = self._model_info
        if not info["vision"] and any(map(_has_image, messages)):
            raise ValueError(
                "Model does not support vision and image was provided. Set model_info['vision'] if it does."
            )
        if tools and not info["function_calling"]:
            raise ValueError("Model does not support function calling. Set model_info['function_calling'] if it does.")
        self._check_json_output(json_output)
        return self._request(messages, tools, tool_choice, json_output, extra_create_args)

    def _check_json_output(self, json_output: bool | type[BaseModel] | None) -> None:
        """Refuse an output that the model cannot give; for frameworks that cannot give it either.

        Raises:
            ValueError: The model or the framework has no such output.
        """
        if isinstance(json_output, type) and issubclass(json_output, BaseModel):
            if not self._model_info.get("structured_output", False):
                raise ValueError(
                    "Model does not support structured output. Set model_info['structured_output'] if it does."
                )
        elif json_output not in (None, False, True):
            raise ValueError(f"json_output must be a boolean or a Pydantic model class, got {json_output!r}")


def schema_of(tool: Tool | ToolSchema) -> ToolSchema:
    """Return the schema of a tool, which may be given as one."""
    return tool.schema if isinstance(tool, Tool) else tool


def _has_image(message: LLMMessage) -> bool:
    return isinstance(message, UserMessage) and any(isinstance(part, Image) for part in message.content)
