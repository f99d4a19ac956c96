"""The address of one agent instance."""

from __future__ import annotations

import re
from typing import Final, Self

from ._agent_type import AgentType

_TYPE_PATTERN: Final = re.compile(r"^[\w\-\.]+\Z")
# Types come from code and are few, ids are made per message: remember what passed the pattern, up to a bound.
_VALID_TYPES: Final[set[str]] = set()
_VALID_TYPES_LIMIT: Final = 4096


def _check_agent_type(agent_type: str) -> None:
    if not _TYPE_PATTERN.match(agent_type):
        raise ValueError(
            f"Invalid agent type: {agent_type!r}. Allowed are letters, digits, underscore, hyphen and dot"
            r" (pattern ^[\w\-\.]+\Z)."
        )
    if len(_VALID_TYPES) < _VALID_TYPES_LIMIT:
        _VALID_TYPES.add(agent_type)


class AgentId:
    """The address of an agent, unique in a runtime: which factory, and which of its instances.

    Args:
        type: The agent type, as text or `AgentType`. Letters, digits, underscore, hyphen and dot.
        key: Which instance. Any text: it usually is the source of a topic.

    Raises:
        ValueError: The type has other characters.
    """

    __slots__ = ("_key", "_type")

    def __init__(self, type: str | AgentType, key: str) -> None:
        if isinstance(type, AgentType):
            type = type.type
        if type not in _VALID_TYPES:
            _check_agent_type(type)
        self._type = type
        self._key = key

    @property
    def type(self) -> str:
        """The agent type, which ties the agent to one factory."""
        return self._type

    @property
    def key(self) -> str:
        """Which instance of that type."""
        return self._key

    @classmethod
    def from_str(cls, agent_id: str) -> Self:
        """Parse `type/key`, split at the first slash: a key may contain slashes.

        Raises:
            ValueError: There is no slash, or the type is invalid.
        """
        agent_type, slash, key = agent_id.partition("/")
        if not slash:
            raise ValueError(f"Invalid agent id: {agent_id!r}. Write it as type/key.")
        return cls(agent_type, key)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, AgentId):
            return NotImplemented
        return self._key == other._key and self._type == other._type

    def __hash__(self) -> int:
        return hash((self._type, self._key))

    def __str__(self) -> str:
        return f"{self._type}/{self._key}"

    def __repr__(self) -> str:
        return f'AgentId(type="{self._type}", key="{self._key}")'
