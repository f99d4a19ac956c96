"""Documents of LangChain as sources of a result. Public: hubbub-langgraph builds on it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from langchain_core.documents import Document
from langchain_core.messages import AIMessage, ToolMessage

from hubbub_core.exchange import Source
from hubbub_core.passages import source_from


def sources_of(documents: Iterable[Document]) -> list[Source]:
    """Return documents as sources; a document's id is in `metadata["document_id"]`, beside its own metadata."""
    return [
        source_from(
            document.page_content,
            document.metadata,
            title=document.id or "",
            identity=None if document.id is None else {"document_id": document.id},
        )
        for document in documents
    ]


def documents_in(value: Any) -> list[Document]:
    """Return the documents that a value is made of: one, or a list of nothing else; empty for any other value."""
    values = [value] if isinstance(value, Document) else value
    if isinstance(values, list | tuple) and values and all(isinstance(item, Document) for item in values):
        return list(values)
    return []


def sources_behind(message: object) -> list[Source]:
    """Return what a message rests on: documents that a tool attached to it, and what its text cites.

    The place of a citation in the text is metadata.
    """
    if isinstance(message, ToolMessage):
        return sources_of(documents_in(message.artifact))
    if not isinstance(message, AIMessage) or isinstance(message.content, str):
        return []
    cited: list[Source] = []
    for block in message.content_blocks:
        for note in block.get("annotations", ()) if block["type"] == "text" else ():
            if note["type"] != "citation":
                continue
            title, uri = note.get("title", ""), note.get("url")
            place = {key: note[key] for key in ("start_index", "end_index") if key in note}
            cited.append(Source(content=note.get("cited_text", ""), title=title, uri=uri, metadata=place))
    return cited
