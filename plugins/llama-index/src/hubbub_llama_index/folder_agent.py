"""The agent that finds passages in a folder of documents."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import ClassVar, Self

from pydantic import Field, model_validator

from hubbub_core.exchange import AgentChunk, AgentContext, AgentResult, AgentTask
from hubbub_core.passages import passages_text
from hubbub_core.running import stream_work
from hubbub_registry import Component, ComponentBase, ComponentModel

from ._emit import Emit
from .folder_index import FolderIndex, FolderIndexConfig

_OWN_SETTINGS = {
    name: "" if name == "folder" else field.get_default(call_default_factory=True)
    for name, field in FolderIndexConfig.model_fields.items()
}


class FolderRetrieverAgentConfig(FolderIndexConfig):
    """Configuration of `FolderRetrieverAgent`: a folder and how to read it, or an index that is shared."""

    folder: str = ""
    """The folder of an index of its own; empty when `index` is given."""

    index: ComponentModel | None = None
    """A `FolderIndex`, such as `${shared:library}` in a hub file."""

    top_k: int = Field(default=6, ge=1)
    """How many passages at most."""

    @model_validator(mode="after")
    def _one_index(self) -> Self:
        if self.index is None:
            if not self.folder:
                raise ValueError("folder is missing; give a folder of documents, or an index")
        elif own := [name for name, default in _OWN_SETTINGS.items() if getattr(self, name) != default]:
            raise ValueError(f"{', '.join(own)} and index exclude each other; the index has these settings already")
        return self


class FolderRetrieverAgent(ComponentBase[FolderRetrieverAgentConfig], Component[FolderRetrieverAgentConfig]):
    """Answers a task with the passages of a folder that fit its newest text.

    The result's text lists the passages below lines like `[1] title`; its sources hold them with path, headings and
    score. When no passage shares a word with the task, the text says so and there are no sources. An index that is not
    ready is built first, with `status` chunks like `indexing 120/1000 files`.

    Args:
        index: Where to look. The agent never stops an index that others may share.
        top_k: How many passages at most.
    """

    component_type: ClassVar[str] = "agent"
    component_config_schema = FolderRetrieverAgentConfig
    component_provider_override = "hubbub_llama_index.FolderRetrieverAgent"

    def __init__(self, index: FolderIndex, *, top_k: int = 6) -> None:
        self.index = index
        self.top_k = top_k
        self._owns_index = False

    def run(self, task: AgentTask, context: AgentContext) -> AsyncGenerator[AgentChunk | AgentResult, None]:
        """Find passages for a task.

        Raises:
            ValueError: The task has no text, or the folder no documents.
            asyncio.CancelledError: The context's token was cancelled.
        """

        async def work(emit: Emit) -> AgentResult:
            query = task.text().strip()
            if not query:
                raise ValueError(f"agent {context.name!r} looks for passages, but the task has no text")
            if not self.index.ready:
                await self.index.start(lambda done, total: emit(_progress(context.name, done, total)))
                self._mention_skipped(emit, context.name)
            sources = await self.index.retrieve(query, self.top_k)
            text = passages_text(sources) or f"No passage found in {self.index.folder} for: {query}"
            return AgentResult.from_text(text, source=context.name, sources=sources)

        return stream_work(work, context.cancellation_token)

    async def close(self) -> None:
        """Stop the index if it is the agent's own."""
        if self._owns_index:
            await self.index.stop()

    def _mention_skipped(self, emit: Emit, name: str) -> None:
        report = self.index.report
        if report is not None and report.skipped:
            text = f"{len(report.skipped)} files skipped: {report.skipped[0]}"
            emit(AgentChunk(content=text, source=name, kind="status", metadata={"skipped": list(report.skipped)}))

    def _to_config(self) -> FolderRetrieverAgentConfig:
        return FolderRetrieverAgentConfig(index=self.index.dump_component(), top_k=self.top_k)

    @classmethod
    def _from_config(cls, config: FolderRetrieverAgentConfig) -> Self:
        if config.index is not None:
            # A reference to a shared part arrives as that very object, which its owner starts and stops.
            shared = config.index.provider.startswith("ref:")
            agent = cls(FolderIndex.load_component(config.index), top_k=config.top_k)
            agent._owns_index = not shared
            return agent
        settings = {name: getattr(config, name) for name in FolderIndexConfig.model_fields}
        agent = cls(FolderIndex(**settings), top_k=config.top_k)
        agent._owns_index = True
        return agent


def _progress(name: str, done: int, total: int) -> AgentChunk:
    text = f"indexing {done}/{total} files"
    return AgentChunk(content=text, source=name, kind="status", metadata={"done": done, "total": total})
