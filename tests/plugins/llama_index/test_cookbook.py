"""The documents' LlamaIndex-backed agent, over everything that LlamaIndex calls an agent today."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent, ReActAgent
from llama_index.core.chat_engine import ContextChatEngine, SimpleChatEngine
from llama_index.core.llms import ChatMessage
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.schema import TextNode
from llama_index.core.tools import FunctionTool, QueryEngineTool
from llama_index.retrievers.bm25 import BM25Retriever

from hubbub_core import AgentId, CancellationToken, FunctionCall, SingleThreadedAgentRuntime
from hubbub_core.models import CreateResult, ModelInfo, RequestUsage
from hubbub_core.models.replay import ReplayChatCompletionClient
from hubbub_llama_index import HubLLM, LlamaIndexAgent, Message, Resource

# LlamaIndex looks through the attributes of its agents with `inspect`, deprecated ones of pydantic included.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:inspect"),
    pytest.mark.filterwarnings("ignore:is_running called from within a step:DeprecationWarning"),
]

BIRDS = {"gulls": "Gulls nest on cliffs.", "puffins": "Puffins dig burrows."}
INFO = ModelInfo(vision=False, function_calling=True, json_output=False, family="unknown", structured_output=False)
ID = AgentId("chat_agent", "default")


def calls(name: str, arguments: str) -> CreateResult:
    asked = [FunctionCall(id="1", name=name, arguments=arguments)]
    return CreateResult(finish_reason="function_calls", content=asked, usage=RequestUsage(1, 1), cached=False)


def replay(*answers: str | CreateResult) -> ReplayChatCompletionClient:
    return ReplayChatCompletionClient(list(answers), model_info=INFO)


def retriever() -> Any:
    nodes = [TextNode(id_=name, text=text) for name, text in BIRDS.items()]
    return BM25Retriever.from_defaults(nodes=nodes, similarity_top_k=1)


def search(query: str) -> str:
    """Search for birds."""
    return f"found {query}"


SEARCH = FunctionTool.from_defaults(search)


async def started(agent: Any, memory: Any = None) -> SingleThreadedAgentRuntime:
    runtime = SingleThreadedAgentRuntime()
    await LlamaIndexAgent.register(runtime, ID.type, lambda: LlamaIndexAgent("Llama Index Agent", agent, memory))
    runtime.start()
    return runtime


async def answers(agent: Any, *questions: str, memory: Any = None) -> list[Message]:
    runtime = await started(agent, memory)
    replies = [await runtime.send_message(Message(content=question), ID) for question in questions]
    await runtime.stop_when_idle()
    return replies


def asked(client: ReplayChatCompletionClient) -> list[str]:
    """Return the texts of the newest request."""
    return [str(message.content) for message in client.create_calls[-1]["messages"]]


@pytest.mark.parametrize("workflow", [False, True])
async def test_a_function_agent_answers_with_what_its_tools_said(workflow: bool) -> None:
    llm = HubLLM(model_client=replay(calls("search", '{"query": "gulls"}'), "On cliffs."))
    agent: Any = FunctionAgent(tools=[SEARCH], llm=llm, streaming=False)

    (reply,) = await answers(AgentWorkflow(agents=[agent]) if workflow else agent, "Where do gulls nest?")

    assert reply == Message(content="On cliffs.", sources=[Resource(content="found gulls", node_id="search")])


async def test_a_react_agent_answers_with_what_its_tools_said() -> None:
    thought = 'Thought: I need a tool.\nAction: search\nAction Input: {"query": "gulls"}'
    llm = HubLLM(model_client=replay(thought, "Thought: I can answer.\nAnswer: On cliffs."))

    (reply,) = await answers(ReActAgent(tools=[SEARCH], llm=llm), "Where do gulls nest?")

    assert reply == Message(content="On cliffs.", sources=[Resource(content="found gulls", node_id="search")])


async def test_passages_come_before_what_the_tools_said() -> None:
    client = replay(calls("library", '{"input": "puffins"}'), "Burrows.", "They dig.")
    engine = RetrieverQueryEngine.from_args(retriever(), llm=HubLLM(model_client=client))
    library = QueryEngineTool.from_defaults(engine, name="library", description="Knows birds")
    agent = FunctionAgent(tools=[library], llm=HubLLM(model_client=client), streaming=False)

    (reply,) = await answers(agent, "Where do puffins live?")

    assert reply.content == "They dig."
    assert [(source.node_id, source.content) for source in reply.sources or []] == [
        ("puffins", "Puffins dig burrows."),
        ("library", "Burrows."),
    ]
    assert reply.sources is not None
    assert (reply.sources[0].score or 0) > 0


async def test_a_query_engine_answers_with_its_passages() -> None:
    engine = RetrieverQueryEngine.from_args(retriever(), llm=HubLLM(model_client=replay("In burrows.")))

    (reply,) = await answers(engine, "Where do puffins live?")

    assert reply.content == "In burrows."
    assert [source.node_id for source in reply.sources or []] == ["puffins"]


async def test_a_chat_engine_answers_as_the_documents_map_it() -> None:
    memory = ChatMemoryBuffer.from_defaults(token_limit=5000)
    engine = ContextChatEngine.from_defaults(retriever(), llm=HubLLM(model_client=replay("Dig.")), memory=memory)

    (reply,) = await answers(engine, "Where do puffins live?")

    assert reply.content == "Dig."
    # The engine lists its own retrieval as a tool, and the documents list every tool.
    assert [source.node_id for source in reply.sources or []] == ["puffins", "retriever"]


async def test_an_answer_without_text_is_an_apology_without_sources() -> None:
    agent = FunctionAgent(tools=[SEARCH], llm=HubLLM(model_client=replay("")), streaming=False)

    (reply,) = await answers(agent, "Where?")

    assert reply == Message(content="I'm sorry, I don't have an answer for you.", sources=None)


@pytest.mark.parametrize("kind", ["workflow", "chat"])
async def test_the_memory_is_asked_before_and_told_after(kind: str) -> None:
    client = replay("Hello Ann.", "Ann.")
    memory = ChatMemoryBuffer.from_defaults(chat_history=[ChatMessage(role="user", content="I am Ann.")])
    llm = HubLLM(model_client=client)
    engine_memory = ChatMemoryBuffer.from_defaults(token_limit=5000)
    agent: Any = (
        FunctionAgent(tools=[], llm=llm, streaming=False)
        if kind == "workflow"
        else SimpleChatEngine.from_defaults(llm=llm, memory=engine_memory)
    )

    await answers(agent, "Hello.", "Who am I?", memory=memory)

    assert asked(client) == ["I am Ann.", "Hello.", "Hello Ann.", "Who am I?"]
    assert [(message.role.value, message.content) for message in memory.get_all()] == [
        ("user", "I am Ann."),
        ("user", "Hello."),
        ("assistant", "Hello Ann."),
        ("user", "Who am I?"),
        ("assistant", "Ann."),
    ]


@pytest.mark.parametrize("memory", [False, True])
@pytest.mark.parametrize("kind", ["workflow", "chat"])
async def test_the_conversation_is_saved_as_json_and_restored(kind: str, memory: bool) -> None:
    def agent(client: ReplayChatCompletionClient) -> Any:
        llm = HubLLM(model_client=client)
        if kind == "workflow":
            return FunctionAgent(tools=[], llm=llm, streaming=False)
        return SimpleChatEngine.from_defaults(llm=llm, memory=ChatMemoryBuffer.from_defaults(token_limit=5000))

    def kept() -> Any:
        return ChatMemoryBuffer.from_defaults(token_limit=5000) if memory else None

    runtime = await started(agent(replay("Hello Ann.")), kept())
    await runtime.send_message(Message(content="I am Ann."), ID)
    state = json.loads(json.dumps(await runtime.save_state()))
    await runtime.stop_when_idle()
    client = replay("Ann.")
    again = await started(agent(client), kept())

    await again.load_state(state)
    await again.send_message(Message(content="Who am I?"), ID)
    await again.stop_when_idle()

    assert asked(client) == ["I am Ann.", "Hello Ann.", "Who am I?"]


async def test_cancelling_the_message_ends_the_models_request() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    class Waiting(ReplayChatCompletionClient):
        async def create(self, *args: Any, **kwargs: Any) -> CreateResult:
            begun.set()
            try:
                return await asyncio.Future()
            finally:
                ended.set()

    llm = HubLLM(model_client=Waiting([], model_info=INFO))
    engine = SimpleChatEngine.from_defaults(llm=llm, memory=ChatMemoryBuffer.from_defaults(token_limit=5000))
    runtime, token = await started(engine), CancellationToken()
    sent = asyncio.create_task(runtime.send_message(Message(content="x"), ID, cancellation_token=token))
    await begun.wait()

    token.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sent
    await runtime.stop_when_idle()

    assert ended.is_set()


def test_what_does_not_fit_is_refused_at_once() -> None:
    engine = RetrieverQueryEngine.from_args(retriever(), llm=HubLLM(model_client=replay("x")))

    async def make(agent: Any, memory: Any) -> None:
        runtime = await started(agent, memory)
        await runtime.send_message(Message(content="x"), ID)

    with pytest.raises(ValueError, match="a RetrieverQueryEngine takes no conversation; leave the memory out"):
        asyncio.run(make(engine, ChatMemoryBuffer.from_defaults()))
    with pytest.raises(TypeError, match=r"expected a workflow agent, .* not a str"):
        asyncio.run(make("agent", None))


async def test_an_error_of_a_chat_engine_names_the_agent() -> None:
    memory = ChatMemoryBuffer.from_defaults(token_limit=5000)
    runtime = await started(SimpleChatEngine.from_defaults(llm=HubLLM(model_client=replay()), memory=memory))

    with pytest.raises(ValueError, match=r".+") as caught:
        await runtime.send_message(Message(content="Hello?"), ID)

    await runtime.stop_when_idle()
    assert caught.value.__notes__ == ["in agent 'chat_agent' (LlamaIndex chat engine SimpleChatEngine)"]
