"""What `hubbub run` shows: a live table on a terminal, plain lines elsewhere, or JSON events."""

from __future__ import annotations

import json
import sys
import time
from types import TracebackType
from typing import Protocol, Self

from .events import (
    AgentFinished,
    AgentStarted,
    ChunkArrived,
    HubEvent,
    HubStarted,
    PartProgress,
    ResultArrived,
    RunStarted,
)
from .parts import READY

QUIET_SECONDS = 1.0
"""Plain lines say how far one piece of work is at most this often."""


class View(Protocol):
    """Shows one run."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def event(self, event: HubEvent) -> None:
        """Show progress."""

    def text(self, event: ChunkArrived) -> None:
        """Show a piece of the answer."""

    def result(self, event: ResultArrived, text: str) -> None:
        """Show a whole answer, or what is missing of it after its pieces."""


def make_view(*, as_json: bool, silent: bool) -> View:
    """Choose the view: JSON events, a live table where both streams are a terminal and `rich` is there, else lines."""
    if as_json:
        return JsonView()
    if sys.stderr.isatty() and (silent or sys.stdout.isatty()):
        try:
            from .live_view import LiveView
        except ImportError:  # `rich` is an extra: hubbub-core[rich]
            return PlainView(silent=silent)
        return LiveView(silent=silent)
    return PlainView(silent=silent)


class JsonView:
    """Every event as one line of JSON on standard output."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    def event(self, event: HubEvent) -> None:
        print(json.dumps(event.to_json(), ensure_ascii=False), flush=True)

    def text(self, event: ChunkArrived) -> None:
        self.event(event)

    def result(self, event: ResultArrived, text: str) -> None:
        self.event(event)


class Answer:
    """Puts the answer together from pieces and whole results, so that nothing is printed twice.

    Pieces of the agent that began are passed on as they arise; those of others wait for their own result.
    """

    def __init__(self) -> None:
        self._owner: tuple[str, str] | None = None
        self._streamed = ""
        self._printed = False

    def piece(self, event: ChunkArrived) -> str:
        """Return what of a piece is to be printed now."""
        who = (event.agent, event.key)
        if self._owner is None:
            self._owner = who
            self._streamed = event.chunk.content
            gap = "\n" if self._printed else ""
            return gap + event.chunk.content
        if self._owner != who:
            return ""
        self._streamed += event.chunk.content
        return event.chunk.content

    def whole(self, event: ResultArrived, text: str) -> str:
        """Return what of a whole result is still to be printed."""
        streamed, begun = self._streamed, self._owner is not None
        if self._owner == (event.agent, event.key):
            self._owner, self._streamed = None, ""
            self._printed = True
            if text.startswith(streamed):
                rest = text[len(streamed) :]
            elif text.strip() == streamed.strip():
                rest = ""
            else:
                rest = "\n\n" + text
            return rest if (streamed + rest).endswith("\n") else rest + "\n"
        gap = "\n" if self._printed or begun else ""
        self._printed = True
        return gap + text.rstrip("\n") + "\n"


class PlainView:
    """Progress as lines on standard error, the answer on standard output, a line at a time."""

    def __init__(self, *, silent: bool) -> None:
        self._silent = silent
        self._answer = Answer()
        self._line = ""
        self._last: dict[str, float] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._line:
            print(self._line, flush=True)

    def event(self, event: HubEvent) -> None:
        line = describe(event)
        if line is None or self._too_soon(event):
            return
        print(line, file=sys.stderr, flush=True)

    def text(self, event: ChunkArrived) -> None:
        if not self._silent:
            self._write(self._answer.piece(event))

    def result(self, event: ResultArrived, text: str) -> None:
        if not self._silent:
            self._write(self._answer.whole(event, text))

    def _write(self, text: str) -> None:
        # Whole lines only: where both streams go to one place, progress would else begin within a line.
        whole, separator, self._line = (self._line + text).rpartition("\n")
        if separator:
            print(whole, flush=True)

    def _too_soon(self, event: HubEvent) -> bool:
        if isinstance(event, PartProgress):
            name, last = event.part, event.text == READY or (event.done is not None and event.done == event.total)
        elif isinstance(event, ChunkArrived):
            name, last = event.agent, False
        else:
            return False
        now = time.monotonic()
        if not last and now - self._last.get(name, float("-inf")) < QUIET_SECONDS:
            return True
        self._last[name] = now
        return False


def describe(event: HubEvent) -> str | None:
    """Return an event as one line of text; None for what is not worth a line."""
    if isinstance(event, HubStarted):
        grants = f", granted: {', '.join(event.grants)}" if event.grants else ""
        return f"hub {event.name}: agents {', '.join(event.agents)}{grants}"
    if isinstance(event, RunStarted):
        grants = f", granted: {', '.join(event.grants)}" if event.grants else ""
        return f"{event.kind} {event.name}{', resumed' if event.resumed else ''}{grants}"
    if isinstance(event, PartProgress):
        return f"{event.part}: {progress_text(event.text, event.done, event.total)}"
    if isinstance(event, AgentStarted):
        return f"{label(event.agent, event.key)}: working on {event.message}"
    if isinstance(event, AgentFinished):
        return f"{label(event.agent, event.key)}: done after {event.seconds:.1f} s"
    if isinstance(event, ChunkArrived) and event.chunk.kind != "text":
        content = " ".join(event.chunk.content.split())
        kind = event.chunk.kind.replace("_", " ")
        text = content if event.chunk.kind == "status" else f"{kind}: {content}"
        return f"{label(event.agent, event.key)}: {text[:200]}"
    return None


def label(agent: str, key: str) -> str:
    """Return an agent's name as a reader wants it: the key only where it is not the default one."""
    return agent if key == "default" else f"{agent}/{key}"


def progress_text(text: str, done: int | None, total: int | None) -> str:
    """Return progress as text: `indexing 120/1000`."""
    return text if done is None else f"{text} {done}" + (f"/{total}" if total is not None else "")


def row_of(event: HubEvent) -> tuple[str, str, str] | None:
    """Return the table row that an event changes: who, state, what."""
    if isinstance(event, PartProgress):
        return (
            event.part,
            "ready" if event.text == READY else "starting",
            progress_text(event.text, event.done, event.total),
        )
    if isinstance(event, AgentStarted):
        return label(event.agent, event.key), "working", event.message
    if isinstance(event, AgentFinished):
        return label(event.agent, event.key), "idle", f"{event.seconds:.1f} s"
    if isinstance(event, ChunkArrived):
        return label(event.agent, event.key), "working", " ".join(event.chunk.content.split())[:80]
    return None
