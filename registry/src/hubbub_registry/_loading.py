"""Load a component from its model (spec: newer N-036..N-038)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from pydantic import ValidationError

from ._component import is_component_class
from ._component_model import ComponentModel
from ._dumping import remember_env
from ._references import REF, bound_object, resolve_env
from ._registry import registry
from ._validation import without_secrets
from .capabilities import allow as grant
from .capabilities import require

ExpectedType = TypeVar("ExpectedType")


def load_component(
    model: ComponentModel | dict[str, Any], expected: type[ExpectedType], *, allow: Iterable[str] = ()
) -> ExpectedType:
    """Build a component; see `ComponentLoader.load_component`."""
    if isinstance(allow, str):
        raise TypeError(f"allow takes a list of capabilities, [{allow!r}], not a string")
    with grant(*allow):
        return _load(model, expected)


def _load(model: ComponentModel | dict[str, Any], expected: type[ExpectedType]) -> ExpectedType:
    provider = model.get("provider") if isinstance(model, dict) else getattr(model, "provider", None)
    if isinstance(provider, str) and provider.startswith(REF):
        return _checked(bound_object(provider), expected, provider)
    loaded = model if isinstance(model, ComponentModel) else ComponentModel.model_validate(model)
    cls, spec = registry().component_class(loaded.provider)
    component_class = checked_class(cls, loaded.provider)
    asking: set[str] = set(spec.capabilities if spec is not None else ())
    asking.update(getattr(cls, "component_capabilities", ()))
    for capability in sorted(asking):
        require(capability, f"component {loaded.provider}")
    schema = component_class.component_config_schema
    config, use = resolve_env(loaded.config, loaded.provider)
    current = component_class.component_version
    version = current if loaded.component_version is None else loaded.component_version
    if version < current:
        try:
            component = component_class._from_config_past_version(config, version)
        except NotImplementedError as error:
            raise NotImplementedError(
                f"component {loaded.provider} is of version {current} and its configuration of version {version}, "
                f"which {cls.__qualname__} does not read: it does not implement _from_config_past_version"
            ) from error
    else:
        try:
            validated = schema.model_validate(config)
        except ValidationError as error:
            told = without_secrets(error, schema, use)
            told.add_note(f"in the configuration of component {loaded.provider}")
            if version > current:
                told.add_note(f"which is of version {version}, newer than the installed one, {current}")
            # A secret must not come back through the context either.
            raise told from (None if told is not error else error.__cause__)
        component = component_class._from_config(validated)
    result = _checked(component, expected, loaded.provider)
    remember_env(result, use)
    return result


def checked_class(cls: Any, provider: str) -> Any:
    """Return `cls` when it can be loaded.

    Raises:
        TypeError: It is no component class.
        AttributeError: It lacks a class variable that a component has to define.
    """
    if not is_component_class(cls):
        raise TypeError(f"Invalid component class: {provider} is {cls!r}, which does not inherit Component")
    for name in cls.required_class_vars:
        if not hasattr(cls, name):
            raise AttributeError(f"{name} not defined in component class {provider}", name=name, obj=cls)
    return cls


def _checked(component: object, expected: type[ExpectedType], provider: str) -> ExpectedType:
    if not isinstance(component, expected):
        is_a = type(component).__qualname__
        raise TypeError(f"Expected type does not match: {provider} is a {is_a}, not a {expected.__qualname__}")
    return component
