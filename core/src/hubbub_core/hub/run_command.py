"""`hubbub run FILE --task TEXT`: run a hub file, or a component file of an agent or team."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from hubbub_core._constants import ROOT_LOGGER_NAME
from hubbub_registry import HubbubError
from hubbub_registry.cli import CommandError

from .errors import HubFileError
from .events import ChunkArrived, HubEvent, ResultArrived
from .hub import Hub
from .reading import NEITHER, read_document
from .schema import Renderer
from .view import View, make_view

EPILOG = """\
FILE is a hub file (`hub: 1`), or the component file of one agent or team, as dump_component() and
AutoGen Studio write it (`provider: ...`).

hub files:
  hubbub run examples/briefing/hub.yaml --task "How does Hubbub find plugins?"
  hubbub run hub.yaml --task "..." --set docs=~/notes --output briefing.md
  hubbub run hub.yaml --task "..." --model openai:gpt-4o-mini    (OPENAI_API_KEY, OPENAI_BASE_URL)
  hubbub run hub.yaml --task "..." --json | jq .

agent and team files:
  hubbub run team.json --task "Write a line about autumn."
  hubbub run team.json --task "..." --allow code --allow process
  hubbub run team.json --task "..." --state team.state     (Ctrl-C stops and saves)
  hubbub run team.json --state team.state                  (goes on where it stopped)

An agent's answer, or what a team's members say, goes to standard output, progress to standard error.
Members that ask a human ask on standard error and read lines from standard input. Exit status: 0 with
an answer, 2 when something is wrong, 130 after Ctrl-C."""

HUB_SECONDS = 600.0
"""How long the run of a hub file may take by default. A team that waits for a human has no such limit."""


def configure(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace], int]:
    """Add the arguments of `hubbub run` and return what runs it."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("file", type=Path, metavar="FILE", help="hub, agent or team file, YAML or JSON")
    parser.add_argument("--task", metavar="TEXT", help="what is to be done; not needed where --state goes on")
    parser.add_argument(
        "--model",
        metavar="NAME[:ID]",
        help="use this model: in place of a hub file's default model, of every model of an agent or team file",
    )
    parser.add_argument(
        "--timeout",
        type=_seconds,
        metavar="SECONDS",
        help=f"give up after this time, downloads on a first start included (default: {HUB_SECONDS:g} for a hub file, "
        "none for an agent or team)",
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the answer to a file")
    parser.add_argument("--json", action="store_true", help="print events as JSON, one a line")
    hubs = parser.add_argument_group("hub files only")
    hubs.add_argument(
        "--set",
        action="append",
        default=[],
        dest="settings",
        metavar="NAME=VALUE",
        help="set a variable of the file (see its `set` section); may be repeated",
    )
    components = parser.add_argument_group("agent and team files only")
    components.add_argument(
        "--allow",
        action="append",
        default=[],
        metavar="CAPABILITY",
        help="grant what the file asks for: `code` (run code that it carries), `process` (start processes); "
        "may be repeated",
    )
    components.add_argument(
        "--state",
        type=Path,
        metavar="FILE",
        help="go on from this state if the file exists; write the state to it at the end, on Ctrl-C and on a timeout",
    )
    return run


def run(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
    if arguments.task is not None and not arguments.task.strip():
        raise CommandError("--task is empty; say what is to be done")
    if not os.environ.get("HUBBUB_DEBUG"):
        # What agents raise is this command's last line; without a handler the log would print it with its traceback.
        logging.getLogger(ROOT_LOGGER_NAME).addHandler(logging.NullHandler())
    for option, path in (("--output", arguments.output), ("--state", arguments.state)):
        if path is not None and not path.resolve().parent.is_dir():
            raise CommandError(f"{option} {path}: there is no folder {path.resolve().parent}")
        if path is not None and path.is_dir():
            raise CommandError(f"{option} {path}: is a folder; name a file")
    try:
        document = read_document(arguments.file)
        if "hub" not in document and "provider" in document:
            from .component_command import run_component

            return run_component(document, arguments)
        if "hub" not in document:
            raise HubFileError(arguments.file, NEITHER)
        return _run_hub(arguments)
    except HubbubError as error:
        raise CommandError(str(error)) from error


def _run_hub(arguments: argparse.Namespace) -> int:
    if arguments.task is None:
        raise CommandError("--task TEXT is needed: what the hub is asked to do")
    if arguments.allow:
        raise CommandError("--allow is for agent and team files; a hub file has its own list, `grants`")
    if arguments.state is not None:
        raise CommandError("--state is for agent and team files; a hub's run cannot be resumed")
    hub = Hub.from_file(arguments.file, settings=parse_settings(arguments.settings), model=arguments.model)
    hub.check()
    return asyncio.run(_run(hub, arguments))


async def _run(hub: Hub, arguments: argparse.Namespace) -> int:
    writers = {name for name, agent in hub.file.agents.items() if agent.publishes == hub.file.result.topic}
    renderer: Renderer = hub.file.result.renderer
    seconds: float = HUB_SECONDS if arguments.timeout is None else arguments.timeout
    view = make_view(as_json=arguments.json, silent=arguments.output is not None)
    texts: list[str] = []
    try:
        with view:
            async with asyncio.timeout(seconds):
                async with contextlib.aclosing(hub.run(arguments.task)) as events:
                    async for event in events:
                        _show(view, event, writers, renderer)
                        if isinstance(event, ResultArrived):
                            texts.append(render(event, renderer))
    except TimeoutError as error:
        came = f"only {len(texts)} of the answers" if texts else "no answer"
        raise CommandError(f"{came} after {seconds:g} seconds; --timeout SECONDS allows more") from error
    if arguments.output is not None:
        write_answer(arguments.output, texts)
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


def no_answer(seconds: float) -> str:
    """Return what to say after a timeout."""
    return f"no answer after {seconds:g} seconds; --timeout SECONDS allows more"


def write_answer(path: Path, texts: Sequence[str]) -> None:
    """Write answers to a file and say so."""
    write_whole(path, "\n\n".join(text.strip() for text in texts) + "\n")
    print(f"wrote {path}", file=sys.stderr)


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
