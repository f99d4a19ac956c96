"""`hubbub components`: list, show, schema, validate."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ._output import print_columns, print_json
from ._registry import Entry, Registry, registry
from .cli import CommandError, Run, report_failures

_EXAMPLES = """\
examples:
  hubbub components list --kind model
  hubbub components schema mcp_workbench > mcp_workbench.schema.json
  hubbub components validate team.json"""


def configure(parser: argparse.ArgumentParser) -> Run:
    """Add the subcommands of `hubbub components`."""
    parser.epilog = _EXAMPLES
    actions = parser.add_subparsers(metavar="ACTION", required=True)

    action = actions.add_parser("list", help="list what the installed plugins declare")
    action.add_argument("--kind", metavar="KIND", help="only components of this kind, such as model or agent")
    action.add_argument("--json", action="store_true", help="print JSON")
    action.set_defaults(run=_list)

    action = actions.add_parser("show", help="show one component: its names, needs and capabilities")
    action.add_argument("name", metavar="NAME", help="its name, provider or an alias")
    action.add_argument("--json", action="store_true", help="print JSON")
    action.set_defaults(run=_show)

    action = actions.add_parser("schema", help="print the JSON Schema of a component")
    action.add_argument("name", metavar="NAME", help="its name, provider or an alias")
    action.set_defaults(run=_schema)

    action = actions.add_parser("validate", help="check a component or hub file; nothing is built or granted")
    action.add_argument("file", metavar="FILE", type=Path, help="a JSON or YAML file")
    action.add_argument("--json", action="store_true", help="print JSON")
    action.set_defaults(run=_validate)
    return _run


def _run(arguments: argparse.Namespace) -> int:
    known = registry()
    report_failures(known)
    status: int = arguments.run(arguments, known)
    return status


def _list(arguments: argparse.Namespace, known: Registry) -> int:
    entries = known.components(arguments.kind)
    if arguments.kind is not None and not entries:
        kinds = sorted({entry.spec.kind for entry in known.components()})
        raise CommandError(f"no component is of kind {arguments.kind!r}; there are {', '.join(kinds) or 'none at all'}")
    if arguments.json:
        print_json([_as_json(known, entry) for entry in entries])
        return 0
    if not entries:
        print("no plugin that is loaded declares a component; `hubbub plugins list` shows what is installed")
        return 0
    claimed = known.conflicts()
    rows = [("NAME", "KIND", "PLUGIN", "SUMMARY")]
    notes: list[list[str]] = [[]]
    for entry in entries:
        spec = entry.spec
        rows.append((spec.name, spec.kind, entry.plugin, spec.summary))
        others = [other.plugin for other in claimed.get(spec.name, []) if other.plugin != entry.plugin]
        notes.append([f"its name is claimed by plugin {' and '.join(others)} too"] if others else [])
    print_columns(rows, notes)
    return 0


def _show(arguments: argparse.Namespace, known: Registry) -> int:
    entry = known.get(arguments.name)
    if arguments.json:
        print_json(_as_json(known, entry))
        return 0
    spec = entry.spec
    print(f"{spec.name} ({spec.kind})\n  {spec.summary}\n  provider      {spec.provider}")
    for title, values in (("aliases", spec.aliases), ("needs", spec.needs), ("capabilities", spec.capabilities)):
        if values:
            print(f"  {title:<12}  {', '.join(values)}")
    print(f"  plugin        {entry.plugin} ({known.distribution(entry.plugin)})")
    print(f"  configuration `hubbub components schema {spec.name}`")
    return 0


def _as_json(known: Registry, entry: Entry) -> dict[str, Any]:
    return {**asdict(entry.spec), "plugin": entry.plugin, "distribution": known.distribution(entry.plugin)}


def _schema(arguments: argparse.Namespace, known: Registry) -> int:
    from ._schemas import component_schema

    schema = component_schema(known, known.get(arguments.name))
    print_json({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})
    return 0


def _validate(arguments: argparse.Namespace, known: Registry) -> int:
    from ._validate import validate_file

    problems = validate_file(known, arguments.file)
    if arguments.json:
        print_json({"file": str(arguments.file), "valid": not problems, "problems": problems})
        return 2 if problems else 0
    if problems:
        more = f" (and {len(problems) - 1} more; --json lists them)" if len(problems) > 1 else ""
        raise CommandError(f"{arguments.file}: {problems[0]}{more}")
    print(f"{arguments.file}: valid")
    return 0
