"""Single tools of a server, and the SDK's session."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, cast

import pytest

from hubbub_core import CancellationToken
from hubbub_core.tools import BaseTool
from hubbub_mcp import (
    McpToolError,
    SseServerParams,
    StdioMcpToolAdapter,
    StdioServerParams,
    StreamableHttpServerParams,
    create_mcp_server_session,
    mcp_server_tools,
)
from hubbub_registry import CapabilityError, allow

Serve = Callable[[str], AbstractAsyncContextManager[str]]


async def test_every_tool_of_a_server_becomes_a_tool(complete: StdioServerParams) -> None:
    tools = {tool.name: tool for tool in await mcp_server_tools(complete)}

    result = await tools["add"].run_json({"a": 40, "b": 2}, CancellationToken())

    assert list(tools) == ["add", "count", "environment", "fail", "sleep", "picture", "sound"]
    assert isinstance(tools["add"], StdioMcpToolAdapter)
    assert tools["add"].schema["description"] == "Add two numbers."
    assert json.loads(tools["add"].return_value_as_string(result)) == [{"type": "text", "text": "42"}]
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_arguments_that_were_not_set_are_left_to_the_server(complete: StdioServerParams) -> None:
    add = await StdioMcpToolAdapter.from_server_params(complete, "add")

    result = await add.run_json({"a": 40}, CancellationToken())

    assert result[0].text == "41"


async def test_a_shared_session_keeps_the_servers_state_and_calls_of_their_own_do_not(
    complete: StdioServerParams,
) -> None:
    async with create_mcp_server_session(complete) as session:
        await session.initialize()
        shared = {tool.name: tool for tool in await mcp_server_tools(complete, session=session)}["count"]
        counted = [(await shared.run_json({}, CancellationToken()))[0].text for _ in range(2)]
    alone = await StdioMcpToolAdapter.from_server_params(complete, "count")
    counted_alone = [(await alone.run_json({}, CancellationToken()))[0].text for _ in range(2)]

    assert counted == ["1", "2"]
    assert counted_alone == ["1", "1"]


async def test_a_tool_that_fails_raises_with_its_content(complete: StdioServerParams) -> None:
    fail = await StdioMcpToolAdapter.from_server_params(complete, "fail")

    with pytest.raises(McpToolError, match=r"MCP tool 'fail' failed: \[\{.*no cheese"):
        await fail.run_json({"text": "no cheese"}, CancellationToken())


async def test_a_cancelled_token_cancels_the_run(complete: StdioServerParams) -> None:
    sleep = await StdioMcpToolAdapter.from_server_params(complete, "sleep")
    token = CancellationToken()
    token.cancel()

    with pytest.raises(asyncio.CancelledError):
        await sleep.run_json({"seconds": 600, "marker": "unused"}, token)

    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_an_unknown_tool_lists_those_there_are(complete: StdioServerParams) -> None:
    with pytest.raises(ValueError, match=r"Tool 'sub' not found .* available tools: add, count, "):
        await StdioMcpToolAdapter.from_server_params(complete, "sub")


async def test_parameters_of_no_known_kind_are_refused() -> None:
    with pytest.raises(ValueError, match="Unsupported server params type: str"):
        await mcp_server_tools(cast("Any", "a string"))


async def test_a_tool_loads_from_its_dump_when_processes_are_granted(complete: StdioServerParams) -> None:
    add = await StdioMcpToolAdapter.from_server_params(complete, "add")
    dumped = add.dump_component()

    with pytest.raises(CapabilityError):
        BaseTool.load_component(dumped)
    with allow("process"):
        loaded: BaseTool[Any, Any] = BaseTool.load_component(json.loads(dumped.model_dump_json()))

    assert dumped.provider == "hubbub_mcp.StdioMcpToolAdapter"
    assert set(dumped.config["tool"]) >= {"name", "inputSchema"}
    assert (await loaded.run_json({"a": 1, "b": 1}, CancellationToken()))[0].text == "2"


async def test_a_session_ends_with_its_block_and_leaves_nothing(complete: StdioServerParams) -> None:
    async with create_mcp_server_session(complete) as session:
        result = await session.initialize()

    assert "complete" in result.model_dump_json()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def _fail_within(
    params: StdioServerParams | SseServerParams | StreamableHttpServerParams, error: Exception
) -> None:
    """Raise an error in the block of a session."""
    async with create_mcp_server_session(params) as session:
        await session.initialize()
        raise error


async def test_an_error_in_a_sessions_block_leaves_it_as_itself(complete: StdioServerParams) -> None:
    error = LookupError("not what I wanted")

    with pytest.raises(LookupError) as caught:
        await _fail_within(complete, error)

    assert caught.value is error
    assert caught.value.__context__ is None
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize(
    ("transport", "path", "params"),
    [("sse", "/sse", SseServerParams), ("streamable-http", "/mcp", StreamableHttpServerParams)],
)
async def test_an_error_in_the_block_of_a_session_over_http_leaves_it_as_itself(
    transport: str, path: str, params: type[SseServerParams | StreamableHttpServerParams], serve: Serve
) -> None:
    error = LookupError("not what I wanted")

    async with serve(transport) as url:
        with pytest.raises(LookupError) as caught:
            await _fail_within(params(url=url + path), error)

    assert caught.value is error


async def test_a_group_of_errors_in_a_sessions_block_leaves_it_as_that_group(complete: StdioServerParams) -> None:
    group = ExceptionGroup("both", [LookupError("a"), ValueError("b")])

    with pytest.raises(ExceptionGroup) as caught:
        await _fail_within(complete, group)

    assert caught.value is group


async def test_cancelling_a_task_in_a_sessions_block_ends_it_as_cancelled(complete: StdioServerParams) -> None:
    entered = asyncio.Event()

    async def talk() -> None:
        async with create_mcp_server_session(complete) as session:
            await session.initialize()
            entered.set()
            await asyncio.Event().wait()

    talking = asyncio.create_task(talk())
    await entered.wait()
    talking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await talking

    assert asyncio.all_tasks() == {asyncio.current_task()}
