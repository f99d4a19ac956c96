"""`hubbub run FILE --task TEXT`: run a hub file."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from hubbub_core._constants import ROOT_LOGGER_NAME
from hubbub_registry import HubbubError
from hubbub_registry.cli import CommandError

from .events import ChunkArrived, HubEvent, ResultArrived
from .hub import Hub
from .schema import Renderer
from .view import View, make_view

EPILOG = """\
examples:
  hubbub run examples/briefing/hub.yaml --task "How does Hubbub find plugins?"
  hubbub run hub.yaml --task "..." --set docs=~/notes --output briefing.md
  hubbub run hub.yaml --task "..." --model openai:gpt-4o-mini    (OPENAI_API_KEY, OPENAI_BASE_URL)
  hubbub run hub.yaml --task "..." --json | jq .

The answer goes to standard output, progress to standard error. Exit status: 0 with an answer,
2 when something is wrong, 130 after Ctrl-C."""


def configure(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace], int]:
    """Add the arguments of `hubbub run` and return what runs it."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("file", type=Path, metavar="FILE", help="hub file, YAML or JSON")
    parser.add_argument("--task", required=True, metavar="TEXT", help="what the hub is asked to do")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        dest="settings",
        metavar="NAME=VALUE",
        help="set a variable of the file (see its `set` section); may be repeated",
    )
    parser.add_argument("--model", metavar="NAME[:ID]", help="use this model in place of the file's default model")
    parser.add_argument(
        "--timeout",
        type=_seconds,
        default=600.0,
        metavar="SECONDS",
        help="give up after this time, downloads on a first start included (default: 600)",
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the answer to a file")
    parser.add_argument("--json", action="store_true", help="print events as JSON, one a line")
    return run


def run(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
    if not arguments.task.strip():
        raise CommandError("--task is empty; say what the hub is asked to do")
    if not os.environ.get("HUBBUB_DEBUG"):
        # What agents raise is this command's last line; without a handler the log would print it with its traceback.
        logging.getLogger(ROOT_LOGGER_NAME).addHandler(logging.NullHandler())
    output: Path | None = arguments.output
    if output is not None and not output.resolve().parent.is_dir():
        raise CommandError(f"--output {output}: there is no folder {output.resolve().parent}")
    try:
        hub = Hub.from_file(arguments.file, settings=parse_settings(arguments.settings), model=arguments.model)
        hub.check()
        return asyncio.run(_run(hub, arguments))
    except HubbubError as error:
        raise CommandError(str(error)) from error


async def _run(hub: Hub, arguments: argparse.Namespace) -> int:
    writers = {name for name, agent in hub.file.agents.items() if agent.publishes == hub.file.result.topic}
    renderer: Renderer = hub.file.result.renderer
    view = make_view(as_json=arguments.json, silent=arguments.output is not None)
    texts: list[str] = []
    try:
        with view:
            async with asyncio.timeout(arguments.timeout):
                async with contextlib.aclosing(hub.run(arguments.task)) as events:
                    async for event in events:
                        _show(view, event, writers, renderer)
                        if isinstance(event, ResultArrived):
                            texts.append(render(event, renderer))
    except TimeoutError as error:
        came = f"only {len(texts)} of the answers" if texts else "no answer"
        raise CommandError(f"{came} after {arguments.timeout:g} seconds; --timeout SECONDS allows more") from error
    if arguments.output is not None:
        write_whole(arguments.output, "\n\n".join(text.strip() for text in texts) + "\n")
        print(f"wrote {arguments.output}", file=sys.stderr)
    return 0


def _show(view: View, event: HubEvent, writers: set[str], renderer: Renderer) -> None:
    if isinstance(event, ChunkArrived) and event.chunk.kind == "text":
        # Only the text of those who write the answer belongs on standard output while it arises.
        if event.agent in writers and renderer != "json":
            view.text(event)
        else:
            view.event(event)
    elif isinstance(event, ResultArrived):
        view.result(event, render(event, renderer))
    else:
        view.event(event)


def render(event: ResultArrived, renderer: Renderer) -> str:
    """Return a result as text for the terminal or a file."""
    if renderer == "json":
        return json.dumps(event.result.model_dump(mode="json"), ensure_ascii=False, indent=2)
    return event.result.text()


def write_whole(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    handle, name = tempfile.mkstemp(dir=path.resolve().parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)  # mkstemp makes files that only the owner reads
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def parse_settings(pairs: list[str]) -> dict[str, str]:
    """Turn `NAME=VALUE` texts into a mapping."""
    settings: dict[str, str] = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator or not name:
            raise CommandError(f"--set {pair}: write it as NAME=VALUE")
        settings[name] = value
    return settings


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number of seconds")
    return seconds
