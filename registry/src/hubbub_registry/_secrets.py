"""Keep secrets out of what is dumped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, Secret, SecretBytes, SecretStr

from ._references import EnvUse, Path

_SECRETS = (SecretStr, SecretBytes, Secret)
_DROP = object()


def is_secret_type(annotation: Any) -> bool:
    """Tell whether a type annotation is a secret or has one among its arguments."""
    if isinstance(annotation, type) and issubclass(annotation, _SECRETS):
        return True
    return any(is_secret_type(argument) for argument in getattr(annotation, "__args__", ()))


def dump_config(config: BaseModel, use: EnvUse) -> dict[str, Any]:
    """Dump a configuration without None and without secrets.

    Args:
        config: The configuration.
        use: What the component that is dumped took from the environment when it was loaded: dumped as references.
    """
    dumped = config.model_dump(exclude_none=True)
    # A serializer of the schema's own may reveal a secret as text, so the places of secrets count, not only types.
    secret_places = set(_secret_places(config, ()))
    in_place = {path for path, became in use.became.items() if _plain(_at(dumped, path)) == became}
    moved = {became: use.written[path] for path, became in use.became.items() if path not in in_place}
    if moved:
        moved |= {value: f"${{env:{name}}}" for name, value in use.values.items() if value}
    all_of_it = {became: use.written[path] for path, became in use.became.items()}

    def clean(value: Any, path: Path) -> Any:
        if path in in_place:
            return use.written[path]
        if isinstance(value, _SECRETS) or path in secret_places:
            return all_of_it.get(_plain(value), _DROP)
        if isinstance(value, str):
            return moved.get(value, value)
        if isinstance(value, dict):
            entries = ((key, clean(item, (*path, key))) for key, item in value.items())
            return {key: item for key, item in entries if item is not _DROP}
        if isinstance(value, list | tuple | set | frozenset):
            items = [clean(item, (*path, index)) for index, item in enumerate(value)]
            return type(value)(item for item in items if item is not _DROP)
        return value

    cleaned: dict[str, Any] = clean(dumped, ())
    return cleaned


def _plain(value: Any) -> Any:
    if isinstance(value, _SECRETS):
        value = value.get_secret_value()
    # Only text is compared with what came from the environment; an unhashable value must not reach a dict lookup.
    return value if isinstance(value, str) else None


def _at(value: Any, path: Path) -> Any:
    for part in path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _secret_places(value: Any, path: Path) -> Iterator[Path]:
    if isinstance(value, _SECRETS):
        yield path
    elif isinstance(value, BaseModel):
        for name, info in type(value).model_fields.items():
            item = getattr(value, name, None)
            for key in {name, info.serialization_alias or name}:
                yield from _secret_places(item, (*path, key))
        yield from _secret_places(value.model_extra, path)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _secret_places(item, (*path, key))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _secret_places(item, (*path, index))
