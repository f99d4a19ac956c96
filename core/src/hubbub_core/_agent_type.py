"""The name under which a factory of agents is registered."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AgentType:
    """An agent type: the name of one factory, not of a Python class (spec: 001 L1809)."""

    type: str
    """The name itself."""
