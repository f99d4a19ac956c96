"""The workloads of adapters.py: what a framework does alone, and the same in the hub. Run as a process of its own.

    python benchmarks/_adapters_workloads.py GROUP SCALE

Prints, as JSON, the median microseconds of a call alone and in the hub: `{"LangGraph, one node": [813.1, 1022.7]}`.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import statistics
import sys
import time
import warnings
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from hubbub_core import AgentId, SingleThreadedAgentRuntime
from hubbub_core.exchange import AgentTask
from hubbub_core.models import AssistantMessage, LLMMessage, UserMessage
from hubbub_registry import adapt

TESTS = Path(__file__).parents[1] / "tests"
LENGTHS = (10, 100, 1000)

Call = Callable[[], Awaitable[object]]


@dataclass(frozen=True)
class Case:
    """One comparison. Both sides are given the number of the call and return what is timed; that is not."""

    name: str
    alone: Callable[[int], Awaitable[Call]]
    hub: Callable[[int], Awaitable[Call]]
    calls: int = 60


def always(call: Call) -> Callable[[int], Awaitable[Call]]:
    """Return a side that needs no preparation."""

    async def prepared(number: int) -> Call:
        return call

    return prepared


async def measure(case: Case, scale: float) -> tuple[float, float]:
    """Return the medians, in microseconds, of calls that follow one another in turn."""
    times: tuple[list[float], list[float]] = ([], [])
    warm_up = 5
    for number in range(warm_up + max(5, int(case.calls * scale))):
        for side, prepare in enumerate((case.alone, case.hub)):
            call = await prepare(number)
            gc.collect(0)
            start = time.perf_counter_ns()
            await call()
            taken = time.perf_counter_ns() - start
            if number >= warm_up:
                times[side].append(taken / 1000)
    return statistics.median(times[0]), statistics.median(times[1])


def conversation(length: int) -> list[LLMMessage]:
    """Return messages of the hub, questions and answers in turn, the last one a question."""
    text = "What do the puffins of the northern islands eat in winter, and where do they find it? " * 2
    return [
        AssistantMessage(content=text, source="assistant")
        if (length - number) % 2 == 0
        else UserMessage(content=text, source="user")
        for number in range(length)
    ]


async def registered(agent: Any) -> Callable[[str], Callable[[], Awaitable[object]]]:
    """Register an adapted agent and return what asks it, by session."""
    runtime = SingleThreadedAgentRuntime()
    await agent.register(runtime, "agent")
    runtime.start()
    agent.runtime = runtime  # for cases that have to load a state
    task = AgentTask.from_text("Where do puffins live?")

    def ask(session: str) -> Callable[[], Awaitable[object]]:
        return lambda: runtime.send_message(task, AgentId("agent", session))

    return ask


@contextlib.asynccontextmanager
async def langgraph() -> AsyncIterator[list[Case]]:
    """A graph of one node that answers at once: alone, and on threads with conversations of growing length."""
    from langchain_core.messages import AIMessage, HumanMessage
    from langgraph.checkpoint.memory import InMemorySaver
    from langgraph.graph import END, MessagesState, StateGraph

    from hubbub_langchain.messages import to_langchain

    async def answer(state: MessagesState) -> dict[str, Any]:
        return {"messages": [AIMessage("In burrows.")]}

    graph = StateGraph(MessagesState)
    graph.add_node("answer", answer)
    graph.set_entry_point("answer")
    graph.add_edge("answer", END)
    plain, kept = graph.compile(), graph.compile(checkpointer=InMemorySaver())

    def question() -> Any:
        return {"messages": [HumanMessage("Where do puffins live?")]}

    ask = await registered(adapt(plain))
    ask_kept = await registered(adapt(kept))
    cases = [Case("LangGraph graph", always(lambda: plain.ainvoke(question())), always(ask("default")), 200)]

    async def thread(length: int) -> Case:
        # One thread for each side, which grows by a question and an answer with each call.
        name = f"LangGraph thread of {length:,} messages"
        configs: list[Any] = [{"configurable": {"thread_id": f"{side}: {name}"}} for side in ("alone", "hub")]
        for config in configs:
            await kept.aupdate_state(config, {"messages": to_langchain(conversation(length))}, as_node="answer")
        hub = ask_kept(configs[1]["configurable"]["thread_id"])
        return Case(name, always(lambda: kept.ainvoke(question(), configs[0])), always(hub), 30)

    yield [*cases, *[await thread(length) for length in LENGTHS]]


@contextlib.asynccontextmanager
async def llama_index() -> AsyncIterator[list[Case]]:
    """A retriever, a workflow, and an agent on conversations of growing length; the model answers at once."""
    from llama_index.core.agent.workflow import FunctionAgent
    from llama_index.core.llms import ChatMessage
    from llama_index.core.llms.mock import MockFunctionCallingLLM
    from llama_index.core.memory import ChatMemoryBuffer
    from llama_index.core.schema import TextNode
    from llama_index.core.workflow import StartEvent, StopEvent, Workflow, step
    from llama_index.retrievers.bm25 import BM25Retriever

    nodes = [TextNode(text=f"Birds of island {number} live in burrows.") for number in range(200)]
    retriever = BM25Retriever.from_defaults(nodes=nodes, similarity_top_k=3)
    ask_retriever = await registered(adapt(retriever))

    class Echo(Workflow):
        @step
        async def answer(self, event: StartEvent) -> StopEvent:
            return StopEvent(result=event.input)

    workflow = Echo()
    ask_workflow = await registered(adapt(workflow))

    def answer(messages: Any, **kwargs: Any) -> ChatMessage:
        return ChatMessage(role="assistant", content="In burrows.")

    llm = MockFunctionCallingLLM(response_generator=answer, is_chat_model=True)
    agent = FunctionAgent(name="agent", tools=[], llm=llm, streaming=False)
    adapted = adapt(agent)
    ask_agent = await registered(adapted)

    async def run_workflow() -> object:
        return await workflow.run(input="Where do puffins live?")

    async def talk(length: int) -> Case:
        # One conversation for each side, which grows by a question and an answer with each call.
        messages = [
            ChatMessage(role="user" if isinstance(message, UserMessage) else "assistant", content=message.content)
            for message in conversation(length)
        ]
        memory = ChatMemoryBuffer.from_defaults(llm=llm, chat_history=list(messages))
        state = {"context": None, "messages": [message.model_dump(mode="json") for message in messages]}
        await adapted.runtime.agent_load_state(AgentId("agent", str(length)), state)

        async def alone() -> object:
            return await agent.run(user_msg="Where do puffins live?", memory=memory)

        return Case(f"LlamaIndex FunctionAgent, {length:,} messages", always(alone), always(ask_agent(str(length))), 30)

    yield [
        Case(
            "LlamaIndex retriever",
            always(lambda: retriever.aretrieve("burrows of island 7")),
            always(ask_retriever("default")),
            200,
        ),
        Case("LlamaIndex workflow", always(run_workflow), always(ask_workflow("default")), 100),
        # LlamaIndex takes seconds for a thousand.
        *[await talk(length) for length in (2, 10, 100, 200)],
    ]


@contextlib.asynccontextmanager
async def langchain() -> AsyncIterator[list[Case]]:
    """A Runnable, and a chat model that answers at once."""
    from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
    from langchain_core.messages import AIMessage, HumanMessage
    from langchain_core.runnables import RunnableLambda

    async def answer(text: str) -> str:
        return f"{text}!"

    def endless() -> Iterator[AIMessage]:
        while True:
            yield AIMessage("In burrows.")

    runnable = RunnableLambda(answer) | RunnableLambda(answer)
    ask = await registered(adapt(runnable))
    model = GenericFakeChatModel(messages=endless())
    client = adapt(model, to="model")
    message = UserMessage(content="Where do puffins live?", source="user")
    yield [
        Case("LangChain chain", always(lambda: runnable.ainvoke("puffins")), always(ask("default")), 200),
        Case(
            "LangChain chat model",
            always(lambda: model.ainvoke([HumanMessage("Where do puffins live?")])),
            always(lambda: client.create([message])),
            200,
        ),
    ]


@contextlib.asynccontextmanager
async def semantic_kernel() -> AsyncIterator[list[Case]]:
    """An agent on conversations of growing length and in a team, tools and models in both directions."""
    from openai import AsyncOpenAI
    from semantic_kernel.agents import ChatCompletionAgent, ChatHistoryAgentThread
    from semantic_kernel.connectors.ai.chat_completion_client_base import ChatCompletionClientBase
    from semantic_kernel.connectors.ai.open_ai import OpenAIChatCompletion
    from semantic_kernel.contents import ChatHistory, ChatMessageContent, StreamingChatMessageContent
    from semantic_kernel.contents.utils.author_role import AuthorRole
    from semantic_kernel.functions import KernelArguments, KernelPlugin, kernel_function
    from semantic_kernel.kernel import Kernel

    from hubbub_agentchat.base import ChatAgent
    from hubbub_agentchat.messages import TextMessage
    from hubbub_core import CancellationToken
    from hubbub_core.tools import FunctionTool
    from hubbub_openai import OpenAIChatCompletionClient
    from hubbub_semantic_kernel import HubChatCompletion, to_chat_messages

    class Instant(ChatCompletionClientBase):
        """A service that answers at once."""

        async def _inner_get_chat_message_contents(self, *args: Any) -> list[ChatMessageContent]:
            return [ChatMessageContent(role=AuthorRole.ASSISTANT, content="In burrows.")]

        async def _inner_get_streaming_chat_message_contents(
            self, *args: Any
        ) -> AsyncGenerator[list[StreamingChatMessageContent], Any]:
            yield [StreamingChatMessageContent(role=AuthorRole.ASSISTANT, choice_index=0, content="In burrows.")]

    agent = ChatCompletionAgent(name="agent", service=Instant(ai_model_id="instant"))
    adapted = adapt(agent)
    ask = await registered(adapted)
    question = "Where do puffins live?"

    async def talk(length: int) -> Case:
        # One conversation for each side, which grows by a question and an answer with each call.
        thread = ChatHistoryAgentThread()
        for message in to_chat_messages(conversation(length)):
            await thread.on_new_message(message)
        messages = [message.model_dump(mode="json") for message in to_chat_messages(conversation(length))]
        await adapted.runtime.agent_load_state(
            AgentId("agent", str(length)), {"thread_id": thread.id, "messages": messages}
        )

        async def alone() -> object:
            return [item async for item in agent.invoke_stream(question, thread=thread)]

        return Case(f"Semantic Kernel agent, {length:,} messages", always(alone), always(ask(str(length))), 60)

    member: ChatAgent = adapt(adapt(agent), to="chat agent")
    alone_thread = ChatHistoryAgentThread()

    async def ask_alone() -> object:
        return [item async for item in agent.invoke_stream(question, thread=alone_thread)]

    async def ask_member() -> object:
        message = TextMessage(content=question, source="user")
        return [item async for item in member.on_messages_stream([message], CancellationToken())]

    class Sums:
        @kernel_function(description="Add two numbers")
        async def add(self, a: int, b: int) -> int:
            return a + b

    async def add(a: int, b: int) -> int:
        return a + b

    function = KernelPlugin.from_object("sums", Sums())["add"]
    tool = adapt(function)
    hub_tool = FunctionTool(add, "Add two numbers")
    hub_function = adapt(hub_tool, to="semantic_kernel.functions.kernel_function.KernelFunction")
    sum_of: dict[str, Any] = {"a": 2, "b": 3}

    sys.path.insert(0, str(TESTS / "support"))
    running_process = import_module("openai_server").running_process
    with running_process() as url:
        sdk = AsyncOpenAI(api_key="test", base_url=url)
        connector = OpenAIChatCompletion(ai_model_id="gpt-4o", async_client=sdk)
        client, hub_model = adapt(connector), OpenAIChatCompletionClient(model="gpt-4o", api_key="test", base_url=url)
        dressed, kernel = HubChatCompletion(hub_model), Kernel()

        def model(length: int) -> list[Case]:
            messages = conversation(length)
            foreign = to_chat_messages(messages)
            named, calls = f"{length:,} message{'s' if length > 1 else ''}", 15 if length > 100 else 60

            def call(of: ChatCompletionClientBase) -> Awaitable[object]:
                settings = of.get_prompt_execution_settings_class()()
                return of.get_chat_message_contents(ChatHistory(messages=list(foreign)), settings, kernel=kernel)

            return [
                Case(
                    f"Semantic Kernel service, {named}",
                    always(lambda: call(connector)),
                    always(lambda: client.create(messages)),
                    calls,
                ),
                Case(
                    f"hub model in Semantic Kernel, {named}",
                    always(lambda: hub_model.create(messages)),
                    always(lambda: call(dressed)),
                    calls,
                ),
            ]

        try:
            yield [
                *[await talk(length) for length in LENGTHS],
                Case("Semantic Kernel agent in a team", always(ask_alone), always(ask_member), 100),
                Case(
                    "Semantic Kernel function",
                    always(lambda: function.invoke(kernel, KernelArguments(**sum_of))),
                    always(lambda: tool.run_json(sum_of, CancellationToken())),
                    200,
                ),
                Case(
                    "hub tool in Semantic Kernel",
                    always(lambda: hub_tool.run_json(sum_of, CancellationToken())),
                    always(lambda: hub_function.invoke(kernel, KernelArguments(**sum_of))),
                    200,
                ),
                *[case for length in (1, *LENGTHS) for case in model(length)],
            ]
        finally:
            await sdk.close()
            await hub_model.close()


@contextlib.asynccontextmanager
async def mcp() -> AsyncIterator[list[Case]]:
    """A call of a tool, each side with a process of the same server."""
    from mcp import ClientSession
    from mcp import StdioServerParameters as Parameters
    from mcp.client.stdio import stdio_client

    from hubbub_mcp import McpWorkbench, StdioServerParams

    server = str(TESTS / "plugins" / "mcp" / "servers" / "complete.py")
    parameters = Parameters(command=sys.executable, args=[server])
    arguments = {"a": 2, "b": 3}
    async with (
        stdio_client(parameters) as (read, write),
        ClientSession(read, write) as session,
        McpWorkbench(StdioServerParams(command=sys.executable, args=[server])) as workbench,
    ):
        await session.initialize()
        yield [
            Case(
                "MCP tool call",
                always(lambda: session.call_tool("add", arguments)),
                always(lambda: workbench.call_tool("add", arguments)),
                200,
            )
        ]


@contextlib.asynccontextmanager
async def openai() -> AsyncIterator[list[Case]]:
    """A chat completion over HTTP, by the vendor's SDK and by the hub's client, for conversations of growing length."""
    from openai import AsyncOpenAI

    from hubbub_openai import OpenAIChatCompletionClient

    sys.path.insert(0, str(TESTS / "support"))
    running_process = import_module("openai_server").running_process
    with running_process() as url:
        sdk = AsyncOpenAI(api_key="test", base_url=url)
        client = OpenAIChatCompletionClient(model="gpt-4o", api_key="test", base_url=url)

        def chat(length: int) -> Case:
            messages = conversation(length)
            # The very messages that the hub's client sends, names included: the SDK's time depends on their fields.
            plain: Any = [
                {
                    "role": "user" if isinstance(message, UserMessage) else "assistant",
                    "content": message.content,
                    "name": message.source,
                }
                for message in messages
                if isinstance(message, UserMessage | AssistantMessage)
            ]
            name = f"OpenAI chat completion, {length:,} message{'s' if length > 1 else ''}"
            return Case(
                name,
                always(lambda: sdk.chat.completions.create(model="gpt-4o", messages=plain)),
                always(lambda: client.create(messages)),
                60,
            )

        try:
            yield [chat(length) for length in (1, *LENGTHS)]
        finally:
            await sdk.close()
            await client.close()


GROUPS: dict[str, Callable[[], AbstractAsyncContextManager[list[Case]]]] = {
    "langgraph": langgraph,
    "langchain": langchain,
    "llama_index": llama_index,
    "semantic_kernel": semantic_kernel,
    "mcp": mcp,
    "openai": openai,
}


async def main(group: str, scale: float) -> None:
    """Measure a group and print its figures."""
    async with GROUPS[group]() as cases:
        print(json.dumps({case.name: await measure(case, scale) for case in cases}))


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # the frameworks' own, of their agents
    asyncio.run(main(sys.argv[1], float(sys.argv[2])))
