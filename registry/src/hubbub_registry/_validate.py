"""Check a component file against the schemas, recursively, building nothing and granting nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError

from ._component_model import ComponentModel
from ._loading import checked_class
from ._references import REF, Path, dotted, has_env_reference, is_component_mapping, resolve_env
from ._registry import Registry
from ._validation import validation_problems, without_secrets
from .errors import HubbubError


class DocumentError(HubbubError, ValueError):
    """A file is not the JSON or YAML that it should be."""


def read_document(path: FilePath) -> Any:
    """Read a JSON or YAML file.

    Raises:
        DocumentError: It cannot be read, or is neither.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DocumentError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DocumentError(f"{path}: it is not UTF-8 text (byte {error.start})") from error
    try:
        if path.suffix == ".json":
            return json.loads(text)
        import yaml

        from ._yaml import parse_yaml

        try:
            return parse_yaml(text)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark
            where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
            raise DocumentError(f"{path}: {where}{error.problem or error}") from error
        except yaml.YAMLError as error:
            raise DocumentError(f"{path}: it is no YAML: {error}") from error
    except json.JSONDecodeError as error:
        raise DocumentError(f"{path}: line {error.lineno}, column {error.colno}: {error.msg}") from error


def validate_file(known: Registry, path: FilePath) -> list[str]:
    """Check a component file, or a hub file by the component named `hub`.

    Returns:
        What is wrong, a line each with the path to the wrong value; empty when nothing is.

    Raises:
        DocumentError: The file cannot be read.
        UnknownComponentError: It is a hub file and nothing installed knows these.
    """
    document = read_document(path)
    if isinstance(document, dict) and "hub" in document:
        entry = known.get("hub")
        validate: Callable[[FilePath], list[str]] | None
        validate = getattr(known.import_component(entry), "validate_file", None)
        if validate is None:
            raise DocumentError(f"{path}: it is a hub file, and {entry.spec.provider} offers no check of these")
        problems: list[str] = validate(path)
        return problems
    return [f"{place}: {text}" if place else text for place, text in validate_component(known, document)]


def validate_component(known: Registry, document: Any, at: Path = ()) -> list[tuple[str, str]]:
    """Check a component model and those nested in it.

    Returns:
        Pairs of path and text.
    """
    if not isinstance(document, dict):
        return [(dotted(at), f"a component is a mapping with `provider` and `config`, got {document!r:.60}")]
    if str(document.get("provider", "")).startswith(REF):
        return []  # what it names is bound when the file is loaded
    try:
        model = ComponentModel.model_validate(document)
    except ValidationError as error:
        return validation_problems(error, at, document)
    problems = _nested(known, model.config, (*at, "config"))
    try:
        cls, _ = known.component_class(model.provider)
        cls = checked_class(cls, model.provider)
    except (HubbubError, TypeError, AttributeError) as error:
        return [(dotted((*at, "provider")), str(error)), *problems]
    version = model.component_version
    if version is not None and version < cls.component_version:
        return problems  # an old configuration is read by the class's own code, not by its schema
    return [*_configuration(cls.component_config_schema, model, (*at, "config")), *problems]


def _configuration(schema: Any, model: ComponentModel, at: Path) -> list[tuple[str, str]]:
    config, use = resolve_env(model.config, model.provider, lenient=True)
    try:
        schema.model_validate(config)
    except ValidationError as error:
        # What a variable that is not set will be when the file is loaded, nobody knows.
        unknown = [line for line in error.errors() if has_env_reference(line["input"])]
        if len(unknown) == error.error_count():
            return []
        return validation_problems(without_secrets(error, schema, use), at, config)
    return []


def _nested(known: Registry, value: Any, at: Path) -> list[tuple[str, str]]:
    if isinstance(value, dict):
        if is_component_mapping(value):
            return validate_component(known, value, at)
        return [problem for key, item in value.items() for problem in _nested(known, item, (*at, key))]
    if isinstance(value, list):
        return [problem for index, item in enumerate(value) for problem in _nested(known, item, (*at, index))]
    return []
