"""One tool of a server as a tool of the hub."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar

from mcp import ClientSession
from mcp.types import Tool
from pydantic import BaseModel, field_serializer

from hubbub_core.tools import BaseTool
from hubbub_core.utils import schema_to_pydantic_model
from hubbub_registry import Component, HubbubError

from ._compat import call_tool, next_page, wire
from ._connection import Connection
from ._params import SseServerParams, StdioServerParams, StreamableHttpServerParams
from ._workbench import ask_for_process

if TYPE_CHECKING:
    from hubbub_core import CancellationToken

ServerParamsT = TypeVar("ServerParamsT", StdioServerParams, SseServerParams, StreamableHttpServerParams)


class McpToolError(HubbubError, RuntimeError):
    """A tool answered that it failed; the text holds its content as JSON."""

    def __init__(self, tool: str, content: str) -> None:
        self.tool = tool
        self.content = content
        super().__init__(f"MCP tool {tool!r} failed: {content}")


class McpToolAdapter(BaseTool[BaseModel, Any], Generic[ServerParamsT]):
    """A server's tool. The result of a call is the list of its content blocks.

    Args:
        server_params: How to reach the server.
        tool: What the server says of the tool.
        session: A session that is open already, for all calls; without one, each call has a session of its own.
    """

    def __init__(self, server_params: ServerParamsT, tool: Tool, session: ClientSession | None = None) -> None:
        self._server_params: ServerParamsT = server_params
        self._tool = tool
        self._session = session
        super().__init__(
            args_type=schema_to_pydantic_model(wire(tool)["inputSchema"]),
            return_type=object,
            name=tool.name,
            description=tool.description or "",
        )

    async def run(self, args: BaseModel, cancellation_token: CancellationToken) -> Any:
        """Call the tool with the arguments that were set.

        Raises:
            McpToolError: The tool failed.
            McpServerError: The server does not start, or is gone.
            asyncio.CancelledError: The token was cancelled.
        """
        call = asyncio.ensure_future(self._call(args.model_dump(mode="json", by_alias=True, exclude_unset=True)))
        cancellation_token.link_future(call)
        return await call

    async def _call(self, arguments: dict[str, Any]) -> Any:
        if self._session is not None:
            result = await call_tool(self._session, self.name, arguments)
        else:
            async with _connected(self._server_params) as connection:
                result = await connection.request(
                    f"tools/call of {self.name!r}", lambda session: call_tool(session, self.name, arguments)
                )
        if wire(result).get("isError", False):
            raise McpToolError(self.name, self.return_value_as_string(result.content))
        return result.content

    def return_value_as_string(self, value: Any) -> str:
        """Return the content blocks as a JSON list, in the protocol's names and without nulls."""
        return json.dumps([wire(block) if isinstance(block, BaseModel) else block for block in value])

    @classmethod
    async def from_server_params(cls, server_params: ServerParamsT, tool_name: str) -> Self:
        """Ask a server for one of its tools.

        Raises:
            ValueError: It has no such tool; the text lists those it has.
        """
        tools = await _list_tools(server_params, None)
        for tool in tools:
            if tool.name == tool_name:
                return cls(server_params, tool)
        raise ValueError(
            f"Tool {tool_name!r} not found on MCP server `{server_params.label()}`, "
            f"available tools: {', '.join(tool.name for tool in tools) or 'none'}"
        )


class _AdapterConfig(BaseModel):
    tool: Tool
    """What the server said of the tool, in the protocol's own names."""

    @field_serializer("tool")
    def _wire_form(self, tool: Tool) -> dict[str, Any]:
        # The SDK renamed its fields with major 2; the protocol's names load with either.
        return wire(tool)


class StdioMcpToolAdapterConfig(_AdapterConfig):
    """Configuration of a `StdioMcpToolAdapter`."""

    server_params: StdioServerParams


class SseMcpToolAdapterConfig(_AdapterConfig):
    """Configuration of an `SseMcpToolAdapter`."""

    server_params: SseServerParams


class StreamableHttpMcpToolAdapterConfig(_AdapterConfig):
    """Configuration of a `StreamableHttpMcpToolAdapter`."""

    server_params: StreamableHttpServerParams


class StdioMcpToolAdapter(McpToolAdapter[StdioServerParams], Component[StdioMcpToolAdapterConfig]):
    """A tool of a server that is a child process."""

    component_provider_override: ClassVar[str] = "hubbub_mcp.StdioMcpToolAdapter"
    component_config_schema = StdioMcpToolAdapterConfig

    def _to_config(self) -> StdioMcpToolAdapterConfig:
        return StdioMcpToolAdapterConfig(server_params=self._server_params, tool=self._tool)

    @classmethod
    def _from_config(cls, config: StdioMcpToolAdapterConfig) -> Self:
        ask_for_process(config.server_params)
        return cls(config.server_params, config.tool)


class SseMcpToolAdapter(McpToolAdapter[SseServerParams], Component[SseMcpToolAdapterConfig]):
    """A tool of a server reached with server-sent events."""

    component_provider_override: ClassVar[str] = "hubbub_mcp.SseMcpToolAdapter"
    component_config_schema = SseMcpToolAdapterConfig

    def _to_config(self) -> SseMcpToolAdapterConfig:
        return SseMcpToolAdapterConfig(server_params=self._server_params, tool=self._tool)

    @classmethod
    def _from_config(cls, config: SseMcpToolAdapterConfig) -> Self:
        return cls(config.server_params, config.tool)


class StreamableHttpMcpToolAdapter(
    McpToolAdapter[StreamableHttpServerParams], Component[StreamableHttpMcpToolAdapterConfig]
):
    """A tool of a server reached over streamable HTTP."""

    component_provider_override: ClassVar[str] = "hubbub_mcp.StreamableHttpMcpToolAdapter"
    component_config_schema = StreamableHttpMcpToolAdapterConfig

    def _to_config(self) -> StreamableHttpMcpToolAdapterConfig:
        return StreamableHttpMcpToolAdapterConfig(server_params=self._server_params, tool=self._tool)

    @classmethod
    def _from_config(cls, config: StreamableHttpMcpToolAdapterConfig) -> Self:
        return cls(config.server_params, config.tool)


async def mcp_server_tools(
    server_params: StdioServerParams | SseServerParams | StreamableHttpServerParams,
    session: ClientSession | None = None,
) -> list[StdioMcpToolAdapter | SseMcpToolAdapter | StreamableHttpMcpToolAdapter]:
    """Return every tool of a server as a tool of the hub.

    Args:
        server_params: How to reach it.
        session: A session that is initialised already, used for the listing and for all calls, so that they share the
            server's state. Without one, the listing and each call have a session of their own.

    Raises:
        ValueError: The parameters are of no known kind.
        McpServerError: The server does not start.
    """
    if isinstance(server_params, StdioServerParams):
        return [StdioMcpToolAdapter(server_params, tool, session) for tool in await _list_tools(server_params, session)]
    if isinstance(server_params, SseServerParams):
        return [SseMcpToolAdapter(server_params, tool, session) for tool in await _list_tools(server_params, session)]
    if isinstance(server_params, StreamableHttpServerParams):
        return [
            StreamableHttpMcpToolAdapter(server_params, tool, session)
            for tool in await _list_tools(server_params, session)
        ]
    raise ValueError(f"Unsupported server params type: {type(server_params).__name__}")


async def _list_tools(
    params: StdioServerParams | SseServerParams | StreamableHttpServerParams, session: ClientSession | None
) -> Sequence[Tool]:
    async def all_pages(session: ClientSession) -> list[Tool]:
        tools: list[Tool] = []
        cursors: set[str | None] = set()
        cursor: str | None = None
        while cursor not in cursors:
            cursors.add(cursor)
            page = await next_page(session.list_tools, cursor)
            tools.extend(page.tools)
            cursor = wire(page).get("nextCursor")
        return tools

    if session is not None:
        return await all_pages(session)
    async with _connected(params) as connection:
        return await connection.request("tools/list", all_pages)


@asynccontextmanager
async def _connected(
    params: StdioServerParams | SseServerParams | StreamableHttpServerParams,
) -> AsyncIterator[Connection]:
    connection = Connection(params)
    await connection.open()
    try:
        yield connection
    finally:
        await connection.close()
