"""The human at the terminal of `hubbub run`: questions on standard error, answers from standard input."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable

from hubbub_core.user_input import InputRequest

SHOWN_SECONDS = 1.0
"""How long a question waits until what was said before it is shown. One that no chunk announces (of an agent that
works inside a tool) is asked after it."""


class TerminalInput:
    """Asks one question at a time, each once everything before it is shown.

    Args:
        at_end: Called when the input has ended and nobody can answer any more; it is to cancel the run.
    """

    def __init__(self, at_end: Callable[[InputRequest], None]) -> None:
        self._at_end = at_end
        self._turn = asyncio.Lock()
        self._shown: dict[str, asyncio.Event] = {}
        self._lines = _Lines()

    def shown(self, request_id: str) -> None:
        """Say that everything before a question is shown."""
        self._shown.setdefault(request_id, asyncio.Event()).set()

    async def ask(self, request: InputRequest) -> str:
        """Return the human's next line."""
        try:
            async with asyncio.timeout(SHOWN_SECONDS):
                await self._shown.setdefault(request.request_id, asyncio.Event()).wait()
        except TimeoutError:
            pass
        finally:
            self._shown.pop(request.request_id, None)
        async with self._turn:
            print(f"{request.source}: {request.prompt}", end="", file=sys.stderr, flush=True)
            line: str | None = None
            try:
                line = await self._lines.next()
            finally:
                if line is None or not os.isatty(0):
                    print(file=sys.stderr, flush=True)  # the line end that a terminal shows when it is typed
            if line is not None:
                return line
            self._at_end(request)
            await asyncio.Event().wait()  # until the cancelled run ends this
            raise AssertionError("nobody sets this event")


class _Lines:
    """Reads lines of standard input without blocking the loop.

    In a daemon thread, because nothing can end a thread that waits at a terminal, and past `sys.stdin`: the
    interpreter aborts when it ends while a thread holds the lock of that buffer.
    """

    def __init__(self) -> None:
        self._buffer = b""
        self._reading: asyncio.Future[bytes] | None = None

    async def next(self) -> str | None:
        """Return the next line without its end; None when there is none any more."""
        while b"\n" not in self._buffer:
            # A question that was given up leaves its read to the next one.
            self._reading = self._reading or self._read()
            data = await asyncio.shield(self._reading)
            self._reading = None
            if not data:
                break
            self._buffer += data
        line, _, rest = self._buffer.partition(b"\n")
        ended = not self._buffer
        self._buffer = rest
        return None if ended else line.decode(errors="replace").rstrip("\r")

    def _read(self) -> asyncio.Future[bytes]:
        loop = asyncio.get_running_loop()
        read: asyncio.Future[bytes] = loop.create_future()

        def work() -> None:
            try:
                data = os.read(0, 65536)
            except OSError:
                data = b""  # closed: the same as its end
            try:
                loop.call_soon_threadsafe(lambda: None if read.done() else read.set_result(data))
            except RuntimeError:
                pass  # the loop was closed: nobody waits for the answer any more

        threading.Thread(target=work, name="terminal-input", daemon=True).start()
        return read
