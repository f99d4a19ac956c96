"""References in configurations: `${env:NAME}` to a variable, provider `ref:NAME` to an object that a hub shares."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextvars import ContextVar, Token
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from .errors import MissingVariableError, UnboundReferenceError

_ENV = re.compile(r"\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}")
_MODEL_FIELDS = frozenset(
    ("provider", "component_type", "version", "component_version", "description", "label", "config")
)

Path = tuple[str | int, ...]
"""Where a value is in a configuration: `("participants", 0, "name")`."""

REF = "ref:"
"""Prefix of a provider that names a bound object."""

_bound: ContextVar[Mapping[str, object] | None] = ContextVar("hubbub_bound", default=None)


@dataclass(slots=True)
class EnvUse:
    """Where a configuration used the environment: what was written, and what it became. Holds secrets: never shown."""

    written: dict[Path, str] = field(default_factory=dict)
    """Path in the configuration -> the text with its references: `("api_key",)` -> `"${env:OPENAI_API_KEY}"`."""
    became: dict[Path, str] = field(default_factory=dict)
    """Same paths -> the text after resolving."""
    values: dict[str, str] = field(default_factory=dict)
    """Variable -> its value."""

    def __bool__(self) -> bool:
        return bool(self.written)


def is_component_mapping(value: object) -> bool:
    """Tell whether a value in a configuration has the shape of a nested component model."""
    return (
        isinstance(value, dict)
        and isinstance(value.get("provider"), str)
        and isinstance(value.get("config"), dict)
        and value.keys() <= _MODEL_FIELDS
    )


def resolve_env(config: dict[str, Any], component: str, *, lenient: bool = False) -> tuple[dict[str, Any], EnvUse]:
    """Return a copy of `config` with each `${env:NAME}` replaced, and what was replaced.

    Nested component models keep their references: each is resolved when it is loaded itself, so that its own dump
    can give the reference back.

    Args:
        config: The configuration, which is not changed.
        component: What the error calls it.
        lenient: Leave references to variables that are not set as they are.

    Raises:
        MissingVariableError: A variable is not set.
    """
    use = EnvUse()

    def text(value: str, path: Path) -> str:
        def substitute(match: re.Match[str]) -> str:
            name = match[1]
            if name not in os.environ:
                if lenient:
                    return match[0]
                raise MissingVariableError(name, dotted(("config", *path)), component)
            use.values[name] = os.environ[name]
            return os.environ[name]

        became = _ENV.sub(substitute, value)
        if became != value:
            use.written[path], use.became[path] = value, became
        return became

    def walk(value: Any, path: Path) -> Any:
        if isinstance(value, str):
            return text(value, path) if "${env:" in value else value
        if isinstance(value, dict):
            return value if is_component_mapping(value) else {k: walk(v, (*path, k)) for k, v in value.items()}
        if isinstance(value, list | tuple):
            items = [walk(item, (*path, index)) for index, item in enumerate(value)]
            return items if isinstance(value, list) else tuple(items)
        return value

    return {key: walk(value, (key,)) for key, value in config.items()}, use


def has_env_reference(value: object) -> bool:
    """Tell whether a value is a string with an `${env:NAME}` in it."""
    return isinstance(value, str) and _ENV.search(value) is not None


def dotted(path: Path) -> str:
    """Write a path as people read it: `("config", "participants", 0, "name")` -> `config.participants[0].name`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


class bound:
    """Bind objects to names for a block: a component with provider `ref:NAME` loads as the very object.

    Blocks nest; the inner one's names come first.

    Args:
        mapping: Name -> object, read when a reference is loaded.
    """

    def __init__(self, mapping: Mapping[str, object]) -> None:
        self._mapping = mapping
        self._tokens: list[Token[Mapping[str, object] | None]] = []

    def __enter__(self) -> None:
        outer = _bound.get()
        if outer is None:
            merged = self._mapping
        else:
            from collections import ChainMap

            # A ChainMap only reads the outer ones, so plain Mappings are fine although its type wants mutable ones.
            merged = ChainMap(self._mapping, outer)  # type: ignore[arg-type] # see above
        self._tokens.append(_bound.set(merged))

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _bound.reset(self._tokens.pop())


def bound_object(provider: str) -> object:
    """Return what `ref:NAME` is bound to.

    Raises:
        UnboundReferenceError: Nothing of that name is bound.
    """
    name = provider.removeprefix(REF)
    mapping = _bound.get() or {}
    if name not in mapping:
        raise UnboundReferenceError(name, mapping)
    return mapping[name]
