"""A tool, a model and an agent of each framework, to be mixed.

Every model here calls the tool that it was made for, and then says what the tool said: `"The tool says: 5"`, as the
mock server of OpenAI's service does. So an answer shows that a value went all the way.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable, RunnableLambda
from langchain_core.tools import tool as langchain_tool
from langgraph.graph import END, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import ToolCallBlock
from llama_index.core.llms import ChatMessage, MessageRole
from llama_index.core.llms.mock import MockFunctionCallingLLM
from llama_index.core.tools import FunctionTool
from openai import AsyncOpenAI
from openai_server import Calls, OpenAIServer

from hubbub_agentchat.agents import AssistantAgent
from hubbub_agentchat.base import ChatAgent
from hubbub_agentchat.tools import AgentTool
from hubbub_core.models.replay import ReplayChatCompletionClient
from hubbub_mcp import StdioServerParams, mcp_server_tools
from hubbub_openai import OpenAIAgent, OpenAIChatCompletionClient
from hubbub_registry import adapt

LANGCHAIN_TOOL = "langchain_core.tools.base.BaseTool"
LANGCHAIN_MODEL = "langchain_core.language_models.chat_models.BaseChatModel"
LLAMA_INDEX_TOOL = "llama_index.core.tools.types.BaseTool"
LLAMA_INDEX_MODEL = "llama_index.core.llms.llm.LLM"

MCP_SERVER = Path(__file__).parents[1] / "plugins" / "mcp" / "servers" / "complete.py"


@dataclass
class Offer:
    """A tool of some framework, and what is expected of it."""

    tool: Any
    name: str
    arguments: dict[str, Any]
    says: str
    """What its result holds."""
    got: list[Any] = field(default_factory=list)
    """The arguments that reached it, where it runs in this process."""


@dataclass
class Place:
    """Where parts are made: OpenAI's service, and what is closed in the end."""

    server: OpenAIServer
    closing: AsyncExitStack

    def openai(self) -> AsyncOpenAI:
        """Return a client of the vendor's own."""
        client = AsyncOpenAI(api_key="test", base_url=self.server.url)
        self.closing.push_async_callback(client.close)
        return client


class LangChainModel(BaseChatModel):
    """A chat model of LangChain that calls one tool, then says what the tool said."""

    tool_name: str
    arguments: dict[str, Any]

    @property
    def _llm_type(self) -> str:
        return "calling"

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Runnable[Any, AIMessage]:
        return self.bind(tools=tools)

    def _generate(self, messages: list[BaseMessage], *args: Any, tools: Any = (), **kwargs: Any) -> ChatResult:
        said = messages[-1]
        if isinstance(said, ToolMessage):
            reply = AIMessage(f"The tool says: {said.text}")
        else:
            assert self.tool_name in json.dumps(tools, default=str), f"the model was shown {tools}"
            reply = AIMessage("", tool_calls=[{"name": self.tool_name, "args": self.arguments, "id": "c1"}])
        return ChatResult(generations=[ChatGeneration(message=reply)])


def langchain_model(offer: Offer) -> BaseChatModel:
    """Make a chat model of LangChain."""
    return LangChainModel(tool_name=offer.name, arguments=offer.arguments)


def llama_index_model(offer: Offer) -> MockFunctionCallingLLM:
    """Make a function-calling LLM of LlamaIndex."""

    def answer(messages: Sequence[ChatMessage], **kwargs: Any) -> ChatMessage:
        if messages[-1].role is MessageRole.TOOL:
            return ChatMessage(role=MessageRole.ASSISTANT, content=f"The tool says: {messages[-1].content}")
        shown = [tool.metadata.name for tool in kwargs["tools"]]
        assert shown == [offer.name], f"the model was shown {shown}"
        call = ToolCallBlock(tool_call_id="c1", tool_name=offer.name, tool_kwargs=offer.arguments)
        return ChatMessage(role=MessageRole.ASSISTANT, blocks=[call])

    return MockFunctionCallingLLM(response_generator=answer, is_chat_model=True)


def openai_model(offer: Offer, place: Place) -> OpenAIChatCompletionClient:
    """Make a client of the mock server, which answers the first request with the call."""
    place.server.reply(Calls((offer.name, offer.arguments)))
    client = OpenAIChatCompletionClient(model="gpt-4o", api_key="test", base_url=place.server.url)
    place.closing.push_async_callback(client.close)
    return client


def _adding() -> tuple[Callable[[int, int], int], list[Any]]:
    got: list[Any] = []

    def add(a: int, b: int) -> int:
        """Add two numbers."""
        got.append((a, b))
        return a + b

    return add, got


_SUM = {"a": 2, "b": 3}


async def tool_of_langchain(place: Place) -> Offer:
    add, got = _adding()
    return Offer(langchain_tool(add), "add", _SUM, "5", got)


async def tool_of_llama_index(place: Place) -> Offer:
    add, got = _adding()
    return Offer(FunctionTool.from_defaults(add), "add", _SUM, "5", got)


async def tool_of_langgraph(place: Place) -> Offer:
    """A graph, which a chat agent around it makes a tool."""
    got: list[Any] = []

    def shout(state: MessagesState) -> dict[str, Any]:
        got.append(state["messages"][-1].text)
        return {"messages": [AIMessage(state["messages"][-1].text.upper())]}

    graph = StateGraph(MessagesState)
    graph.add_node("shout", shout)
    graph.set_entry_point("shout")
    graph.add_edge("shout", END)
    agent = adapt(adapt(graph.compile(), name="shouter"), to="chat agent")
    return Offer(AgentTool(agent), "shouter", {"task": "puffin"}, "PUFFIN", got)


async def tool_of_agentchat(place: Place) -> Offer:
    """An assistant as a tool."""
    client = ReplayChatCompletionClient(["Terns cross oceans."])
    tool = AgentTool(AssistantAgent("expert", client, description="Knows birds"), return_value_as_last_message=True)
    return Offer(tool, "expert", {"task": "terns?"}, "Terns cross oceans.", client.create_calls)


async def tool_of_openai(place: Place) -> Offer:
    """An agent of OpenAI's Responses as a tool."""
    agent = OpenAIAgent(
        name="responder", description="Answers", client=place.openai(), model="gpt-4o-mini", instructions="Answer."
    )
    return Offer(AgentTool(agent), "responder", {"task": "how far?"}, "gpt-4o-mini was asked: how far?")


async def tool_of_mcp(place: Place) -> Offer:
    """A tool of a server that is a process of its own."""
    params = StdioServerParams(command=sys.executable, args=[str(MCP_SERVER)], read_timeout_seconds=30)
    (add,) = [tool for tool in await mcp_server_tools(params) if tool.name == "add"]
    return Offer(add, "add", _SUM, "5")


def agent_of_langgraph(tool: Any, model: Any, place: Place) -> ChatAgent:
    bound = adapt(model, to=LANGCHAIN_MODEL).bind_tools([tool := adapt(tool, to=LANGCHAIN_TOOL)])

    async def think(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await bound.ainvoke(state["messages"])]}

    graph = StateGraph(MessagesState)
    graph.add_node("agent", think)
    graph.add_node("tools", ToolNode([tool]))
    graph.set_entry_point("agent")
    graph.add_conditional_edges("agent", lambda state: "tools" if state["messages"][-1].tool_calls else END)
    graph.add_edge("tools", "agent")
    return _chat_agent(adapt(graph.compile(), name="worker"))


def agent_of_langchain(tool: Any, model: Any, place: Place) -> ChatAgent:
    """A Runnable that asks, calls and asks again: langchain-core has no agent of its own."""
    foreign = adapt(tool, to=LANGCHAIN_TOOL)
    bound = adapt(model, to=LANGCHAIN_MODEL).bind_tools([foreign])

    async def work(text: str) -> str:
        messages: list[Any] = [("user", text)]
        reply = await bound.ainvoke(messages)
        results = [await foreign.ainvoke(call) for call in reply.tool_calls]
        return str((await bound.ainvoke([*messages, reply, *results])).text)

    return _chat_agent(adapt(RunnableLambda(work), name="worker"))


def agent_of_llama_index(tool: Any, model: Any, place: Place) -> ChatAgent:
    agent = FunctionAgent(
        name="worker", tools=[adapt(tool, to=LLAMA_INDEX_TOOL)], llm=adapt(model, to=LLAMA_INDEX_MODEL)
    )
    return _chat_agent(adapt(agent))


def agent_of_agentchat(tool: Any, model: Any, place: Place) -> ChatAgent:
    return AssistantAgent("worker", adapt(model, to="model"), tools=[adapt(tool, to="tool")], reflect_on_tool_use=True)


def agent_of_openai(tool: Any, model: Any, place: Place) -> ChatAgent:
    """An agent of OpenAI's Responses, whose model can be no other."""
    return OpenAIAgent(
        name="worker",
        description="Works",
        client=place.openai(),
        model="gpt-4o",
        instructions="Use the tool.",
        tools=[adapt(tool, to="tool")],
    )


TOOLS: dict[str, Callable[[Place], Awaitable[Offer]]] = {
    "agentchat": tool_of_agentchat,
    "langchain": tool_of_langchain,
    "langgraph": tool_of_langgraph,
    "llama_index": tool_of_llama_index,
    "mcp": tool_of_mcp,
    "openai": tool_of_openai,
}

AGENTS: dict[str, Callable[[Any, Any, Place], ChatAgent]] = {
    "agentchat": agent_of_agentchat,
    "langchain": agent_of_langchain,
    "langgraph": agent_of_langgraph,
    "llama_index": agent_of_llama_index,
    "openai": agent_of_openai,
}


def third(tool: str, agent: str) -> str:
    """Return the framework that the model is of: neither of the pair, nor of the family of one."""
    taken = {tool, agent}
    if "langgraph" in taken:
        taken.add("langchain")  # its models are LangChain's
    if agent == "openai":
        return "openai"
    return next(name for name in ("openai", "llama_index", "langchain") if name not in taken)


def model_of(framework: str, offer: Offer, place: Place) -> Any:
    """Make a model of that framework which calls what is offered."""
    if framework == "openai":
        return openai_model(offer, place)
    return llama_index_model(offer) if framework == "llama_index" else langchain_model(offer)


def pairs() -> Iterator[tuple[str, str]]:
    """Yield every framework with a tool and every other one with an agent for it."""
    for tool in TOOLS:
        for agent in AGENTS:
            if tool != agent:
                yield tool, agent


def _chat_agent(agent: Any) -> ChatAgent:
    chat_agent: ChatAgent = adapt(agent, to="chat agent")
    return chat_agent
