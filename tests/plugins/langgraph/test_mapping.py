"""How a task goes into a graph, and what comes out."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.documents import Document
from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, HumanMessage, ToolMessage
from langgraph.channels import EphemeralValue, LastValue
from langgraph.func import entrypoint, task
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.pregel import NodeBuilder, Pregel

from hubbub_core.exchange import AgentResult, AgentTask, Source
from hubbub_core.models import (
    AssistantMessage,
    UserMessage,
)
from hubbub_langgraph import from_graph
from hubbub_registry import NotReadyError, adapt


class Question(TypedDict):
    question: str
    answer: str


async def test_keys_carry_the_task_in_and_the_answer_out(graph_of: Any) -> None:
    async def solve(state: Question) -> dict[str, str]:
        return {"answer": state["question"].upper()}

    result = await adapt(graph_of(Question, solve), input="question", output="answer", name="shout").run("hello")

    assert result.messages == [AssistantMessage(content="HELLO", source="shout")]


async def test_functions_carry_the_task_in_and_the_answer_out(graph_of: Any) -> None:
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


async def test_sources_and_metadata_of_the_final_state_are_taken_over(graph_of: Any) -> None:
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


async def test_what_an_answer_cites_is_a_source(graph_of: Any) -> None:
    note = {
        "type": "citation",
        "url": "https://example.org",
        "title": "Bees",
        "cited_text": "They hum.",
        "end_index": 5,
    }

    async def work(state: MessagesState) -> dict[str, Any]:
        return {"messages": [AIMessage(content=[{"type": "text", "text": "Hum.", "annotations": [note]}])]}

    result = await from_graph(graph_of(MessagesState, work)).run("?")

    assert result.text() == "Hum."
    assert result.sources == [
        Source(content="They hum.", title="Bees", uri="https://example.org", metadata={"end_index": 5})
    ]


async def test_a_graph_says_where_its_result_is_published(graph_of: Any) -> None:
    class State(MessagesState):
        next: Any

    async def route(state: State) -> dict[str, Any]:
        text = state["messages"][-1].content
        return {"messages": [AIMessage(content="ok")], "next": {"none": None, "odd": 7}.get(str(text), text)}

    agent = from_graph(graph_of(State, route), topic="next")

    assert (await agent.run("draft")).topic == "draft"
    assert (await agent.run("none")).topic is None
    with pytest.raises(ValueError, match=r"^'next' of graph 'langgraph' is of type int; it takes the name of a topic"):
        await agent.run("odd")


async def test_a_source_without_content_is_refused_by_its_place(graph_of: Any) -> None:
    class State(MessagesState):
        sources: list[Any]

    async def search(state: State) -> dict[str, Any]:
        return {"sources": [{"title": "a.md"}]}

    with pytest.raises(ValueError, match=r"^sources\.0\.content of graph 'langgraph' is no source: Field required\n"):
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
    graph: Pregel[Any, Any, Any, Any] = Pregel(
        nodes={"double": node},
        channels={"a": EphemeralValue(str), "b": LastValue(str)},
        input_channels=["a"],
        output_channels=["b"],
    )

    assert (await adapt(graph).run("foo")).text() == "foofoo"


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
            {"input": "question", "output": "answer", "topic": "next"},
            "graph 'langgraph' has no output key 'next' to name a topic; it returns question, answer",
        ),
        (
            {"input": "question", "output": "reply"},
            "graph 'langgraph' has no output key 'reply'; it returns question, answer",
        ),
    ],
)
def test_a_schema_that_leaves_the_mapping_open_is_refused_at_once(
    graph_of: Any, options: dict[str, Any], problem: str
) -> None:
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


async def test_documents_of_a_graph_are_its_sources(graph_of: Any) -> None:
    class Found(TypedDict):
        question: str
        answer: str
        sources: list[Document]

    async def look(state: Found) -> dict[str, Any]:
        return {"answer": "On cliffs [1].", "sources": [Document("Gulls nest.", id="7", metadata={"source": "b.md"})]}

    result = await adapt(graph_of(Found, look), input="question", output="answer", name="look").run("Where?")

    assert result.text() == "On cliffs [1]."
    assert result.sources == [
        Source(content="Gulls nest.", title="b.md", metadata={"source": "b.md", "document_id": "7"})
    ]


async def test_documents_that_a_tool_attaches_are_sources(graph_of: Any) -> None:
    async def look(state: MessagesState) -> dict[str, Any]:
        called = AIMessage(content="", tool_calls=[{"name": "find", "args": {}, "id": "1", "type": "tool_call"}])
        found = ToolMessage("Gulls nest.", name="find", tool_call_id="1", artifact=[Document("Gulls nest.", id="7")])
        other = ToolMessage("3", name="count", tool_call_id="2", artifact={"count": 3})
        return {"messages": [called, found, other, AIMessage("On cliffs.")]}

    result = await adapt(graph_of(MessagesState, look)).run("Where?")

    assert result.sources == [Source(content="Gulls nest.", title="7", metadata={"document_id": "7"})]


async def test_documents_as_the_answer_are_listed() -> None:
    @entrypoint()
    async def look(text: str) -> list[Document]:
        return [Document("Gulls nest.", metadata={"title": "Birds"})]

    result = await from_graph(look).run("Where?")

    assert result.text() == "[1] Birds\nGulls nest."
    assert [source.title for source in result.sources] == ["Birds"]


async def test_a_result_that_is_neither_text_nor_json_is_refused_by_its_type() -> None:
    @entrypoint()
    async def work(text: str) -> Any:
        return {1, 2}

    with pytest.raises(
        ValueError, match=r"^graph 'work' returned a set that is neither text, messages, documents nor JSON"
    ):
        await from_graph(work).run("x")


def test_an_uncompiled_graph_is_refused_with_what_to_do() -> None:
    with pytest.raises(NotReadyError, match=r"^a StateGraph does not run before it is compiled; call \.compile\(\)"):
        adapt(StateGraph(MessagesState))
