"""AssistantAgent: what its model is asked, what it yields and in which order, what stays in its context."""

from __future__ import annotations

import asyncio
import json
import logging
import warnings
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from hubbub_agentchat import EVENT_LOGGER_NAME
from hubbub_agentchat.agents import AssistantAgent
from hubbub_agentchat.base import Handoff, TaskResult
from hubbub_agentchat.messages import (
    HandoffMessage,
    MemoryQueryEvent,
    ModelClientStreamingChunkEvent,
    MultiModalMessage,
    StructuredMessage,
    TextMessage,
    ThoughtEvent,
    ToolCallExecutionEvent,
    ToolCallSummaryMessage,
)
from hubbub_core import CancellationToken, FunctionCall, Image
from hubbub_core.memory import ListMemory, MemoryContent
from hubbub_core.model_context import BufferedChatCompletionContext, UnboundedChatCompletionContext
from hubbub_core.models import (
    AssistantMessage,
    CreateResult,
    FunctionExecutionResultMessage,
    LLMMessage,
    ModelInfo,
    RequestUsage,
    SystemMessage,
    UserMessage,
)
from hubbub_core.models.replay import ReplayChatCompletionClient
from hubbub_core.tools import BaseStreamTool, FunctionTool, StaticStreamWorkbench, StaticWorkbench
from hubbub_registry import allow

INFO = ModelInfo(vision=False, function_calling=True, json_output=True, family="unknown", structured_output=True)
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def calls(*asked: tuple[str, str], thought: str | None = None) -> CreateResult:
    """A reply with calls: `(name, arguments)`, their ids being 1, 2, ..."""
    return CreateResult(
        finish_reason="function_calls",
        content=[
            FunctionCall(id=str(number), name=name, arguments=arguments)
            for number, (name, arguments) in enumerate(asked, 1)
        ],
        usage=RequestUsage(0, 1),
        cached=False,
        thought=thought,
    )


def says(text: str, thought: str | None = None) -> CreateResult:
    return CreateResult(finish_reason="stop", content=text, usage=RequestUsage(0, 2), cached=False, thought=thought)


def model(*answers: str | CreateResult, **info: Any) -> ReplayChatCompletionClient:
    return ReplayChatCompletionClient(list(answers), model_info=ModelInfo(**{**INFO, **info}))  # type: ignore[typeddict-item] # fields by name


def add(a: int, b: int) -> int:
    """Add numbers."""
    return a + b


async def shout(text: str) -> str:
    """Make it loud."""
    return text.upper()


def types(items: Any) -> list[str]:
    return [type(item).__name__ for item in items]


async def stream(agent: AssistantAgent, task: str = "go") -> list[Any]:
    return [item async for item in agent.run_stream(task=task)]


def prompt(client: ReplayChatCompletionClient, index: int = -1) -> list[LLMMessage]:
    found: list[LLMMessage] = client.create_calls[index]["messages"]
    return found


class Answer(BaseModel):
    text: str
    score: int


async def test_text_reply_is_the_answer() -> None:
    client = model("hello there")
    agent = AssistantAgent("helper", client)

    result = await agent.run(task="hi")

    assert types(result.messages) == ["TextMessage", "TextMessage"]
    assert result.stop_reason is None
    answer = result.messages[-1]
    assert isinstance(answer, TextMessage)
    assert (answer.content, answer.source) == ("hello there", "helper")
    assert answer.models_usage == RequestUsage(21, 2)
    assert prompt(client) == [
        SystemMessage(
            content="You are a helpful AI assistant. Solve tasks using your tools. "
            "Reply with TERMINATE when the task has been completed."
        ),
        UserMessage(content="hi", source="user"),
    ]
    assert await agent.model_context.get_messages() == [
        UserMessage(content="hi", source="user"),
        AssistantMessage(content="hello there", source="helper"),
    ]


async def test_no_system_message_when_it_is_none() -> None:
    client = model("x")

    await AssistantAgent("helper", client, system_message=None).run(task="hi")

    assert prompt(client) == [UserMessage(content="hi", source="user")]


async def test_agent_keeps_the_conversation_between_calls() -> None:
    client = model("one", "two")
    agent = AssistantAgent("helper", client, system_message=None)

    await agent.run(task="first")
    await agent.run(task="second")

    assert [message.content for message in prompt(client)] == ["first", "one", "second"]


async def test_task_messages_can_be_left_out() -> None:
    agent = AssistantAgent("helper", model("one", "two"))

    result = await agent.run(task="first", output_task_messages=False)
    items = [item async for item in agent.run_stream(task="second", output_task_messages=False)]

    assert types(result.messages) == ["TextMessage"]
    assert types(items) == ["TextMessage", "TaskResult"]
    assert isinstance(items[-1], TaskResult)
    assert types(items[-1].messages) == ["TextMessage"]


async def test_tool_results_are_the_answer_without_reflection() -> None:
    agent = AssistantAgent("helper", model(calls(("add", '{"a": 1, "b": 2}'))), tools=[add])

    items = await stream(agent)

    assert types(items) == [
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
    assert types(context) == ["UserMessage", "AssistantMessage", "FunctionExecutionResultMessage"]


async def test_run_and_run_stream_agree() -> None:
    def make() -> AssistantAgent:
        return AssistantAgent(
            "helper",
            model(calls(("add", '{"a": 1, "b": 2}'), thought="hm"), "three"),
            tools=[add],
            reflect_on_tool_use=True,
        )

    ran = await make().run(task="go")
    streamed = (await stream(make()))[-1]

    assert types(ran.messages) == types(streamed.messages)
    assert [message.to_text() for message in ran.messages] == [message.to_text() for message in streamed.messages]


async def test_reflection_asks_again_without_tools_and_with_the_results() -> None:
    client = model(calls(("add", '{"a": 1, "b": 2}')), "It is three.")
    agent = AssistantAgent("helper", client, tools=[add], reflect_on_tool_use=True)

    items = await stream(agent)

    assert types(items)[:-1] == ["TextMessage", "ToolCallRequestEvent", "ToolCallExecutionEvent", "TextMessage"]
    assert items[-2].content == "It is three."
    assert items[-2].models_usage is not None
    first, second = client.create_calls
    assert [schema["name"] for schema in first["tools"]] == ["add"]
    assert first["tool_choice"] == "auto"
    assert (list(second["tools"]), second["tool_choice"]) == ([], "none")
    assert isinstance(second["messages"][-1], FunctionExecutionResultMessage)


async def test_reflection_without_text_is_an_error() -> None:
    client = model(calls(("add", '{"a": 1, "b": 2}')), calls(("add", '{"a": 1, "b": 2}')))
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

    agent = AssistantAgent("helper", model(calls(("first", "{}"), ("second", "{}"))), tools=[first, second])

    async with asyncio.timeout(5):
        result = await agent.run(task="go")

    assert result.messages[-1].to_text() == "one\ntwo"


async def test_loop_goes_on_until_a_text() -> None:
    client = model(
        calls(("add", '{"a": 1, "b": 2}')), calls(("shout", '{"text": "x"}'), thought="louder"), "done", "unused"
    )
    agent = AssistantAgent("helper", client, tools=[add, shout], max_tool_iterations=5)

    items = await stream(agent)

    assert types(items)[1:-1] == [
        "ToolCallRequestEvent",
        "ToolCallExecutionEvent",
        "ThoughtEvent",
        "ToolCallRequestEvent",
        "ToolCallExecutionEvent",
        "TextMessage",
    ]
    assert len(client.create_calls) == 3


async def test_loop_at_its_limit_summarises_the_last_round_only() -> None:
    client = model(calls(("add", '{"a": 1, "b": 2}')), calls(("shout", '{"text": "x"}')), "unused")
    agent = AssistantAgent("helper", client, tools=[add, shout], max_tool_iterations=2)

    result = await agent.run(task="go")

    last = result.messages[-1]
    assert isinstance(last, ToolCallSummaryMessage)
    assert last.content == "X"
    assert len(client.create_calls) == 2


async def test_loop_at_its_limit_reflects() -> None:
    client = model(calls(("add", '{"a": 1, "b": 2}')), calls(("add", '{"a": 3, "b": 2}')), "five")
    agent = AssistantAgent("helper", client, tools=[add], max_tool_iterations=2, reflect_on_tool_use=True)

    result = await agent.run(task="go")

    assert result.messages[-1].to_text() == "five"
    assert client.create_calls[-1]["tool_choice"] == "none"


@pytest.mark.parametrize("number", [0, -1])
def test_iterations_have_to_be_at_least_one(number: int) -> None:
    text = f"Maximum number of tool iterations must be greater than or equal to 1, got {number}"
    with pytest.raises(ValueError, match=text):
        AssistantAgent("helper", model(), max_tool_iterations=number)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (("add", "{oops"), "Error: Expecting property name enclosed in double quotes"),
        (("add", "[1]"), "Error: the arguments are not a JSON object"),
        (("nope", "{}"), "Error: tool 'nope' not found in any workbench"),
    ],
)
async def test_call_that_cannot_be_made_is_an_error_result(call: tuple[str, str], text: str) -> None:
    result = await AssistantAgent("helper", model(calls(call)), tools=[add]).run(task="go")

    execution = result.messages[-2]
    assert isinstance(execution, ToolCallExecutionEvent)
    assert execution.content[0].is_error is True
    assert execution.content[0].content.startswith(text)


async def test_tool_that_raises_is_an_error_result() -> None:
    def fail() -> str:
        """Fail."""
        raise ValueError("no way")

    result = await AssistantAgent("helper", model(calls(("fail", "{}"))), tools=[fail]).run(task="go")

    summary = result.messages[-1]
    assert isinstance(summary, ToolCallSummaryMessage)
    assert (summary.content, summary.results[0].is_error) == ("no way", True)


async def test_summary_format_knows_name_arguments_result_and_error() -> None:
    agent = AssistantAgent(
        "helper",
        model(calls(("add", '{"a": 1, "b": 2}'), ("nope", "{}"))),
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
        model(calls(("add", '{"a": 1, "b": 2}'))),
        tools=[add],
        tool_call_summary_format="unused",
        tool_call_summary_formatter=lambda call, result: f"{call.name} gave {result.content}",
    )

    assert (await agent.run(task="go")).messages[-1].to_text() == "add gave 3"


async def test_reply_with_an_empty_list_of_calls_does_not_hang() -> None:
    async with asyncio.timeout(5):
        result = await AssistantAgent("helper", model(calls()), tools=[add]).run(task="go")

    assert result.messages[-1].to_text() == ""


async def test_tool_that_returns_nothing_gives_none_as_text() -> None:
    def approve() -> None:
        """Approve."""

    result = await AssistantAgent("helper", model(calls(("approve", "{}"))), tools=[approve]).run(task="go")

    assert result.messages[-1].to_text() == "None"


# Handoffs


async def test_handoff_ends_the_turn_with_the_tools_message_and_no_context() -> None:
    agent = AssistantAgent(
        "lazy",
        model(calls(("transfer_to_user", "{}"))),
        handoffs=[Handoff(target="user", message="Transfer to user.")],
    )

    result = await agent.run(task="What is the weather?")

    assert types(result.messages) == [
        "TextMessage",
        "ToolCallRequestEvent",
        "ToolCallExecutionEvent",
        "HandoffMessage",
    ]
    handoff = result.messages[-1]
    assert isinstance(handoff, HandoffMessage)
    assert (handoff.target, handoff.content, handoff.context) == ("user", "Transfer to user.", [])
    assert handoff.models_usage is None


async def test_handoff_takes_the_other_calls_along() -> None:
    agent = AssistantAgent(
        "helper",
        model(calls(("add", '{"a": 1, "b": 2}'), ("transfer_to_bob", "{}"), thought="bob knows")),
        tools=[add],
        handoffs=["bob"],
    )

    handoff = (await agent.run(task="go")).messages[-1]

    assert isinstance(handoff, HandoffMessage)
    asked, answered = handoff.context
    assert asked == AssistantMessage(
        content=[FunctionCall(id="1", name="add", arguments='{"a": 1, "b": 2}')], source="helper", thought="bob knows"
    )
    assert isinstance(answered, FunctionExecutionResultMessage)
    assert [found.content for found in answered.content] == ["3"]


async def test_handoff_with_only_a_thought_takes_the_thought_along() -> None:
    agent = AssistantAgent("helper", model(calls(("transfer_to_bob", "{}"), thought="bob knows")), handoffs=["bob"])

    handoff = (await agent.run(task="go")).messages[-1]

    assert isinstance(handoff, HandoffMessage)
    assert handoff.context == [AssistantMessage(content="bob knows", source="helper")]


async def test_first_of_several_handoffs_wins_with_a_warning() -> None:
    agent = AssistantAgent(
        "helper", model(calls(("transfer_to_zoe", "{}"), ("transfer_to_bob", "{}"))), handoffs=["bob", "zoe"]
    )

    with pytest.warns(UserWarning, match="^Multiple handoffs detected"):
        result = await agent.run(task="go")

    handoff = result.messages[-1]
    assert isinstance(handoff, HandoffMessage)
    assert handoff.target == "zoe"


async def test_handoff_within_the_loop_ends_it() -> None:
    client = model(calls(("add", '{"a": 1, "b": 2}')), calls(("transfer_to_bob", "{}")), "unused")
    agent = AssistantAgent("helper", client, tools=[add], handoffs=["bob"], max_tool_iterations=5)

    result = await agent.run(task="go")

    assert isinstance(result.messages[-1], HandoffMessage)
    assert len(client.create_calls) == 2


async def test_incoming_handoff_brings_its_context_before_itself() -> None:
    client = model("ok")
    agent = AssistantAgent("bob", client, system_message=None)
    brought = AssistantMessage(content="I looked it up.", source="alice")

    await agent.run(task=HandoffMessage(content="Over to you.", source="alice", target="bob", context=[brought]))

    assert prompt(client) == [brought, UserMessage(content="Over to you.", source="alice")]


# Thoughts and streaming


async def test_thought_comes_before_what_it_belongs_to_and_stays_in_the_context() -> None:
    agent = AssistantAgent("helper", model(calls(("add", '{"a": 1, "b": 2}'), thought="adding")), tools=[add])

    result = await agent.run(task="go")

    assert types(result.messages)[1:] == [
        "ThoughtEvent",
        "ToolCallRequestEvent",
        "ToolCallExecutionEvent",
        "ToolCallSummaryMessage",
    ]
    asked = (await agent.model_context.get_messages())[1]
    assert isinstance(asked, AssistantMessage)
    assert asked.thought == "adding"


async def test_streamed_chunks_add_up_name_their_message_and_are_not_in_the_result() -> None:
    agent = AssistantAgent("helper", model("one two three"), model_client_stream=True)

    items = await stream(agent)

    chunks = [item for item in items if isinstance(item, ModelClientStreamingChunkEvent)]
    answer, result = items[-2], items[-1]
    assert [chunk.content for chunk in chunks] == ["one ", "two ", "three"]
    assert answer.content == "one two three"
    assert {chunk.full_message_id for chunk in chunks} == {answer.id}
    assert answer.id not in {chunk.id for chunk in chunks}
    assert {chunk.source for chunk in chunks} == {"helper"}
    assert types(result.messages) == ["TextMessage", "TextMessage"]


async def test_response_of_a_streaming_agent_has_an_empty_list_of_inner_messages() -> None:
    agent = AssistantAgent("helper", model("one two"), model_client_stream=True)

    response = await agent.on_messages([TextMessage(content="hi", source="user")], CancellationToken())

    assert response.inner_messages == []


async def test_chunks_before_a_thought_carry_the_thoughts_id_and_a_new_one_follows() -> None:
    agent = AssistantAgent("helper", model(says("a b", thought="hm")), model_client_stream=True)

    items = await stream(agent)

    chunk, thought, answer = items[1], items[-3], items[-2]
    assert isinstance(thought, ThoughtEvent)
    assert chunk.full_message_id == thought.id != answer.id


async def test_reflection_streams_under_an_id_of_its_own() -> None:
    client = model(calls(("add", '{"a": 1, "b": 2}')), "It is three.")
    agent = AssistantAgent("helper", client, tools=[add], reflect_on_tool_use=True, model_client_stream=True)

    items = await stream(agent)

    chunks = [item for item in items if isinstance(item, ModelClientStreamingChunkEvent)]
    assert "".join(chunk.content for chunk in chunks) == "It is three."
    assert {chunk.full_message_id for chunk in chunks} == {items[-2].id}


class Broken(ReplayChatCompletionClient):
    """A client whose stream yields what it is told to."""

    def __init__(self, *items: Any) -> None:
        super().__init__([], model_info=INFO)
        self._items = items

    async def create_stream(self, *args: Any, **kwargs: Any) -> AsyncGenerator[str | CreateResult, None]:
        for item in self._items:
            yield item


@pytest.mark.parametrize(
    ("items", "text"),
    [(["a", 3], "^Invalid chunk type: "), (["a"], r"^No final model result in streaming mode\.$")],
)
async def test_malformed_model_stream_is_an_error(items: list[Any], text: str) -> None:
    agent = AssistantAgent("helper", Broken(*items), model_client_stream=True)

    with pytest.raises(RuntimeError, match=text):
        await stream(agent)


# Structured output


async def test_structured_output() -> None:
    client = model('{"text": "yes", "score": 3}')
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
    client = model(calls(("add", '{"a": 1, "b": 2}')), '{"text": "sum", "score": 3}')
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
        model(calls(("add", '{"a": 1, "b": 2}'))),
        tools=[add],
        output_content_type=Answer,
        reflect_on_tool_use=False,
    )

    assert isinstance((await agent.run(task="go")).messages[-1], ToolCallSummaryMessage)


async def test_text_that_does_not_fit_the_output_type_is_an_error() -> None:
    with pytest.raises(ValidationError, match="score"):
        await AssistantAgent("helper", model('{"text": "yes"}'), output_content_type=Answer).run(task="go")


# Workbenches


async def test_tools_of_several_workbenches_and_the_first_owner_of_a_name_wins() -> None:
    def other(a: int, b: int) -> str:
        """Another add."""
        return "other"

    client = model(calls(("add", '{"a": 1, "b": 2}'), ("shout", '{"text": "x"}')))
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
    client = model(calls(("learn", "{}")), calls(("shout", '{"text": "x"}')))
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
    agent = AssistantAgent("helper", model(calls(("count", '{"upto": 3}'))), tools=[Count(*shown)])

    items = await stream(agent)

    assert types(items)[1:-1] == [
        "ToolCallRequestEvent",
        "TextMessage",
        "ModelClientStreamingChunkEvent",
        "ThoughtEvent",
        "ToolCallExecutionEvent",
        "ToolCallSummaryMessage",
    ]
    assert "ModelClientStreamingChunkEvent" not in types(items[-1].messages)
    assert items[-2].content == "counted"


async def test_anything_else_that_a_tool_streams_is_a_warning() -> None:
    agent = AssistantAgent("helper", model(calls(("count", '{"upto": 3}'))), tools=[Count({"not": "a message"})])

    with pytest.warns(UserWarning, match="Tool 'count' streamed a dict"):
        await agent.run(task="go")


# Constructor


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"tools": [add, add]}, ValueError, r"Tool names must be unique: \['add', 'add'\]"),
        ({"handoffs": ["bob", "bob"]}, ValueError, "Handoff names must be unique"),
        ({"tools": [add], "handoffs": ["add"]}, ValueError, "Handoff names must be unique from tool names"),
        ({"tools": [add], "handoffs": [Handoff(target="x", name="add")]}, ValueError, "unique from tool names"),
        ({"tools": [3]}, ValueError, "Unsupported tool type"),
        ({"handoffs": [3]}, ValueError, "Unsupported handoff type"),
        ({"memory": ListMemory()}, TypeError, r"^Expected Memory, List\[Memory\], or None"),
        ({"memory": [3]}, TypeError, r"^Expected Memory, List\[Memory\], or None"),
        (
            {"tools": [add], "workbench": StaticWorkbench([])},
            ValueError,
            r"^Tools cannot be used with a workbench\.$",
        ),
    ],
)
def test_constructor_refuses(options: dict[str, Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        AssistantAgent("helper", model(), **options)


def test_constructor_refuses_tools_and_handoffs_for_a_model_without_function_calling() -> None:
    client = model(function_calling=False)

    with pytest.raises(ValueError, match=r"^The model does not support function calling\.$"):
        AssistantAgent("helper", client, tools=[add])
    with pytest.raises(
        ValueError, match=r"^The model does not support function calling, which is needed for handoffs\.$"
    ):
        AssistantAgent("helper", client, handoffs=["bob"])


def test_name_has_to_be_an_identifier() -> None:
    with pytest.raises(ValueError, match=r"^The agent name must be a valid Python identifier\."):
        AssistantAgent("my agent", model())


async def test_functions_become_tools_by_name_docstring_and_signature() -> None:
    client = model("x")
    agent = AssistantAgent("helper", client, tools=[add, shout])

    await agent.run(task="go")

    first, second = client.create_calls[0]["tools"]
    assert (first["name"], first["description"]) == ("add", "Add numbers.")
    assert second["parameters"]["required"] == ["text"]


# Context, memory, images


async def test_images_become_text_for_a_model_without_vision_also_late_in_a_conversation() -> None:
    client = model("one", "two", "three")
    agent = AssistantAgent("helper", client, system_message=None)
    picture = MultiModalMessage(content=["look", Image.from_base64(PNG)], source="user")

    await agent.run(task="hi")
    await agent.run(task=picture)
    await agent.run(task="again")

    assert [message.content for message in prompt(client)] == ["hi", "one", "look\n<image>", "two", "again"]
    kept = (await agent.model_context.get_messages())[2]
    assert isinstance(kept.content, list)


async def test_images_go_to_a_model_with_vision() -> None:
    client = model("one", vision=True)

    await AssistantAgent("helper", client, system_message=None).run(
        task=MultiModalMessage(content=["look", Image.from_base64(PNG)], source="user")
    )

    assert isinstance(prompt(client)[0].content, list)


async def test_memories_are_asked_once_after_the_messages_and_shown() -> None:
    facts = ListMemory()
    await facts.add(MemoryContent(content="User likes pizza.", mime_type="text/plain"))
    client = model(calls(("add", '{"a": 1, "b": 2}')), "pizza")
    agent = AssistantAgent(
        "helper",
        client,
        system_message=None,
        tools=[add],
        memory=[facts, ListMemory()],
        max_tool_iterations=2,
    )

    result = await agent.run(task="What do I like?")

    assert types(result.messages).count("MemoryQueryEvent") == 1
    event = result.messages[1]
    assert isinstance(event, MemoryQueryEvent)
    assert [found.content for found in event.content] == ["User likes pizza."]
    asked = prompt(client, 0)
    assert types(asked) == ["UserMessage", "SystemMessage"]
    assert "User likes pizza." in str(asked[1].content)


async def test_bounded_context_limits_what_the_model_sees() -> None:
    client = model("one", "two", "three")
    agent = AssistantAgent(
        "helper", client, system_message=None, model_context=BufferedChatCompletionContext(buffer_size=2)
    )

    for task in ("a", "b", "c"):
        await agent.run(task=task)

    assert [message.content for message in prompt(client)] == ["two", "c"]


async def test_reset_clears_the_conversation_and_keeps_memories() -> None:
    facts = ListMemory()
    await facts.add(MemoryContent(content="fact", mime_type="text/plain"))
    agent = AssistantAgent("helper", model("one"), memory=[facts])
    await agent.run(task="hi")

    await agent.on_reset(CancellationToken())

    assert await agent.model_context.get_messages() == []
    assert len((await facts.query("")).results) == 1


async def test_state_moves_the_conversation_to_another_agent() -> None:
    agent = AssistantAgent("helper", model(calls(("add", '{"a": 1, "b": 2}'))), tools=[add], system_message=None)
    await agent.run(task="hi")
    client = model("next")
    other = AssistantAgent("helper", client, system_message=None)

    state = json.loads(json.dumps(await agent.save_state()))
    await other.load_state(state)
    await other.run(task="go on")

    assert state["type"] == "AssistantAgentState"
    assert state["version"] == "1.0.0"
    assert types(prompt(client)) == [
        "UserMessage",
        "AssistantMessage",
        "FunctionExecutionResultMessage",
        "UserMessage",
    ]


# Configuration


async def test_configuration_has_version_2_and_one_workbench_and_loads() -> None:
    agent = AssistantAgent(
        "helper",
        ReplayChatCompletionClient(["hi"], model_info=INFO),
        tools=[FunctionTool(add, description="Add numbers.")],
        handoffs=["bob"],
        memory=[ListMemory()],
        metadata={"k": "v"},
        max_tool_iterations=3,
    )

    dumped = agent.dump_component()
    data = json.loads(dumped.model_dump_json(exclude_none=True))

    assert (dumped.provider, dumped.component_type) == ("hubbub_agentchat.agents.AssistantAgent", "agent")
    assert (dumped.version, dumped.component_version) == (2, 2)
    assert "tools" not in data["config"]
    assert [found["provider"] for found in data["config"]["workbench"]] == ["hubbub_core.tools.StaticStreamWorkbench"]
    with allow("code"), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that loading a tool runs its source
        loaded = AssistantAgent.load_component(data)
    assert loaded.dump_component().config == dumped.config
    assert (await loaded.run(task="x")).messages[-1].to_text() == "hi"


async def test_structured_output_survives_the_configuration() -> None:
    agent = AssistantAgent(
        "helper",
        ReplayChatCompletionClient(['{"text": "yes", "score": 3}'], model_info=INFO),
        output_content_type=Answer,
        output_content_type_format="{text}/{score}",
    )

    loaded = AssistantAgent.load_component(json.loads(agent.dump_component().model_dump_json()))

    assert (await loaded.run(task="x")).messages[-1].to_text() == "yes/3"


async def test_configuration_of_the_first_version_loads_under_the_documents_names() -> None:
    data = {
        "provider": "autogen_agentchat.agents.AssistantAgent",
        "component_type": "agent",
        "version": 1,
        "component_version": 1,
        "label": "AssistantAgent",
        "config": {
            "name": "weather_agent",
            "model_client": {
                "provider": "autogen_ext.models.replay.ReplayChatCompletionClient",
                "config": {"chat_completions": ["Sunny."], "model_info": dict(INFO)},
            },
            "tools": [],
            "handoffs": [],
            "model_context": {
                "provider": "autogen_core.model_context.UnboundedChatCompletionContext",
                "component_type": "chat_completion_context",
                "version": 1,
                "component_version": 1,
                "config": {},
            },
            "description": "An agent that provides assistance with ability to use tools.",
            "system_message": "You are a helpful AI assistant.",
            "model_client_stream": False,
            "reflect_on_tool_use": False,
            "tool_call_summary_format": "{result}",
        },
    }

    agent = AssistantAgent.load_component(data)

    assert isinstance(agent.model_context, UnboundedChatCompletionContext)
    assert (await agent.run(task="Weather?")).messages[-1].to_text() == "Sunny."


# Cancellation


class Stuck(ReplayChatCompletionClient):
    """A client that ignores its token and never answers."""

    def __init__(self) -> None:
        super().__init__([], model_info=INFO)
        self.asked = asyncio.Event()
        self.ended = asyncio.Event()

    async def create(self, *args: Any, **kwargs: Any) -> CreateResult:
        self.asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended.set()
        raise AssertionError("never")

    async def create_stream(self, *args: Any, **kwargs: Any) -> AsyncGenerator[str | CreateResult, None]:
        yield "a"
        await self.create()


@pytest.mark.parametrize("way", ["run", "run_stream", "on_messages"])
async def test_cancelled_token_ends_a_model_that_ignores_it(way: str) -> None:
    client = Stuck()
    agent = AssistantAgent("helper", client, model_client_stream=way == "run_stream")
    token = CancellationToken()

    async def go() -> None:
        if way == "run":
            await agent.run(task="hi", cancellation_token=token)
        elif way == "on_messages":
            await agent.on_messages([TextMessage(content="hi", source="user")], token)
        else:
            async for _ in agent.run_stream(task="hi", cancellation_token=token):
                pass

    running = asyncio.create_task(go())
    await client.asked.wait()
    token.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert client.ended.is_set()


async def test_cancelled_tool_is_ended_and_its_turn_taken_back() -> None:
    started = asyncio.Event()
    ended = asyncio.Event()

    async def wait() -> str:
        """Wait."""
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return "never"

    async def finish() -> str:
        """Finish."""
        started.set()
        return "finished"

    client = model(calls(("wait", "{}"), ("finish", "{}")), "better now")
    agent = AssistantAgent("helper", client, tools=[wait, finish], system_message=None)
    token = CancellationToken()

    running = asyncio.create_task(agent.run(task="hi", cancellation_token=token))
    await started.wait()
    token.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert ended.is_set()
    assert await agent.model_context.get_messages() == []
    assert (await agent.run(task="and now?")).messages[-1].to_text() == "better now"
    assert prompt(client) == [UserMessage(content="and now?", source="user")]


async def test_closing_the_stream_early_ends_the_tools() -> None:
    ended = asyncio.Event()

    async def wait() -> str:
        """Wait."""
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return "never"

    class Show(Count):
        async def run_stream(self, args: CountArgs, cancellation_token: CancellationToken) -> AsyncGenerator[Any, None]:
            yield TextMessage(content="1", source="counter")
            yield "x"
            await asyncio.Event().wait()

    agent = AssistantAgent("helper", model(calls(("wait", "{}"), ("count", '{"upto": 3}'))), tools=[wait, Show()])
    items = agent.run_stream(task="go")

    async for item in items:
        if isinstance(item, TextMessage) and item.source == "counter":
            break
    await items.aclose()

    assert ended.is_set()
    assert await agent.model_context.get_messages() == []


async def test_token_cancelled_before_the_run_ends_it_at_once() -> None:
    client = model("never asked")
    token = CancellationToken()
    token.cancel()

    with pytest.raises(asyncio.CancelledError):
        await AssistantAgent("helper", client).run(task="hi", cancellation_token=token)
    assert client.create_calls == []


async def test_cancelled_run_does_not_leave_the_callers_task_cancelled() -> None:
    client = Stuck()
    token = CancellationToken()

    async def go() -> str:
        try:
            await AssistantAgent("helper", client).run(task="hi", cancellation_token=token)
        except asyncio.CancelledError:
            pass
        task = asyncio.current_task()
        assert task is not None
        await asyncio.sleep(0)
        return f"still here, {task.cancelling()} requests"

    running = asyncio.create_task(go())
    await client.asked.wait()
    token.cancel()

    assert await running == "still here, 0 requests"


# Tasks


@pytest.mark.parametrize(
    ("task", "text"),
    [([], r"^Task list cannot be empty\.$"), (["text"], "Invalid message type in sequence")],
)
async def test_task_has_to_be_of_chat_messages(task: Any, text: str) -> None:
    agent = AssistantAgent("helper", model("x"))

    with pytest.raises(ValueError, match=text):
        await agent.run(task=task)
    with pytest.raises(ValueError, match=text):
        await stream(agent, task)


async def test_run_without_a_task_goes_on() -> None:
    client = model("one", "two")
    agent = AssistantAgent("helper", client, system_message=None)
    await agent.run(task="hi")

    result = await agent.run()

    assert types(result.messages) == ["TextMessage"]
    assert [message.content for message in prompt(client)] == ["hi", "one"]


async def test_tool_requests_and_results_are_logged_as_events(caplog: pytest.LogCaptureFixture) -> None:
    agent = AssistantAgent("helper", model(calls(("add", '{"a": 1, "b": 2}'))), tools=[add])

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
    agent = AssistantAgent("helper", OldClient([calls(("add", '{"a": 1, "b": 2}'))], model_info=INFO), tools=[add])

    result = await agent.run(task="go")

    assert result.messages[-1].to_text() == "3"
