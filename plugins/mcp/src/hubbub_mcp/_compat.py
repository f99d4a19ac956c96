"""Every difference between the MCP SDK's majors 1 and 2 that matters here.

Models are read through `wire`, the form in which they travel, because field names changed from camelCase to snake_case
while the protocol's own names did not.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any

import anyio
import mcp
from mcp import ClientSession, types
from mcp.client.sse import sse_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp.shared.message import SessionMessage
from pydantic import BaseModel

if TYPE_CHECKING:
    from ._params import SseServerParams, StreamableHttpServerParams

# The two majors differ in what type checkers see; each name below is looked up in whichever is installed.
_sdk: Any = mcp
_types: Any = types

TWO = hasattr(_types, "jsonrpc_message_adapter")
"""Whether the SDK is of major 2 (or newer)."""

McpError: type[Exception] = _sdk.MCPError if hasattr(_sdk, "MCPError") else _sdk.McpError
"""What a session raises when the server answers with an error."""

CONNECTION_CLOSED = -32000
"""Error code of a session whose connection has ended."""

Streams = tuple[Any, Any]
"""What a session reads from and writes to; the stream classes differ between the majors."""


def parse_message(line: str) -> SessionMessage | Exception:
    """Read one line of the wire; what is no message is returned as the exception, for the session to report."""
    try:
        if TWO:
            return SessionMessage(_types.jsonrpc_message_adapter.validate_json(line, by_name=False))
        return SessionMessage(_types.JSONRPCMessage.model_validate_json(line))
    except ValueError as error:
        return error


def format_message(message: SessionMessage) -> str:
    """Write one message as a line of the wire, without the line's end."""
    if TWO:
        return message.message.model_dump_json(by_alias=True, exclude_unset=True)
    return message.message.model_dump_json(by_alias=True, exclude_none=True)


def wire(model: BaseModel) -> dict[str, Any]:
    """Return a protocol object as it travels: the protocol's own field names, JSON values, no nulls."""
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


def client_session(
    streams: Streams, callbacks: Mapping[str, Callable[..., Awaitable[Any]] | None], timeout: float | None = None
) -> ClientSession:
    """Make a session, not entered and not initialised.

    Args:
        streams: Where it reads and writes.
        callbacks: `sampling_callback`, `elicitation_callback`, `list_roots_callback`, `logging_callback`.
        timeout: Seconds that one request may take; None for no limit.
    """
    limit: Any = timeout if TWO or timeout is None else timedelta(seconds=timeout)
    return ClientSession(streams[0], streams[1], limit, **callbacks)  # type: ignore[arg-type] # checked by name above


async def call_tool(session: ClientSession, name: str, arguments: Mapping[str, Any]) -> types.CallToolResult:
    """Call a tool; when the caller gives up, the server is told to."""
    if TWO:
        return await session.call_tool(name, dict(arguments))
    # Major 1 lets the server go on with a call that nobody waits for. Its request ids count up, and the next one is
    # taken before the first suspension of send_request, so it is known here.
    session_1: Any = session
    request_id = session_1._request_id
    try:
        result: types.CallToolResult = await session_1.call_tool(name, dict(arguments))
    except anyio.get_cancelled_exc_class():
        cancelled = _types.CancelledNotification(
            method="notifications/cancelled",
            params=_types.CancelledNotificationParams(requestId=request_id, reason="cancelled by the caller"),
        )
        with anyio.move_on_after(1, shield=True):
            await session_1.send_notification(_types.ClientNotification(cancelled))
        raise
    return result


async def read_resource(session: ClientSession, uri: str) -> types.ReadResourceResult:
    """Read a resource by its URI."""
    read: Callable[[Any], Awaitable[types.ReadResourceResult]] = session.read_resource
    if TWO:
        return await read(uri)
    from pydantic import AnyUrl

    return await read(AnyUrl(uri))


async def next_page(list_page: Callable[..., Awaitable[Any]], cursor: str | None) -> Any:
    """Ask for one page of a listing."""
    return await list_page(params=types.PaginatedRequestParams(cursor=cursor) if cursor else None)


def sse_streams(params: SseServerParams) -> AbstractAsyncContextManager[Streams]:
    """Connect to a server over server-sent events."""
    connect: Any = sse_client
    connection: AbstractAsyncContextManager[Streams] = connect(
        params.url, headers=params.headers, timeout=params.timeout, sse_read_timeout=params.sse_read_timeout
    )
    return connection


class streamable_http_streams:
    """Connect to a server over streamable HTTP; a context manager that gives the two streams."""

    def __init__(self, params: StreamableHttpServerParams) -> None:
        self._params = params
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Streams:
        from mcp.client import streamable_http

        module: Any = streamable_http
        params = self._params
        async with AsyncExitStack() as stack:
            make_client: Any = create_mcp_http_client
            client = await stack.enter_async_context(
                make_client(headers=params.headers, timeout=_http_timeout(params.timeout, params.sse_read_timeout))
            )
            connection = module.streamable_http_client(
                params.url, http_client=client, terminate_on_close=params.terminate_on_close
            )
            # Major 1 gives a third item, the session id's getter.
            streams = await stack.enter_async_context(connection)
            self._stack = stack.pop_all()
        return streams[0], streams[1]

    async def __aexit__(self, *exc_info: Any) -> bool | None:
        return await self._stack.__aexit__(*exc_info)


def _http_timeout(timeout: float, read: float) -> Any:
    # Major 2 brings httpx2, major 1 httpx.
    http = import_module("httpx2" if TWO else "httpx")
    return http.Timeout(timeout, read=read)
