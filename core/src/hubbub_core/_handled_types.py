"""Which types a handler's annotations name."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from typing import Any, Union, get_args, get_origin, get_type_hints


def resolve_hints(func: Callable[..., Any]) -> dict[str, Any]:
    """Return a function's type hints, also those that name classes local to the function around it.

    Raises:
        AssertionError: A hint names something that is not defined where the function is.
    """
    try:
        return get_type_hints(func)
    except NameError:
        # Under `from __future__ import annotations` a hint is text; what it names may be a local of a calling frame.
        try:
            return get_type_hints(func, localns=_locals_of_callers(func.__globals__))
        except NameError as exc:
            raise AssertionError(f"{func.__qualname__} has a type hint that cannot be resolved: {exc}") from exc


def _locals_of_callers(module_globals: dict[str, Any]) -> dict[str, Any]:
    """Return the local names of the calling frames that share a function's module, the innermost winning."""
    names: dict[str, Any] = {}
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_globals is module_globals and frame.f_locals is not module_globals:
            names = {**frame.f_locals, **names}
        frame = frame.f_back
    return names


def member_types(annotation: Any, where: str) -> tuple[Any, ...]:
    """Return the classes that an annotation allows: the members of a union, `NoneType` for None, `Any` as it is.

    Raises:
        AssertionError: The annotation is no class, union or `Any`.
    """
    if annotation is None:
        return (types.NoneType,)
    if annotation is Any or (isinstance(annotation, type) and get_origin(annotation) is None):
        return (annotation,)
    origin = get_origin(annotation)
    if origin is Union or origin is types.UnionType:
        members: dict[Any, None] = {}
        for argument in get_args(annotation):
            members.update(dict.fromkeys(member_types(argument, where)))
        return tuple(members)
    if isinstance(origin, type):
        return (origin,)
    raise AssertionError(f"{where} is annotated with {annotation!r}; a handler's types are classes, unions or Any")
