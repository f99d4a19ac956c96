from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from openai_server import OpenAIServer

from hubbub_core.models import ModelInfo, UserMessage
from hubbub_core.tools import FunctionTool, ToolSchema
from hubbub_openai import OpenAIChatCompletionClient

MakeClient = Callable[..., OpenAIChatCompletionClient]
HELLO = [UserMessage(content="Hello there", source="user")]


async def add(left: int, right: int) -> int:
    return left + right


async def negate(number: int) -> int:
    return -number


ADD = FunctionTool(add, description="Add two numbers.", strict=True)
NEGATE = FunctionTool(negate, description="Negate a number.")


async def test_tools_and_bare_schemas_are_sent(make_client: MakeClient, server: OpenAIServer) -> None:
    bare: ToolSchema = {"name": "now"}

    await make_client().create(HELLO, tools=[ADD, bare])

    body = server.requests[0].body
    assert body["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "add",
                "description": "Add two numbers.",
                "parameters": {
                    "type": "object",
                    "properties": {
                        "left": {"type": "integer", "title": "Left", "description": "left"},
                        "right": {"type": "integer", "title": "Right", "description": "right"},
                    },
                    "required": ["left", "right"],
                    "additionalProperties": False,
                },
                "strict": True,
            },
        },
        {
            "type": "function",
            "function": {"name": "now", "description": "", "parameters": {"type": "object", "properties": {}}},
        },
    ]
    assert body["tool_choice"] == "auto"


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ("auto", "auto"),
        ("required", "required"),
        ("none", "none"),
        (NEGATE, {"type": "function", "function": {"name": "negate"}}),
    ],
)
async def test_tool_choice_is_translated(make_client: MakeClient, server: OpenAIServer, choice: Any, sent: Any) -> None:
    client = make_client()

    await client.create(HELLO, tools=[ADD, NEGATE], tool_choice=choice)
    async for _ in client.create_stream(HELLO, tools=[ADD, NEGATE], tool_choice=choice):
        pass

    assert [request.body["tool_choice"] for request in server.requests] == [sent, sent]


async def test_tool_choice_of_extra_create_args_is_sent(make_client: MakeClient, server: OpenAIServer) -> None:
    await make_client().create(HELLO, tools=[ADD], extra_create_args={"tool_choice": "required"})

    assert server.requests[0].body["tool_choice"] == "required"


@pytest.mark.parametrize(
    ("tools", "choice", "text"),
    [
        ([], ADD, "tool_choice specified but no tools provided"),
        ([], "required", "tool_choice 'required' specified but no tools provided"),
        ([NEGATE], ADD, "tool_choice references 'add' but it's not in the provided tools"),
        ([NEGATE], "any", "tool_choice is 'auto', 'required', 'none' or a Tool, not 'any'"),
        ([NEGATE, NEGATE], "auto", "two tools are named 'negate'"),
        ([{"name": "get time"}], "auto", "Invalid name: 'get time'"),
        ([{"name": "x" * 65}], "auto", "Invalid name: "),
    ],
)
async def test_impossible_choices_and_names_are_refused(
    make_client: MakeClient, server: OpenAIServer, tools: Any, choice: Any, text: str
) -> None:
    with pytest.raises(ValueError) as failure:  # noqa: PT011 # the text is checked below
        await make_client().create(HELLO, tools=tools, tool_choice=choice)

    assert str(failure.value).startswith(text)
    assert server.requests == []


async def test_choice_given_twice_is_refused(make_client: MakeClient) -> None:
    with pytest.raises(ValueError, match="both as an argument and in extra_create_args"):
        await make_client().create(
            HELLO, tools=[ADD], tool_choice="none", extra_create_args={"tool_choice": "required"}
        )


async def test_parallel_tool_calls_are_sent_only_with_tools(make_client: MakeClient, server: OpenAIServer) -> None:
    client = make_client(parallel_tool_calls=False)

    await client.create(HELLO, tools=[ADD])
    await client.create(HELLO)

    assert server.requests[0].body["parallel_tool_calls"] is False
    assert not {"parallel_tool_calls", "tool_choice", "tools"} & set(server.requests[1].body)


async def test_tools_are_refused_for_a_model_without_function_calling(make_client: MakeClient) -> None:
    info = ModelInfo(vision=False, function_calling=False, json_output=False, family="x", structured_output=False)

    with pytest.raises(ValueError, match="Model does not support function calling"):
        await make_client(model="x", model_info=info).create(HELLO, tools=[ADD])
