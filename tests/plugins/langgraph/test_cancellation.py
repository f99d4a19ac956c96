"""Cancelling a task of the hub: what a graph has begun ends, down to the request over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from openai_server import Calls, OpenAIServer, Stall, Text

from hubbub_core import AdaptedAgent, CancellationToken
from hubbub_core.tools import FunctionTool
from hubbub_langgraph import from_graph
from hubbub_registry import adapt

openai = pytest.importorskip("hubbub_openai", reason="needs hubbub-openai")


@pytest.fixture
async def service() -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer() as server:
        yield server


@pytest.fixture
async def client(service: OpenAIServer) -> AsyncIterator[Any]:
    client = openai.OpenAIChatCompletionClient(model="gpt-4o", api_key="test", base_url=service.url)
    yield client
    await client.close()


def agent_with(client: Any, *tools: Any) -> AdaptedAgent:
    """Make an agent of the documents' kind: a model that may call tools, in turns."""
    chat_model = adapt(client, to=BaseChatModel)
    bound = chat_model.bind_tools(list(tools)) if tools else chat_model

    async def ask(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await bound.ainvoke(state["messages"])]}

    builder = StateGraph(MessagesState).add_node("ask", ask).add_node("tools", ToolNode(list(tools)))
    builder.add_edge(START, "ask").add_conditional_edges("ask", tools_condition).add_edge("tools", "ask")
    return from_graph(builder.compile(checkpointer=InMemorySaver(), name="helper"))


async def cancelled(agent: AdaptedAgent, task: str, begun: asyncio.Event) -> None:
    token = CancellationToken()
    run = asyncio.create_task(agent.run(task, cancellation_token=token))
    await asyncio.wait_for(begun.wait(), 10)
    token.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run


async def test_the_request_of_the_hubs_model_is_closed(service: OpenAIServer, client: Any) -> None:
    service.reply(Stall("Let me"), Text("Here I am."))
    agent, token = agent_with(client), CancellationToken()

    run = asyncio.create_task(agent.run("Think.", cancellation_token=token))
    request = await service.received()
    token.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run

    await asyncio.wait_for(request.closed.wait(), 10)
    assert (await agent.run("Again.")).text() == "Here I am."


@pytest.mark.parametrize("kind", ["langchain", "hub"])
async def test_a_running_tool_is_stopped_and_the_conversation_goes_on(
    service: OpenAIServer, client: Any, kind: str
) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def wait(reason: str) -> str:
        """Wait."""
        begun.set()
        try:
            return await asyncio.Future()
        finally:
            ended.set()

    waiting: Any = (
        tool(wait)
        if kind == "langchain"
        else adapt(FunctionTool(wait, "Wait."), to="langchain_core.tools.base.BaseTool")
    )
    service.reply(Calls(("wait", {"reason": "rain"})), Text("Here I am."))
    agent = agent_with(client, waiting)

    await cancelled(agent, "Wait for me.", begun)
    result = await agent.run("Again.")

    assert ended.is_set()
    assert result.text() == "Here I am."
    assert [message["role"] for message in service.requests[-1].body["messages"]] == ["user"]
    assert result.usage.prompt_tokens > 0
