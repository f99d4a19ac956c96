"""Load a framework's object that a configuration names: `graphs.py:planner`, the object or a function that makes it."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, TypeVar

from .source import SourceError, load_attribute

__all__ = ["load_object", "object_config"]

T = TypeVar("T")


def load_object(reference: str, kind: type[T], what: str, *, offers: Mapping[str, Any] | None = None) -> T:
    """Load what `FILE.py:ATTRIBUTE` names; a function is called.

    Args:
        reference: `FILE.py:ATTRIBUTE`.
        kind: The class of the framework that it has to be of.
        what: That class in words, for errors: `"a LangChain tool"`.
        offers: What the function may take, by the name of its parameter; None for what the configuration leaves open.

    Raises:
        CapabilityError: The caller did not grant `code`.
        SourceError: A ValueError: there is no such file or attribute, it is not of that kind and makes none, or it
            takes what is not offered.
    """
    found: Any = load_attribute(reference, what=what)
    if inspect.isfunction(found) or inspect.ismethod(found):
        found = _made(reference, found, offers or {})
    if isinstance(found, kind):
        return found
    raise SourceError(reference, f"is of type {type(found).__name__}, not {what} or a function that returns one")


def object_config(config: T | None, what: str, field: str) -> T:
    """Return the configuration of a component around a framework's object, for `_to_config`.

    Args:
        config: The configuration that named the object; None where the object itself was passed.
        what: The object in words, for the error: `"the FakeChatModel"`.
        field: The configuration's field that names it.

    Raises:
        NotImplementedError: The object itself was passed, and no name leads to it.
    """
    if config is None:
        raise NotImplementedError(
            f"This component does not support dumping to config: {what} was passed as an object; load it from "
            f"`{field}: FILE.py:ATTRIBUTE` to dump it"
        )
    return config


def _made(reference: str, function: Any, offers: Mapping[str, Any]) -> Any:
    if inspect.iscoroutinefunction(function):
        raise SourceError(reference, "is a coroutine function; the function is a plain one")
    signature = inspect.signature(function)
    arguments: dict[str, Any] = {}
    for name in set(offers) & set(signature.parameters):
        if offers[name] is not None:
            arguments[name] = offers[name]
        elif signature.parameters[name].default is inspect.Parameter.empty:
            raise SourceError(reference, f"takes `{name}`; set it in the configuration")
    try:
        signature.bind(**arguments)
    except TypeError as error:
        names = " and ".join(f"`{name}`" for name in offers)
        allowed = f"nothing but {names}" if names else "no parameters"
        raise SourceError(reference, f"{error}; the function takes {allowed}") from None
    return function(**arguments)
