"""The hub inside a graph."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

import pytest
from langchain_core.messages import AIMessage, SystemMessage
from langchain_core.runnables import RunnableConfig
from langgraph.config import get_config
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from langgraph.runtime import Runtime

from hubbub_core import CancellationToken, FunctionCall
from hubbub_core.exchange import AgentChunk, AgentResult, AgentTask, Source
from hubbub_core.models import (
    AssistantMessage,
    CreateResult,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    ModelInfo,
    RequestUsage,
)
from hubbub_core.models.replay import ReplayChatCompletionClient
from hubbub_core.tools import FunctionTool
from hubbub_langgraph import GraphHub, from_graph, get_hub
from hubbub_registry import adapt


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


async def test_the_hubs_model_is_a_chat_model_whose_tokens_stream_and_count(graph_of: Any) -> None:
    client = ReplayChatCompletionClient(["from the hub"])

    async def ask(state: MessagesState, config: RunnableConfig) -> dict[str, Any]:
        return {"messages": [await get_hub().chat_model.ainvoke(state["messages"], config)]}

    agent = from_graph(graph_of(MessagesState, ask), model=client, name="asker")
    items = [item async for item in agent.run_stream("hi")]

    assert [item.content for item in items[:-2] if isinstance(item, AgentChunk)] == ["from ", "the ", "hub"]
    result = items[-1]
    assert isinstance(result, AgentResult)
    assert result.messages == [AssistantMessage(content="from the hub", source="asker")]
    assert result.usage == client.total_usage()


async def test_a_synchronous_node_asks_the_chat_model_in_the_hubs_loop(graph_of: Any) -> None:
    loops: list[Any] = []

    class Noting(ReplayChatCompletionClient):
        async def create_stream(self, *args: Any, **kwargs: Any) -> AsyncGenerator[str | CreateResult, None]:
            loops.append(asyncio.get_running_loop())
            async for item in super().create_stream(*args, **kwargs):
                yield item

    def ask(state: MessagesState) -> dict[str, Any]:
        return {"messages": [get_hub().chat_model.invoke(state["messages"])]}

    result = await from_graph(graph_of(MessagesState, ask), model=Noting(["from the hub"]), name="asker").run("hi")

    assert result.text() == "from the hub"
    assert loops == [asyncio.get_running_loop()]


async def test_cancelling_the_run_cancels_the_chat_model_of_a_synchronous_node(graph_of: Any) -> None:
    started, cancelled = asyncio.Event(), asyncio.Event()

    class Waiting(ReplayChatCompletionClient):
        async def create_stream(
            self, *args: Any, cancellation_token: CancellationToken | None = None, **kwargs: Any
        ) -> AsyncGenerator[str | CreateResult, None]:
            waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            assert cancellation_token is not None
            cancellation_token.link_future(waiting)
            started.set()
            try:
                await waiting
            finally:
                cancelled.set()
            yield ""

    def ask(state: MessagesState) -> dict[str, Any]:
        return {"messages": [get_hub().chat_model.invoke(state["messages"])]}

    token = CancellationToken()
    run = asyncio.create_task(
        from_graph(graph_of(MessagesState, ask), model=Waiting([])).run("hi", cancellation_token=token)
    )
    await started.wait()

    token.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run

    await asyncio.wait_for(cancelled.wait(), 5)


async def test_a_tool_of_the_hub_runs_in_a_graph_on_the_hubs_model() -> None:
    def shout(text: str) -> str:
        """Shout."""
        return text.upper()

    asked = CreateResult(
        finish_reason="function_calls",
        content=[FunctionCall(id="1", name="shout", arguments='{"text": "hi"}')],
        usage=RequestUsage(1, 1),
        cached=False,
    )
    info = ModelInfo(vision=False, function_calling=True, json_output=False, family="x", structured_output=False)
    client = ReplayChatCompletionClient([asked, "It said HI."], model_info=info)
    tool = adapt(FunctionTool(shout, "Shout."), to="langchain_core.tools.base.BaseTool")

    async def think(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await get_hub().chat_model.bind_tools([tool]).ainvoke(state["messages"])]}

    builder = StateGraph(MessagesState).add_node(think).add_node("tools", ToolNode([tool])).add_edge(START, "think")
    graph = builder.add_conditional_edges("think", tools_condition).add_edge("tools", "think").compile()
    result = await from_graph(graph, model=client, name="agent").run("Shout hi")

    assert result.text() == "It said HI."
    assert client.create_calls[1]["messages"][-1] == FunctionExecutionResultMessage(
        content=[FunctionExecutionResult(content="HI", name="shout", call_id="1", is_error=False)]
    )


async def test_a_missing_model_is_missed_as_a_chat_model_too(graph_of: Any) -> None:
    def ask(state: MessagesState) -> dict[str, Any]:
        return {"messages": [get_hub().chat_model.invoke("hi")]}

    with pytest.raises(LookupError, match=r"^agent 'asker' was given no model; pass model= to adapt\(\)"):
        await from_graph(graph_of(MessagesState, ask), name="asker").run("hi")
