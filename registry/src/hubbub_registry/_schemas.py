"""JSON Schemas of the installed components' configurations."""

from __future__ import annotations

from typing import Any

from ._loading import checked_class
from ._registry import Entry, Registry
from .errors import ComponentUnavailableError


def component_schema(known: Registry, entry: Entry) -> dict[str, Any]:
    """Return the JSON Schema of one component as it is written into a file.

    Its `$defs` carry the component's name before theirs (`mcp_workbench.StdioServerParams`), so that the schemas of
    several components fit into one document.

    Raises:
        ComponentUnavailableError: The component cannot be imported, or is none.
    """
    spec = entry.spec
    try:
        cls = checked_class(known.import_component(entry), spec.provider)
    except (TypeError, AttributeError) as error:
        raise ComponentUnavailableError(str(error), provider=spec.provider) from error
    config = cls.component_config_schema.model_json_schema(ref_template=f"#/$defs/{spec.name}.{{model}}")
    definitions = {f"{spec.name}.{name}": schema for name, schema in config.pop("$defs", {}).items()}
    schema = _document(entry, config)
    if definitions:
        schema["$defs"] = definitions
    return schema


def component_schemas(known: Registry) -> dict[str, dict[str, Any]]:
    """Return the JSON Schema of every installed component, by name, sorted.

    Each describes `{"provider": ..., "config": {...}}` with the provider's possible names as an enum. References are
    written `#/$defs/NAME.Model`, and each schema brings its own `$defs`: whoever puts several into one document moves
    these to its top. A component that cannot be imported has a configuration of any shape, and says why.
    """
    schemas: dict[str, dict[str, Any]] = {}
    for entry in known.components():
        try:
            schemas[entry.spec.name] = component_schema(known, entry)
        except ComponentUnavailableError as error:
            schemas[entry.spec.name] = _document(entry, {"type": "object", "description": str(error)})
    return dict(sorted(schemas.items()))


def _document(entry: Entry, config: dict[str, Any]) -> dict[str, Any]:
    spec = entry.spec
    names = list(dict.fromkeys([spec.name, spec.provider, *spec.aliases]))
    optional_text = {"type": ["string", "null"]}
    return {
        "title": spec.name,
        "description": spec.summary,
        "type": "object",
        "properties": {
            "provider": {"enum": names},
            "component_type": optional_text,
            "version": {"type": ["integer", "null"]},
            "component_version": {"type": ["integer", "null"]},
            "description": optional_text,
            "label": optional_text,
            "config": config,
        },
        "required": ["provider", "config"],
        "additionalProperties": False,
    }
