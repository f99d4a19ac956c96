"""A tool, a model and an agent of each framework, to be mixed.

Every model here calls the tool that it was made for, and then says what the tool said: `"The tool says: 5"`, as the
mock server of OpenAI's service does. So an answer shows that a value went all the way.
"""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
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
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, LLMMetadata, MessageRole, ToolCallBlock
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.llms.llm import ToolSelection
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

# An environment with the newest of everything has no Semantic Kernel, which asks for older releases of others.
HAS_SEMANTIC_KERNEL = find_spec("semantic_kernel") is not None
if HAS_SEMANTIC_KERNEL:
    import semantic_kernel_parts

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


class LlamaIndexModel(FunctionCallingLLM):
    """A function-calling LLM of LlamaIndex that calls one tool, then says what the tool said."""

    tool_name: str
    arguments: dict[str, Any]

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(is_chat_model=True, is_function_calling_model=True)

    async def achat(self, messages: Sequence[ChatMessage], *, tools: Any = (), **kwargs: Any) -> ChatResponse:
        if messages[-1].role is MessageRole.TOOL:
            said = ChatMessage(role=MessageRole.ASSISTANT, content=f"The tool says: {messages[-1].content}")
            return ChatResponse(message=said, delta=said.content)
        shown = [tool.metadata.name for tool in tools]
        assert shown == [self.tool_name], f"the model was shown {shown}"
        call = ToolCallBlock(tool_call_id="c1", tool_name=self.tool_name, tool_kwargs=self.arguments)
        return ChatResponse(message=ChatMessage(role=MessageRole.ASSISTANT, blocks=[call]))

    async def astream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> AsyncGenerator[ChatResponse, None]:
        async def pieces() -> AsyncGenerator[ChatResponse, None]:
            yield await self.achat(messages, **kwargs)

        return pieces()

    def _prepare_chat_with_tools(
        self, tools: Any, user_msg: Any = None, chat_history: Any = None, *args: Any, **kwargs: Any
    ) -> dict[str, Any]:
        return {"messages": chat_history, "tools": tools}

    def get_tool_calls_from_response(self, response: ChatResponse, *args: Any, **kwargs: Any) -> list[ToolSelection]:
        calls = [block for block in response.message.blocks if isinstance(block, ToolCallBlock)]
        return [ToolSelection(tool_id="c1", tool_name=self.tool_name, tool_kwargs=self.arguments) for _ in calls]

    def chat(self, *args: Any, **kwargs: Any) -> Any:
        raise AssertionError("asked synchronously")

    def stream_chat(self, *args: Any, **kwargs: Any) -> Any:
        raise AssertionError("asked synchronously")

    def complete(self, *args: Any, **kwargs: Any) -> Any:
        raise AssertionError("asked synchronously")

    def stream_complete(self, *args: Any, **kwargs: Any) -> Any:
        raise AssertionError("asked synchronously")

    async def acomplete(self, *args: Any, **kwargs: Any) -> Any:
        raise AssertionError("asked for a completion")

    async def astream_complete(self, *args: Any, **kwargs: Any) -> Any:
        raise AssertionError("asked for a completion")


def llama_index_model(offer: Offer) -> FunctionCallingLLM:
    """Make a function-calling LLM of LlamaIndex."""
    return LlamaIndexModel(tool_name=offer.name, arguments=offer.arguments)


def openai_model(offer: Offer, place: Place) -> OpenAIChatCompletionClient:
    """Make a client of the mock server, which answers the first request with the call."""
    place.server.reply(Calls((offer.name, offer.arguments)))
    client = OpenAIChatCompletionClient(model="gpt-4o", api_key="test", base_url=place.server.url)
    place.closing.push_async_callback(client.close)
    return client


def semantic_kernel_model(offer: Offer) -> Any:
    """Make a chat completion service of Semantic Kernel."""
    return semantic_kernel_parts.service(offer.name, offer.arguments)


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


async def tool_of_semantic_kernel(place: Place) -> Offer:
    """A kernel function that belongs to no plugin."""
    add, got = _adding()
    return Offer(semantic_kernel_parts.function(add), "add", _SUM, "5", got)


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


def agent_of_semantic_kernel(tool: Any, model: Any, place: Place) -> ChatAgent:
    return _chat_agent(adapt(semantic_kernel_parts.agent(tool, model)))


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

MODELS: dict[str, Callable[[Offer, Place], Any]] = {
    "openai": openai_model,
    "llama_index": lambda offer, place: llama_index_model(offer),
    "langchain": lambda offer, place: langchain_model(offer),
}

if HAS_SEMANTIC_KERNEL:
    TOOLS["semantic_kernel"] = tool_of_semantic_kernel
    AGENTS["semantic_kernel"] = agent_of_semantic_kernel
    MODELS["semantic_kernel"] = lambda offer, place: semantic_kernel_model(offer)


def third(tool: str, agent: str) -> str:
    """Return the framework that the model is of: neither of the pair, nor of the family of one."""
    taken = {tool, agent}
    if "langgraph" in taken:
        taken.add("langchain")  # its models are LangChain's
    if agent == "openai":
        return "openai"
    free = [name for name in MODELS if name not in taken]
    # Not always the first one, so that every agent meets several.
    return free[list(TOOLS).index(tool) % len(free)]


def model_of(framework: str, offer: Offer, agent: str, place: Place) -> Any:
    """Make a model of that framework which calls what is offered, under the name that it has in such an agent."""
    if agent == "semantic_kernel":
        offer = replace(offer, name=f"{semantic_kernel_parts.PLUGIN}-{offer.name}")
    return MODELS[framework](offer, place)


def pairs() -> Iterator[tuple[str, str]]:
    """Yield every framework with a tool and every other one with an agent for it."""
    for tool in TOOLS:
        for agent in AGENTS:
            if tool != agent:
                yield tool, agent


def _chat_agent(agent: Any) -> ChatAgent:
    chat_agent: ChatAgent = adapt(agent, to="chat agent")
    return chat_agent
