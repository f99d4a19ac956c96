"""A subscription to one topic type."""

from __future__ import annotations

import uuid

from ._agent_id import AgentId
from ._agent_type import AgentType
from ._subscription import Subscription
from ._topic import TopicId
from .exceptions import CantHandleException


class TypeSubscription(Subscription):
    """Brings messages of exactly one topic type to an agent type; the topic's source becomes the agent's key.

    `TypeSubscription("t1", "a1")` maps topic `t1/s1` to agent `a1/s1` and `t1/s2` to `a1/s2` (spec: 001 L2146).

    Args:
        topic_type: The topic type to match.
        agent_type: Who gets the messages.
        id: Names the subscription; a new UUID when not given.
    """

    __slots__ = ("_agent_type", "_id", "_topic_type")

    def __init__(self, topic_type: str, agent_type: str | AgentType, id: str | None = None) -> None:
        self._topic_type = topic_type
        self._agent_type = agent_type.type if isinstance(agent_type, AgentType) else agent_type
        self._id = id or str(uuid.uuid4())

    @property
    def id(self) -> str:
        """Names the subscription."""
        return self._id

    @property
    def topic_type(self) -> str:
        """The topic type that matches."""
        return self._topic_type

    @property
    def agent_type(self) -> str:
        """The type of the agents that get the messages."""
        return self._agent_type

    def is_match(self, topic_id: TopicId) -> bool:
        """Say whether the topic has the type of this subscription."""
        return topic_id.type == self._topic_type

    def map_to_agent(self, topic_id: TopicId) -> AgentId:
        """Return the agent whose key is the topic's source.

        Raises:
            CantHandleException: The topic does not match.
        """
        if not self.is_match(topic_id):
            raise CantHandleException(f"topic {topic_id} is not of type {self._topic_type!r}; ask is_match() first")
        return AgentId(self._agent_type, topic_id.source)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TypeSubscription):
            return False
        return self._id == other._id or (
            self._agent_type == other._agent_type and self._topic_type == other._topic_type
        )

    # Equality is "same id, or same rule", for which no hash exists.
    __hash__ = None  # type: ignore[assignment] # how Python spells an unhashable class

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._topic_type!r}, {self._agent_type!r}, id={self._id!r})"
