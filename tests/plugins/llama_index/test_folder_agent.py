"""The agent that finds passages in a folder, by itself, from configuration and in the runtime."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from hubbub_core import CancellationToken, ComponentLoader
from hubbub_core.exchange import AgentAdapter, AgentChunk, AgentContext, AgentResult, AgentTask, Source
from hubbub_llama_index import FolderIndex, FolderRetrieverAgent
from hubbub_registry import bound


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "storks.md").write_text("# Birds [all]\n\nStorks nest on chimneys.\n")
    (folder / "trains.md").write_text("# Trains\n\nTrains run on rails.\n")
    return folder


def context(token: CancellationToken | None = None) -> AgentContext:
    return AgentContext(cancellation_token=token or CancellationToken(), name="library")


async def run(agent: AgentAdapter, text: str) -> tuple[list[AgentChunk], AgentResult]:
    items = [item async for item in agent.run(AgentTask.from_text(text), context())]
    chunks = [item for item in items if isinstance(item, AgentChunk)]
    result = items[-1]
    assert isinstance(result, AgentResult)
    assert items == [*chunks, result]
    return chunks, result


async def test_the_text_lists_the_passages_and_the_sources_hold_them(docs: Path) -> None:
    _, result = await run(FolderRetrieverAgent(FolderIndex(docs)), "Which birds nest on chimneys, not in trains?")

    assert result.source == "library"
    assert result.text() == (
        "[1] storks.md > Birds [all]\nStorks nest on chimneys.\n\n[2] trains.md > Trains\nTrains run on rails."
    )
    assert [source.content for source in result.sources] == ["Storks nest on chimneys.", "Trains run on rails."]


async def test_nothing_found_is_said_and_has_no_sources(docs: Path) -> None:
    _, result = await run(FolderRetrieverAgent(FolderIndex(docs)), "zebra?")

    assert (result.text(), result.sources) == (f"No passage found in {docs} for: zebra?", [])


async def test_the_first_task_shows_the_indexing_and_the_second_does_not(docs: Path) -> None:
    (docs / "bad.txt").write_bytes(b"\xff")
    agent = FolderRetrieverAgent(FolderIndex(docs))

    first, _ = await run(agent, "storks")
    second, _ = await run(agent, "trains")

    assert [(chunk.kind, chunk.content, chunk.metadata) for chunk in first] == [
        ("status", "indexing 0/3 files", {"done": 0, "total": 3}),
        ("status", "indexing 3/3 files", {"done": 3, "total": 3}),
        (
            "status",
            "1 files skipped: bad.txt is not UTF-8 text (byte 0)",
            {"skipped": ["bad.txt is not UTF-8 text (byte 0)"]},
        ),
    ]
    assert second == []


async def test_a_task_without_text_is_refused(docs: Path) -> None:
    with pytest.raises(ValueError, match="agent 'library' looks for passages, but the task has no text"):
        await run(FolderRetrieverAgent(FolderIndex(docs)), "  ")


async def test_cancelling_while_it_indexes_ends_the_build(docs: Path) -> None:
    token = CancellationToken()
    agent = FolderRetrieverAgent(FolderIndex(docs))
    stream = agent.run(AgentTask.from_text("storks"), context(token))
    first = await anext(stream)

    token.cancel()
    with pytest.raises(asyncio.CancelledError):
        _ = [item async for item in stream]

    assert isinstance(first, AgentChunk)
    assert len(asyncio.all_tasks()) == 1


async def test_it_is_built_from_configuration(docs: Path) -> None:
    config = {"provider": "llama_index_retriever", "config": {"folder": str(docs), "top_k": 1}}

    agent = ComponentLoader.load_component(config, FolderRetrieverAgent)

    _, result = await run(agent, "storks and trains")
    assert len(result.sources) == 1
    await agent.close()
    assert not agent.index.ready


async def test_two_agents_share_the_index_that_a_reference_names(docs: Path) -> None:
    index = ComponentLoader.load_component(
        {"provider": "llama_index_folder", "config": {"folder": str(docs)}}, FolderIndex
    )
    config: dict[str, Any] = {
        "provider": "llama_index_retriever",
        "config": {"index": {"provider": "ref:shared.library", "config": {}}},
    }

    with bound({"shared.library": index}):
        agents = [ComponentLoader.load_component(config, FolderRetrieverAgent) for _ in range(2)]
    _, result = await run(agents[0], "storks")
    await agents[0].close()

    assert [agent.index for agent in agents] == [index, index]
    assert index.ready, "an agent must not stop what others share"
    assert len(result.sources) == 1


def test_dumped_and_loaded_it_is_the_same(docs: Path) -> None:
    agent = FolderRetrieverAgent(FolderIndex(docs, language="de", chunk_size=500), top_k=2)

    model = agent.dump_component()
    again = FolderRetrieverAgent.load_component(model)

    assert model.provider == "hubbub_llama_index.FolderRetrieverAgent"
    assert again.dump_component() == model
    assert (again.index.folder, again.top_k) == (docs, 2)


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({}, "folder is missing; give a folder of documents, or an index"),
        (
            {"folder": "docs", "language": "de", "index": {"provider": "llama_index_folder", "config": {}}},
            "folder, language and index exclude each other",
        ),
        ({"folder": "docs", "top_k": 0}, "greater than or equal to 1"),
    ],
)
def test_a_configuration_that_does_not_fit_is_refused(config: dict[str, Any], text: str) -> None:
    with pytest.raises(ValidationError, match=text):
        FolderRetrieverAgent.load_component({"provider": "llama_index_retriever", "config": config})


async def test_a_thousand_files_are_indexed_with_progress(tmp_path: Path) -> None:
    for number in range(1000):
        (tmp_path / f"{number:04}.md").write_text(f"# Page {number}\n\n" + f"Word{number} is said here. " * 20)
    agent = FolderRetrieverAgent(FolderIndex(tmp_path), top_k=1)

    chunks, result = await run(agent, "word777")

    assert result.sources[0] == Source(
        content=result.sources[0].content,
        title="0777.md > Page 777",
        uri=(tmp_path / "0777.md").as_uri(),
        score=result.sources[0].score,
        metadata=result.sources[0].metadata,
    )
    assert len(chunks) == 51
