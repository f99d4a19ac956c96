"""Passages that agents find: read from a framework's documents, and written for a reader or a model."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import JsonValue

from .exchange import AgentTask, Source, message_text
from .models import LLMMessage, UserMessage

__all__ = ["json_object", "passages_text", "source_from", "with_sources"]

# What loaders and stores call these, in the order they are looked for.
_TITLES = ("title", "file_path", "file_name", "source")
_URIS = ("uri", "url", "URL", "link")
_SCORES = ("score", "relevance_score")


def source_from(
    content: str,
    metadata: Mapping[str, Any] | None = None,
    *,
    title: str = "",
    score: float | None = None,
    identity: Mapping[str, JsonValue] | None = None,
) -> Source:
    """Make a source of a passage that a framework found.

    Args:
        content: The passage.
        metadata: The framework's own. Its `title`, `file_path`, `file_name` or `source` is the title, its `uri`, `url`
            or `link` the address, its `score` or `relevance_score` the relevance where none is given.
        title: What to show where the metadata has no title.
        score: Relevance, higher is better.
        identity: Goes beside the metadata: `{"document_id": "7"}`.
    """
    known = json_object(metadata)
    if score is None:
        score = next((value for key in _SCORES if isinstance(value := known.get(key), int | float)), None)
    return Source(
        content=content,
        title=_first(known, _TITLES) or title,
        uri=_first(known, _URIS),
        score=None if score is None else float(score),
        metadata={**known, **(identity or {})},
    )


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
