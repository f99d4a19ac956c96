"""Workflow agents, workflows of agents and plain workflows as agents."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest
from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent, ReActAgent
from llama_index.core.workflow import (
    Context,
    Event,
    HumanResponseEvent,
    InputRequiredEvent,
    StartEvent,
    StopEvent,
    Workflow,
    step,
)

from hubbub_core import CancellationToken, FunctionCall
from hubbub_core.exchange import AgentChunk, AgentResult, AgentTask, Source
from hubbub_core.models import (
    AssistantMessage,
    CreateResult,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    ModelInfo,
    RequestUsage,
    UserMessage,
)
from hubbub_core.models.replay import ReplayChatCompletionClient
from hubbub_llama_index import HubLLM, from_workflow, from_workflow_agent
from hubbub_llama_index._workflow import UnansweredInputError
from hubbub_registry import adapt

pytestmark = [
    # LlamaIndex looks through the attributes of its agents with `inspect`, deprecated ones of pydantic included.
    pytest.mark.filterwarnings("ignore::DeprecationWarning:inspect"),
    # Its ReActAgent uses what its own workflows have deprecated.
    pytest.mark.filterwarnings("ignore:is_running called from within a step:DeprecationWarning"),
]

INFO = ModelInfo(vision=False, function_calling=True, json_output=False, family="unknown", structured_output=False)


def replay(*answers: str | CreateResult) -> ReplayChatCompletionClient:
    return ReplayChatCompletionClient(list(answers), model_info=INFO)


def calls(*asked: FunctionCall) -> CreateResult:
    return CreateResult(
        finish_reason="function_calls", content=list(asked), usage=RequestUsage(5, 2), cached=False, thought="I add."
    )


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def fail(a: int) -> int:
    """Fail."""
    raise LookupError(f"no {a}")


def function_agent(client: ReplayChatCompletionClient, tools: Sequence[Any] = (add, fail)) -> FunctionAgent:
    return FunctionAgent(name="calculator", description="Adds", tools=list(tools), llm=HubLLM(model_client=client))


def asked(client: ReplayChatCompletionClient) -> list[Any]:
    return [message.content for message in client.create_calls[-1]["messages"]]


async def test_a_function_agent_streams_its_text_calls_and_results() -> None:
    client = replay(calls(FunctionCall(id="1", name="add", arguments='{"a": 2, "b": 3}')), "It is 5.")
    agent = adapt(function_agent(client))

    items = [item async for item in agent.run_stream("2+3?")]

    chunks = [(item.kind, item.content) for item in items if isinstance(item, AgentChunk)]
    assert chunks == [
        ("tool_call", 'add({"a": 2, "b": 3})'),
        ("tool_result", "5"),
        ("text", "It "),
        ("text", "is "),
        ("text", "5."),
    ]
    result = items[-1]
    assert isinstance(result, AgentResult)
    assert result.messages == [
        AssistantMessage(
            content=[FunctionCall(id="1", name="add", arguments='{"a": 2, "b": 3}')],
            thought="I add.",
            source="calculator",
        ),
        FunctionExecutionResultMessage(content=[FunctionExecutionResult(content="5", name="add", call_id="1")]),
        AssistantMessage(content="It is 5.", source="calculator"),
    ]
    assert [(source.title, source.content, source.metadata) for source in result.sources] == [
        ("add", "5", {"node_id": "add", "arguments": {"args": [], "kwargs": {"a": 2, "b": 3}}})
    ]
    assert result.usage.prompt_tokens > 5
    assert result.metadata["agent"] == "calculator"


async def test_a_failing_tool_is_an_error_result() -> None:
    client = replay(calls(FunctionCall(id="1", name="fail", arguments='{"a": 2}')), "It failed.")

    result = await adapt(function_agent(client)).run("2?")

    assert result.messages[1] == FunctionExecutionResultMessage(
        content=[FunctionExecutionResult(content="no 2", name="fail", call_id="1", is_error=True)]
    )
    assert result.sources[0].metadata["is_error"] is True


async def test_the_conversation_goes_on_within_a_session_only() -> None:
    client = replay("Hello Ann.", "Hello Bob.", "You are Ann.")
    agent = from_workflow_agent(function_agent(client))

    await agent.run("I am Ann", session="ann")
    await agent.run("I am Bob", session="bob")
    await agent.run("Who am I?", session="ann")

    assert asked(client) == ["I am Ann", "Hello Ann.", "Who am I?"]


async def test_the_conversation_is_saved_as_json_and_restored() -> None:
    client = replay("Hello Ann.", "You are Ann.")
    agent = from_workflow_agent(function_agent(client))
    await agent.run("I am Ann")

    state = json.loads(json.dumps(await agent.save_state()))
    again = from_workflow_agent(function_agent(client))
    await again.load_state(state)
    await again.run("Who am I?")

    assert asked(client) == ["I am Ann", "Hello Ann.", "Who am I?"]


async def test_a_state_that_names_an_unknown_module_is_refused_and_not_imported() -> None:
    agent = from_workflow_agent(function_agent(replay()))
    value = json.dumps({"__is_pydantic": True, "value": {}, "qualified_name": "antigravity.Evil"})
    state = {"context": {"state": {"state_data": {"_data": {"x": value}}}}, "messages": []}

    with pytest.raises(ValueError, match=r"names antigravity\.Evil, whose module this program has not imported"):
        await agent.load_state({"default": state})


async def test_a_failed_run_leaves_the_conversation_as_it_was() -> None:
    client = replay("Hello Ann.")
    agent = from_workflow_agent(function_agent(client))
    await agent.run("I am Ann")
    before = await agent.save_state()

    with pytest.raises(ValueError, match=r".+"):
        await agent.run("Who am I?")

    assert await agent.save_state() == before
    assert len(asyncio.all_tasks()) == 1


async def test_cancelling_stops_the_run_and_its_tool() -> None:
    started, ended = asyncio.Event(), asyncio.Event()

    async def wait() -> str:
        """Wait for ever."""
        started.set()
        try:
            return await asyncio.Future()
        finally:
            ended.set()

    client = replay(calls(FunctionCall(id="1", name="wait", arguments="{}")))
    token = CancellationToken()
    run = asyncio.create_task(from_workflow_agent(function_agent(client, [wait])).run("wait", cancellation_token=token))
    await started.wait()

    token.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run

    assert ended.is_set()
    assert len(asyncio.all_tasks()) == 1


async def test_passages_of_earlier_agents_reach_the_model() -> None:
    client = replay("On rails.")
    task = AgentTask(
        messages=[UserMessage(content="Where?", source="user")], sources=[Source(content="On rails.", title="Rail")]
    )

    await from_workflow_agent(function_agent(client)).run(task)

    assert asked(client) == ["Where?\n\n[1] Rail\nOn rails."]


async def test_a_react_agent_tells_its_calls_and_answers() -> None:
    client = replay(
        'Thought: I add.\nAction: add\nAction Input: {"a": 2, "b": 3}', "Thought: I can answer.\nAnswer: It is 5."
    )
    agent = from_workflow_agent(ReActAgent(name="thinker", tools=[add], llm=HubLLM(model_client=client)))

    result = await agent.run("2+3?")

    assert result.text() == "It is 5."
    assert [type(message).__name__ for message in result.messages] == [
        "AssistantMessage",
        "FunctionExecutionResultMessage",
        "AssistantMessage",
    ]
    call = result.messages[0].content[0]
    assert isinstance(call, FunctionCall)
    assert (call.name, json.loads(call.arguments)) == ("add", {"a": 2, "b": 3})
    assert result.sources[0].content == "5"


async def test_a_workflow_of_agents_hands_over() -> None:
    client = replay(
        calls(FunctionCall(id="1", name="handoff", arguments='{"to_agent": "writer", "reason": "it writes"}')),
        "Written.",
    )
    llm = HubLLM(model_client=client)
    workflow = AgentWorkflow(
        agents=[
            FunctionAgent(name="planner", description="Plans", llm=llm, tools=[add], can_handoff_to=["writer"]),
            FunctionAgent(name="writer", description="Writes", llm=llm, tools=[add]),
        ],
        root_agent="planner",
    )

    agent = adapt(workflow)
    items = [item async for item in agent.run_stream("Write!")]

    assert agent.name == "workflow"
    assert items[-1].metadata["agent"] == "writer"
    assert isinstance(items[-1], AgentResult)
    assert items[-1].text() == "Written."
    spoken = [item for item in items if isinstance(item, AgentChunk) and item.kind == "text"]
    assert {chunk.metadata["agent"] for chunk in spoken} == {"writer"}


class Progressed(Event):
    percent: int


class Shout(Workflow):
    @step
    async def shout(self, ctx: Context, ev: StartEvent) -> StopEvent:
        ctx.write_event_to_stream(Progressed(percent=50))
        return StopEvent(result=str(ev.input).upper())


class Wanted(StartEvent):
    topic: str
    length: int = 3


class Topic(Workflow):
    @step
    async def cut(self, ev: Wanted) -> StopEvent:
        return StopEvent(result={"cut": ev.topic[: ev.length]})


class Ask(Workflow):
    @step
    async def ask(self, ev: StartEvent) -> InputRequiredEvent:
        return InputRequiredEvent(prefix="Really?")

    @step
    async def end(self, ev: HumanResponseEvent) -> StopEvent:
        return StopEvent()


class TwoFields(StartEvent):
    first: str
    second: str


class Pair(Workflow):
    @step
    async def join(self, ev: TwoFields) -> StopEvent:
        return StopEvent(result=ev.first + ev.second)


async def test_a_plain_workflow_starts_with_the_tasks_text() -> None:
    assert (await adapt(Shout()).run("hello")).text() == "HELLO"


async def test_the_one_required_field_of_a_start_event_is_the_text() -> None:
    assert (await from_workflow(Topic()).run("storks")).text() == '{"cut": "sto"}'


async def test_other_start_events_need_to_be_told() -> None:
    with pytest.raises(ValueError, match=r"Pair starts with TwoFields\(first, second\), .*pass start="):
        from_workflow(Pair())

    agent = from_workflow(Pair(), start=lambda task: {"first": task.text(), "second": "!"})
    assert (await agent.run("hey")).text() == "hey!"


async def test_a_question_to_a_human_whom_nobody_answers_for_is_an_error() -> None:
    with pytest.raises(UnansweredInputError, match=r"the workflow of agent 'Ask' waits for human input .*: Really\?"):
        await from_workflow(Ask()).run("go")

    assert len(asyncio.all_tasks()) == 1
