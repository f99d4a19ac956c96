"""One session with a server, owned by one task from its first byte to the end of its process."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, TypeVar

from hubbub_core.progress import report_progress

from ._compat import McpError, client_session
from ._errors import McpRequestError, McpServerError, McpTimeoutError, error_text
from ._params import SseServerParams, StdioServerParams, StreamableHttpServerParams
from ._transport import Transport, open_transport

if TYPE_CHECKING:
    from mcp import ClientSession, types

_TRACE = logging.getLogger("hubbub_core.trace")

_T = TypeVar("_T")

# The event loop holds its tasks weakly; an owner must survive its workbench, to end the process.
_owners: set[asyncio.Task[None]] = set()


class Connection:
    """A session with a server.

    The SDK's cancel scopes have to be left by the task that entered them, so one task of our own opens the transport,
    enters the session, waits, and leaves both; calls may come from any task of the same loop.

    Args:
        params: How to reach the server.
    """

    def __init__(
        self,
        params: StdioServerParams | SseServerParams | StreamableHttpServerParams,
    ) -> None:
        self.params = params
        self.label = params.label()
        self.initialize_result: types.InitializeResult | None = None
        self._session: ClientSession | None = None
        self._transport: Transport | None = None
        self._owner: asyncio.Task[None] | None = None
        # A connection is made inside the loop that it belongs to.
        self.loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._ready: asyncio.Future[None] = self.loop.create_future()
        self.lost: asyncio.Future[McpServerError] = self.loop.create_future()
        """Done, with what calls then fail with, once no answer can come any more."""

    async def open(self) -> None:
        """Start the server and shake hands. Whoever listens to progress in this context gets its standard error.

        Raises:
            McpServerError: It does not start, or what answers is no MCP server; nothing is left running.
            asyncio.CancelledError: The caller gave up; nothing is left running.
        """
        context = contextvars.copy_context()
        owner = self._owner = asyncio.create_task(self._own(context), name=f"MCP server {self.label}")
        _owners.add(owner)
        owner.add_done_callback(_owners.discard)
        try:
            await asyncio.wait({self._ready})
        except asyncio.CancelledError:
            await self.close()
            raise
        self._ready.result()

    def request_stop(self) -> None:
        """Have the owner end, without waiting for it. Call it in the loop's thread."""
        self._stop.set()
        self._lose(McpServerError(self.label, "was stopped"))
        if not self._ready.done() and self._owner is not None:
            self._owner.cancel()

    async def close(self) -> None:
        """End the session and the process. A caller who is cancelled meanwhile is so once all has ended."""
        self.request_stop()
        assert self._owner is not None  # set by open
        await _until_done(self._owner)

    def kill(self) -> None:
        """End the process at once; for when its loop runs no more."""
        if self._transport is not None and self._transport.process is not None:
            self._transport.process.kill()

    @property
    def is_open(self) -> bool:
        """Whether calls can still be answered."""
        return self._session is not None and not self.lost.done()

    @property
    def is_starting(self) -> bool:
        """Whether it is on its way to being open."""
        return not self._ready.done()

    async def request(
        self,
        what: str,
        send: Callable[[ClientSession], Awaitable[_T]],
    ) -> _T:
        """Send one request and wait for the answer.

        Args:
            what: The request's name for messages: `"tools/list"`.
            send: Sends it.

        Raises:
            McpServerError: The server is gone, now or before the answer.
            McpTimeoutError: It did not answer within the parameters' time-out.
            McpRequestError: It answered with an error.
        """
        session = self._session
        if self.lost.done() or session is None:
            raise _again(self.lost.result()) if self.lost.done() else McpServerError(self.label, "is not connected")

        async def call() -> _T:
            return await send(session)

        limit = self.params.request_timeout()
        task = asyncio.create_task(call(), name=f"{what} to MCP server {self.label}")
        try:
            waited: set[asyncio.Future[Any]] = {task, self.lost}
            await asyncio.wait(waited, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            task.cancel()
            await _until_done(task)
            raise
        if not task.done():
            task.cancel()
            await _until_done(task)
            if self.lost.done():
                raise _again(self.lost.result())
            hint = "raise `read_timeout_seconds`" if isinstance(self.params, StdioServerParams) else "see its time-outs"
            raise McpTimeoutError(self.label, f"did not answer {what} within {limit:g} s; {hint} if it needs longer")
        try:
            return task.result()
        except McpError as error:
            if self.lost.done():
                raise _again(self.lost.result()) from error
            code = getattr(getattr(error, "error", None), "code", None)
            raise McpRequestError(self.label, what, error_text(error), code) from error

    async def _own(self, progress_context: contextvars.Context) -> None:
        def on_stderr(line: str) -> None:
            if not self._ready.done():
                progress_context.run(report_progress, line)

        try:
            failure: Exception | None = None
            async with AsyncExitStack() as stack:
                transport = await stack.enter_async_context(open_transport(self.params, on_stderr))
                self._transport = transport
                # Called before the session sees the end of its stream, so that calls fail with this error.
                transport.lost.add_done_callback(lambda lost: self._lose(lost.result()))
                # No time-out of the session's own: `request` has ours, and the handshake counts differently.
                session = await stack.enter_async_context(
                    client_session(transport.streams, {"logging_callback": self._log})
                )
                try:
                    self.initialize_result = await self._shake_hands(session, transport)
                except Exception as error:
                    # Raised below: the session's task group would wrap it.
                    failure = error
                else:
                    self._session = session
                    self._ready.set_result(None)
                    await _first(transport.lost, self._stop.wait())
            if failure is not None:
                raise failure
        except asyncio.CancelledError:
            self._fail(McpServerError(self.label, "was stopped while it started"))
            raise
        except McpServerError as error:
            self._fail(error)
        except Exception as error:
            happened = "did not start" if not self._ready.done() else "lost the connection"
            broken = McpServerError(self.label, f"{happened}: {error_text(error)}")
            broken.__cause__ = error
            self._fail(broken)
        finally:
            self._session = None
            self._transport = None
            self._lose(McpServerError(self.label, "was stopped"))

    async def _shake_hands(self, session: ClientSession, transport: Transport) -> types.InitializeResult:
        total = self.params.start_timeout_seconds if isinstance(self.params, StdioServerParams) else None
        answer = asyncio.create_task(session.initialize(), name=f"initialize to MCP server {self.label}")
        settled: set[asyncio.Future[Any]] = {answer, transport.lost}
        try:
            async with asyncio.timeout(total) as start_limit:
                if transport.spoke is not None:
                    # A launcher may download the server first, and says nothing on its output meanwhile.
                    await asyncio.wait({*settled, transport.spoke}, return_when=asyncio.FIRST_COMPLETED)
                await asyncio.wait(
                    settled,
                    timeout=self.params.request_timeout(),
                    return_when=asyncio.FIRST_COMPLETED,
                )
        except TimeoutError as error:
            if not start_limit.expired():
                raise
            tail = transport.process.stderr if transport.process else ()
            raise McpTimeoutError(self.label, f"did not start within {total:g} s", stderr=tail) from error
        finally:
            if not answer.done():
                answer.cancel()
                await _until_done(answer)
        # Looked at before the answer: with the process gone, the session says no more than "Connection closed".
        if transport.lost.done() and (answer.cancelled() or answer.exception() is not None):
            end = transport.lost.result()
            raise McpServerError(
                self.label, f"did not start: it {end.problem}", exit_status=end.exit_status, stderr=end.stderr
            )
        if not answer.cancelled():
            return answer.result()
        tail = transport.process.stderr if transport.process else ()
        limit = self.params.request_timeout()
        raise McpTimeoutError(
            self.label, f"did not answer initialize within {limit:g} s of its first output", stderr=tail
        )

    def _fail(self, error: McpServerError) -> None:
        if not self._ready.done():
            self._ready.set_exception(error)
            # Retrieved by `open`, unless its caller was cancelled.
            self._ready.exception()
        self._lose(error)

    def _lose(self, error: McpServerError) -> None:
        if not self.lost.done():
            self.lost.set_result(error)

    async def _log(self, params: types.LoggingMessageNotificationParams) -> None:
        _TRACE.debug("MCP server `%s` logs %s: %s", self.label, params.level, params.data)


def _again(error: McpServerError) -> McpServerError:
    """Return a copy to raise: an exception raised by several callers would collect all their tracebacks."""
    copy = McpServerError.__new__(type(error))
    copy.__dict__.update(error.__dict__)
    copy.args = error.args
    copy.__cause__ = error.__cause__
    return copy


async def _first(future: asyncio.Future[Any], waiting: Any) -> None:
    """Wait until the future is done or the coroutine has ended."""
    task = asyncio.ensure_future(waiting)
    try:
        await asyncio.wait({future, task}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        task.cancel()
        await asyncio.wait({task})


async def _until_done(task: asyncio.Task[Any]) -> None:
    """Wait for a task that ends by itself; a cancellation of the caller is kept until then."""
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if not task.cancelled():
        task.exception()  # Seen by us; whoever needs it asks the task.
    if cancelled is not None:
        raise cancelled
