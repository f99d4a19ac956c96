"""Chat completion services of Semantic Kernel as model clients of the hub."""

from __future__ import annotations

import asyncio
import logging
import warnings
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel
from semantic_kernel.connectors.ai.chat_completion_client_base import ChatCompletionClientBase
from semantic_kernel.connectors.ai.function_call_choice_configuration import FunctionCallChoiceConfiguration
from semantic_kernel.connectors.ai.function_choice_behavior import FunctionChoiceBehavior
from semantic_kernel.connectors.ai.function_choice_type import FunctionChoiceType
from semantic_kernel.connectors.ai.prompt_execution_settings import PromptExecutionSettings
from semantic_kernel.contents.chat_history import ChatHistory
from semantic_kernel.contents.reasoning_content import ReasoningContent
from semantic_kernel.functions.kernel_function_metadata import KernelFunctionMetadata
from semantic_kernel.kernel import Kernel

from hubbub_core import EVENT_LOGGER_NAME, CancellationToken, Image
from hubbub_core.logging import LLMCallEvent, LLMStreamEndEvent, LLMStreamStartEvent
from hubbub_core.models import (
    ChatCompletionClient,
    CreateResult,
    LLMMessage,
    ModelFamily,
    ModelInfo,
    RequestUsage,
    UserMessage,
    validate_model_info,
)
from hubbub_core.running import stream_work
from hubbub_core.tools import Tool, ToolSchema

from ._reply import ReplyCollector
from ._thoughts import ThoughtTagger
from .chat_service import HubPromptExecutionSettings
from .functions import function_metadata
from .messages import to_chat_messages

_EVENTS = logging.getLogger(EVENT_LOGGER_NAME)
_KERNEL = "kernel"
_SETTINGS = "prompt_execution_settings"
_CHARACTERS_PER_TOKEN = 4
_TOKENS_PER_MESSAGE = 4
_DEFAULT_WINDOW = 128_000

# How the connectors of Semantic Kernel call JSON mode in their settings.
_JSON_MODES: Mapping[str, Any] = {
    "response_format": {"type": "json_object"},  # OpenAI, Azure, Mistral, NVIDIA, and the hub's own
    "response_mime_type": "application/json",  # Google
    "format": "json",  # Ollama
}


class SKChatCompletionAdapter(ChatCompletionClient):
    """A chat completion service of Semantic Kernel as a model client of the hub (spec: 000 L27187).

    Tools are offered under their own names, and a call comes back under the name of the tool; calls of kernel functions
    that the prompt settings offer come back as `<plugin>-<function>` (spec: newer N-326). The kernel is not changed.

    Tokens are those that the service tells in `metadata["usage"]`, else zero. `count_tokens` is an estimate, a token
    for every four characters and four for each message.

    Args:
        sk_client: The service. Whoever made it closes it.
        kernel: The kernel that requests are made with. Without it, each request names one.
        prompt_settings: Settings of every request; one that names its own overrides them.
        model_info: What the model can do. By default nothing, of an unknown family.
        service_id: Id of the service in the settings of requests.
        context_window: Tokens that the model takes, prompt and answer together; Semantic Kernel does not tell them.

    Raises:
        ValueError: `model_info` lacks a field, or `context_window` is not positive.
    """

    def __init__(
        self,
        sk_client: ChatCompletionClientBase,
        kernel: Kernel | None = None,
        prompt_settings: PromptExecutionSettings | None = None,
        model_info: ModelInfo | None = None,
        service_id: str | None = None,
        context_window: int | None = None,
    ) -> None:
        if context_window is not None and context_window < 1:
            raise ValueError(f"context_window must be positive, not {context_window}")
        self._client = sk_client
        self._context_window = context_window
        self._kernel = kernel
        self._settings = prompt_settings
        self._service_id = service_id
        self._model_info = model_info or ModelInfo(
            vision=False,
            function_calling=False,
            json_output=False,
            family=ModelFamily.UNKNOWN,
            structured_output=False,
        )
        validate_model_info(self._model_info)
        self._last = RequestUsage(0, 0)
        self._total = RequestUsage(0, 0)

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
        """Ask the service and return its whole reply.

        Args:
            messages: The conversation.
            tools: What the model may call.
            tool_choice: Handed on as a function choice behavior, with a warning: not every service heeds it.
            json_output: True switches JSON mode on where the service has one.
            extra_create_args: `kernel`, a `Kernel`, and `prompt_execution_settings` of the service, both in place of
                those given to the constructor; anything else is a field of the settings.
            cancellation_token: Cancels the request.

        Raises:
            ValueError: There is no kernel; `json_output` is a class (spec: newer N-326); a message, a tool or an option
                cannot be converted, or the model cannot take it.
            asyncio.CancelledError: The token was cancelled.
        """
        request = self._request(messages, tools, tool_choice, json_output, extra_create_args)
        token = _checked(cancellation_token)
        asked = asyncio.ensure_future(
            self._client.get_chat_message_contents(request.history, request.settings, kernel=request.kernel)
        )
        contents = await token.link_future(asked)
        # What Semantic Kernel did on the way (calls that it made itself) is appended to the history.
        reply = ReplyCollector(request.offered)
        for message in [*request.history.messages[len(request.given) :], *contents[:1]]:
            reply.add(message)
        result = self._settle(reply)
        if _EVENTS.isEnabledFor(logging.INFO):
            _EVENTS.info(LLMCallEvent(messages=_dump(messages), **_outcome(result)))
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
        """Ask the service, yield the pieces of its text as they come, then the whole reply.

        Reasoning that comes before the text is yielded between `<think>` and `</think>`, and is the reply's `thought`.

        Arguments and errors are those of `create`.
        """
        request = self._request(messages, tools, tool_choice, json_output, extra_create_args)

        async def work(emit: Callable[[str], None]) -> CreateResult:
            reply, tagger = ReplyCollector(request.offered), ThoughtTagger()
            stream = self._client.get_streaming_chat_message_contents(
                request.history, request.settings, kernel=request.kernel
            )
            async with aclosing(stream) as pieces:
                async for alternatives in pieces:
                    for piece in alternatives:
                        if piece.choice_index == 0:
                            text = reply.add(piece)
                            thoughts = [item.text or "" for item in piece.items if isinstance(item, ReasoningContent)]
                            if shown := tagger.feed("".join(thoughts), text):
                                emit(shown)
            if closing := tagger.end():
                emit(closing)
            return self._settle(reply)

        if _EVENTS.isEnabledFor(logging.INFO):
            _EVENTS.info(LLMStreamStartEvent(messages=_dump(messages)))
        async with aclosing(stream_work(work, _checked(cancellation_token))) as items:
            async for item in items:
                if isinstance(item, CreateResult) and _EVENTS.isEnabledFor(logging.INFO):
                    _EVENTS.info(LLMStreamEndEvent(**_outcome(item)))
                yield item

    async def close(self) -> None:
        """Do nothing: services of Semantic Kernel belong to whoever made them."""

    def actual_usage(self) -> RequestUsage:
        """Return the tokens of the last request."""
        return self._last

    def total_usage(self) -> RequestUsage:
        """Return the tokens of all requests."""
        return self._total

    def count_tokens(self, messages: Sequence[LLMMessage], *, tools: Sequence[Tool | ToolSchema] = []) -> int:
        """Estimate the tokens of messages and tools: one for every four characters, four more for each message."""
        texts = [message.model_dump_json(exclude={"type", "source"}) for message in messages]
        texts += [str(tool if isinstance(tool, dict) else tool.schema) for tool in tools]
        return sum(len(text) // _CHARACTERS_PER_TOKEN + _TOKENS_PER_MESSAGE for text in texts)

    def remaining_tokens(self, messages: Sequence[LLMMessage], *, tools: Sequence[Tool | ToolSchema] = []) -> int:
        """Return about how many tokens of the model's window are left; negative when the messages do not fit.

        A window that is not known counts as 128,000 tokens, with one warning.
        """
        if self._context_window is None:
            self._context_window = _DEFAULT_WINDOW
            warnings.warn(
                f"the context window of {type(self._client).__name__} is not known; it is taken to be "
                f"{_DEFAULT_WINDOW:,} tokens; pass context_window to say what it is",
                UserWarning,
                stacklevel=2,
            )
        return self._context_window - self.count_tokens(messages, tools=tools)

    @property
    def capabilities(self) -> ModelInfo:
        """What the model can do."""
        return self._model_info

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
        extra: Mapping[str, Any],
    ) -> _Request:
        kernel = extra.get(_KERNEL) or self._kernel
        if not isinstance(kernel, Kernel):
            raise ValueError(
                "a kernel must be given, either to the constructor or as extra_create_args['kernel'], "
                f"but it is {kernel!r}"
            )
        if not self._model_info["vision"] and any(_has_image(message) for message in messages):
            raise ValueError("Model does not support vision and image was provided")
        settings = self._request_settings(extra)
        if json_output is not None and json_output is not False:
            self._switch_json_on(settings, json_output)
        offered = self._offer(settings, kernel, tools, tool_choice)
        # Names must go out as they were offered, which is whole.
        given = to_chat_messages(messages, split_names=False)
        return _Request(kernel, settings, given, ChatHistory(messages=list(given)), offered)

    def _request_settings(self, extra: Mapping[str, Any]) -> PromptExecutionSettings:
        own = self._client.get_prompt_execution_settings_class()
        found = extra.get(_SETTINGS) or self._settings or own()
        if not isinstance(found, PromptExecutionSettings):
            raise ValueError(
                f"extra_create_args['{_SETTINGS}'] has to be the service's settings, not a {type(found).__name__}"
            )
        settings = found.model_copy(deep=True)
        if not isinstance(settings, own):
            settings = own.from_prompt_execution_settings(settings)
        if self._service_id is not None:
            settings.service_id = self._service_id
        for name, value in extra.items():
            if name in (_KERNEL, _SETTINGS):
                continue
            if name not in settings.keys and own not in (PromptExecutionSettings, HubPromptExecutionSettings):
                raise ValueError(f"{own.__name__} has no field {name!r} for the option in extra_create_args")
            settings.extension_data[name] = value
            if name in settings.keys:
                setattr(settings, name, value)
        return settings

    def _switch_json_on(self, settings: PromptExecutionSettings, wanted: bool | type[BaseModel]) -> None:
        if isinstance(wanted, type):
            raise ValueError(
                "structured output is not supported through Semantic Kernel; json_output cannot be a class"
            )
        if not self._model_info["json_output"]:
            raise ValueError("Model does not support JSON output")
        for name, value in _JSON_MODES.items():
            if name in settings.keys:
                setattr(settings, name, value)
                return
        raise ValueError(f"{type(settings).__name__} has no JSON mode that is known; set it in the prompt settings")

    def _offer(
        self,
        settings: PromptExecutionSettings,
        kernel: Kernel,
        tools: Sequence[Tool | ToolSchema],
        choice: Tool | Literal["auto", "required", "none"],
    ) -> list[str]:
        """Have the service offer the tools, and return their names."""
        if not tools:
            return []
        if not self._model_info["function_calling"]:
            raise ValueError("Model does not support function calling and tools were provided")
        if not self._client.SUPPORTS_FUNCTION_CALLING:
            raise ValueError(f"{type(self._client).__name__} does not support function calling and tools were provided")
        if choice != "auto":
            warnings.warn(
                "tool_choice is handed on as a function choice behavior; not every service of Semantic Kernel heeds it",
                UserWarning,
                stacklevel=4,
            )
        functions = [function_metadata(tool if isinstance(tool, dict) else tool.schema) for tool in tools]
        names = [function.name for function in functions]
        kind = FunctionChoiceType.REQUIRED
        if isinstance(choice, str):
            kind = FunctionChoiceType(choice)
        elif choice.name not in names:
            raise ValueError(f"tool_choice references {choice.name!r} but it's not in the provided tools")
        else:
            functions = [function for function in functions if function.name == choice.name]
        if (earlier := settings.function_choice_behavior) is not None:
            if earlier.auto_invoke_kernel_functions:
                raise ValueError(
                    "the prompt settings have Semantic Kernel call functions itself, and the tools of the request are "
                    "called by the caller; take one of them, or FunctionChoiceBehavior.Auto(auto_invoke=False)"
                )
            functions += earlier.get_config(kernel).available_functions or []
        settings.function_choice_behavior = _Offered(type_=kind, maximum_auto_invoke_attempts=0, functions=functions)
        return names

    def _settle(self, reply: ReplyCollector) -> CreateResult:
        result = reply.result(split_thought=self._model_info["family"] == ModelFamily.R1)
        self._last = result.usage
        self._total = RequestUsage(
            self._total.prompt_tokens + result.usage.prompt_tokens,
            self._total.completion_tokens + result.usage.completion_tokens,
        )
        return result


class _Offered(FunctionChoiceBehavior):
    """Offers these functions, whatever the kernel has: requests with different tools may share a kernel."""

    functions: list[KernelFunctionMetadata]

    def get_config(self, kernel: Kernel) -> FunctionCallChoiceConfiguration:
        return FunctionCallChoiceConfiguration(available_functions=self.functions)


@dataclass(frozen=True, slots=True)
class _Request:
    kernel: Kernel
    settings: PromptExecutionSettings
    given: list[Any]
    history: ChatHistory
    offered: list[str]


def from_chat_service(
    service: ChatCompletionClientBase,
    *,
    kernel: Kernel | None = None,
    prompt_settings: PromptExecutionSettings | None = None,
    model_info: ModelInfo | None = None,
    service_id: str | None = None,
    context_window: int | None = None,
) -> SKChatCompletionAdapter:
    """Make a model client of the hub from a service; see `SKChatCompletionAdapter`.

    Without a kernel it is given an empty one. Without `model_info` the model is taken to be able to do what
    Semantic Kernel knows of the service: call functions, or not.
    """
    info = model_info or ModelInfo(
        vision=False,
        function_calling=service.SUPPORTS_FUNCTION_CALLING,
        json_output=False,
        family=ModelFamily.UNKNOWN,
        structured_output=False,
    )
    return SKChatCompletionAdapter(service, kernel or Kernel(), prompt_settings, info, service_id, context_window)


def _checked(token: CancellationToken | None) -> CancellationToken:
    if token is not None and token.is_cancelled():
        raise asyncio.CancelledError("the request to the model was cancelled")
    return token or CancellationToken()


def _has_image(message: LLMMessage) -> bool:
    if not isinstance(message, UserMessage) or isinstance(message.content, str):
        return False
    return any(isinstance(part, Image) for part in message.content)


def _dump(messages: Sequence[LLMMessage]) -> list[dict[str, Any]]:
    return [message.model_dump(mode="json") for message in messages]


def _outcome(result: CreateResult) -> dict[str, Any]:
    return {
        "response": result.model_dump(mode="json"),
        "prompt_tokens": result.usage.prompt_tokens,
        "completion_tokens": result.usage.completion_tokens,
    }
