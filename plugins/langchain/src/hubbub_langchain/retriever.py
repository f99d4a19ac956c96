"""LangChain retrievers as agents that answer with passages, and as what an agent remembers."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, ClassVar, Self

from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import Runnable, RunnableConfig

from hubbub_core import AdaptedAgent, CancellationToken
from hubbub_core.exchange import AgentChunk, AgentContext, AgentResult, AgentTask
from hubbub_core.hub.objects import load_object, object_config
from hubbub_core.memory import MemoryContent
from hubbub_core.memory.foreign import ForeignRetrieverMemory
from hubbub_core.passages import passages_text
from hubbub_core.running import linked
from hubbub_registry import Component

from .config import RetrieverMemoryConfig
from .documents import documents_in, sources_of


class RetrieverAdapter:
    """Runs a retriever.

    One that is synchronous underneath runs in a thread. A thread cannot be stopped: when the task is cancelled, what
    it finds is dropped.
    """

    def __init__(self, retriever: BaseRetriever, config: RunnableConfig | None = None) -> None:
        self.label = f"LangChain retriever {type(retriever).__name__}"
        self._retriever = retriever
        self._config = config

    async def run(self, task: AgentTask, context: AgentContext) -> AsyncGenerator[AgentChunk | AgentResult, None]:
        """Answer with the passages: listed in the text, whole in the sources.

        Raises:
            ValueError: The task has no text.
            Exception: What the retriever raised.
        """
        query = task.text().strip()
        if not query:
            raise ValueError(f"agent {context.name!r} answers questions, but the task has no text")
        found = await linked(self._retriever.ainvoke(query, self._config), context.cancellation_token)
        sources = sources_of(found)
        text = passages_text(sources) or f"No passage found for: {query}"
        yield AgentResult.from_text(text, source=context.name, sources=sources)


class RetrieverMemory(ForeignRetrieverMemory, Component[RetrieverMemoryConfig]):
    """What a retriever finds for the newest message, as the memory of an agent.

    Options of a query are passed to the retriever; one of a vector store takes `k` and other options of its search.

    Args:
        retriever: The retriever, or a chain that begins with one and returns documents. A retriever of a vector store
            takes new contents too.

    Raises:
        TypeError: It is no Runnable of LangChain.
    """

    component_provider_override: ClassVar[str] = "hubbub_langchain.RetrieverMemory"
    component_config_schema = RetrieverMemoryConfig

    def __init__(self, retriever: Runnable[str, Any]) -> None:
        if not isinstance(retriever, Runnable):
            raise TypeError(
                f"expected a retriever or another Runnable of langchain_core, not a {type(retriever).__name__}"
            )
        self._retriever = retriever
        self._added: list[str] = []
        self._source: RetrieverMemoryConfig | None = None

    async def _find(self, text: str, /, **options: Any) -> list[MemoryContent]:
        """Return the documents that are found, their metadata with them.

        Args:
            text: The text to look for.
            **options: Passed to the retriever; one of a vector store takes `k` and other options of its search.

        Raises:
            TypeError: What was found is not documents.
        """
        found = await self._retriever.ainvoke(text, **options)
        documents = documents_in(found)
        if not documents and found != []:
            raise TypeError(
                f"{type(self._retriever).__name__} found {_article(found)}, not documents; a chain that is a memory "
                "returns a list of them"
            )
        return [self._content(document.page_content, _metadata(document)) for document in documents]

    async def add(self, content: MemoryContent, cancellation_token: CancellationToken | None = None) -> None:
        """Add a text to the retriever's vector store.

        Raises:
            TypeError: The retriever has no store that takes documents, or the content is not text.
        """
        adding = getattr(self._retriever, "aadd_documents", None)
        if adding is None:
            raise TypeError(
                f"{type(self._retriever).__name__} takes no documents; add to what it searches, or use the retriever "
                "of a vector store"
            )
        text, metadata = self._passage(content)
        self._added += await linked(adding([Document(page_content=text, metadata=metadata)]), cancellation_token)

    async def clear(self) -> None:
        """Forget what was added to this memory. Documents that the retriever finds besides are not its own: they stay.

        Raises:
            TypeError: Something was added, and the store cannot delete it.
        """
        if not self._added:
            return
        store = getattr(self._retriever, "vectorstore", self._retriever)
        delete = getattr(store, "adelete", None)
        try:
            done = False if delete is None else await delete(self._added)
        except NotImplementedError:
            done = False
        if done is False:
            raise TypeError(
                f"{type(store).__name__} cannot delete documents, so the {len(self._added)} that were added stay; "
                "delete them in the store that it searches"
            )
        self._added = []

    def _to_config(self) -> RetrieverMemoryConfig:
        return object_config(self._source, f"the {type(self._retriever).__name__}", "retriever")

    @classmethod
    def _from_config(cls, config: RetrieverMemoryConfig) -> Self:
        # LangChain's own class is abstract, which a type checker does not take for a class that is asked for.
        kind: Any = Runnable
        memory = cls(load_object(config.retriever, kind, "a LangChain retriever"))
        memory._source = config
        return memory


def from_retriever(
    retriever: BaseRetriever, *, name: str = "retriever", description: str = "", config: RunnableConfig | None = None
) -> AdaptedAgent:
    """Make an agent that answers with the passages a retriever finds.

    The result's text lists them below lines like `[1] title`; its sources hold content, title, uri and score. The title
    is the document's `title`, `file_path`, `file_name` or `source`, else its id.
    """
    return AdaptedAgent(
        lambda: RetrieverAdapter(retriever, config), name=name, description=description or "Finds passages of documents"
    )


def to_memory(retriever: Runnable[str, Any]) -> RetrieverMemory:
    """Make a memory that finds with a retriever, or a chain of one, what belongs to the newest message."""
    return RetrieverMemory(retriever)


def _article(found: object) -> str:
    name = type(found).__name__
    return f"an {name}" if name[0].lower() in "aeiou" else f"a {name}"


def _metadata(document: Document) -> dict[str, Any]:
    return document.metadata if document.id is None else {**document.metadata, "id": document.id}
