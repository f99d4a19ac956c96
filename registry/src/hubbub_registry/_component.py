"""The documented base classes of components, free of pydantic and pluggy.

A component is built from a configuration and dumped to one. The interface inherits `ComponentBase`, the concrete class
`Component` as well (spec: 001 L2720-3050, newer N-037..N-040). What loading and dumping take is imported when they are
called, because these classes lie on the import path of every agent.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeGuard, TypeVar, overload
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from typing import Self

    from pydantic import BaseModel

    from ._component_model import ComponentModel

ComponentType = Literal["model", "agent", "tool", "termination", "token_provider", "workbench"] | str
"""Logical type of a component; any other string is a type of a plugin's own."""

ConfigT = TypeVar("ConfigT", bound="BaseModel")
FromConfigT = TypeVar("FromConfigT", bound="BaseModel", contravariant=True)
ToConfigT = TypeVar("ToConfigT", bound="BaseModel", covariant=True)
ExpectedType = TypeVar("ExpectedType")

# Provider name -> class, for every component class that the running program defined. Weak: a class that nobody holds
# any more cannot be asked for by name either.
_defined: WeakValueDictionary[str, type[Any]] = WeakValueDictionary()


def defined_component(provider: str) -> type[Any] | None:
    """Return the component class that this process defined under `provider`, without importing anything."""
    return _defined.get(provider)


def defined_providers() -> list[str]:
    """Return the provider names of all component classes that this process defined."""
    return sorted(_defined)


def _record(cls: type[Any]) -> None:
    # An inherited override names the base class, so only one that the class itself sets makes a name.
    override = cls.__dict__.get("component_provider_override")
    if isinstance(override, str):
        _defined[override] = cls
    if "<locals>" not in cls.__qualname__:
        _defined[f"{cls.__module__}.{cls.__qualname__}"] = cls


class ComponentFromConfig(Generic[FromConfigT]):
    """The loading half of a concrete component."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.__module__ != __name__:
            _record(cls)

    @classmethod
    def _from_config(cls, config: FromConfigT) -> Self:
        """Create an instance from a validated configuration."""
        raise NotImplementedError(f"{cls.__qualname__} does not implement _from_config, so it cannot be loaded")

    @classmethod
    def _from_config_past_version(cls, config: dict[str, Any], version: int) -> Self:
        """Create an instance from the raw configuration of an older `component_version`.

        Called only when the stored version is lower than the class's, whose schema does not fit then.
        """
        raise NotImplementedError(f"{cls.__qualname__} does not implement _from_config_past_version")


class ComponentToConfig(Generic[ToConfigT]):
    """The dumping half of a component."""

    component_type: ClassVar[ComponentType]
    """Logical type of the component."""
    component_version: ClassVar[int] = 1
    """Raise it when the configuration's schema becomes incompatible."""
    component_provider_override: ClassVar[str | None] = None
    """Provider string to dump instead of `module.qualname`, so that names of private modules do not leak."""
    component_description: ClassVar[str | None] = None
    """Description to dump; the first paragraph of the class's docstring when missing."""
    component_label: ClassVar[str | None] = None
    """Label to dump; the class's name when missing."""

    def _to_config(self) -> ToConfigT:
        """Return the configuration that makes an equal component."""
        raise NotImplementedError(f"{type(self).__qualname__} does not implement _to_config, so it cannot be dumped")

    def dump_component(self) -> ComponentModel:
        """Dump the component to a model that `load_component` takes.

        The configuration holds no `None` and no secret: what came from `${env:NAME}` is dumped as that reference, any
        other pydantic `SecretStr` is left out.

        Raises:
            TypeError: The class is local to a function, so no name leads to it.
            AttributeError: The class has no `component_type`.
        """
        from ._dumping import dump_component

        return dump_component(self)


class ComponentLoader:
    """Offers `load_component` on the class that is expected."""

    @overload
    @classmethod
    def load_component(
        cls, model: ComponentModel | dict[str, Any], expected: None = None, *, allow: Iterable[str] = ()
    ) -> Self: ...

    @overload
    @classmethod
    def load_component(
        cls, model: ComponentModel | dict[str, Any], expected: type[ExpectedType], *, allow: Iterable[str] = ()
    ) -> ExpectedType: ...

    @classmethod
    def load_component(
        cls,
        model: ComponentModel | dict[str, Any],
        expected: type[ExpectedType] | None = None,
        *,
        allow: Iterable[str] = (),
    ) -> Self | ExpectedType:
        """Build a component from what `dump_component` returned, or from a dict of that shape.

        The provider is a name to look up, never a module to import: a component class that the program defined, or
        what an installed plugin declared (provider, name or alias). `${env:NAME}` in the configuration's strings is
        replaced by that variable.

        Args:
            model: The component model.
            expected: The wanted type, only for calls on `ComponentLoader` itself; otherwise the class it is called on.
            allow: Capabilities granted to this load and the loads nested in it, as `with allow(...)` does.

        Raises:
            pydantic.ValidationError: The model or its configuration does not fit the schema.
            UnknownComponentError: A ValueError: nobody declared or defined the provider.
            TypeError: The provider is no component class (`Invalid component class`), or the component is not of the
                expected type (`Expected type does not match`).
            AttributeError: The class lacks `component_config_schema` or `component_type`.
            NotImplementedError: The stored version is older and the class does not read it.
            CapabilityError: The component asks for a capability that was not granted.
            MissingVariableError: A ValueError: a `${env:NAME}` names a variable that is not set.
        """
        from ._loading import load_component

        return load_component(model, cls if expected is None else expected, allow=allow)


class ComponentSchemaType(Generic[ConfigT]):
    """Names the schema of a concrete component's configuration."""

    component_config_schema: type[ConfigT]
    """The pydantic model class of the configuration."""

    required_class_vars: ClassVar[list[str]] = ["component_config_schema", "component_type"]
    """What a concrete class has to define."""


class ComponentBase(ComponentToConfig[ConfigT], ComponentLoader, Generic[ConfigT]):
    """Base of an interface whose implementations are components."""


class Component(ComponentFromConfig[ConfigT], ComponentSchemaType[ConfigT], Generic[ConfigT]):
    """Base of a concrete component class; its interface inherits `ComponentBase`.

    Define `component_config_schema` (the pydantic model that is also the type argument) and `component_type`, and
    implement `_to_config` and `_from_config`.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name in cls.required_class_vars:
            if not hasattr(cls, name):
                warnings.warn(
                    f"Class variable '{name}' must be defined in {cls.__qualname__} to be a valid component",
                    stacklevel=2,
                )
        if not (issubclass(cls, ComponentToConfig) and issubclass(cls, ComponentLoader)):
            warnings.warn(
                f"{cls.__qualname__} must inherit ComponentBase, itself or by its interface, to be a valid component",
                stacklevel=2,
            )


class _ConcreteComponent(
    ComponentFromConfig[ConfigT],
    ComponentSchemaType[ConfigT],
    ComponentToConfig[ConfigT],
    ComponentLoader,
    Generic[ConfigT],
):
    """What a class has to be to load and dump; only a type for the guards below."""


_PARTS = (ComponentFromConfig, ComponentToConfig, ComponentSchemaType, ComponentLoader)


def is_component_class(cls: type) -> TypeGuard[type[_ConcreteComponent[BaseModel]]]:
    """Tell whether `cls` can be loaded and dumped."""
    # A function or a module in place of a class answers False instead of raising.
    candidate: object = cls
    return isinstance(candidate, type) and all(issubclass(candidate, part) for part in _PARTS)


def is_component_instance(cls: Any) -> TypeGuard[_ConcreteComponent[BaseModel]]:
    """Tell whether `cls`, an object, can be dumped and its class loaded."""
    return all(isinstance(cls, part) for part in _PARTS)
