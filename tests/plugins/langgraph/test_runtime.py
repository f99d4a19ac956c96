"""A graph in the runtime."""

from __future__ import annotations

from typing import Any

from langchain_core.messages import AIMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph

from hubbub_core import AgentId, SingleThreadedAgentRuntime
from hubbub_core.exchange import AgentResult, AgentTask
from hubbub_core.models import AssistantMessage
from hubbub_registry import adapt


async def test_a_registered_graph_keeps_a_conversation_per_key_and_the_runtime_its_state() -> None:
    seen: list[list[str]] = []

    async def work(state: MessagesState) -> dict[str, Any]:
        seen.append([str(message.content) for message in state["messages"]])
        return {"messages": [AIMessage(content=f"answer {len(seen)}")]}

    async def start() -> SingleThreadedAgentRuntime:
        builder = StateGraph(MessagesState)
        builder.add_node(work)
        builder.add_edge(START, "work")
        runtime = SingleThreadedAgentRuntime()
        await adapt(builder.compile(checkpointer=InMemorySaver())).register(runtime, "memo")
        runtime.start()
        return runtime

    async def ask(runtime: SingleThreadedAgentRuntime, key: str, text: str) -> AgentResult:
        result = await runtime.send_message(AgentTask.from_text(text), AgentId("memo", key))
        assert isinstance(result, AgentResult)
        return result

    first = await start()
    assert (await ask(first, "a", "one")).messages == [AssistantMessage(content="answer 1", source="memo")]
    await ask(first, "b", "two")
    await ask(first, "a", "three")
    state = await first.save_state()
    await first.stop_when_idle()

    second = await start()
    await second.load_state(state)
    await ask(second, "a", "four")
    await second.stop_when_idle()

    assert seen == [["one"], ["two"], ["one", "answer 1", "three"], ["one", "answer 1", "three", "answer 3", "four"]]
