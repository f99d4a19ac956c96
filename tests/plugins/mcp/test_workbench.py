"""`McpWorkbench`: tools, prompts and resources of a real server, and the life of the connection."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from hubbub_core import CancellationToken
from hubbub_core.tools import ImageResultContent, TextResultContent, ToolOverride, Workbench
from hubbub_mcp import (
    McpRequestError,
    McpServerError,
    McpWorkbench,
    SseServerParams,
    StdioServerParams,
    StreamableHttpServerParams,
)
from hubbub_registry import CapabilityError, allow

Odd = Callable[..., StdioServerParams]
Serve = Callable[[str], AbstractAsyncContextManager[str]]


async def test_tools_are_listed_with_closed_schemas(complete: StdioServerParams) -> None:
    async with McpWorkbench(complete) as workbench:
        tools = {tool["name"]: tool for tool in await workbench.list_tools()}

    assert list(tools) == ["add", "count", "environment", "fail", "sleep", "picture", "sound"]
    assert tools["add"]["description"] == "Add two numbers."
    parameters = dict(tools["add"]["parameters"])
    assert set(parameters.pop("properties")) == {"a", "b"}  # type: ignore[call-overload] # a TypedDict read as a dict
    assert parameters == {"type": "object", "required": ["a"], "additionalProperties": False}


async def test_missing_parts_of_a_schema_default_to_empty_and_definitions_are_kept(odd: Odd) -> None:
    async with McpWorkbench(odd("plain")) as workbench:
        [tool] = await workbench.list_tools()

    assert tool == {
        "name": "act",
        "description": "",
        "parameters": {
            "type": "object",
            "properties": {"n": {"$ref": "#/$defs/N"}},
            "required": [],
            "additionalProperties": False,
            "$defs": {"N": {"type": "integer"}},
        },
    }


async def test_every_page_of_a_listing_is_read(odd: Odd) -> None:
    async with McpWorkbench(odd("pages")) as workbench:
        assert [tool["name"] for tool in await workbench.list_tools()] == ["tool_0", "tool_1", "tool_2"]


async def test_the_first_operation_connects_and_the_calls_share_one_process(complete: StdioServerParams) -> None:
    workbench = McpWorkbench(complete)
    before = workbench.initialize_result

    counts = await asyncio.gather(*(workbench.call_tool("count") for _ in range(3)))

    assert sorted(result.to_text() for result in counts) == ["1", "2", "3"]
    assert before is None
    assert "complete" in str(workbench.initialize_result)
    await workbench.stop()


async def test_content_becomes_text_and_images(complete: StdioServerParams) -> None:
    async with McpWorkbench(complete) as workbench:
        result = await workbench.call_tool("picture")

    text, image, embedded = result.result
    assert text == TextResultContent(content="see:")
    assert isinstance(image, ImageResultContent)
    assert image.content.image.size == (1, 1)
    assert isinstance(embedded, TextResultContent)
    assert json.loads(embedded.content) == {"uri": "note://embedded", "text": "inside", "mimeType": "text/plain"}


async def test_content_that_cannot_be_passed_on_is_an_error_result(complete: StdioServerParams) -> None:
    async with McpWorkbench(complete) as workbench:
        result = await workbench.call_tool("sound")

    assert (result.name, result.is_error) == ("sound", True)
    assert "content of type 'audio'" in result.to_text()


async def test_what_the_server_refuses_is_an_error_result_with_its_text(complete: StdioServerParams) -> None:
    async with McpWorkbench(complete) as workbench:
        failed = await workbench.call_tool("fail", {"text": "no cheese"})
        unknown = await workbench.call_tool("nope")
        alive = await workbench.call_tool("add", {"a": 1})

    assert failed.is_error
    assert "no cheese" in failed.to_text()
    assert unknown.is_error
    assert "nope" in unknown.to_text()
    assert (alive.is_error, alive.to_text()) == (False, "2")


async def test_an_override_renames_a_tool_and_both_names_call_it(complete: StdioServerParams) -> None:
    overrides = {"add": ToolOverride(name="plus", description="Sum."), "absent": ToolOverride(name="other")}
    async with McpWorkbench(complete, overrides) as workbench:
        tools = {tool["name"]: tool["description"] for tool in await workbench.list_tools()}
        results = [await workbench.call_tool(name, {"a": 2, "b": 3}) for name in ("plus", "add")]

    assert tools["plus"] == "Sum."
    assert "add" not in tools
    assert [(result.name, result.to_text()) for result in results] == [("plus", "5"), ("add", "5")]


def test_two_overrides_with_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="'x' is used by multiple tools: 'a' and 'b'"):
        McpWorkbench(StdioServerParams(command="x"), {"a": ToolOverride(name="x"), "b": ToolOverride(name="x")})


async def test_prompts_and_resources_come_as_the_protocols_own_results(complete: StdioServerParams) -> None:
    async with McpWorkbench(complete) as workbench:
        prompts = await workbench.list_prompts()
        prompt = await workbench.get_prompt("greeting", {"name": "Ada"})
        resources = await workbench.list_resources()
        templates = await workbench.list_resource_templates()
        note = await workbench.read_resource("note://by/Ada")

    assert [item.name for item in prompts.prompts] == ["greeting"]
    assert getattr(prompt.messages[0].content, "text", None) == "Say hello to Ada."
    assert [str(item.uri) for item in resources.resources] == ["note://first"]
    assert "note://by/{author}" in templates.model_dump_json(by_alias=True)
    assert getattr(note.contents[0], "text", None) == "a note by Ada"


async def test_a_refused_listing_names_server_and_request(odd: Odd) -> None:
    async with McpWorkbench(odd("plain")) as workbench:
        with pytest.raises(McpRequestError, match="refused prompts/list: no prompts here") as caught:
            await workbench.list_prompts()

    assert caught.value.code == -32601


async def test_a_cancelled_token_cancels_the_call_and_tells_the_server(
    complete: StdioServerParams, tmp_path: Path, wait_until: Any
) -> None:
    marker = tmp_path / "marker"
    token = CancellationToken()
    async with McpWorkbench(complete) as workbench:
        call = asyncio.create_task(workbench.call_tool("sleep", {"seconds": 600, "marker": str(marker)}, token))
        # Answered by the same process, so the call before it has arrived.
        await workbench.call_tool("count")

        token.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

        await wait_until(marker.exists)
        assert (await workbench.call_tool("add", {"a": 1})).to_text() == "2"


async def test_starting_twice_warns_and_stopping_twice_is_an_error(odd: Odd) -> None:
    workbench = McpWorkbench(odd("plain"))
    await workbench.start()

    with pytest.warns(UserWarning, match="already started"):
        await workbench.start()

    await workbench.stop()
    with pytest.raises(RuntimeError, match="not started"):
        await workbench.stop()


async def test_a_stopped_workbench_starts_anew(complete: StdioServerParams) -> None:
    workbench = McpWorkbench(complete)
    async with workbench:
        await workbench.call_tool("count")

    async with workbench:
        assert (await workbench.call_tool("count")).to_text() == "1"


async def test_reset_and_state_keep_nothing(odd: Odd) -> None:
    workbench = McpWorkbench(odd("plain"))

    await workbench.reset()
    state = await workbench.save_state()
    await workbench.load_state(state)

    assert state == {"type": "McpWorkBenchState"}


async def test_a_collected_workbench_stops_its_server(
    odd: Odd, tmp_path: Path, running: Callable[[int], bool], wait_until: Any
) -> None:
    workbench = McpWorkbench(odd("child", str(tmp_path / "pids")))
    await workbench.start()
    await wait_until((tmp_path / "pids").exists)
    pids = [int(word) for word in (tmp_path / "pids").read_text().split()]

    del workbench
    gc.collect()

    await wait_until(lambda: not any(running(pid) for pid in pids))
    await wait_until(lambda: asyncio.all_tasks() == {asyncio.current_task()})


def test_a_workbench_collected_after_its_loop_warns_and_leaves_no_process(
    odd: Odd, tmp_path: Path, running: Callable[[int], bool]
) -> None:
    loop = asyncio.new_event_loop()
    workbench = McpWorkbench(odd("child", str(tmp_path / "pids")))
    loop.run_until_complete(workbench.start())
    pids = [int(word) for word in (tmp_path / "pids").read_text().split()]

    held = [workbench]
    del workbench

    with pytest.warns(RuntimeWarning, match="loop is closed or not running"):
        held.clear()

    # The loop reaps the process and ends what waited for it.
    loop.run_until_complete(_other_tasks())
    assert [pid for pid in pids if running(pid)] == []
    loop.close()


async def _other_tasks() -> None:
    async with asyncio.timeout(20):
        await asyncio.wait(asyncio.all_tasks() - {asyncio.current_task()})


@pytest.mark.parametrize(
    ("transport", "path", "params"),
    [("sse", "/sse", SseServerParams), ("streamable-http", "/mcp", StreamableHttpServerParams)],
)
async def test_a_server_is_reached_over_http(
    transport: str, path: str, params: type[SseServerParams | StreamableHttpServerParams], serve: Serve
) -> None:
    async with serve(transport) as url:
        workbench = McpWorkbench(params(url=url + path, headers={"x-test": "1"}))
        async with workbench:
            result = await workbench.call_tool("add", {"a": 20, "b": 22})

    assert (result.is_error, result.to_text()) == (False, "42")
    assert asyncio.all_tasks() == {asyncio.current_task()}


# Before 1.30 the SDK leaves the streams of a connection that failed to the garbage collector.
_SDK_LEAKS = int(version("mcp").split(".")[0]) < 2 and int(version("mcp").split(".")[1]) < 30


@pytest.mark.filterwarnings(
    *["ignore:.*MemoryObjectReceiveStream.__del__:pytest.PytestUnraisableExceptionWarning"] * _SDK_LEAKS
)
@pytest.mark.parametrize("params", [SseServerParams, StreamableHttpServerParams])
async def test_an_unreachable_server_is_one_error_that_names_it(
    params: type[SseServerParams | StreamableHttpServerParams],
) -> None:
    workbench = McpWorkbench(params(url="http://user:secret@127.0.0.1:9/mcp?key=secret"))

    with pytest.raises(McpServerError, match=r"^MCP server `http://127\.0\.0\.1:9/mcp` did not start: ") as caught:
        await workbench.start()

    assert "secret" not in str(caught.value)
    del caught
    gc.collect()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_an_http_server_that_goes_away_fails_the_next_call(serve: Serve) -> None:
    async with serve("sse") as url:
        workbench = McpWorkbench(SseServerParams(url=url + "/sse"))
        await workbench.start()

    async with asyncio.timeout(10):
        result = await workbench.call_tool("count")

    assert result.is_error
    await workbench.stop()


def test_a_workbench_loads_from_its_dump_when_processes_are_granted(complete: StdioServerParams) -> None:
    dumped = McpWorkbench(complete, {"add": ToolOverride(name="plus")}).dump_component()

    with allow("process"):
        loaded = Workbench.load_component(dumped)

    assert dumped.provider == "hubbub_mcp.McpWorkbench"
    assert isinstance(loaded, McpWorkbench)
    assert loaded.server_params == complete
    assert loaded.dump_component() == dumped


def test_loading_a_server_process_needs_a_grant_and_one_over_http_does_not() -> None:
    stdio = McpWorkbench(StdioServerParams(command="some-server")).dump_component()
    http = McpWorkbench(StreamableHttpServerParams(url="http://localhost/mcp")).dump_component()

    with pytest.raises(CapabilityError, match=r"process.*some-server|some-server.*process"):
        Workbench.load_component(stdio)
    assert isinstance(Workbench.load_component(http), McpWorkbench)


def test_a_saved_configuration_of_the_documents_loads() -> None:
    saved = {
        "provider": "autogen_ext.tools.mcp.McpWorkbench",
        "component_type": "workbench",
        "version": 1,
        "component_version": 1,
        "config": {"server_params": {"type": "SseServerParams", "url": "http://localhost:8931/sse"}, "host": None},
    }

    loaded = Workbench.load_component(saved)

    assert isinstance(loaded, McpWorkbench)
    assert loaded.server_params == SseServerParams(url="http://localhost:8931/sse", timeout=5, sse_read_timeout=300)


def test_a_host_in_a_configuration_is_refused_instead_of_dropped() -> None:
    config = {
        "server_params": {"type": "SseServerParams", "url": "http://localhost/sse"},
        "host": {"provider": "autogen_ext.tools.mcp.McpSessionHost", "config": {}},
    }

    with pytest.raises(ValidationError, match=r"a host \(sampling, elicitation, roots\) is not supported"):
        Workbench.load_component({"provider": "hubbub_mcp.McpWorkbench", "config": config})
