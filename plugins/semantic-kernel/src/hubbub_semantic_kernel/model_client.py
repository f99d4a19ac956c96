"""Chat completion services of Semantic Kernel as model clients of the hub."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

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

from hubbub_core.models import CreateResult, LLMMessage, ModelFamily, ModelInfo, RequestUsage
from hubbub_core.models.foreign import ForeignChatCompletionClient, ToolChoice, schema_of
from hubbub_core.models.thoughts import ThoughtTagger
from hubbub_core.tools import Tool, ToolSchema

from ._reply import ReplyCollector
from .chat_service import HubPromptExecutionSettings
from .functions import function_metadata
from .messages import to_chat_messages

_KERNEL = "kernel"
_SETTINGS = "prompt_execution_settings"
_CHARACTERS_PER_TOKEN = 4
_TOKENS_PER_MESSAGE = 4

# How the connectors of Semantic Kernel call JSON mode in their settings.
_JSON_MODES: Mapping[str, Any] = {
    "response_format": {"type": "json_object"},  # OpenAI, Azure, Mistral, NVIDIA, and the hub's own
    "response_mime_type": "application/json",  # Google
    "format": "json",  # Ollama
}


@dataclass(frozen=True, slots=True)
class _Request:
    kernel: Kernel
    settings: PromptExecutionSettings
    given: list[Any]
    history: ChatHistory
    offered: list[str]


class SKChatCompletionAdapter(ForeignChatCompletionClient[_Request]):
    """A chat completion service of Semantic Kernel as a model client of the hub (spec: 000 L27187).

    Tools are offered under their own names, and a call comes back under the name of the tool; calls of kernel functions
    that the prompt settings offer come back as `<plugin>-<function>` (spec: newer N-326). The kernel is not changed.

    Tokens are those that the service tells in `metadata["usage"]`, else zero. `count_tokens` is an estimate, a token
    for every four characters and four for each message.

    In a request, `extra_create_args` takes `kernel`, a `Kernel`, and `prompt_execution_settings` of the service, both
    in place of those given here; anything else is a field of the settings. A request without any kernel is a ValueError
    (spec: 000 L27408). `tool_choice` is handed on as a function choice behavior, with a warning: not every service
    heeds it. `json_output=True` switches JSON mode on where the service has one; a class is a ValueError (spec: newer
    N-326).

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
        super().__init__(
            model_info
            or ModelInfo(
                vision=False,
                function_calling=False,
                json_output=False,
                family=ModelFamily.UNKNOWN,
                structured_output=False,
            ),
            model_name=type(sk_client).__name__,
            context_window=context_window,
        )
        self._client = sk_client
        self._kernel = kernel
        self._settings = prompt_settings
        self._service_id = service_id
        self._last = RequestUsage(0, 0)

    async def _ask(self, request: _Request) -> CreateResult:
        contents = await self._client.get_chat_message_contents(
            request.history, request.settings, kernel=request.kernel
        )
        # What Semantic Kernel did on the way (calls that it made itself) is appended to the history.
        reply = ReplyCollector(request.offered)
        for message in [*request.history.messages[len(request.given) :], *contents[:1]]:
            reply.add(message)
        return self._settle(reply)

    async def _ask_streaming(self, request: _Request, emit: Callable[[str], None]) -> CreateResult:
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

    def actual_usage(self) -> RequestUsage:
        """Return the tokens of the last request."""
        return self._last

    def count_tokens(self, messages: Sequence[LLMMessage], *, tools: Sequence[Tool | ToolSchema] = []) -> int:
        """Estimate the tokens of messages and tools: one for every four characters, four more for each message."""
        texts = [message.model_dump_json(exclude={"type", "source"}) for message in messages]
        texts += [str(schema_of(tool)) for tool in tools]
        return sum(len(text) // _CHARACTERS_PER_TOKEN + _TOKENS_PER_MESSAGE for text in texts)

    @property
    def capabilities(self) -> ModelInfo:
        """What the model can do."""
        return self._model_info

    def _request(
        self,
        messages: Sequence[LLMMessage],
        tools: Sequence[Tool | ToolSchema],
        tool_choice: ToolChoice,
        json_output: bool | type[BaseModel] | None,
        extra_create_args: Mapping[str, Any],
    ) -> _Request:
        kernel = extra_create_args.get(_KERNEL) or self._kernel
        if not isinstance(kernel, Kernel):
            raise ValueError(
                "a kernel must be given, either to the constructor or as extra_create_args['kernel'], "
                f"but it is {kernel!r}"
            )
        settings = self._request_settings(extra_create_args)
        if json_output:
            self._switch_json_on(settings)
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

    def _check_json_output(self, json_output: bool | type[BaseModel] | None) -> None:
        if isinstance(json_output, type):
            raise ValueError(
                "structured output is not supported through Semantic Kernel; json_output cannot be a class"
            )
        super()._check_json_output(json_output)

    def _switch_json_on(self, settings: PromptExecutionSettings) -> None:
        if not self._model_info["json_output"]:
            raise ValueError("Model does not support JSON output. Set model_info['json_output'] if it does.")
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
        choice: ToolChoice,
    ) -> list[str]:
        """Have the service offer the tools, and return their names."""
        if not tools:
            return []
        if not self._client.SUPPORTS_FUNCTION_CALLING:
            raise ValueError(f"{type(self._client).__name__} does not support function calling and tools were provided")
        if choice != "auto":
            warnings.warn(
                "tool_choice is handed on as a function choice behavior; not every service of Semantic Kernel heeds it",
                UserWarning,
                stacklevel=5,
            )
        functions = [function_metadata(schema_of(tool)) for tool in tools]
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
        self._count(result.usage)
        return result


class _Offered(FunctionChoiceBehavior):
    """Offers these functions, whatever the kernel has: requests with different tools may share a kernel."""

    functions: list[KernelFunctionMetadata]

    def get_config(self, kernel: Kernel) -> FunctionCallChoiceConfiguration:
        return FunctionCallChoiceConfiguration(available_functions=self.functions)


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
