"""The way to a server: two streams for the SDK's session, and word of when the server is gone."""

from __future__ import annotations

import asyncio
import codecs
import logging
import math
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage

from ._compat import Streams, format_message, parse_message, sse_streams, streamable_http_streams
from ._environment import find_command, server_environment
from ._errors import McpServerError
from ._params import SseServerParams, StdioServerParams, StreamableHttpServerParams
from ._process import ServerProcess

_TRACE = logging.getLogger("hubbub_core.trace")

_CHUNK = 1 << 16


@dataclass(slots=True)
class Transport:
    """A connection to a server, before any session."""

    streams: Streams
    lost: asyncio.Future[McpServerError]
    """Done, with the error that calls shall get, once the server can answer no more."""

    spoke: asyncio.Future[None] | None = None
    """Done once a process has written its first output; None when there is no process."""

    process: ServerProcess | None = None


def open_transport(
    params: StdioServerParams | SseServerParams | StreamableHttpServerParams, on_stderr: Callable[[str], None]
) -> AbstractAsyncContextManager[Transport]:
    """Connect to a server; leaving the block disconnects, and ends a process with all it has started.

    Args:
        params: How to reach it.
        on_stderr: Gets every line that a process writes to standard error.
    """
    if isinstance(params, StdioServerParams):
        return _stdio(params, on_stderr)
    if isinstance(params, SseServerParams):
        return _http(params.label(), sse_streams(params))
    return _http(params.label(), streamable_http_streams(params))


@asynccontextmanager
async def _stdio(params: StdioServerParams, on_stderr: Callable[[str], None]) -> AsyncIterator[Transport]:
    label = params.label()

    def log_and_tell(line: str) -> None:
        _TRACE.debug("MCP server `%s`: %s", label, line)
        on_stderr(line)

    process = await _spawn(params, label, log_and_tell)
    # Entered at once: a process exists, and the block below is what ends it.
    try:
        lost: asyncio.Future[McpServerError] = asyncio.get_running_loop().create_future()
        to_session, from_server = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        # Unlimited, so that a session never blocks on a server which does not read; what is in it is bounded by the
        # number of calls under way.
        to_server, from_session = anyio.create_memory_object_stream[SessionMessage](math.inf)
        tasks = [
            asyncio.create_task(_read_output(process, params, to_session)),
            asyncio.create_task(_write_input(process, params, from_session)),
            asyncio.create_task(_watch(process, label, lost, to_session)),
        ]
        try:
            yield Transport((from_server, to_server), lost, spoke=process.spoke, process=process)
        finally:
            for task in tasks:
                task.cancel()
            for stream in (to_session, from_server, to_server, from_session):
                stream.close()
            await _shielded(asyncio.wait(tasks))
    finally:
        await _shielded(process.stop())


async def _spawn(params: StdioServerParams, label: str, on_stderr: Callable[[str], None]) -> ServerProcess:
    environment = server_environment(params.env)
    command = params.command
    if params.cwd is not None and os.path.dirname(command) and not os.path.isabs(command):
        command = os.path.join(params.cwd, command)
    words = find_command(command, environment)
    if words is None:
        raise McpServerError(
            label,
            f"did not start: there is no command {params.command!r} on PATH or beside the running Python; "
            "install it, or give its full path as `command`",
        )
    try:
        return await ServerProcess.spawn([*words, *params.args], env=environment, cwd=params.cwd, on_stderr=on_stderr)
    except (NotADirectoryError, FileNotFoundError) as error:
        # The command exists, so it is the working directory, or the interpreter that a script names.
        raise McpServerError(label, f"did not start in {params.cwd or os.curdir!s}: {error}") from error
    except (OSError, ValueError) as error:
        raise McpServerError(label, f"did not start: {error}") from error


async def _read_output(
    process: ServerProcess,
    params: StdioServerParams,
    to_session: MemoryObjectSendStream[SessionMessage | Exception],
) -> None:
    decoder = codecs.getincrementaldecoder(params.encoding)(params.encoding_error_handler)
    rest = ""
    # The stream to the session stays open at the end of the output: `_watch` closes it, once it is known what happened.
    while chunk := await process.stdout.read(_CHUNK):
        try:
            *lines, rest = (rest + decoder.decode(chunk)).split("\n")
        except UnicodeDecodeError as error:
            _TRACE.debug("MCP server `%s` wrote what is no %s: %s", params.label(), params.encoding, error)
            decoder.reset()
            rest = ""
            continue
        for line in lines:
            if not line.strip():
                continue
            message = parse_message(line)
            if isinstance(message, Exception):
                # Servers that print to their output by mistake still work: the line is noise, not the protocol.
                _TRACE.debug("MCP server `%s` wrote what is no message: %.200s", params.label(), line)
                continue
            await to_session.send(message)


async def _write_input(
    process: ServerProcess, params: StdioServerParams, from_session: MemoryObjectReceiveStream[SessionMessage]
) -> None:
    async for message in from_session:
        data = (format_message(message) + "\n").encode(params.encoding, params.encoding_error_handler)
        try:
            await process.write(data)
        except BrokenPipeError:
            return  # `_watch` tells


async def _watch(
    process: ServerProcess,
    label: str,
    lost: asyncio.Future[McpServerError],
    to_session: MemoryObjectSendStream[SessionMessage | Exception],
) -> None:
    problem = await process.wait_ended()
    lost.set_result(McpServerError(label, problem, exit_status=process.exit_status, stderr=process.stderr))
    to_session.close()


@asynccontextmanager
async def _http(label: str, connection: AbstractAsyncContextManager[Streams]) -> AsyncIterator[Transport]:
    async with connection as (read, write):
        lost: asyncio.Future[McpServerError] = asyncio.get_running_loop().create_future()
        to_session, from_server = anyio.create_memory_object_stream[Any](0)

        async def pass_on() -> None:
            # In between only to see the end: a session does not tell that its connection has closed.
            async for item in read:
                await to_session.send(item)
            lost.set_result(McpServerError(label, "closed the connection"))
            to_session.close()

        task = asyncio.create_task(pass_on())
        try:
            yield Transport((from_server, write), lost)
        finally:
            task.cancel()
            to_session.close()
            from_server.close()
            await _shielded(asyncio.wait([task]))
            # The SDK leaves this to the session, which has ours instead.
            await _shielded(read.aclose())


async def _shielded(cleanup: Awaitable[object]) -> None:
    """Wait for cleanup that is bounded in time, also inside a scope of anyio that was cancelled.

    Such a scope interrupts every wait until it is left, while a task that was cancelled is interrupted only once.
    """
    with anyio.CancelScope(shield=True):
        await cleanup
