"""LangChain retrievers as agents that answer with passages, and as what an agent remembers."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, ClassVar, Self

from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import Runnable, RunnableConfig

from hubbub_core import AdaptedAgent, CancellationToken
from hubbub_core.error_notes import naming_agent
from hubbub_core.exchange import AgentChunk, AgentContext, AgentResult, AgentTask, message_text
from hubbub_core.hub.objects import load_object
from hubbub_core.memory import Memory, MemoryContent, MemoryMimeType, MemoryQueryResult, UpdateContextResult
from hubbub_core.model_context import ChatCompletionContext
from hubbub_core.models import SystemMessage
from hubbub_core.passages import passages_text
from hubbub_core.running import linked
from hubbub_registry import Component

from .config import RetrieverMemoryConfig
from .documents import documents_in, sources_of

_MIME_TYPE = "mime_type"
"""Key of a document's metadata with the kind of its text, where that is not plain."""


class RetrieverAdapter:
    """Runs a retriever.

    One that is synchronous underneath runs in a thread. A thread cannot be stopped: when the task is cancelled, what
    it finds is dropped.
    """

    def __init__(self, retriever: BaseRetriever, config: RunnableConfig | None = None) -> None:
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
        with naming_agent(f"LangChain retriever {type(self._retriever).__name__}", context.name):
            found = await linked(self._retriever.ainvoke(query, self._config), context.cancellation_token)
        sources = sources_of(found)
        text = passages_text(sources) or f"No passage found for: {query}"
        yield AgentResult.from_text(text, source=context.name, sources=sources)


class RetrieverMemory(Memory, Component[RetrieverMemoryConfig]):
    """What a retriever finds for the newest message, as the memory of an agent.

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

    async def update_context(self, model_context: ChatCompletionContext) -> UpdateContextResult:
        """Add what is found for the newest message as a system message; nothing where nothing is found."""
        messages = await model_context.get_messages()
        text = message_text(messages[-1]).strip() if messages else ""
        found = await self.query(text)
        if found.results:
            listed = "\n".join(f"{number}. {_text(entry)}" for number, entry in enumerate(found.results, 1))
            await model_context.add_message(SystemMessage(content=f"\nRelevant memory content:\n{listed}\n"))
        return UpdateContextResult(memories=found)

    async def query(
        self,
        query: str | MemoryContent,
        cancellation_token: CancellationToken | None = None,
        **kwargs: Any,
    ) -> MemoryQueryResult:
        """Return the documents that are found, their metadata with them; nothing for an empty text.

        Args:
            query: The text to look for.
            cancellation_token: Cancels the search.
            **kwargs: Passed to the retriever; one of a vector store takes `k` and other options of its search.

        Raises:
            TypeError: The query is not text, or what was found is not documents.
        """
        text = _text(query).strip()
        if not text:
            return MemoryQueryResult(results=[])
        found = await linked(self._retriever.ainvoke(text, **kwargs), cancellation_token)
        documents = documents_in(found)
        if not documents and found != []:
            raise TypeError(
                f"{type(self._retriever).__name__} found {_article(found)}, not documents; a chain that is a memory "
                "returns a list of them"
            )
        return MemoryQueryResult(results=[_content(document) for document in documents])

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
        text, metadata = _text(content), dict(content.metadata or {})
        if content.mime_type != MemoryMimeType.TEXT:
            metadata[_MIME_TYPE] = content.serialize_mime_type(content.mime_type)
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

    async def close(self) -> None:
        """Do nothing: the retriever belongs to whoever made it."""

    def _to_config(self) -> RetrieverMemoryConfig:
        if self._source is None:
            raise NotImplementedError(
                f"This component does not support dumping to config: the {type(self._retriever).__name__} was passed "
                "as an object; load it from `retriever: FILE.py:ATTRIBUTE` to dump it"
            )
        return self._source

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


def _text(query: str | MemoryContent) -> str:
    content = query.content if isinstance(query, MemoryContent) else query
    if not isinstance(content, str):
        raise TypeError(f"a retriever takes text, not {type(content).__name__}")
    return content


def _article(found: object) -> str:
    name = type(found).__name__
    return f"an {name}" if name[0].lower() in "aeiou" else f"a {name}"


def _content(document: Document) -> MemoryContent:
    identity = {} if document.id is None else {"id": document.id}
    kind = document.metadata.get(_MIME_TYPE)
    return MemoryContent(
        content=document.page_content,
        # A loader notes the kind of its file there, which the text that it made of it is not.
        mime_type=kind if isinstance(kind, str) and kind.startswith("text/") else MemoryMimeType.TEXT,
        metadata={**document.metadata, **identity},
    )
