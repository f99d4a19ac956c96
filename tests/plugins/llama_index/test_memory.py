"""LlamaIndex retrievers as memories of the hub's agents."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from llama_index.core import MockEmbedding, VectorStoreIndex
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode
from llama_index.retrievers.bm25 import BM25Retriever

from hubbub_agentchat.agents import AssistantAgent
from hubbub_core import CancellationToken
from hubbub_core.memory import Memory, MemoryContent, MemoryMimeType
from hubbub_core.model_context import UnboundedChatCompletionContext
from hubbub_core.models import SystemMessage, UserMessage
from hubbub_core.models.replay import ReplayChatCompletionClient
from hubbub_llama_index import RetrieverMemory
from hubbub_registry import NotReadyError, adapt, allow

BIRDS = {"gulls": "Gulls nest on cliffs.", "puffins": "Puffins dig burrows.", "terns": "Terns cross oceans."}


def retriever() -> Any:
    nodes = [TextNode(id_=name, text=text, metadata={"page": 1}) for name, text in BIRDS.items()]
    return BM25Retriever.from_defaults(nodes=nodes, similarity_top_k=1)


class Waiting(BaseRetriever):
    """A retriever that never finds anything, and says whether it is still looking."""

    def __init__(self) -> None:
        super().__init__()
        self.started, self.ended = asyncio.Event(), asyncio.Event()

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        raise LookupError("the index is gone")

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        self.started.set()
        try:
            return await asyncio.Future()
        finally:
            self.ended.set()


async def test_a_query_finds_passages_with_their_metadata() -> None:
    memory = adapt(retriever(), to="memory")

    (found,) = (await memory.query("puffins")).results

    assert (found.content, found.mime_type) == ("Puffins dig burrows.", MemoryMimeType.TEXT)
    assert found.metadata["node_id"] == "puffins"
    assert found.metadata["page"] == 1
    assert found.metadata["score"] > 0
    assert (await memory.query("  ")).results == []


async def test_the_newest_message_decides_what_gets_into_the_context() -> None:
    context = UnboundedChatCompletionContext()
    memory = RetrieverMemory(retriever())
    await context.add_message(UserMessage(content="Tell me of gulls.", source="user"))
    await context.add_message(UserMessage(content="Tell me of terns.", source="user"))

    added = await memory.update_context(context)

    assert [entry.content for entry in added.memories.results] == ["Terns cross oceans."]
    assert (await context.get_messages())[-1] == SystemMessage(
        content="\nRelevant memory content:\n1. Terns cross oceans.\n"
    )


async def test_an_empty_context_stays_empty() -> None:
    context = UnboundedChatCompletionContext()

    added = await RetrieverMemory(retriever()).update_context(context)

    assert added.memories.results == []
    assert await context.get_messages() == []


async def test_an_assistant_answers_with_what_the_retriever_found() -> None:
    client = ReplayChatCompletionClient(["In burrows."])
    memory: Memory = adapt(retriever(), to="memory")

    await AssistantAgent("bird", client, memory=[memory]).run(task="Where do puffins live?")

    asked = [str(message.content) for message in client.create_calls[0]["messages"]]
    assert any("Puffins dig burrows." in content for content in asked)


async def test_cancelling_a_query_ends_the_retrievers_search() -> None:
    waiting, token = Waiting(), CancellationToken()
    query = asyncio.create_task(RetrieverMemory(waiting).query("x", token))
    await waiting.started.wait()

    token.cancel()
    with pytest.raises(asyncio.CancelledError):
        await query

    assert waiting.ended.is_set()


def index() -> VectorStoreIndex:
    nodes = [TextNode(id_=name, text=text) for name, text in BIRDS.items()]
    return VectorStoreIndex(nodes, embed_model=MockEmbedding(embed_dim=2))


async def test_an_index_takes_new_contents_and_forgets_them() -> None:
    """What was in the index before is not the memory's own: clearing leaves it."""
    memory: Memory = adapt(index(), to="memory", similarity_top_k=10)

    await memory.add(MemoryContent(content="# Auks", mime_type="text/markdown", metadata={"page": 4}))
    found = {str(entry.content): entry for entry in (await memory.query("auks")).results}
    await memory.clear()
    left = {str(entry.content) for entry in (await memory.query("auks")).results}

    assert set(found) == {*BIRDS.values(), "# Auks"}
    assert (found["# Auks"].mime_type, (found["# Auks"].metadata or {})["page"]) == ("text/markdown", 4)
    assert left == set(BIRDS.values())


async def test_clearing_forgets_nothing_that_was_not_added() -> None:
    memory = RetrieverMemory(retriever())

    await memory.clear()

    assert [entry.content for entry in (await memory.query("puffins")).results] == ["Puffins dig burrows."]


def test_an_index_is_no_agent_and_says_what_is() -> None:
    with pytest.raises(NotReadyError, match=r"a VectorStoreIndex does not answer by itself; call \.as_retriever\(\)"):
        adapt(index())


async def test_what_a_retriever_cannot_do_is_said() -> None:
    memory = RetrieverMemory(retriever())
    content = MemoryContent(content="x", mime_type="text/plain")

    with pytest.raises(TypeError, match="BM25Retriever takes no documents; make the memory of its index"):
        await memory.add(content)
    with pytest.raises(TypeError, match="takes no option 'k' with a query"):
        await memory.query("x", k=3)
    with pytest.raises(TypeError, match="a retriever takes text, not bytes"):
        await memory.query(MemoryContent(content=b"x", mime_type="text/plain"))
    with pytest.raises(TypeError, match=r"expected a retriever or an index of llama_index\.core, not a str"):
        RetrieverMemory("x")  # type: ignore[arg-type] # what the error is for
    with pytest.raises(TypeError, match="BM25Retriever is made already and takes no option 'similarity_top_k'"):
        RetrieverMemory(retriever(), similarity_top_k=3)
    with pytest.raises(TypeError, match="a retriever takes text, not bytes"):
        await RetrieverMemory(index()).add(MemoryContent(content=b"x", mime_type="text/plain"))


async def test_a_retriever_is_loaded_from_a_file_and_dumped(tmp_path: Path) -> None:
    file = tmp_path / "birds.py"
    file.write_text(
        "from llama_index.core import MockEmbedding, VectorStoreIndex\n"
        "from llama_index.core.schema import TextNode\n"
        "from llama_index.retrievers.bm25 import BM25Retriever\n\n"
        "found = BM25Retriever.from_defaults(nodes=[TextNode(text='Auks dive.')], similarity_top_k=1)\n"
        "index = VectorStoreIndex([], embed_model=MockEmbedding(embed_dim=2))\n"
    )
    model = {"provider": "llama_index_retriever_memory", "config": {"retriever": f"{file}:found"}}

    with allow("code"):
        memory = Memory.load_component(model)

    assert [entry.content for entry in (await memory.query("auks")).results] == ["Auks dive."]
    assert memory.dump_component().config == {"retriever": f"{file}:found"}
    with allow("code"):
        growing = Memory.load_component({**model, "config": {"retriever": f"{file}:index"}})
    await growing.add(MemoryContent(content="Auks swim.", mime_type="text/plain"))
    assert [entry.content for entry in (await growing.query("auks")).results] == ["Auks swim."]
    with pytest.raises(NotImplementedError, match="BM25Retriever was passed as an object"):
        RetrieverMemory(retriever()).dump_component()
