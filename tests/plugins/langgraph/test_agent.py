"""Graphs as agents: what goes in, what streams, what comes out."""

from __future__ import annotations

import asyncio
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.messages.tool import tool_call
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import tool
from langgraph.channels import EphemeralValue, LastValue
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.config import get_stream_writer
from langgraph.func import entrypoint, task
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from langgraph.pregel import NodeBuilder, Pregel
from langgraph.runtime import Runtime

from hubbub_core import CancellationToken, FunctionCall
from hubbub_core.exchange import AgentChunk, AgentResult, AgentTask, Source
from hubbub_core.models import (
    AssistantMessage,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    RequestUsage,
    UserMessage,
)
from hubbub_core.models.replay import ReplayChatCompletionClient
from hubbub_langgraph import GraphHub, from_graph, get_hub
from hubbub_registry import NotReadyError, adapt

Graph = Pregel[Any, Any, Any, Any]


class Question(TypedDict):
    question: str
    answer: str


def usage(prompt: int, completion: int) -> Any:
    return {"input_tokens": prompt, "output_tokens": completion, "total_tokens": prompt + completion}


def graph_of(state: Any, *nodes: Callable[..., Any], **options: Any) -> Graph:
    """Compile nodes, one after the other, into a graph."""
    builder = StateGraph(state)
    builder.add_sequence(nodes)
    builder.add_edge(START, nodes[0].__name__)
    return builder.compile(**options)


def weather_graph(model: Any) -> Graph:
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


async def test_a_subgraph_streams_with_the_node_it_is_within(scripted: Any) -> None:
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


async def test_values_of_a_stream_writer_become_text_status_and_chunks() -> None:
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


async def test_thoughts_stream_apart_from_text_and_stay_with_the_answer() -> None:
    async def work(state: MessagesState) -> dict[str, Any]:
        return {"messages": [AIMessage(content="4", additional_kwargs={"reasoning_content": "2+2"})]}

    items = [item async for item in from_graph(graph_of(MessagesState, work), name="calc").run_stream("2+2?")]

    assert [(i.kind, i.content) for i in items if isinstance(i, AgentChunk)][:2] == [("thought", "2+2"), ("text", "4")]
    assert isinstance(items[-1], AgentResult)
    assert items[-1].messages == [AssistantMessage(content="4", thought="2+2", source="calc")]


async def test_only_the_messages_that_the_run_added_or_rewrote_are_the_result() -> None:
    async def rewrite(state: MessagesState) -> dict[str, Any]:
        first, _ = state["messages"]
        return {"messages": [HumanMessage(content="rewritten", id=first.id), AIMessage(content="done")]}

    task = [UserMessage(content="one", source="user"), UserMessage(content="two", source="user")]

    result = await from_graph(graph_of(MessagesState, rewrite)).run(task)

    assert [message.content for message in result.messages] == ["rewritten", "done"]


async def test_equal_messages_without_ids_are_told_apart_by_their_number() -> None:
    class Plain(TypedDict):
        messages: list[BaseMessage]

    async def repeat(state: Plain) -> dict[str, Any]:
        return {"messages": [*state["messages"], HumanMessage(content="hi", name="user")]}

    result = await from_graph(graph_of(Plain, repeat)).run("hi")

    assert result.messages == [UserMessage(content="hi", source="user")]


async def test_keys_carry_the_task_in_and_the_answer_out() -> None:
    async def solve(state: Question) -> dict[str, str]:
        return {"answer": state["question"].upper()}

    result = await adapt(graph_of(Question, solve), input="question", output="answer", name="shout").run("hello")

    assert result.messages == [AssistantMessage(content="HELLO", source="shout")]


async def test_functions_carry_the_task_in_and_the_answer_out() -> None:
    class Numbers(TypedDict):
        numbers: list[int]
        total: int

    async def add(state: Numbers) -> dict[str, int]:
        return {"total": sum(state["numbers"])}

    def read(task: AgentTask) -> Any:
        return {"numbers": [int(word) for word in task.text().split("+")]}

    def write(state: Numbers) -> AgentResult:
        return AgentResult.from_text(f"= {state['total']}", source="adder", finish_reason="exact")

    result = await from_graph(graph_of(Numbers, add), input=read, output=write).run("1+2+3")

    assert (result.text(), result.source, result.finish_reason) == ("= 6", "adder", "exact")


async def test_a_state_class_takes_its_only_key_and_returns_json() -> None:
    @dataclass
    class Topic:
        topic: str

    class Found(TypedDict):
        hits: list[dict[str, Any]]

    async def find(state: Topic) -> dict[str, Any]:
        return {"hits": [{"topic": state.topic}]}

    builder = StateGraph(Topic, output_schema=Found)
    builder.add_node(find)
    builder.add_edge(START, "find")

    result = await from_graph(builder.compile()).run("bees")

    assert result.text() == '[{"topic": "bees"}]'


async def test_sources_and_metadata_of_the_final_state_are_taken_over() -> None:
    class State(MessagesState):
        sources: Annotated[list[Any], operator.add]
        metadata: dict[str, Any]

    async def search(state: State) -> dict[str, Any]:
        found = [Source(content="a passage", title="a.md"), {"content": "another", "score": 0.5}, "plain"]
        return {"messages": [AIMessage(content="see")], "sources": found, "metadata": {"took": 3}}

    result = await from_graph(graph_of(State, search)).run("?")

    assert result.sources == [
        Source(content="a passage", title="a.md"),
        Source(content="another", score=0.5),
        Source(content="plain"),
    ]
    assert result.metadata == {"took": 3, "task": "?"}


async def test_a_source_without_content_is_refused_by_its_place() -> None:
    class State(MessagesState):
        sources: list[Any]

    async def search(state: State) -> dict[str, Any]:
        return {"sources": [{"title": "a.md"}]}

    with pytest.raises(ValueError, match=r"^sources\.0\.content of graph 'langgraph' is no source: Field required$"):
        await from_graph(graph_of(State, search)).run("?")


@pytest.mark.parametrize(
    ("annotation", "received"),
    [
        (str, "two"),
        (Any, "two"),
        (list[AnyMessage], [HumanMessage(content="one", name="user"), HumanMessage(content="two", name="user")]),
        (list, [HumanMessage(content="one", name="user"), HumanMessage(content="two", name="user")]),
        (
            MessagesState,
            {"messages": [HumanMessage(content="one", name="user"), HumanMessage(content="two", name="user")]},
        ),
        (
            list[UserMessage],
            [UserMessage(content="one", source="user"), UserMessage(content="two", source="user")],
        ),
        (
            AgentTask,
            AgentTask(messages=[UserMessage(content="one", source="user"), UserMessage(content="two", source="user")]),
        ),
    ],
    ids=["str", "any", "messages", "list", "mapping", "hub-messages", "task"],
)
async def test_an_entry_point_gets_what_its_parameter_is_annotated_with(annotation: Any, received: Any) -> None:
    seen: list[Any] = []

    async def work(given: Any) -> str:
        seen.append(given)
        return "ok"

    work.__annotations__["given"] = annotation
    conversation = [UserMessage(content="one", source="user"), UserMessage(content="two", source="user")]

    result = await adapt(entrypoint()(work)).run(conversation)

    assert seen == [received]
    assert (result.text(), result.source) == ("ok", "work")


async def test_an_entry_point_with_postponed_annotations_is_understood() -> None:
    """This module postpones its annotations, so LangGraph sees them as text."""

    @task
    async def shout(text: str) -> str:
        return text.upper()

    @entrypoint()
    async def work(messages: list[BaseMessage]) -> list[BaseMessage]:
        return [*messages, AIMessage(content=await shout(str(messages[-1].content)))]

    @entrypoint()
    def plain(text: str) -> dict[str, str]:
        return {"text": text}

    assert (await from_graph(work).run("hi")).messages == [AssistantMessage(content="HI", source="work")]
    assert (await from_graph(plain).run("hi")).text() == "hi"


async def test_a_hand_made_pregel_runs() -> None:
    node = NodeBuilder().subscribe_only("a").do(lambda text: text + text).write_to("b").build()
    graph: Graph = Pregel(
        nodes={"double": node},
        channels={"a": EphemeralValue(str), "b": LastValue(str)},
        input_channels=["a"],
        output_channels=["b"],
    )

    assert (await adapt(graph).run("foo")).text() == "foofoo"


async def test_a_graph_that_returns_nothing_says_nothing() -> None:
    async def quiet(state: MessagesState) -> None:
        return None

    result = await from_graph(graph_of(MessagesState, quiet)).run("hi")

    assert result.messages == []


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (
            {},
            "graph 'langgraph' takes question, answer, none of them 'messages'; pass input=, the key for the task's "
            "text or a function of the AgentTask",
        ),
        (
            {"input": "query"},
            "graph 'langgraph' has no input key 'query'; it takes question, answer; pass input=, the "
            "key for the task's text or a function of the AgentTask",
        ),
        (
            {"input": "question"},
            "graph 'langgraph' returns question, answer, none of them 'messages'; pass output=, the "
            "key of the answer or a function of the result",
        ),
        (
            {"input": "question", "output": "reply"},
            "graph 'langgraph' has no output key 'reply'; it returns question, answer",
        ),
        (
            {"input": "question", "output": "answer", "config": {"configurable": {"thread_id": "1"}}},
            "the configuration of graph 'langgraph' sets thread_id, which is the agent's session",
        ),
    ],
)
def test_a_schema_that_leaves_the_mapping_open_is_refused_at_once(options: dict[str, Any], problem: str) -> None:
    async def solve(state: Question) -> dict[str, str]:
        return {}

    with pytest.raises(ValueError) as caught:  # noqa: PT011 # compared whole below
        adapt(graph_of(Question, solve), **options)

    assert str(caught.value) == problem


def test_an_entry_point_with_a_type_of_its_own_asks_for_a_function() -> None:
    @entrypoint()
    async def work(number: int) -> int:
        return number

    with pytest.raises(
        ValueError, match=r"^graph 'work' takes int, which a task does not become by itself; pass input="
    ):
        from_graph(work)


async def test_a_result_that_is_neither_text_nor_json_is_refused_by_its_type() -> None:
    @entrypoint()
    async def work(text: str) -> Any:
        return {1, 2}

    with pytest.raises(ValueError, match=r"^graph 'work' returned a set that is neither text, messages nor JSON"):
        await from_graph(work).run("x")


def test_an_uncompiled_graph_is_refused_with_what_to_do() -> None:
    with pytest.raises(NotReadyError, match=r"^a StateGraph does not run before it is compiled; call \.compile\(\)"):
        adapt(StateGraph(MessagesState))


async def test_an_error_in_a_node_arrives_as_itself() -> None:
    class Trouble(Exception):
        pass

    async def fail(state: MessagesState) -> None:
        raise Trouble("at sea")

    with pytest.raises(Trouble, match="at sea"):
        await from_graph(graph_of(MessagesState, fail)).run("hi")


async def test_cancelling_ends_the_nodes_before_the_run_returns() -> None:
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


async def test_closing_the_stream_ends_the_graph() -> None:
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


async def test_waiting_for_the_sessions_turn_can_be_cancelled() -> None:
    entered, release = asyncio.Event(), asyncio.Event()

    async def hold(state: MessagesState) -> dict[str, Any]:
        entered.set()
        await release.wait()
        return {"messages": [AIMessage(content="done")]}

    agent = from_graph(graph_of(MessagesState, hold, checkpointer=InMemorySaver()))
    first = asyncio.create_task(agent.run("one"))
    await entered.wait()
    token = CancellationToken()
    second = asyncio.create_task(agent.run("two", cancellation_token=token))
    await asyncio.sleep(0)
    token.cancel()

    with pytest.raises(asyncio.CancelledError):
        await second
    release.set()
    assert (await first).text() == "done"
    assert (await agent.run("three")).text() == "done"


async def test_runs_of_one_thread_follow_one_another() -> None:
    order = []

    async def work(state: MessagesState) -> dict[str, Any]:
        order.append(f"begin {state['messages'][-1].content}")
        await asyncio.sleep(0)
        order.append(f"end {state['messages'][-1].content}")
        return {"messages": [AIMessage(content="ok")]}

    agent = from_graph(graph_of(MessagesState, work, checkpointer=InMemorySaver()))

    await asyncio.gather(agent.run("one"), agent.run("two"))

    assert order == ["begin one", "end one", "begin two", "end two"]


def remembering(seen: list[list[str]]) -> Graph:
    async def work(state: MessagesState) -> dict[str, Any]:
        seen.append([str(message.content) for message in state["messages"]])
        return {"messages": [AIMessage(content=f"answer {len(seen)}")]}

    return graph_of(MessagesState, work, checkpointer=InMemorySaver())


async def test_a_checkpointer_keeps_each_sessions_conversation_apart() -> None:
    seen: list[list[str]] = []
    agent = from_graph(remembering(seen))

    await agent.run("one", session="a")
    await agent.run("two", session="a")
    await agent.run("three", session="b")

    assert seen == [["one"], ["one", "answer 1", "two"], ["three"]]


async def test_of_a_repeated_conversation_only_the_new_messages_reach_the_thread() -> None:
    seen: list[list[str]] = []
    agent = from_graph(remembering(seen))
    first = UserMessage(content="one", source="user")

    result = await agent.run([first])
    # As another agent passes it on: the answer as a user's message.
    await agent.run([first, UserMessage(content=result.text(), source="agent"), UserMessage(content="two", source="u")])

    assert seen[1] == ["one", "answer 1", "two"]


async def test_the_same_word_said_again_is_new() -> None:
    seen: list[list[str]] = []
    agent = from_graph(remembering(seen))

    await agent.run("yes")
    await agent.run("yes")
    await agent.run([UserMessage(content="yes", source="u"), UserMessage(content="really", source="u")])

    assert seen[2] == ["yes", "answer 1", "yes", "answer 2", "yes", "really"]


async def test_without_a_checkpointer_the_tasks_messages_are_all_the_graph_sees() -> None:
    seen: list[list[str]] = []

    async def work(state: MessagesState) -> dict[str, Any]:
        seen.append([str(message.content) for message in state["messages"]])
        return {"messages": [AIMessage(content="ok")]}

    agent = from_graph(graph_of(MessagesState, work))

    await agent.run("one")
    await agent.run("two")

    assert seen == [["one"], ["two"]]


async def test_nodes_find_the_hub_its_task_and_its_model() -> None:
    found: list[GraphHub] = []
    model = ReplayChatCompletionClient(["from the hub"])

    async def ask(state: MessagesState, config: RunnableConfig) -> dict[str, Any]:
        hub = config["configurable"]["hub"]
        found.append(hub)
        assert get_hub() is hub
        assert get_hub(config) is hub
        reply = await hub.complete([SystemMessage(content="Be short."), *state["messages"]])
        return {"messages": [reply]}

    task = AgentTask.from_text("hi", sources=[Source(content="passage")], metadata={"depth": 2})

    result = await from_graph(graph_of(MessagesState, ask), model=model, name="asker").run(task, session="s1")

    assert found[0].task is task
    assert (found[0].context.session, found[0].model) == ("s1", model)
    assert result.messages == [AssistantMessage(content="from the hub", source="asker")]
    assert result.usage == model.total_usage()
    assert result.usage.completion_tokens > 0


async def test_a_synchronous_node_finds_the_hub_too() -> None:
    def ask(state: MessagesState) -> dict[str, Any]:
        return {"messages": [AIMessage(content=get_hub().context.name)]}

    assert (await from_graph(graph_of(MessagesState, ask), name="me").run("hi")).text() == "me"


async def test_the_hubs_model_is_missed_by_name() -> None:
    async def ask(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await get_hub().complete("hi")]}

    with pytest.raises(LookupError, match=r"^agent 'asker' was given no model; pass model= to adapt\(\)"):
        await from_graph(graph_of(MessagesState, ask), name="asker").run("hi")


def test_the_hub_is_not_found_outside_a_run() -> None:
    with pytest.raises(LookupError, match=r"^get_hub\(\) is called outside a node of a running graph$"):
        get_hub()


async def test_configuration_and_context_reach_every_run() -> None:
    @dataclass
    class Static:
        unit: str

    seen: list[Any] = []

    async def work(state: MessagesState, config: RunnableConfig, runtime: Runtime[Static]) -> dict[str, Any]:
        seen.append((config["configurable"]["tenant"], config["recursion_limit"], runtime.context.unit))
        return {"messages": [AIMessage(content="ok")]}

    builder = StateGraph(MessagesState, context_schema=Static)
    builder.add_node("work", work)
    builder.add_edge(START, "work")

    config: RunnableConfig = {"configurable": {"tenant": "t"}, "recursion_limit": 7}
    await from_graph(builder.compile(), config=config, context={"unit": "celsius"}).run("hi")

    assert seen == [("t", 7, "celsius")]
    assert config == {"configurable": {"tenant": "t"}, "recursion_limit": 7}


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


def test_names_of_graphs_become_agent_types() -> None:
    async def work(state: MessagesState) -> Mapping[str, Any]:
        return {}

    assert from_graph(graph_of(MessagesState, work, name="My planner!")).name == "My_planner_"
