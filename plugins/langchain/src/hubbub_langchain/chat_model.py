"""The hub's model client dressed as a LangChain chat model."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from inspect import signature
from operator import itemgetter
from typing import Any, Literal, Self, cast

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LangSmithParams, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.output_parsers import JsonOutputParser, PydanticOutputParser
from langchain_core.output_parsers.openai_tools import JsonOutputKeyToolsParser, PydanticToolsParser
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable, RunnableMap, RunnablePassthrough
from langchain_core.tools import BaseTool as ForeignTool
from langchain_core.utils.function_calling import convert_to_json_schema, convert_to_openai_tool
from langchain_core.utils.pydantic import is_basemodel_subclass
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SkipValidation, model_validator

from hubbub_core import CancellationToken
from hubbub_core.blocking import LoopThread
from hubbub_core.models import ChatCompletionClient, CreateResult
from hubbub_core.models.thoughts import ThoughtSplitter
from hubbub_core.tools import Tool
from hubbub_core.utils import schema_to_pydantic_model

from ._reply_chunks import final_chunk, last_chunk, text_chunk
from ._stream_text import StopCutter, cut_at_stop
from ._tool_forms import hub_choice, hub_schema, openai_tool
from .messages import from_create_result, from_langchain

_USAGE = "include_usage"
"""Parameter of clients whose service tells the tokens of a stream only when it is asked to."""

StructuredMethod = Literal["json_schema", "function_calling", "json_mode"]


class HubChatModel(BaseChatModel):
    """Any model client of the hub as a chat model of LangChain.

    Keyword arguments of a call, or bound by `bind`, that the hub's protocol knows (`tools`, `tool_choice`,
    `json_output`, `cancellation_token`) are handed on as such, a `response_format` as LangChain's agents send it as
    `json_output`, all others as `extra_create_args` of the client.
    `stop` is obeyed here, whatever the client's service knows of it: the text ends before the first of the stop
    sequences, and a stream is left there (its tokens are then not counted: the service tells them at the end only).
    The tokens of a stream are asked for where a client tells them on request only (`include_usage`).
    Usage, finish reason, log probabilities and reasoning are where LangChain's own models put them. Cancelling an
    asynchronous call cancels the client's request.

    The synchronous methods run the client in a thread with an event loop of its own, so they work inside a running
    loop too, which they block meanwhile. A client that keeps connections should be used either way, not both, or be
    given the `loop` that it belongs to.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, protected_namespaces=())

    # Left out of dumps and texts: a client may hold a key, and LangChain hands its models' dumps to every tracer.
    model_client: SkipValidation[ChatCompletionClient] = Field(exclude=True, repr=False)
    """The client. Whoever made it closes it."""

    model_name: str = "hubbub"
    """What LangChain shows; the hub's clients have no name in common."""

    source: str = "assistant"
    """Author of earlier replies that have no name."""

    extra_create_args: dict[str, Any] = Field(default_factory=dict)
    """Options of the client for every call, such as `temperature`; those that have no field here come here."""

    stop: list[str] = Field(default_factory=list)
    """Stop sequences of calls that name none."""

    streaming: bool = False
    """Whether `invoke` streams as well, so that callbacks see the pieces."""

    cancellation_token: CancellationToken | None = Field(default=None, exclude=True, repr=False)
    """Cancels every call, a synchronous one included."""

    loop: asyncio.AbstractEventLoop | None = Field(default=None, exclude=True, repr=False)
    """A running event loop that the synchronous methods use, from other threads, in place of one of their own."""

    _thread: LoopThread | None = PrivateAttr(default=None)

    @property
    def _llm_type(self) -> str:
        return "hubbub"

    @property
    def _identifying_params(self) -> Mapping[str, Any]:
        # LangChain's caches take what is the same here for the same model.
        stop = {"stop": self.stop} if self.stop else {}
        return {"model_name": self.model_name, "client": self._client_identity(), **stop, **self.extra_create_args}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(stop=stop or self.stop or None, **{**self.extra_create_args, **kwargs})
        params["ls_provider"] = self._llm_type
        return params

    @model_validator(mode="before")
    @classmethod
    def _take_options(cls, values: Any) -> Any:
        """Hand options of the service to the client, as LangChain's models take them: `temperature=0`."""
        if not isinstance(values, dict):
            return values
        fields = {name: value for name, value in values.items() if name in cls.model_fields}
        options = {name: value for name, value in values.items() if name not in fields}
        if options:
            fields["extra_create_args"] = {**fields.get("extra_create_args", {}), **options}
        return fields

    @model_validator(mode="after")
    def _tell_profile(self) -> Self:
        """Say in LangChain's words what the client says it can do."""
        if self.profile is None:
            info = self.model_client.model_info
            self.profile = {
                "image_inputs": bool(info["vision"]),
                "tool_calling": bool(info["function_calling"]),
                "structured_output": bool(info.get("structured_output", False)),
            }
        return self

    def close(self) -> None:
        """End the thread of the synchronous methods. The client stays open."""
        if self._thread is not None:
            self._thread.close()

    def bind_tools(
        self,
        tools: Sequence[Mapping[str, Any] | type | Callable[..., Any] | ForeignTool | Tool],
        *,
        tool_choice: str | bool | Mapping[str, Any] | Tool | None = None,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Return the model with tools.

        Args:
            tools: Tools of LangChain or the hub, functions, pydantic classes, `TypedDict`s, or schemas.
            tool_choice: `"auto"`, `"none"`, `"any"`, `"required"` or True for any tool, the name of the one that has to
                be called, or that name in the form of OpenAI.
            strict: Whether the model has to keep to the schemas exactly; a tool of the hub says so itself.
            **kwargs: Further arguments of every call.

        Raises:
            ValueError: A tool is one of a vendor's own, or `tool_choice` names none of the tools.
        """
        formatted = [openai_tool(tool, strict) for tool in tools]
        if tool_choice is not None:
            kwargs["tool_choice"] = tool_choice
            hub_choice(tool_choice, [hub_schema(tool) for tool in formatted])
        return self.bind(tools=formatted, **kwargs)

    def with_structured_output(
        self,
        schema: dict[str, Any] | type,
        *,
        method: StructuredMethod | None = None,
        include_raw: bool = False,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, dict[str, Any] | BaseModel]:
        """Return the model with output of a schema.

        Args:
            schema: A pydantic class, whose objects come out; or a `TypedDict` or JSON schema, for dicts.
            method: `"json_schema"` is the client's structured output, `"function_calling"` a tool that has to be
                called, `"json_mode"` any JSON, which the prompt has to describe. None takes the first of these that
                the client can do.
            include_raw: Return `{"raw": AIMessage, "parsed": ..., "parsing_error": ...}`.
            strict: Whether a tool's schema has to be kept exactly; structured output always is.
            **kwargs: Further arguments of every call.

        Raises:
            ValueError: The client can do none of these, or the method is not known.
        """
        chosen = method or self._structured_method()
        if chosen not in ("json_schema", "function_calling", "json_mode"):
            raise ValueError(f"method is 'json_schema', 'function_calling' or 'json_mode', not {chosen!r}")
        traced = {"kwargs": {"method": chosen}, "schema": schema}
        # Classes of pydantic 1, which LangChain still takes, count here.
        is_class = isinstance(schema, type) and is_basemodel_subclass(schema)
        parser: Any
        if chosen == "function_calling":
            if is_class:
                parser = PydanticToolsParser(tools=[cast("type[BaseModel]", schema)], first_tool_only=True)
            else:
                name = convert_to_openai_tool(schema)["function"]["name"]
                parser = JsonOutputKeyToolsParser(key_name=name, first_tool_only=True)
            called = self.bind_tools(
                [schema], tool_choice="any", strict=strict, ls_structured_output_format=traced, **kwargs
            )
            return _parsed(called, parser, include_raw)
        parser = (
            PydanticOutputParser(pydantic_object=cast("type[BaseModel]", schema)) if is_class else JsonOutputParser()
        )
        json_output = _class_of(schema) if chosen == "json_schema" else True
        llm = self.bind(json_output=json_output, ls_structured_output_format=traced, **kwargs)
        return _parsed(llm, parser, include_raw)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return self._caller().call(self._agenerate(messages, stop, None, **kwargs))

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        stop = stop or self.stop
        result = await self.model_client.create(from_langchain(messages, source=self.source), **self._arguments(kwargs))
        if stop and isinstance(result.content, str):
            text = cut_at_stop(result.content, stop)
            if text != result.content:
                result = result.model_copy(update={"content": text, "finish_reason": "stop"})
        message = from_create_result(result)
        message.response_metadata["model_name"] = self._name_of(kwargs)
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        yield from self._caller().iterate(self._chunks(messages, stop, kwargs))

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        async with aclosing(self._chunks(messages, stop, kwargs)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def _chunks(
        self, messages: list[BaseMessage], stop: list[str] | None, options: Mapping[str, Any]
    ) -> AsyncGenerator[ChatGenerationChunk, None]:
        stop, name = stop or self.stop, self._name_of(options)
        splitter, cutter = ThoughtSplitter(), StopCutter(stop)
        shown: set[str] = set()
        arguments = self._arguments(options)
        create_stream: Any = self.model_client.create_stream
        if "stream_options" not in arguments["extra_create_args"] and _USAGE in signature(create_stream).parameters:
            # What LangChain's own models do: a graph always streams, and its tokens would count as none.
            arguments[_USAGE] = arguments["extra_create_args"].pop(_USAGE, True)
        stream: AsyncGenerator[str | CreateResult, None] = create_stream(
            from_langchain(messages, source=self.source), **arguments
        )
        async with aclosing(stream):
            async for piece in stream:
                last = piece if isinstance(piece, CreateResult) else None
                for kind, text in splitter.feed(piece) if isinstance(piece, str) else splitter.end():
                    if kind == "text":
                        text = cutter.feed(text)
                    if text:
                        shown.add(kind)
                        yield text_chunk(text, kind)
                    if cutter.stopped:
                        yield final_chunk(AIMessageChunk(content=""), {"finish_reason": "stop", "model_name": name})
                        return
                if last is not None:
                    rest = cutter.end()
                    if rest:
                        shown.add("text")
                        yield text_chunk(rest, "text")
                    yield last_chunk(last, shown, stop, name)

    def _name_of(self, options: Mapping[str, Any]) -> str:
        """Return the name of the model of one call, which may ask for another one of the same service."""
        model = {**self.extra_create_args, **options}.get("model")
        return model if isinstance(model, str) else self.model_name

    def _arguments(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return keyword arguments of the client's methods."""
        extra = {**self.extra_create_args, **options}
        arguments: dict[str, Any] = {}
        schemas = [hub_schema(openai_tool(tool, None)) for tool in extra.pop("tools", None) or ()]
        if schemas:
            arguments["tools"] = schemas
        choice = extra.pop("tool_choice", None)
        if choice is not None:
            arguments["tool_choice"] = hub_choice(choice, schemas)
        token = extra.pop("cancellation_token", None) or self.cancellation_token
        if token is not None:
            arguments["cancellation_token"] = token
        json_output = extra.pop("json_output", None)
        if json_output is None:
            json_output = _wanted_json(extra.pop("response_format", None))
        if json_output is not None:
            arguments["json_output"] = json_output
        # Switches and notes of LangChain itself.
        for name in ("stream", "ls_structured_output_format"):
            extra.pop(name, None)
        arguments["extra_create_args"] = extra
        return arguments

    def _structured_method(self) -> StructuredMethod:
        info = self.model_client.model_info
        if info.get("structured_output", False):
            return "json_schema"
        if info["function_calling"]:
            return "function_calling"
        if info["json_output"]:
            return "json_mode"
        raise ValueError(
            f"the client {type(self.model_client).__name__} can neither structured output, nor tools, nor JSON; if its "
            "model can, say so in its model_info"
        )

    def _caller(self) -> LoopThread:
        if self._thread is None:
            self._thread = LoopThread(self.loop)
        return self._thread

    def _client_identity(self) -> str:
        client = self.model_client
        try:
            identity = client.dump_component().model_dump_json()
        except (AttributeError, NotImplementedError, TypeError, ValueError):
            identity = str(id(client))  # nothing but the object itself says which model it is
        return f"{type(client).__name__}:{hashlib.sha256(identity.encode()).hexdigest()[:16]}"


def from_model_client(client: ChatCompletionClient, **options: Any) -> BaseChatModel:
    """Dress a model client of the hub as a LangChain chat model.

    A client that is a LangChain model itself is that model again, unless options are given.

    Args:
        client: The client; whoever made it closes it.
        **options: Other fields of `HubChatModel`, such as `extra_create_args`.
    """
    from .model_client import LangChainChatCompletionClient

    if isinstance(client, LangChainChatCompletionClient) and not options:
        return client.chat_model
    return HubChatModel(model_client=client, **options)


def _wanted_json(response_format: Any) -> bool | type[BaseModel] | None:
    """Read the form in which LangChain's agents ask for structured output, which is that of OpenAI."""
    match response_format:
        case None | {"type": "text"}:
            return None
        case {"type": "json_object"}:
            return True
        case {"type": "json_schema", "json_schema": {"schema": dict(schema), **named}}:
            return _class_of({"title": named.get("name", "Answer"), **schema})
        case type() if issubclass(response_format, BaseModel):
            return response_format
    raise ValueError(f"response_format {response_format!r} is in no form that LangChain's agents use")


def _class_of(schema: dict[str, Any] | type) -> type[BaseModel]:
    """Return the class that the hub's clients take for a schema: itself, or one made of it."""
    if isinstance(schema, type) and issubclass(schema, BaseModel):
        return schema
    described = convert_to_json_schema(schema)
    return schema_to_pydantic_model(described, str(described.get("title", "Answer")))


def _parsed(llm: Runnable[Any, Any], parser: Any, include_raw: bool) -> Runnable[Any, Any]:
    # As LangChain's base class does it: an answer that cannot be parsed is told, not raised.
    parse = RunnablePassthrough.assign(parsed=itemgetter("raw") | parser, parsing_error=lambda _: None)
    nothing = RunnablePassthrough.assign(parsed=lambda _: None)
    told = parse.with_fallbacks([nothing], exception_key="parsing_error")
    structured: Runnable[Any, Any] = RunnableMap(raw=llm) | told if include_raw else llm | parser
    return structured
