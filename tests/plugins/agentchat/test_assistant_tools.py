"""Tools of an AssistantAgent: calls and their results, reflection, the loop, summaries, workbenches."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from chat_scripts import ABLE, add, calls, kinds, replay, shout, stream_of
from pydantic import BaseModel

from hubbub_agentchat import EVENT_LOGGER_NAME
from hubbub_agentchat.agents import AssistantAgent
from hubbub_agentchat.messages import (
    ModelClientStreamingChunkEvent,
    TextMessage,
    ThoughtEvent,
    ToolCallExecutionEvent,
    ToolCallSummaryMessage,
)
from hubbub_core import CancellationToken, FunctionCall
from hubbub_core.models import CreateResult, FunctionExecutionResultMessage
from hubbub_core.models.replay import ReplayChatCompletionClient
from hubbub_core.tools import BaseStreamTool, FunctionTool, StaticStreamWorkbench, StaticWorkbench


async def test_tool_results_are_the_answer_without_reflection() -> None:
    agent = AssistantAgent("helper", replay(calls(("add", '{"a": 1, "b": 2}'))), tools=[add])

    items = await stream_of(agent)

    assert kinds(items) == [
        "TextMessage",
        "ToolCallRequestEvent",
        "ToolCallExecutionEvent",
        "ToolCallSummaryMessage",
        "TaskResult",
    ]
    _, request, execution, summary, result = items
    assert request.models_usage is not None
    assert request.content == [FunctionCall(id="1", name="add", arguments='{"a": 1, "b": 2}')]
    assert execution.models_usage is None
    assert [(found.content, found.name, found.call_id, found.is_error) for found in execution.content] == [
        ("3", "add", "1", False)
    ]
    assert summary.models_usage is None
    assert (summary.content, summary.tool_calls, summary.results) == ("3", request.content, execution.content)
    assert list(result.messages) == items[:-1]
    context = await agent.model_context.get_messages()
    assert kinds(context) == ["UserMessage", "AssistantMessage", "FunctionExecutionResultMessage"]


async def test_reflection_asks_again_without_tools_and_with_the_results() -> None:
    client = replay(calls(("add", '{"a": 1, "b": 2}')), "It is three.")
    agent = AssistantAgent("helper", client, tools=[add], reflect_on_tool_use=True)

    items = await stream_of(agent)

    assert kinds(items)[:-1] == ["TextMessage", "ToolCallRequestEvent", "ToolCallExecutionEvent", "TextMessage"]
    assert items[-2].content == "It is three."
    assert items[-2].models_usage is not None
    first, second = client.create_calls
    assert [schema["name"] for schema in first["tools"]] == ["add"]
    assert first["tool_choice"] == "auto"
    assert (list(second["tools"]), second["tool_choice"]) == ([], "none")
    assert isinstance(second["messages"][-1], FunctionExecutionResultMessage)


async def test_reflection_without_text_is_an_error() -> None:
    client = replay(calls(("add", '{"a": 1, "b": 2}')), calls(("add", '{"a": 1, "b": 2}')))
    agent = AssistantAgent("helper", client, tools=[add], reflect_on_tool_use=True)

    with pytest.raises(RuntimeError, match=r"^Reflect on tool use produced no valid text response\.$"):
        await agent.run(task="go")


async def test_calls_of_one_reply_run_at_the_same_time_and_results_keep_their_order() -> None:
    both = asyncio.Barrier(2)

    async def first() -> str:
        """One."""
        await both.wait()
        await asyncio.sleep(0)
        return "one"

    async def second() -> str:
        """Two."""
        await both.wait()
        return "two"

    agent = AssistantAgent("helper", replay(calls(("first", "{}"), ("second", "{}"))), tools=[first, second])

    async with asyncio.timeout(5):
        result = await agent.run(task="go")

    assert result.messages[-1].to_text() == "one\ntwo"


async def test_loop_goes_on_until_a_text() -> None:
    client = replay(
        calls(("add", '{"a": 1, "b": 2}')), calls(("shout", '{"text": "x"}'), thought="louder"), "done", "unused"
    )
    agent = AssistantAgent("helper", client, tools=[add, shout], max_tool_iterations=5)

    items = await stream_of(agent)

    assert kinds(items)[1:-1] == [
        "ToolCallRequestEvent",
        "ToolCallExecutionEvent",
        "ThoughtEvent",
        "ToolCallRequestEvent",
        "ToolCallExecutionEvent",
        "TextMessage",
    ]
    assert len(client.create_calls) == 3


async def test_loop_at_its_limit_summarises_the_last_round_only() -> None:
    client = replay(calls(("add", '{"a": 1, "b": 2}')), calls(("shout", '{"text": "x"}')), "unused")
    agent = AssistantAgent("helper", client, tools=[add, shout], max_tool_iterations=2)

    result = await agent.run(task="go")

    last = result.messages[-1]
    assert isinstance(last, ToolCallSummaryMessage)
    assert last.content == "X"
    assert len(client.create_calls) == 2


async def test_loop_at_its_limit_reflects() -> None:
    client = replay(calls(("add", '{"a": 1, "b": 2}')), calls(("add", '{"a": 3, "b": 2}')), "five")
    agent = AssistantAgent("helper", client, tools=[add], max_tool_iterations=2, reflect_on_tool_use=True)

    result = await agent.run(task="go")

    assert result.messages[-1].to_text() == "five"
    assert client.create_calls[-1]["tool_choice"] == "none"


@pytest.mark.parametrize("number", [0, -1])
def test_iterations_have_to_be_at_least_one(number: int) -> None:
    text = f"Maximum number of tool iterations must be greater than or equal to 1, got {number}"
    with pytest.raises(ValueError, match=text):
        AssistantAgent("helper", replay(), max_tool_iterations=number)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (("add", "{oops"), "Error: Expecting property name enclosed in double quotes"),
        (("add", "[1]"), "Error: the arguments are not a JSON object"),
        (("nope", "{}"), "Error: tool 'nope' not found in any workbench"),
    ],
)
async def test_call_that_cannot_be_made_is_an_error_result(call: tuple[str, str], text: str) -> None:
    result = await AssistantAgent("helper", replay(calls(call)), tools=[add]).run(task="go")

    execution = result.messages[-2]
    assert isinstance(execution, ToolCallExecutionEvent)
    assert execution.content[0].is_error is True
    assert execution.content[0].content.startswith(text)


async def test_tool_that_raises_is_an_error_result() -> None:
    def fail() -> str:
        """Fail."""
        raise ValueError("no way")

    result = await AssistantAgent("helper", replay(calls(("fail", "{}"))), tools=[fail]).run(task="go")

    summary = result.messages[-1]
    assert isinstance(summary, ToolCallSummaryMessage)
    assert (summary.content, summary.results[0].is_error) == ("no way", True)


async def test_summary_format_knows_name_arguments_result_and_error() -> None:
    agent = AssistantAgent(
        "helper",
        replay(calls(("add", '{"a": 1, "b": 2}'), ("nope", "{}"))),
        tools=[add],
        tool_call_summary_format="{tool_name}({arguments}) = {result} [{is_error}]",
    )

    result = await agent.run(task="go")

    assert result.messages[-1].to_text() == (
        'add({"a": 1, "b": 2}) = 3 [False]\nnope({}) = Error: tool \'nope\' not found in any workbench [True]'
    )


async def test_summary_formatter_wins_over_the_format() -> None:
    agent = AssistantAgent(
        "helper",
        replay(calls(("add", '{"a": 1, "b": 2}'))),
        tools=[add],
        tool_call_summary_format="unused",
        tool_call_summary_formatter=lambda call, result: f"{call.name} gave {result.content}",
    )

    assert (await agent.run(task="go")).messages[-1].to_text() == "add gave 3"


async def test_reply_with_an_empty_list_of_calls_does_not_hang() -> None:
    async with asyncio.timeout(5):
        result = await AssistantAgent("helper", replay(calls()), tools=[add]).run(task="go")

    assert result.messages[-1].to_text() == ""


async def test_tool_that_returns_nothing_gives_none_as_text() -> None:
    def approve() -> None:
        """Approve."""

    result = await AssistantAgent("helper", replay(calls(("approve", "{}"))), tools=[approve]).run(task="go")

    assert result.messages[-1].to_text() == "None"


async def test_tools_of_several_workbenches_and_the_first_owner_of_a_name_wins() -> None:
    def other(a: int, b: int) -> str:
        """Another add."""
        return "other"

    client = replay(calls(("add", '{"a": 1, "b": 2}'), ("shout", '{"text": "x"}')))
    agent = AssistantAgent(
        "helper",
        client,
        workbench=[
            StaticWorkbench([FunctionTool(add, description="mine")]),
            StaticStreamWorkbench(
                [FunctionTool(other, description="theirs", name="add"), FunctionTool(shout, description="loud")]
            ),
        ],
        handoffs=["bob"],
    )

    result = await agent.run(task="go")

    assert [schema["name"] for schema in client.create_calls[0]["tools"]] == [
        "add",
        "add",
        "shout",
        "transfer_to_bob",
    ]
    assert result.messages[-1].to_text() == "3\nX"


async def test_tool_list_is_fetched_before_every_model_call() -> None:
    tools: list[Any] = [FunctionTool(add, description="a")]

    async def learn() -> str:
        """Learn."""
        tools.append(FunctionTool(shout, description="s"))
        return "learned"

    tools.append(FunctionTool(learn, description="l"))
    client = replay(calls(("learn", "{}")), calls(("shout", '{"text": "x"}')))
    agent = AssistantAgent("helper", client, workbench=StaticWorkbench(tools), max_tool_iterations=2)

    result = await agent.run(task="go")

    assert result.messages[-1].to_text() == "X"
    assert [len(asked["tools"]) for asked in client.create_calls] == [2, 3]


class CountArgs(BaseModel):
    upto: int


class Count(BaseStreamTool[CountArgs, Any, str]):
    """A tool that shows messages, a chunk, and something that is neither, before its result."""

    def __init__(self, *shown: Any) -> None:
        super().__init__(CountArgs, str, "count", "Count.")
        self._shown = shown

    async def run(self, args: CountArgs, cancellation_token: CancellationToken) -> str:
        return "counted"

    async def run_stream(self, args: CountArgs, cancellation_token: CancellationToken) -> AsyncGenerator[Any, None]:
        for item in self._shown:
            yield item
        yield "counted"


async def test_messages_of_a_streaming_tool_stand_between_request_and_execution() -> None:
    shown = [
        TextMessage(content="1", source="counter"),
        ModelClientStreamingChunkEvent(content="2", source="counter"),
        ThoughtEvent(content="3", source="counter"),
    ]
    agent = AssistantAgent("helper", replay(calls(("count", '{"upto": 3}'))), tools=[Count(*shown)])

    items = await stream_of(agent)

    assert kinds(items)[1:-1] == [
        "ToolCallRequestEvent",
        "TextMessage",
        "ModelClientStreamingChunkEvent",
        "ThoughtEvent",
        "ToolCallExecutionEvent",
        "ToolCallSummaryMessage",
    ]
    assert "ModelClientStreamingChunkEvent" not in kinds(items[-1].messages)
    assert items[-2].content == "counted"


async def test_anything_else_that_a_tool_streams_is_a_warning() -> None:
    agent = AssistantAgent("helper", replay(calls(("count", '{"upto": 3}'))), tools=[Count({"not": "a message"})])

    with pytest.warns(UserWarning, match="Tool 'count' streamed a dict"):
        await agent.run(task="go")


async def test_functions_become_tools_by_name_docstring_and_signature() -> None:
    client = replay("x")
    agent = AssistantAgent("helper", client, tools=[add, shout])

    await agent.run(task="go")

    first, second = client.create_calls[0]["tools"]
    assert (first["name"], first["description"]) == ("add", "Add numbers.")
    assert second["parameters"]["required"] == ["text"]


async def test_tool_requests_and_results_are_logged_as_events(caplog: pytest.LogCaptureFixture) -> None:
    agent = AssistantAgent("helper", replay(calls(("add", '{"a": 1, "b": 2}'))), tools=[add])

    with caplog.at_level(logging.DEBUG, logger=EVENT_LOGGER_NAME):
        result = await agent.run(task="go")

    logged = [record.msg for record in caplog.records if record.name == EVENT_LOGGER_NAME]
    assert logged == list(result.messages[1:3])


class OldClient(ReplayChatCompletionClient):
    """As the documents of AutoGen 0.4 have it: without `tool_choice`."""

    async def create(  # type: ignore[override] # the older protocol
        self,
        messages: Any,
        *,
        tools: Any = (),
        json_output: Any = None,
        extra_create_args: Any = None,
        cancellation_token: CancellationToken | None = None,
    ) -> CreateResult:
        return await super().create(messages, tools=tools, json_output=json_output)


async def test_model_client_written_before_tool_choice_works() -> None:
    agent = AssistantAgent("helper", OldClient([calls(("add", '{"a": 1, "b": 2}'))], model_info=ABLE), tools=[add])

    result = await agent.run(task="go")

    assert result.messages[-1].to_text() == "3"
