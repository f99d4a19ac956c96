"""Servers to test against: processes that speak the real protocol."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hubbub_mcp import StdioServerParams

SERVERS = Path(__file__).parent / "servers"

Odd = Callable[..., StdioServerParams]


@pytest.fixture
def complete() -> StdioServerParams:
    """A well-behaved server on the installed SDK."""
    # Importing the SDK takes a second, more on a busy machine.
    return StdioServerParams(command=sys.executable, args=[str(SERVERS / "complete.py")], read_timeout_seconds=30)


@pytest.fixture
def odd() -> Odd:
    """Make parameters of a server that does something odd."""

    def make(*words: str, read_timeout_seconds: float = 30, **fields: object) -> StdioServerParams:
        return StdioServerParams.model_validate(
            {
                "command": sys.executable,
                "args": [str(SERVERS / "odd.py"), *words],
                "read_timeout_seconds": read_timeout_seconds,
                **fields,
            }
        )

    return make


def is_running(pid: int) -> bool:
    """Tell whether a process exists and is no zombie, which only waits to be reaped by whoever inherited it."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        # The state follows the name, which is in brackets and may hold spaces.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        # No /proc, so no way to tell a zombie; or it ended between the two looks.
        return not Path("/proc").exists()


async def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Wait for a condition of the world outside, which nothing announces."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 # no event comes from outside this process
            await asyncio.sleep(0.02)


@pytest.fixture
def running() -> Callable[[int], bool]:
    return is_running


@pytest.fixture
def wait_until() -> Callable[..., object]:
    return until


@asynccontextmanager
async def http_server(transport: str) -> AsyncIterator[str]:
    """Run the complete server over HTTP on a free port, and give its base URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = await asyncio.create_subprocess_exec(sys.executable, str(SERVERS / "complete.py"), transport, str(port))

    async def reachable() -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return False
        writer.close()
        await writer.wait_closed()
        return True

    try:
        async with asyncio.timeout(30):
            while not await reachable():  # noqa: ASYNC110 # no event comes from outside this process
                await asyncio.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        await process.wait()


@pytest.fixture
def serve() -> Callable[[str], object]:
    return http_server
