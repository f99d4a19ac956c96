"""LlamaIndex retrievers as what an agent remembers."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.indices.base import BaseIndex
from llama_index.core.schema import MetadataMode, NodeWithScore, TextNode

from hubbub_core import CancellationToken
from hubbub_core.hub.objects import load_object, object_config
from hubbub_core.memory import MemoryContent, MemoryQueryResult
from hubbub_core.memory.foreign import ForeignRetrieverMemory
from hubbub_core.running import linked
from hubbub_registry import Component

from ._retrieval import retrieve
from .config import RetrieverMemoryConfig


class RetrieverMemory(ForeignRetrieverMemory, Component[RetrieverMemoryConfig]):
    """What a retriever finds for the newest message, as the memory of an agent.

    A retriever that is synchronous underneath runs in a thread. A thread cannot be stopped: when the query is
    cancelled, what it finds is dropped.

    Args:
        retriever: The retriever; or an index, whose own retriever finds, and which takes new contents.
        **options: Of the index's retriever, such as `similarity_top_k`.

    Raises:
        TypeError: It is neither a retriever nor an index of LlamaIndex, or there are options for a retriever.
    """

    component_provider_override: ClassVar[str] = "hubbub_llama_index.RetrieverMemory"
    component_config_schema = RetrieverMemoryConfig

    def __init__(self, retriever: BaseRetriever | BaseIndex[Any], **options: Any) -> None:
        if not isinstance(retriever, BaseRetriever | BaseIndex):
            raise TypeError(f"expected a retriever or an index of llama_index.core, not a {type(retriever).__name__}")
        if options and isinstance(retriever, BaseRetriever):
            raise TypeError(f"{type(retriever).__name__} is made already and takes no option {sorted(options)[0]!r}")
        self._index = retriever if isinstance(retriever, BaseIndex) else None
        self._retriever = retriever.as_retriever(**options) if isinstance(retriever, BaseIndex) else retriever
        self._options = options
        self._added: list[str] = []
        self._source: RetrieverMemoryConfig | None = None

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
        return await super().query(query, cancellation_token)

    async def _find(self, text: str, /, **options: Any) -> list[MemoryContent]:
        return [
            self._content(node.node.get_content(MetadataMode.NONE), _metadata(node))
            for node in await retrieve(self._retriever, text)
        ]

    async def add(self, content: MemoryContent, cancellation_token: CancellationToken | None = None) -> None:
        """Insert a text into the index.

        Raises:
            TypeError: The memory is of a retriever and not of an index, or the content is not text.
        """
        if self._index is None:
            raise TypeError(
                f"{type(self._retriever).__name__} takes no documents; make the memory of its index, with "
                "adapt(index, to='memory'), or insert them there"
            )
        text, metadata = self._passage(content)
        node = TextNode(text=text, metadata=metadata)
        await linked(self._index.ainsert_nodes([node]), cancellation_token)
        self._added.append(node.node_id)
        self._retriever = self._index.as_retriever(**self._options)  # one that was made before never sees the node

    async def clear(self) -> None:
        """Forget what was added to this memory. Documents that the retriever finds besides are not its own: they stay.

        Raises:
            Exception: The index cannot delete what was added.
        """
        if self._index is not None and self._added:
            await self._index.adelete_nodes(self._added, delete_from_docstore=True)
            self._added = []
            self._retriever = self._index.as_retriever(**self._options)

    def _to_config(self) -> RetrieverMemoryConfig:
        return object_config(self._source, f"the {type(self._index or self._retriever).__name__}", "retriever")

    @classmethod
    def _from_config(cls, config: RetrieverMemoryConfig) -> Self:
        # LlamaIndex's own class is abstract, which a type checker does not take for a class that is asked for.
        kind: Any = (BaseRetriever, BaseIndex)
        memory = cls(load_object(config.retriever, kind, "a LlamaIndex retriever or index"))
        memory._source = config
        return memory


def to_memory(retriever: BaseRetriever | BaseIndex[Any], **options: Any) -> RetrieverMemory:
    """Make a memory that finds what belongs to the newest message.

    Args:
        retriever: A retriever; or an index, which takes new contents too.
        **options: Of the index's retriever, such as `similarity_top_k`.
    """
    return RetrieverMemory(retriever, **options)


def _metadata(found: NodeWithScore) -> dict[str, Any]:
    score = {} if found.score is None else {"score": float(found.score)}
    return {**found.node.metadata, "node_id": found.node.node_id, **score}
