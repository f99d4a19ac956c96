"""`hubbub plugins`: list, show, doctor, enable, disable."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Iterable
from dataclasses import asdict
from math import inf
from typing import TYPE_CHECKING

from . import _settings
from ._distributions import PluginRecord
from ._output import counted, print_columns, print_json
from ._registry import registry
from .cli import CommandError, Run

if TYPE_CHECKING:
    from ._probe import Probe

_STATES = """\
states:
  discovered    installed; nothing was imported to say so
  disabled      by `hubbub plugins disable`, or not named in HUBBUB_PLUGINS
  incompatible  what is installed does not meet its requirements
  failed        it raised, hung or ended the process when it was tried
  loaded        it was tried and works"""


def configure(parser: argparse.ArgumentParser) -> Run:
    """Add the subcommands of `hubbub plugins`."""
    parser.epilog = _STATES
    actions = parser.add_subparsers(metavar="ACTION", required=True)

    action = actions.add_parser("list", help="list the installed plugins (imports none of them without --check)")
    action.add_argument("--check", action="store_true", help="try each plugin in a process of its own")
    _common(action, _list)

    action = actions.add_parser("show", help="show one plugin and what it declares")
    action.add_argument("name", metavar="NAME")
    _common(action, _show)

    action = actions.add_parser("doctor", help="try each plugin and everything it declares; status 1 if one is broken")
    _common(action, _doctor)

    for name, run, text in (
        ("enable", _enable, "load a plugin again that was disabled"),
        ("disable", _disable, "do not load a plugin any more"),
    ):
        action = actions.add_parser(name, help=text)
        action.add_argument("name", metavar="NAME")
        action.set_defaults(run=run)
    return _run


def _common(parser: argparse.ArgumentParser, run: Run) -> None:
    from ._probe import TIMEOUT

    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--timeout",
        type=_seconds,
        default=TIMEOUT,
        metavar="SECONDS",
        help="for each plugin that is tried (%(default)g)",
    )
    parser.set_defaults(run=run)


def _seconds(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 < (seconds := float(text)) < inf:
            return seconds
    raise argparse.ArgumentTypeError(f"{text} is no number of seconds above 0")


def _run(arguments: argparse.Namespace) -> int:
    run: Run = arguments.run
    return run(arguments)


def _list(arguments: argparse.Namespace) -> int:
    records = registry().discovered()
    lines = [[note] if (note := _note(record)) else [] for record in records]
    told: list[dict[str, object]] = [asdict(record) for record in records]
    if arguments.check:
        from ._probe import probe

        tried = list(probe(records, checks=True, timeout=arguments.timeout))
        records = [found.record for found in tried]
        lines = [_lines(found) for found in tried]
        told = [{**asdict(found.record), "problems": found.problems, "notes": found.notes} for found in tried]
    if arguments.json:
        print_json(told)
    elif not records:
        print("no plugin is installed; `pip install hubbub-core` adds the first")
    else:
        rows = [("NAME", "STATE", "VERSION", "DISTRIBUTION", "SUMMARY")]
        rows += [(r.name, r.state, r.version, r.distribution, r.summary) for r in records]
        print_columns(rows, [[], *lines])
    return 0


def _lines(found: Probe) -> list[str]:
    """What is to be said below a plugin's own line."""
    wrong = [_note(found.record), *found.problems]
    return [*filter(None, wrong), *(f"note: {note}" for note in found.notes)]


def _note(record: PluginRecord) -> str:
    return "; ".join(part for part in (record.problem, record.remedy) if part)


def _show(arguments: argparse.Namespace) -> int:
    from ._probe import probe

    (found,) = probe([registry().record(arguments.name)], timeout=arguments.timeout)
    requires = registry().installed.requires(found.record.distribution)
    if arguments.json:
        print_json({**_as_json(found), "requires": requires})
        return 0
    record = found.record
    print(f"{record.name} ({record.state})")
    if _note(record):
        print(f"  {_note(record)}")
    print(
        f"  {record.summary}\n  distribution  {record.distribution} {record.version}\n  module        {record.module}"
    )
    print(f"  requires      {', '.join(requires) or 'nothing'}")
    for spec in found.components:
        print(f"  component     {spec['name']} ({spec['kind']}): {spec['summary']}")
    for spec in found.adapters:
        sources = [spec["source"]] if isinstance(spec["source"], str) else spec["source"]
        print(f"  adapter       {' | '.join(sources)} -> {spec['to']}")
    for spec in found.commands:
        print(f"  command       hubbub {spec['name']}: {spec['summary']}")
    for spec in found.checks:
        print(f"  check         {spec['name']}: {spec['summary']}")
    return 0


def _as_json(found: Probe) -> dict[str, object]:
    return {
        **asdict(found.record),
        "components": found.components,
        "adapters": found.adapters,
        "commands": found.commands,
        "checks": found.checks,
        "problems": found.problems,
        "notes": found.notes,
    }


def _doctor(arguments: argparse.Namespace) -> int:
    from ._probe import probe

    tried: list[Probe] = []
    for found in probe(registry().discovered(), imports=True, checks=True, timeout=arguments.timeout):
        tried.append(found)
        if not arguments.json:
            # At once: importing a framework takes seconds, and there may be many.
            _print_diagnosis(found)
    conflicts = _conflicts(tried)
    broken = [found for found in tried if found.record.state in ("failed", "incompatible") or found.problems]
    if arguments.json:
        print_json({"plugins": [_as_json(found) for found in tried], "conflicts": conflicts})
    else:
        for conflict in conflicts:
            print(conflict)
        found_there = f"{len(broken)} with problems, {counted(len(conflicts), 'conflict')}"
        print(f"{counted(len(tried), 'plugin')}, {found_there}")
    return 1 if broken or conflicts else 0


def _print_diagnosis(found: Probe) -> None:
    record = found.record
    declared = ", ".join(
        counted(len(specs), what)
        for what, specs in (("component", found.components), ("adapter", found.adapters), ("check", found.checks))
        if specs or what != "check"
    )
    detail = f": {declared}" if record.state == "loaded" else ""
    print(f"{record.name} {record.state} ({record.distribution} {record.version}){detail}")
    for line in _lines(found):
        print(f"    {line}")
    sys.stdout.flush()


def _conflicts(tried: Iterable[Probe]) -> list[str]:
    claims: dict[str, list[str]] = {}
    commands: dict[str, list[str]] = {}
    for found in tried:
        for spec in found.components:
            for name in sorted({spec["name"], spec["provider"], *spec["aliases"]}):
                claims.setdefault(name, []).append(found.record.name)
        for spec in found.commands:
            commands.setdefault(spec["name"], []).append(found.record.name)
    remedy = "; `hubbub plugins disable` one of them"
    return [
        f"{what} {name!r} is claimed by the plugins {' and '.join(plugins)}{remedy}"
        for what, table in (("component name", claims), ("command", commands))
        for name, plugins in table.items()
        if len(plugins) > 1
    ]


def _enable(arguments: argparse.Namespace) -> int:
    disabled = _settings.disabled_plugins()
    # A plugin that was uninstalled meanwhile may still be in the list, and must be let out of it.
    name = arguments.name if arguments.name in disabled else registry().record(arguments.name).name
    if name in disabled:
        _settings.write_disabled(disabled - {name})
        print(f"plugin {name} is enabled")
    else:
        print(f"plugin {name} was enabled already")
    _warn_of_environment()
    return 0


def _disable(arguments: argparse.Namespace) -> int:
    name = registry().record(arguments.name).name
    disabled = _settings.disabled_plugins()
    if name in disabled:
        print(f"plugin {name} was disabled already")
    else:
        path = _settings.write_disabled(disabled | {name})
        print(f"plugin {name} is disabled ({path}); `hubbub plugins enable {name}` takes it back")
    _warn_of_environment()
    return 0


def _warn_of_environment() -> None:
    if _settings.chosen_plugins() is not None:
        raise CommandError("it was written down, but HUBBUB_PLUGINS is set and chooses the plugins instead")
