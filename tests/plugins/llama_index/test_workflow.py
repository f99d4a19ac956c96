"""Workflow agents, workflows of agents and plain workflows as agents."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import pytest
from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent, ReActAgent
from llama_index.core.base.llms.types import ThinkingBlock
from llama_index.core.base.response.schema import AsyncStreamingResponse, Response
from llama_index.core.llms import ChatMessage, ChatResponse, TextBlock
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.schema import NodeWithScore, TextNode
from llama_index.core.tools import QueryEngineTool
from llama_index.core.workflow import Context, Event, StartEvent, StopEvent, Workflow, step
from llama_index.retrievers.bm25 import BM25Retriever
from pydantic import BaseModel

from hubbub_agentchat.conditions import MaxMessageTermination
from hubbub_agentchat.messages import ToolCallExecutionEvent, ToolCallRequestEvent
from hubbub_agentchat.teams import RoundRobinGroupChat
from hubbub_core import AgentId, CancellationToken, FunctionCall, SingleThreadedAgentRuntime
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
from hubbub_llama_index import HubLLM, LlamaIndexChatCompletionClient, from_workflow, from_workflow_agent
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


class Failing(Workflow):
    @step
    async def fail(self, ev: StartEvent) -> StopEvent:
        raise LookupError("no such bird")


class Answering(Workflow):
    """Stops with whatever it was given."""

    output: Any = None

    @step
    async def stop(self, ev: StartEvent) -> StopEvent:
        return StopEvent(result=self.output)


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


async def test_what_a_step_writes_to_the_stream_is_a_status() -> None:
    items = [item async for item in adapt(Shout()).run_stream("hello")]

    (chunk,) = [item for item in items if isinstance(item, AgentChunk)]
    assert (chunk.kind, chunk.content) == ("status", '{"percent": 50}')
    assert chunk.metadata == {"event": "Progressed", "value": {"percent": 50}}


@pytest.mark.parametrize("workflow", [Failing(), "agent"], ids=["workflow", "agent"])
async def test_an_error_arrives_as_itself_and_names_the_agent(workflow: Any) -> None:
    runtime = SingleThreadedAgentRuntime()
    made = function_agent(replay()) if workflow == "agent" else workflow
    error = ValueError if workflow == "agent" else LookupError
    await adapt(made).register(runtime, "watcher")
    runtime.start()

    with pytest.raises(error) as caught:
        await runtime.send_message(AgentTask.from_text("Which?"), AgentId("watcher", "default"))

    await runtime.stop_when_idle()
    what = "FunctionAgent 'calculator'" if workflow == "agent" else "workflow Failing"
    assert caught.value.__notes__ == [f"in agent 'watcher' (LlamaIndex {what})"]


async def test_the_finish_reason_of_the_model_reaches_the_result() -> None:
    client = replay(CreateResult(finish_reason="length", content="It is", usage=RequestUsage(3, 2), cached=False))

    result = await adapt(function_agent(client)).run("2+3?")

    assert (result.finish_reason, result.usage) == ("length", client.total_usage())


async def test_the_call_that_makes_a_structured_answer_is_counted_too() -> None:
    class Sum(BaseModel):
        """The sum."""

        total: int

    answer = CreateResult(finish_reason="stop", content="It is 5.", usage=RequestUsage(3, 2), cached=False)
    structured = calls(FunctionCall(id="1", name="Sum", arguments='{"total": 5}'))
    client = replay(answer, structured)
    agent = FunctionAgent(name="calculator", tools=[add], llm=HubLLM(model_client=client), output_cls=Sum)

    result = await adapt(agent).run("2+3?")

    assert result.metadata["structured_response"] == {"total": 5}
    assert result.usage == client.total_usage()


async def test_a_react_agent_streams_its_reasoning_as_thoughts_and_keeps_it() -> None:
    client = replay(
        'Thought: I add.\nAction: add\nAction Input: {"a": 2, "b": 3}', "Thought: I can answer.\nAnswer: It is 5."
    )
    agent = from_workflow_agent(ReActAgent(name="thinker", tools=[add], llm=HubLLM(model_client=client)))

    items = [item async for item in agent.run_stream("2+3?")]

    chunks = [item for item in items if isinstance(item, AgentChunk)]
    assert "".join(chunk.content for chunk in chunks if chunk.kind == "text") == "It is 5."
    thoughts = "".join(chunk.content for chunk in chunks if chunk.kind == "thought")
    assert thoughts == 'Thought: I add.\nAction: add\nAction Input: {"a": 2, "b": 3}Thought: I can answer.\n'
    result = items[-1]
    assert isinstance(result, AgentResult)
    assert result.messages[-1] == AssistantMessage(
        content="It is 5.", thought="Thought: I can answer.", source="thinker"
    )


@pytest.mark.parametrize(
    ("output", "text"),
    [
        (None, ""),
        ("text", "text"),
        (5, "5"),
        ({"a": [1]}, '{"a": [1]}'),
        ([ChatMessage(role="user", content="hey")], '[{"role": "user", "additional_kwargs": {}, "blocks": ['),
        (ChatMessage(role="assistant", content="a message"), "a message"),
        (ChatResponse(message=ChatMessage(role="assistant", content="a reply")), "a reply"),
        (Response(response="an answer"), "an answer"),
    ],
)
async def test_what_a_workflow_stops_with_is_the_answer(output: Any, text: str) -> None:
    workflow = Answering()
    workflow.output = output

    result = await adapt(workflow).run("go")

    assert result.text().startswith(text)
    assert isinstance(output, list) or result.text() == text


async def test_a_reply_that_a_workflow_stops_with_brings_its_tokens_and_thoughts() -> None:
    blocks = [ThinkingBlock(content="Easy."), TextBlock(text="5")]
    raw = {"usage": {"prompt_tokens": 3, "completion_tokens": 1}, "finish_reason": "length"}
    workflow = Answering()
    workflow.output = ChatResponse(message=ChatMessage(role="assistant", blocks=blocks), raw=raw)

    result = await adapt(workflow).run("go")

    assert result.messages == [AssistantMessage(content="5", thought="Easy.", source="Answering")]
    assert (result.usage, result.finish_reason) == (RequestUsage(3, 1), "length")


async def test_an_answer_that_a_workflow_still_writes_is_streamed_with_its_sources() -> None:
    async def pieces() -> AsyncGenerator[str, None]:
        yield "Storks "
        yield "nest."

    workflow = Answering()
    found = NodeWithScore(node=TextNode(id_="storks", text="Storks nest on chimneys."), score=0.5)
    workflow.output = AsyncStreamingResponse(pieces(), source_nodes=[found], metadata={"storks": {"page": 1}})

    items = [item async for item in adapt(workflow).run_stream("go")]

    assert [item.content for item in items if isinstance(item, AgentChunk)] == ["Storks ", "nest."]
    result = items[-1]
    assert isinstance(result, AgentResult)
    assert (result.text(), [source.content for source in result.sources]) == (
        "Storks nest.",
        ["Storks nest on chimneys."],
    )
    assert result.metadata["storks"] == {"page": 1}


@pytest.mark.parametrize("streaming", [True, False])
async def test_a_model_of_llama_index_behind_the_hubs_is_counted_once(streaming: bool) -> None:
    """Both tell LlamaIndex of the one reply."""
    inner = HubLLM(model_client=(client := replay("It is 5.")), extra_create_args={"seed": 1})
    outer = HubLLM(model_client=LlamaIndexChatCompletionClient(inner))
    agent = FunctionAgent(name="calculator", tools=[], llm=outer, streaming=streaming)

    result = await adapt(agent).run("2+3?")

    assert result.usage == client.total_usage()


async def test_the_tokens_of_an_engine_that_is_a_tool_are_counted() -> None:
    client = replay(calls(FunctionCall(id="1", name="docs", arguments='{"input": "storks"}')), "Chimneys.", "There.")
    llm = HubLLM(model_client=client)
    engine = RetrieverQueryEngine.from_args(BM25Retriever(nodes=[TextNode(text="Storks nest.")]), llm=llm)
    tool = QueryEngineTool.from_defaults(engine, name="docs", description="Looks into the documents")

    result = await adapt(FunctionAgent(name="finder", tools=[tool], llm=llm)).run("Where?")

    assert result.usage == client.total_usage()
    assert [source.content for source in result.sources] == ["Storks nest.", "Chimneys."]


async def test_a_member_of_a_team_shows_its_calls_as_json() -> None:
    client = replay(calls(FunctionCall(id="1", name="add", arguments='{"a": 2, "b": 3}')), "It is 5.")
    team = RoundRobinGroupChat(
        [adapt(adapt(function_agent(client)), to="chat agent")], termination_condition=MaxMessageTermination(2)
    )

    shown = [item async for item in team.run_stream(task="2+3?")]

    (request,) = [item for item in shown if isinstance(item, ToolCallRequestEvent)]
    assert request.content == [FunctionCall(id="1", name="add", arguments='{"a": 2, "b": 3}')]
    (executed,) = [item for item in shown if isinstance(item, ToolCallExecutionEvent)]
    assert [(result.content, result.call_id) for result in executed.content] == [("5", "1")]
