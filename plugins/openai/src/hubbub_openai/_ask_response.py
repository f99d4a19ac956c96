"""One request to the Responses API, whole or streamed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import TYPE_CHECKING, Any

from ._answer import shorten
from ._errors import ModelEndpointError, endpoint_errors, shown_url
from ._linked import linked
from ._response_items import Piece, ResponseFailedError, read_code_run, read_response

if TYPE_CHECKING:
    from openai import AsyncOpenAI

    from hubbub_core import CancellationToken

_TEXT = ("response.output_text.delta", "response.refusal.delta")
_ENDS = ("response.completed", "response.incomplete", "response.failed")


async def ask_response(
    client: AsyncOpenAI, request: Mapping[str, Any], *, stream: bool, token: CancellationToken
) -> AsyncGenerator[Piece, None]:
    """Ask the model; yield the pieces of its text and the code it ran as they come if it is streamed, then the answer.

    Args:
        client: The SDK's client.
        request: Arguments of `responses.create`.
        stream: Whether the service is asked for a stream.
        token: Cancelling it aborts the HTTP request. So does closing the generator.

    Raises:
        ResponseFailedError: The model failed.
        UnansweredRequestError: The model wants something approved or done on this machine.
        ModelEndpointError: The endpoint cannot be reached, breaks off, or sends what is no answer.
        openai.APIStatusError: The endpoint refuses the request.
        asyncio.CancelledError: The token was cancelled.
    """
    base_url, model = shown_url(str(client.base_url)), str(request.get("model", ""))
    if not stream:
        with endpoint_errors(base_url, model):
            response: Any = await linked(client.responses.create(**request), token)
        if not hasattr(response, "output"):
            raise ModelEndpointError(base_url, model, f"sent no response: {shorten(response)}")
        yield read_response(response)
        return
    with endpoint_errors(base_url, model):
        events: Any = await linked(client.responses.create(**request, stream=True), token)
    response = None
    try:
        # To the end, not only to the event with the answer: a connection that was read out is used again.
        while True:
            try:
                with endpoint_errors(base_url, model):
                    event = await linked(events.__anext__(), token)
            except StopAsyncIteration:
                break
            if event.type in _TEXT:
                yield event.delta
            elif event.type == "response.output_item.done" and event.item.type == "code_interpreter_call":
                yield read_code_run(event.item)
            elif event.type in _ENDS:
                response = event.response
            elif event.type == "error":
                raise ResponseFailedError(f"the response of model {model!r} failed: {event.code}: {event.message}")
    finally:
        # Closes the connection when the answer is left in the middle; does nothing at its end.
        await events.close()
    if response is None:
        raise ModelEndpointError(base_url, model, "ended its stream before the answer was over")
    answer = read_response(response)
    answer.code_runs.clear()
    yield answer
