"""The scope of a broadcast."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Self

_TYPE_PATTERN: Final = re.compile(r"^[\w\-\.\:\=]+\Z")
# As for agent types: remember what passed the pattern, up to a bound.
_VALID_TYPES: Final[set[str]] = set()
_VALID_TYPES_LIMIT: Final = 4096


def _check_topic_type(topic_type: str) -> None:
    if not _TYPE_PATTERN.match(topic_type):
        raise ValueError(
            f"Invalid topic type: {topic_type!r}. Allowed are letters, digits and the characters _ - . : ="
            r" (pattern ^[\w\-\.\:\=]+\Z)."
        )
    if len(_VALID_TYPES) < _VALID_TYPES_LIMIT:
        _VALID_TYPES.add(topic_type)


@dataclass(frozen=True, slots=True, eq=False)
class TopicId:
    """The scope of a broadcast: what kind of messages, and for whom or about what (spec: 001 L1727).

    A subclass such as `DefaultTopicId` equals a plain topic of the same type and source.

    Raises:
        ValueError: The type has other characters than letters, digits and `_ - . : =`.
    """

    type: str
    """The kind of messages, given by the program."""

    source: str
    """What the messages are about, given by the data: a session, a user, an issue. Becomes the key of agents."""

    def __post_init__(self) -> None:
        if self.type not in _VALID_TYPES:
            _check_topic_type(self.type)

    @classmethod
    def from_str(cls, topic_id: str) -> Self:
        """Parse `type/source`, split at the first slash: a source may contain slashes.

        Raises:
            ValueError: There is no slash, or the type is invalid.
        """
        topic_type, slash, source = topic_id.partition("/")
        if not slash:
            raise ValueError(f"Invalid topic id: {topic_id!r}. Write it as type/source.")
        return cls(topic_type, source)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TopicId):
            return NotImplemented
        return self.source == other.source and self.type == other.type

    def __hash__(self) -> int:
        return hash((self.type, self.source))

    def __str__(self) -> str:
        return f"{self.type}/{self.source}"
