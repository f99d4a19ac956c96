"""LlamaIndex retrievers as what an agent remembers."""

from __future__ import annotations

from typing import Any, ClassVar, Final, Self

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.indices.base import BaseIndex
from llama_index.core.schema import MetadataMode, NodeWithScore, TextNode

from hubbub_core import CancellationToken
from hubbub_core.exchange import message_text
from hubbub_core.hub.objects import load_object
from hubbub_core.memory import Memory, MemoryContent, MemoryMimeType, MemoryQueryResult, UpdateContextResult
from hubbub_core.model_context import ChatCompletionContext
from hubbub_core.models import SystemMessage
from hubbub_core.running import linked
from hubbub_registry import Component

from ._retrieval import retrieve
from .config import RetrieverMemoryConfig

_MIME_TYPE: Final = "mime_type"


class RetrieverMemory(Memory, Component[RetrieverMemoryConfig]):
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
        """Insert a text into the index.

        Raises:
            TypeError: The memory is of a retriever and not of an index, or the content is not text.
        """
        if self._index is None:
            raise TypeError(
                f"{type(self._retriever).__name__} takes no documents; make the memory of its index, with "
                "adapt(index, to='memory'), or insert them there"
            )
        text, metadata = _text(content), dict(content.metadata or {})
        if content.mime_type != MemoryMimeType.TEXT:
            metadata[_MIME_TYPE] = content.serialize_mime_type(content.mime_type)
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

    async def close(self) -> None:
        """Do nothing: the retriever belongs to whoever made it."""

    def _to_config(self) -> RetrieverMemoryConfig:
        if self._source is None:
            given = type(self._index or self._retriever).__name__
            raise NotImplementedError(
                f"This component does not support dumping to config: the {given} was passed as an object; load it "
                "from `retriever: FILE.py:ATTRIBUTE` to dump it"
            )
        return self._source

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


def _text(query: str | MemoryContent) -> str:
    content = query.content if isinstance(query, MemoryContent) else query
    if not isinstance(content, str):
        raise TypeError(f"a retriever takes text, not {type(content).__name__}")
    return content


def _content(found: NodeWithScore) -> MemoryContent:
    metadata = {**found.node.metadata, "node_id": found.node.node_id}
    if found.score is not None:
        metadata["score"] = float(found.score)
    kind = found.node.metadata.get(_MIME_TYPE)
    return MemoryContent(
        content=found.node.get_content(MetadataMode.NONE),
        # A loader notes the kind of its file there, which the text that it made of it is not.
        mime_type=kind if isinstance(kind, str) and kind.startswith("text/") else MemoryMimeType.TEXT,
        metadata=metadata,
    )
