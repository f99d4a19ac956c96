"""Reasoning in the text of models: between `<think>` and `</think>`, before the answer.

A stream of the hub begins with the model's reasoning, if there is any, wrapped once (spec: newer N-302).
`ThoughtTagger` writes such a stream, `ThoughtSplitter` reads it.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Final, Literal, TypeAlias

__all__ = ["PieceKind", "ThoughtSplitter", "ThoughtTagger", "parse_r1_content"]

PieceKind: TypeAlias = Literal["text", "thought"]
"""What a piece of a stream is."""

_START: Final = "<think>"
_END: Final = "</think>"


class ThoughtSplitter:
    """Tells the reasoning of a stream from its text; the tags may be cut anywhere. A tag further on is text."""

    def __init__(self) -> None:
        self._kind: PieceKind | None = None
        self._held = ""
        """What cannot be told yet: it may be the beginning of a tag."""

    def feed(self, piece: str) -> Iterator[tuple[PieceKind, str]]:
        """Take the next piece; yields what is certain now, none of it empty."""
        self._held += piece
        if self._kind is None:
            if _START.startswith(self._held) and self._held != _START:
                return
            self._kind = "thought" if self._held.startswith(_START) else "text"
            self._held = self._held.removeprefix(_START)
        if self._kind == "thought":
            thought, tag, rest = self._held.partition(_END)
            if tag:
                self._kind, self._held = "text", rest
            else:
                kept = next((size for size in range(len(_END) - 1, 0, -1) if thought.endswith(_END[:size])), 0)
                thought, self._held = thought[: len(thought) - kept], thought[len(thought) - kept :]
            if thought:
                yield "thought", thought
        if self._kind == "text":
            yield from self.end()

    def end(self) -> Iterator[tuple[PieceKind, str]]:
        """Yield what was held back; nothing follows."""
        held, self._held = self._held, ""
        if held:
            yield self._kind or "text", held


class ThoughtTagger:
    """Writes the reasoning of a stream for `ThoughtSplitter`, of what a service tells apart."""

    def __init__(self) -> None:
        self._open = False
        self.has_text = False
        """Whether there was text; reasoning that follows it is not written, for its tags would be read as text."""

    def feed(self, thought: str, text: str) -> str:
        """Return what to yield for the next piece; empty where there is nothing to.

        Args:
            thought: The reasoning in the piece, which comes before its text.
            text: The text in it.
        """
        shown = ""
        if thought and not self.has_text:
            shown = thought if self._open else _START + thought
            self._open = True
        if text:
            shown += self.end() + text
            self.has_text = True
        return shown

    def end(self) -> str:
        """Return what closes the reasoning; empty where none is open."""
        closing, self._open = _END if self._open else "", False
        return closing


def parse_r1_content(content: str) -> tuple[str | None, str]:
    """Split the reasoning off the text of a model of the family `r1` (spec: newer N-288, N-407).

    Returns:
        The reasoning and the rest; None and the text unchanged, with a warning, where there is no `<think>..</think>`.
    """
    start, end = content.find(_START), content.find(_END)
    if start == -1 or end == -1:
        problem = "Could not find <think>..</think> field in model response content."
    elif end < start:
        problem = "Found </think> before <think> in model response content."
    else:
        return content[start + len(_START) : end].strip(), content[end + len(_END) :].strip()
    warnings.warn(f"{problem} No thought was extracted.", UserWarning, stacklevel=3)
    return None, content
