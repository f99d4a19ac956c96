"""A LangChain chat model as a model client of the hub."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, ClassVar, NamedTuple, Self, cast

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.runnables import Runnable, RunnableSequence
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import BaseModel

from hubbub_core import FunctionCall
from hubbub_core.hub.objects import load_object, object_config
from hubbub_core.models import ChatCompletionClient, CreateResult, LLMMessage, ModelFamily, ModelInfo
from hubbub_core.models.foreign import ForeignChatCompletionClient, ToolChoice, schema_of
from hubbub_core.models.thoughts import ThoughtTagger
from hubbub_core.tools import Tool, ToolSchema
from hubbub_registry import Component

from ._tokens import estimate_tokens
from ._tool_forms import functions_of, langchain_choice
from .chat_model import HubChatModel
from .config import LangChainChatCompletionClientConfig
from .messages import text_and_reasoning, to_create_result, to_langchain

_ANY_JSON: dict[str, Any] = {"title": "answer", "description": "The answer.", "type": "object", "properties": {}}


class _Request(NamedTuple):
    runnable: Runnable[Any, Any]
    messages: list[BaseMessage]
    options: dict[str, Any]
    answer: str | None
    """Name of the call that is the structured answer, when the model gives it as one; empty when any call is."""


class LangChainChatCompletionClient(
    ForeignChatCompletionClient[_Request], Component[LangChainChatCompletionClientConfig]
):
    """Any chat model of LangChain as a model client of the hub.

    Options in `extra_create_args` are keyword arguments of the model's own methods, `config` among them (callbacks,
    tags). With `tool_choice="none"` the model is given no tools. A pydantic class as `json_output` is the model's own
    `with_structured_output`; together with tools it is one more tool, which the model has to call if it calls no other,
    and its arguments are the answer. The result's content is JSON text either way. `json_output=True` is the method
    `json_mode` of the model's `with_structured_output`, where it has one of its own.

    Args:
        chat_model: The model. It is not changed, and not closed.
        model_info: What it can do. Without it: tools if its class binds tools, structured output if it has any, images
            if its profile says so, and no JSON mode.
        context_window: Tokens of prompt and answer; by default what its profile says.

    Raises:
        TypeError: It is no chat model of LangChain.
        ValueError: `model_info` lacks a field, or `context_window` is not positive.
    """

    component_type: ClassVar[str] = "model"
    component_provider_override: ClassVar[str] = "hubbub_langchain.LangChainChatCompletionClient"
    component_config_schema = LangChainChatCompletionClientConfig

    def __init__(
        self,
        chat_model: BaseChatModel,
        *,
        model_info: ModelInfo | None = None,
        context_window: int | None = None,
    ) -> None:
        if not isinstance(chat_model, BaseChatModel):
            raise TypeError(f"expected a chat model of langchain_core, not a {type(chat_model).__name__}")
        super().__init__(
            _info_of(chat_model) if model_info is None else model_info,
            model_name=type(chat_model).__name__,
            context_window=_profile(chat_model).get("max_input_tokens") if context_window is None else context_window,
        )
        self._chat_model = chat_model
        self._source: LangChainChatCompletionClientConfig | None = None

    @property
    def chat_model(self) -> BaseChatModel:
        """The model itself."""
        return self._chat_model

    async def _ask(self, request: _Request) -> CreateResult:
        return self._result(await request.runnable.ainvoke(request.messages, **request.options), request)

    async def _ask_streaming(self, request: _Request, emit: Callable[[str], None]) -> CreateResult:
        chunks: list[AIMessage] = []
        tagger = ThoughtTagger()
        # LangChain types this as an iterator; it is a generator, which holds the model's request.
        stream = cast("AsyncGenerator[AIMessage, None]", request.runnable.astream(request.messages, **request.options))
        async with aclosing(stream):
            async for chunk in stream:
                chunks.append(chunk)
                text, thought = text_and_reasoning(chunk)
                if shown := tagger.feed(thought, text):
                    emit(shown)
        if closing := tagger.end():
            emit(closing)
        result = self._result(_merged(chunks), request)
        if not tagger.has_text and request.answer is not None and isinstance(result.content, str) and result.content:
            emit(result.content)  # it came as the arguments of a call
        return result

    def count_tokens(self, messages: Sequence[LLMMessage], *, tools: Sequence[Tool | ToolSchema] = []) -> int:
        """Return about how many tokens the messages and tools take up: a quarter of their bytes of UTF-8.

        LangChain's models count by asking their service, or with a table that they fetch; this opens no connection.
        """
        return estimate_tokens(messages, [schema_of(tool) for tool in tools])

    def _request(
        self,
        messages: Sequence[LLMMessage],
        tools: Sequence[Tool | ToolSchema],
        tool_choice: ToolChoice,
        json_output: bool | type[BaseModel] | None,
        extra_create_args: Mapping[str, Any],
    ) -> _Request:
        functions = functions_of(tools)
        choice = langchain_choice(tool_choice, [function["name"] for function in functions])
        if tool_choice == "none":
            functions, choice = [], None
        runnable: Runnable[Any, Any] = self._chat_model
        answer: str | None = None
        if isinstance(json_output, type):
            if functions:
                function = convert_to_openai_tool(json_output)["function"]
                if choice is None:
                    # Without one, the model could answer with text that is not of the schema.
                    functions, choice, answer = functions_of([*functions, function]), "any", function["name"]
                runnable = self._bound(functions, choice)
            else:
                runnable, answer = self._asking_part(json_output), ""
        elif json_output:
            if functions:
                raise ValueError(
                    "LangChain's models take no JSON mode together with tools; pass a pydantic class as json_output"
                )
            runnable = self._json_mode()
        elif functions:
            runnable = self._bound(functions, choice)
        return _Request(runnable, to_langchain(messages), dict(extra_create_args), answer)

    def _bound(self, functions: Sequence[Mapping[str, Any]], choice: str | None) -> Runnable[Any, Any]:
        formatted = [{"type": "function", "function": dict(function)} for function in functions]
        try:
            if choice is None:
                return self._chat_model.bind_tools(formatted)
            return self._chat_model.bind_tools(formatted, tool_choice=choice)
        except NotImplementedError as error:
            raise ValueError(f"{type(self._chat_model).__name__} does not bind tools, so it cannot call any") from error

    def _json_mode(self) -> Runnable[Any, Any]:
        if not self._model_info["json_output"]:
            raise ValueError("Model does not support JSON output. Set model_info['json_output'] if it does.")
        if not _overrides(self._chat_model, "with_structured_output"):
            raise ValueError(
                f"{type(self._chat_model).__name__} has no JSON mode of its own; pass a pydantic class as json_output"
            )
        return self._asking_part(_ANY_JSON, method="json_mode")

    def _asking_part(self, schema: Any, **options: Any) -> Runnable[Any, Any]:
        """Return the model as `with_structured_output` sets it up, without the parser: the hub's results are text."""
        try:
            structured = self._chat_model.with_structured_output(schema, **options)
        except NotImplementedError as error:
            raise ValueError(f"{type(self._chat_model).__name__} has no structured output") from error
        if not isinstance(structured, RunnableSequence):
            raise ValueError(
                f"with_structured_output of {type(self._chat_model).__name__} returns a {type(structured).__name__}, "
                "not the model and a parser"
            )
        return structured.first

    def _result(self, reply: BaseMessage, request: _Request) -> CreateResult:
        if not isinstance(reply, AIMessage):
            raise ValueError(f"the chat model answered with a {type(reply).__name__}, not with an AIMessage")
        result = to_create_result(reply)
        self._count(result.usage)
        if request.answer is not None and not isinstance(result.content, str):
            return _unwrapped(result, result.content, request.answer)
        return result

    def _to_config(self) -> LangChainChatCompletionClientConfig:
        return object_config(self._source, f"the {type(self._chat_model).__name__}", "model")

    @classmethod
    def _from_config(cls, config: LangChainChatCompletionClientConfig) -> Self:
        # LangChain's own class is abstract, which a type checker does not take for a class that is asked for.
        kind: Any = BaseChatModel
        client = cls(
            load_object(config.model, kind, "a LangChain chat model"),
            model_info=config.model_info,
            context_window=config.context_window,
        )
        client._source = config
        return client


def from_chat_model(model: BaseChatModel, **options: Any) -> ChatCompletionClient:
    """Make a model client of the hub from a LangChain chat model.

    A `HubChatModel` without options of its own is the client that it dresses.

    Args:
        model: The model.
        **options: `model_info` and `context_window` of `LangChainChatCompletionClient`.
    """
    if isinstance(model, HubChatModel) and not (options or model.extra_create_args or model.cancellation_token):
        return model.model_client
    return LangChainChatCompletionClient(model, **options)


def _info_of(model: BaseChatModel) -> ModelInfo:
    profile = _profile(model)
    binds = _overrides(model, "bind_tools")
    return ModelInfo(
        vision=bool(profile.get("image_inputs", False)),
        function_calling=bool(profile.get("tool_calling", binds)) and binds,
        # LangChain has no JSON mode that all models share, and no way to ask for one.
        json_output=False,
        family=ModelFamily.UNKNOWN,
        structured_output=binds or _overrides(model, "with_structured_output"),
        multiple_system_messages=True,
    )


def _profile(model: BaseChatModel) -> Mapping[str, Any]:
    return model.profile or {}


def _overrides(model: BaseChatModel, method: str) -> bool:
    return getattr(type(model), method) is not getattr(BaseChatModel, method)


def _merged(chunks: Sequence[AIMessage]) -> AIMessage:
    """Return a stream's pieces as one message."""
    if not chunks:
        raise ValueError("the chat model ended its stream without an answer")
    pieces = [chunk for chunk in chunks if isinstance(chunk, AIMessageChunk)]
    if len(pieces) < len(chunks):
        return chunks[-1]  # a model that does not stream yields its whole message
    return pieces[0] + pieces[1:]


def _unwrapped(result: CreateResult, calls: Sequence[FunctionCall], answer: str) -> CreateResult:
    """Return a result whose content is the structured answer that the model gave as a call.

    Where it calls tools at the same time, those come first, and it will answer again when it has their results.
    """
    others = [call for call in calls if answer and call.name != answer]
    if others:
        return result.model_copy(update={"content": others})
    return result.model_copy(update={"content": calls[0].arguments, "finish_reason": "stop"})
