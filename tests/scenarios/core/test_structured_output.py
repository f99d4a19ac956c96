"""Structured output: a pydantic class goes with the request, a JSON text comes back.

Spec: 000 MC-12..14, CB-17; 001 MODELC-8..10, STRUCT-2.
"""

from __future__ import annotations

import json
from typing import Any, Literal

import pytest
from pydantic import BaseModel, ValidationError

from hubbub_core.models import UserMessage
from hubbub_core.models.replay import ReplayChatCompletionClient


class Step(BaseModel):
    explanation: str
    output: str


class MathReasoning(BaseModel):
    steps: list[Step]
    final_answer: str


class AgentResponse(BaseModel):
    thoughts: str
    response: Literal["happy", "sad", "neutral"]


REASONING = MathReasoning(
    steps=[
        Step(explanation="Add the tens.", output="10 + 30 = 40"),
        Step(explanation="Add the ones.", output="6 + 2 = 8"),
    ],
    final_answer="48",
)


async def test_nested_answer_is_json_that_validates() -> None:
    model = ReplayChatCompletionClient([REASONING.model_dump_json()])

    reply = await model.create(
        [UserMessage(content="What is 16 + 32?", source="user")],
        extra_create_args={"response_format": MathReasoning},
    )

    assert isinstance(reply.content, str)
    reasoning = MathReasoning.model_validate(json.loads(reply.content))
    assert (reasoning, reasoning.final_answer) == (REASONING, "48")
    assert model.create_calls[0]["extra_create_args"] == {"response_format": MathReasoning}


@pytest.mark.parametrize(
    "request_args",
    [{"json_output": AgentResponse}, {"extra_create_args": {"response_format": AgentResponse}}],
)
async def test_mood_is_one_of_three(request_args: dict[str, Any]) -> None:
    texts = ['{"thoughts": "They said so.", "response": "happy"}', '{"thoughts": "", "response": "furious"}']
    model = ReplayChatCompletionClient(texts)
    asked = [UserMessage(content="I am happy.", source="user")]

    first, second = [(await model.create(asked, **request_args)).content for _ in texts]

    assert isinstance(first, str)
    assert isinstance(second, str)
    assert AgentResponse.model_validate_json(first).response == "happy"
    with pytest.raises(ValidationError, match="'happy', 'sad' or 'neutral'"):
        AgentResponse.model_validate_json(second)
