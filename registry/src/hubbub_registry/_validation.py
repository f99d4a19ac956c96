"""Say what is wrong in a configuration: in one line, with the path, and without showing a secret."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from pydantic import BaseModel, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from ._references import EnvUse, Path, dotted
from ._secrets import is_secret_type

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_HIDDEN = "**********"

# What pydantic puts before the message of a validator that a schema brings, by the error's type.
_OWN_CHECKS: Final = {"value_error": "Value error, ", "assertion_error": "Assertion failed, "}


def validation_problems(error: ValidationError, at: Path = ("config",), data: object = None) -> list[tuple[str, str]]:
    """List what a validation found, one entry per wrong value.

    Args:
        error: What pydantic raised.
        at: Path of the validated value, which goes before each path.
        data: The value that was validated. With it, the names of union members that pydantic puts into its paths are
            told apart from keys and left out.

    Returns:
        Pairs of path and text: `("config.server_params.command", "Input should be a valid string, got 3")`.
    """
    texts: dict[str, list[str]] = {}
    found: dict[str, str] = {}
    for details in error.errors(include_url=False, include_context=False):
        path = dotted((*at, *_location(details, data)))
        message = details["msg"].removeprefix(_OWN_CHECKS.get(details["type"], ""))
        if message not in texts.setdefault(path, []):
            texts[path].append(message)
        found.setdefault(path, _got(details))
    return [(path, " or ".join(messages) + found[path]) for path, messages in texts.items()]


def describe_validation_error(error: ValidationError, at: str = "config", data: object = None) -> str:
    """Write a pydantic error in one line.

    Args:
        error: What pydantic raised.
        at: What the validated value is called; it begins each path.
        data: The value that was validated, when it is at hand; it makes the paths exact in unions.

    Returns:
        `config.server_params.command: Input should be a valid string, got 3`; several problems are joined by `; `.
    """
    start: Path = (at,) if at else ()
    return "; ".join(f"{path}: {text}" if path else text for path, text in validation_problems(error, start, data))


def without_secrets(error: ValidationError, schema: type[BaseModel], use: EnvUse) -> ValidationError:
    """Return the error, or when an input in it is secret an equal one that does not show it.

    Args:
        error: What validating a configuration raised.
        schema: The model class that was validated against.
        use: What the configuration took from the environment.
    """
    lines = error.errors(include_url=False)
    secrets = [value for value in {*use.values.values(), *use.became.values()} if value]
    if not secrets and not any(_is_secret(schema, line) for line in lines):
        return error

    def redact(value: Any) -> Any:
        if isinstance(value, str):
            for secret in secrets:
                value = value.replace(secret, _HIDDEN)
            return value
        if isinstance(value, Mapping):
            return {key: redact(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [redact(item) for item in value]
        return value

    redacted = [
        InitErrorDetails(
            # Braces would be taken for placeholders only if a context came along; none does.
            type=PydanticCustomError(cast("Any", line["type"]), cast("Any", redact(line["msg"]))),
            loc=line["loc"],
            input=_HIDDEN if _is_secret(schema, line) else redact(line["input"]),
        )
        for line in lines
    ]
    return ValidationError.from_exception_data(error.title, redacted)


def _is_secret(schema: type[BaseModel], line: ErrorDetails) -> bool:
    if line["type"] == "extra_forbidden":
        return True  # a misspelt `api_key` is none of the schema's fields, and its value is a key all the same
    return any(is_secret_type(annotation) for annotation in _annotations(schema, line["loc"]))


def _annotations(schema: type[BaseModel], location: Iterable[int | str]) -> Iterable[Any]:
    """Walk the field types along a location; where it leaves models, the last type stands."""
    models: list[type[BaseModel]] = [schema]
    for part in location:
        fields = [
            info
            for model in models
            for name, info in model.model_fields.items()
            if part in (name, info.alias, info.validation_alias)
        ]
        if not fields:
            continue
        for info in fields:
            yield info.annotation
        models = [model for info in fields for model in _models_in(info.annotation)]


def _models_in(annotation: Any) -> Iterable[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _models_in(argument)


def _location(details: ErrorDetails, data: object) -> Path:
    """The location without the union members and function names that pydantic puts between the keys."""
    location = details["loc"]
    if data is None:
        return tuple(part for part in location if not (isinstance(part, str) and ("[" in part or "(" in part)))
    path: list[str | int] = []
    for index, part in enumerate(location):
        last = index == len(location) - 1
        into_mapping = isinstance(data, Mapping) and part in data
        if into_mapping or (isinstance(data, list | tuple) and isinstance(part, int) and part < len(data)):
            data = data[part]  # type: ignore[index] # the condition says what it is
        elif not (last and details["type"] == "missing"):
            continue
        path.append(part)
    return tuple(path)


def _got(details: ErrorDetails) -> str:
    value = details["input"]
    # A missing field's input is its parent; that of a superfluous one may be a misspelt secret.
    if details["type"] in ("missing", "extra_forbidden") or value == _HIDDEN:
        return ""
    if details["type"] in _OWN_CHECKS and isinstance(value, Mapping | list | tuple | set):
        return ""  # a schema's own check of several values says which of them is wrong
    if isinstance(value, Mapping):
        return ", got a mapping"
    if isinstance(value, list | tuple | set):
        return ", got a list"
    text = "null" if value is None else repr(value)
    return f", got {text if len(text) <= 60 else text[:57] + '...'}"
