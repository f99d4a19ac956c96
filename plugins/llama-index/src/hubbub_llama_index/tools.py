"""Tools both ways: LlamaIndex tools for the hub's models, the hub's tools for LlamaIndex agents."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

from pydantic import BaseModel, ConfigDict, create_model

from hubbub_core import CancellationToken
from hubbub_core.hub.objects import load_object
from hubbub_core.hub.source import SourceError
from hubbub_core.tools import BaseTool, ParametersSchema, Tool, ToolSchema, Workbench
from hubbub_registry import Component

from .config import LlamaIndexToolConfig

if TYPE_CHECKING:
    from llama_index.core.tools import BaseTool as ForeignTool
    from llama_index.core.tools import ToolOutput


class LlamaIndexTool(BaseTool[BaseModel, Any], Component[LlamaIndexToolConfig]):
    """A LlamaIndex tool as a tool of the hub.

    Args:
        tool: The tool. One that is synchronous underneath runs in a thread.

    Raises:
        ValueError: The tool has no name.
    """

    component_provider_override: ClassVar[str] = "hubbub_llama_index.LlamaIndexTool"
    component_config_schema = LlamaIndexToolConfig

    tool: ForeignTool
    """The LlamaIndex tool itself."""

    def __init__(self, tool: ForeignTool) -> None:
        from llama_index.core.tools import adapt_to_async_tool

        about = tool.metadata
        name = about.to_openai_tool(skip_length_check=True)["function"]["name"]
        if not name:
            raise ValueError(f"a {type(tool).__name__} without a name cannot be called by a model; name it")
        super().__init__(about.fn_schema or _one_input(), object, name, about.description)
        self.tool = tool
        self._tool = adapt_to_async_tool(tool)
        self._source: LlamaIndexToolConfig | None = None

    @property
    def schema(self) -> ToolSchema:
        """What the model is told, as LlamaIndex writes it."""
        function = self._tool.metadata.to_openai_tool(skip_length_check=True)["function"]
        parameters: dict[str, Any] = {"type": "object", "properties": {}, **function["parameters"]}
        return ToolSchema(
            name=function["name"],
            description=function["description"],
            parameters=cast("ParametersSchema", parameters),
        )

    async def run_json(
        self, args: Mapping[str, Any], cancellation_token: CancellationToken, call_id: str | None = None
    ) -> Any:
        """Call the tool with the arguments as they are; LlamaIndex tools validate their own.

        Returns:
            The tool's `ToolOutput`.

        Raises:
            Exception: What the tool raised, or reported as its error.
        """
        output: ToolOutput = await cancellation_token.link_future(asyncio.ensure_future(self._tool.acall(**args)))
        if output.is_error:
            raise output.exception or RuntimeError(output.content)
        return output

    async def run(self, args: BaseModel, cancellation_token: CancellationToken) -> Any:
        return await self.run_json(args.model_dump(), cancellation_token)

    def return_value_as_string(self, value: Any) -> str:
        """Return the text of a `ToolOutput`.

        Raises:
            ValueError: It holds something else than text, which no model of the hub would see.
        """
        for block in getattr(value, "blocks", ()):
            if block.block_type != "text":
                raise ValueError(
                    f"tool {self.name!r} answered with a block of type {type(block).__name__}; "
                    "tools of the hub answer with text"
                )
        return str(value)

    def _to_config(self) -> LlamaIndexToolConfig:
        if self._source is None:
            raise NotImplementedError(
                f"This component does not support dumping to config: the LlamaIndex tool {self.name!r} was passed as "
                "an object; load it from `tool: FILE.py:ATTRIBUTE` to dump it"
            )
        return self._source

    @classmethod
    def _from_config(cls, config: LlamaIndexToolConfig) -> Self:
        from llama_index.core.tools import BaseTool as ForeignTool

        # LlamaIndex's own class is abstract, which a type checker does not take for a class that is asked for.
        kind: Any = ForeignTool
        found: Any = load_object(config.tool, kind, "a LlamaIndex tool")
        try:
            tool = cls(_without_context(found))
        except ValueError as error:
            raise SourceError(config.tool, str(error)) from error
        tool._source = config
        return tool


def from_llama_index_tool(tool: ForeignTool) -> LlamaIndexTool:
    """Make a tool of the hub from a LlamaIndex tool.

    Raises:
        ValueError: It has no name, or takes a workflow's `Context`, which only LlamaIndex's own agents have.
    """
    return LlamaIndexTool(_without_context(tool))


def to_llama_index_tool(tool: Tool) -> ForeignTool:
    """Make a LlamaIndex tool from a tool of the hub.

    Cancelling the LlamaIndex run cancels the tool. What the tool raises is reported to the model by LlamaIndex's
    agents, as they do with every tool. A `LlamaIndexTool` is the tool that it wraps.
    """
    if isinstance(tool, LlamaIndexTool):
        return tool.tool

    async def call(arguments: dict[str, Any], token: CancellationToken) -> str:
        return tool.return_value_as_string(await tool.run_json(arguments, token))

    return foreign_tool(tool.schema, call, _typed_arguments(tool))


async def foreign_tools(tools: Iterable[Tool | Workbench]) -> list[ForeignTool]:
    """Return tools of the hub, and those of workbenches that run, as tools of LlamaIndex."""
    found: list[ForeignTool] = []
    for tool in tools:
        if isinstance(tool, Workbench):
            found += [_workbench_tool(tool, schema) for schema in await tool.list_tools()]
        else:
            found.append(to_llama_index_tool(tool))
    return found


def _workbench_tool(workbench: Workbench, schema: ToolSchema) -> ForeignTool:
    async def call(arguments: dict[str, Any], token: CancellationToken) -> str:
        result = await workbench.call_tool(schema["name"], arguments, cancellation_token=token)
        if result.is_error:
            # LlamaIndex tells the model of an exception as the tool's error.
            raise RuntimeError(result.to_text())
        return result.to_text()

    return foreign_tool(schema, call)


def foreign_tool(
    schema: ToolSchema,
    call: Callable[[dict[str, Any], CancellationToken], Awaitable[str]],
    arguments_class: type[BaseModel] | None = None,
) -> ForeignTool:
    """Make a LlamaIndex tool from a schema and what a call does; its token is cancelled with the call."""
    from llama_index.core.tools import FunctionTool, ToolMetadata

    async def run(**arguments: Any) -> str:
        token = CancellationToken()
        try:
            return await call(arguments, token)
        except asyncio.CancelledError:
            token.cancel()
            raise

    metadata = ToolMetadata(
        description=schema.get("description", ""),
        name=schema["name"],
        fn_schema=arguments_class or _schema_class(schema),
    )
    return FunctionTool(async_fn=run, metadata=metadata)


def schema_tool(schema: ToolSchema, arguments_class: type[BaseModel] | None = None) -> ForeignTool:
    """Make a LlamaIndex tool that shows a model what it may call, and calls nothing itself."""

    async def call(arguments: dict[str, Any], token: CancellationToken) -> str:
        raise RuntimeError(f"{schema['name']} is a description of a tool; whoever gave it to the model calls it")

    return foreign_tool(schema, call, arguments_class)


def _without_context(tool: ForeignTool) -> ForeignTool:
    if getattr(tool, "requires_context", False):
        raise ValueError(
            f"tool {tool.metadata.name!r} takes a workflow's Context, which only agents of LlamaIndex have; "
            "adapt the agent, or a tool without that parameter"
        )
    return tool


def _typed_arguments(tool: Tool) -> type[BaseModel] | None:
    """Return the class of a tool's arguments if it says what the schema says."""
    try:
        own = tool.args_type()
    except NotImplementedError:
        return None
    parameters: Mapping[str, Any] = tool.schema.get("parameters", {"type": "object", "properties": {}})
    return own if set(own.model_fields) == set(parameters["properties"]) else None


def _schema_class(schema: ToolSchema) -> type[BaseModel]:
    """Return a class that takes any arguments and shows this schema, which must reach the model unchanged."""
    shown = {"type": "object", "properties": {}, **cast("dict[str, Any]", schema.get("parameters", {}))}
    config = ConfigDict(extra="allow", json_schema_extra=lambda made: made.update(shown))
    return create_model(f"{schema['name']}Arguments", __config__=config)


def _one_input() -> type[BaseModel]:
    from llama_index.core.tools.types import DefaultToolFnSchema

    return DefaultToolFnSchema
