"""What a handler is told about the message besides the message."""

from __future__ import annotations

from dataclasses import dataclass

from ._agent_id import AgentId
from ._cancellation_token import CancellationToken
from ._topic import TopicId


@dataclass(slots=True)
class MessageContext:
    """Where a message comes from and how it was sent (spec: 001 L1790)."""

    sender: AgentId | None
    """Who sent it; None if it came from outside any agent."""

    topic_id: TopicId | None
    """The topic it was published to; None if it was sent directly."""

    is_rpc: bool
    """Whether a sender waits for the reply."""

    cancellation_token: CancellationToken
    """Cancels this message's handlers. Hand it on to what the handler calls."""

    message_id: str
    """Unique among messages."""
