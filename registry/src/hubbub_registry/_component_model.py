"""`ComponentModel`: the form in which components are stored (spec: 001 L2846-2984)."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from ._component import ComponentType


class ComponentModel(BaseModel):
    """Model class for a component. Contains all information required to instantiate a component."""

    provider: str
    """Names the component: what a plugin declared, an alias of it, or a class that the program defined."""

    component_type: ComponentType | None = None
    """Logical type of the component. If missing, the provider's type applies."""

    version: int | None = None
    """Version of the component specification. If missing, that of the loading library."""

    component_version: int | None = None
    """Version of the component. If missing, the provider's."""

    description: str | None = None
    """Description of the component."""

    label: str | None = None
    """Human-readable label. If missing, the provider's class name."""

    config: dict[str, Any]
    """Validated against the schema of the provider's class, then handed to its `_from_config`."""
