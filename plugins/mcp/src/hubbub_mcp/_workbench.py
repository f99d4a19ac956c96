"""`McpWorkbench`: an MCP server's tools as a workbench, its prompts and resources beside them."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, cast

from pydantic import BaseModel, Field, field_validator

from hubbub_core import Image
from hubbub_core.tools import (
    ImageResultContent,
    ParametersSchema,
    TextResultContent,
    ToolOverride,
    ToolResult,
    ToolSchema,
    Workbench,
)
from hubbub_registry import Component, require

from ._errors import error_text
from ._params import McpServerParams, SseServerParams, StdioServerParams, StreamableHttpServerParams

if TYPE_CHECKING:
    from mcp import ClientSession, types

    from hubbub_core import CancellationToken

    from ._connection import Connection


class McpWorkbenchConfig(BaseModel):
    """Configuration of an `McpWorkbench`."""

    server_params: McpServerParams
    """How the server is reached."""

    tool_overrides: dict[str, ToolOverride] = Field(default_factory=dict)
    """Other names and descriptions, by the server's names of its tools."""

    host: None = None
    """Reserved by the documented schema for answers to the server's own requests; only null is read."""

    @field_validator("host", mode="before")
    @classmethod
    def _no_host(cls, value: object) -> None:
        if value is not None:
            raise ValueError("a host (sampling, elicitation, roots) is not supported; leave it out")


class McpWorkbenchState(BaseModel):
    """State of an `McpWorkbench`: none of its own, the server keeps what there is."""

    type: Literal["McpWorkBenchState"] = "McpWorkBenchState"


class McpWorkbench(Workbench, Component[McpWorkbenchConfig]):
    """The tools of one MCP server.

    It connects when it is started, or by the first operation. One that lost its server says so on every operation until
    it is started again.

    Args:
        server_params: How the server is reached.
        tool_overrides: Other names and descriptions, by the server's names of its tools. A tool can be called by
            either name.

    Raises:
        ValueError: Two overrides use the same name.
    """

    component_provider_override: ClassVar[str] = "hubbub_mcp.McpWorkbench"
    component_config_schema = McpWorkbenchConfig

    def __init__(
        self,
        server_params: StdioServerParams | SseServerParams | StreamableHttpServerParams,
        tool_overrides: dict[str, ToolOverride] | None = None,
    ) -> None:
        self._server_params = server_params
        self._tool_overrides = tool_overrides or {}
        self._original_names: dict[str, str] = {}
        self._connection: Connection | None = None
        self._connecting = asyncio.Lock()
        for original, override in self._tool_overrides.items():
            if override.name is None or override.name == original:
                continue
            if override.name in self._original_names:
                raise ValueError(
                    f"Tool override name '{override.name}' is used by multiple tools: "
                    f"'{self._original_names[override.name]}' and '{original}'. Override names must be unique."
                )
            self._original_names[override.name] = original

    @property
    def server_params(self) -> StdioServerParams | SseServerParams | StreamableHttpServerParams:
        """How the server is reached."""
        return self._server_params

    @property
    def initialize_result(self) -> types.InitializeResult | None:
        """What the server said of itself when it was started; None before."""
        return self._connection.initialize_result if self._connection is not None else None

    @property
    def is_connected(self) -> bool:
        """Whether the server is there: False before the start and after it was lost."""
        return self._connection is not None and self._connection.is_open

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to stop: never started, or stopped."""
        return self._connection is None

    def overrides(self, name: str) -> bool:
        """Tell whether a name is the server's own of a tool that is shown under another."""
        return name in self._tool_overrides

    async def start(self) -> None:
        """Connect, and wait until the server is ready. A server that was lost is started anew.

        What a launcher writes to standard error meanwhile, such as downloads, is reported as progress
        (`hubbub_core.progress`).

        Raises:
            McpServerError: The server does not start; a RuntimeError that names it and quotes its last output.
        """
        if self.is_connected:
            warnings.warn("McpWorkbench is already started. No need to start again.", UserWarning, stacklevel=2)
            return
        await self._connect()

    async def stop(self) -> None:
        """Disconnect, and end the server's process with all it has started. Calls under way fail.

        Raises:
            RuntimeError: It was not started.
        """
        connection, self._connection = self._connection, None
        if connection is None:
            raise RuntimeError("McpWorkbench is not started. Call start() before stop().")
        if _dead(connection):
            connection.kill()
            return
        await connection.close()

    async def reset(self) -> None:
        """Do nothing: the server keeps its state."""

    async def save_state(self) -> Mapping[str, Any]:
        """Return `{"type": "McpWorkBenchState"}`."""
        return McpWorkbenchState().model_dump()

    async def load_state(self, state: Mapping[str, Any]) -> None:
        """Take what `save_state` returned, which says nothing."""

    async def list_tools(self) -> list[ToolSchema]:
        """Return the schemas of the server's tools, with the overridden names and descriptions.

        Raises:
            McpServerError: The server does not start, or is gone.
            McpRequestError: It refuses.
        """
        from ._compat import wire

        return [self._schema(wire(tool)) for tool in (await self._pages("list_tools", "tools")).tools]

    async def call_tool(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        cancellation_token: CancellationToken | None = None,
        call_id: str | None = None,
    ) -> ToolResult:
        """Call a tool by the server's or the overridden name.

        Returns:
            The result under the name that was asked for. What goes wrong after the start, a lost server included, is a
            result with `is_error`, not an exception (N-340).

        Raises:
            McpServerError: The server does not start.
            asyncio.CancelledError: The token was cancelled.
        """
        from hubbub_core import trace_tool_span

        with trace_tool_span(tool_name=name, tool_call_id=call_id):
            call = asyncio.ensure_future(self._call_tool(name, arguments or {}))
            if cancellation_token is not None:
                cancellation_token.link_future(call)
            # Whoever cancels, the token or our own task, cancels the call and waits for its end.
            return await call

    async def list_prompts(self) -> types.ListPromptsResult:
        """Return the server's prompts, of all pages."""
        result: types.ListPromptsResult = await self._pages("list_prompts", "prompts")
        return result

    async def get_prompt(self, name: str, arguments: dict[str, str] | None = None) -> types.GetPromptResult:
        """Return a prompt filled with arguments."""
        connection = await self._connected()
        return await connection.request("prompts/get", lambda session: session.get_prompt(name, arguments))

    async def list_resources(self) -> types.ListResourcesResult:
        """Return the server's resources, of all pages."""
        result: types.ListResourcesResult = await self._pages("list_resources", "resources")
        return result

    async def list_resource_templates(self) -> types.ListResourceTemplatesResult:
        """Return the templates of the server's resources, of all pages."""
        result: types.ListResourceTemplatesResult = await self._pages("list_resource_templates", "resourceTemplates")
        return result

    async def read_resource(self, uri: str) -> types.ReadResourceResult:
        """Return the contents of a resource."""
        from ._compat import read_resource

        connection = await self._connected()
        return await connection.request("resources/read", lambda session: read_resource(session, uri))

    def _schema(self, tool: dict[str, Any]) -> ToolSchema:
        override = self._tool_overrides.get(tool["name"], ToolOverride())
        given: dict[str, Any] = tool["inputSchema"]
        parameters = {
            "type": "object",
            "properties": given.get("properties", {}),
            "required": given.get("required", []),
            "additionalProperties": given.get("additionalProperties", False),
        }
        if "$defs" in given:
            parameters["$defs"] = given["$defs"]
        description = override.description if override.description is not None else tool.get("description", "")
        return ToolSchema(
            name=override.name or tool["name"],
            description=description,
            parameters=cast("ParametersSchema", parameters),
        )

    async def _call_tool(self, name: str, arguments: Mapping[str, Any]) -> ToolResult:
        from ._compat import call_tool, wire

        connection = await self._connected()
        original = self._original_names.get(name, name)
        try:
            answer = await connection.request(
                f"tools/call of {original!r}", lambda session: call_tool(session, original, arguments)
            )
            result = wire(answer)
            content = [_content(block) for block in result.get("content", [])]
            return ToolResult(name=name, result=content, is_error=result.get("isError", False))
        except Exception as error:
            return ToolResult(name=name, result=[TextResultContent(content=error_text(error))], is_error=True)

    async def _pages(self, method: str, items: str) -> Any:
        """Return the first page of a listing with the items of all pages in it."""
        from ._compat import next_page

        connection = await self._connected()
        first: Any = None
        cursor: str | None = None
        seen: set[str] = set()

        async def ask(session: ClientSession) -> Any:
            return await next_page(getattr(session, method), cursor)

        while True:
            page = await connection.request(_METHODS[method], ask)
            cursor = getattr(page, "nextCursor", None) or getattr(page, "next_cursor", None)
            if first is None:
                first = page
            else:
                _items(first, items).extend(_items(page, items))
            # A server that gives a cursor twice would keep us for ever.
            if cursor is None or cursor in seen:
                return first
            seen.add(cursor)

    async def _connected(self) -> Connection:
        connection = self._connection
        if connection is None or connection.is_starting or _dead(connection):
            return await self._connect()
        return connection

    async def _connect(self) -> Connection:
        from ._connection import Connection

        async with self._connecting:
            old = self._connection
            if old is not None and old.is_open and not _dead(old):
                return old  # started by somebody else while we waited
            if old is not None and _dead(old):
                old.kill()
            elif old is not None:
                await old.close()
            connection = self._connection = Connection(self._server_params)
            try:
                await connection.open()
            except BaseException:
                if self._connection is connection:
                    self._connection = None
                raise
            return connection

    def _to_config(self) -> McpWorkbenchConfig:
        return McpWorkbenchConfig(server_params=self._server_params, tool_overrides=self._tool_overrides)

    @classmethod
    def _from_config(cls, config: McpWorkbenchConfig) -> Self:
        ask_for_process(config.server_params)
        return cls(server_params=config.server_params, tool_overrides=config.tool_overrides)

    def __del__(self) -> None:
        connection: Connection | None = getattr(self, "_connection", None)
        if connection is None or not connection.is_open:
            return
        if connection.loop.is_running():
            connection.loop.call_soon_threadsafe(connection.request_stop)
            return
        connection.kill()
        warnings.warn(
            f"McpWorkbench of `{connection.label}` was collected while running, and its event loop is closed or not "
            "running; its process was killed. Call stop(), or use `async with`.",
            RuntimeWarning,
            stacklevel=2,
        )


_METHODS = {
    "list_tools": "tools/list",
    "list_prompts": "prompts/list",
    "list_resources": "resources/list",
    "list_resource_templates": "resources/templates/list",
}


def ask_for_process(params: StdioServerParams | SseServerParams | StreamableHttpServerParams) -> None:
    """Ask for the grant to start a process when a configuration would start one.

    Raises:
        CapabilityError: It is not granted; a PermissionError.
    """
    if isinstance(params, StdioServerParams):
        require("process", f"MCP server `{params.label()}`")


def _dead(connection: Connection) -> bool:
    """Tell whether the loop that served a connection is gone, which only its process may have survived."""
    return connection.loop is not asyncio.get_running_loop() and not connection.loop.is_running()


def _items(page: Any, name: str) -> list[Any]:
    found: list[Any] = getattr(page, name, None) or getattr(page, "resource_templates", [])
    return found


def _content(block: Mapping[str, Any]) -> TextResultContent | ImageResultContent:
    import json

    if block["type"] == "text":
        return TextResultContent(content=block["text"])
    if block["type"] == "image":
        return ImageResultContent(content=Image.from_base64(block["data"]))
    if block["type"] in ("resource", "resource_link"):
        shown = block["resource"] if block["type"] == "resource" else block
        return TextResultContent(content=json.dumps(shown, ensure_ascii=False))
    raise ValueError(f"the server answered with content of type {block['type']!r}, which a workbench cannot pass on")
