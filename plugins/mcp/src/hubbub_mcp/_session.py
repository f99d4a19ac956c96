"""`create_mcp_server_session`: the SDK's own session, on a transport that leaves no process behind."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from ._compat import client_session
from ._params import SseServerParams, StdioServerParams, StreamableHttpServerParams
from ._transport import open_transport

if TYPE_CHECKING:
    from mcp import ClientSession

Callback = Callable[..., Awaitable[Any]]
"""An answer to a request of the server's, in the form that the installed SDK documents."""


@asynccontextmanager
async def create_mcp_server_session(
    server_params: StdioServerParams | SseServerParams | StreamableHttpServerParams,
    sampling_callback: Callback | None = None,
    elicitation_callback: Callback | None = None,
    list_roots_callback: Callback | None = None,
) -> AsyncGenerator[ClientSession, None]:
    """Connect to a server and give the SDK's session, not yet initialised.

    Enter and leave it in the same task. Its requests, `initialize` included, have the time-out of the parameters.

    Args:
        server_params: How to reach the server.
        sampling_callback: Answers requests for a model's reply.
        elicitation_callback: Answers questions to the user.
        list_roots_callback: Answers which folders the server may use.

    Raises:
        McpServerError: The process cannot be started.
        Exception: What was raised in the block, as itself. Only where something else has failed along with it, there is
            an `ExceptionGroup`.
    """
    raised: BaseException | None = None
    alone: BaseException | None = None
    try:
        async with (
            open_transport(server_params, lambda line: None) as transport,
            client_session(
                transport.streams,
                {
                    "sampling_callback": sampling_callback,
                    "elicitation_callback": elicitation_callback,
                    "list_roots_callback": list_roots_callback,
                },
                server_params.request_timeout(),
            ) as session,
        ):
            try:
                yield session
            except BaseException as exc:
                raised = exc
                raise
    except BaseExceptionGroup as group:
        alone = _alone(group, raised)
        if alone is group:
            raise
    # Outside the handler, where the error would get the group as its context. And without a group too: the session
    # cancels its task group on the way out, and anyio 4.5 then takes a cancellation of this task for that and drops it.
    error = raised if alone is None else alone
    if error is not None:
        raise error


def _alone(group: BaseExceptionGroup[BaseException], raised: BaseException | None) -> BaseException:
    """Take off the groups that the task groups of session and transport have put around one error."""
    error: BaseException = group
    while error is not raised and isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
