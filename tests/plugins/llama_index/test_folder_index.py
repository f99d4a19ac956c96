"""A folder as an index: what is read, what is left out, what is found, and how it ends."""

from __future__ import annotations

import asyncio
import os
import re
import threading
from pathlib import Path

import pytest
from pydantic import ValidationError

from hubbub_core.progress import Progress, progress_to
from hubbub_llama_index import FolderIndex, FolderIndexConfig, IndexReport
from hubbub_llama_index._files import find_files, read_document
from hubbub_llama_index.folder_index import IndexStoppedError


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    (folder / "guide").mkdir(parents=True)
    (folder / "guide" / "storks.md").write_text("# Birds\n\n## Storks\n\nStorks nest on chimneys in spring.\n")
    (folder / "guide" / "trains.md").write_text("# Trains\n\nTrains run on rails through the valley.\n")
    (folder / "notes.txt").write_text("Chimneys need a sweep every year.\n")
    return folder


def write(path: Path, text: str = "Storks are hidden here.") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


async def test_the_passage_comes_with_path_headings_uri_and_score(docs: Path) -> None:
    (source,) = await FolderIndex(docs).retrieve("Where do storks nest?", top_k=1)

    assert source.content == "Storks nest on chimneys in spring."
    assert source.title == "guide/storks.md > Birds > Storks"
    assert source.uri == (docs / "guide" / "storks.md").as_uri()
    assert source.score is not None
    assert source.score > 0
    assert source.metadata["path"] == "guide/storks.md"
    assert source.metadata["heading"] == "Birds > Storks"
    assert source.metadata["node_id"] == "guide/storks.md#0"


async def test_another_query_finds_other_passages_and_headings_count(docs: Path) -> None:
    index = FolderIndex(docs)

    assert [source.title for source in await index.retrieve("chimney")] == [
        "notes.txt",
        "guide/storks.md > Birds > Storks",
    ]
    assert [source.title for source in await index.retrieve("birds")] == ["guide/storks.md > Birds > Storks"]


@pytest.mark.parametrize("query", ["zebra", "the of and", "", "?!", "zebra xylophone"])
async def test_a_query_without_a_known_word_finds_nothing(docs: Path, query: str) -> None:
    assert await FolderIndex(docs).retrieve(query) == []


@pytest.mark.parametrize("text", ["a", "the of and\n", "x\n\ny"])
async def test_documents_without_a_single_word_to_search_for_find_nothing(tmp_path: Path, text: str) -> None:
    write(tmp_path / "a.md", text)

    assert await FolderIndex(tmp_path).retrieve("the storks") == []


async def test_a_corpus_of_one_passage_takes_any_top_k(tmp_path: Path) -> None:
    write(tmp_path / "a.md", "Storks.")

    assert [source.content for source in await FolderIndex(tmp_path).retrieve("storks", top_k=50)] == ["Storks."]


async def test_equal_passages_come_in_the_order_of_their_paths(tmp_path: Path) -> None:
    for name in ("c", "a", "b", "d"):
        write(tmp_path / f"{name}.txt", "Storks nest here.")

    async def paths() -> list[object]:
        return [source.metadata["path"] for source in await FolderIndex(tmp_path).retrieve("storks nest", 10)]

    assert await paths() == ["a.txt", "b.txt", "c.txt", "d.txt"]
    assert await paths() == await paths()


async def test_the_language_decides_the_stems(tmp_path: Path) -> None:
    write(tmp_path / "a.md", "Die Häuser stehen am Bach.")

    assert await FolderIndex(tmp_path).retrieve("Haus") == []
    assert len(await FolderIndex(tmp_path, language="de").retrieve("Haus")) == 1


async def test_hidden_and_foreign_folders_are_left_out(docs: Path) -> None:
    for folder in (".git", ".venv/lib", "node_modules/x", "guide/.cache", "venv"):
        write(docs / folder / "a.md")
    write(docs / ".hidden.md")
    write(docs / "page.html")
    index = FolderIndex(docs)

    await index.start()

    assert index.report == IndexReport(files=3, passages=3)


async def test_patterns_choose_the_files(docs: Path) -> None:
    index = FolderIndex(docs, patterns=["guide/t*.md", "*.txt"])

    await index.start()

    assert {source.metadata["path"] for source in await index.retrieve("trains chimney storks", 9)} == {
        "guide/trains.md",
        "notes.txt",
    }


async def test_files_that_cannot_be_read_are_reported_and_stop_nothing(docs: Path, tmp_path: Path) -> None:
    (docs / "latin.txt").write_bytes("Störche".encode("latin-1"))
    write(docs / "large.md", "x" * 3000)
    write(tmp_path / "secret.md")
    os.symlink(tmp_path / "secret.md", docs / "link.md")
    os.symlink(tmp_path / "nowhere.md", docs / "broken.md")
    index = FolderIndex(docs, max_file_size=2000)

    await index.start()

    assert index.report == IndexReport(
        files=3,
        passages=3,
        skipped=(
            "broken.md leads out of the folder",
            "large.md has 3000 bytes, more than max_file_size 2000",
            "latin.txt is not UTF-8 text (byte 2)",
            "link.md leads out of the folder",
        ),
    )


async def test_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_bytes(b"\xef\xbb\xbf# Storks\n\nNest.")

    (source,) = await FolderIndex(tmp_path).retrieve("nest")

    assert source.title == "a.md > Storks"


async def test_a_missing_folder_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^docs folder .*/nowhere does not exist$"):
        await FolderIndex(tmp_path / "nowhere").start()


async def test_a_file_is_no_folder(tmp_path: Path) -> None:
    write(tmp_path / "a.md")

    with pytest.raises(ValueError, match=r"^docs folder .*/a\.md is not a folder$"):
        await FolderIndex(tmp_path / "a.md").start()


async def test_an_empty_folder_names_what_was_looked_for(tmp_path: Path) -> None:
    text = f"docs folder {tmp_path} holds no *.md, *.txt file"

    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        await FolderIndex(tmp_path, patterns=["**/*.md", "**/*.txt"]).start()


async def test_a_folder_of_unreadable_files_names_the_first_reason(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe")

    text = (
        f"docs folder {tmp_path} holds 1 files, but none with text that can be read; a.txt is not UTF-8 text (byte 0)"
    )

    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        await FolderIndex(tmp_path).start()


async def test_a_failed_start_can_be_repeated(tmp_path: Path) -> None:
    index = FolderIndex(tmp_path)
    with pytest.raises(ValueError, match="holds no"):
        await index.start()
    write(tmp_path / "a.md", "Storks.")

    await index.start()

    assert index.ready


async def test_progress_reaches_the_listener_and_the_hub(tmp_path: Path) -> None:
    for number in range(50):
        write(tmp_path / f"{number:03}.md")
    seen: list[tuple[int, int]] = []
    reported: list[Progress] = []
    threads: set[int] = set()

    def listen(done: int, total: int) -> None:
        threads.add(threading.get_ident())
        seen.append((done, total))

    with progress_to(reported.append):
        await FolderIndex(tmp_path).start(listen)

    assert seen == [(0, 50), (20, 50), (40, 50), (50, 50)]
    assert reported == [Progress("indexing", done, total) for done, total in seen]
    assert threads == {threading.get_ident()}


async def test_callers_that_come_together_share_one_build(docs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    builds = 0

    def counted(folder: Path, patterns: list[str]) -> list[Path]:
        nonlocal builds
        builds += 1
        return find_files(folder, patterns)

    monkeypatch.setattr("hubbub_llama_index.folder_index.find_files", counted)
    index = FolderIndex(docs)

    await asyncio.gather(index.start(), index.retrieve("storks"), index.start())
    await index.start()

    assert builds == 1


class Gate:
    """Holds the indexing thread at its first file."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reached = threading.Event()
        self.open = threading.Event()
        self.files = 0

        def read_slowly(path: Path, folder: Path, max_size: int) -> str:
            self.files += 1
            self.reached.set()
            assert self.open.wait(timeout=10)
            return read_document(path, folder, max_size)

        monkeypatch.setattr("hubbub_llama_index.folder_index.read_document", read_slowly)


async def test_cancelling_the_only_caller_ends_the_thread(docs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(monkeypatch)
    index = FolderIndex(docs)
    task = asyncio.create_task(index.start())
    await asyncio.to_thread(gate.reached.wait, 10)

    task.cancel()
    await asyncio.sleep(0)
    gate.open.set()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert gate.files == 1
    assert not index.ready


async def test_cancelling_one_caller_leaves_the_build_to_the_other(docs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(monkeypatch)
    index = FolderIndex(docs)
    first, second = asyncio.create_task(index.start()), asyncio.create_task(index.start())
    await asyncio.to_thread(gate.reached.wait, 10)

    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    gate.open.set()
    await second

    assert index.ready


async def test_stop_ends_a_build_and_tells_who_waited(docs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(monkeypatch)
    index = FolderIndex(docs)
    task = asyncio.create_task(index.start())
    await asyncio.to_thread(gate.reached.wait, 10)

    stopping = asyncio.create_task(index.stop())
    await asyncio.sleep(0)
    gate.open.set()
    await stopping

    with pytest.raises(IndexStoppedError, match="was stopped before it was complete"):
        await task
    assert gate.files == 1


async def test_the_loop_goes_on_while_a_folder_is_indexed(docs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(monkeypatch)
    index = FolderIndex(docs)
    task = asyncio.create_task(index.start())
    await asyncio.to_thread(gate.reached.wait, 10)

    # The thread holds the first file, and this coroutine runs: nothing blocks the loop.
    gate.open.set()
    await task

    assert index.ready


async def test_the_index_is_a_retriever_of_the_framework(docs: Path) -> None:
    from llama_index.core.base.base_retriever import BaseRetriever

    index = FolderIndex(docs)
    with pytest.raises(RuntimeError, match=r"is not built; await start\(\) first"):
        index.as_retriever()
    await index.start()

    retriever = index.as_retriever(top_k=1)

    assert isinstance(retriever, BaseRetriever)
    assert [found.node.metadata["path"] for found in retriever.retrieve("chimney sweep")] == ["notes.txt"]


@pytest.mark.parametrize("top_k", [0, -1])
async def test_no_passages_cannot_be_asked_for(docs: Path, top_k: int) -> None:
    with pytest.raises(ValueError, match="at least one passage"):
        await FolderIndex(docs).retrieve("storks", top_k)


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"language": "xx"}, "language"),
        ({"chunk_size": "many"}, "chunk_size"),
        ({"chunk_size": 200, "chunk_overlap": 200}, ""),
        ({"patterns": []}, "patterns"),
        ({"retriever": "magic"}, "retriever"),
        ({"top_n": 3}, "top_n"),
    ],
)
def test_an_option_that_does_not_fit_is_named(options: dict[str, object], path: str) -> None:
    with pytest.raises(ValidationError) as caught:
        FolderIndex("docs", **options)

    assert ".".join(map(str, caught.value.errors()[0]["loc"])) == path


def test_the_languages_of_the_schema_are_those_of_the_ranking() -> None:
    from hubbub_llama_index._bm25 import LANGUAGES

    for language in LANGUAGES:
        assert FolderIndexConfig(folder="docs", language=language).language == language
    with pytest.raises(ValidationError, match=", ".join(sorted(LANGUAGES))):
        FolderIndexConfig(folder="docs", language="xx")


async def test_without_the_extra_the_error_says_what_to_install(docs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.delitem(sys.modules, "hubbub_llama_index._bm25", raising=False)
    monkeypatch.setitem(sys.modules, "llama_index.retrievers.bm25", None)

    with pytest.raises(ImportError, match=r"`pip install 'hubbub-llama-index\[bm25\]'`"):
        await FolderIndex(docs).start()
