"""Checks what the mock server sends against the types of the installed SDK."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, TypeVar, get_args, get_origin

from openai_wire import JsonObject
from pydantic import BaseModel, ValidationError

_T = TypeVar("_T", bound=BaseModel)


def checked(kind: type[BaseModel], data: JsonObject) -> JsonObject:
    """Return `data` if it is what the SDK's class says.

    Raises:
        pydantic.ValidationError: It is not. A `ValueError`.
    """
    kind.model_validate(data)
    return data


def checked_member(union: Any, data: JsonObject, key: str = "type") -> JsonObject:
    """Return `data` if it is one of the classes of a union, of those whose `key` has its value.

    Raises:
        ValueError: The SDK knows no such class, or the data does not fit.
    """
    found = _members(union, key).get(data.get(key))
    if not found:
        raise ValueError(f"the SDK knows no object with {key} {data.get(key)!r}")
    failures: list[ValidationError] = []
    for kind in found:
        try:
            return checked(kind, data)
        except ValidationError as exc:
            failures.append(exc)
    raise failures[0]


@cache
def _members(union: Any, key: str) -> dict[Any, list[type[BaseModel]]]:
    members: dict[Any, list[type[BaseModel]]] = {}
    for kind in _flat(union):
        for value in get_args(kind.model_fields[key].annotation):
            members.setdefault(value, []).append(kind)
    return members


def _flat(union: Any) -> list[type[BaseModel]]:
    if get_origin(union) is Annotated:
        return _flat(get_args(union)[0])
    arguments = get_args(union)
    return [kind for argument in arguments for kind in _flat(argument)] if arguments else [union]
