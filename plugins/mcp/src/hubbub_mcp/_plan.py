"""Declared calls: tools that are called without a model, and what becomes of their results."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator

from hubbub_core.exchange import Source

_WORD = re.compile(r"\w{3,}")


class McpCall(BaseModel):
    """One call of a tool, with what to make of its result.

    A log of commits, a source each, titled by short hash and subject:
    `{"tool": "git_log", "arguments": {"repo_path": "."}, "split": "(?m)^(?=Commit: )",
    "title": "Commit: (\\\\w{7})(?s:.*?)Message: (.*)"}`.
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True, serialize_by_alias=True)

    tool: str
    """Which tool."""

    arguments: dict[str, JsonValue] = Field(default_factory=dict)
    """Its arguments; `{task}` inside a string, at any depth, is replaced by the task's text."""

    as_: Literal["passages", "text"] = Field(default="passages", alias="as")
    """`passages`: pieces that become sources of the result. `text`: only part of the answer's text."""

    split: str | None = None
    """Regular expression between two pieces of the result; without it each content block is one piece."""

    title: str | None = None
    """Regular expression that finds a piece's title: its groups joined by spaces, or the whole match. A piece it does
    not match, such as a heading, is left out."""

    rank: bool = False
    """Order the pieces by how many of the task's words they hold, rare words counting more, instead of as they came."""

    limit: int | None = Field(default=None, ge=1)
    """How many pieces are kept, the first ones."""

    @field_validator("split", "title")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                re.compile(value)
            except re.error as error:
                raise ValueError(f"{value!r} is no regular expression: {error}") from None
        return value

    def filled(self, task: str) -> dict[str, Any]:
        """Return the arguments for a task."""

        def fill(value: Any) -> Any:
            if isinstance(value, str):
                return value.replace("{task}", task)
            if isinstance(value, list):
                return [fill(item) for item in value]
            if isinstance(value, dict):
                return {key: fill(item) for key, item in value.items()}
            return value

        return {key: fill(value) for key, value in self.arguments.items()}

    def pieces(self, blocks: Sequence[str], task: str) -> list[Source]:
        """Cut a result's text blocks into passages.

        Args:
            blocks: Texts of the result, in order.
            task: What the passages are ranked by.
        """
        texts = [text for block in blocks for text in (re.split(self.split, block) if self.split else [block])]
        sources = []
        for text in texts:
            # A split with groups gives None for those that took no part.
            content = (text or "").strip()
            title = self._title(content)
            if content and title is not None:
                sources.append(Source(content=content, title=title, metadata={"tool": self.tool}))
        if self.rank:
            sources = ranked(sources, task)
        return sources[: self.limit]

    def _title(self, content: str) -> str | None:
        if self.title is None:
            return self.tool
        match = re.search(self.title, content)
        if match is None:
            return None
        return " ".join(part.strip() for part in match.groups() if part) or match[0].strip()


def ranked(sources: Sequence[Source], task: str) -> list[Source]:
    """Return the sources with scores, best first; equals stay in their order."""
    wanted = set(_WORD.findall(task.lower()))
    held = [wanted & set(_WORD.findall(source.content.lower())) for source in sources]
    weights = {
        word: math.log(1 + len(sources) / count) for word in wanted if (count := sum(word in words for words in held))
    }
    scored = [
        source.model_copy(update={"score": round(sum(weights[word] for word in sorted(words)), 6)})
        for source, words in zip(sources, held, strict=True)
    ]
    return sorted(scored, key=lambda source: -(source.score or 0))
