"""What a ReActAgent's model writes, told apart while it streams: its reasoning, and its answer."""

from __future__ import annotations

from typing import Final

from hubbub_core.exchange import ChunkKind

_OPENINGS: Final = ("Thought:", "Action:")
_ANSWER: Final = "Answer:"


class ReasoningSplitter:
    """Splits one reply of the form `Thought: ... Answer: ...`; a reply of another form is the answer as a whole."""

    def __init__(self) -> None:
        self._held = ""
        """What cannot be told yet: it may be the beginning of one of the words that part the text."""
        self._kind: ChunkKind | None = None
        self._fresh = False  # whether nothing of the answer came yet, so that white space before it is left out

    def take(self, piece: str) -> list[tuple[ChunkKind, str]]:
        """Take a piece of the reply and return what can be told of it: kinds and texts."""
        self._held += piece
        if self._kind is None:
            start = self._held.lstrip()
            if not start or any(opening.startswith(start) and opening != start for opening in _OPENINGS):
                return []
            self._kind = "thought" if start.startswith(_OPENINGS) else "text"
        told: list[tuple[ChunkKind, str]] = []
        if self._kind == "thought":
            thought, word, rest = self._held.partition(_ANSWER)
            if not word:
                keep = _overlap(thought)
                self._held = thought[len(thought) - keep :]
                return [("thought", thought[: len(thought) - keep])] if len(thought) > keep else []
            if thought:
                told.append(("thought", thought))
            self._kind, self._held, self._fresh = "text", rest, True
        if self._fresh:
            self._held = self._held.lstrip()
            self._fresh = not self._held
        if self._held:
            told.append(("text", self._held))
            self._held = ""
        return told

    def end(self) -> list[tuple[ChunkKind, str]]:
        """Return what was held back to the end."""
        held, self._held = self._held, ""
        return [(self._kind or "text", held)] if held else []


def _overlap(text: str) -> int:
    """Return how many characters at the end of a text may be the beginning of the word before the answer."""
    return next((size for size in range(len(_ANSWER) - 1, 0, -1) if text.endswith(_ANSWER[:size])), 0)
