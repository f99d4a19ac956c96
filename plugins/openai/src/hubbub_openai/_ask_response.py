"""One request to the Responses API, whole or streamed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from ._answer import shorten
from ._errors import ModelEndpointError, ResponseFailedError, endpoint_errors, shown_url
from ._linked import linked, linked_items
from ._model_answer import Piece
from ._read_response import read_response, read_step

if TYPE_CHECKING:
    from openai import AsyncOpenAI

    from hubbub_core import CancellationToken

_TEXT = ("response.output_text.delta", "response.refusal.delta")
_ENDS = ("response.completed", "response.incomplete", "response.failed")


async def ask_response(
    client: AsyncOpenAI, request: Mapping[str, Any], *, stream: bool, token: CancellationToken
) -> AsyncGenerator[Piece, None]:
    """Ask the model; of a stream yield the pieces of its text and the steps on its way as they come; then the answer.

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
        if not isinstance(getattr(response, "output", None), list):
            raise ModelEndpointError(base_url, model, f"sent no response: {shorten(response)}")
        yield read_response(response)
        return
    with endpoint_errors(base_url, model):
        events: Any = await linked(client.responses.create(**request, stream=True), token)
    response = None
    told: set[str] = set()
    # To the end, not only to the event with the answer: a connection that was read out is used again.
    async with aclosing(linked_items(events, token, base_url, model)) as items:
        async for event in items:
            kind = getattr(event, "type", None)
            if kind in _TEXT:
                yield event.delta
            elif kind == "response.output_item.done":
                step = read_step(event.item)
                if step is not None:
                    told.add(event.item.id)
                    yield step
            elif kind in _ENDS:
                response = event.response
            elif kind == "error":
                raise ResponseFailedError(f"the response of model {model!r} failed: {event.code}: {event.message}")
    if not isinstance(getattr(response, "output", None), list):
        raise ModelEndpointError(base_url, model, "ended its stream before the answer was over")
    yield read_response(response, told)
