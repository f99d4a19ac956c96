"""The documents' LlamaIndex-backed agent (spec: 000 L7507-7869, 001 L31-420), on a model of the hub."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from llama_index.core import Settings
from llama_index.core.agent.workflow import FunctionAgent, ReActAgent
from llama_index.core.memory import ChatSummaryMemoryBuffer
from llama_index.core.tools import FunctionTool

from hubbub_core import AgentId, SingleThreadedAgentRuntime
from hubbub_core.models.replay import ReplayChatCompletionClient
from hubbub_llama_index import LlamaIndexAgent, Message, Resource
from hubbub_registry import adapt

Replay = Callable[..., ReplayChatCompletionClient]

# LlamaIndex looks through the attributes of its agents with `inspect`, deprecated ones of pydantic included.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:inspect"),
    pytest.mark.filterwarnings("ignore:is_running called from within a step:DeprecationWarning"),
]

LLM = "llama_index.core.llms.llm.LLM"
AGENT = AgentId("chat_agent", "default")
WORKS = "Spirited Away (2001); My Neighbor Totoro (1988)"


def search_data(query: str) -> str:
    """Search an encyclopedia; stands in for the documents' search of Wikipedia."""
    return f"{query}: {WORKS}"


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave LlamaIndex's process-wide settings as they were."""
    monkeypatch.setattr(Settings, "_llm", None)


async def test_a_react_agent_answers_with_its_sources(
    runtime: SingleThreadedAgentRuntime, replay: Replay, settings: None
) -> None:
    client = replay(
        "Thought: I need to use a tool to help me answer the question.\n"
        'Action: search_data\nAction Input: {"query": "best movies from Studio Ghibli"}',
        "Thought: I can answer without using any more tools.\nAnswer: Spirited Away and My Neighbor Totoro.",
    )
    llm = adapt(client, to=LLM)
    Settings.llm = llm
    tool = FunctionTool.from_defaults(search_data)
    await LlamaIndexAgent.register(
        runtime,
        "chat_agent",
        lambda: LlamaIndexAgent(
            description="Llama Index Agent",
            llama_index_agent=ReActAgent(tools=[tool], llm=llm, verbose=False),
            memory=ChatSummaryMemoryBuffer.from_defaults(llm=llm, token_limit=16000),
        ),
    )
    runtime.start()

    response = await runtime.send_message(Message(content="What are the best movies from studio Ghibli?"), AGENT)
    await runtime.stop()

    assert response == Message(
        content="Spirited Away and My Neighbor Totoro.",
        sources=[Resource(content=f"best movies from Studio Ghibli: {WORKS}", node_id="search_data")],
    )
    # The second request shows the model what the tool said.
    assert WORKS in str(client.create_calls[1]["messages"][-1].content)


async def test_the_memory_takes_the_conversation_on(
    runtime: SingleThreadedAgentRuntime, replay: Replay, settings: None
) -> None:
    client = replay("Spirited Away.", "It is from 2001.")
    llm = adapt(client, to=LLM)
    await LlamaIndexAgent.register(
        runtime,
        "chat_agent",
        lambda: LlamaIndexAgent(
            description="Llama Index Agent",
            llama_index_agent=FunctionAgent(tools=[], llm=llm, streaming=False),
            memory=ChatSummaryMemoryBuffer.from_defaults(llm=llm, token_limit=16000),
        ),
    )
    runtime.start()

    await runtime.send_message(Message(content="The best movie?"), AGENT)
    response = await runtime.send_message(Message(content="Of which year?"), AGENT)
    await runtime.stop()

    assert response == Message(content="It is from 2001.", sources=[])
    assert [message.content for message in client.create_calls[1]["messages"]] == [
        "The best movie?",
        "Spirited Away.",
        "Of which year?",
    ]
