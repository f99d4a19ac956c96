"""Graphs as agents: what runs, what streams, what ends."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, TypedDict

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.messages.tool import tool_call
from langchain_core.tools import tool
from langgraph.config import get_stream_writer
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from pydantic import BaseModel

from hubbub_core import CancellationToken, FunctionCall
from hubbub_core.exchange import AgentChunk, AgentResult
from hubbub_core.models import (
    AssistantMessage,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    RequestUsage,
    UserMessage,
)
from hubbub_langgraph import from_graph
from hubbub_registry import adapt


def usage(prompt: int, completion: int) -> Any:
    return {"input_tokens": prompt, "output_tokens": completion, "total_tokens": prompt + completion}


def weather_graph(model: Any) -> Any:
    """Build the tool-using agent of the documents: agent, tools, back to agent."""

    @tool
    def get_weather(location: str) -> str:
        """Tell the weather."""
        if location.lower() in ("sf", "san francisco"):
            return "It's 60 degrees and foggy."
        raise ValueError(f"no weather for {location}")

    async def agent(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"])]}

    builder = StateGraph(MessagesState)
    builder.add_node("agent", agent)
    builder.add_node("tools", ToolNode([get_weather], handle_tool_errors=True))
    builder.add_edge(START, "agent")
    builder.add_conditional_edges("agent", tools_condition)
    builder.add_edge("tools", "agent")
    return builder.compile(name="weather")


async def test_the_documents_weather_agent_answers_with_its_calls_and_summed_usage(scripted: Any) -> None:
    """spec: 001 LG-1 to LG-3, on a scripted model."""
    model = scripted(
        AIMessage(
            content="",
            tool_calls=[tool_call(name="get_weather", args={"location": "sf"}, id="c1")],
            usage_metadata=usage(10, 5),
        ),
        AIMessage(
            content="60 degrees, foggy.", usage_metadata=usage(20, 7), response_metadata={"finish_reason": "stop"}
        ),
    )

    result = await adapt(weather_graph(model)).run("What's the weather in SF?")

    assert result.messages == [
        AssistantMessage(
            content=[FunctionCall(id="c1", name="get_weather", arguments='{"location": "sf"}')], source="weather"
        ),
        FunctionExecutionResultMessage(
            content=[
                FunctionExecutionResult(
                    content="It's 60 degrees and foggy.", name="get_weather", call_id="c1", is_error=False
                )
            ]
        ),
        AssistantMessage(content="60 degrees, foggy.", source="weather"),
    ]
    assert result.usage == RequestUsage(prompt_tokens=30, completion_tokens=12)
    assert (result.source, result.finish_reason) == ("weather", "stop")


async def test_a_failing_tool_is_a_result_that_says_so(scripted: Any) -> None:
    call = tool_call(name="get_weather", args={"location": "Atlantis"}, id="c1")
    model = scripted(AIMessage(content="", tool_calls=[call]), AIMessage(content="No idea."))

    result = await from_graph(weather_graph(model)).run("Atlantis?")

    answer = result.messages[1]
    assert isinstance(answer, FunctionExecutionResultMessage)
    assert answer.content[0].is_error is True
    assert "no weather for Atlantis" in answer.content[0].content


async def test_tokens_calls_results_and_finished_nodes_stream_in_order(scripted: Any) -> None:
    model = scripted(
        AIMessage(content="", tool_calls=[tool_call(name="get_weather", args={"location": "sf"}, id="c1")]),
        AIMessage(content="Quite foggy"),
    )
    agent = from_graph(weather_graph(model))

    chunks = [item async for item in agent.run_stream("Weather?") if isinstance(item, AgentChunk)]

    assert [(chunk.kind, chunk.content, chunk.metadata["node"]) for chunk in chunks] == [
        ("tool_call", 'get_weather({"location": "sf"})', "agent"),
        ("status", "agent finished", "agent"),
        ("tool_result", "It's 60 degrees and foggy.", "tools"),
        ("status", "tools finished", "tools"),
        ("text", "Quite ", "agent"),
        ("text", "foggy", "agent"),
        ("status", "agent finished", "agent"),
    ]
    assert chunks[0].metadata == {
        "node": "agent",
        "name": "get_weather",
        "call_id": "c1",
        "arguments": '{"location": "sf"}',
    }
    assert {chunk.source for chunk in chunks} == {"weather"}


async def test_a_subgraph_streams_with_the_node_it_is_within(graph_of: Any, scripted: Any) -> None:
    model = scripted(AIMessage(content="inside"))

    async def think(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"])]}

    inner = graph_of(MessagesState, think)
    builder = StateGraph(MessagesState)
    builder.add_node("outer", inner)
    builder.add_edge(START, "outer")
    agent = from_graph(builder.compile())

    items = [item async for item in agent.run_stream("hi")]

    assert [(i.content, i.metadata) for i in items if isinstance(i, AgentChunk)] == [
        ("inside", {"node": "think", "within": ["outer"]}),
        ("think finished", {"node": "think", "within": ["outer"]}),
        ("outer finished", {"node": "outer"}),
    ]
    assert isinstance(items[-1], AgentResult)
    assert items[-1].text() == "inside"


async def test_values_of_a_stream_writer_become_text_status_and_chunks(graph_of: Any) -> None:
    async def work(state: MessagesState) -> dict[str, Any]:
        write = get_stream_writer()
        write("half ")
        write({"done": 1})
        write(AgentChunk(content="hm", source="w", kind="thought"))
        write(print)
        return {"messages": [AIMessage(content="all")]}

    items = [item async for item in from_graph(graph_of(MessagesState, work)).run_stream("go")]

    chunks = [item for item in items if isinstance(item, AgentChunk)]
    assert [(chunk.kind, chunk.content) for chunk in chunks] == [
        ("text", "half "),
        ("status", '{"done": 1}'),
        ("thought", "hm"),
        ("status", "<built-in function print>"),
        ("text", "all"),
        ("status", "work finished"),
    ]
    assert chunks[1].metadata == {"value": {"done": 1}}


async def test_thoughts_stream_apart_from_text_and_stay_with_the_answer(graph_of: Any) -> None:
    async def work(state: MessagesState) -> dict[str, Any]:
        return {"messages": [AIMessage(content="4", additional_kwargs={"reasoning_content": "2+2"})]}

    items = [item async for item in from_graph(graph_of(MessagesState, work), name="calc").run_stream("2+2?")]

    assert [(i.kind, i.content) for i in items if isinstance(i, AgentChunk)][:2] == [("thought", "2+2"), ("text", "4")]
    assert isinstance(items[-1], AgentResult)
    assert items[-1].messages == [AssistantMessage(content="4", thought="2+2", source="calc")]


async def test_only_the_messages_that_the_run_added_or_rewrote_are_the_result(graph_of: Any) -> None:
    async def rewrite(state: MessagesState) -> dict[str, Any]:
        first, _ = state["messages"]
        return {"messages": [HumanMessage(content="rewritten", id=first.id), AIMessage(content="done")]}

    task = [UserMessage(content="one", source="user"), UserMessage(content="two", source="user")]

    result = await from_graph(graph_of(MessagesState, rewrite)).run(task)

    assert [message.content for message in result.messages] == ["rewritten", "done"]


async def test_equal_messages_without_ids_are_told_apart_by_their_number(graph_of: Any) -> None:
    class Plain(TypedDict):
        messages: list[BaseMessage]

    async def repeat(state: Plain) -> dict[str, Any]:
        return {"messages": [*state["messages"], HumanMessage(content="hi", name="user")]}

    result = await from_graph(graph_of(Plain, repeat)).run("hi")

    assert result.messages == [UserMessage(content="hi", source="user")]


async def test_a_graph_that_returns_nothing_says_nothing(graph_of: Any) -> None:
    async def quiet(state: MessagesState) -> None:
        return None

    result = await from_graph(graph_of(MessagesState, quiet)).run("hi")

    assert result.messages == []


async def test_an_error_in_a_node_arrives_as_itself(graph_of: Any) -> None:
    class Trouble(Exception):
        pass

    async def fail(state: MessagesState) -> None:
        raise Trouble("at sea")

    with pytest.raises(Trouble, match="at sea") as caught:
        await from_graph(graph_of(MessagesState, fail), name="sailor").run("hi")
    assert caught.value.__notes__[-1] == "in agent 'sailor' (LangGraph graph 'sailor')"


async def test_cancelling_ends_the_nodes_before_the_run_returns(graph_of: Any) -> None:
    entered, ended = asyncio.Event(), []

    async def hang(state: MessagesState) -> None:
        entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("node")

    token = CancellationToken()
    run = asyncio.create_task(from_graph(graph_of(MessagesState, hang)).run("hi", cancellation_token=token))
    await entered.wait()
    token.cancel()

    with pytest.raises(asyncio.CancelledError):
        await run
    assert ended == ["node"]
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_closing_the_stream_ends_the_graph(graph_of: Any) -> None:
    ended = []

    async def speak(state: MessagesState) -> None:
        get_stream_writer()("word")
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("node")

    stream = from_graph(graph_of(MessagesState, speak)).run_stream("hi")
    first = await anext(stream)
    assert isinstance(first, AgentChunk)
    await stream.aclose()

    assert ended == ["node"]
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.filterwarnings("ignore:create_react_agent has been moved")
async def test_a_prebuilt_agent_is_a_graph_like_any_other(scripted: Any) -> None:
    from langgraph.prebuilt import create_react_agent

    def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    call = tool_call(name="add", args={"a": 1, "b": 2}, id="c1")
    model = scripted(AIMessage(content="", tool_calls=[call]), AIMessage(content="3"))

    result = await adapt(create_react_agent(model, [add], prompt="Add things.", name="adder")).run("1+2?")

    assert [message.type for message in result.messages] == [
        "AssistantMessage",
        "FunctionExecutionResultMessage",
        "AssistantMessage",
    ]
    assert (result.text(), result.source) == ("3", "adder")
    assert [message.type for message in model.asked[0]] == ["system", "human"]


def test_names_of_graphs_become_agent_types(graph_of: Any) -> None:
    async def work(state: MessagesState) -> Mapping[str, Any]:
        return {}

    assert from_graph(graph_of(MessagesState, work, name="My planner!")).name == "My_planner_"


async def test_the_structured_response_of_a_prebuilt_agent_is_metadata(graph_of: Any) -> None:
    class State(MessagesState):
        structured_response: Any

    class Weather(BaseModel):
        town: str
        degrees: int

    async def answer(state: State) -> dict[str, Any]:
        return {"messages": [AIMessage(content="warm")], "structured_response": Weather(town="Oslo", degrees=21)}

    result = await from_graph(graph_of(State, answer)).run("hi")

    assert result.metadata["structured_response"] == {"town": "Oslo", "degrees": 21}
