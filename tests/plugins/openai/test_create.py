from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from openai_server import Calls, OpenAIServer, Raw, Refusal, Text

from hubbub_core import EVENT_LOGGER_NAME, FunctionCall
from hubbub_core.logging import LLMCallEvent
from hubbub_core.models import (
    ChatCompletionTokenLogprob,
    CreateResult,
    ModelFamily,
    ModelInfo,
    RequestUsage,
    TopLogprob,
    UserMessage,
)
from hubbub_openai import OpenAIChatCompletionClient

MakeClient = Callable[..., OpenAIChatCompletionClient]
HELLO = [UserMessage(content="Hello there", source="user")]
R1 = ModelInfo(vision=False, function_calling=True, json_output=True, family=ModelFamily.R1, structured_output=True)


async def test_answer_is_returned_whole(make_client: MakeClient, server: OpenAIServer) -> None:
    server.reply(Text("Paris", usage=(9, 1)))

    result = await make_client().create(HELLO)

    assert result == CreateResult(
        finish_reason="stop",
        content="Paris",
        usage=RequestUsage(prompt_tokens=9, completion_tokens=1),
        cached=False,
        logprobs=None,
        thought=None,
    )
    assert server.requests[0].body == {
        "model": "gpt-4o-mini",
        "messages": [{"role": "user", "name": "user", "content": "Hello there"}],
        "stream": False,
    }
    assert server.requests[0].headers["authorization"] == "Bearer test"


async def test_options_of_the_client_are_sent_and_those_of_the_call_win(
    make_client: MakeClient, server: OpenAIServer
) -> None:
    client = make_client(
        temperature=0.3,
        seed=7,
        stop=["END"],
        logit_bias={"50256": -100},
        max_tokens=20,
        top_p=0.5,
        frequency_penalty=0.1,
        presence_penalty=0.2,
        user="somebody",
        reasoning_effort="low",
        stream_options={"include_usage": True},
        default_headers={"X-Team": "hub"},
        extra_body={"top_k": 4},
    )

    await client.create(HELLO, extra_create_args={"temperature": 1.0, "extra_body": {"top_k": 5}, "timeout": 30})

    body = {key: value for key, value in server.requests[0].body.items() if key not in ("messages", "model", "stream")}
    assert body == {
        "temperature": 1.0,
        "seed": 7,
        "stop": ["END"],
        "logit_bias": {"50256": -100},
        "max_tokens": 20,
        "top_p": 0.5,
        "frequency_penalty": 0.1,
        "presence_penalty": 0.2,
        "user": "somebody",
        "reasoning_effort": "low",
        "top_k": 5,
    }
    assert server.requests[0].headers["x-team"] == "hub"


async def test_unknown_extra_create_args_are_refused(make_client: MakeClient, server: OpenAIServer) -> None:
    with pytest.raises(ValueError, match=r"Extra create args are invalid: messages, temprature .*'temperature'"):
        await make_client().create(HELLO, extra_create_args={"temprature": 1, "messages": []})
    assert server.requests == []


async def test_tool_calls_become_function_calls_and_their_text_the_thought(
    make_client: MakeClient, server: OpenAIServer
) -> None:
    server.reply(Calls(("get time", {"zone": "UTC"}), ("x" * 70, {}), text="Let me look"))

    result = await make_client().create(HELLO)

    assert result.content == [
        FunctionCall(id="call_1_0", arguments='{"zone": "UTC"}', name="get_time"),
        FunctionCall(id="call_1_1", arguments="{}", name="x" * 64),
    ]
    assert result.finish_reason == "function_calls"
    assert result.thought == "Let me look"


async def test_tool_calls_decide_the_finish_reason(make_client: MakeClient, server: OpenAIServer) -> None:
    server.reply(Calls(("now", {}), finish_reason="stop"))

    with pytest.warns(UserWarning, match="Finish reason mismatch: stop"):
        result = await make_client().create(HELLO)

    assert result.finish_reason == "function_calls"


async def test_arguments_that_are_no_text_are_dumped_to_json(make_client: MakeClient, server: OpenAIServer) -> None:
    server.reply(Calls(("now", {"zone": "UTC"}), valid=False))

    with pytest.warns(UserWarning, match="Tool call function arguments field is not a string"):
        result = await make_client().create(HELLO)

    assert result.content == [FunctionCall(id="call_1_0", arguments='{"zone": "UTC"}', name="now")]


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("content_filter", "content_filter"),
        ("end_turn", "stop"),
        ("max_tokens", "length"),
        ("tool_use", "function_calls"),
        ("because", "unknown"),
    ],
)
async def test_finish_reasons_are_normalised(
    make_client: MakeClient, server: OpenAIServer, sent: str, read: str
) -> None:
    server.reply(Text("x", finish_reason=sent, valid=False))

    assert (await make_client().create(HELLO)).finish_reason == read


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
async def test_reasoning_is_the_thought(make_client: MakeClient, server: OpenAIServer, field: str) -> None:
    server.reply(Text("42", reasoning="six times seven", reasoning_field=field))

    result = await make_client().create(HELLO)

    assert (result.content, result.thought) == ("42", "six times seven")


async def test_r1_thought_is_split_off_the_text(make_client: MakeClient, server: OpenAIServer) -> None:
    server.reply(Text("<think>six times seven</think>\n\n42"))

    result = await make_client(model="deepseek-r1:1.5b", model_info=R1).create(HELLO)

    assert (result.content, result.thought) == ("42", "six times seven")


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ("42", "Could not find <think>..</think> field in model response content. No thought was extracted."),
        ("</think>4<think>", "Found </think> before <think> in model response content. No thought was extracted."),
    ],
)
async def test_r1_text_without_a_thought_is_unchanged(
    make_client: MakeClient, server: OpenAIServer, text: str, warning: str
) -> None:
    server.reply(Text(text))

    with pytest.warns(UserWarning, match="No thought was extracted") as caught:
        result = await make_client(model="deepseek-r1:1.5b", model_info=R1).create(HELLO)

    assert [str(entry.message) for entry in caught] == [warning]
    assert (result.content, result.thought) == (text, None)


@pytest.mark.parametrize("usage", ["none", "null"])
async def test_missing_usage_counts_as_zero(make_client: MakeClient, server: OpenAIServer, usage: Any) -> None:
    server.reply(Text("x", usage=usage))

    result = await make_client().create(HELLO)

    assert result.usage == RequestUsage(prompt_tokens=0, completion_tokens=0)


async def test_usage_adds_up_over_create_and_stream(make_client: MakeClient, server: OpenAIServer) -> None:
    server.reply(Text("a", usage=(3, 1)), Text("b", usage=(5, 2)))
    client = make_client()

    await client.create(HELLO)
    async for _ in client.create_stream(HELLO, include_usage=True):
        pass

    assert client.total_usage() == RequestUsage(prompt_tokens=8, completion_tokens=3)
    assert client.actual_usage() == RequestUsage(prompt_tokens=8, completion_tokens=3)


async def test_refusal_is_the_content(make_client: MakeClient, server: OpenAIServer) -> None:
    server.reply(Refusal("I will not"))

    assert (await make_client().create(HELLO)).content == "I will not"


async def test_empty_answer_is_empty_text_with_a_warning(make_client: MakeClient, server: OpenAIServer) -> None:
    server.reply(Text(""))

    with pytest.warns(UserWarning, match="neither text nor tool calls"):
        result = await make_client().create(HELLO)

    assert result.content == ""


async def test_logprobs_are_read(make_client: MakeClient, server: OpenAIServer) -> None:
    server.reply(Text("Hi"))

    result = await make_client(logprobs=True, top_logprobs=1).create(HELLO)

    expected = ChatCompletionTokenLogprob(
        token="Hi", logprob=-0.25, top_logprobs=[TopLogprob(logprob=-0.25, bytes=[72, 105])], bytes=[72, 105]
    )
    assert result.logprobs == [expected]
    assert server.requests[0].body["top_logprobs"] == 1


async def test_model_that_answers_under_another_name_is_reported_once(
    make_client: MakeClient, server: OpenAIServer
) -> None:
    server.reply(*[Text("x", model="gpt-4o-mini-2031-01-01")] * 2, Text("x", model="gpt-4o-mini-2024-07-18"))
    client = make_client()

    async def ask_three_times() -> None:
        for _ in range(3):
            await client.create(HELLO)

    expected = "Resolved model mismatch: gpt-4o-mini-2024-07-18 != gpt-4o-mini-2031-01-01"
    with pytest.warns(UserWarning, match=expected) as caught:
        await ask_three_times()

    assert len(caught) == 1


async def test_call_is_logged_for_whoever_listens(
    make_client: MakeClient, server: OpenAIServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.reply(Text("Paris", usage=(9, 1)))

    with caplog.at_level(logging.INFO, logger=EVENT_LOGGER_NAME):
        await make_client().create(HELLO)

    (event,) = [record.msg for record in caplog.records if record.name == EVENT_LOGGER_NAME]
    assert isinstance(event, LLMCallEvent)
    assert (event.prompt_tokens, event.completion_tokens) == (9, 1)
    logged = json.loads(str(event))
    assert logged["messages"] == server.requests[0].messages
    assert logged["response"]["choices"][0]["message"]["content"] == "Paris"
    assert logged["tools"] == []


async def test_call_of_a_tool_that_is_no_function_is_refused(make_client: MakeClient, server: OpenAIServer) -> None:
    call = {"id": "1", "type": "custom", "custom": {"name": "paint", "input": "red"}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    server.reply(Raw(json.dumps({"choices": [{"index": 0, "finish_reason": "tool_calls", "message": message}]})))

    with pytest.raises(ValueError, match="called a tool of type 'custom'; only functions are supported"):
        await make_client().create(HELLO)


async def test_usage_that_is_no_number_counts_as_zero(make_client: MakeClient, server: OpenAIServer) -> None:
    """spec: newer N-292."""
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hi"}}
    server.reply(Raw(json.dumps({"choices": [choice], "usage": {"prompt_tokens": "7", "completion_tokens": 1}})))

    assert (await make_client().create(HELLO)).usage == RequestUsage(prompt_tokens=0, completion_tokens=1)
