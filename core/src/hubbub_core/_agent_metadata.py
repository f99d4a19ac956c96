"""What can be told about an agent without its object."""

from __future__ import annotations

from typing import TypedDict


class AgentMetadata(TypedDict):
    """Type, key and description of an agent, as a dictionary (spec: 001 L1177)."""

    type: str
    key: str
    description: str
