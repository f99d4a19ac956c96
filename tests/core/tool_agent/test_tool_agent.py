"""The agent that carries out function calls, and the loop around it, in a real runtime."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator
from typing import Any

import pytest

from hubbub_core import (
    AgentId,
    DefaultInterventionHandler,
    FunctionCall,
    MessageContext,
    SingleThreadedAgentRuntime,
)
from hubbub_core.models import (
    AssistantMessage,
    CreateResult,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    LLMMessage,
    RequestUsage,
    UserMessage,
)
from hubbub_core.models.replay import ReplayChatCompletionClient
from hubbub_core.tool_agent import (
    InvalidToolArgumentsException,
    ToolAgent,
    ToolException,
    ToolExecutionException,
    ToolNotFoundException,
    tool_agent_caller_loop,
)
from hubbub_core.tools import FunctionTool, Tool

AGENT = AgentId("tools", "default")
ASK: list[LLMMessage] = [UserMessage(content="go", source="user")]


def double(x: int) -> int:
    return 2 * x


def fail() -> str:
    raise RuntimeError("out of order")


TOOLS: list[Tool] = [FunctionTool(double, ""), FunctionTool(fail, "")]


@pytest.fixture
async def runtime() -> AsyncIterator[SingleThreadedAgentRuntime]:
    runtime = SingleThreadedAgentRuntime()
    await ToolAgent.register(runtime, "tools", lambda: ToolAgent("Runs tools.", TOOLS))
    runtime.start()
    yield runtime
    await runtime.stop()


def call(name: str, arguments: str, call_id: str = "1") -> FunctionCall:
    return FunctionCall(id=call_id, arguments=arguments, name=name)


def calling(*calls: FunctionCall, thought: str | None = None) -> CreateResult:
    return CreateResult(
        finish_reason="function_calls", content=list(calls), usage=RequestUsage(0, 0), cached=False, thought=thought
    )


async def test_call_is_carried_out(runtime: SingleThreadedAgentRuntime) -> None:
    result = await runtime.send_message(call("double", '{"x": 4}'), AGENT)

    assert result == FunctionExecutionResult(content="8", call_id="1", is_error=False, name="double")


@pytest.mark.parametrize(
    ("message", "error", "content"),
    [
        (call("gone", "{}"), ToolNotFoundException, "Error: Tool not found: gone"),
        (call("double", "{x"), InvalidToolArgumentsException, "Error: Invalid arguments: {x"),
        (call("double", "[1]"), InvalidToolArgumentsException, "Error: Invalid arguments: [1]"),
        (call("double", '{"x": "y"}'), InvalidToolArgumentsException, 'Error: Invalid arguments: {"x": "y"}'),
        (call("fail", "{}"), ToolExecutionException, "Error: out of order"),
    ],
)
async def test_call_that_cannot_be_carried_out_raises(
    runtime: SingleThreadedAgentRuntime, message: FunctionCall, error: type[ToolException], content: str
) -> None:
    with pytest.raises(error) as caught:
        await runtime.send_message(message, AGENT)

    assert caught.value.content.startswith(content)
    assert (caught.value.call_id, caught.value.name) == ("1", message.name)
    assert not isinstance(caught.value, Exception)


def test_tool_exception_can_be_copied_and_printed() -> None:
    error = ToolExecutionException(call_id="1", content="Error: no", name="f")

    copied = copy.copy(error)

    assert (copied.call_id, copied.content, copied.name) == ("1", "Error: no", "f")
    assert str(copied) == "Error: no"
    assert repr(copied) == "ToolExecutionException(call_id='1', content='Error: no', name='f')"


async def test_loop_ends_with_the_answer_in_words(runtime: SingleThreadedAgentRuntime) -> None:
    calls = [call("double", '{"x": 1}', "a"), call("fail", "{}", "b"), call("gone", "{}", "c")]
    client = ReplayChatCompletionClient([calling(*calls, thought="let me see"), "done"])

    messages = await tool_agent_caller_loop(runtime, AGENT, client, ASK, TOOLS)

    assert messages == [
        AssistantMessage(content=calls, thought="let me see", source="assistant"),
        FunctionExecutionResultMessage(
            content=[
                FunctionExecutionResult(content="2", call_id="a", is_error=False, name="double"),
                FunctionExecutionResult(content="Error: out of order", call_id="b", is_error=True, name="fail"),
                FunctionExecutionResult(content="Error: Tool not found: gone", call_id="c", is_error=True, name="gone"),
            ],
        ),
        AssistantMessage(content="done", source="assistant"),
    ]
    assert [each["messages"] for each in client.create_calls] == [ASK, [*ASK, *messages[:2]]]
    assert all(each["tools"] == TOOLS for each in client.create_calls)


async def test_calls_of_one_reply_run_at_the_same_time() -> None:
    both = asyncio.Barrier(2)

    async def meet(name: str) -> str:
        await both.wait()
        return name

    runtime = SingleThreadedAgentRuntime()
    await ToolAgent.register(runtime, "tools", lambda: ToolAgent("", [FunctionTool(meet, "")]))
    runtime.start()
    client = ReplayChatCompletionClient(
        [calling(call("meet", '{"name": "a"}', "1"), call("meet", '{"name": "b"}', "2")), "met"],
    )

    messages = await asyncio.wait_for(tool_agent_caller_loop(runtime, AGENT, client, ASK, []), 10)
    await runtime.stop()

    assert isinstance(messages[1], FunctionExecutionResultMessage)
    assert [result.content for result in messages[1].content] == ["a", "b"]


async def test_call_that_an_intervention_refuses_becomes_an_error_the_model_sees() -> None:
    class Refuse(DefaultInterventionHandler):
        async def on_send(self, message: Any, *, message_context: MessageContext, recipient: AgentId) -> Any:
            if isinstance(message, FunctionCall):
                raise ToolException(content="User denied tool execution.", call_id=message.id, name=message.name)
            return message

    runtime = SingleThreadedAgentRuntime(intervention_handlers=[Refuse()])
    await ToolAgent.register(runtime, "tools", lambda: ToolAgent("", TOOLS))
    runtime.start()
    client = ReplayChatCompletionClient([calling(call("double", '{"x": 1}')), "sorry"])

    # Bounded: a runtime that loses the refusal would have the loop wait for ever.
    async with asyncio.timeout(10):
        messages = await tool_agent_caller_loop(runtime, AGENT, client, ASK, TOOLS, caller_source="me")
    await runtime.stop()

    assert isinstance(messages[1], FunctionExecutionResultMessage)
    assert messages[1].content == [
        FunctionExecutionResult(
            content="Error: User denied tool execution.", call_id="1", is_error=True, name="double"
        ),
    ]
    assert messages[2] == AssistantMessage(content="sorry", source="me")


async def test_reply_with_no_calls_at_all_ends_the_loop(runtime: SingleThreadedAgentRuntime) -> None:
    client = ReplayChatCompletionClient([calling(), "never asked for"])

    messages = await tool_agent_caller_loop(runtime, AGENT, client, ASK, TOOLS)

    assert messages == [AssistantMessage(content=[], source="assistant")]


async def test_error_of_a_call_that_a_tool_makes_itself_is_told_of_the_outer_call() -> None:
    runtime = SingleThreadedAgentRuntime()

    async def ask_another() -> str:
        await runtime.send_message(call("fail", "{}", "inner"), AgentId("inner", "default"))
        return "unreachable"

    async def silent() -> None:
        raise TimeoutError

    await ToolAgent.register(runtime, "inner", lambda: ToolAgent("", TOOLS))
    await ToolAgent.register(
        runtime, "tools", lambda: ToolAgent("", [FunctionTool(ask_another, ""), FunctionTool(silent, "")])
    )
    runtime.start()
    client = ReplayChatCompletionClient(
        [calling(call("ask_another", "{}", "outer"), call("silent", "{}", "second")), "done"]
    )

    messages = await tool_agent_caller_loop(runtime, AGENT, client, ASK, TOOLS)
    await runtime.stop()

    assert messages[1] == FunctionExecutionResultMessage(
        content=[
            FunctionExecutionResult(content="Error: out of order", call_id="outer", is_error=True, name="ask_another"),
            FunctionExecutionResult(content="Error: TimeoutError", call_id="second", is_error=True, name="silent"),
        ]
    )


async def test_tools_are_those_that_were_given() -> None:
    runtime = SingleThreadedAgentRuntime()
    await ToolAgent.register(runtime, "tools", lambda: ToolAgent("Runs tools.", TOOLS))

    agent = await runtime.try_get_underlying_agent_instance(AGENT, ToolAgent)

    assert agent.tools == TOOLS
