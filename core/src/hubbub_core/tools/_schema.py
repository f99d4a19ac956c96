"""Write the definitions of a JSON schema inline, since many model services resolve no references."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_PREFIX = "#/$defs/"


def inline_references(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return `schema` with every `$ref` to its `$defs` replaced by the definition.

    Keys beside a `$ref` (a description, a default) win over those of the definition. A definition that contains itself
    cannot be written inline: it stays in `$defs`, and so do the references to it.
    """
    definitions: Mapping[str, Any] = schema.get("$defs", {})
    recursive = {name for name in definitions if _reaches(name, name, definitions, set())}

    def resolve(node: Any) -> Any:
        if isinstance(node, list):
            return [resolve(item) for item in node]
        if not isinstance(node, Mapping):
            return node
        reference = node.get("$ref")
        if isinstance(reference, str) and reference.startswith(_PREFIX):
            name = reference.removeprefix(_PREFIX)
            if name in definitions and name not in recursive:
                siblings = {key: resolve(value) for key, value in node.items() if key != "$ref"}
                return {**resolve(definitions[name]), **siblings}
        return {key: resolve(value) for key, value in node.items()}

    result: dict[str, Any] = resolve({key: value for key, value in schema.items() if key != "$defs"})
    if recursive:
        kept = {name: resolve(definitions[name]) for name in definitions if name in recursive}
        if "$ref" in result:
            # The class itself is recursive: its properties have to be at the top nevertheless.
            result = {**resolve(definitions[result["$ref"].removeprefix(_PREFIX)]), **result}
            del result["$ref"]
        result["$defs"] = kept
    return result


def _reaches(start: str, target: str, definitions: Mapping[str, Any], seen: set[str]) -> bool:
    for name in _references(definitions.get(start)):
        if name == target:
            return True
        if name not in seen:
            seen.add(name)
            if _reaches(name, target, definitions, seen):
                return True
    return False


def _references(node: Any) -> set[str]:
    if isinstance(node, list):
        return set().union(*(_references(item) for item in node)) if node else set()
    if not isinstance(node, Mapping):
        return set()
    found = set().union(*(_references(value) for value in node.values())) if node else set()
    reference = node.get("$ref")
    if isinstance(reference, str) and reference.startswith(_PREFIX):
        found.add(reference.removeprefix(_PREFIX))
    return found
