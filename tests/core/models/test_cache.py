"""The client that remembers the answers of another one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import BaseModel

from hubbub_core import CacheStore, CancellationToken, FunctionCall, InMemoryStore
from hubbub_core.models import ChatCompletionClient, CreateResult, RequestUsage, SystemMessage, UserMessage
from hubbub_core.models.cache import CHAT_CACHE_VALUE_TYPE, ChatCompletionCache
from hubbub_core.models.replay import ReplayChatCompletionClient
from hubbub_core.tools import FunctionTool

ASK = [UserMessage(content="how are you", source="user")]


class JsonStore(CacheStore[CHAT_CACHE_VALUE_TYPE]):
    """Keeps JSON text, as a store on a server does; may hand out the parsed data or the text."""

    def __init__(self, *, parse: bool) -> None:
        self.texts: dict[str, str] = {}
        self._parse = parse

    def get(self, key: str, default: Any = None) -> Any:
        if key not in self.texts:
            return default
        return json.loads(self.texts[key]) if self._parse else self.texts[key]

    def set(self, key: str, value: CHAT_CACHE_VALUE_TYPE) -> None:
        if isinstance(value, CreateResult):
            self.texts[key] = value.model_dump_json()
        else:
            self.texts[key] = json.dumps([item if isinstance(item, str) else item.model_dump() for item in value])


class Answer(BaseModel):
    text: str


class Other(BaseModel):
    number: int


def count(text: str) -> int:
    return len(text)


def make(*answers: str | CreateResult, store: Any = None) -> tuple[ChatCompletionCache, ReplayChatCompletionClient]:
    client = ReplayChatCompletionClient(answers)
    client.set_cached_bool_value(False)
    return ChatCompletionCache(client, store), client


async def stream(client: ChatCompletionClient) -> list[str | CreateResult]:
    return [item async for item in client.create_stream(ASK)]


async def test_second_equal_request_is_answered_from_the_cache_at_no_cost() -> None:
    cache, client = make("one", "two")
    first = await cache.create(ASK)
    usage = cache.total_usage()

    second = await cache.create([UserMessage(content="how are you", source="user")])

    assert (first.content, first.cached) == ("one", False)
    assert (second.content, second.cached) == ("one", True)
    assert cache.total_usage() == usage == client.total_usage()


async def test_streams_are_remembered_chunk_by_chunk() -> None:
    cache, client = make("one two")
    *words, _ = await stream(cache)

    *again, result = await stream(cache)

    assert again == words == ["one ", "two"]
    assert isinstance(result, CreateResult)
    assert result.cached
    assert len(client.create_calls) == 1


async def test_streamed_entry_answers_create() -> None:
    cache, _ = make("one two")
    await stream(cache)

    result = await cache.create(ASK)

    assert (result.content, result.cached) == ("one two", True)


async def test_plain_entry_answers_create_stream_with_text_then_result() -> None:
    cache, _ = make("one two")
    await cache.create(ASK)

    text, result = await stream(cache)

    assert text == "one two"
    assert isinstance(result, CreateResult)
    assert result.cached


async def test_abandoned_stream_is_not_remembered() -> None:
    cache, client = make("one two", "three")
    items = cache.create_stream(ASK)
    await anext(items)
    await items.aclose()

    result = await cache.create(ASK)

    assert (result.content, result.cached) == ("three", False)
    assert len(client.create_calls) == 2


@pytest.mark.parametrize(
    "changed",
    [
        {"tool_choice": "none"},
        {"json_output": True},
        {"json_output": Answer},
        {"extra_create_args": {"seed": 1}},
        {"extra_create_args": {"response_format": Other}},
    ],
    ids=str,
)
async def test_other_arguments_are_another_request(changed: dict[str, Any]) -> None:
    cache, _ = make("one", "two")
    await cache.create(ASK)

    assert (await cache.create(ASK, **changed)).content == "two"
    cache, _ = make("one", "two")
    await cache.create(ASK, **changed)
    assert (await cache.create(ASK, **changed)).content == "one"


async def test_other_messages_and_tools_are_another_request() -> None:
    def add(a: int, b: int) -> int:
        return a + b

    cache, _ = make("one", "two", "three")
    await cache.create(ASK)

    with_tool = await cache.create(ASK, tools=[FunctionTool(add, "Adds.")])
    with_system = await cache.create([SystemMessage(content="x"), *ASK])

    assert (with_tool.content, with_system.content) == ("two", "three")


@pytest.mark.parametrize("parse", [True, False])
async def test_store_that_returns_json_is_understood(parse: bool) -> None:
    calls = [FunctionCall(id="1", arguments="{}", name="f")]
    answer = CreateResult(finish_reason="function_calls", content=calls, usage=RequestUsage(1, 2), cached=False)
    cache, client = make(answer, store=JsonStore(parse=parse))
    await stream(cache)

    result = await cache.create(ASK)

    assert (result.content, result.cached, len(client.create_calls)) == (calls, True, 1)


@pytest.mark.parametrize("entry", ["not json", '{"content": 1}', "[]", '["only text"]', 42])
async def test_entry_that_makes_no_sense_is_a_miss(entry: Any) -> None:
    class Broken(InMemoryStore[CHAT_CACHE_VALUE_TYPE]):
        def get(self, key: str, default: Any = None) -> Any:
            return entry

    cache, _ = make("fresh", "fresh too", store=Broken())

    assert (await cache.create(ASK)).content == "fresh"
    assert (await stream(cache))[0] == "fresh "


async def test_hit_ignores_a_cancelled_token() -> None:
    cache, _ = make("one")
    await cache.create(ASK)
    token = CancellationToken()
    token.cancel()

    assert (await cache.create(ASK, cancellation_token=token)).content == "one"
    items = [item async for item in cache.create_stream(ASK, cancellation_token=token)]
    assert [item if isinstance(item, str) else item.content for item in items] == ["one", "one"]


async def test_every_argument_reaches_the_client() -> None:
    cache, client = make("one", "two")
    tool = FunctionTool(count, "Count.")
    token = CancellationToken()
    arguments: dict[str, Any] = {
        "tools": [tool],
        "tool_choice": tool,
        "json_output": Answer,
        "extra_create_args": {"temperature": 0},
        "cancellation_token": token,
    }

    await cache.create(ASK, **arguments)
    assert [item async for item in cache.create_stream([*ASK, *ASK], **arguments)]

    assert client.create_calls == [{"messages": ASK, **arguments}, {"messages": [*ASK, *ASK], **arguments}]


async def test_changing_a_result_does_not_change_the_cache() -> None:
    cache, _ = make("one")
    first = await cache.create(ASK)

    first.content = "spoilt"

    assert (await cache.create(ASK)).content == "one"


async def test_changing_the_calls_of_a_hit_does_not_change_the_cache() -> None:
    call = FunctionCall(id="1", arguments="{}", name="f")
    calls = CreateResult(finish_reason="function_calls", content=[call], usage=RequestUsage(1, 1), cached=False)
    cache, _ = make(calls)
    await cache.create(ASK)

    for hit in (await cache.create(ASK), (await stream(cache))[-1]):
        assert isinstance(hit, CreateResult)
        assert isinstance(hit.content, list)
        hit.content.clear()

    assert (await cache.create(ASK)).content == [call]


async def test_client_and_cache_close_the_client_and_leave_the_store_alone() -> None:
    closed: list[str] = []

    class Closing(ReplayChatCompletionClient):
        async def close(self) -> None:
            closed.append("client")

    store: InMemoryStore[CHAT_CACHE_VALUE_TYPE] = InMemoryStore[CHAT_CACHE_VALUE_TYPE]()
    cache = ChatCompletionCache(Closing(["one"]), store)
    await cache.create(ASK)

    await cache.close()

    assert closed == ["client"]
    assert (await cache.create(ASK)).content == "one"


async def test_configuration_with_the_default_store_round_trips() -> None:
    cache, _ = make("one")

    dumped = cache.dump_component()
    loaded = ChatCompletionClient.load_component(dumped)

    assert dumped.provider == "hubbub_core.models.cache.ChatCompletionCache"
    assert "store" not in dumped.config
    assert isinstance(loaded, ChatCompletionCache)
    assert (await loaded.create(ASK)).content == "one"
