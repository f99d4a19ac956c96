"""Tools: a stock price tool by hand, then an agent that uses it (spec: 000 TO-12, TO-13; 001 TOOLS-5..19)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import pytest

from hubbub_core import (
    AgentId,
    CancellationToken,
    FunctionCall,
    MessageContext,
    RoutedAgent,
    SingleThreadedAgentRuntime,
    message_handler,
)
from hubbub_core.models import (
    AssistantMessage,
    ChatCompletionClient,
    CreateResult,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    LLMMessage,
    SystemMessage,
    UserMessage,
)
from hubbub_core.models.replay import ReplayChatCompletionClient
from hubbub_core.tools import FunctionTool, Tool

PRICES = {"AAPL": 143.83, "NVDA": 58.5}


async def get_stock_price(ticker: str, date: Annotated[str, "Date in YYYY/MM/DD"]) -> float:
    if ticker not in PRICES:
        raise LookupError(f"no price of {ticker}")
    return PRICES[ticker]


STOCK_PRICE = FunctionTool(get_stock_price, description="Get the stock price.")


@dataclass
class Message:
    content: str


class ToolUseAgent(RoutedAgent):
    """One round of tools: their results go back to the model, which then answers without tools."""

    def __init__(self, model_client: ChatCompletionClient, tool_schema: list[Tool]) -> None:
        super().__init__("An agent with tools")
        self._system_messages: list[LLMMessage] = [SystemMessage(content="You are a helpful AI assistant.")]
        self._model_client = model_client
        self._tools = tool_schema

    @message_handler
    async def handle_user_message(self, message: Message, ctx: MessageContext) -> Message:
        session = [*self._system_messages, UserMessage(content=message.content, source="user")]
        reply = await self._model_client.create(
            messages=session, tools=self._tools, cancellation_token=ctx.cancellation_token
        )
        if isinstance(reply.content, str):
            return Message(reply.content)
        session.append(AssistantMessage(content=reply.content, source="assistant"))
        results = await asyncio.gather(*(self._execute(call, ctx.cancellation_token) for call in reply.content))
        session.append(FunctionExecutionResultMessage(content=results))
        reply = await self._model_client.create(messages=session, cancellation_token=ctx.cancellation_token)
        assert isinstance(reply.content, str)
        return Message(reply.content)

    async def _execute(self, call: FunctionCall, token: CancellationToken) -> FunctionExecutionResult:
        tool = next((tool for tool in self._tools if tool.name == call.name), None)
        assert tool is not None, f"no tool {call.name}"
        try:
            result = await tool.run_json(json.loads(call.arguments), token)
            text, failed = tool.return_value_as_string(result), False
        except Exception as error:
            text, failed = str(error), True
        return FunctionExecutionResult(content=text, is_error=failed, name=tool.name, call_id=call.id)


async def register(runtime: SingleThreadedAgentRuntime, model: ChatCompletionClient) -> AgentId:
    agent_type = await ToolUseAgent.register(runtime, "tool_use_agent", lambda: ToolUseAgent(model, [STOCK_PRICE]))
    assert repr(agent_type) == "AgentType(type='tool_use_agent')"
    return AgentId("tool_use_agent", "default")


async def test_results_of_a_tool_go_back_to_the_model_by_hand(calling: Callable[..., CreateResult]) -> None:
    wanted = calling(FunctionCall(id="1", arguments='{"ticker":"AAPL","date":"2021/01/01"}', name="get_stock_price"))
    model = ReplayChatCompletionClient([wanted, "AAPL stood at 143.83."])
    question = UserMessage(content="What is the stock price of AAPL?", source="user")
    token = CancellationToken()

    asked = await model.create(messages=[question], tools=[STOCK_PRICE], cancellation_token=token)
    assert isinstance(asked.content, list)
    (call,) = asked.content
    value = await STOCK_PRICE.run_json(json.loads(call.arguments), token)
    result = FunctionExecutionResult(
        call_id=call.id, content=STOCK_PRICE.return_value_as_string(value), is_error=False, name=STOCK_PRICE.name
    )
    answer = await model.create(
        [
            question,
            AssistantMessage(content=[call], source="assistant"),
            FunctionExecutionResultMessage(content=[result]),
        ],
        cancellation_token=token,
    )
    await model.close()

    assert STOCK_PRICE.schema == {
        "name": "get_stock_price",
        "description": "Get the stock price.",
        "parameters": {
            "type": "object",
            "properties": {
                "ticker": {"description": "ticker", "title": "Ticker", "type": "string"},
                "date": {"description": "Date in YYYY/MM/DD", "title": "Date", "type": "string"},
            },
            "required": ["ticker", "date"],
            "additionalProperties": False,
        },
        "strict": False,
    }
    assert (asked.finish_reason, value, result.content) == ("function_calls", 143.83, "143.83")
    assert answer.content == "AAPL stood at 143.83."


async def test_agent_answers_with_what_its_tool_found(
    runtime: SingleThreadedAgentRuntime, calling: Callable[..., CreateResult]
) -> None:
    calls = [
        FunctionCall(id="1", arguments='{"ticker":"NVDA","date":"2024/06/01"}', name="get_stock_price"),
        FunctionCall(id="2", arguments='{"ticker":"ACME","date":"2024/06/01"}', name="get_stock_price"),
        FunctionCall(id="3", arguments="{ticker", name="get_stock_price"),
    ]
    model = ReplayChatCompletionClient([calling(*calls), "NVDA stood at 58.5; ACME I do not know."])
    agent = await register(runtime, model)
    runtime.start()
    answer = await runtime.send_message(Message("Prices of NVDA and ACME on 2024/06/01?"), agent)
    await runtime.stop()

    assert answer == Message("NVDA stood at 58.5; ACME I do not know.")
    first, second = model.create_calls
    assert (first["tools"], second["tools"]) == ([STOCK_PRICE], [])
    *asked, results = second["messages"]
    assert asked == [
        SystemMessage(content="You are a helpful AI assistant."),
        UserMessage(content="Prices of NVDA and ACME on 2024/06/01?", source="user"),
        AssistantMessage(content=calls, source="assistant"),
    ]
    assert [(each.call_id, each.content, each.is_error) for each in results.content] == [
        ("1", "58.5", False),
        ("2", "no price of ACME", True),
        ("3", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)", True),
    ]


async def test_agent_may_answer_without_a_tool(runtime: SingleThreadedAgentRuntime) -> None:
    model = ReplayChatCompletionClient(["Hello."])
    agent = await register(runtime, model)
    runtime.start()

    assert await runtime.send_message(Message("Hi"), agent) == Message("Hello.")
    assert len(model.create_calls) == 1


async def test_failed_assertion_of_the_agent_reaches_the_sender(
    runtime: SingleThreadedAgentRuntime, calling: Callable[..., CreateResult]
) -> None:
    model = ReplayChatCompletionClient([calling(FunctionCall(id="1", arguments="{}", name="get_weather"))])
    agent = await register(runtime, model)
    runtime.start()

    with pytest.raises(AssertionError, match="no tool get_weather"):
        await runtime.send_message(Message("Weather?"), agent)
