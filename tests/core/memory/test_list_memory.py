"""Memories."""

from __future__ import annotations

from typing import Any

import pytest
from PIL import Image as PILImage

from hubbub_core import Image
from hubbub_core.memory import ListMemory, Memory, MemoryContent, MemoryMimeType, MemoryQueryResult
from hubbub_core.model_context import BufferedChatCompletionContext
from hubbub_core.models import SystemMessage


def note(text: str) -> MemoryContent:
    return MemoryContent(content=text, mime_type=MemoryMimeType.TEXT)


async def test_contents_are_added_as_one_numbered_system_message() -> None:
    memory = ListMemory(name="chat_history")
    await memory.add(note("likes Python"))
    await memory.add(MemoryContent(content={"a": 1}, mime_type=MemoryMimeType.JSON))
    context = BufferedChatCompletionContext(buffer_size=10)

    result = await memory.update_context(context)

    (message,) = await context.get_messages()
    assert isinstance(message, SystemMessage)
    heading, *lines = message.content.strip().splitlines()
    assert lines == ["1. likes Python", "2. {'a': 1}"]
    assert heading.endswith(":")
    assert result.memories.results == memory.content


async def test_assigned_content_replaces_what_was_added() -> None:
    memory = ListMemory()
    await memory.add(note("old"))
    memory.content = [note("new")]
    context = BufferedChatCompletionContext(buffer_size=10)

    await memory.update_context(context)

    (message,) = await context.get_messages()
    assert "new" in str(message.content)
    assert "old" not in str(message.content)


async def test_empty_memory_leaves_the_context_alone() -> None:
    context = BufferedChatCompletionContext(buffer_size=10)

    result = await ListMemory().update_context(context)

    assert await context.get_messages() == []
    assert result.memories.results == []


async def test_query_returns_everything_in_order() -> None:
    memory = ListMemory(memory_contents=[note("a"), note("b")])

    assert (
        await memory.query() == await memory.query("zzz", top_k=1) == MemoryQueryResult(results=[note("a"), note("b")])
    )


async def test_clear_forgets_but_not_in_the_list_it_was_given() -> None:
    given = [note("a")]
    memory = ListMemory(memory_contents=given)

    await memory.clear()
    await memory.close()

    assert memory.content == []
    assert given == [note("a")]


def test_mime_type_is_dumped_as_a_plain_string() -> None:
    assert note("a").model_dump() == {"content": "a", "mime_type": "text/plain", "metadata": None}
    assert type(note("a").model_dump()["mime_type"]) is str
    assert MemoryContent(content="a", mime_type="text/csv").model_dump()["mime_type"] == "text/csv"


@pytest.mark.parametrize(
    "content",
    [
        note("text"),
        MemoryContent(content={"data": "not an image"}, mime_type=MemoryMimeType.JSON, metadata={"id": 1}),
        MemoryContent(content=b"\x00\xff", mime_type=MemoryMimeType.BINARY),
    ],
)
def test_content_survives_json(content: MemoryContent) -> None:
    assert MemoryContent.model_validate_json(content.model_dump_json()) == content


def test_image_survives_json() -> None:
    content = MemoryContent(content=Image(PILImage.new("L", (1, 2))), mime_type=MemoryMimeType.IMAGE)

    restored: Any = MemoryContent.model_validate_json(content.model_dump_json()).content

    assert restored.image.size == (1, 2)


async def test_component_round_trip_keeps_the_contents() -> None:
    memory = ListMemory(memory_contents=[note("a")])

    dumped = memory.dump_component()
    loaded = Memory.load_component(dumped.model_dump())

    assert (dumped.provider, dumped.component_type) == ("hubbub_core.memory.ListMemory", "memory")
    assert dumped.config == {
        "name": "default_list_memory",
        "memory_contents": [{"content": "a", "mime_type": "text/plain"}],
    }
    assert (await loaded.query("")).results == [note("a")]
