"""The base of memories whose contents are found by a retriever of another framework."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Final

from hubbub_core._cancellation_token import CancellationToken
from hubbub_core.exchange import message_text
from hubbub_core.memory._base import Memory, MemoryContent, MemoryMimeType, MemoryQueryResult, UpdateContextResult
from hubbub_core.model_context import ChatCompletionContext
from hubbub_core.models import SystemMessage
from hubbub_core.running import linked

__all__ = ["ForeignRetrieverMemory"]

_MIME_TYPE: Final = "mime_type"
"""Key of a passage's metadata with the kind of its text, where that is not plain."""


class ForeignRetrieverMemory(Memory):
    """What a retriever of another framework finds for the newest message, as the memory of an agent.

    A framework's class says how it finds, and how it adds and forgets what was added. What the retriever finds besides
    is not the memory's own.
    """

    @abstractmethod
    async def _find(self, text: str, /, **options: Any) -> list[MemoryContent]:
        """Return what the retriever finds, best first; cancelling this ends its search."""

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
        """Return what is found, best first as the retriever ranks it; nothing for an empty text.

        Args:
            query: The text to look for.
            cancellation_token: Cancels the search.
            **kwargs: Options of the search, where the framework's retrievers take any.

        Raises:
            TypeError: The query is not text.
        """
        text = _text(query).strip()
        found = await linked(self._find(text, **kwargs), cancellation_token) if text else []
        return MemoryQueryResult(results=found)

    async def close(self) -> None:
        """Do nothing: the retriever belongs to whoever made it."""

    @staticmethod
    def _passage(content: MemoryContent) -> tuple[str, dict[str, Any]]:
        """Return a content as a framework stores it: its text, and its metadata with the kind of the text.

        Raises:
            TypeError: The content is not text.
        """
        metadata = dict(content.metadata or {})
        if content.mime_type != MemoryMimeType.TEXT:
            metadata[_MIME_TYPE] = content.serialize_mime_type(content.mime_type)
        return _text(content), metadata

    @staticmethod
    def _content(text: str, metadata: Mapping[str, Any]) -> MemoryContent:
        """Return a passage that was found as a content."""
        kind = metadata.get(_MIME_TYPE)
        return MemoryContent(
            content=text,
            # A loader notes the kind of its file there, which the text that it made of it is not.
            mime_type=kind if isinstance(kind, str) and kind.startswith("text/") else MemoryMimeType.TEXT,
            metadata=dict(metadata),
        )


def _text(content: str | MemoryContent) -> str:
    text = content.content if isinstance(content, MemoryContent) else content
    if not isinstance(text, str):
        raise TypeError(f"a retriever takes text, not {type(text).__name__}")
    return text
