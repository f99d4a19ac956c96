"""`hubbub schema`: the JSON Schema of hub files, put together from what the installed plugins declare."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hubbub_registry import component_schemas, registry

from .schema import HubFile

EPILOG = """\
examples:
  hubbub schema --output hub.schema.json

First line of a hub file, for editors that read YAML schemas:
  # yaml-language-server: $schema=hub.schema.json"""

_ENTRY_KINDS: dict[str, frozenset[str] | None] = {"ComponentEntry": None, "AgentEntry": frozenset({"agent", "team"})}
"""Kinds of components that the entries of a hub file may name; None is any."""

_PLACEHOLDER = "Placeholder"


def configure(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace], int]:
    """Add the arguments of `hubbub schema` and return what runs it."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("--output", type=Path, metavar="FILE", help="write to a file instead of standard output")
    return run


def run(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
    from .run_command import write_whole

    text = json.dumps(hub_schema(), indent=2, ensure_ascii=False) + "\n"
    if arguments.output is None:
        print(text, end="")
    else:
        write_whole(arguments.output, text)
    return 0


def hub_schema() -> dict[str, Any]:
    """Return the JSON Schema of hub files with the components of the installed plugins."""
    schema = HubFile.model_json_schema()
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "Hubbub hub file"}
    definitions: dict[str, Any] = schema["$defs"]
    known = registry()
    kinds = {entry.spec.name: entry.spec.kind for entry in known.components()}
    components = component_schemas(known)
    definitions[_PLACEHOLDER] = {
        "title": _PLACEHOLDER,
        "description": "A value that the hub fills in",
        "type": "string",
        "pattern": r"^\$\{(set|env|hub|models|tools|shared):[^}]*\}$",
    }
    for component in components.values():
        definitions.update({name: _fillable(found) for name, found in component.pop("$defs", {}).items()})
    for entry, wanted in _ENTRY_KINDS.items():
        chosen = [found for name, found in components.items() if wanted is None or kinds[name] in wanted]
        names = [found["properties"]["provider"]["enum"] for found in chosen]
        properties = definitions[entry]["properties"]
        # Any text stays allowed: a component of a plugin that is not installed here is no error of the file.
        properties["component"]["anyOf"] = [
            {"enum": sorted(name for some in names for name in some)},
            {"type": "string"},
        ]
        properties["component"].pop("type")
        definitions[entry]["allOf"] = [
            {
                "if": {"properties": {"component": {"enum": some}}},
                "then": {"properties": {"config": _fillable(found["properties"]["config"])}},
            }
            for some, found in zip(names, chosen, strict=True)
        ]
    return schema


def _fillable(schema: Any) -> Any:
    """Let every property and item of a schema also be a placeholder, as in `top_k: ${set:passages}`."""
    if not isinstance(schema, dict):
        return schema
    changed = dict(schema)
    if isinstance(schema.get("properties"), dict):
        changed["properties"] = {name: _or_placeholder(value) for name, value in schema["properties"].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            changed[key] = _or_placeholder(schema[key])
    for key in ("anyOf", "oneOf", "allOf", "prefixItems"):
        if key in schema:
            changed[key] = [_fillable(value) for value in schema[key]]
    return changed


def _or_placeholder(schema: Any) -> Any:
    if not isinstance(schema, dict):
        return schema
    shown = {key: schema[key] for key in ("title", "description", "default") if key in schema}
    return {**shown, "anyOf": [_fillable(schema), {"$ref": f"#/$defs/{_PLACEHOLDER}"}]}
