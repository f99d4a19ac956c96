"""A server process: a group of its own, its three pipes, and an end that leaves nobody behind."""

from __future__ import annotations

import asyncio
import atexit
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import cast

STDERR_LINES = 6
"""How many of the last lines on standard error are kept for error messages."""

STDIN_GRACE = 2.0
"""Seconds that the server has to leave on its own after its input has closed."""

TERM_GRACE = 2.0
"""Seconds that what is left of the group has after SIGTERM, before SIGKILL."""

_DRAIN_GRACE = 0.5
"""Seconds that output and status may lag behind each other when a process ends."""

_GROUP_CHECK = 0.02
_STDERR_LINE_LIMIT = 4096

_live: dict[int, tuple[int, asyncio.SubprocessTransport]] = {}
"""Groups that were started and not ended, by leader: the process that started each, and its transport."""


class ServerProcess(asyncio.SubprocessProtocol):
    """A child process that leads a group (POSIX) and can be written to and read from.

    `ended` is done as soon as the process has exited or closed one of its pipes: no answer will come any more.
    """

    def __init__(self, on_stderr: Callable[[str], None]) -> None:
        loop = asyncio.get_running_loop()
        self._on_stderr = on_stderr
        self._stderr_rest = b""
        self._stopping = False
        self._transport: asyncio.SubprocessTransport | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._closed: asyncio.Future[None] = loop.create_future()
        self._exited: asyncio.Future[None] = loop.create_future()
        self.ended: asyncio.Future[None] = loop.create_future()
        self.spoke: asyncio.Future[None] = loop.create_future()
        self.stdout = asyncio.StreamReader()
        self.stderr: deque[str] = deque(maxlen=STDERR_LINES)

    @classmethod
    async def spawn(
        cls,
        words: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: str | Path | None,
        on_stderr: Callable[[str], None],
    ) -> ServerProcess:
        """Start a process.

        Raises:
            OSError: It cannot be started.
            ValueError: A word or variable holds a NUL character.
        """
        loop = asyncio.get_running_loop()
        process = cls(on_stderr)
        try:
            await loop.subprocess_exec(
                lambda: process,
                *words,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=dict(env),
                cwd=cwd,
                # A session of its own: its group can be signalled as a whole, and Ctrl-C in the terminal reaches only
                # us, who then stop it in order.
                start_new_session=True,
            )
        except BaseException:
            # Cancelled while the pipes were being connected: the process may exist already.
            if process._transport is not None:
                process.kill()
            raise
        return process

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.SubprocessTransport", transport)
        _live[self._transport.get_pid()] = (os.getpid(), self._transport)
        stdout = self._transport.get_pipe_transport(1)
        assert stdout is not None  # opened by spawn
        self.stdout.set_transport(stdout)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if fd == 1:
            _settle(self.spoke)
            if not self._stopping:
                self.stdout.feed_data(data)
            return
        # uv redraws its progress with carriage returns.
        *lines, self._stderr_rest = (self._stderr_rest + data).replace(b"\r", b"\n").split(b"\n")
        if len(self._stderr_rest) > _STDERR_LINE_LIMIT:
            lines.append(self._stderr_rest)
            self._stderr_rest = b""
        for line in lines:
            self._stderr_line(line)

    def _stderr_line(self, line: bytes) -> None:
        text = line[:_STDERR_LINE_LIMIT].decode("utf-8", "replace").strip()
        if text:
            self.stderr.append(text)
            self._on_stderr(text)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        if fd == 1:
            self.stdout.feed_eof()
        if fd == 2:
            self._stderr_line(self._stderr_rest)
            self._stderr_rest = b""
        else:
            _settle(self.ended)
            self._writable.set()

    def process_exited(self) -> None:
        _settle(self._exited)
        _settle(self.ended)

    def connection_lost(self, exc: Exception | None) -> None:
        _settle(self._closed)

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    @property
    def _running(self) -> asyncio.SubprocessTransport:
        assert self._transport is not None  # spawn returns after connection_made
        return self._transport

    @property
    def pid(self) -> int:
        return self._running.get_pid()

    @property
    def exit_status(self) -> int | None:
        """Exit status, negative for a signal; None while it runs."""
        return self._running.get_returncode()

    async def write(self, data: bytes) -> None:
        """Write to the process; waits while its input is full.

        Raises:
            BrokenPipeError: It has ended, or closed its input.
        """
        await self._writable.wait()
        stdin = self._running.get_pipe_transport(0)
        if self.ended.done() or stdin is None or stdin.is_closing():
            raise BrokenPipeError("the process reads no more")
        cast("asyncio.WriteTransport", stdin).write(data)

    async def wait_ended(self) -> str:
        """Wait until no answer can come any more, and return what happened as a predicate."""
        await asyncio.wait({self.ended})
        # Either the status or the last output may come a moment later. A grandchild that inherited the pipes may also
        # keep them open for ever, hence the limit.
        await asyncio.wait({self._closed}, timeout=_DRAIN_GRACE)
        status = self.exit_status
        if status is None:
            return "closed its output"
        if status < 0:
            return f"was ended by signal {-status}"
        return f"exited with status {status}"

    async def stop(self) -> None:
        """End the whole group: close its input, then SIGTERM, then SIGKILL, each after a bounded time.

        On Windows, which has no such groups, only the process itself is ended.
        """
        transport = self._running
        self._stopping = True
        stdin = transport.get_pipe_transport(0)
        if stdin is not None:
            stdin.close()
        stdout = transport.get_pipe_transport(1)
        if stdout is not None and not stdout.is_closing():
            # What it still prints is read and dropped: on a full pipe it would hang instead of leaving.
            cast("asyncio.ReadTransport", stdout).resume_reading()
        gone = False
        try:
            await asyncio.wait({self._exited}, timeout=STDIN_GRACE)
            _signal(transport, signal.SIGTERM)
            gone = await self._gone(TERM_GRACE)
            if not gone:
                _signal(transport, _KILL)
                gone = await self._gone(_DRAIN_GRACE)
        finally:
            if not gone:
                # The wait itself was cancelled: nothing may survive that.
                _signal(transport, _KILL)
            transport.close()
            _live.pop(transport.get_pid(), None)

    async def _gone(self, timeout: float) -> bool:
        deadline = asyncio.get_running_loop().time() + timeout
        # A group that is not our direct child cannot be awaited, only asked for.
        while _alive(self._running):
            if asyncio.get_running_loop().time() >= deadline:
                return False
            await asyncio.sleep(_GROUP_CHECK)
        return True

    def kill(self) -> None:
        """End the whole group at once, without waiting; for when no event loop is left to wait on."""
        _signal(self._running, _KILL)
        _live.pop(self.pid, None)


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


_KILL = signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL


def _signal(transport: asyncio.SubprocessTransport, number: signal.Signals) -> None:
    try:
        if sys.platform == "win32":
            transport.terminate()
        else:
            # The leader's pid names the group as long as any member lives, also after the leader has ended.
            os.killpg(transport.get_pid(), number)
    except (ProcessLookupError, PermissionError):
        # Gone already; or, on macOS, nothing but members that are dead and not yet reaped.
        pass


def _alive(transport: asyncio.SubprocessTransport) -> bool:
    if sys.platform == "win32":
        return transport.get_returncode() is None
    try:
        os.killpg(transport.get_pid(), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@atexit.register
def _kill_what_is_left() -> None:
    """End the groups of servers that nobody stopped: an interpreter that leaves must leave none behind."""
    for starter, transport in list(_live.values()):
        # A forked child has inherited the table, but not the servers.
        if starter == os.getpid():
            _signal(transport, _KILL)
    _live.clear()
