"""Tools both ways: LangChain tools for the hub's models, the hub's tools for LangChain and LangGraph agents."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self, cast
from uuid import uuid4

from langchain_core.messages import ToolMessage
from langchain_core.messages.tool import ToolOutputMixin
from langchain_core.tools import BaseTool as ForeignTool
from langchain_core.tools import InjectedToolCallId, StructuredTool, ToolException, create_schema_from_function
from langchain_core.tools import Tool as SingleInputTool
from pydantic import BaseModel, Field, PrivateAttr, SkipValidation, create_model
from pydantic_core import to_jsonable_python

from hubbub_core import CancellationToken, trace_tool_span
from hubbub_core.blocking import LoopThread
from hubbub_core.hub.objects import load_object, object_config
from hubbub_core.running import linked
from hubbub_core.tools import BaseTool, ParametersSchema, Tool, ToolSchema
from hubbub_core.utils import schema_to_pydantic_model
from hubbub_registry import Component

from .config import LangChainToolAdapterConfig


class LangChainToolAdapter(BaseTool[BaseModel, Any], Component[LangChainToolAdapterConfig]):
    """A LangChain tool as a tool of the hub (spec: 000 L29212, 004 L6938).

    The arguments are those of the tool's schema, else of its function's signature, without what LangChain injects. The
    tool is called as LangChain calls it, with its callbacks and its own validation; a synchronous one runs in a thread,
    which goes on by itself when the call is cancelled.

    A call returns what the tool returned. Of a tool with artifacts, with an injected call id or that handles its own
    errors, it is the `ToolMessage`, which has the artifact. An error that the tool handled is raised as a
    `ToolException` with the handled text, so that the model reads that text and the result counts as an error.

    Args:
        langchain_tool: The tool. It is not changed.

    Raises:
        AttributeError: It has nothing to call.
        TypeError: It is no LangChain tool.
        ValueError: Its arguments are no pydantic 2 class, or it needs an argument that only LangGraph could inject.
    """

    component_provider_override: ClassVar[str] = "hubbub_langchain.LangChainToolAdapter"
    component_config_schema = LangChainToolAdapterConfig

    def __init__(self, langchain_tool: ForeignTool) -> None:
        _check_callable(langchain_tool)
        self._langchain_tool = langchain_tool
        self._source: LangChainToolAdapterConfig | None = None
        self._parameters: ParametersSchema | None = None
        injected = False
        declared = langchain_tool.args_schema
        if isinstance(declared, dict):
            self._parameters = cast("ParametersSchema", {"type": "object", "properties": {}, **declared})
            arguments = schema_to_pydantic_model(dict(self._parameters), f"{langchain_tool.name}Arguments")
        elif declared is None and isinstance(langchain_tool, SingleInputTool):
            arguments = _single_argument(langchain_tool)
        else:
            whole = _pydantic_2(langchain_tool, langchain_tool.get_input_schema())
            shown = _pydantic_2(langchain_tool, langchain_tool.tool_call_schema)
            missing = [name for name in whole.model_fields if name not in shown.model_fields]
            injected = bool(missing)
            _check_injected(langchain_tool, whole, missing)
            arguments = shown if injected else whole
        self._as_message = (
            injected
            or langchain_tool.response_format == "content_and_artifact"
            or bool(langchain_tool.handle_tool_error)
            or bool(langchain_tool.handle_validation_error)
        )
        super().__init__(arguments, object, langchain_tool.name, langchain_tool.description)

    @property
    def langchain_tool(self) -> ForeignTool:
        """The tool itself."""
        return self._langchain_tool

    @property
    def schema(self) -> ToolSchema:
        """What the model is told; a JSON schema that the tool was given stays as it is."""
        if self._parameters is None:
            return super().schema
        return ToolSchema(name=self.name, description=self.description, parameters=self._parameters)

    async def run_json(
        self, args: Mapping[str, Any], cancellation_token: CancellationToken, call_id: str | None = None
    ) -> Any:
        """Call the tool with the arguments as they are; LangChain tools validate their own.

        Raises:
            pydantic.ValidationError: The arguments do not fit; a `ValueError`.
            ToolException: The tool handled an error of its own; the text is what it made of it.
            Exception: What the tool raised.
            asyncio.CancelledError: The token was cancelled.
        """
        with trace_tool_span(tool_name=self.name, tool_description=self.description, tool_call_id=call_id):
            value = await self._call(dict(args), cancellation_token, call_id)
        self._log_call(args, value)
        return value

    async def run(self, args: BaseModel, cancellation_token: CancellationToken) -> Any:
        """Call the tool with validated arguments; see `run_json`."""
        return await self._call(args.model_dump(by_alias=True, exclude_unset=True), cancellation_token, None)

    def return_value_as_string(self, value: Any) -> str:
        """Return a result as the model shall read it; of a `ToolMessage`, the content.

        Content that is more than text, such as images, becomes JSON.
        """
        return _text(value.content) if isinstance(value, ToolMessage) else super().return_value_as_string(value)

    async def _call(self, arguments: dict[str, Any], token: CancellationToken, call_id: str | None) -> Any:
        call: dict[str, Any] = arguments
        if self._as_message:
            call = {"type": "tool_call", "name": self.name, "args": arguments, "id": call_id or f"call-{uuid4()}"}
        value = await linked(self._langchain_tool.ainvoke(call), token)
        if isinstance(value, ToolMessage):
            if value.status == "error":
                raise ToolException(_text(value.content))
            return value
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, ToolOutputMixin) and not isinstance(item, ToolMessage):
                raise TypeError(
                    f"the LangChain tool {self.name!r} returned a {type(item).__name__}, which only a LangGraph graph "
                    "can apply; adapt the graph that the tool belongs to"
                )
        return value

    def _to_config(self) -> LangChainToolAdapterConfig:
        # The documents' class is not declarative (spec: newer N-494); what came from a file has a name to go by.
        return object_config(self._source, f"the LangChain tool {self.name!r}", "tool")

    @classmethod
    def _from_config(cls, config: LangChainToolAdapterConfig) -> Self:
        # LangChain's own class is abstract, which a type checker does not take for a class that is asked for.
        kind: Any = ForeignTool
        adapter = cls(load_object(config.tool, kind, "a LangChain tool"))
        adapter._source = config
        return adapter


class HubTool(ForeignTool):
    """A tool of the hub as a LangChain tool.

    Its content is the text that a model of the hub would read, its artifact the result as JSON data (None where the
    text says it all, or there is no JSON for it). What the tool raises is raised. Cancelling an asynchronous call
    cancels the tool; a synchronous call runs it in a thread with an event loop of its own.
    """

    hub_tool: SkipValidation[Tool] = Field(exclude=True, repr=False)
    """The tool itself. It validates the arguments."""

    response_format: Literal["content", "content_and_artifact"] = "content_and_artifact"

    _thread: LoopThread = PrivateAttr(default_factory=LoopThread)

    def close(self) -> None:
        """End the thread of synchronous calls."""
        self._thread.close()

    def _to_args_and_kwargs(
        self, tool_input: str | dict[str, Any], tool_call_id: str | None
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        # One positional argument for all: an argument named `config` or `run_manager` would get lost among LangChain's.
        if isinstance(tool_input, str):
            names = list(self.args)
            if len(names) != 1:
                raise ValueError(f"the tool {self.name!r} takes {', '.join(names) or 'nothing'}, not a single text")
            tool_input = {names[0]: tool_input}
        return (dict(tool_input), tool_call_id), {}

    def _run(self, arguments: dict[str, Any], call_id: str | None = None) -> tuple[str, Any]:
        return self._thread.call(self._arun(arguments, call_id))

    async def _arun(self, arguments: dict[str, Any], call_id: str | None = None) -> tuple[str, Any]:
        token = CancellationToken()
        try:
            value = await self.hub_tool.run_json(arguments, token, call_id=call_id)
        except asyncio.CancelledError:
            token.cancel()
            raise
        return self.hub_tool.return_value_as_string(value), _artifact(value)


def from_langchain_tool(tool: ForeignTool) -> Tool:
    """Make a tool of the hub from a LangChain tool; a tool that came from the hub is that tool again."""
    return tool.hub_tool if isinstance(tool, HubTool) else LangChainToolAdapter(tool)


def to_langchain_tool(tool: Tool) -> ForeignTool:
    """Make a LangChain tool from a tool of the hub; a tool that came from LangChain is that tool again."""
    if isinstance(tool, LangChainToolAdapter):
        return tool.langchain_tool
    schema = tool.schema
    parameters: dict[str, Any] = {"type": "object", "properties": {}, **schema.get("parameters", {})}
    return HubTool(
        name=schema["name"], description=schema.get("description", ""), args_schema=parameters, hub_tool=tool
    )


def _check_callable(tool: object) -> None:
    name = getattr(tool, "name", None) or type(tool).__name__
    nothing = f"the LangChain tool {name!r} has neither a callable `func` nor `_run`: there is nothing to call"
    if not isinstance(tool, ForeignTool):
        if not (callable(getattr(tool, "func", None)) or callable(getattr(tool, "_run", None))):
            raise AttributeError(nothing)
        raise TypeError(f"expected a tool of langchain_core, not a {type(tool).__name__}")
    if isinstance(tool, SingleInputTool | StructuredTool) and tool.func is None and tool.coroutine is None:
        raise AttributeError(nothing)


def _pydantic_2(tool: ForeignTool, schema: Any) -> type[BaseModel]:
    if not (isinstance(schema, type) and issubclass(schema, BaseModel)):
        raise ValueError(
            f"Failed to create a valid Pydantic v2 model for {tool.name}: its arguments are {schema!r}; give the tool "
            "an args_schema that inherits pydantic.BaseModel"
        )
    return schema


def _check_injected(tool: ForeignTool, whole: type[BaseModel], names: list[str]) -> None:
    for name in names:
        field = whole.model_fields[name]
        call_id = any(
            isinstance(mark, InjectedToolCallId) or (isinstance(mark, type) and issubclass(mark, InjectedToolCallId))
            for mark in field.metadata
        )
        if field.is_required() and not call_id:
            raise ValueError(
                f"the LangChain tool {tool.name!r} needs the argument {name!r}, which no model gives and only "
                "LangGraph could inject; adapt the graph that the tool belongs to"
            )


def _single_argument(tool: SingleInputTool) -> type[BaseModel]:
    """Return the arguments of a tool of the older kind: one text, named as the function's parameter is."""
    function: Any = tool.func or tool.coroutine
    try:
        own = _pydantic_2(tool, create_schema_from_function(tool.name, function))
        name, annotation = next(
            (name, parameter.annotation)
            for name, parameter in inspect.signature(function).parameters.items()
            if name in own.model_fields and parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
        )
    except (AttributeError, StopIteration, TypeError, ValueError):
        # A built-in, a partial object or `*args`: LangChain calls it `tool_input` then.
        return create_model(f"{tool.name}Arguments", tool_input=(str, ...))
    if annotation is inspect.Parameter.empty or len(own.model_fields) != 1:
        field: dict[str, Any] = {name: (str, ...)}
        return create_model(f"{tool.name}Arguments", **field)
    return own


def _text(content: str | list[Any]) -> str:
    if isinstance(content, str):
        return content
    texts = [part if isinstance(part, str) else part.get("text") for part in content]
    if all(
        isinstance(text, str) and (isinstance(part, str) or part.get("type") == "text")
        for part, text in zip(content, texts, strict=True)
    ):
        return "\n".join(texts)
    return json.dumps(content, ensure_ascii=False, default=str)


def _artifact(value: Any) -> Any:
    # JSON, because LangGraph's checkpointers keep artifacts, and would fail on other objects.
    if isinstance(value, str):
        return None
    try:
        return to_jsonable_python(value)
    except ValueError:  # PydanticSerializationError is one
        return None
