"""State as JSON: what a thread holds is saved, loaded, and refused where it is not JSON."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.documents import Document
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.func import entrypoint
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Interrupt, Send, interrupt
from pydantic import BaseModel

from hubbub_core import AdaptedAgent
from hubbub_core.exchange import AgentResult, AgentTask, Source
from hubbub_core.models import UserMessage
from hubbub_langgraph import from_graph
from hubbub_langgraph._state import _decode, _encode


class Weather(BaseModel):
    """What an agent may be asked to answer in."""

    town: str


def memo(kept: Any = None) -> AdaptedAgent:
    """Adapt a graph that says how much it was told, and keeps a value in its state."""

    class State(MessagesState):
        kept: Any

    async def work(state: State) -> dict[str, Any]:
        said = [message.content for message in state["messages"]]
        return {"messages": [AIMessage(content=f"{len(said)}: {said[0]}")], "kept": kept}

    builder = StateGraph(State)
    builder.add_node("work", work)
    builder.add_edge(START, "work")
    return from_graph(builder.compile(checkpointer=InMemorySaver(), name="memo"))


async def moved(agent: AdaptedAgent, other: AdaptedAgent) -> None:
    """Carry the state over as the text it is stored as."""
    await other.load_state(json.loads(json.dumps(await agent.save_state())))


async def test_a_conversation_continues_in_another_process() -> None:
    first, second = memo(), memo()
    await first.run("one")
    await first.run("two")

    await moved(first, second)

    assert (await second.run("three")).text() == "5: one"


async def test_loading_puts_the_state_in_the_place_of_what_the_thread_held() -> None:
    first, second = memo(), memo()
    await first.run("one")
    for text in ("a", "b", "c"):
        await second.run(text)

    await moved(first, second)

    assert (await second.run("two")).text() == "3: one"


async def test_a_loaded_state_can_be_saved_before_the_next_run() -> None:
    first, second = memo(), memo()
    await first.run("one")
    await moved(first, second)

    assert await second.save_state() == await first.save_state()


async def test_a_waiting_graph_still_waits_after_loading() -> None:
    def asker() -> AdaptedAgent:
        async def ask(state: MessagesState) -> dict[str, Any]:
            return {"messages": [AIMessage(content=f"told {interrupt('Well?')}")]}

        inner = StateGraph(MessagesState)
        inner.add_node("ask", ask)
        inner.add_edge(START, "ask")
        outer = StateGraph(MessagesState)
        outer.add_node("inner", inner.compile())
        outer.add_edge(START, "inner")
        return from_graph(outer.compile(checkpointer=InMemorySaver()))

    first, second = asker(), asker()
    assert (await first.run("go")).text() == "Well?"

    await moved(first, second)

    assert (await second.run("yes")).text() == "told yes"


FRESH = """
import asyncio, json, sys
from langchain_core.messages import AIMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import interrupt
from hubbub_core import AgentId, AgentTask, SingleThreadedAgentRuntime
from hubbub_langgraph import from_graph


def ask(state: MessagesState):
    return {"messages": [AIMessage(f"{state['messages'][0].content} {interrupt('When?')}")]}


async def main(state, text):
    inner = StateGraph(MessagesState).add_node(ask).add_edge(START, "ask").compile()
    outer = StateGraph(MessagesState).add_node("inner", inner).add_edge(START, "inner")
    runtime = SingleThreadedAgentRuntime()
    await from_graph(outer.compile(checkpointer=InMemorySaver())).register(runtime, "asker")
    await runtime.load_state(state)
    runtime.start()
    result = await runtime.send_message(AgentTask.from_text(text), AgentId("asker", "key"))
    await runtime.stop_when_idle()
    print(json.dumps([result.finish_reason, result.text(), await runtime.save_state()]))


asyncio.run(main(json.loads(sys.argv[1]), sys.argv[2]))
"""


async def test_a_question_of_a_subgraph_is_answered_in_a_fresh_process() -> None:
    async def process(state: Any, text: str) -> Any:
        running = await asyncio.create_subprocess_exec(
            sys.executable, "-c", FRESH, json.dumps(state), text, stdout=asyncio.subprocess.PIPE
        )
        printed, _ = await asyncio.wait_for(running.communicate(), 60)
        return json.loads(printed)

    reason, question, state = await process({}, "Dinner")
    answered, text, _ = await process(state, "at eight")

    assert (reason, question) == ("interrupt", "When?")
    assert (answered, text) == ("stop", "Dinner at eight")


async def test_an_entry_points_previous_value_is_state() -> None:
    def counter() -> AdaptedAgent:
        @entrypoint(checkpointer=InMemorySaver())
        async def count(text: str, *, previous: int | None = None) -> Any:
            total = (previous or 0) + len(text)
            return entrypoint.final(value=str(total), save=total)

        return from_graph(count)

    first, second = counter(), counter()
    await first.run("abc")

    await moved(first, second)

    assert (await second.run("de")).text() == "5"


async def test_a_value_that_is_not_json_is_refused_by_its_place_and_type() -> None:
    agent = memo(kept={"raw": [1, b"\x00"]})
    await agent.run("one")

    with pytest.raises(ValueError, match=r"^state of graph 'memo': kept\.raw\[1\] is a builtins\.bytes, which is not"):
        await agent.save_state()


async def test_a_graph_without_checkpointer_has_no_state_and_takes_none() -> None:
    builder = StateGraph(MessagesState)
    builder.add_node("work", lambda state: {"messages": [AIMessage(content="ok")]})
    builder.add_edge(START, "work")
    agent = from_graph(builder.compile(), name="plain")
    await agent.run("one")

    assert await agent.save_state() == {"default": {}}
    with pytest.raises(ValueError, match=r"^graph 'plain' has no checkpointer that could hold a state"):
        await agent.load_state({"default": {"format": 1, "checkpoints": []}})


@pytest.mark.parametrize(
    ("state", "problem"),
    [
        ({"format": 9}, "the state for graph 'memo' has format 9; this version reads 1"),
        ({"format": 1}, "the state for graph 'memo' is damaged: KeyError: 'checkpoints'"),
        (
            {"format": 1, "checkpoints": [{"checkpoint": {"$type": "os.system"}}]},
            "the state holds a value of the unknown type 'os.system'",
        ),
    ],
)
async def test_a_state_of_another_kind_is_refused(state: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 # compared whole below
        await memo().load_state({"default": state})

    assert str(caught.value) == problem


_LEAF = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.builds(HumanMessage, content=st.text(max_size=8), id=st.none() | st.text(max_size=4))
    | st.builds(ToolMessage, content=st.text(max_size=8), tool_call_id=st.text(max_size=4))
    | st.builds(Document, page_content=st.text(max_size=8), id=st.text(max_size=4))
    | st.builds(Interrupt, value=st.text(max_size=8), id=st.text(max_size=4))
    | st.builds(Source, content=st.text(max_size=8))
    | st.builds(AgentTask.from_text, st.text(max_size=8))
    | st.builds(UserMessage, content=st.text(max_size=8), source=st.just("u"))
)
_VALUE = st.recursive(
    _LEAF,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=5) | st.just("$type"), inner, max_size=3)
        | st.dictionaries(st.integers(), inner, max_size=2)
        | st.sets(st.integers(), max_size=3)
        | st.builds(Send, st.text(max_size=5), inner)
        | st.builds(ToolMessage, content=st.just("x"), tool_call_id=st.just("1"), artifact=inner)
    ),
    max_leaves=8,
)


@settings(deadline=None)  # the first example imports what the others have
@given(_VALUE)
def test_values_of_a_state_come_back_from_json_as_they_were(value: Any) -> None:
    returned = _decode(json.loads(json.dumps(_encode(value, "state"), allow_nan=False)))

    assert returned == value
    assert type(returned) is type(value)


async def test_a_structured_response_in_the_state_is_saved_as_its_data() -> None:
    class State(MessagesState):
        structured_response: Any

    async def answer(state: State) -> dict[str, Any]:
        said = [*(message.content for message in state["messages"]), state.get("structured_response")]
        return {"messages": [AIMessage(content=str(said))], "structured_response": Weather(town="Oslo")}

    def make() -> AdaptedAgent:
        builder = StateGraph(State).add_node(answer).add_edge(START, "answer")
        return from_graph(builder.compile(checkpointer=InMemorySaver()))

    first, second = make(), make()
    await first.run("one")

    await moved(first, second)

    assert (await second.run("two")).text() == "['one', \"['one', None]\", 'two', {'town': 'Oslo'}]"


async def test_a_result_in_the_state_is_state() -> None:
    agent = memo(kept=AgentResult.from_text("hi", source="x"))
    await agent.run("one")

    saved = json.dumps(await agent.save_state())

    assert '"class": "AgentResult"' in saved
