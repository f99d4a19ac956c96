"""The model of the example decides by its rules: from the tools on offer, and from what was said and returned."""

from __future__ import annotations

import asyncio

import pytest
from examples.mix.rules import RulesModel

from hubbub_core import CancellationToken, FunctionCall
from hubbub_core.models import (
    AssistantMessage,
    CreateResult,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    LLMMessage,
    SystemMessage,
    UserMessage,
)
from hubbub_core.tools import ParametersSchema, ToolSchema

ASKED = UserMessage(content="How long are the notes on bees?", source="user")


def tool(name: str, **parameters: str) -> ToolSchema:
    properties = {parameter: {"type": kind} for parameter, kind in parameters.items()}
    schema = ParametersSchema(type="object", properties=properties, required=list(parameters))
    return ToolSchema(name=name, description="", parameters=schema)


def told(text: str) -> SystemMessage:
    return SystemMessage(content=text)


def returned(name: str, content: str) -> list[LLMMessage]:
    """Return a call and its result, as a conversation holds them."""
    call = FunctionCall(id=name, name=name, arguments="{}")
    result = FunctionExecutionResult(content=content, name=name, call_id=name)
    return [
        AssistantMessage(content=[call], source="assistant"),
        FunctionExecutionResultMessage(content=[result]),
    ]


def calls(result: CreateResult) -> list[tuple[str, str]]:
    assert not isinstance(result.content, str), result.content
    assert result.finish_reason == "function_calls"
    return [(call.name, call.arguments) for call in result.content]


async def test_tool_that_the_instructions_name_is_called_with_the_users_question() -> None:
    tools = [tool("other", question="string"), tool("find", question="string")]

    result = await RulesModel().create([told("Call `find`."), ASKED], tools=tools)

    assert calls(result) == [("find", '{"question": "How long are the notes on bees?"}')]


async def test_argument_is_the_newest_value_of_its_name_in_the_type_of_the_schema() -> None:
    said: list[LLMMessage] = [UserMessage(content=f"lines: 3\nwords: {words}", source="reader") for words in (7, 12)]

    result = await RulesModel().create([told("Call `divide`."), ASKED, *said], tools=[tool("divide", words="integer")])

    assert calls(result) == [("divide", '{"words": 12}')]


async def test_each_tool_is_called_once_a_turn_in_the_order_of_the_instructions() -> None:
    tools = [tool("count", page="string"), tool("find", question="string")]
    turn: list[LLMMessage] = [told("Call `find` and `count`."), ASKED]

    first = await RulesModel().create(turn, tools=tools)
    second = await RulesModel().create([*turn, *returned("find", "page: bees.md")], tools=tools)
    last = await RulesModel().create(
        [*turn, *returned("find", "page: bees.md"), *returned("count", "words: 4")], tools=tools
    )

    assert calls(first) == [("find", '{"question": "How long are the notes on bees?"}')]
    assert calls(second) == [("count", '{"page": "bees.md"}')]
    assert last.content == "page: bees.md\nwords: 4"


async def test_tool_is_called_by_the_name_that_semantic_kernel_gives_it() -> None:
    result = await RulesModel().create([told("Call `find`."), ASKED], tools=[tool("tools-find", question="string")])

    assert [name for name, _ in calls(result)] == ["tools-find"]


async def test_without_a_value_there_is_no_call() -> None:
    result = await RulesModel().create([told("Call `count`."), ASKED], tools=[tool("count", page="string")])

    assert result.content == "I cannot call count: nobody has said page."


@pytest.mark.parametrize(
    "content", ["Error: there is no page", '[{"type": "text", "text": "Error: there is no page"}]']
)
async def test_what_a_tool_says_that_has_no_values_is_reported(content: str) -> None:
    turn: list[LLMMessage] = [told("Call `count`."), ASKED, *returned("count", content)]

    result = await RulesModel().create(turn, tools=[tool("count", page="string")])

    assert result.content == "Error: there is no page"


@pytest.mark.parametrize(
    ("claimed", "verdict"),
    [
        ("words: 4", "words: 4\nCONFIRMED"),
        ("words: 5", "words: 4\nDISPUTED: words was 5, I get 4"),
        ("It is long.", "words: 4\nDISPUTED: I have no value to compare."),
    ],
)
async def test_verdict_compares_what_tools_return_with_what_others_said(claimed: str, verdict: str) -> None:
    turn: list[LLMMessage] = [told("Call `count`. End with CONFIRMED or DISPUTED."), ASKED]
    turn += [UserMessage(content=claimed, source="reader"), *returned("count", "words: 4")]

    result = await RulesModel().create(turn)

    assert result.content == verdict


async def test_new_turn_calls_again() -> None:
    earlier: list[LLMMessage] = [told("Call `find`."), ASKED, *returned("find", "page: bees.md")]
    again = UserMessage(content="DISPUTED", source="editor")

    result = await RulesModel().create([*earlier, again], tools=[tool("find", question="string")])

    assert [name for name, _ in calls(result)] == ["find"]


async def test_no_tool_is_called_where_tools_are_forbidden() -> None:
    result = await RulesModel().create(
        [told("Call `find`."), ASKED], tools=[tool("find", question="string")], tool_choice="none"
    )

    assert result.content == "No tool of mine says anything about this."


async def test_streamed_answer_is_the_whole_one() -> None:
    turn: list[LLMMessage] = [told("Call `count`."), ASKED, *returned("count", "words: 4")]

    streamed = [item async for item in RulesModel().create_stream(turn)]

    assert streamed[0] == "words: 4"
    assert isinstance(streamed[1], CreateResult)
    assert streamed[1].content == "words: 4"


async def test_usage_is_counted_in_words() -> None:
    model = RulesModel()

    for _ in range(2):
        await model.create([told("Call `count`."), ASKED])

    assert (model.actual_usage().prompt_tokens, model.actual_usage().completion_tokens) == (9, 8)
    assert (model.total_usage().prompt_tokens, model.total_usage().completion_tokens) == (18, 16)


async def test_json_is_refused() -> None:
    with pytest.raises(ValueError, match="the rules write `name: value` lines and no JSON"):
        await RulesModel().create([ASKED], json_output=True)


async def test_cancelled_token_ends_the_request() -> None:
    token = CancellationToken()
    token.cancel()

    with pytest.raises(asyncio.CancelledError, match="the request to the model was cancelled"):
        await RulesModel().create([ASKED], cancellation_token=token)
