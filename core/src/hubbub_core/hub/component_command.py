"""`hubbub run` for the component file of an agent or team."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from hubbub_core._cancellation_token import CancellationToken
from hubbub_core.progress import Progress, progress_to
from hubbub_core.user_input import REQUEST_ID, InputRequest, answer_with
from hubbub_registry.cli import CommandError

from .component_run import ComponentRun, InputEndedError
from .conversation_view import ConversationView, conversation
from .events import ChunkArrived, HubEvent, PartProgress, ResultArrived
from .run_command import no_answer, write_answer, write_whole
from .terminal_input import TerminalInput
from .view import JsonView, View


def run_component(document: Mapping[str, Any], arguments: argparse.Namespace) -> int:
    """Run an agent or team; returns the exit status."""
    if arguments.settings:
        raise CommandError("--set is for hub files; an agent or team file has no variables")
    resumed = arguments.state is not None and arguments.state.exists()
    if arguments.task is None and not resumed:
        raise CommandError("--task TEXT is needed: what is to be done; only a saved --state goes on without one")
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        run = ComponentRun(arguments.file, document, grants=arguments.allow, model=arguments.model)
        return asyncio.run(_Command(run, arguments, resumed).run())


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    # Whoever runs a file has no use for the line of a library's source that warns.
    print(f"warning: {' '.join(str(message).split())}", file=sys.stderr, flush=True)


class _Command:
    """One call of the command."""

    def __init__(self, run: ComponentRun, arguments: argparse.Namespace, resumed: bool) -> None:
        self._run = run
        self._token: CancellationToken = run.token
        self._task: str | None = arguments.task
        self._state: Path | None = arguments.state
        self._output: Path | None = arguments.output
        self._timeout: float | None = arguments.timeout
        self._resumed = resumed
        self._json: bool = arguments.json
        self._unanswered: InputRequest | None = None

    async def run(self) -> int:
        text: str | None = None
        try:
            if self._resumed and self._state is not None:
                await self._run.load_state(self._state)
            try:
                async with asyncio.timeout(self._timeout):
                    text = await self._follow(self._make_view())
            except TimeoutError as error:
                if self._timeout is None:
                    raise  # somebody else's
                await self._save()
                raise CommandError(no_answer(self._timeout)) from error
            except asyncio.CancelledError as error:
                await self._save()
                if self._unanswered is None:
                    raise
                raise InputEndedError(self._unanswered.source) from error
            await self._save()
        finally:
            await self._run.close()
        if self._output is not None:
            write_answer(self._output, [text or ""])
        return 0

    def _make_view(self) -> View:
        if self._json:
            return JsonView()
        speaker = self._run.agent.name if self._run.kind == "agent" else None
        return ConversationView(speaker=speaker, silent=self._output is not None)

    async def _follow(self, view: View) -> str | None:
        terminal = TerminalInput(self._end_of_input)
        text: str | None = None

        def progress(report: Progress) -> None:
            view.event(PartProgress(self._run.agent.name, report.text, report.done, report.total))

        with view, answer_with(terminal.ask), progress_to(progress):
            async with contextlib.aclosing(self._run.run(self._task, resumed=self._resumed)) as events:
                async for event in events:
                    if isinstance(event, ResultArrived):
                        text = self._text(event)
                        view.result(event, text)
                        self._say_why(event)
                    else:
                        _show(view, event)
                        if isinstance(event, ChunkArrived) and REQUEST_ID in event.chunk.metadata:
                            terminal.shown(str(event.chunk.metadata[REQUEST_ID]))
        return text

    def _text(self, event: ResultArrived) -> str:
        return event.result.text() if self._run.kind == "agent" else conversation(event.result)

    def _say_why(self, event: ResultArrived) -> None:
        reason = event.result.metadata.get("stop_reason")
        if reason and not self._json:
            print(f"stopped: {reason}", file=sys.stderr, flush=True)

    def _end_of_input(self, request: InputRequest) -> None:
        self._unanswered = request
        self._token.cancel()

    async def _save(self) -> None:
        """Write the state, whole or not at all."""
        if self._state is None:
            return
        state = await self._run.state()
        if state is not None:
            write_whole(self._state, state)
            print(f"saved {self._state}", file=sys.stderr, flush=True)


def _show(view: View, event: HubEvent) -> None:
    if isinstance(event, ChunkArrived) and event.chunk.kind == "text":
        view.text(event)
    else:
        view.event(event)
