"""The hub's model client dressed as a chat completion service of Semantic Kernel."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, Field
from semantic_kernel.connectors.ai.chat_completion_client_base import ChatCompletionClientBase
from semantic_kernel.connectors.ai.completion_usage import CompletionUsage
from semantic_kernel.connectors.ai.function_call_choice_configuration import FunctionCallChoiceConfiguration
from semantic_kernel.connectors.ai.function_calling_utils import kernel_function_metadata_to_function_call_format
from semantic_kernel.connectors.ai.function_choice_type import FunctionChoiceType
from semantic_kernel.connectors.ai.prompt_execution_settings import PromptExecutionSettings
from semantic_kernel.contents.chat_history import ChatHistory
from semantic_kernel.contents.chat_message_content import ChatMessageContent
from semantic_kernel.contents.streaming_chat_message_content import StreamingChatMessageContent
from semantic_kernel.contents.streaming_reasoning_content import StreamingReasoningContent
from semantic_kernel.contents.utils.author_role import AuthorRole

from hubbub_core.models import AssistantMessage, ChatCompletionClient, CreateResult
from hubbub_core.models.thoughts import PieceKind, ThoughtSplitter
from hubbub_core.tools import ToolSchema

from ._signatures import takes
from .messages import call_item, from_chat_messages, sk_finish_reason, to_chat_messages

_CHOICES = ("auto", "required", "none")
_USAGE = "include_usage"
"""Parameter of clients whose service tells the tokens of a stream only when it is asked to."""


class HubPromptExecutionSettings(PromptExecutionSettings):
    """What a request to a model of the hub can be told.

    Anything else that settings hold (`temperature`, `max_tokens`, ...) is handed to the client as `extra_create_args`.
    """

    response_format: type[BaseModel] | dict[str, Any] | None = None
    """A pydantic class for structured output, `{"type": "json_object"}` for JSON mode, `{"type": "text"}` for text."""

    tools: list[dict[str, Any]] | None = None
    """`{"type": "function", "function": {...}}`; Semantic Kernel fills it in from the kernel's functions."""

    tool_choice: str | None = None
    """`auto`, `required` or `none`; Semantic Kernel fills it in from the function choice behavior."""

    def json_output(self) -> bool | type[BaseModel] | None:
        """Return the response format as the hub's clients take it.

        Raises:
            ValueError: It is none that they know.
        """
        wanted = self.response_format
        if wanted is None or isinstance(wanted, type):
            return wanted
        known: dict[Any, bool | None] = {"text": None, "json_object": True}
        if wanted.get("type") not in known:
            raise ValueError(
                f"response_format {wanted!r} cannot be converted: give a pydantic class, "
                '{"type": "json_object"} or {"type": "text"}'
            )
        return known[wanted["type"]]

    def tool_schemas(self) -> list[ToolSchema]:
        """Return the tools as the hub's clients take them.

        Raises:
            ValueError: A tool is not a function.
        """
        return [_tool_schema(tool) for tool in self.tools or []]

    def extra_create_args(self) -> dict[str, Any]:
        """Return what the client is handed as it is."""
        return {name: value for name, value in self.extension_data.items() if name not in self.keys}


class HubChatCompletion(ChatCompletionClientBase):
    """Any model client of the hub as a chat completion service of Semantic Kernel.

    Functions of the kernel are offered to the model as the function choice behavior says, and called by Semantic Kernel
    or handed to the caller. Text and thoughts stream; thoughts are `ReasoningContent`. A reply's `metadata["usage"]`
    tells its tokens, `metadata["cached"]` whether it came from a cache, `metadata["logprobs"]` the log probabilities.
    Tokens of a stream are asked for where a client tells them on request only (`include_usage`). The whole
    `CreateResult` is `inner_content`. Cancelling a call cancels the client's request.

    Args:
        model_client: The client. Whoever made it closes it.
        ai_model_id: What Semantic Kernel calls the model; the hub's clients have no name in common.
        service_id: Name of the service in a kernel; `ai_model_id` when missing.
        extra_create_args: Options of the client for every call; those of a call's settings win.
    """

    SUPPORTS_FUNCTION_CALLING: ClassVar[bool] = True

    # Left out of dumps: a client may hold a key.
    model_client: ChatCompletionClient = Field(exclude=True, repr=False)
    extra_create_args: dict[str, Any] = Field(default_factory=dict, exclude=True, repr=False)

    def __init__(
        self,
        model_client: ChatCompletionClient,
        *,
        ai_model_id: str = "hubbub",
        service_id: str | None = None,
        extra_create_args: Mapping[str, Any] | None = None,
    ) -> None:
        fields: dict[str, Any] = {
            "model_client": model_client,
            "ai_model_id": ai_model_id,
            "service_id": service_id or "",
            "extra_create_args": dict(extra_create_args or {}),
        }
        super().__init__(**fields)

    def get_prompt_execution_settings_class(self) -> type[PromptExecutionSettings]:
        """Return `HubPromptExecutionSettings`; settings of other services are converted to it."""
        return HubPromptExecutionSettings

    async def _inner_get_chat_message_contents(
        self, chat_history: ChatHistory, settings: PromptExecutionSettings
    ) -> list[ChatMessageContent]:
        result = await self.model_client.create(from_chat_messages(chat_history.messages), **self._arguments(settings))
        reply = AssistantMessage(content=result.content, thought=result.thought, source="assistant")
        return [
            ChatMessageContent(
                role=AuthorRole.ASSISTANT,
                items=to_chat_messages([reply])[0].items,
                ai_model_id=self.ai_model_id,
                inner_content=result,
                finish_reason=sk_finish_reason(result.finish_reason),
                metadata=_metadata(result),
            )
        ]

    async def _inner_get_streaming_chat_message_contents(
        self, chat_history: ChatHistory, settings: PromptExecutionSettings, function_invoke_attempt: int = 0
    ) -> AsyncGenerator[list[StreamingChatMessageContent], Any]:
        def piece(**content: Any) -> list[StreamingChatMessageContent]:
            return [
                StreamingChatMessageContent(
                    role=AuthorRole.ASSISTANT,
                    choice_index=0,
                    ai_model_id=self.ai_model_id,
                    function_invoke_attempt=function_invoke_attempt,
                    **content,
                )
            ]

        def reasoning(text: str) -> list[StreamingChatMessageContent]:
            # Apart from calls: agents of Semantic Kernel do not show pieces that hold one.
            return piece(items=[StreamingReasoningContent(choice_index=0, text=text, ai_model_id=self.ai_model_id)])

        arguments = self._arguments(settings)
        if "stream_options" not in arguments["extra_create_args"] and takes(
            type(self.model_client), "create_stream", _USAGE
        ):
            # As Semantic Kernel's own connectors do: agents always stream, and their tokens would count as none.
            arguments[_USAGE] = arguments["extra_create_args"].pop(_USAGE, True)
        stream = self.model_client.create_stream(from_chat_messages(chat_history.messages), **arguments)
        splitter = ThoughtSplitter()
        streamed: set[PieceKind] = set()
        try:
            async for item in stream:
                for kind, text in splitter.feed(item) if isinstance(item, str) else splitter.end():
                    streamed.add(kind)
                    yield reasoning(text) if kind == "thought" else piece(content=text)
                if isinstance(item, str):
                    continue
                if item.thought is not None and "thought" not in streamed:
                    yield reasoning(item.thought)
                if isinstance(item.content, str):
                    ending: dict[str, Any] = {} if "text" in streamed else {"content": item.content}
                else:
                    ending = {"items": [call_item(call, index) for index, call in enumerate(item.content)]}
                yield piece(
                    **ending,
                    inner_content=item,
                    finish_reason=sk_finish_reason(item.finish_reason),
                    metadata=_metadata(item),
                )
        finally:
            await stream.aclose()

    def _arguments(self, settings: PromptExecutionSettings) -> dict[str, Any]:
        # The base class converts settings before it calls us.
        assert isinstance(settings, HubPromptExecutionSettings)
        arguments: dict[str, Any] = {
            "json_output": settings.json_output(),
            "extra_create_args": {**self.extra_create_args, **settings.extra_create_args()},
        }
        tools = settings.tool_schemas()
        if not tools:
            return arguments
        if not self.model_client.model_info["function_calling"]:
            raise ValueError(
                f"the model of {type(self.model_client).__name__} cannot call functions, but is offered "
                f"{', '.join(tool['name'] for tool in tools)}; take another model, or function_choice_behavior=None"
            )
        choice = settings.tool_choice or "auto"
        if choice not in _CHOICES:
            raise ValueError(f"tool_choice {choice!r} cannot be converted; it may be {', '.join(_CHOICES)}")
        return {**arguments, "tools": tools, "tool_choice": choice}

    def _update_function_choice_settings_callback(
        self,
    ) -> Callable[[FunctionCallChoiceConfiguration, PromptExecutionSettings, FunctionChoiceType], None]:
        return _offer_functions

    def _reset_function_choice_settings(self, settings: PromptExecutionSettings) -> None:
        assert isinstance(settings, HubPromptExecutionSettings)
        settings.tools = None
        settings.tool_choice = None


def from_model_client(client: ChatCompletionClient, **options: Any) -> HubChatCompletion:
    """Dress a model client of the hub as a chat completion service of Semantic Kernel.

    Args:
        client: The client; whoever made it closes it.
        **options: Other arguments of `HubChatCompletion`, such as `service_id`.
    """
    return HubChatCompletion(client, **options)


def _offer_functions(
    configuration: FunctionCallChoiceConfiguration, settings: PromptExecutionSettings, choice: FunctionChoiceType
) -> None:
    assert isinstance(settings, HubPromptExecutionSettings)
    if configuration.available_functions:
        settings.tool_choice = choice.value
        settings.tools = [
            kernel_function_metadata_to_function_call_format(function) for function in configuration.available_functions
        ]


def _tool_schema(tool: Mapping[str, Any]) -> ToolSchema:
    function = tool.get("function")
    if tool.get("type") != "function" or not isinstance(function, Mapping) or "name" not in function:
        raise ValueError(
            f"the tool {dict(tool)!r} cannot be converted: models of the hub take functions, "
            '{"type": "function", "function": {"name": ...}}'
        )
    schema = ToolSchema(name=function["name"])
    if function.get("description"):
        schema["description"] = function["description"]
    if function.get("parameters") is not None:
        schema["parameters"] = function["parameters"]
    if function.get("strict") is not None:
        schema["strict"] = function["strict"]
    return schema


def _metadata(result: CreateResult) -> dict[str, Any]:
    usage = CompletionUsage(prompt_tokens=result.usage.prompt_tokens, completion_tokens=result.usage.completion_tokens)
    metadata: dict[str, Any] = {"usage": usage, "cached": result.cached}
    if result.logprobs is not None:
        metadata["logprobs"] = [token.model_dump(mode="json") for token in result.logprobs]
    return metadata
