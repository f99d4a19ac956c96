"""A process that runs a block: a group of its own, its output, and an end that leaves nobody behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, cast

TERM_GRACE: Final = 2.0
"""Seconds that a group has to leave after SIGTERM, before SIGKILL."""

OUTPUT_LIMIT: Final = 64 * 1024 * 1024
"""Bytes that are kept of each stream: a block that prints without end must not take our memory with it."""

_DRAIN_GRACE: Final = 0.5
"""Seconds that output may lag behind the exit; what a process in the background prints later belongs to no block."""

_GROUP_CHECK: Final = 0.02


class _Stream:
    def __init__(self) -> None:
        self._kept = bytearray()
        self._dropped = 0

    def feed(self, data: bytes) -> None:
        room = OUTPUT_LIMIT - len(self._kept)
        self._kept += data[:room]
        self._dropped += max(0, len(data) - room)

    def text(self) -> str:
        text = self._kept.decode("utf-8", "replace")
        if sys.platform == "win32":
            text = text.replace("\r\n", "\n")
        return f"{text}\n[{self._dropped} more bytes are left out]\n" if self._dropped else text


class BlockProcess(asyncio.SubprocessProtocol):
    """A child process that leads a group (POSIX), without input."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self._loop = loop
        self._transport: asyncio.SubprocessTransport | None = None
        self._streams = {1: _Stream(), 2: _Stream()}
        self._exited: asyncio.Future[None] = loop.create_future()
        self._closed: asyncio.Future[None] = loop.create_future()

    @classmethod
    async def spawn(cls, words: Sequence[str], *, folder: Path, variables: Mapping[str, str]) -> BlockProcess:
        """Start a process.

        Raises:
            OSError: It cannot be started.
        """
        process = cls()
        try:
            await process._loop.subprocess_exec(
                lambda: process,
                *words,
                # The terminal is the program's, not the block's.
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=folder,
                env=dict(variables),
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

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self._streams[fd].feed(data)

    def process_exited(self) -> None:
        _settle(self._exited)

    def connection_lost(self, exc: Exception | None) -> None:
        # Comes after the exit and the end of both streams; the transport warns unless it is closed nevertheless.
        self._running.close()
        _settle(self._closed)

    @property
    def _running(self) -> asyncio.SubprocessTransport:
        assert self._transport is not None  # spawn returns after connection_made
        return self._transport

    @property
    def output(self) -> str:
        """What it has printed so far: standard error, then standard output (spec: newer N-262)."""
        return self._streams[2].text() + self._streams[1].text()

    async def wait(self, timeout: float) -> int | None:
        """Wait until the process has exited.

        What it started in the background is not waited for, but what that prints within a moment is collected.

        Returns:
            Its exit status, negative for a signal; None if it still runs after `timeout` seconds.
        """
        await asyncio.wait({self._exited}, timeout=timeout)
        status = self._running.get_returncode()
        if status is not None:
            await asyncio.wait({self._closed}, timeout=_DRAIN_GRACE)
        return status

    async def end(self) -> None:
        """End the whole group: SIGTERM, then SIGKILL, each after a bounded time. Cancelled, it kills at once.

        On Windows, which has no such groups, only the process itself is ended.
        """
        gone = False
        try:
            self._signal(signal.SIGTERM)
            gone = await self._gone(TERM_GRACE)
            if not gone:
                self._signal(_KILL)
                gone = await self._gone(_DRAIN_GRACE)
            if self._loop is asyncio.get_running_loop():
                # Its last words may still be in the pipes.
                await asyncio.wait({self._closed}, timeout=_DRAIN_GRACE)
        finally:
            if not gone:
                self._signal(_KILL)
            if not self._loop.is_closed():
                self._running.close()

    async def _gone(self, timeout: float) -> bool:
        deadline = asyncio.get_running_loop().time() + timeout
        # A group that is not our direct child cannot be awaited, only asked for.
        while self.group_is_alive:
            if asyncio.get_running_loop().time() >= deadline:
                return False
            await asyncio.sleep(_GROUP_CHECK)
        return True

    @property
    def group_is_alive(self) -> bool:
        """Whether the process, or anything that it started in its group, still runs."""
        if self._running.get_returncode() is None:
            return True
        return sys.platform != "win32" and _has_members(self._running.get_pid())

    def kill(self) -> None:
        """End the whole group at once, without waiting."""
        self._signal(_KILL)

    def _signal(self, number: signal.Signals) -> None:
        try:
            if sys.platform == "win32":
                self._running.terminate()
            else:
                # The leader's pid names the group as long as any member lives, also after the leader has ended.
                os.killpg(self._running.get_pid(), number)
        except (ProcessLookupError, PermissionError):
            # Gone already; or, on macOS, nothing but members that are dead and not yet reaped.
            pass


def _has_members(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    # What is dead still counts until it is reaped, which in a container without an init process nobody does.
    try:
        processes = [name for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return True
    return any(_is_living_member(name, group) for name in processes)


def _is_living_member(process: str, group: int) -> bool:
    try:
        stat = Path("/proc", process, "stat").read_bytes()
    except OSError:
        # It ended between the two looks.
        return False
    # After the name, which is in brackets and may hold anything: state, parent, group.
    state, _, of_group = stat.rpartition(b")")[2].split()[:3]
    return int(of_group) == group and state not in (b"Z", b"X")


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


_KILL: Final = signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL


class ProcessGroups:
    """The groups that an executor has started and that may still have members: running, or in the background."""

    def __init__(self) -> None:
        self._starter = os.getpid()
        self._processes: set[BlockProcess] = set()

    async def spawn(self, words: Sequence[str], *, folder: Path, variables: Mapping[str, str]) -> BlockProcess:
        """Start a process and keep its group; see `BlockProcess.spawn`."""
        # An empty group is let go before its number can have been given to somebody else, or soon after.
        self._processes = {process for process in self._processes if process.group_is_alive}
        process = await BlockProcess.spawn(words, folder=folder, variables=variables)
        self._processes.add(process)
        return process

    async def end(self, process: BlockProcess) -> None:
        """End a group; see `BlockProcess.end`."""
        try:
            await process.end()
        finally:
            self._processes.discard(process)

    async def end_all(self) -> None:
        """End what is left, at the same time."""
        await asyncio.gather(*(self.end(process) for process in list(self._processes) if process.group_is_alive))
        self._processes.clear()

    def kill_all(self) -> None:
        """End what is left at once, for when nobody is there to wait: at garbage collection or at interpreter exit."""
        # A forked child has inherited the table, but not the processes.
        if self._starter == os.getpid():
            for process in self._processes:
                process.kill()
        self._processes.clear()
