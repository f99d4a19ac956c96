"""Type annotations of functions and schemas, read. Public: hubbub-langgraph builds on it."""

from __future__ import annotations

import types
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin


def alternatives(annotation: Any) -> list[Any]:
    """Return the alternatives of a type, `Annotated`, unions and type variables opened."""
    if isinstance(annotation, TypeVar):
        parts = annotation.__constraints__ or (annotation.__bound__ or Any,)
        return [member for part in parts for member in alternatives(part)]
    origin = get_origin(annotation)
    if origin is Annotated:
        return alternatives(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return [member for part in get_args(annotation) for member in alternatives(part)]
    return [annotation]


def shown(annotation: Any) -> str:
    """Return a type as errors name it."""
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)
