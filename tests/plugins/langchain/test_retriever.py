"""Retrievers as agents and as memory."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda
from langchain_core.vectorstores import InMemoryVectorStore

from hubbub_core import CancellationToken
from hubbub_core.exchange import Source
from hubbub_core.memory import Memory, MemoryContent, MemoryMimeType
from hubbub_core.model_context import UnboundedChatCompletionContext
from hubbub_core.models import SystemMessage, UserMessage
from hubbub_langchain import RetrieverMemory
from hubbub_registry import adapt


class ByWord(BaseRetriever):
    """Finds the documents that share a word with the question."""

    documents: list[Document]

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        words = set(query.lower().strip("?").split())
        return [document for document in self.documents if words & set(document.page_content.lower().split())]


BIRDS = ByWord(
    documents=[
        Document("Storks nest on chimneys", id="b1", metadata={"source": "birds.md", "url": "file:///birds.md"}),
        Document("Owls nest in barns", metadata={"title": "Owls", "score": 0.5, "page": 3}),
    ]
)


class Waiting(BaseRetriever):
    """Waits for ever; says when it began and when it ended."""

    started: Any
    ended: Any

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        raise AssertionError("asynchronous only")

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun
    ) -> list[Document]:
        self.started.set()
        try:
            return await asyncio.Future()
        finally:
            self.ended.set()


async def test_a_retriever_answers_with_passages_and_sources() -> None:
    result = await adapt(BIRDS).run("Where do birds nest?")

    assert result.text() == "[1] birds.md\nStorks nest on chimneys\n\n[2] Owls\nOwls nest in barns"
    assert result.sources == [
        Source(
            content="Storks nest on chimneys",
            title="birds.md",
            uri="file:///birds.md",
            metadata={"source": "birds.md", "url": "file:///birds.md", "document_id": "b1"},
        ),
        Source(
            content="Owls nest in barns",
            title="Owls",
            score=0.5,
            metadata={"title": "Owls", "score": 0.5, "page": 3},
        ),
    ]


async def test_nothing_found_is_said() -> None:
    result = await adapt(BIRDS).run("Fish?")

    assert (result.text(), result.sources) == ("No passage found for: Fish?", [])


async def test_a_task_without_text_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^agent 'finder' answers questions, but the task has no text\n"):
        await adapt(BIRDS, name="finder").run("  ")


async def test_cancelling_the_token_cancels_the_search() -> None:
    retriever, token = Waiting(started=asyncio.Event(), ended=asyncio.Event()), CancellationToken()
    task = asyncio.create_task(adapt(retriever).run("Where?", cancellation_token=token))
    await retriever.started.wait()

    token.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert retriever.ended.is_set()


async def test_a_memory_finds_what_belongs_to_the_newest_message() -> None:
    memory = adapt(BIRDS, to="memory")
    context = UnboundedChatCompletionContext()
    await context.add_message(UserMessage(content="Tell me of storks", source="user"))

    added = await memory.update_context(context)

    assert isinstance(memory, Memory)
    assert added.memories.results == [
        MemoryContent(
            content="Storks nest on chimneys",
            mime_type=MemoryMimeType.TEXT,
            metadata={"source": "birds.md", "url": "file:///birds.md", "id": "b1"},
        )
    ]
    assert (await context.get_messages())[1:] == [
        SystemMessage(content="\nRelevant memory content:\n1. Storks nest on chimneys\n")
    ]


async def test_a_memory_that_finds_nothing_adds_nothing() -> None:
    memory, context = RetrieverMemory(BIRDS), UnboundedChatCompletionContext()

    assert (await memory.update_context(context)).memories.results == []
    await context.add_message(UserMessage(content="Fish?", source="user"))
    assert (await memory.update_context(context)).memories.results == []
    assert len(await context.get_messages()) == 1


async def test_the_retriever_of_a_vector_store_takes_new_contents_and_options() -> None:
    store = InMemoryVectorStore(DeterministicFakeEmbedding(size=8))
    memory = RetrieverMemory(store.as_retriever(search_kwargs={"k": 1}))

    for text in ("one", "two"):
        await memory.add(MemoryContent(content=text, mime_type=MemoryMimeType.TEXT, metadata={"n": text}))

    (found,) = (await memory.query("two")).results
    assert (found.content, (found.metadata or {})["n"]) == ("two", "two")


async def test_clearing_forgets_what_was_added_and_leaves_the_documents_of_the_store() -> None:
    store = InMemoryVectorStore(DeterministicFakeEmbedding(size=8))
    await store.aadd_documents([Document("before")])
    memory = RetrieverMemory(store.as_retriever(search_kwargs={"k": 9}))
    for text in ("one", "two"):
        await memory.add(MemoryContent(content=text, mime_type=MemoryMimeType.MARKDOWN))
    known = {(found.content, found.mime_type) for found in (await memory.query("one")).results}

    await memory.clear()
    await memory.clear()

    assert known == {("before", MemoryMimeType.TEXT), ("one", "text/markdown"), ("two", "text/markdown")}
    assert [found.content for found in (await memory.query("one")).results] == ["before"]


async def test_clearing_a_retriever_that_was_given_nothing_leaves_its_documents() -> None:
    memory = RetrieverMemory(BIRDS)

    await memory.clear()

    assert (await memory.query("Owls")).results


async def test_a_store_that_cannot_delete_says_so_and_the_memory_is_not_lost() -> None:
    class Archive(InMemoryVectorStore):
        async def adelete(self, ids: Any = None, **kwargs: Any) -> None:
            raise NotImplementedError("delete method must be implemented by subclass.")

    memory = RetrieverMemory(Archive(DeterministicFakeEmbedding(size=8)).as_retriever())
    await memory.add(MemoryContent(content="one", mime_type=MemoryMimeType.TEXT))

    with pytest.raises(TypeError, match=r"^Archive cannot delete documents, so the 1 that were added stay"):
        await memory.clear()


async def test_a_chain_that_finds_documents_is_a_memory_too() -> None:
    first = RunnableLambda(lambda documents: documents[:1])
    memory = adapt(BIRDS | first, to="memory")

    assert [found.content for found in (await memory.query("nest")).results] == ["Storks nest on chimneys"]
    assert (await adapt(BIRDS, to="memory").query("penguins")).results == []


async def test_a_chain_that_finds_something_else_is_no_memory() -> None:
    memory = adapt(BIRDS | RunnableLambda(len), to="memory")

    with pytest.raises(TypeError, match=r"^RunnableSequence found an int, not documents"):
        await memory.query("nest")


async def test_cancelling_the_token_cancels_a_query() -> None:
    retriever, token = Waiting(started=asyncio.Event(), ended=asyncio.Event()), CancellationToken()
    task = asyncio.create_task(RetrieverMemory(retriever).query("x", token))
    await retriever.started.wait()

    token.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert retriever.ended.is_set()


async def test_what_a_retriever_cannot_do_is_said() -> None:
    memory = RetrieverMemory(BIRDS)

    with pytest.raises(TypeError, match=r"^ByWord takes no documents; add to what it searches"):
        await memory.add(MemoryContent(content="x", mime_type=MemoryMimeType.TEXT))
    with pytest.raises(TypeError, match=r"^a retriever takes text, not dict$"):
        await memory.query(MemoryContent(content={"a": 1}, mime_type=MemoryMimeType.JSON))
    with pytest.raises(
        NotImplementedError, match=r"^This component does not support dumping to config: the ByWord was"
    ):
        memory.dump_component()
    with pytest.raises(TypeError, match=r"^expected a retriever or another Runnable of langchain_core, not a str$"):
        RetrieverMemory("x")  # type: ignore[arg-type] # what is tested
