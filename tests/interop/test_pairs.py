"""For each pair of frameworks: a tool of the one, in an agent of the other, on a model of a third, in a team.

The model calls the tool, and its answer quotes the tool. A graph of LangGraph, the team's second member, says the
answer in capitals. So what the team says in the end went through tool, agent, model and team.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
import pytest_asyncio
from framework_parts import AGENTS, HAS_SEMANTIC_KERNEL, MODELS, TOOLS, Place, model_of, pairs, third
from langchain_core.messages import AIMessage
from langgraph.graph import END, MessagesState, StateGraph
from openai_server import OpenAIServer, openai_server_fixture

from hubbub_agentchat.conditions import SourceMatchTermination
from hubbub_agentchat.messages import TextMessage
from hubbub_agentchat.teams import RoundRobinGroupChat
from hubbub_core import SingleThreadedAgentRuntime
from hubbub_registry import adapt

server = pytest_asyncio.fixture(openai_server_fixture, name="server")

# LlamaIndex looks through the attributes of its agents with `inspect`, deprecated ones of pydantic included.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:inspect"),
    pytest.mark.filterwarnings("ignore:is_running called from within a step:DeprecationWarning"),
]


def repeating_graph() -> Any:
    def shout(state: MessagesState) -> dict[str, Any]:
        return {"messages": [AIMessage(state["messages"][-1].text.upper())]}

    graph = StateGraph(MessagesState)
    graph.add_node("shout", shout)
    graph.set_entry_point("shout")
    graph.add_edge("shout", END)
    return graph.compile()


@pytest.fixture
async def place(server: OpenAIServer) -> AsyncIterator[Place]:
    async with AsyncExitStack() as closing:
        yield Place(server, closing)


@pytest.mark.parametrize(("tool", "agent"), list(pairs()))
async def test_a_tool_works_in_an_agent_on_a_model_of_a_third(tool: str, agent: str, place: Place) -> None:
    offer = await TOOLS[tool](place)
    model = model_of(third(tool, agent), offer, agent, place)
    worker = AGENTS[agent](offer.tool, model, place)
    repeater = adapt(adapt(repeating_graph(), name="repeater"), to="chat agent")
    runtime = SingleThreadedAgentRuntime(ignore_unhandled_exceptions=False)
    team = RoundRobinGroupChat(
        [worker, repeater], termination_condition=SourceMatchTermination(["repeater"]), runtime=runtime
    )
    runtime.start()

    result = await team.run(task="Use your tool.")
    await runtime.stop_when_idle()

    # An assistant also shows what an agent that is its tool has said meanwhile.
    said = [
        (message.source, message.content)
        for message in result.messages
        if isinstance(message, TextMessage) and message.source in ("worker", "repeater")
    ]
    answer = said[0][1]
    assert said == [("worker", answer), ("repeater", answer.upper())]
    assert answer.startswith("The tool says: ")
    assert offer.says in answer
    if tool in ("langchain", "llama_index", "semantic_kernel"):
        assert offer.got == [(2, 3)]
    elif tool == "langgraph":
        assert offer.got == ["puffin"]
    elif tool == "agentchat":
        assert [message.content for message in offer.got[0]["messages"]][-1] == "terns?"


def test_every_pair_has_a_model_of_a_third() -> None:
    models = {(tool, agent): third(tool, agent) for tool, agent in pairs()}

    assert len(models) == (36 if HAS_SEMANTIC_KERNEL else 25)
    assert set(models.values()) == set(MODELS)
    # OpenAI's agent runs on OpenAI's service; every other agent has a model of neither side.
    assert all(model not in pair for pair, model in models.items() if pair[1] != "openai")
