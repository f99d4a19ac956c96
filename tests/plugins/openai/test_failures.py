"""What goes wrong outside: the endpoint, the network, a caller who gives up."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import openai
import pytest
from openai_server import Cut, Malformed, OpenAIServer, Raw, Stall, Status, Text

from hubbub_core import CancellationToken
from hubbub_core.models import CreateResult, UserMessage
from hubbub_openai import ModelEndpointError, ModelEndpointTimeoutError, OpenAIChatCompletionClient

MakeClient = Callable[..., OpenAIChatCompletionClient]
HELLO = [UserMessage(content="Hello there", source="user")]


async def drain(client: OpenAIChatCompletionClient, **options: Any) -> list[str | CreateResult]:
    return [item async for item in client.create_stream(HELLO, **options)]


async def test_unreachable_endpoint_is_named(make_client: MakeClient) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        client = make_client(base_url=f"http://name:secret@{address}/v1")

        with pytest.raises(ModelEndpointError) as failure:
            await client.create(HELLO)
        with pytest.raises(ModelEndpointError) as stream_failure:
            await drain(client)

    expected = f"model endpoint http://{address}/v1 (model 'gpt-4o-mini') cannot be reached: "
    assert str(failure.value).startswith(expected)
    assert "secret" not in str(failure.value)
    assert failure.value.base_url == f"http://{address}/v1"
    assert str(stream_failure.value).startswith(expected)
    assert isinstance(failure.value, ConnectionError)
    assert isinstance(failure.value, openai.APIConnectionError)
    assert isinstance(failure.value.__cause__, openai.APIConnectionError)


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        (Cut(), "broke off: peer closed connection"),
        (Malformed(), "sent an answer that is not JSON"),
        (Raw("<html>Welcome</html>", "text/html"), "sent no chat completion: <html>Welcome</html>"),
        (Raw('{"detail": "not here"}'), 'sent no chat completion: {"detail":"not here"}'),
        (Raw('{"error": {"message": "model is loading"}}'), 'sent no chat completion: {"error":{"message":"model is'),
        (Raw('{"choices": [{"index": 0, "message": null}]}'), "sent no chat completion: "),
        (Raw('{"choices": {"index": 0}}'), "sent no chat completion: "),
        (Raw("null"), "sent no chat completion: None"),
    ],
)
async def test_broken_answer_names_the_endpoint(
    make_client: MakeClient, server: OpenAIServer, reply: Any, text: str
) -> None:
    server.reply(reply)

    with pytest.raises(ModelEndpointError) as failure:
        await make_client().create(HELLO)

    assert str(failure.value).startswith(f"model endpoint {server.url} (model 'gpt-4o-mini') {text}")


@pytest.mark.parametrize(
    ("reply", "pieces", "text"),
    [
        (Cut("one two"), ["one", " two"], "broke off: peer closed connection"),
        (Malformed("one two"), ["one", " two"], "sent an answer that is not JSON"),
        (Raw("<html>Welcome</html>", "text/html"), [], "ended its stream before the answer began"),
        (Raw("data: 5\n\n", "text/event-stream"), [], "sent a chunk that is none: 5"),
    ],
)
async def test_stream_that_breaks_fails_after_what_it_gave(
    make_client: MakeClient, server: OpenAIServer, reply: Any, pieces: list[str], text: str
) -> None:
    server.reply(reply)
    received: list[str | CreateResult] = []

    async def read() -> None:
        async for item in make_client().create_stream(HELLO):
            received.append(item)

    with pytest.raises(ModelEndpointError) as failure:
        await read()

    assert received == pieces
    assert str(failure.value).startswith(f"model endpoint {server.url} (model 'gpt-4o-mini') {text}")


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, openai.AuthenticationError), (429, openai.RateLimitError), (500, openai.InternalServerError)],
)
async def test_status_errors_are_those_of_the_sdk_with_the_endpoint_noted(
    make_client: MakeClient, server: OpenAIServer, status: int, error: type[Exception]
) -> None:
    server.reply(Status(status), Status(status))
    client = make_client()

    with pytest.raises(error, match="The server says no") as failure:
        await client.create(HELLO)
    with pytest.raises(error, match="The server says no"):
        await drain(client)

    assert failure.value.__notes__ == [f"model endpoint {server.url} (model 'gpt-4o-mini')"]


async def test_error_in_the_middle_of_a_stream_is_the_sdks_with_the_endpoint_noted(
    make_client: MakeClient, server: OpenAIServer
) -> None:
    server.reply(Raw('data: {"error": {"message": "overloaded"}}\n\n', "text/event-stream"))

    with pytest.raises(openai.APIError, match="overloaded") as failure:
        async for _ in make_client().create_stream(HELLO):
            pass

    assert failure.value.__notes__ == [f"model endpoint {server.url} (model 'gpt-4o-mini')"]


async def test_requests_are_retried_as_often_as_configured(make_client: MakeClient, server: OpenAIServer) -> None:
    server.reply(Status(429, retry_after=0.01), Status(500), Text("at last"))

    result = await make_client(max_retries=2).create(HELLO)

    assert result.content == "at last"
    assert len(server.requests) == 3


async def test_stalled_answer_times_out(make_client: MakeClient, server: OpenAIServer) -> None:
    server.reply(Stall(), Stall("one two"))
    client = make_client(timeout=0.05)

    with pytest.raises(ModelEndpointTimeoutError, match="did not answer in time; raise `timeout`") as failure:
        await client.create(HELLO)
    with pytest.raises(ModelEndpointTimeoutError, match="did not answer in time"):
        await drain(client)

    assert isinstance(failure.value, TimeoutError)


async def test_cancelling_the_token_aborts_the_request(make_client: MakeClient, server: OpenAIServer) -> None:
    server.reply(Stall())
    token = CancellationToken()
    call = asyncio.create_task(make_client().create(HELLO, cancellation_token=token))
    request = await server.received()

    token.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(call, 5)
    await asyncio.wait_for(request.closed.wait(), 5)


async def test_cancelling_the_token_aborts_a_stream(make_client: MakeClient, server: OpenAIServer) -> None:
    server.reply(Stall("one two"))
    token = CancellationToken()
    received: list[str | CreateResult] = []

    async def read() -> None:
        async for item in make_client().create_stream(HELLO, cancellation_token=token):
            received.append(item)
            if len(received) == 2:
                asyncio.get_running_loop().call_soon(token.cancel)

    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(read(), 5)

    assert received == ["one", " two"]
    await asyncio.wait_for(server.requests[0].closed.wait(), 5)


async def test_cancelled_token_sends_nothing(make_client: MakeClient, server: OpenAIServer) -> None:
    token = CancellationToken()
    token.cancel()

    with pytest.raises(asyncio.CancelledError):
        await make_client().create(HELLO, cancellation_token=token)
    with pytest.raises(asyncio.CancelledError):
        await drain(make_client(), cancellation_token=token)

    assert server.requests == []


async def test_cancelling_the_task_aborts_the_request(make_client: MakeClient, server: OpenAIServer) -> None:
    server.reply(Stall())
    call = asyncio.create_task(make_client().create(HELLO, cancellation_token=CancellationToken()))
    request = await server.received()

    call.cancel()

    with pytest.raises(asyncio.CancelledError):
        await call
    await asyncio.wait_for(request.closed.wait(), 5)


async def test_leaving_a_stream_aborts_the_request(make_client: MakeClient, server: OpenAIServer) -> None:
    server.reply(Stall("one two"))
    stream = make_client().create_stream(HELLO)

    assert await anext(stream) == "one"
    await stream.aclose()

    await asyncio.wait_for(server.requests[0].closed.wait(), 5)


async def test_cancelling_during_the_wait_for_a_retry_ends_it(make_client: MakeClient, server: OpenAIServer) -> None:
    server.reply(Status(429, retry_after=50))
    token = CancellationToken()
    call = asyncio.create_task(make_client(max_retries=1).create(HELLO, cancellation_token=token))
    await server.received()

    asyncio.get_running_loop().call_later(0.01, token.cancel)

    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(call, 5)
    assert len(server.requests) == 1


async def test_client_is_useless_after_close(make_client: MakeClient, server: OpenAIServer) -> None:
    client = make_client()
    await client.create(HELLO)

    await client.close()

    with pytest.raises((RuntimeError, ConnectionError), match=r"(?i)clos"):
        await client.create(HELLO)
