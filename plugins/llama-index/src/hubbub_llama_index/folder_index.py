"""A folder of documents as an index that many agents share."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from hubbub_core.exchange import Source
from hubbub_core.progress import report_progress
from hubbub_registry import Component, ComponentBase

from ._files import SkippedFileError, find_files, read_document
from ._passages import sources_from_nodes
from ._splitting import markup_of, split_document

if TYPE_CHECKING:
    from llama_index.core.base.base_retriever import BaseRetriever
    from llama_index.core.schema import TextNode

    from ._bm25 import PassageRetriever

ProgressListener = Callable[[int, int], None]
"""Is told how many files are indexed, and how many there are; called in the event loop's thread."""

DEFAULT_PATTERNS = ("**/*.md", "**/*.txt", "**/*.rst")


class FolderIndexConfig(BaseModel):
    """Configuration of `FolderIndex`."""

    model_config = ConfigDict(extra="forbid")

    folder: str = Field(min_length=1)
    """The folder; `~` is the home directory, a relative path starts at the working directory."""

    patterns: list[str] = Field(default_factory=lambda: list(DEFAULT_PATTERNS), min_length=1)
    """Which files, relative to the folder; `**/` is any number of folders."""

    chunk_size: int = Field(default=1200, ge=100)
    """Longest passage, in characters."""

    chunk_overlap: int = Field(default=0, ge=0)
    """Characters of whole sentences that a passage may repeat from the one before it."""

    retriever: Literal["bm25"] = "bm25"
    """How passages are ranked."""

    language: str = "en"
    """Language of the documents, two letters: decides stop words and stemming."""

    max_file_size: int = Field(default=2_000_000, ge=1)
    """Larger files are left out; bytes."""

    @field_validator("language")
    @classmethod
    def _known_language(cls, value: str) -> str:
        # Kept beside the table of `_bm25`, which needs the extra; a test compares the two.
        known = ("da", "de", "en", "es", "fr", "it", "nl", "no", "pt", "ru", "sv", "tr")
        if value not in known:
            raise ValueError(f"language {value!r} is not one of {', '.join(known)}")
        return value

    @model_validator(mode="after")
    def _overlap_below_size(self) -> Self:
        if self.chunk_overlap >= self.chunk_size:
            raise ValueError(f"chunk_overlap {self.chunk_overlap} is not below chunk_size {self.chunk_size}")
        return self


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What an index holds."""

    files: int
    """Files that are indexed."""

    passages: int

    skipped: tuple[str, ...] = ()
    """Files that were left out, each with the reason: `"old.txt is not UTF-8 text (byte 12)"`."""


class IndexStoppedError(RuntimeError):
    """The index was stopped while somebody waited for it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        super().__init__(f"the index of {folder} was stopped before it was complete")


class FolderIndex(ComponentBase[FolderIndexConfig], Component[FolderIndexConfig]):
    """Splits the documents of a folder into passages and finds the ones that answer a query.

    Nothing is downloaded and nothing written. Reading and indexing happen once, in a thread, at `start` or at the
    first query.

    Args:
        folder: Where the documents are.
        **options: The other fields of `FolderIndexConfig`.

    Raises:
        pydantic.ValidationError: An option does not fit; a `ValueError`.
    """

    component_type: ClassVar[str] = "index"
    component_config_schema = FolderIndexConfig
    component_provider_override = "hubbub_llama_index.FolderIndex"

    def __init__(self, folder: str | Path, **options: object) -> None:
        self._config = FolderIndexConfig.model_validate({"folder": str(folder), **options})
        self.folder = Path(self._config.folder).expanduser()
        self._index: tuple[PassageRetriever, IndexReport] | None = None
        self._building: asyncio.Task[None] | None = None
        self._waiting = 0
        self._stop = threading.Event()
        self._listeners: list[ProgressListener] = []

    @property
    def ready(self) -> bool:
        """Whether the index is complete."""
        return self._index is not None

    @property
    def report(self) -> IndexReport | None:
        """What the index holds; None until it is complete."""
        return self._index[1] if self._index is not None else None

    async def start(self, progress: ProgressListener | None = None) -> None:
        """Build the index unless it is there. Callers that come meanwhile wait for the same build.

        Progress also goes to `hubbub_core.progress`. When the last waiting caller is cancelled, the build ends.

        Raises:
            ValueError: The folder is missing, or holds no file of these kinds, or none with text.
            ImportError: The extra `bm25` is not installed.
            IndexStoppedError: `stop` was called meanwhile.
        """
        if self._index is not None:
            return
        context = contextvars.copy_context()

        def listener(done: int, total: int) -> None:
            context.run(report_progress, "indexing", done=done, total=total)
            if progress is not None:
                progress(done, total)

        if self._building is None:
            self._stop = threading.Event()
            self._building = asyncio.create_task(self._build(), name=f"index {self.folder}")
        building = self._building
        self._listeners.append(listener)
        self._waiting += 1
        try:
            await asyncio.wait({building})  # leaves the build alone when this caller is cancelled
            building.result()
        finally:
            self._listeners.remove(listener)
            self._waiting -= 1
            if self._waiting == 0 and not building.done():
                await self._end_build(building)

    async def stop(self) -> None:
        """End a build that is under way, and forget the index; `start` builds it anew."""
        if self._building is not None:
            await self._end_build(self._building)
        self._index = None

    async def retrieve(self, query: str, top_k: int = 6) -> list[Source]:
        """Return the passages that share words with a query, best first; equal ones in the order of the files.

        Builds the index first if need be, with the errors of `start`.

        Args:
            query: What is asked, in words.
            top_k: How many passages at most.

        Returns:
            Sources with the passage, `title` (`"guide/setup.md > Install > Linux"`), `uri` of the file, `score`, and
            `metadata` with `path`, `heading` and `node_id`. Empty when no passage shares a word with the query.
        """
        await self.start()
        retriever = self.as_retriever(top_k)
        return sources_from_nodes(await asyncio.to_thread(retriever.retrieve, query))

    def as_retriever(self, top_k: int = 6) -> BaseRetriever:
        """Return the index as a retriever of LlamaIndex, for query engines and the like.

        Raises:
            RuntimeError: The index is not built yet.
            ValueError: `top_k` is below one.
        """
        if top_k < 1:
            raise ValueError(f"top_k is {top_k}; at least one passage must be asked for")
        if self._index is None:
            raise RuntimeError(f"the index of {self.folder} is not built; await start() first")
        retriever: BaseRetriever = self._index[0].best(top_k)
        return retriever

    def _to_config(self) -> FolderIndexConfig:
        return self._config

    @classmethod
    def _from_config(cls, config: FolderIndexConfig) -> Self:
        return cls(**config.model_dump())

    async def _end_build(self, building: asyncio.Task[None]) -> None:
        self._stop.set()
        await asyncio.wait({building})
        if not building.cancelled():
            building.exception()  # read, or asyncio reports it as lost when nobody else waits

    async def _build(self) -> None:
        loop = asyncio.get_running_loop()
        stop = self._stop

        def tell(done: int, total: int) -> None:
            for listener in tuple(self._listeners):
                listener(done, total)

        def tell_from_thread(done: int, total: int) -> None:
            loop.call_soon_threadsafe(tell, done, total)

        try:
            self._index = await asyncio.to_thread(self._read, stop, tell_from_thread)
        finally:
            stop.set()  # when the loop itself ends this task, the thread must not go on for nobody
            self._building = None

    def _read(self, stop: threading.Event, tell: ProgressListener) -> tuple[PassageRetriever, IndexReport]:
        files = find_files(self.folder, self._config.patterns)
        total = len(files)
        tell(0, total)
        retriever_class = _load_bm25()
        nodes: list[TextNode] = []
        skipped: list[str] = []
        for done, path in enumerate(files):
            if stop.is_set():
                raise IndexStoppedError(self.folder)
            if done and done % 20 == 0:
                tell(done, total)
            try:
                nodes += self._nodes(path)
            except SkippedFileError as reason:
                skipped.append(f"{path.relative_to(self.folder).as_posix()} {reason}")
        if not nodes:
            more = f"; {skipped[0]}" if skipped else ""
            raise ValueError(
                f"docs folder {self.folder} holds {total} files, but none with text that can be read{more}"
            )
        retriever = retriever_class.over(nodes, self._config.language)
        if stop.is_set():
            raise IndexStoppedError(self.folder)
        tell(total, total)
        return retriever, IndexReport(total - len(skipped), len(nodes), tuple(skipped))

    def _nodes(self, path: Path) -> list[TextNode]:
        from llama_index.core.schema import TextNode

        text = read_document(path, self.folder, self._config.max_file_size)
        relative = path.relative_to(self.folder).as_posix()
        uri = path.resolve().as_uri()
        nodes = []
        passages = split_document(
            text,
            markup=markup_of(path.suffix),
            chunk_size=self._config.chunk_size,
            chunk_overlap=self._config.chunk_overlap,
        )
        for number, passage in enumerate(passages):
            heading = " > ".join(passage.headings)
            nodes.append(
                TextNode(
                    id_=f"{relative}#{number}",
                    text=passage.text,
                    metadata={
                        "title": f"{relative} > {heading}" if heading else relative,
                        "path": relative,
                        "heading": heading,
                        "uri": uri,
                    },
                    # Path and headings count as words of the passage, without the names of the fields.
                    metadata_template="{value}",
                    excluded_embed_metadata_keys=["path", "heading", "uri"],
                    excluded_llm_metadata_keys=["path", "heading", "uri"],
                )
            )
        return nodes


def _load_bm25() -> type[PassageRetriever]:
    try:
        from ._bm25 import PassageRetriever
    except ImportError as error:
        raise ImportError(
            f"FolderIndex ranks by BM25, and {error.name} is not installed; `pip install 'hubbub-llama-index[bm25]'`",
            name=error.name,
        ) from error
    return PassageRetriever
