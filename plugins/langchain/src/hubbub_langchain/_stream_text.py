"""Text that arrives in pieces, up to where a stop sequence begins in it."""

from __future__ import annotations

from collections.abc import Sequence


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
