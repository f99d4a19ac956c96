"""The team and its tools. This is the file to copy from: nothing in it knows which model there is."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import SystemMessage
from langchain_core.tools import BaseTool as LangChainTool
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.llms.llm import LLM
from llama_index.core.tools import FunctionTool as LlamaIndexFunctionTool
from llama_index.core.tools.types import BaseTool as LlamaIndexTool
from openai import AsyncOpenAI
from semantic_kernel.agents import ChatCompletionAgent
from semantic_kernel.connectors.ai.chat_completion_client_base import ChatCompletionClientBase
from semantic_kernel.functions import KernelFunction, KernelFunctionFromMethod, KernelPlugin, kernel_function

from hubbub_agentchat.base import ChatAgent
from hubbub_agentchat.conditions import MaxMessageTermination, TextMentionTermination
from hubbub_agentchat.teams import RoundRobinGroupChat
from hubbub_core.models import ChatCompletionClient
from hubbub_core.tools import BaseTool, FunctionTool
from hubbub_llama_index import FolderIndex
from hubbub_mcp import StdioServerParams, create_mcp_server_session, mcp_server_tools
from hubbub_openai import OpenAIAgent
from hubbub_registry import adapt

AnyTool: TypeAlias = BaseTool[Any, Any]

REPORT = "Report what they return, one `name: value` a line, and nothing else."

FRAMEWORKS = {"scout": "LangGraph", "reader": "Semantic Kernel", "timer": "LlamaIndex", "editor": "OpenAI"}
"""Who is made with what."""

INSTRUCTIONS = {
    "scout": f"Find the page of the documents that answers the question: call `search_docs`. {REPORT}",
    "reader": f"Measure the page that was found: call `measure_page`. {REPORT}",
    "timer": f"For the number of words that was counted, call `reading_time` and `share_of_docs`. {REPORT}",
    "editor": (
        "Check what the others report: call `search_docs`, `measure_page`, `reading_time` and `share_of_docs` "
        f"yourself. {REPORT} If your values are those of the others, end with CONFIRMED; if not, end with DISPUTED and "
        "the difference."
    ),
}


# The tools. No two are made with the same framework, and every agent is given all of them.


@asynccontextmanager
async def toolbox(docs: Path) -> AsyncIterator[dict[str, AnyTool]]:
    """Give the tools of the team by what they are made with. An MCP server runs until the block ends."""
    index = FolderIndex(docs, patterns=["**/*.md"])
    await index.start()
    server = StdioServerParams(
        command=sys.executable, args=[str(Path(__file__).with_name("page_server.py")), str(docs)]
    )
    async with create_mcp_server_session(server) as session:
        await session.initialize()
        (measure_page,) = await mcp_server_tools(server, session)
        yield {
            "LlamaIndex": adapt(search_tool(index)),
            "MCP": measure_page,
            "Semantic Kernel": adapt(KernelFunctionFromMethod(reading_time)),
            "Hubbub": share_tool(docs),
        }


def search_tool(index: FolderIndex) -> LlamaIndexFunctionTool:
    """A tool of LlamaIndex, on one of its retrievers."""
    retriever = index.as_retriever(top_k=1)

    async def search_docs(question: str) -> str:
        """Find the page of the documents, and the section there, that speaks of the question."""
        for found in await retriever.aretrieve(question):
            return f"page: {found.metadata['path']}\nsection: {found.metadata['heading']}"
        return "Nothing in the documents speaks of this."

    return LlamaIndexFunctionTool.from_defaults(async_fn=search_docs)


@kernel_function(description="Minutes that it takes to read a number of words, at 200 a minute")
def reading_time(words: int) -> str:
    """A function of Semantic Kernel."""
    return f"minutes: {words / 200:.1f}"


def share_tool(docs: Path) -> FunctionTool:
    """A tool of the hub."""

    def share_of_docs(words: int) -> str:
        total = sum(len(path.read_text("utf-8", "replace").split()) for path in docs.rglob("*.md"))
        return f"percent: {100 * words / total:.1f}"

    return FunctionTool(share_of_docs, "Percentage of all words of the documents that a number of words is")


# The agents. `adapt` gives each its model and its tools in the form of its framework.


def langgraph_agent(name: str, model: ChatCompletionClient, tools: Sequence[AnyTool]) -> ChatAgent:
    """A graph that asks its model and calls tools until there is an answer."""
    own_tools = [adapt(tool, to=LangChainTool) for tool in tools]
    llm = adapt(model, to=BaseChatModel).bind_tools(own_tools)

    async def think(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await llm.ainvoke([SystemMessage(INSTRUCTIONS[name]), *state["messages"]])]}

    graph = StateGraph(MessagesState)
    graph.add_node("think", think)
    graph.add_node("call", ToolNode(own_tools, handle_tool_errors=True))
    graph.add_edge(START, "think")
    graph.add_conditional_edges("think", lambda state: "call" if state["messages"][-1].tool_calls else END)
    graph.add_edge("call", "think")
    return member(graph.compile(), name)


def semantic_kernel_agent(name: str, model: ChatCompletionClient, tools: Sequence[AnyTool]) -> ChatAgent:
    """A chat completion agent with a kernel plugin of the tools."""
    plugin = KernelPlugin(name="tools", functions=[adapt(tool, to=KernelFunction) for tool in tools])
    service = adapt(model, to=ChatCompletionClientBase)
    agent = ChatCompletionAgent(name=name, instructions=INSTRUCTIONS[name], service=service, plugins=[plugin])
    return member(agent, name)


def llama_index_agent(name: str, model: ChatCompletionClient, tools: Sequence[AnyTool]) -> ChatAgent:
    """A function agent."""
    own_tools = [adapt(tool, to=LlamaIndexTool) for tool in tools]
    agent = FunctionAgent(name=name, system_prompt=INSTRUCTIONS[name], llm=adapt(model, to=LLM), tools=own_tools)
    return member(agent, name)


def openai_agent(name: str, client: AsyncOpenAI, model: str, tools: Sequence[AnyTool]) -> ChatAgent:
    """An agent whose conversation the service keeps. It is a chat agent already, and takes the hub's tools."""
    return OpenAIAgent(name, f"The {name}", client, model, INSTRUCTIONS[name], tools=tools)


def member(agent: object, name: str) -> ChatAgent:
    """Make an agent of any framework a member of the team."""
    chat_agent: ChatAgent = adapt(adapt(agent, name=name), to="chat agent")
    return chat_agent


def make_team(
    model: ChatCompletionClient, client: AsyncOpenAI, model_id: str, tools: Sequence[AnyTool]
) -> RoundRobinGroupChat:
    """Make the team: one speaks after the other, until the editor confirms or two rounds are over.

    Args:
        model: The model of three of them, a client of the hub.
        client: Where OpenAI's agent has its model.
        model_id: What that model is called there.
        tools: The tools of all.
    """
    members = [
        langgraph_agent("scout", model, tools),
        semantic_kernel_agent("reader", model, tools),
        llama_index_agent("timer", model, tools),
        openai_agent("editor", client, model_id, tools),
    ]
    confirmed = TextMentionTermination("CONFIRMED", sources=["editor"])
    return RoundRobinGroupChat(members, termination_condition=confirmed | MaxMessageTermination(9))
