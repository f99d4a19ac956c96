from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from typing import Any, Generic, Literal, TypeVar

import pytest
from openai_server import Calls, OpenAIServer, Text
from pydantic import BaseModel

from hubbub_core import FunctionCall
from hubbub_core.models import (
    AssistantMessage,
    CreateResult,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    LLMMessage,
    ModelInfo,
    SystemMessage,
    UserMessage,
)
from hubbub_core.tools import FunctionTool
from hubbub_openai import OpenAIChatCompletionClient

MakeClient = Callable[..., OpenAIChatCompletionClient]
HELLO = [UserMessage(content="I am happy.", source="user")]
Value = TypeVar("Value")
PLAIN = ModelInfo(vision=False, function_calling=False, json_output=False, family="x", structured_output=False)


class AgentResponse(BaseModel):
    thoughts: str
    response: Literal["happy", "sad", "neutral"]


class Answer(BaseModel, Generic[Value]):
    value: Value


AGENT_RESPONSE_FORMAT = {
    "type": "json_schema",
    "json_schema": {
        "name": "AgentResponse",
        "strict": True,
        "schema": {
            "title": "AgentResponse",
            "type": "object",
            "properties": {
                "thoughts": {"title": "Thoughts", "type": "string"},
                "response": {"title": "Response", "type": "string", "enum": ["happy", "sad", "neutral"]},
            },
            "required": ["thoughts", "response"],
            "additionalProperties": False,
        },
    },
}


@pytest.mark.parametrize("streaming", [False, True])
async def test_pydantic_class_gives_json_text_of_its_schema(
    make_client: MakeClient, server: OpenAIServer, streaming: bool
) -> None:
    client = make_client()
    if streaming:
        items = [item async for item in client.create_stream(HELLO, json_output=AgentResponse)]
        result = items[-1]
    else:
        result = await client.create(HELLO, json_output=AgentResponse)

    assert isinstance(result, CreateResult)
    assert isinstance(result.content, str)
    assert AgentResponse.model_validate_json(result.content) == AgentResponse(thoughts="text", response="happy")
    assert server.requests[0].body["response_format"] == AGENT_RESPONSE_FORMAT


async def test_generic_class_has_a_name_that_the_service_takes(make_client: MakeClient, server: OpenAIServer) -> None:
    result = await make_client().create(HELLO, json_output=Answer[int])

    assert server.requests[0].body["response_format"]["json_schema"]["name"] == "Answer_int_"
    assert Answer[int].model_validate_json(str(result.content)) == Answer[int](value=1)


@pytest.mark.parametrize(("json_output", "sent"), [(True, {"type": "json_object"}), (False, {"type": "text"})])
async def test_bool_switches_json_mode(
    make_client: MakeClient, server: OpenAIServer, json_output: bool, sent: Any
) -> None:
    await make_client().create(HELLO, json_output=json_output)

    assert server.requests[0].body["response_format"] == sent


async def test_other_json_output_is_refused(make_client: MakeClient) -> None:
    with pytest.raises(ValueError, match="json_output must be a boolean or a Pydantic model class"):
        await make_client().create(HELLO, json_output="yes")  # type: ignore[arg-type] # bad input is what is tested


@pytest.mark.parametrize("json_output", [True, AgentResponse])
async def test_output_that_the_model_does_not_support_is_refused(make_client: MakeClient, json_output: Any) -> None:
    with pytest.raises(ValueError, match=r"Model does not support (JSON|structured) output"):
        await make_client(model="x", model_info=PLAIN).create(HELLO, json_output=json_output)


async def test_response_format_class_works_with_a_deprecation_warning(
    make_client: MakeClient, server: OpenAIServer
) -> None:
    client = make_client(response_format=AgentResponse)
    with pytest.warns(DeprecationWarning, match="Using response_format to specify the BaseModel"):
        await client.create(HELLO)
    with pytest.warns(DeprecationWarning, match="Using response_format to specify the BaseModel"):
        await make_client().create(HELLO, extra_create_args={"response_format": AgentResponse})

    assert [request.body["response_format"] for request in server.requests] == [AGENT_RESPONSE_FORMAT] * 2


async def test_two_classes_are_refused(make_client: MakeClient) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        with pytest.raises(
            ValueError, match="response_format and json_output cannot be set to a Pydantic model class at the same time"
        ):
            await make_client().create(
                HELLO, json_output=AgentResponse, extra_create_args={"response_format": AgentResponse}
            )


async def test_response_format_dict_gives_way_to_json_output_with_a_warning(
    make_client: MakeClient, server: OpenAIServer
) -> None:
    with pytest.warns(UserWarning, match="response_format is found in extra_create_args while json_output is set"):
        await make_client().create(
            HELLO, json_output=AgentResponse, extra_create_args={"response_format": {"type": "json_object"}}
        )

    assert server.requests[0].body["response_format"] == AGENT_RESPONSE_FORMAT


async def test_response_format_of_the_client_is_sent_without_its_empty_fields(
    make_client: MakeClient, server: OpenAIServer
) -> None:
    await make_client(response_format={"type": "json_object", "json_schema": None}).create(HELLO)

    assert server.requests[0].body["response_format"] == {"type": "json_object"}


async def test_tool_call_then_structured_output(make_client: MakeClient, server: OpenAIServer) -> None:
    """The documents' two-step program (spec: 000 L24103)."""

    def sentiment_analysis(text: str) -> str:
        return "happy" if "happy" in text else "neutral"

    tool = FunctionTool(sentiment_analysis, description="Sentiment Analysis", strict=True)
    server.reply(Calls(("sentiment_analysis", {"text": "I am happy."})))
    client = make_client(model="gpt-4o")
    messages: list[LLMMessage] = [SystemMessage(content="Analyze with the tool."), *HELLO]

    first = await client.create(messages, tools=[tool])
    assert isinstance(first.content, list)
    (call,) = first.content
    assert call == FunctionCall(id="call_1_0", arguments='{"text": "I am happy."}', name="sentiment_analysis")
    server.reply(Text(json.dumps({"thoughts": "clear", "response": "happy"})))
    second = await client.create(
        [
            *messages,
            AssistantMessage(content=first.content, source="assistant"),
            FunctionExecutionResultMessage(
                content=[FunctionExecutionResult(content="happy", call_id=call.id, is_error=False, name=call.name)]
            ),
        ],
        json_output=AgentResponse,
    )

    assert isinstance(second.content, str)
    assert AgentResponse.model_validate_json(second.content).response == "happy"
    assert server.requests[1].messages[2:] == [
        {
            "role": "assistant",
            "name": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "call_1_0",
                    "type": "function",
                    "function": {"name": "sentiment_analysis", "arguments": '{"text": "I am happy."}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "call_1_0", "content": "happy"},
    ]
