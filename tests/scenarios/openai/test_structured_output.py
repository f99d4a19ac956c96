"""Structured output over the wire, at OpenAI and at Azure (spec: 000 CB-17; 001 STRUCT-1..3; 003 S3-024)."""

from __future__ import annotations

import json
from typing import Literal

import pytest
from openai_server import OpenAIServer, Text
from pydantic import BaseModel

from hubbub_agentchat.agents import AssistantAgent
from hubbub_agentchat.messages import StructuredMessage
from hubbub_core.models import ChatCompletionClient, UserMessage
from hubbub_openai import AzureOpenAIChatCompletionClient, OpenAIChatCompletionClient

QUESTION = [UserMessage(content="What is 16 + 32?", source="user")]


class Step(BaseModel):
    explanation: str
    output: str


class MathReasoning(BaseModel):
    steps: list[Step]
    final_answer: str


class AgentResponse(BaseModel):
    thoughts: str
    response: Literal["happy", "sad", "neutral"]


ANSWER = MathReasoning(steps=[Step(explanation="Add the ones and tens.", output="16 + 32 = 48")], final_answer="48")


def client_of(vendor: str, server: OpenAIServer) -> ChatCompletionClient:
    if vendor == "openai":
        return OpenAIChatCompletionClient(model="gpt-4o-mini", api_key="test", base_url=server.url)
    return AzureOpenAIChatCompletionClient(
        azure_deployment="mine",
        model="gpt-4o-2024-08-06",
        api_version="2024-08-01-preview",
        azure_endpoint=server.azure_endpoint,
        api_key="test",
    )


@pytest.mark.parametrize("vendor", ["openai", "azure"])
async def test_answer_is_json_of_the_class(server: OpenAIServer, vendor: str) -> None:
    server.reply(Text(ANSWER.model_dump_json()))
    client = client_of(vendor, server)

    result = await client.create(QUESTION, json_output=MathReasoning)
    await client.close()

    assert isinstance(result.content, str)
    assert MathReasoning.model_validate(json.loads(result.content)) == ANSWER
    sent = server.requests[0].body["response_format"]
    assert (sent["type"], sent["json_schema"]["name"], sent["json_schema"]["strict"]) == (
        "json_schema",
        "MathReasoning",
        True,
    )
    assert sent["json_schema"]["schema"]["required"] == ["steps", "final_answer"]


async def test_class_in_the_extra_arguments_works_as_in_the_cookbook(server: OpenAIServer) -> None:
    server.reply(Text(ANSWER.model_dump_json()))
    client = client_of("azure", server)

    with pytest.warns(DeprecationWarning, match="response_format"):
        result = await client.create(QUESTION, extra_create_args={"response_format": MathReasoning})
    await client.close()

    assert isinstance(result.content, str)
    assert MathReasoning.model_validate_json(result.content).final_answer == "48"


async def test_agent_answers_with_an_object_of_the_class(server: OpenAIServer) -> None:
    server.reply(Text('{"thoughts": "The user says so.", "response": "happy"}'))
    client = client_of("openai", server)
    agent = AssistantAgent("assistant", client, output_content_type=AgentResponse)

    result = await agent.run(task="I am happy.")
    await client.close()

    answer = result.messages[-1]
    assert isinstance(answer, StructuredMessage)
    assert answer.content == AgentResponse(thoughts="The user says so.", response="happy")
