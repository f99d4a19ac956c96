"""Component model, plugin discovery, adapters and the shell of the `hubbub` command.

Importing this package imports neither pydantic nor pluggy: what needs them is served on first access.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from ._component import (
    Component,
    ComponentBase,
    ComponentFromConfig,
    ComponentLoader,
    ComponentSchemaType,
    ComponentToConfig,
    ComponentType,
    is_component_class,
    is_component_instance,
)

if TYPE_CHECKING:
    from ._adapters import adapt as adapt
    from ._component_model import ComponentModel as ComponentModel
    from ._names import install_hint as install_hint
    from ._references import bound as bound
    from ._registry import Registry as Registry
    from ._registry import find_component as find_component
    from ._registry import registry as registry
    from ._schemas import component_schemas as component_schemas
    from ._validate import validate_component as validate_component
    from ._validation import describe_validation_error as describe_validation_error
    from ._yaml import parse_yaml as parse_yaml
    from .capabilities import allow as allow
    from .capabilities import granted as granted
    from .capabilities import require as require
    from .errors import AmbiguousAdapterError as AmbiguousAdapterError
    from .errors import CapabilityError as CapabilityError
    from .errors import ComponentConflictError as ComponentConflictError
    from .errors import ComponentUnavailableError as ComponentUnavailableError
    from .errors import HubbubError as HubbubError
    from .errors import MissingVariableError as MissingVariableError
    from .errors import NoAdapterError as NoAdapterError
    from .errors import NotReadyError as NotReadyError
    from .errors import PluginError as PluginError
    from .errors import SettingsError as SettingsError
    from .errors import UnboundReferenceError as UnboundReferenceError
    from .errors import UnknownComponentError as UnknownComponentError
    from .errors import UnknownPluginError as UnknownPluginError
    from .specs import AdapterSpec as AdapterSpec
    from .specs import CheckSpec as CheckSpec
    from .specs import CommandSpec as CommandSpec
    from .specs import ComponentSpec as ComponentSpec
    from .specs import Problem as Problem
    from .specs import hookimpl as hookimpl

__all__ = [
    "AdapterSpec",
    "AmbiguousAdapterError",
    "CapabilityError",
    "CheckSpec",
    "CommandSpec",
    "Component",
    "ComponentBase",
    "ComponentConflictError",
    "ComponentFromConfig",
    "ComponentLoader",
    "ComponentModel",
    "ComponentSchemaType",
    "ComponentSpec",
    "ComponentToConfig",
    "ComponentType",
    "ComponentUnavailableError",
    "HubbubError",
    "MissingVariableError",
    "NoAdapterError",
    "NotReadyError",
    "PluginError",
    "Problem",
    "Registry",
    "SettingsError",
    "UnboundReferenceError",
    "UnknownComponentError",
    "UnknownPluginError",
    "adapt",
    "allow",
    "bound",
    "component_schemas",
    "describe_validation_error",
    "find_component",
    "granted",
    "hookimpl",
    "install_hint",
    "is_component_class",
    "is_component_instance",
    "parse_yaml",
    "registry",
    "require",
    "validate_component",
]

_LAZY = {
    "AdapterSpec": ".specs",  # imports pluggy
    "AmbiguousAdapterError": ".errors",
    "CapabilityError": ".errors",
    "CheckSpec": ".specs",
    "CommandSpec": ".specs",
    "ComponentConflictError": ".errors",
    "ComponentModel": "._component_model",  # imports pydantic
    "ComponentSpec": ".specs",
    "ComponentUnavailableError": ".errors",
    "HubbubError": ".errors",
    "MissingVariableError": ".errors",
    "NoAdapterError": ".errors",
    "NotReadyError": ".errors",
    "PluginError": ".errors",
    "Problem": ".specs",
    "Registry": "._registry",
    "SettingsError": ".errors",
    "UnboundReferenceError": ".errors",
    "UnknownComponentError": ".errors",
    "UnknownPluginError": ".errors",
    "adapt": "._adapters",
    "allow": ".capabilities",
    "bound": "._references",
    "component_schemas": "._schemas",
    "describe_validation_error": "._validation",
    "find_component": "._registry",
    "granted": ".capabilities",
    "hookimpl": ".specs",
    "install_hint": "._names",
    "parse_yaml": "._yaml",
    "registry": "._registry",
    "require": ".capabilities",
    "validate_component": "._validate",
}


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"{__name__} offers no {name!r}", name=name)
    value = globals()[name] = getattr(import_module(_LAZY[name], __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
