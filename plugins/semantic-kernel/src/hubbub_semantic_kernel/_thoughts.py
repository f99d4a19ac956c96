"""The reasoning in a stream of the hub: it comes first, between `<think>` and `</think>`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

START: Final = "<think>"
END: Final = "</think>"

Kind = Literal["text", "thought"]


class ThoughtSplitter:
    """Tells the reasoning of a stream from its text; the tags may be cut anywhere. A tag further on is text."""

    def __init__(self) -> None:
        self._kind: Kind | None = None
        self._held = ""

    def feed(self, piece: str) -> Iterator[tuple[Kind, str]]:
        """Take the next piece; yields what is certain now."""
        self._held += piece
        if self._kind is None:
            if START.startswith(self._held):
                return
            self._kind = "thought" if self._held.startswith(START) else "text"
            self._held = self._held.removeprefix(START)
        if self._kind == "thought":
            thought, tag, rest = self._held.partition(END)
            if tag:
                self._kind, self._held = "text", rest
            else:
                # The end of the piece may be the beginning of the tag.
                kept = next((size for size in range(len(END) - 1, 0, -1) if thought.endswith(END[:size])), 0)
                thought, self._held = thought[: len(thought) - kept], thought[len(thought) - kept :]
            if thought:
                yield "thought", thought
        if self._kind == "text":
            yield from self.end()

    def end(self) -> Iterator[tuple[Kind, str]]:
        """Yield what was held back; nothing follows."""
        held, self._held = self._held, ""
        if held:
            yield self._kind or "text", held


class ThoughtTagger:
    """Writes the reasoning of a stream as the hub has it."""

    def __init__(self) -> None:
        self._thinking = False
        self._told = False

    def feed(self, thought: str, text: str) -> str:
        """Return what is yielded for a piece. Reasoning that follows text is left to the whole reply."""
        shown = ""
        if thought and not self._told:
            shown = thought if self._thinking else START + thought
            self._thinking = True
        if text:
            shown += self.end() + text
            self._told = True
        return shown

    def end(self) -> str:
        """Return what closes the reasoning, if it is open."""
        closing, self._thinking = END if self._thinking else "", False
        return closing
