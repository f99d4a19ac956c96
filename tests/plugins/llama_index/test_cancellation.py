"""Cancelling a task ends the request of the model, whatever of LlamaIndex runs in between."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent, ReActAgent
from llama_index.core.chat_engine import CondensePlusContextChatEngine, ContextChatEngine, SimpleChatEngine
from llama_index.core.llms import LLM
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.schema import TextNode
from llama_index.core.tools import QueryEngineTool
from llama_index.core.workflow import StartEvent, StopEvent, Workflow, step
from llama_index.retrievers.bm25 import BM25Retriever
from openai_server import Calls, OpenAIServer, Stall

from hubbub_core import AgentId, CancellationToken, SingleThreadedAgentRuntime
from hubbub_core.exchange import AgentTask
from hubbub_llama_index import HubLLM, LlamaIndexAgent, Message
from hubbub_openai import OpenAIChatCompletionClient
from hubbub_registry import adapt

# LlamaIndex looks through the attributes of its agents with `inspect`, deprecated ones of pydantic included.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:inspect"),
    pytest.mark.filterwarnings("ignore:is_running called from within a step:DeprecationWarning"),
]


def retriever() -> Any:
    return BM25Retriever.from_defaults(nodes=[TextNode(text="Storks nest on chimneys.")], similarity_top_k=1)


def memory() -> ChatMemoryBuffer:
    """The engines' own default keeps a connection to SQLite that nobody closes."""
    return ChatMemoryBuffer.from_defaults(token_limit=5000)


def query_engine(llm: LLM, streaming: bool = False) -> RetrieverQueryEngine:
    return RetrieverQueryEngine.from_args(retriever(), llm=llm, streaming=streaming)


def function_agent(llm: LLM) -> FunctionAgent:
    return FunctionAgent(name="finder", description="Finds", tools=[], llm=llm)


class Completing(Workflow):
    model: Any = None

    @step
    async def complete(self, ev: StartEvent) -> StopEvent:
        return StopEvent(result=await self.model.acomplete("Hello"))


def workflow(llm: LLM) -> Workflow:
    made = Completing()
    made.model = llm
    return made


MAKERS: dict[str, Callable[[LLM], Any]] = {
    "function agent": function_agent,
    "react agent": lambda llm: ReActAgent(tools=[], llm=llm),
    "agents": lambda llm: AgentWorkflow(agents=[function_agent(llm)], root_agent="finder"),
    "workflow": workflow,
    "query engine": query_engine,
    "streaming query engine": lambda llm: query_engine(llm, streaming=True),
    "chat engine": lambda llm: SimpleChatEngine.from_defaults(llm=llm, memory=memory()),
    "context chat engine": lambda llm: ContextChatEngine.from_defaults(retriever=retriever(), llm=llm, memory=memory()),
    "condensing chat engine": lambda llm: CondensePlusContextChatEngine.from_defaults(
        retriever=retriever(), llm=llm, memory=memory()
    ),
}
STREAMING = [name for name in MAKERS if name not in ("workflow", "query engine")]


async def check(name: str, stall: Stall, before: list[Any] | None = None) -> None:
    """Cancel a run while the model says nothing more, and wait until its request is gone."""
    async with OpenAIServer() as server, asyncio.timeout(20):
        server.reply(*before or [], stall)
        client = OpenAIChatCompletionClient(model="gpt-4o", api_key="test", base_url=server.url)
        agent, token = adapt(MAKERS[name](HubLLM(model_client=client))), CancellationToken()
        begun = asyncio.Event()

        async def read() -> None:
            async for _ in agent.run_stream("Where do storks nest?", cancellation_token=token):
                begun.set()

        run = asyncio.create_task(read())
        request = await server.received()
        if stall.text:
            await begun.wait()

        token.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run

        await request.closed.wait()
        await client.close()


@pytest.mark.parametrize("name", MAKERS)
async def test_before_the_model_says_anything(name: str) -> None:
    await check(name, Stall())


@pytest.mark.parametrize("name", STREAMING)
async def test_while_the_model_streams(name: str) -> None:
    # A ReActAgent's text is reasoning or answer only after its first word.
    await check(name, Stall("Thought: I wonder. "))


async def test_a_request_that_a_tool_of_an_agent_makes() -> None:
    async with OpenAIServer() as server, asyncio.timeout(20):
        server.reply(Calls(("docs", {"input": "storks"})), Stall())
        client = OpenAIChatCompletionClient(model="gpt-4o", api_key="test", base_url=server.url)
        llm, token = HubLLM(model_client=client), CancellationToken()
        tool = QueryEngineTool.from_defaults(query_engine(llm), name="docs", description="Looks into the documents")
        agent = adapt(FunctionAgent(name="finder", tools=[tool], llm=llm))
        run = asyncio.create_task(agent.run("Where do storks nest?", cancellation_token=token))
        request = await server.received(2)

        token.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run

        await request.closed.wait()
        await client.close()


@pytest.mark.parametrize("name", ["function agent", "query engine", "chat engine"])
async def test_a_message_to_the_documents_agent(name: str) -> None:
    async with OpenAIServer() as server, asyncio.timeout(20):
        server.reply(Stall())
        client = OpenAIChatCompletionClient(model="gpt-4o", api_key="test", base_url=server.url)
        made, token, runtime = (
            MAKERS[name](HubLLM(model_client=client)),
            CancellationToken(),
            SingleThreadedAgentRuntime(),
        )
        await LlamaIndexAgent.register(runtime, "chat_agent", lambda: LlamaIndexAgent("Answers", made))
        runtime.start()
        sent = asyncio.create_task(
            runtime.send_message(Message(content="Where?"), AgentId("chat_agent", "default"), cancellation_token=token)
        )
        request = await server.received()

        token.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sent

        await request.closed.wait()
        await runtime.stop_when_idle()
        await client.close()


async def test_a_message_to_an_agent_of_the_runtime() -> None:
    async with OpenAIServer() as server, asyncio.timeout(20):
        server.reply(Stall())
        client = OpenAIChatCompletionClient(model="gpt-4o", api_key="test", base_url=server.url)
        token, runtime = CancellationToken(), SingleThreadedAgentRuntime()
        await adapt(function_agent(HubLLM(model_client=client))).register(runtime, "finder")
        runtime.start()
        sent = asyncio.create_task(
            runtime.send_message(AgentTask.from_text("Where?"), AgentId("finder", "default"), cancellation_token=token)
        )
        request = await server.received()

        token.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sent

        await request.closed.wait()
        await runtime.stop_when_idle()
        await client.close()
