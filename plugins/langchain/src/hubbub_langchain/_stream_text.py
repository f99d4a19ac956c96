"""Text that arrives in pieces: where a thought ends in it, and where a stop sequence begins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

Kind = Literal["text", "thought"]

_START, _END = "<think>", "</think>"


class ThoughtSplitter:
    """Tells the thought of a stream from its text.

    Clients of the hub that stream a model's reasoning begin with it, between `<think>` and `</think>`; the tags may be
    cut anywhere. A tag further on in the text is text.
    """

    def __init__(self) -> None:
        self._state: Literal["start", "thought", "text"] = "start"
        self._held = ""

    def feed(self, piece: str) -> Iterator[tuple[Kind, str]]:
        """Take the next piece; yields what is certain now."""
        self._held += piece
        if self._state == "start":
            if _START.startswith(self._held):
                return  # not even the tag is complete
            if self._held.startswith(_START):
                self._state, self._held = "thought", self._held.removeprefix(_START)
            else:
                self._state = "text"
        if self._state == "thought":
            thought, tag, rest = self._held.partition(_END)
            if tag:
                self._state, self._held = "text", rest
            else:
                keep = _overlap(thought, (_END,))
                thought, self._held = thought[: len(thought) - keep], thought[len(thought) - keep :]
            if thought:
                yield "thought", thought
        if self._state == "text" and self._held:
            text, self._held = self._held, ""
            yield "text", text

    def end(self) -> Iterator[tuple[Kind, str]]:
        """Yield what was held back: the piece was the last one."""
        held, self._held = self._held, ""
        if self._state == "start" and held == _START:
            return
        if held:
            yield "thought" if self._state == "thought" else "text", held


class StopCutter:
    """Lets text through up to the first stop sequence, which may be cut anywhere."""

    def __init__(self, stop: Sequence[str]) -> None:
        self._stop = [sequence for sequence in stop if sequence]
        self._held = ""
        self.stopped = False

    def feed(self, piece: str) -> str:
        """Take the next piece and return what is certain now."""
        text = self._held + piece
        whole = cut_at_stop(text, self._stop)
        if whole != text:
            self.stopped, self._held = True, ""
            return whole
        keep = _overlap(text, self._stop)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def end(self) -> str:
        """Return what was held back: the piece was the last one."""
        held, self._held = self._held, ""
        return held


def cut_at_stop(text: str, stop: Sequence[str]) -> str:
    """Return the text before the first stop sequence; all of it where there is none."""
    found = [text.find(sequence) for sequence in stop if sequence and sequence in text]
    return text[: min(found)] if found else text


def _overlap(text: str, sequences: Sequence[str]) -> int:
    """Return how many characters at the end of the text may be the beginning of a sequence."""
    return max(
        (
            length
            for sequence in sequences
            for length in range(min(len(sequence) - 1, len(text)), 0, -1)
            if text.endswith(sequence[:length])
        ),
        default=0,
    )
