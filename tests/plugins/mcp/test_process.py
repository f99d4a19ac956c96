"""Server processes: what they inherit, how they start, and that they end with all they have started."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hubbub_core.progress import Progress, progress_to
from hubbub_mcp import McpServerError, McpTimeoutError, McpWorkbench, StdioServerParams

Odd = Callable[..., StdioServerParams]
Running = Callable[[int], bool]


async def _pids(file: Path, wait_until: Any) -> list[int]:
    await wait_until(file.exists)
    return [int(word) for word in (await asyncio.to_thread(file.read_text)).split()]


async def test_a_process_inherits_only_what_launchers_need(
    complete: StdioServerParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    inherited = ["SSL_CERT_FILE", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "UV_CACHE_DIR"]
    for name in [*inherited, "OPENAI_API_KEY", "UV_PUBLISH_TOKEN"]:
        monkeypatch.setenv(name, "value")
    complete.env = {"OPENAI_ORG": "named"}

    async with McpWorkbench(complete) as workbench:
        result = await workbench.call_tool("environment", {"prefix": ""})

    found = result.to_text().split(",")
    assert {"PATH", "HOME", *inherited} <= set(found)
    assert [name for name in found if name.startswith(("OPENAI", "UV_PUBLISH"))] == ["OPENAI_ORG"]


async def test_a_command_is_found_beside_the_running_python_when_path_does_not_name_it(
    complete: StdioServerParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    complete.command = Path(sys.executable).name

    async with McpWorkbench(complete) as workbench:
        assert "add" in [tool["name"] for tool in await workbench.list_tools()]


async def test_uvx_is_found_through_the_variable_that_uv_run_sets(
    odd: Odd, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    params = odd("plain")
    uv = tmp_path / "uv-of-uv-run"
    uv.write_text(f'#!/bin/sh\n[ "$1 $2" = "tool run" ] || exit 9\nshift 2\nexec {sys.executable} "$@"\n')
    uv.chmod(uv.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setenv("UV", str(uv))
    params.command = "uvx"

    async with McpWorkbench(params) as workbench:
        assert [tool["name"] for tool in await workbench.list_tools()] == ["act"]


async def test_a_command_that_does_not_exist_is_one_error_that_names_it() -> None:
    workbench = McpWorkbench(StdioServerParams(command="no-such-server", args=["--api-key", "s3cret", "x"]))

    with pytest.raises(McpServerError) as caught:
        await workbench.start()

    assert str(caught.value) == (
        "MCP server `no-such-server --api-key *** x` did not start: there is no command 'no-such-server' on PATH or "
        "beside the running Python; install it, or give its full path as `command`"
    )


async def test_a_server_that_leaves_at_once_is_one_error_with_its_status_and_last_words(odd: Odd) -> None:
    workbench = McpWorkbench(odd("starting", "the port is taken"))

    with pytest.raises(RuntimeError) as caught:
        await workbench.list_tools()

    error = caught.value
    assert isinstance(error, McpServerError)
    assert error.exit_status == 3
    assert str(error).endswith(
        " did not start: it exited with status 3; its last output: reading the configuration / the port is taken"
    )
    assert workbench.initialize_result is None


async def test_a_working_directory_that_does_not_exist_is_named(odd: Odd) -> None:
    with pytest.raises(McpServerError, match=r"did not start in /no/such/folder: .*No such file or directory"):
        await McpWorkbench(odd("plain", cwd="/no/such/folder")).start()


async def test_a_slow_first_start_outlasts_the_read_timeout_and_reports_progress(odd: Odd, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    workbench = McpWorkbench(odd("slow", str(fifo), read_timeout_seconds=0.2))
    reports: asyncio.Queue[Progress] = asyncio.Queue()
    with progress_to(reports.put_nowait):
        starting = asyncio.create_task(workbench.start())
    assert (await reports.get()).text == "Downloading the server (1.0MiB)"

    # Longer than the limit of a request, which must not have begun to count.
    done, _ = await asyncio.wait({starting}, timeout=0.5)
    assert not done
    await asyncio.to_thread(fifo.write_text, "x")
    await starting

    assert (await reports.get()).text == "Installed 1 package"
    assert [tool["name"] for tool in await workbench.list_tools()] == ["act"]
    await workbench.stop()


async def test_a_start_may_have_a_limit_of_its_own(odd: Odd, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)

    with pytest.raises(McpTimeoutError, match=r"did not start within 1 s; its last output: Downloading the server"):
        await McpWorkbench(odd("slow", str(fifo), start_timeout_seconds=1)).start()


async def test_a_server_that_has_begun_to_talk_must_shake_hands_within_the_read_timeout(odd: Odd) -> None:
    with pytest.raises(TimeoutError, match=r"did not answer initialize within 0\.3 s of its first output"):
        await McpWorkbench(odd("noisy", read_timeout_seconds=0.3)).start()


async def test_cancelling_a_start_ends_the_process(odd: Odd, tmp_path: Path, running: Running, wait_until: Any) -> None:
    fifo, pids = tmp_path / "fifo", tmp_path / "pids"
    os.mkfifo(fifo)
    workbench = McpWorkbench(odd("slow", str(fifo), str(pids)))
    starting = asyncio.create_task(workbench.start())
    [server] = await _pids(pids, wait_until)

    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting

    assert not running(server)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    with pytest.raises(RuntimeError, match="not started"):
        await workbench.stop()


async def test_stop_ends_what_the_server_has_started(
    odd: Odd, tmp_path: Path, running: Running, wait_until: Any
) -> None:
    workbench = McpWorkbench(odd("child", str(tmp_path / "pids")))
    await workbench.start()
    server, child = await _pids(tmp_path / "pids", wait_until)
    assert running(server)
    assert running(child)

    await workbench.stop()

    assert not running(server)
    assert not running(child)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_server_that_ignores_everything_is_killed_within_a_bounded_time(
    odd: Odd, tmp_path: Path, running: Running, wait_until: Any
) -> None:
    workbench = McpWorkbench(odd("stuck", str(tmp_path / "pid")))
    call = asyncio.create_task(workbench.call_tool("act"))
    [server] = await _pids(tmp_path / "pid", wait_until)

    begin = time.monotonic()
    await workbench.stop()

    assert time.monotonic() - begin < 8
    assert not running(server)
    result = await call
    assert result.is_error
    assert result.to_text().endswith("was stopped")


async def test_a_server_that_dies_fails_pending_and_next_calls_at_once_and_can_be_started_again(odd: Odd) -> None:
    workbench = McpWorkbench(odd("dies"))
    await workbench.start()

    pending = await workbench.call_tool("act", {"n": 1})
    following = await workbench.call_tool("act", {"n": 2})
    with pytest.raises(McpServerError) as caught:
        await workbench.list_tools()

    text = f"MCP server `{workbench.server_params.label()}` exited with status 7; its last output: out of cheese"
    assert (pending.is_error, pending.to_text()) == (True, text)
    assert (following.is_error, following.to_text()) == (True, text)
    assert (str(caught.value), caught.value.exit_status) == (text, 7)
    assert not workbench.is_connected

    await workbench.start()
    assert [tool["name"] for tool in await workbench.list_tools()] == ["act"]
    await workbench.stop()


async def test_a_server_that_dies_takes_along_what_it_has_started(
    odd: Odd, tmp_path: Path, running: Running, wait_until: Any
) -> None:
    workbench = McpWorkbench(odd("child", str(tmp_path / "pids")))
    await workbench.start()
    server, child = await _pids(tmp_path / "pids", wait_until)

    os.kill(server, signal.SIGKILL)

    await wait_until(lambda: not running(child))
    with pytest.raises(McpServerError, match="was ended by signal 9"):
        await workbench.list_tools()
    await workbench.stop()


async def test_a_server_that_closes_its_output_is_lost(odd: Odd) -> None:
    async with McpWorkbench(odd("cuts")) as workbench:
        result = await workbench.call_tool("act")

    assert result.to_text().endswith("closed its output")


async def test_rubbish_between_the_messages_is_passed_over(odd: Odd) -> None:
    async with McpWorkbench(odd("chatty")) as workbench:
        result = await workbench.call_tool("act", {"n": 5})

    assert result.to_text() == '{"n": 5}'


async def test_a_call_without_an_answer_ends_with_the_read_timeout(odd: Odd) -> None:
    params = odd("stuck", read_timeout_seconds=0.3)
    workbench = McpWorkbench(params)

    result = await workbench.call_tool("act")

    assert result.is_error
    assert result.to_text() == (
        f"MCP server `{params.label()}` did not answer tools/call of 'act' within 0.3 s; "
        "raise `read_timeout_seconds` if it needs longer"
    )
    await workbench.stop()


PROGRAM = """
import asyncio, sys
from hubbub_mcp import McpWorkbench, StdioServerParams

async def main():
    workbench = McpWorkbench(StdioServerParams(command=sys.executable, args=sys.argv[2:], read_timeout_seconds=30))
    await workbench.start()
    print("started", flush=True)
    {rest}

asyncio.run(main())
"""


def _program(rest: str, params: StdioServerParams) -> list[str]:
    return [sys.executable, "-c", textwrap.dedent(PROGRAM).replace("{rest}", rest), "-", *params.args]


@pytest.mark.parametrize(
    "rest", ["return", "raise SystemExit(0)", "asyncio.get_running_loop().stop()"], ids=["return", "exit", "loop"]
)
async def test_a_program_that_forgets_to_stop_leaves_no_process(
    rest: str, odd: Odd, tmp_path: Path, running: Running, wait_until: Any
) -> None:
    process = await asyncio.create_subprocess_exec(
        *_program(rest, odd("child", str(tmp_path / "pids"))), stderr=subprocess.DEVNULL
    )
    await process.wait()

    for pid in await _pids(tmp_path / "pids", wait_until):
        await wait_until(lambda pid=pid: not running(pid))


async def test_ctrl_c_leaves_no_process(odd: Odd, tmp_path: Path, running: Running, wait_until: Any) -> None:
    process = await asyncio.create_subprocess_exec(
        *_program("await asyncio.sleep(600)", odd("child", str(tmp_path / "pids"))),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"started\n"

    process.send_signal(signal.SIGINT)
    await process.wait()

    for pid in await _pids(tmp_path / "pids", wait_until):
        await wait_until(lambda pid=pid: not running(pid))
