"""The live view of a run on a terminal: a table of who is working, the answer above it as it arises."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from .events import ChunkArrived, HubEvent, HubStarted, ResultArrived
from .view import Answer, describe, row_of

STYLES = {"waiting": "dim", "starting": "yellow", "working": "bold cyan", "idle": "green", "ready": "green"}


class LiveView:
    """Redraws a table of agents and parts; lines of the answer scroll above it.

    Args:
        silent: The answer goes elsewhere and is not shown.
        console: Where to draw; standard output by default, standard error when silent.
    """

    def __init__(self, *, silent: bool, console: Console | None = None) -> None:
        self._silent = silent
        self._console = console or Console(stderr=silent)
        self._answer = Answer()
        self._line = ""
        self._rows: dict[str, tuple[str, str]] = {}
        self._began = time.monotonic()
        self._live = Live(self._table(), console=self._console, refresh_per_second=8, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()
        if self._line:
            self._print(self._line)

    def event(self, event: HubEvent) -> None:
        if isinstance(event, HubStarted):
            self._live.console.print(Text(describe(event) or "", style="dim"))
            for agent in event.agents:
                self._rows[agent] = ("waiting", "")
        row = row_of(event)
        if row is not None:
            who, state, what = row
            self._rows[who] = (state, what)
        self._live.update(self._table())

    def text(self, event: ChunkArrived) -> None:
        self.event(event)
        if not self._silent:
            self._write(self._answer.piece(event))

    def result(self, event: ResultArrived, text: str) -> None:
        if not self._silent:
            self._write(self._answer.whole(event, text))

    def _write(self, text: str) -> None:
        # A live display owns the lines below; only whole lines can be printed above it.
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            self._print(line)

    def _print(self, line: str) -> None:
        self._live.console.print(Text(line), soft_wrap=True)

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for who, (state, what) in self._rows.items():
            table.add_row(Text(who), Text(state, style=STYLES[state]), Text(what, overflow="ellipsis", no_wrap=True))
        table.add_row(Text(f"{time.monotonic() - self._began:.0f} s", style="dim"))
        return table
