"""The vendor's own SDK drives the mock server, so that what our client meets is the vendor's wire format."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import openai
import openai_server
import pytest
from openai_server import Calls, Cut, Malformed, OpenAIServer, Refusal, Stall, Status, Text, running_process

QUESTION: Any = [{"role": "user", "content": "What is a hub?"}]
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}


async def test_sdk_reads_an_answer_made_of_the_request(sdk: openai.AsyncOpenAI, server: OpenAIServer) -> None:
    completion = await sdk.chat.completions.create(model="gpt-4o-mini", messages=QUESTION)

    assert completion.choices[0].message.content == "gpt-4o-mini was asked: What is a hub?"
    assert completion.choices[0].finish_reason == "stop"
    assert completion.usage is not None
    assert completion.usage.completion_tokens == 7
    assert server.requests[0].path == "/v1/chat/completions"
    assert server.requests[0].messages == QUESTION


async def test_sdk_reads_a_stream_with_usage(sdk: openai.AsyncOpenAI) -> None:
    stream = await sdk.chat.completions.create(
        model="gpt-4o-mini", messages=QUESTION, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]

    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == "gpt-4o-mini was asked: What is a hub?"
    assert [chunk.usage.completion_tokens for chunk in chunks if chunk.usage] == [7]
    assert chunks[-1].choices == []


async def test_sdk_stream_helper_reads_tool_calls(sdk: openai.AsyncOpenAI, server: OpenAIServer) -> None:
    server.reply(Calls(("get_weather", {"city": "Oslo"}), ("get_weather", {"city": "Rome"})))

    async with sdk.chat.completions.stream(model="gpt-4o-mini", messages=QUESTION, tools=[WEATHER]) as stream:
        completion = await stream.get_final_completion()

    calls = completion.choices[0].message.tool_calls
    assert calls is not None
    assert [(call.id, json.loads(call.function.arguments)) for call in calls] == [
        ("call_1_0", {"city": "Oslo"}),
        ("call_1_1", {"city": "Rome"}),
    ]


async def test_sdk_is_given_the_forced_tool(sdk: openai.AsyncOpenAI) -> None:
    completion = await sdk.chat.completions.create(
        model="gpt-4o-mini", messages=QUESTION, tools=[WEATHER], tool_choice="required"
    )

    call: Any = (completion.choices[0].message.tool_calls or [])[0]
    assert (call.function.name, call.function.arguments) == ("get_weather", '{"city": "text"}')
    assert completion.choices[0].finish_reason == "tool_calls"


async def test_sdk_parse_helper_gets_an_instance_of_the_schema(sdk: openai.AsyncOpenAI) -> None:
    from pydantic import BaseModel

    class Step(BaseModel):
        explanation: str
        output: int

    class Reasoning(BaseModel):
        steps: list[Step]
        correct: bool

    completion = await sdk.chat.completions.parse(model="gpt-4o", messages=QUESTION, response_format=Reasoning)

    assert completion.choices[0].message.parsed == Reasoning(steps=[Step(explanation="text", output=1)], correct=True)


async def test_sdk_reads_json_mode_refusal_and_logprobs(sdk: openai.AsyncOpenAI, server: OpenAIServer) -> None:
    as_json = await sdk.chat.completions.create(
        model="gpt-4o", messages=QUESTION, response_format={"type": "json_object"}
    )
    server.reply(Refusal("I will not"))
    refused = await sdk.chat.completions.create(model="gpt-4o", messages=QUESTION)
    rated = await sdk.chat.completions.create(model="gpt-4o", messages=QUESTION, logprobs=True)

    assert json.loads(as_json.choices[0].message.content or "") == {"question": "What is a hub?"}
    assert refused.choices[0].message.refusal == "I will not"
    assert rated.choices[0].logprobs is not None
    assert [token.token for token in rated.choices[0].logprobs.content or []][:2] == ["gpt-4o", " was"]


async def test_sdk_raises_its_own_class_for_each_status(sdk: openai.AsyncOpenAI, server: OpenAIServer) -> None:
    server.reply(Status(401), Status(429, retry_after=7), Status(500))

    with pytest.raises(openai.AuthenticationError):
        await sdk.chat.completions.create(model="gpt-4o", messages=QUESTION)
    with pytest.raises(openai.RateLimitError) as limited:
        await sdk.chat.completions.create(model="gpt-4o", messages=QUESTION)
    with pytest.raises(openai.InternalServerError):
        await sdk.chat.completions.create(model="gpt-4o", messages=QUESTION)
    assert limited.value.response.headers["retry-after"] == "7"


async def test_sdk_retries_after_rate_limit(server: OpenAIServer) -> None:
    server.reply(Status(429, retry_after=0.01), Status(500), Text("at last"))

    async with openai.AsyncOpenAI(api_key="test", base_url=server.url, max_retries=2) as sdk:
        completion = await sdk.with_options(max_retries=2).chat.completions.create(model="gpt-4o", messages=QUESTION)

    assert completion.choices[0].message.content == "at last"
    assert len(server.requests) == 3


@pytest.mark.parametrize("reply", [Cut(), Malformed()])
async def test_sdk_fails_on_a_broken_answer(
    sdk: openai.AsyncOpenAI, server: OpenAIServer, reply: Cut | Malformed
) -> None:
    server.reply(reply, reply)

    # openai 2 lets errors of httpx and json through, openai 3 wraps some of them.
    with pytest.raises(Exception, match=r"peer closed|Expecting value|Connection error"):
        await sdk.chat.completions.create(model="gpt-4o", messages=QUESTION)
    with pytest.raises(Exception, match=r"peer closed|Expecting value|Connection error"):
        async for _ in await sdk.chat.completions.create(model="gpt-4o", messages=QUESTION, stream=True):
            pass


async def test_sdk_times_out_on_a_stalled_answer(server: OpenAIServer) -> None:
    server.reply(Stall())

    async with openai.AsyncOpenAI(api_key="test", base_url=server.url, max_retries=0, timeout=0.05) as sdk:
        with pytest.raises(openai.APITimeoutError):
            await sdk.chat.completions.create(model="gpt-4o", messages=QUESTION)
    await asyncio.wait_for(server.requests[0].closed.wait(), 5)


async def test_server_refuses_to_send_what_the_sdk_does_not_know(server: OpenAIServer) -> None:
    with pytest.raises(ValueError, match="finish_reason"):
        openai_server.completion(Text("x", finish_reason="because"), {"model": "m", "messages": []}, 1)


def test_standalone_process_serves_a_script_and_records(tmp_path: Path) -> None:
    (tmp_path / "replies.json").write_text('["one", {"calls": [["get_weather", {"city": "Oslo"}]]}, {"status": 401}]')
    record = tmp_path / "record.jsonl"

    with (
        running_process("--replies", str(tmp_path / "replies.json"), "--record", str(record)) as url,
        openai.OpenAI(api_key="test", base_url=url, max_retries=0) as sdk,
    ):
        first = sdk.chat.completions.create(model="gpt-4o", messages=QUESTION)
        second = sdk.chat.completions.create(model="gpt-4o", messages=QUESTION)
        with pytest.raises(openai.AuthenticationError):
            sdk.chat.completions.create(model="gpt-4o", messages=QUESTION)

    assert first.choices[0].message.content == "one"
    assert second.choices[0].finish_reason == "tool_calls"
    requests = [json.loads(line) for line in record.read_text().splitlines()]
    assert [request["body"]["messages"] for request in requests] == [QUESTION] * 3


def test_standalone_process_explains_itself() -> None:
    shown = subprocess.run(
        [sys.executable, openai_server.__file__, "--help"], capture_output=True, text=True, check=True, timeout=60
    )

    assert "--replies" in shown.stdout
