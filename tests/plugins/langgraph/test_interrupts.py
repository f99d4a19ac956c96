"""Graphs that stop to ask, and tasks that answer."""

from __future__ import annotations

import asyncio
import json
import operator
from typing import Annotated, Any, cast

import pytest
from langchain_core.messages import AIMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.func import entrypoint, task
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import interrupt

from hubbub_core import CancellationToken
from hubbub_core.exchange import AgentTask
from hubbub_core.models import AssistantMessage, UserMessage
from hubbub_langgraph import UnansweredInterruptError, from_graph, get_hub


def asking(question: Any, **options: Any) -> Any:
    """Compile a graph that drafts, asks, and says what it was told."""

    async def draft(state: MessagesState) -> dict[str, Any]:
        return {"messages": [AIMessage(content="a draft")]}

    async def ask(state: MessagesState) -> dict[str, Any]:
        told = interrupt(question)
        return {"messages": [AIMessage(content=f"told {told!r}")]}

    builder = StateGraph(MessagesState)
    builder.add_sequence([draft, ask])
    builder.add_edge(START, "draft")
    return builder.compile(name="asker", **options)


async def test_an_interrupt_ends_the_run_with_the_question_and_the_next_task_answers_it() -> None:
    agent = from_graph(asking("Send it?", checkpointer=InMemorySaver()))

    asked = await agent.run("write")
    answered = await agent.run("yes")
    anew = await agent.run("write again")

    assert asked.messages == [
        AssistantMessage(content="a draft", source="asker"),
        AssistantMessage(content="Send it?", source="asker"),
    ]
    assert asked.finish_reason == "interrupt"
    interrupts: Any = asked.metadata["interrupts"]
    assert [item["value"] for item in interrupts] == ["Send it?"]
    assert answered.messages == [AssistantMessage(content="told 'yes'", source="asker")]
    assert answered.finish_reason == "stop"
    assert anew.finish_reason == "interrupt"


async def test_the_answer_may_be_json_in_the_tasks_metadata() -> None:
    agent = from_graph(asking({"approve": ["mail"]}, checkpointer=InMemorySaver()))

    asked = await agent.run("write")
    answered = await agent.run(AgentTask.from_text("ok", metadata={"resume": {"approved": True}}))

    assert asked.text() == '{"approve": ["mail"]}'
    assert answered.text() == "told {'approved': True}"


async def test_sessions_wait_for_their_own_answers() -> None:
    agent = from_graph(asking("Well?", checkpointer=InMemorySaver()))

    await agent.run("one", session="a")
    await agent.run("two", session="b")

    assert (await agent.run("no", session="b")).text() == "told 'no'"
    assert (await agent.run("yes", session="a")).text() == "told 'yes'"


async def test_an_interrupt_of_an_earlier_process_is_answered_too() -> None:
    """The thread, not the agent, knows that it waits: with a persistent checkpointer it still does after a restart."""
    graph = asking("Well?", checkpointer=InMemorySaver())
    await from_graph(graph).run("one")

    assert (await from_graph(graph).run("yes")).text() == "told 'yes'"


async def test_without_a_checkpointer_an_interrupt_is_an_error_that_names_it() -> None:
    with pytest.raises(UnansweredInterruptError) as caught:
        await from_graph(asking("Send it?")).run("write")

    assert str(caught.value) == (
        "graph 'asker' stopped with an interrupt (Send it?), but has no checkpointer to continue from; "
        "compile it with checkpointer=InMemorySaver() or another one"
    )


async def test_a_question_that_is_not_json_is_refused_by_its_type() -> None:
    with pytest.raises(ValueError, match=r"^an interrupt holds a set that is not JSON"):
        await from_graph(asking({1, 2}, checkpointer=InMemorySaver())).run("write")


class Votes(MessagesState):
    votes: Annotated[list[str], operator.add]


def voting() -> Any:
    """Compile a graph whose two nodes ask in one step."""

    def voter(name: str) -> Any:
        async def vote(state: Votes) -> dict[str, Any]:
            return {"votes": [f"{name}: {interrupt(f'{name}?')}"]}

        return vote

    builder = StateGraph(Votes)
    for name in ("ann", "bob"):
        builder.add_node(name, voter(name))
        builder.add_edge(START, name)
    return builder.compile(name="vote", checkpointer=InMemorySaver())


async def test_several_questions_are_answered_by_their_ids() -> None:
    agent = from_graph(voting(), output=lambda state: ", ".join(sorted(state["votes"])))

    asked = await agent.run("vote")
    interrupts: Any = asked.metadata["interrupts"]
    resume = {item["id"]: item["value"].replace("?", "!") for item in interrupts}
    answered = await agent.run(AgentTask(metadata={"resume": resume}))

    assert sorted(asked.text().splitlines()) == ["ann?", "bob?"]
    assert answered.text() == "ann: ann!, bob: bob!"


async def test_several_questions_are_answered_by_a_text_too() -> None:
    """A human in a team has nothing but a text."""
    agent = from_graph(voting(), output=lambda state: ", ".join(sorted(state["votes"])))

    by_order, by_id = [await agent.run("vote", session=session) for session in ("a", "b")]
    questions: Any = by_id.metadata["interrupts"]
    answers = [text.replace("?", ".") for text in by_order.text().splitlines()]

    assert (await agent.run(json.dumps(answers), session="a")).text() == "ann: ann., bob: bob."
    told = json.dumps({question["id"]: "!" for question in questions})
    assert (await agent.run(told, session="b")).text() == "ann: !, bob: !"


async def test_one_text_for_several_questions_is_refused_with_the_ids() -> None:
    agent = from_graph(voting(), output="votes")
    asked = await agent.run("vote")
    interrupts: Any = asked.metadata["interrupts"]
    ids = ", ".join(sorted(item["id"] for item in interrupts))

    with pytest.raises(ValueError) as caught:  # noqa: PT011 # compared whole below
        await agent.run("yes")

    assert str(caught.value) == (
        "graph 'vote' waits for 2 answers; give them as a JSON list in the order of the questions, or as "
        f'{{id: answer}} with the ids {ids}, in the task\'s text or its metadata "resume"'
    )


async def test_a_breakpoint_stops_before_the_node_and_the_next_task_continues() -> None:
    seen: list[str] = []

    async def plan(state: MessagesState) -> dict[str, Any]:
        return {"messages": [AIMessage(content="the plan")]}

    async def act(state: MessagesState) -> dict[str, Any]:
        seen.append(get_hub().task.text())
        return {"messages": [AIMessage(content="done")]}

    builder = StateGraph(MessagesState)
    builder.add_sequence([plan, act])
    builder.add_edge(START, "plan")
    agent = from_graph(builder.compile(checkpointer=InMemorySaver(), interrupt_before=["act"]), name="actor")

    stopped = await agent.run("go")
    continued = await agent.run("go on")

    assert [message.content for message in stopped.messages] == ["the plan", "stopped at act"]
    assert (stopped.finish_reason, stopped.metadata["interrupts"]) == ("interrupt", [])
    assert continued.messages == [AssistantMessage(content="done", source="actor")]
    assert seen == ["go on"]


async def test_an_entry_point_asks_without_repeating_its_finished_tasks() -> None:
    done: list[str] = []

    @task
    async def draft(topic: str) -> str:
        done.append(topic)
        return f"about {topic}"

    @entrypoint(checkpointer=InMemorySaver())
    async def essay(topic: str) -> str:
        text = await draft(topic)
        return f"{text}: {interrupt('Good?')}"

    agent = from_graph(essay)

    asked = await agent.run("cats")
    answered = await agent.run("great")

    assert (asked.finish_reason, asked.text()) == ("interrupt", "Good?")
    assert answered.text() == "about cats: great"
    assert done == ["cats"]


async def test_an_interrupt_within_a_subgraph_is_answered_through_the_outer_graph() -> None:
    builder = StateGraph(MessagesState)
    builder.add_node("inner", asking("Inside?"))
    builder.add_edge(START, "inner")
    agent = from_graph(builder.compile(checkpointer=InMemorySaver()))

    asked = await agent.run("go")
    answered = await agent.run("yes")

    assert asked.text() == "Inside?"
    assert [m for m in answered.messages if isinstance(m, AssistantMessage)][-1].content == "told 'yes'"


async def test_after_a_failed_run_the_next_task_begins_anew() -> None:
    fail = [True]

    async def work(state: MessagesState) -> dict[str, Any]:
        if fail:
            fail.clear()
            raise RuntimeError("once")
        return {"messages": [AIMessage(content=str(state["messages"][-1].content))]}

    builder = StateGraph(MessagesState)
    builder.add_sequence([work])
    builder.add_edge(START, "work")
    agent = from_graph(builder.compile(checkpointer=InMemorySaver()))

    with pytest.raises(RuntimeError, match="once"):
        await agent.run([UserMessage(content="one", source="u")], cancellation_token=CancellationToken())

    assert (await agent.run("two")).text() == "two"


async def test_an_answer_that_fails_is_forgotten_with_its_question() -> None:
    """LangGraph itself keeps an answer, and would give it to the node again and again."""

    async def book(state: MessagesState) -> dict[str, Any]:
        told = interrupt("Which day?")
        if told == "yesterday":
            raise ValueError("that day is over")
        return {"messages": [AIMessage(content=f"booked for {told}")]}

    agent = from_graph(
        StateGraph(MessagesState).add_node(book).add_edge(START, "book").compile(checkpointer=InMemorySaver())
    )
    await agent.run("book a table")

    with pytest.raises(ValueError, match="that day is over"):
        await agent.run("yesterday")
    asked = await agent.run("book a table for two")
    answered = await agent.run("today")

    assert (asked.text(), asked.finish_reason) == ("Which day?", "interrupt")
    assert answered.text() == "booked for today"


async def test_an_answer_that_is_cancelled_is_forgotten_with_its_question() -> None:
    entered = asyncio.Event()

    async def book(state: MessagesState) -> dict[str, Any]:
        told = interrupt("Which day?")
        if told == "whenever":
            entered.set()
            await asyncio.Event().wait()
        return {"messages": [AIMessage(content=f"booked for {told}")]}

    agent, token = (
        from_graph(
            StateGraph(MessagesState).add_node(book).add_edge(START, "book").compile(checkpointer=InMemorySaver())
        ),
        CancellationToken(),
    )
    await agent.run("book a table")
    run = asyncio.create_task(agent.run("whenever", cancellation_token=token))
    await entered.wait()
    token.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run

    assert (await agent.run("book a table for two")).text() == "Which day?"
    assert (await agent.run("today")).text() == "booked for today"


async def test_a_part_of_the_answers_leaves_the_other_questions_open() -> None:
    async def first(state: MessagesState) -> dict[str, Any]:
        return {"messages": [AIMessage(content=f"first {interrupt('One?')}")]}

    async def second(state: MessagesState) -> dict[str, Any]:
        return {"messages": [AIMessage(content=f"second {interrupt('Two?')}")]}

    async def third(state: MessagesState) -> dict[str, Any]:
        return {"messages": [AIMessage(content="third")]}

    builder = StateGraph(MessagesState)
    for name, node in (("first", first), ("second", second), ("third", third)):
        builder.add_node(name, node).add_edge(START, name)
    agent = from_graph(builder.compile(checkpointer=InMemorySaver()))

    both = await agent.run("go")
    questions = cast("list[dict[str, str]]", both.metadata["interrupts"])
    ids = {question["value"]: question["id"] for question in questions}
    one = await agent.run(AgentTask(metadata={"resume": {ids["One?"]: "a"}}))
    none = await agent.run("b")

    assert [[message.content for message in result.messages] for result in (both, one, none)] == [
        ["third", "One?\nTwo?"],
        ["first a", "Two?"],
        ["second b"],
    ]
