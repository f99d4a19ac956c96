"""Graphs of Python files, as hub files name them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from hubbub_core import AgentTask, CancellationToken, ComponentLoader
from hubbub_core.exchange import AgentAdapter, AgentContext, AgentResult
from hubbub_core.models.replay import ReplayChatCompletionClient
from hubbub_langgraph import LangGraphAgent
from hubbub_registry import CapabilityError, bound

GRAPHS = """
from typing import Any

from langchain_core.messages import AIMessage
from langgraph.graph import START, MessagesState, StateGraph

from hubbub_langgraph import get_hub


def echo(state: MessagesState) -> dict[str, Any]:
    return {"messages": [AIMessage(content="echo " + state["messages"][-1].content)]}


builder = StateGraph(MessagesState)
builder.add_node("echo", echo)
builder.add_edge(START, "echo")
compiled = builder.compile()
number = 7


def build() -> Any:
    return compiled


def with_model(model: Any) -> Any:
    async def ask(state: MessagesState) -> dict[str, Any]:
        assert get_hub().model is model
        return {"messages": [await get_hub().complete(state["messages"])]}

    graph = StateGraph(MessagesState)
    graph.add_node("ask", ask)
    graph.add_edge(START, "ask")
    return graph.compile(name="asker")


def perhaps_with_model(model: Any = None) -> Any:
    return compiled if model is None else with_model(model)


def with_more(graph: str) -> Any:
    return compiled


async def later() -> Any:
    return compiled


class Holder:
    graph = compiled
"""


@pytest.fixture
def graphs(tmp_path: Path) -> Path:
    path = tmp_path / "graphs.py"
    path.write_text(GRAPHS)
    return path


def load(config: dict[str, Any]) -> LangGraphAgent:
    component = {"provider": "langgraph", "config": config}
    return ComponentLoader.load_component(component, LangGraphAgent, allow=["code"])


async def answer(agent: AgentAdapter, text: str) -> AgentResult:
    context = AgentContext(cancellation_token=CancellationToken(), name="agent")
    items = [item async for item in agent.run(AgentTask.from_text(text), context)]
    assert isinstance(items[-1], AgentResult)
    return items[-1]


@pytest.mark.parametrize("attribute", ["compiled", "build", "perhaps_with_model", "Holder.graph"])
async def test_a_graph_or_a_function_that_returns_one_is_loaded(graphs: Path, attribute: str) -> None:
    agent = load({"graph": f"{graphs}:{attribute}"})

    assert isinstance(agent, AgentAdapter)
    assert (await answer(agent, "hi")).text() == "echo hi"


async def test_a_relative_path_starts_at_the_working_directory(graphs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(graphs.parent)

    assert (await answer(load({"graph": "graphs.py:compiled"}), "hi")).text() == "echo hi"


async def test_a_function_gets_the_hubs_shared_model(graphs: Path) -> None:
    model = ReplayChatCompletionClient(["from the model"])

    with bound({"models.default": model}):
        agent = load({"graph": f"{graphs}:with_model", "model": {"provider": "ref:models.default", "config": {}}})
    result = await answer(agent, "hi")

    assert result.text() == "from the model"
    assert agent.name == "asker"


async def test_what_was_loaded_is_dumped_as_it_was(graphs: Path) -> None:
    config = {"graph": f"{graphs}:compiled", "name": "echo", "description": "Repeats.", "config": {"tags": ["t"]}}

    dumped = load(config).dump_component()

    assert (dumped.provider, dumped.component_type) == ("hubbub_langgraph.LangGraphAgent", "agent")
    assert dumped.config == config


def test_loading_asks_for_the_capability_code(graphs: Path) -> None:
    with pytest.raises(CapabilityError, match=r"asks for the capability 'code', which is not granted"):
        ComponentLoader.load_component(
            {"provider": "langgraph", "config": {"graph": f"{graphs}:compiled"}}, LangGraphAgent
        )


@pytest.mark.parametrize(
    ("attribute", "problem"),
    [
        ("missing", "no attribute 'missing' there"),
        ("number", "is of type int, not a compiled LangGraph graph or a function that returns one"),
        ("builder", "is a StateGraph that is not compiled; call .compile()"),
        ("with_model", "takes `model`; set it in the configuration"),
        ("with_more", "missing a required argument: 'graph'; the function takes nothing but `model`"),
        ("later", "is a coroutine function; the function is a plain one"),
        ("Holder", "is of type type, not a compiled LangGraph graph or a function that returns one"),
    ],
)
def test_what_is_no_graph_is_one_line_that_names_file_and_attribute(graphs: Path, attribute: str, problem: str) -> None:
    with pytest.raises(ValueError, match=attribute) as caught:
        load({"graph": f"{graphs}:{attribute}"})

    assert str(caught.value).startswith(f"{graphs}:{attribute}: {problem}")
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"nowhere\.py:graph: there is no file .*nowhere\.py$"):
        load({"graph": f"{tmp_path}/nowhere.py:graph"})


def test_an_unknown_field_is_refused(graphs: Path) -> None:
    with pytest.raises(ValidationError, match="grahp"):
        load({"graph": f"{graphs}:compiled", "grahp": "x"})


def test_an_input_key_that_the_graph_does_not_have_is_refused(graphs: Path) -> None:
    with pytest.raises(ValueError, match=r"^graph 'langgraph' has no input key 'question'; it takes messages"):
        load({"graph": f"{graphs}:compiled", "input": "question"})


def test_an_agent_made_of_an_object_is_not_dumped(graphs: Path) -> None:
    agent = load({"graph": f"{graphs}:compiled"})
    other = LangGraphAgent(agent._graph)

    with pytest.raises(TypeError, match=r"^graph 'langgraph' was passed as an object, which is no configuration"):
        other.dump_component()
