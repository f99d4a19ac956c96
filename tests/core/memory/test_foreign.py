"""The base of memories that another framework's retriever fills, with one that finds by words."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hubbub_core import CancellationToken
from hubbub_core.memory import MemoryContent, MemoryMimeType
from hubbub_core.memory.foreign import ForeignRetrieverMemory
from hubbub_core.model_context import UnboundedChatCompletionContext
from hubbub_core.models import SystemMessage, UserMessage

BIRDS: list[tuple[str, dict[str, Any]]] = [
    ("Gulls nest on cliffs.", {"page": 1}),
    ("Puffins nest in burrows.", {"page": 2, "mime_type": "text/html"}),
]


class ByWord(ForeignRetrieverMemory):
    """Finds the texts with a word; waits for ever when it is asked to."""

    def __init__(self) -> None:
        self.kept: list[tuple[str, dict[str, Any]]] = list(BIRDS)
        self.waiting, self.stopped = asyncio.Event(), asyncio.Event()

    async def _find(self, text: str, /, **options: Any) -> list[MemoryContent]:
        if text == "wait":
            self.waiting.set()
            try:
                await asyncio.Future()
            finally:
                self.stopped.set()
        found = [self._content(kept, metadata) for kept, metadata in self.kept if text in kept]
        return found[: options.get("k")]

    async def add(self, content: MemoryContent, cancellation_token: CancellationToken | None = None) -> None:
        self.kept.append(self._passage(content))

    async def clear(self) -> None:
        self.kept = list(BIRDS)


async def test_what_is_found_keeps_its_metadata_and_the_kind_of_its_text() -> None:
    memory = ByWord()

    found = (await memory.query("  nest ")).results

    assert found == [
        MemoryContent(content="Gulls nest on cliffs.", mime_type=MemoryMimeType.TEXT, metadata={"page": 1}),
        MemoryContent(
            content="Puffins nest in burrows.", mime_type="text/html", metadata={"page": 2, "mime_type": "text/html"}
        ),
    ]
    asked = MemoryContent(content="nest", mime_type=MemoryMimeType.TEXT)
    assert (await memory.query(asked, k=1, text="a name that the search may have")).results == found[:1]
    assert (await memory.query("  ")).results == []


@pytest.mark.parametrize("kind", ["application/pdf", 7])
async def test_the_kind_of_the_file_that_a_text_was_read_from_is_not_that_of_the_text(kind: object) -> None:
    memory = ByWord()
    memory.kept = [("Auks dive.", {"mime_type": kind})]

    (found,) = (await memory.query("Auks")).results

    assert (found.mime_type, found.metadata) == (MemoryMimeType.TEXT, {"mime_type": kind})


async def test_what_is_added_is_found_as_it_was() -> None:
    memory, metadata = ByWord(), {"page": 3}
    plain = MemoryContent(content="Auks dive.", mime_type=MemoryMimeType.TEXT)
    markdown = MemoryContent(content="# Auks", mime_type=MemoryMimeType.MARKDOWN, metadata=metadata)

    await memory.add(plain)
    await memory.add(markdown)

    found = (await memory.query("Auks")).results
    assert [(entry.content, entry.mime_type) for entry in found] == [
        ("Auks dive.", MemoryMimeType.TEXT),
        ("# Auks", "text/markdown"),
    ]
    assert [entry.metadata for entry in found] == [{}, {"page": 3, "mime_type": "text/markdown"}]
    assert metadata == {"page": 3}


async def test_the_newest_message_decides_what_gets_into_the_context() -> None:
    memory, context = ByWord(), UnboundedChatCompletionContext()
    await context.add_message(UserMessage(content="Gulls", source="user"))
    await context.add_message(UserMessage(content="nest", source="user"))

    added = await memory.update_context(context)

    assert [entry.content for entry in added.memories.results] == [text for text, _ in BIRDS]
    assert (await context.get_messages())[-1] == SystemMessage(
        content="\nRelevant memory content:\n1. Gulls nest on cliffs.\n2. Puffins nest in burrows.\n"
    )


@pytest.mark.parametrize("said", [[], ["penguins"], [" "]])
async def test_a_context_stays_as_it_is_where_nothing_is_found(said: list[str]) -> None:
    context = UnboundedChatCompletionContext()
    for text in said:
        await context.add_message(UserMessage(content=text, source="user"))

    added = await ByWord().update_context(context)

    assert added.memories.results == []
    assert len(await context.get_messages()) == len(said)


async def test_cancelling_a_query_ends_the_search() -> None:
    memory, token = ByWord(), CancellationToken()
    query = asyncio.create_task(memory.query("wait", token))
    await memory.waiting.wait()

    token.cancel()
    with pytest.raises(asyncio.CancelledError):
        await query

    assert memory.stopped.is_set()


async def test_what_is_no_text_is_refused() -> None:
    picture = MemoryContent(content=b"x", mime_type=MemoryMimeType.BINARY)

    with pytest.raises(TypeError, match=r"^a retriever takes text, not bytes$"):
        await ByWord().query(picture)
    with pytest.raises(TypeError, match=r"^a retriever takes text, not bytes$"):
        await ByWord().add(picture)


async def test_closing_leaves_the_retriever_alone() -> None:
    memory = ByWord()

    await memory.close()

    assert len((await memory.query("nest")).results) == 2
