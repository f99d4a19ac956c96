"""Sessions and threads: what a checkpointer keeps of a conversation."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.func import entrypoint
from langgraph.graph import START, MessagesState, StateGraph

from hubbub_core import CancellationToken
from hubbub_core.models import (
    UserMessage,
)
from hubbub_langgraph import from_graph


def remembering(graph_of: Any, seen: list[list[str]]) -> Any:
    """Compile a graph that notes what it is told, and numbers its answers."""

    async def work(state: MessagesState) -> dict[str, Any]:
        seen.append([str(message.content) for message in state["messages"]])
        return {"messages": [AIMessage(content=f"answer {len(seen)}")]}

    return graph_of(MessagesState, work, checkpointer=InMemorySaver())


async def test_waiting_for_the_sessions_turn_can_be_cancelled(graph_of: Any) -> None:
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


async def test_runs_of_one_thread_follow_one_another(graph_of: Any) -> None:
    order = []

    async def work(state: MessagesState) -> dict[str, Any]:
        order.append(f"begin {state['messages'][-1].content}")
        await asyncio.sleep(0)
        order.append(f"end {state['messages'][-1].content}")
        return {"messages": [AIMessage(content="ok")]}

    agent = from_graph(graph_of(MessagesState, work, checkpointer=InMemorySaver()))

    await asyncio.gather(agent.run("one"), agent.run("two"))

    assert order == ["begin one", "end one", "begin two", "end two"]


async def test_a_checkpointer_keeps_each_sessions_conversation_apart(graph_of: Any) -> None:
    seen: list[list[str]] = []
    agent = from_graph(remembering(graph_of, seen))

    await agent.run("one", session="a")
    await agent.run("two", session="a")
    await agent.run("three", session="b")

    assert seen == [["one"], ["one", "answer 1", "two"], ["three"]]


async def test_graphs_that_share_a_checkpointer_keep_threads_of_their_own(graph_of: Any) -> None:
    seen: list[list[str]] = []
    graph = remembering(graph_of, seen)
    planner = from_graph(graph, config={"configurable": {"thread_id": "planner"}})
    critic = from_graph(graph, config={"configurable": {"thread_id": "critic"}})

    await planner.run("one")
    await critic.run("two")

    assert seen == [["one"], ["two"]]
    assert (await graph.aget_state({"configurable": {"thread_id": "critic/default"}})).values["messages"]


async def test_agents_that_would_share_a_conversation_are_named(graph_of: Any) -> None:
    graph = remembering(graph_of, [])
    planner, critic = from_graph(graph, name="planner"), from_graph(graph, name="critic")
    await planner.run("one")

    with pytest.warns(UserWarning) as caught:  # noqa: PT030 # compared whole below
        await critic.run("two")
    await critic.run("three")
    await planner.run("four")

    assert [str(warning.message) for warning in caught] == [
        "the agents 'planner' and 'critic' share a checkpointer, so where their keys are the same they share a "
        'conversation; give each threads of its own: config={"configurable": {"thread_id": "critic"}}'
    ]


async def test_of_a_repeated_conversation_only_the_new_messages_reach_the_thread(graph_of: Any) -> None:
    seen: list[list[str]] = []
    agent = from_graph(remembering(graph_of, seen))
    first = UserMessage(content="one", source="user")

    result = await agent.run([first])
    # As another agent passes it on: the answer as a user's message.
    await agent.run([first, UserMessage(content=result.text(), source="agent"), UserMessage(content="two", source="u")])

    assert seen[1] == ["one", "answer 1", "two"]


async def test_the_same_word_said_again_is_new(graph_of: Any) -> None:
    seen: list[list[str]] = []
    agent = from_graph(remembering(graph_of, seen))

    await agent.run("yes")
    await agent.run("yes")
    await agent.run([UserMessage(content="yes", source="u"), UserMessage(content="really", source="u")])

    assert seen[2] == ["yes", "answer 1", "yes", "answer 2", "yes", "really"]


async def test_without_a_checkpointer_the_tasks_messages_are_all_the_graph_sees(graph_of: Any) -> None:
    seen: list[list[str]] = []

    async def work(state: MessagesState) -> dict[str, Any]:
        seen.append([str(message.content) for message in state["messages"]])
        return {"messages": [AIMessage(content="ok")]}

    agent = from_graph(graph_of(MessagesState, work))

    await agent.run("one")
    await agent.run("two")

    assert seen == [["one"], ["two"]]


class Trouble(Exception):
    """What a node may run into."""


@pytest.fixture
def hasty() -> Any:
    """Compile a graph whose second node fails, or waits, when it is told so: what the first one said is kept by then.

    It notes what each run begins with, and says when it waits.
    """
    seen: list[list[str]] = []
    waiting = asyncio.Event()

    async def begin(state: MessagesState) -> dict[str, Any]:
        seen.append([str(message.content) for message in state["messages"]])
        return {"messages": [AIMessage(content="begun")]}

    async def end(state: MessagesState) -> dict[str, Any]:
        told = state["messages"][-2].content
        if told == "fail":
            raise Trouble("at sea")
        if told == "wait":
            waiting.set()
            await asyncio.Event().wait()
        return {"messages": [AIMessage(content="done")]}

    builder = StateGraph(MessagesState).add_sequence([begin, end]).add_edge(START, "begin")
    return builder.compile(checkpointer=InMemorySaver()), seen, waiting


@pytest.mark.parametrize("earlier", [[], ["one"]])
@pytest.mark.parametrize("told", ["fail", "wait"])
@pytest.mark.parametrize("process", ["same", "other"])
async def test_a_run_that_did_not_end_leaves_the_conversation_as_it_was(
    hasty: Any, earlier: list[str], told: str, process: str
) -> None:
    """Half of it would be in the way: no model takes calls without their results."""
    graph, seen, waiting = hasty
    agent, token = from_graph(graph), CancellationToken()
    for text in earlier:
        await agent.run(text)

    run = asyncio.create_task(agent.run(told, cancellation_token=token))
    if told == "wait":
        await waiting.wait()
        token.cancel()
    with pytest.raises((Trouble, asyncio.CancelledError)):
        await run
    next_one = agent if process == "same" else from_graph(graph)
    result = await next_one.run("two")
    await next_one.run("three")

    before = [said for text in earlier for said in (text, "begun", "done")]
    assert [message.content for message in result.messages] == ["begun", "done"]
    assert seen[-2:] == [[*before, "two"], [*before, "two", "begun", "done", "three"]]


async def test_a_state_saved_after_a_failed_run_is_the_one_before_it(hasty: Any) -> None:
    graph, seen, _ = hasty
    agent = from_graph(graph)
    await agent.run("one")
    with pytest.raises(Trouble):
        await agent.run("fail")

    other = from_graph(graph)
    await other.load_state(json.loads(json.dumps(await agent.save_state())))
    await other.run("two")

    assert seen[-1] == ["one", "begun", "done", "two"]


async def test_the_previous_value_of_an_entry_point_outlives_a_failed_run() -> None:
    @entrypoint(checkpointer=InMemorySaver())
    async def work(text: str, *, previous: str | None = None) -> str:
        if text == "fail":
            raise Trouble("at sea")
        return f"{previous} {text}"

    agent = from_graph(work)
    await agent.run("one")
    with pytest.raises(Trouble):
        await agent.run("fail")

    assert (await agent.run("two")).text() == "None one two"
