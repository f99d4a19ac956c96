"""Which topics reach which agents."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from ._agent_id import AgentId
from ._topic import TopicId


@runtime_checkable
class Subscription(Protocol):
    """A rule from topics to agents (spec: 001 L1748)."""

    @property
    def id(self) -> str:
        """Names the subscription, normally a UUID."""
        ...

    def is_match(self, topic_id: TopicId) -> bool:
        """Say whether messages on this topic concern the agent."""
        ...

    def map_to_agent(self, topic_id: TopicId) -> AgentId:
        """Return which agent gets a message on this topic; call it only after `is_match` said yes.

        Raises:
            CantHandleException: The topic does not match.
        """
        ...
