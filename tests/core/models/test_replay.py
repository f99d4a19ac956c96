"""The client that gives prepared answers."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub_core import EVENT_LOGGER_NAME, CancellationToken, FunctionCall
from hubbub_core.logging import LLMCallEvent, LLMStreamEndEvent, LLMStreamStartEvent
from hubbub_core.models import ChatCompletionClient, CreateResult, ModelInfo, RequestUsage, UserMessage
from hubbub_core.models.replay import ReplayChatCompletionClient

ASK = [UserMessage(content="how are you", source="user")]


async def stream(client: ChatCompletionClient) -> list[str | CreateResult]:
    return [item async for item in client.create_stream(ASK)]


async def test_answers_come_in_order_then_run_out() -> None:
    client = ReplayChatCompletionClient(["one", "two"])

    first, second = await client.create(ASK), await client.create(ASK)

    assert (first.content, second.content) == ("one", "two")
    with pytest.raises(ValueError, match="No more mock responses available"):
        await client.create(ASK)


async def test_create_and_create_stream_share_one_position() -> None:
    client = ReplayChatCompletionClient(["one", "two", "three"])
    await client.create(ASK)

    items = await stream(client)

    assert items[0] == "two"
    assert (await client.create(ASK)).content == "three"


async def test_text_is_streamed_word_by_word_with_the_result_last() -> None:
    items = await stream(ReplayChatCompletionClient(["Hello my friend"]))

    assert items[:-1] == ["Hello ", "my ", "friend"]
    assert items[-1] == CreateResult(
        finish_reason="stop",
        content="Hello my friend",
        usage=RequestUsage(prompt_tokens=3, completion_tokens=3),
        cached=True,
    )


@given(st.text())
async def test_streamed_words_add_up_to_the_text(text: str) -> None:
    *words, result = await stream(ReplayChatCompletionClient([text]))

    assert isinstance(result, CreateResult)
    assert "".join(word for word in words if isinstance(word, str)) == text == result.content


async def test_function_calls_are_streamed_as_the_result_alone() -> None:
    calls = [FunctionCall(id="1", arguments="{}", name="f")]
    answer = CreateResult(finish_reason="function_calls", content=calls, usage=RequestUsage(0, 7), cached=False)

    items = await stream(ReplayChatCompletionClient([answer]))

    assert items == [answer]


async def test_usage_is_that_of_the_last_request_and_of_all() -> None:
    client = ReplayChatCompletionClient(["a b", "c"])

    await client.create(ASK)
    await stream(client)

    assert (client.actual_usage(), client.total_usage()) == (RequestUsage(3, 1), RequestUsage(6, 3))
    assert client.remaining_tokens(ASK) == 10_000 - 9


async def test_reset_starts_again_without_usage() -> None:
    client = ReplayChatCompletionClient(["only"])
    await client.create(ASK)

    client.reset()

    assert client.total_usage() == RequestUsage(0, 0)
    assert (await client.create(ASK)).content == "only"


async def test_changing_a_given_answer_does_not_change_it_for_the_next_time() -> None:
    call = FunctionCall(id="1", arguments="{}", name="f")
    answer = CreateResult(finish_reason="function_calls", content=[call], usage=RequestUsage(1, 1), cached=False)
    client = ReplayChatCompletionClient([answer])
    given = await client.create([])
    assert isinstance(given.content, list)

    given.content.clear()
    client.reset()

    assert (await client.create([])).content == [call]


async def test_create_calls_keep_the_messages_as_they_were_sent() -> None:
    client = ReplayChatCompletionClient(["a", "b"])
    messages = list(ASK)
    token = CancellationToken()

    await client.create(messages, json_output=True, extra_create_args={"seed": 1}, cancellation_token=token)
    messages.clear()

    assert client.create_calls == [
        {
            "messages": ASK,
            "tools": [],
            "tool_choice": "auto",
            "json_output": True,
            "extra_create_args": {"seed": 1},
            "cancellation_token": token,
        },
    ]


async def test_cached_flag_can_be_switched_off() -> None:
    client = ReplayChatCompletionClient(["a"])

    client.set_cached_bool_value(False)

    assert (await client.create(ASK)).cached is False


async def test_tool_choice_is_ignored_with_a_logged_warning(caplog: pytest.LogCaptureFixture) -> None:
    result = await ReplayChatCompletionClient(["a"]).create(ASK, tool_choice="required")

    assert result.content == "a"
    assert [record.levelname for record in caplog.records] == ["WARNING"]


async def test_cancelled_token_stops_a_stream_between_two_words() -> None:
    token = CancellationToken()
    async with aclosing(ReplayChatCompletionClient(["a b c"]).create_stream(ASK, cancellation_token=token)) as items:
        assert await anext(items) == "a "
        token.cancel()

        with pytest.raises(asyncio.CancelledError):
            await anext(items)


async def test_requests_are_logged_as_events(caplog: pytest.LogCaptureFixture) -> None:
    client = ReplayChatCompletionClient(["a", "b c"])

    with caplog.at_level(logging.INFO, logger=EVENT_LOGGER_NAME):
        await client.create(ASK)
        await stream(client)

    events: list[Any] = [record.msg for record in caplog.records]
    assert [type(event) for event in events] == [LLMCallEvent, LLMStreamStartEvent, LLMStreamEndEvent]
    assert [events[0].prompt_tokens, events[0].completion_tokens, events[2].completion_tokens] == [3, 1, 2]


async def test_component_round_trip_keeps_answers_and_model_info() -> None:
    calls = [FunctionCall(id="1", arguments='{"x": 1}', name="f")]
    answer = CreateResult(finish_reason="function_calls", content=calls, usage=RequestUsage(1, 2), cached=False)
    info = cast("ModelInfo", {**ReplayChatCompletionClient([]).model_info, "vision": True})
    client = ReplayChatCompletionClient(["text", answer], model_info=info)

    dumped = client.dump_component()
    loaded = ChatCompletionClient.load_component(dumped.model_dump())

    assert (dumped.provider, dumped.component_type) == (
        "hubbub_core.models.replay.ReplayChatCompletionClient",
        "replay_chat_completion_client",
    )
    assert isinstance(loaded, ReplayChatCompletionClient)
    assert (loaded.chat_completions, loaded.model_info) == (["text", answer], info)
