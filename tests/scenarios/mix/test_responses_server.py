"""A model of the hub behind the Responses API: the vendor's own SDK talks to it, and what it sends is of its types."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import openai
import pytest
from examples.mix.responses_server import responses_server
from examples.mix.rules import RulesModel
from openai import AsyncOpenAI, DefaultAsyncHttpxClient
from openai.types.responses import Response, ResponseStreamEvent
from openai_types import checked, checked_member

from hubbub_core.models import CreateResult

FIND: Any = {
    "type": "function",
    "name": "find",
    "description": "Find a page",
    "strict": False,
    "parameters": {"type": "object", "properties": {"question": {"type": "string"}}, "required": ["question"]},
}
TOLD: Any = [{"role": "system", "content": "Call `find`."}, {"role": "user", "content": "Bees?"}]


@pytest.fixture
async def client() -> AsyncIterator[AsyncOpenAI]:
    async with responses_server(RulesModel()) as url, client_of(url) as client:
        yield client


def client_of(url: str) -> AsyncOpenAI:
    return AsyncOpenAI(api_key="none", base_url=url, http_client=DefaultAsyncHttpxClient(trust_env=False))


async def post(client: AsyncOpenAI, **request: Any) -> tuple[int, str]:
    """Ask without the SDK, which would take any object for a response."""
    body = {"model": "rules", "input": "Bees?", **request}
    async with httpx.AsyncClient(trust_env=False) as bare:
        response = await bare.post(f"{client.base_url}responses", json=body)
    return response.status_code, response.text


async def test_call_and_its_output_make_an_answer(client: AsyncOpenAI) -> None:
    first = await client.responses.create(model="rules", input=TOLD, tools=[FIND])
    (call,) = first.output
    assert call.type == "function_call"
    output: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "page: bees.md"}
    last = await client.responses.create(model="rules", input=[output], tools=[FIND], previous_response_id=first.id)

    assert (call.name, json.loads(call.arguments)) == ("find", {"question": "Bees?"})
    assert last.output_text == "page: bees.md"
    assert last.model == "rules"


async def test_whole_conversation_can_be_sent_instead(client: AsyncOpenAI) -> None:
    call: Any = {"type": "function_call", "call_id": "c1", "name": "find", "arguments": "{}"}
    output: Any = {"type": "function_call_output", "call_id": "c1", "output": "page: bees.md"}

    response = await client.responses.create(model="rules", input=[*TOLD, call, output], tools=[FIND], store=False)

    assert response.output_text == "page: bees.md"


@pytest.mark.parametrize("tools", [[FIND], []])
async def test_response_and_its_events_are_of_the_sdks_types(client: AsyncOpenAI, tools: list[Any]) -> None:
    whole = await post(client, input=TOLD, tools=tools)
    status, text = await post(client, input=TOLD, tools=tools, stream=True)
    events = [json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line.startswith("data: ")]

    assert (whole[0], status) == (200, 200)
    checked(Response, json.loads(whole[1]))
    for number, event in enumerate(events):
        checked_member(ResponseStreamEvent, event)
        assert event["sequence_number"] == number
    assert [events[0]["type"], events[-1]["type"]] == ["response.created", "response.completed"]
    checked(Response, events[-1]["response"])


async def test_streamed_text_is_that_of_the_answer(client: AsyncOpenAI) -> None:
    pieces = []
    async for event in await client.responses.create(model="rules", input="Bees?", stream=True):
        if event.type == "response.output_text.delta":
            pieces.append(event.delta)

    assert "".join(pieces) == "No tool of mine says anything about this."


@pytest.mark.parametrize(
    ("request_", "problem"),
    [
        ({"previous_response_id": "resp_9"}, "there is no response 'resp_9' here"),
        ({"tools": [{"type": "web_search_preview"}]}, "this service has no tool 'web_search_preview' of its own"),
        ({"input": [{"type": "function_call_output", "call_id": "c9", "output": ""}]}, "No tool call found"),
        ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, "reads text, not 'input_image'"),
        ({"input": [{"type": "reasoning"}]}, "does not take items of type 'reasoning'"),
    ],
)
async def test_what_the_service_does_not_have_is_refused_as_the_vendor_does(
    client: AsyncOpenAI, request_: dict[str, Any], problem: str
) -> None:
    with pytest.raises(openai.BadRequestError, match=problem):
        await client.responses.create(**{"model": "rules", "input": "Bees?", **request_})


async def test_forgotten_response_has_the_code_that_agents_look_for(client: AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await client.responses.create(model="rules", input="Bees?", previous_response_id="resp_9")

    assert caught.value.code == "previous_response_not_found"


async def test_other_endpoints_are_not_there(client: AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="there is only POST /v1/responses here"):
        await client.models.list()


class Failing(RulesModel):
    """A model that counts how often it fails."""

    asked = 0

    async def create(self, *args: Any, **kwargs: Any) -> CreateResult:
        self.asked += 1
        raise LookupError("no rule fits")


async def test_failure_of_the_model_reaches_the_client_and_is_not_tried_again() -> None:
    model = Failing()
    async with responses_server(model) as url, client_of(url) as client:
        with pytest.raises(openai.InternalServerError, match="LookupError: no rule fits"):
            await client.responses.create(model="rules", input="Bees?")

    assert model.asked == 1


class Waiting(RulesModel):
    """A model that never answers."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()

    async def create(self, *args: Any, **kwargs: Any) -> CreateResult:
        self.asked.set()
        return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return] # it never has a value


async def test_nothing_is_left_when_the_server_ends_in_the_middle_of_a_request() -> None:
    model = Waiting()
    before = asyncio.all_tasks()
    async with responses_server(model) as url, client_of(url) as client:
        request = asyncio.ensure_future(client.responses.create(model="rules", input="Bees?"))
        await model.asked.wait()
        request.cancel()
        await asyncio.gather(request, return_exceptions=True)

    assert asyncio.all_tasks() == before
    port = int(url.split(":")[2].split("/")[0])
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
