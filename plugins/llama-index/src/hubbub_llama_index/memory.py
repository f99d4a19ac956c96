"""LlamaIndex retrievers as what an agent remembers."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.schema import MetadataMode, NodeWithScore

from hubbub_core import CancellationToken
from hubbub_core.exchange import message_text
from hubbub_core.memory import Memory, MemoryContent, MemoryMimeType, MemoryQueryResult, UpdateContextResult
from hubbub_core.model_context import ChatCompletionContext
from hubbub_core.models import SystemMessage
from hubbub_core.running import linked
from hubbub_registry import Component

from ._retrieval import retrieve
from .config import RetrieverMemoryConfig, load_object


class RetrieverMemory(Memory, Component[RetrieverMemoryConfig]):
    """What a retriever finds for the newest message, as the memory of an agent.

    A retriever that is synchronous underneath runs in a thread. A thread cannot be stopped: when the query is
    cancelled, what it finds is dropped.

    Args:
        retriever: The retriever. It takes no documents, so neither does the memory.

    Raises:
        TypeError: It is no retriever of LlamaIndex.
    """

    component_provider_override: ClassVar[str] = "hubbub_llama_index.RetrieverMemory"
    component_config_schema = RetrieverMemoryConfig

    def __init__(self, retriever: BaseRetriever) -> None:
        if not isinstance(retriever, BaseRetriever):
            raise TypeError(f"expected a retriever of llama_index.core, not a {type(retriever).__name__}")
        self._retriever = retriever
        self._source: RetrieverMemoryConfig | None = None

    async def update_context(self, model_context: ChatCompletionContext) -> UpdateContextResult:
        """Add what is found for the newest message as a system message; nothing where nothing is found."""
        messages = await model_context.get_messages()
        found = await self.query(message_text(messages[-1]) if messages else "")
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
        """Return the passages that are found, best first as the retriever ranks them; nothing for an empty text.

        Each has the node's metadata, and `node_id` and `score` beside them.

        Args:
            query: The text to look for.
            cancellation_token: Cancels the search.
            **kwargs: Refused: LlamaIndex's retrievers take their options when they are made.

        Raises:
            TypeError: The query is not text, or there are further options.
        """
        if kwargs:
            raise TypeError(f"a LlamaIndex retriever takes no option {sorted(kwargs)[0]!r} with a query")
        text = _text(query).strip()
        if not text:
            return MemoryQueryResult(results=[])
        found = await linked(retrieve(self._retriever, text), cancellation_token)
        return MemoryQueryResult(results=[_content(node) for node in found])

    async def add(self, content: MemoryContent, cancellation_token: CancellationToken | None = None) -> None:
        """Refuse: LlamaIndex's retrievers take no documents, and some never see what their index gets later.

        Raises:
            TypeError: Always.
        """
        raise TypeError(
            f"{type(self._retriever).__name__} takes no documents; insert them into its index and adapt a new retriever"
        )

    async def clear(self) -> None:
        """Refuse: LlamaIndex's retrievers and indices have no way to forget everything.

        Raises:
            TypeError: Always.
        """
        raise TypeError(
            f"{type(self._retriever).__name__} cannot be cleared; delete the documents in the store that it searches"
        )

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
        # LlamaIndex's own class is abstract, which a type checker does not take for a class that is asked for.
        kind: Any = BaseRetriever
        memory = cls(load_object(config.retriever, kind, "a LlamaIndex retriever"))
        memory._source = config
        return memory


def to_memory(retriever: BaseRetriever) -> RetrieverMemory:
    """Make a memory that finds with a retriever what belongs to the newest message."""
    return RetrieverMemory(retriever)


def _text(query: str | MemoryContent) -> str:
    content = query.content if isinstance(query, MemoryContent) else query
    if not isinstance(content, str):
        raise TypeError(f"a retriever takes text, not {type(content).__name__}")
    return content


def _content(found: NodeWithScore) -> MemoryContent:
    metadata = {**found.node.metadata, "node_id": found.node.node_id}
    if found.score is not None:
        metadata["score"] = float(found.score)
    return MemoryContent(
        content=found.node.get_content(MetadataMode.NONE), mime_type=MemoryMimeType.TEXT, metadata=metadata
    )
