"""The documents' LangGraph-backed agent (spec: 000 L7322-7505, 001 L4345-4520), on a model of the hub."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AnyMessage, HumanMessage, SystemMessage
from langchain_core.tools import BaseTool, tool
from langgraph.graph import END, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode

from hubbub_core import AgentId, MessageContext, RoutedAgent, SingleThreadedAgentRuntime, message_handler
from hubbub_core.models import (
    AssistantMessage,
    FunctionExecutionResultMessage,
    UserMessage,
)
from hubbub_core.models import SystemMessage as HubSystemMessage
from hubbub_core.models.replay import ReplayChatCompletionClient
from hubbub_registry import adapt

Replay = Callable[..., ReplayChatCompletionClient]

CHAT_MODEL = "langchain_core.language_models.chat_models.BaseChatModel"
PROMPT = "You are a helpful AI assistant. You can use tools to help answer questions."


@dataclass
class Message:
    content: str


@tool
def get_weather(location: str) -> str:
    """Call to surf the web."""
    if "sf" in location.lower() or "san francisco" in location.lower():
        return "It's 60 degrees and foggy."
    return "It's 90 degrees and sunny."


class LangGraphToolUseAgent(RoutedAgent):
    """As the documents write it, except for the names of types that type checkers ask for."""

    def __init__(self, description: str, model: BaseChatModel, tools: Sequence[BaseTool]) -> None:
        super().__init__(description)
        self._model = model.bind_tools(tools)

        def should_continue(state: MessagesState) -> str:
            last_message: Any = state["messages"][-1]
            return "tools" if last_message.tool_calls else END

        async def call_model(state: MessagesState) -> dict[str, list[AnyMessage]]:
            return {"messages": [await self._model.ainvoke(state["messages"])]}

        self._workflow = StateGraph(MessagesState)
        self._workflow.add_node("agent", call_model)
        self._workflow.add_node("tools", ToolNode(tools))
        self._workflow.set_entry_point("agent")
        self._workflow.add_conditional_edges("agent", should_continue)
        self._workflow.add_edge("tools", "agent")
        self._app = self._workflow.compile()

    @message_handler
    async def handle_user_message(self, message: Message, ctx: MessageContext) -> Message:
        messages: list[AnyMessage] = [SystemMessage(content=PROMPT), HumanMessage(content=message.content)]
        final_state = await self._app.ainvoke({"messages": messages}, config={"configurable": {"thread_id": 42}})
        return Message(content=final_state["messages"][-1].content)


@pytest.mark.parametrize(
    ("place", "weather"), [("SF", "It's 60 degrees and foggy."), ("NYC", "It's 90 degrees and sunny.")]
)
async def test_the_model_calls_the_tool_and_answers_with_the_weather(
    runtime: SingleThreadedAgentRuntime, replay: Replay, place: str, weather: str
) -> None:
    client = replay(("get_weather", f'{{"location": "{place}"}}'), f"The weather in {place}: {weather}")
    await LangGraphToolUseAgent.register(
        runtime,
        "langgraph_tool_use_agent",
        lambda: LangGraphToolUseAgent("Tool use agent", adapt(client, to=CHAT_MODEL), [get_weather]),
    )
    agent = AgentId("langgraph_tool_use_agent", key="default")
    runtime.start()

    response = await runtime.send_message(Message(f"What's the weather in {place}?"), agent)
    await runtime.stop()

    assert response == Message(f"The weather in {place}: {weather}")
    first, second = client.create_calls
    assert first["messages"] == [
        HubSystemMessage(content=PROMPT),
        UserMessage(content=f"What's the weather in {place}?", source="user"),
    ]
    *_, calling, result = second["messages"]
    assert isinstance(calling, AssistantMessage)
    assert isinstance(result, FunctionExecutionResultMessage)
    assert [(executed.name, executed.content) for executed in result.content] == [("get_weather", weather)]


async def test_the_graph_itself_is_an_agent_of_the_hub(runtime: SingleThreadedAgentRuntime, replay: Replay) -> None:
    client = replay(("get_weather", '{"location": "SF"}'), "60 degrees and foggy.")

    # What the documents' class wraps by hand: the same graph, its state kept per agent key.
    async def weather(state: MessagesState) -> dict[str, list[AnyMessage]]:
        return {"messages": [await model.ainvoke([SystemMessage(content=PROMPT), *state["messages"]])]}

    model = adapt(client, to=CHAT_MODEL).bind_tools([get_weather])
    graph = StateGraph(MessagesState)
    graph.add_node("agent", weather)
    graph.add_node("tools", ToolNode([get_weather]))
    graph.set_entry_point("agent")
    graph.add_conditional_edges("agent", lambda state: "tools" if state["messages"][-1].tool_calls else END)
    graph.add_edge("tools", "agent")
    agent = adapt(graph.compile(), name="weather")

    result = await agent.run("What's the weather in SF?")

    assert result.text() == "60 degrees and foggy."
    assert [type(message).__name__ for message in result.messages] == [
        "AssistantMessage",
        "FunctionExecutionResultMessage",
        "AssistantMessage",
    ]
