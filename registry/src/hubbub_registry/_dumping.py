"""Dump a component to its model (spec: newer N-039)."""

from __future__ import annotations

import inspect
import re
import warnings
from typing import Any

from ._component import ComponentToConfig
from ._component_model import ComponentModel
from ._references import EnvUse
from ._secrets import dump_config

_HEADING = re.compile(r"^\s*(Args|Arguments|Parameters|Attributes)\s*:?\s*$", re.MULTILINE)

_ENV_USE = "_hubbub_env_use"
_NO_USE = EnvUse()


def remember_env(component: object, use: EnvUse) -> None:
    """Keep what a component took from the environment, so that its dump gives the references back."""
    if use and isinstance(component, ComponentToConfig):
        # The component bases have no slots, so there is room; a class's own __setattr__ must not see this.
        object.__setattr__(component, _ENV_USE, use)


def provider_of(cls: type[Any]) -> str:
    """Return the provider string of a component class: its override or `module.qualname`.

    Raises:
        TypeError: The class is local to a function.
    """
    override = getattr(cls, "component_provider_override", None)
    if override is not None:
        return str(override)
    if "<locals>" in cls.__qualname__:
        raise TypeError(
            f"Cannot dump component {cls.__qualname__} with local class: no name leads to it; "
            "define it in a module, or set component_provider_override"
        )
    return f"{cls.__module__}.{cls.__qualname__}"


def description_of(cls: type[Any]) -> str | None:
    """Return `component_description`, else the docstring's first paragraph, else None."""
    described: str | None = getattr(cls, "component_description", None)
    if described is not None or not cls.__doc__:
        return described
    paragraph = inspect.cleandoc(cls.__doc__).split("\n\n", 1)[0]
    heading = _HEADING.search(paragraph)
    return " ".join(paragraph[: heading.start() if heading else None].split()) or None


def dump_component(component: ComponentToConfig[Any]) -> ComponentModel:
    """Dump a component; see `ComponentToConfig.dump_component`."""
    cls = type(component)
    provider = provider_of(cls)
    if "._" in provider:
        warnings.warn(
            f"Internal module name used in provider string: {provider}; this is not recommended and may break; "
            "set component_provider_override",
            stacklevel=3,
        )
    if not hasattr(cls, "component_type"):
        raise AttributeError(f"component_type not defined in {cls.__qualname__}", name="component_type", obj=cls)
    config = dump_config(component._to_config(), getattr(component, _ENV_USE, _NO_USE))
    return ComponentModel(
        provider=provider,
        component_type=cls.component_type,
        version=cls.component_version,
        component_version=cls.component_version,
        description=description_of(cls),
        label=cls.component_label or cls.__name__,
        config=config,
    )
