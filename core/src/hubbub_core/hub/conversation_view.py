"""What `hubbub run` shows of an agent or team file: who says what, as it is said."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import TracebackType
from typing import Self, TextIO

from hubbub_core.exchange import AgentResult, message_text
from hubbub_core.models import FunctionExecutionResultMessage
from hubbub_core.user_input import REQUEST_ID

from .events import ChunkArrived, HubEvent, ResultArrived
from .view import Answer, describe


def conversation(result: AgentResult) -> str:
    """Return the messages of a result that hold text, each under the name of its author."""
    return "\n".join(
        f"{_header(getattr(message, 'source', '') or result.source)}\n{message_text(message).rstrip()}"
        for message in result.messages
        if message_text(message) and not isinstance(message, FunctionExecutionResultMessage)
    )


def _header(name: str) -> str:
    return f"---------- {name} ----------"


class Speech:
    """Writes messages line by line, each under the name of its author.

    Whole lines only: where both streams go to one place, progress would else begin within a line.
    """

    def __init__(self, stream: Callable[[], TextIO]) -> None:
        self._stream = stream
        self._message: tuple[str, str] | None = None
        self._line = ""
        self.begun = False

    def piece(self, event: ChunkArrived) -> None:
        """Write a piece of a message; a new author, or a new message id, begins a new one."""
        message = (event.agent, str(event.chunk.metadata.get("message_id", "")))
        if self._message != message:
            self.end()
            self._message = message
            print(_header(event.agent), file=self._stream(), flush=True)
            self.begun = True
        self.write(event.chunk.content)

    def write(self, text: str) -> None:
        """Write text."""
        whole, separator, self._line = (self._line + text).rpartition("\n")
        if separator:
            print(whole, file=self._stream(), flush=True)

    def end(self) -> None:
        """Finish the last message."""
        self._message = None
        if self._line:
            line, self._line = self._line, ""
            print(line, file=self._stream(), flush=True)


class ConversationView:
    """A conversation as text: no redrawn table, so that a human can be asked in between.

    Args:
        speaker: Whose text is the answer, on standard output as it stands; what others say goes to standard error,
            under their names. None: what everybody says is the answer.
        silent: The answer is written to a file; what is said is shown on standard error.
    """

    def __init__(self, *, speaker: str | None, silent: bool) -> None:
        self._speaker = speaker
        self._silent = silent
        # Looked up when something is written: tests and embedders replace the streams.
        self._said = Speech(lambda: sys.stderr if silent or speaker is not None else sys.stdout)
        self._own = Speech(lambda: sys.stdout)
        self._answer = Answer()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._said.end()
        self._own.end()

    def event(self, event: HubEvent) -> None:
        self._said.end()
        if isinstance(event, ChunkArrived) and REQUEST_ID in event.chunk.metadata:
            return  # the question itself follows
        line = describe(event)
        if line is not None:
            print(line, file=sys.stderr, flush=True)

    def text(self, event: ChunkArrived) -> None:
        if event.agent != self._speaker:
            self._said.piece(event)
        elif not self._silent:
            self._own.write(self._answer.piece(event))

    def result(self, event: ResultArrived, text: str) -> None:
        self._said.end()
        if self._silent:
            return
        if self._speaker is not None:
            self._own.write(self._answer.whole(event, text))
        elif not self._said.begun and text:
            self._own.write(text + "\n")  # nothing of it was streamed
