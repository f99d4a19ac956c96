"""Derive the class of a tool's arguments from the signature of a function."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic.fields import FieldInfo

CANCELLATION_PARAMETER = "cancellation_token"
"""A parameter of this name receives the token; the model never sees it."""


@dataclass(frozen=True, slots=True)
class Argument:
    """How one parameter of the function is filled from the validated arguments."""

    parameter: str
    field: str
    positional_only: bool


@dataclass(frozen=True, slots=True)
class FunctionShape:
    """What a function takes and returns, as a tool sees it."""

    name: str
    args_type: type[BaseModel]
    return_type: Any
    arguments: tuple[Argument, ...]
    has_cancellation: bool

    def bind(self, args: BaseModel) -> tuple[list[Any], dict[str, Any]]:
        """Return the positional and keyword arguments to call the function with."""
        positional = [getattr(args, each.field) for each in self.arguments if each.positional_only]
        keywords = {each.parameter: getattr(args, each.field) for each in self.arguments if not each.positional_only}
        return positional, keywords


def shape_of(func: Callable[..., Any], name: str | None = None) -> FunctionShape:
    """Read the signature of `func`, which may be a function, a bound method, a partial object or a callable object.

    Raises:
        TypeError: A parameter has no annotation, an annotation cannot be resolved, or the function takes `*args` or
            `**kwargs`, which no schema can describe.
    """
    name = name or function_name(func)
    signature = inspect.signature(func)
    hints = _hints(func, name)
    preset = func.keywords if isinstance(func, functools.partial) else {}
    fields: dict[str, Any] = {}
    arguments: list[Argument] = []
    has_cancellation = False
    for parameter in signature.parameters.values():
        if parameter.name in preset:
            # What a partial object has already filled in by keyword is not the model's business.
            continue
        if parameter.name == CANCELLATION_PARAMETER:
            has_cancellation = True
            continue
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            stars = "*" if parameter.kind is parameter.VAR_POSITIONAL else "**"
            raise TypeError(
                f"tool {name!r}: parameter {stars + parameter.name!r} cannot be described to a model; "
                "list the parameters one by one",
            )
        if parameter.name not in hints:
            raise TypeError(
                f"tool {name!r}: parameter {parameter.name!r} has no type annotation; "
                "every parameter needs one, since the schema is made from it",
            )
        field = _field_name(parameter.name, len(arguments))
        fields[field] = _field(
            parameter, hints[parameter.name], alias=parameter.name if field != parameter.name else None
        )
        arguments.append(Argument(parameter.name, field, parameter.kind is parameter.POSITIONAL_ONLY))
    args_type = create_model(
        f"{name}args",
        __config__=ConfigDict(arbitrary_types_allowed=True, populate_by_name=True),
        **fields,
    )
    return_type = hints.get("return", Any)
    if get_origin(return_type) is Annotated:
        return_type = get_args(return_type)[0]
    return FunctionShape(name, args_type, return_type, tuple(arguments), has_cancellation)


def function_name(func: Callable[..., Any]) -> str:
    """Return the name of a function, of what a partial object wraps, or of a callable object's class."""
    while isinstance(func, functools.partial):
        func = func.func
    return getattr(func, "__name__", None) or type(func).__name__


def _hints(func: Callable[..., Any], name: str) -> Mapping[str, Any]:
    while isinstance(func, functools.partial):
        func = func.func
    target = func if inspect.isroutine(func) else type(func).__call__
    try:
        return get_type_hints(target, include_extras=True)
    except NameError as exc:
        raise TypeError(
            f"tool {name!r}: cannot resolve the type annotations: {exc}; the types have to be known at run time",
        ) from exc


def _field_name(parameter: str, index: int) -> str:
    # A pydantic class cannot have such attributes; the model still sees the parameter's own name, as an alias.
    if parameter.startswith(("_", "model_")) or hasattr(BaseModel, parameter):
        return f"arg{index}_"
    return parameter


def _field(parameter: inspect.Parameter, annotation: Any, alias: str | None) -> tuple[Any, FieldInfo]:
    description = parameter.name
    if get_origin(annotation) is Annotated:
        for extra in get_args(annotation)[1:]:
            if isinstance(extra, str):
                description = extra
            elif isinstance(extra, FieldInfo) and extra.description:
                description = extra.description
    default = ... if parameter.default is parameter.empty else parameter.default
    if isinstance(default, FieldInfo):
        raise TypeError(
            f"parameter {parameter.name!r}: write Annotated[<type>, Field(...)] instead of a Field as the default",
        )
    if alias is None:
        return annotation, Field(default=default, description=description)
    return annotation, Field(default=default, description=description, alias=alias)
