"""Chat engines as agents."""

from __future__ import annotations

import asyncio
import json

import pytest
from llama_index.core.chat_engine import ContextChatEngine, SimpleChatEngine, types
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.schema import TextNode
from llama_index.retrievers.bm25 import BM25Retriever

from hubbub_core.exchange import AgentChunk
from hubbub_core.models import AssistantMessage, CreateResult, RequestUsage, UserMessage
from hubbub_core.models.replay import ReplayChatCompletionClient
from hubbub_llama_index import HubLLM, from_chat_engine
from hubbub_registry import adapt


def engine(client: ReplayChatCompletionClient) -> SimpleChatEngine:
    memory = ChatMemoryBuffer.from_defaults(token_limit=5000)
    return SimpleChatEngine.from_defaults(llm=HubLLM(model_client=client), memory=memory)


def asked(client: ReplayChatCompletionClient) -> list[str]:
    """Return the texts of the newest request."""
    return [str(message.content) for message in client.create_calls[-1]["messages"]]


async def test_the_answer_is_streamed_and_the_conversation_goes_on() -> None:
    client = ReplayChatCompletionClient(["Hello you.", "You are Ann."])
    agent = adapt(engine(client))

    items = [item async for item in agent.run_stream("I am Ann")]
    result = await agent.run("Who am I?")

    assert [item.content for item in items if isinstance(item, AgentChunk)] == ["Hello ", "you."]
    assert result.messages == [AssistantMessage(content="You are Ann.", source="chat_engine")]
    assert asked(client) == ["I am Ann", "Hello you.", "Who am I?"]


async def test_sessions_of_one_engine_know_nothing_of_each_other() -> None:
    client = ReplayChatCompletionClient(["a", "b", "c"])
    agent = from_chat_engine(engine(client))

    await asyncio.gather(agent.run("I am Ann", session="ann"), agent.run("I am Bob", session="bob"))
    await agent.run("Who am I?", session="ann")

    assert asked(client)[0] == "I am Ann"
    assert "I am Bob" not in asked(client)


async def test_two_agents_of_one_engine_know_nothing_of_each_other() -> None:
    client = ReplayChatCompletionClient(["a", "b", "c", "d"])
    shared = engine(client)
    ann, bob = from_chat_engine(shared), from_chat_engine(shared)

    await asyncio.gather(ann.run("I am Ann"), bob.run("I am Bob"))
    await asyncio.gather(ann.run("Who?"), bob.run("Who?"))

    conversations = [[message.content for message in call["messages"]] for call in client.create_calls]
    assert conversations == [["I am Ann"], ["I am Bob"], ["I am Ann", "a", "Who?"], ["I am Bob", "b", "Who?"]]


async def test_the_conversation_is_saved_as_json_and_restored() -> None:
    client = ReplayChatCompletionClient(["Hello.", "Ann."])
    agent = from_chat_engine(engine(client))
    await agent.run("I am Ann")

    state = json.loads(json.dumps(await agent.save_state()))
    again = from_chat_engine(engine(client))
    await again.load_state(state)
    await again.run("Who am I?")

    assert asked(client) == ["I am Ann", "Hello.", "Who am I?"]


async def test_earlier_messages_of_a_task_are_history() -> None:
    client = ReplayChatCompletionClient(["Ann."])

    await from_chat_engine(engine(client)).run(
        [
            UserMessage(content="I am Ann", source="user"),
            AssistantMessage(content="Hello.", source="greeter"),
            UserMessage(content="Who am I?", source="user"),
        ]
    )

    assert asked(client) == ["I am Ann", "Hello.", "Who am I?"]


async def test_passages_of_the_engine_are_sources() -> None:
    client = ReplayChatCompletionClient(["On chimneys."])
    nodes = [TextNode(text="Storks nest on chimneys.", metadata={"title": "Birds"})]
    chat = ContextChatEngine.from_defaults(
        retriever=BM25Retriever(nodes=nodes, similarity_top_k=1),
        llm=HubLLM(model_client=client),
        memory=ChatMemoryBuffer.from_defaults(token_limit=5000),
    )

    result = await from_chat_engine(chat).run("Where do storks nest?")

    assert result.text() == "On chimneys."
    assert [(source.title, source.content) for source in result.sources] == [("Birds", "Storks nest on chimneys.")]


async def test_a_failing_model_fails_the_run_and_leaves_the_conversation() -> None:
    client = ReplayChatCompletionClient(["Hello."])
    agent = from_chat_engine(engine(client))
    await agent.run("I am Ann")
    before = await agent.save_state()

    with pytest.raises(ValueError, match=r".+"):
        await agent.run("Who am I?")

    assert await agent.save_state() == before
    assert len(asyncio.all_tasks()) == 1


@pytest.mark.skipif(
    not hasattr(types, "_set_message_content"), reason="chat engines of this llama-index-core take no reasoning"
)
async def test_the_models_reasoning_and_tokens_are_in_the_result() -> None:
    reply = CreateResult(
        finish_reason="length", content="Five", thought="Two and three.", usage=RequestUsage(3, 2), cached=False
    )
    client = ReplayChatCompletionClient([reply])

    result = await from_chat_engine(engine(client)).run("2+3?")

    assert result.messages == [AssistantMessage(content="Five", thought="Two and three.", source="chat_engine")]
    assert (result.usage, result.finish_reason) == (client.total_usage(), "length")


async def test_an_error_names_the_agent() -> None:
    with pytest.raises(ValueError, match=r".+") as caught:
        await from_chat_engine(engine(ReplayChatCompletionClient([])), name="greeter").run("hello")

    assert caught.value.__notes__ == ["in agent 'greeter' (LlamaIndex chat engine SimpleChatEngine)"]
