"""A graph as a member of a team: its tokens, its calls, and its questions, which the human of the team answers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langchain_core.messages.tool import tool_call
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from langgraph.types import interrupt

from hubbub_agentchat.agents import UserProxyAgent
from hubbub_agentchat.base import ChatAgent
from hubbub_agentchat.conditions import MaxMessageTermination, TextMentionTermination
from hubbub_agentchat.messages import (
    ModelClientStreamingChunkEvent,
    TextMessage,
    ToolCallExecutionEvent,
    ToolCallRequestEvent,
)
from hubbub_agentchat.teams import RoundRobinGroupChat
from hubbub_registry import adapt


@tool
def ask_human(question: str) -> str:
    """Ask somebody who knows."""
    return str(interrupt(question))


ASKS = AIMessage(content="", tool_calls=[tool_call(name="ask_human", args={"question": "Which town?"}, id="c1")])
TELLS = AIMessage(content="Oslo is sunny. DONE")


def asker(model: Any) -> ChatAgent:
    """Make a member of a model that may ask a human."""

    async def think(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"])]}

    builder = StateGraph(MessagesState).add_node("think", think).add_node("tools", ToolNode([ask_human]))
    builder.add_edge(START, "think").add_conditional_edges("think", tools_condition).add_edge("tools", "think")
    graph = builder.compile(checkpointer=InMemorySaver(), name="asker")
    member: ChatAgent = adapt(adapt(graph), to="chat agent")
    return member


async def test_the_human_of_a_team_answers_the_question_of_a_graph(scripted: Any) -> None:
    human = UserProxyAgent("human", input_func=lambda prompt: "Oslo")
    team = RoundRobinGroupChat(
        [asker(scripted(ASKS, TELLS)), human], termination_condition=TextMentionTermination("DONE")
    )

    seen = [item async for item in team.run_stream(task="How is the weather?")]

    said = [(item.source, item.content) for item in seen if isinstance(item, TextMessage)]
    assert said == [
        ("user", "How is the weather?"),
        ("asker", "Which town?"),
        ("human", "Oslo"),
        ("asker", "Oslo is sunny. DONE"),
    ]
    pieces = [item.content for item in seen if isinstance(item, ModelClientStreamingChunkEvent)]
    assert pieces == ["Oslo ", "is ", "sunny. ", "DONE"]
    assert [item.content[0].name for item in seen if isinstance(item, ToolCallRequestEvent)] == ["ask_human"]
    assert [item.content[0].content for item in seen if isinstance(item, ToolCallExecutionEvent)] == ["Oslo"]


async def test_a_team_that_waits_for_an_answer_goes_on_where_its_state_is_loaded(scripted: Any) -> None:
    first = RoundRobinGroupChat([asker(scripted(ASKS))], termination_condition=MaxMessageTermination(2))
    asked = await first.run(task="How is the weather?")
    state = json.loads(json.dumps(await first.save_state()))
    second = RoundRobinGroupChat([asker(scripted(TELLS))], termination_condition=TextMentionTermination("DONE"))
    await second.load_state(state)

    told = await second.run(task="Oslo")

    assert [result.messages[-1].to_text() for result in (asked, told)] == ["Which town?", "Oslo is sunny. DONE"]


async def test_an_error_in_a_node_is_the_cause_of_the_teams_and_names_the_member() -> None:
    async def fail(state: MessagesState) -> None:
        raise LookupError("no such town")

    graph = StateGraph(MessagesState).add_node(fail).add_edge(START, "fail").compile(name="finder")
    team = RoundRobinGroupChat([adapt(adapt(graph), to="chat agent")], max_turns=1)

    with pytest.raises(RuntimeError, match="no such town") as caught:
        await team.run(task="Find it.")

    cause = caught.value.__cause__
    assert isinstance(cause, LookupError)
    assert "in agent 'finder' (LangGraph graph 'finder')" in cause.__notes__
