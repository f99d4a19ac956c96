from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from openai_server import Calls, Chunks, OpenAIServer, Refusal, Text

from hubbub_core import EVENT_LOGGER_NAME, FunctionCall
from hubbub_core.logging import LLMStreamEndEvent, LLMStreamStartEvent
from hubbub_core.models import CreateResult, RequestUsage, UserMessage
from hubbub_openai import ModelEndpointError, OpenAIChatCompletionClient

MakeClient = Callable[..., OpenAIChatCompletionClient]
HELLO = [UserMessage(content="Hello there", source="user")]
STOP = {"choices": [{"delta": {}, "finish_reason": "stop"}]}


async def collect(client: OpenAIChatCompletionClient, **options: Any) -> tuple[list[str], CreateResult]:
    items = [item async for item in client.create_stream(HELLO, **options)]
    result = items.pop()
    assert isinstance(result, CreateResult)
    texts = [item for item in items if isinstance(item, str)]
    assert texts == items
    return texts, result


def delta(**fields: Any) -> dict[str, Any]:
    return {"choices": [{"delta": fields}]}


async def test_stream_yields_the_pieces_then_the_result(make_client: MakeClient, server: OpenAIServer) -> None:
    server.reply(Text("Paris is it"))

    texts, result = await collect(make_client())

    assert texts == ["Paris", " is", " it"]
    assert (result.content, result.finish_reason) == ("Paris is it", "stop")
    assert result.usage == RequestUsage(prompt_tokens=0, completion_tokens=0)
    assert "stream_options" not in server.requests[0].body


@pytest.mark.parametrize(
    ("client_options", "call_options"),
    [
        ({}, {"include_usage": True}),
        ({}, {"extra_create_args": {"stream_options": {"include_usage": True}}}),
        ({"stream_options": {"include_usage": True}}, {}),
        ({}, {"include_usage": True, "extra_create_args": {"stream_options": {"include_usage": True}}}),
    ],
)
async def test_usage_is_reported_when_asked_for(
    make_client: MakeClient, server: OpenAIServer, client_options: Any, call_options: Any
) -> None:
    server.reply(Text("Paris", usage=(9, 1)))

    _, result = await collect(make_client(**client_options), **call_options)

    assert result.usage == RequestUsage(prompt_tokens=9, completion_tokens=1)
    assert server.requests[0].body["stream_options"] == {"include_usage": True}


async def test_contradicting_include_usage_is_refused(make_client: MakeClient) -> None:
    with pytest.raises(ValueError, match=r"include_usage and .* are both set, but differ in value"):
        await collect(make_client(), include_usage=True, extra_create_args={"stream_options": {"include_usage": False}})


async def test_tool_calls_are_put_together(make_client: MakeClient, server: OpenAIServer) -> None:
    server.reply(Calls(("get time", {"zone": "UTC"}), ("now", {}), text="Let me look"))

    texts, result = await collect(make_client())

    assert texts == ["Let", " me", " look"]
    assert result.content == [
        FunctionCall(id="call_1_0", arguments='{"zone": "UTC"}', name="get_time"),
        FunctionCall(id="call_1_1", arguments="{}", name="now"),
    ]
    assert (result.finish_reason, result.thought) == ("function_calls", "Let me look")


@pytest.mark.parametrize("index", [{"index": 0}, {}])
async def test_calls_without_an_index_of_their_own_are_told_apart_by_id(
    make_client: MakeClient, server: OpenAIServer, index: Any
) -> None:
    """Gemini's compatible endpoint sends every call whole, under index 0."""
    calls = [
        {**index, "id": call_id, "type": "function", "function": {"name": "now", "arguments": '{"zone": 1}'}}
        for call_id in ("a", "b")
    ]
    end = {"choices": [{"delta": {}, "finish_reason": "tool_calls"}]}
    server.reply(Chunks((*(delta(tool_calls=[call]) for call in calls), end), valid=False))

    _, result = await collect(make_client())

    assert result.content == [
        FunctionCall(id="a", arguments='{"zone": 1}', name="now"),
        FunctionCall(id="b", arguments='{"zone": 1}', name="now"),
    ]


async def test_arguments_that_are_no_text_are_dumped_to_json(make_client: MakeClient, server: OpenAIServer) -> None:
    """spec: newer N-406."""
    call = {"index": 0, "id": "1", "type": "function", "function": {"name": "now", "arguments": {"zone": "UTC"}}}
    part = {"choices": [{"delta": {"tool_calls": [call]}, "finish_reason": "tool_calls"}]}
    server.reply(Chunks((part,), valid=False))

    with pytest.warns(UserWarning, match="Tool call function arguments field is not a string"):
        items = [item async for item in make_client().create_stream(HELLO)]

    result = items[-1]
    assert isinstance(result, CreateResult)
    assert result.content == [FunctionCall(id="1", arguments='{"zone": "UTC"}', name="now")]


async def test_reasoning_is_wrapped_once_and_collected(make_client: MakeClient, server: OpenAIServer) -> None:
    server.reply(Text("It is 42", reasoning="six times seven"))

    texts, result = await collect(make_client())

    assert "".join(texts) == "<think>six times seven</think>It is 42"
    assert (result.content, result.thought) == ("It is 42", "six times seven")


async def test_reasoning_before_tool_calls_is_closed(make_client: MakeClient, server: OpenAIServer) -> None:
    server.reply(Calls(("now", {}), reasoning="look it up"))

    texts, result = await collect(make_client())

    assert "".join(texts) == "<think>look it up</think>"
    assert result.thought == "look it up"


async def test_refusal_is_streamed_as_text(make_client: MakeClient, server: OpenAIServer) -> None:
    server.reply(Refusal("I will not"))

    texts, result = await collect(make_client())

    assert "".join(texts) == "I will not" == result.content


async def test_ten_empty_chunks_in_a_row_warn_once(make_client: MakeClient, server: OpenAIServer) -> None:
    empty: dict[str, Any] = {"choices": []}
    server.reply(Chunks((*[empty] * 12, delta(content="x"), STOP)))

    with pytest.warns(UserWarning, match="10 empty chunks in a row") as caught:
        texts, _ = await collect(make_client())

    assert texts == ["x"]
    assert len(caught) == 1


async def test_tolerance_for_empty_chunks_is_deprecated(make_client: MakeClient) -> None:
    with pytest.warns(DeprecationWarning, match="max_consecutive_empty_chunk_tolerance"):
        await collect(make_client(), max_consecutive_empty_chunk_tolerance=3)


async def test_only_the_first_choice_is_used(make_client: MakeClient, server: OpenAIServer) -> None:
    both = {"choices": [{"delta": {"content": "a"}}, {"index": 1, "delta": {"content": "b"}}]}
    server.reply(Chunks((both, both, STOP)))

    with pytest.warns(UserWarning, match="several choices") as caught:
        texts, _ = await collect(make_client(n=2))

    assert texts == ["a", "a"]
    assert len(caught) == 1


async def test_legacy_function_call_is_refused(make_client: MakeClient, server: OpenAIServer) -> None:
    server.reply(Chunks((delta(function_call={"name": "now", "arguments": "{}"}),)))

    with pytest.raises(ValueError, match="legacy field `function_call`"):
        await collect(make_client())


async def test_stream_without_a_chunk_is_an_error(make_client: MakeClient, server: OpenAIServer) -> None:
    server.reply(Chunks(()))

    with pytest.raises(ModelEndpointError, match="ended its stream before the answer began"):
        await collect(make_client())


async def test_stream_without_finish_reason_says_so(make_client: MakeClient, server: OpenAIServer) -> None:
    server.reply(Chunks((delta(content="x"),)))

    with pytest.warns(UserWarning, match="without a finish reason"):
        _, result = await collect(make_client())

    assert (result.content, result.finish_reason) == ("x", "unknown")


async def test_logprobs_are_collected(make_client: MakeClient, server: OpenAIServer) -> None:
    server.reply(Text("Paris it is"))

    _, result = await collect(make_client(logprobs=True))

    assert result.logprobs is not None
    assert [token.token for token in result.logprobs] == ["Paris", " it", " is"]


async def test_stream_logs_one_start_and_one_end(
    make_client: MakeClient, server: OpenAIServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.reply(Text("Paris it is", usage=(9, 3)))

    with caplog.at_level(logging.INFO, logger=EVENT_LOGGER_NAME):
        await collect(make_client(), include_usage=True)

    start, end = [record.msg for record in caplog.records if record.name == EVENT_LOGGER_NAME]
    assert isinstance(start, LLMStreamStartEvent)
    assert start.kwargs["messages"] == server.requests[0].messages
    assert isinstance(end, LLMStreamEndEvent)
    assert end.kwargs["response"]["content"] == "Paris it is"
    assert (end.prompt_tokens, end.completion_tokens) == (9, 3)
