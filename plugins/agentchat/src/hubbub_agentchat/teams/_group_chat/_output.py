"""The way from a group chat's agents to the caller of its run: one queue in the process, past the runtime.

Publishing every message, and every streamed chunk, through the runtime to a collecting agent costs a delivery each.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final, TypeAlias

from hubbub_agentchat.base import TaskResult
from hubbub_agentchat.base._usage import UsageTally
from hubbub_agentchat.messages import BaseAgentEvent, BaseChatMessage
from hubbub_agentchat.teams._group_chat._events import GroupChatTermination
from hubbub_core.models import RequestUsage

OutputItem: TypeAlias = BaseAgentEvent | BaseChatMessage | GroupChatTermination

_HIGH: Final = 256
"""From this many unread items on, a participant waits for the reader."""


class HandlersAtWork:
    """A context manager that any number of handlers are in at the same time.

    Args:
        waiters: Woken when the last one has left.
    """

    __slots__ = ("_waiters", "count")

    def __init__(self, waiters: deque[asyncio.Future[None]]) -> None:
        self.count = 0
        self._waiters = waiters

    def __enter__(self) -> None:
        self.count += 1

    def __exit__(self, *exc_info: object) -> None:
        self.count -= 1
        if not self.count and self._waiters:
            _wake_all(self._waiters)


class OutputQueue(asyncio.Queue[OutputItem]):
    """What a run has put out and its caller has not read yet.

    An `asyncio.Queue` by interface, which is documented for managers; it belongs to no event loop, so that a team can
    be run in one `asyncio.run` after another.

    It also counts the handlers at work, so that the end of an aborted run can be awaited whoever owns the runtime.

    Args:
        ends_when_idle: Whether a run ends when nobody has anything to do any more: the team has a runtime of its own.
    """

    def __init__(self, ends_when_idle: bool = False) -> None:
        self.ends_when_idle = ends_when_idle
        self._items: deque[OutputItem] = deque()
        self._readers: deque[asyncio.Future[None]] = deque()
        self._feeders: deque[asyncio.Future[None]] = deque()
        self._settled: deque[asyncio.Future[None]] = deque()
        self.at_work = HandlersAtWork(self._settled)
        """Counts a handler of the run while it is entered."""

        self.begin()

    def begin(self) -> None:
        """Start the books of a run."""
        self.usage = UsageTally()
        self.received: frozenset[str] = frozenset()
        """Ids of the task's messages once the participants have them: given again, they would be read twice."""

    def count_unshown(self, result: TaskResult) -> None:
        """Count what an inner team has used beyond what its messages, which were put out here, report."""
        shown = UsageTally(result.messages).by_source
        for source, used in (result.usage_by_source or {}).items():
            counted = shown.get(source, RequestUsage(0, 0))
            prompt = used.prompt_tokens - counted.prompt_tokens
            completion = used.completion_tokens - counted.completion_tokens
            if prompt or completion:
                self.usage.add(source, RequestUsage(prompt, completion))

    def qsize(self) -> int:
        return len(self._items)

    def empty(self) -> bool:
        return not self._items

    def full(self) -> bool:
        return False

    def put_nowait(self, item: OutputItem) -> None:
        self._items.append(item)
        if self._readers:
            _wake(self._readers)

    async def put(self, item: OutputItem) -> None:
        self.put_nowait(item)

    async def feed(self, item: OutputItem) -> None:
        """Put an item, and wait while the reader is far behind."""
        self.put_nowait(item)
        while len(self._items) >= _HIGH:
            await _wait(self._feeders)

    def get_nowait(self) -> OutputItem:
        if not self._items:
            raise asyncio.QueueEmpty
        item = self._items.popleft()
        if self._feeders and len(self._items) < _HIGH:
            _wake_all(self._feeders)
        return item

    async def get(self) -> OutputItem:
        while not self._items:
            await _wait(self._readers)
        return self.get_nowait()

    def discard(self) -> None:
        """Forget all items, and let whoever waits for the reader go on."""
        self._items.clear()
        _wake_all(self._feeders)

    def wake_reader(self) -> None:
        """Have `arrived` return though nothing was put."""
        _wake_all(self._readers)

    async def arrived(self) -> None:
        """Wait until something is put, or `wake_reader` is called."""
        if not self._items:
            await _wait(self._readers)

    async def settled(self) -> None:
        """Wait until no handler is at work."""
        while self.at_work.count:
            await _wait(self._settled)


async def _wait(waiters: deque[asyncio.Future[None]]) -> None:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    waiters.append(future)
    try:
        await future
    except BaseException:
        if future.done() and not future.cancelled():
            _wake(waiters)  # the wake-up was for somebody who has left: hand it on
        raise
    finally:
        if future in waiters:
            waiters.remove(future)


def _wake(waiters: deque[asyncio.Future[None]]) -> None:
    while waiters:
        future = waiters.popleft()
        if not future.done():
            future.set_result(None)
            return


def _wake_all(waiters: deque[asyncio.Future[None]]) -> None:
    while waiters:
        _wake(waiters)
