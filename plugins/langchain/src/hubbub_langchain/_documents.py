"""Documents of LangChain as sources of a result, and sources as text that a reader or a model takes in."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from langchain_core.documents import Document
from pydantic import JsonValue

from hubbub_core.exchange import AgentTask, Source, message_text
from hubbub_core.models import LLMMessage, UserMessage

_TITLES = ("title", "file_path", "file_name", "source")
_URIS = ("uri", "url", "link")
_SCORES = ("score", "relevance_score")


def sources_of(documents: Iterable[Document]) -> list[Source]:
    """Return documents as sources; a document's id is in `metadata["document_id"]`, beside its own metadata."""
    sources = []
    for document in documents:
        metadata = json_object(document.metadata)
        identity: dict[str, JsonValue] = {} if document.id is None else {"document_id": document.id}
        score = next((value for key in _SCORES if isinstance(value := metadata.get(key), int | float)), None)
        sources.append(
            Source(
                content=document.page_content,
                title=_first(metadata, _TITLES) or document.id or "",
                uri=_first(metadata, _URIS),
                score=None if score is None else float(score),
                metadata={**metadata, **identity},
            )
        )
    return sources


def passages_text(sources: Iterable[Source]) -> str:
    """Return passages as models read them best: a line `[1] title` above each, a blank line between them."""
    return "\n\n".join(
        f"[{number}] {' '.join(source.title.split())}".rstrip() + f"\n{source.content.strip()}"
        for number, source in enumerate(sources, 1)
    )


def with_sources(task: AgentTask) -> list[LLMMessage]:
    """Return a task's messages, the newest one completed with the passages that none of them quotes yet."""
    messages = list(task.messages)
    said = "\n".join(map(message_text, messages))
    passages = passages_text(source for source in task.sources if source.content.strip() not in said)
    if not passages:
        return messages
    if messages and isinstance(last := messages[-1], UserMessage):
        content = f"{last.content}\n\n{passages}" if isinstance(last.content, str) else [*last.content, passages]
        return [*messages[:-1], last.model_copy(update={"content": content})]
    return [*messages, UserMessage(content=passages, source="sources")]


def json_object(values: Mapping[str, Any] | None) -> dict[str, JsonValue]:
    """Return a mapping as JSON data; what JSON does not know becomes text."""
    data: dict[str, JsonValue] = json.loads(json.dumps(dict(values or {}), default=str))
    return data


def _first(metadata: Mapping[str, JsonValue], names: Iterable[str]) -> str | None:
    return next((value for name in names if isinstance(value := metadata.get(name), str) and value), None)
