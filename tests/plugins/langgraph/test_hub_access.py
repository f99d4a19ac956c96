"""The hub inside a graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from langchain_core.messages import AIMessage, SystemMessage
from langchain_core.runnables import RunnableConfig
from langgraph.config import get_config
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.runtime import Runtime

from hubbub_core.exchange import AgentTask, Source
from hubbub_core.models import (
    AssistantMessage,
)
from hubbub_core.models.replay import ReplayChatCompletionClient
from hubbub_langgraph import GraphHub, from_graph, get_hub


async def test_nodes_find_the_hub_its_task_and_its_model(graph_of: Any) -> None:
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


async def test_a_synchronous_node_finds_the_hub_too(graph_of: Any) -> None:
    def ask(state: MessagesState) -> dict[str, Any]:
        return {"messages": [AIMessage(content=get_hub().context.name)]}

    assert (await from_graph(graph_of(MessagesState, ask), name="me").run("hi")).text() == "me"


async def test_the_hubs_model_is_missed_by_name(graph_of: Any) -> None:
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

    async def work(state: MessagesState, *, runtime: Runtime[Static]) -> dict[str, Any]:
        config = get_config()
        seen.append((config["configurable"]["tenant"], config["recursion_limit"], runtime.context.unit))
        return {"messages": [AIMessage(content="ok")]}

    builder = StateGraph(MessagesState, context_schema=Static)
    builder.add_node("work", work)
    builder.add_edge(START, "work")

    config: RunnableConfig = {"configurable": {"tenant": "t"}, "recursion_limit": 7}
    await from_graph(builder.compile(), config=config, context={"unit": "celsius"}).run("hi")

    assert seen == [("t", 7, "celsius")]
    assert config == {"configurable": {"tenant": "t"}, "recursion_limit": 7}
