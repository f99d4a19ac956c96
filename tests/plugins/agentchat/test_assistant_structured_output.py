"""Answers of an AssistantAgent that have a class."""

from __future__ import annotations

import json

import pytest
from chat_scripts import ABLE, add, calls, replay
from pydantic import BaseModel, ValidationError

from hubbub_agentchat.agents import AssistantAgent
from hubbub_agentchat.messages import StructuredMessage, ToolCallSummaryMessage
from hubbub_core.models.replay import ReplayChatCompletionClient


class Answer(BaseModel):
    text: str
    score: int


async def test_structured_output() -> None:
    client = replay('{"text": "yes", "score": 3}')
    agent = AssistantAgent("helper", client, output_content_type=Answer, output_content_type_format="{text}: {score}")

    result = await agent.run(task="go")

    answer = result.messages[-1]
    assert isinstance(answer, StructuredMessage)
    assert answer.content == Answer(text="yes", score=3)
    assert answer.to_text() == "yes: 3"
    assert answer.models_usage is not None
    assert client.create_calls[0]["json_output"] is Answer
    assert [found.__name__ for found in agent.produced_message_types] == [
        "TextMessage",
        "ToolCallSummaryMessage",
        "HandoffMessage",
        "StructuredMessage",
        "StructuredMessage[Answer]",
    ]


async def test_structured_output_reflects_by_default_and_formats_the_reflection() -> None:
    client = replay(calls(("add", '{"a": 1, "b": 2}')), '{"text": "sum", "score": 3}')
    agent = AssistantAgent(
        "helper", client, tools=[add], output_content_type=Answer, output_content_type_format="{text}={score}"
    )

    answer = (await agent.run(task="go")).messages[-1]

    assert isinstance(answer, StructuredMessage)
    assert answer.to_text() == "sum=3"
    assert client.create_calls[1]["json_output"] is Answer


async def test_structured_output_without_reflection_summarises_tool_calls() -> None:
    agent = AssistantAgent(
        "helper",
        replay(calls(("add", '{"a": 1, "b": 2}'))),
        tools=[add],
        output_content_type=Answer,
        reflect_on_tool_use=False,
    )

    assert isinstance((await agent.run(task="go")).messages[-1], ToolCallSummaryMessage)


async def test_text_that_does_not_fit_the_output_type_is_an_error() -> None:
    with pytest.raises(ValidationError, match="score"):
        await AssistantAgent("helper", replay('{"text": "yes"}'), output_content_type=Answer).run(task="go")


async def test_structured_output_survives_the_configuration() -> None:
    agent = AssistantAgent(
        "helper",
        ReplayChatCompletionClient(['{"text": "yes", "score": 3}'], model_info=ABLE),
        output_content_type=Answer,
        output_content_type_format="{text}/{score}",
    )

    loaded = AssistantAgent.load_component(json.loads(agent.dump_component().model_dump_json()))

    assert (await loaded.run(task="x")).messages[-1].to_text() == "yes/3"
