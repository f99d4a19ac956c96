"""The shell of the `hubbub` command: finds the subcommand, and turns every error into one line and a status."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NoReturn, TextIO

from .errors import HubbubError

if TYPE_CHECKING:
    from ._registry import Registry
    from .specs import CommandSpec

Run = Callable[[argparse.Namespace], int]
"""Runs a parsed command and returns its exit status."""

_OWN = {
    "plugins": ("what is installed: list, show, check, enable, disable", "hubbub_registry._cli_plugins.configure"),
    "components": (
        "what can be built from configuration: list, show, schema, validate",
        "hubbub_registry._cli_components.configure",
    ),
}

_ELSEWHERE = {
    "help": "--help",
    "version": "--version",
    "list": "plugins list",
    "doctor": "plugins doctor",
    "enable": "plugins enable NAME",
    "disable": "plugins disable NAME",
    "show": "components show NAME",
    "validate": "components validate FILE",
}
"""What people type, and where it is."""

_EXAMPLES = """\
examples:
  hubbub plugins list              what is installed, and in which state
  hubbub plugins doctor            try each plugin, and say what to mend
  hubbub components list           what can be built from configuration
  hubbub components show NAME      what a component needs and is called
  hubbub components validate FILE  check a component or hub file, building nothing

`hubbub COMMAND --help` says more. HUBBUB_PLUGINS=none or a,b chooses plugins for one call;
HUBBUB_DEBUG=1 shows the traceback of an unexpected error."""


class CommandError(HubbubError):
    """Ends a command with one line on stderr.

    Args:
        message: The line, without the leading `hubbub: `.
        status: The exit status.
    """

    def __init__(self, message: str, status: int = 2) -> None:
        self.status = status
        super().__init__(message)


class Parser(argparse.ArgumentParser):
    """A parser whose errors are `CommandError`s, so that they come out in one line as all others do."""

    def error(self, message: str) -> NoReturn:
        raise CommandError(f"{message} (`{self.prog} --help` shows how it is used)")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the `hubbub` command and return its exit status.

    Args:
        argv: The words after `hubbub`; those of the process by default.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        status = _dispatch(words)
        sys.stdout.flush()
    except SystemExit as end:  # how argparse ends after --help
        return end.code if isinstance(end.code, int) else 0 if end.code is None else _complain(str(end.code))
    except KeyboardInterrupt:
        return _complain("interrupted", 130)
    except BrokenPipeError as error:
        return _quiet_stdout() if _stdout_is_closed() else _unexpected(error)
    except Exception as error:
        return _ended_by(error)
    return status


def report_failures(known: Registry, stream: TextIO | None = None) -> None:
    """Write one line for each plugin that could not be loaded: which, why, and what to do."""
    for record in known.failures():
        remedy = f"; {record.remedy}" if record.remedy else ""
        _line(f"plugin {record.name} {record.state}: {record.problem}{remedy}", stream)


def _dispatch(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help"):
        print(_help())
        return 0
    if words[0].startswith("-"):
        return _top_options(words)
    name, rest = words[0], words[1:]
    if name in _OWN:
        summary, by = _OWN[name]
        return _run(name, summary, by, rest)
    from ._registry import registry

    known = registry()
    report_failures(known)
    plugin, spec = _plugin_command(known, name)
    return _run(name, spec.summary, spec.by, rest, plugin=plugin, distribution=known.distribution(plugin))


def _run(name: str, summary: str, by: str, words: list[str], *, plugin: str = "", distribution: str = "") -> int:
    from ._dotted import import_dotted

    what = f"command {name!r} of plugin {plugin}" if plugin else f"command {name!r}"
    configure = import_dotted(by, what, distribution=distribution)
    parser = Parser(prog=f"hubbub {name}", description=summary, formatter_class=argparse.RawDescriptionHelpFormatter)
    run = configure(parser) if callable(configure) else None
    if not callable(run):
        raise CommandError(f"{what} is broken: {by} should be a function that returns what runs the command")
    status = run(parser.parse_args(words))
    return status if isinstance(status, int) else 0


def _plugin_command(known: Registry, name: str) -> tuple[str, CommandSpec]:
    found = [(plugin, spec) for plugin, spec in known.commands() if spec.name == name]
    if len(found) == 1:
        return found[0]
    if found:
        plugins = " and ".join(plugin for plugin, _ in found)
        raise CommandError(f"the plugins {plugins} both add a command {name!r}; `hubbub plugins disable` one of them")
    from difflib import get_close_matches

    from ._names import commanding_distribution

    names = sorted({*_OWN, *(spec.name for _, spec in known.commands())})
    near = get_close_matches(name, names, n=1)
    if name in _ELSEWHERE:
        near = [_ELSEWHERE[name]]
    meant = f"did you mean `hubbub {near[0]}`?" if near else f"there are {', '.join(names)}"
    if distribution := commanding_distribution(name):
        meant = f"{distribution} adds it: `pip install {distribution}`"
        for record in known.discovered():
            if record.distribution == distribution:
                why = f", which is {record.state}: {record.problem}; {record.remedy}" if record.problem else ""
                meant = f"plugin {record.name} adds it{why or '; `hubbub plugins doctor` says what is wrong there'}"
    raise CommandError(f"there is no command {name!r}; {meant}")


def _help() -> str:
    from ._names import commanding_distribution
    from ._registry import registry

    known = registry()
    report_failures(known)
    commands = {name: summary for name, (summary, _) in _OWN.items()}
    for plugin, spec in known.commands():
        commands.setdefault(
            spec.name, spec.summary if commanding_distribution(spec.name) else f"{spec.summary} (plugin {plugin})"
        )
    width = max(map(len, commands))
    listed = "\n".join(f"  {name:<{width}}  {summary}" for name, summary in sorted(commands.items()))
    return (
        "usage: hubbub [--version] [--help] COMMAND ...\n\n"
        "A hub for agents of every framework: run hub files, and see what is installed.\n\n"
        f"commands:\n{listed}\n\n{_EXAMPLES}"
    )


def _top_options(words: list[str]) -> int:
    parser = Parser(prog="hubbub")
    parser.add_argument("--version", action="store_true")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args(words)
    if not chosen.version:
        raise CommandError("no command given; `hubbub --help` lists them")
    import platform

    from ._registry import registry

    known = registry()
    version = known.installed.version("hubbub-registry") or "unknown"
    if not chosen.json:
        print(f"hubbub {version} (Python {platform.python_version()})")
        return 0
    from ._output import print_json

    plugins = {r.name: {"distribution": r.distribution, "version": r.version} for r in known.discovered()}
    print_json({"hubbub-registry": version, "python": platform.python_version(), "plugins": plugins})
    return 0


def _ended_by(error: Exception) -> int:
    if os.environ.get("HUBBUB_DEBUG"):
        import traceback

        traceback.print_exception(error)
    if isinstance(error, CommandError):
        return _complain(str(error), error.status)
    if isinstance(error, HubbubError):
        return _complain(str(error))
    # Only where pydantic is loaded already can the error be one of its own.
    pydantic = sys.modules.get("pydantic")
    if pydantic is not None and isinstance(error, pydantic.ValidationError):
        from ._validation import describe_validation_error

        notes = " ".join(getattr(error, "__notes__", ()))
        return _complain(describe_validation_error(error) + (f" ({notes})" if notes else ""))
    if isinstance(error, OSError) and error.filename is not None:
        return _complain(f"{error.filename}: {error.strerror}")
    return _unexpected(error)


def _unexpected(error: Exception) -> int:
    text = f"{type(error).__name__}: {error}".rstrip(": ")
    return _complain(f"unexpected error: {text} (HUBBUB_DEBUG=1 shows the traceback)")


def _complain(message: str, status: int = 2) -> int:
    _line(message)
    return status


def _line(message: str, stream: TextIO | None = None) -> None:
    try:
        print(f"hubbub: {' '.join(message.split())}", file=stream or sys.stderr, flush=True)
    except OSError:
        # Nobody listens on stderr any more; the exit status still tells.
        return


def _stdout_is_closed() -> bool:
    """Tell whether it was stdout whose reader went away, and not a pipe of the command's own."""
    import select

    try:
        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)  # errors and hang-ups are told in any case
    except (AttributeError, OSError, ValueError):
        # No poll on Windows, no descriptor where stdout was replaced.
        return sys.platform == "win32"
    return bool(poll.poll(0))


def _quiet_stdout() -> int:
    """End as a program does whose reader went away: no message, and none from the interpreter's own last flush."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 141
