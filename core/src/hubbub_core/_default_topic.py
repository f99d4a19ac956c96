"""The topic of programs with a single scope."""

from __future__ import annotations

from ._message_handler_context import CURRENT_AGENT
from ._topic import TopicId


class DefaultTopicId(TopicId):
    """A topic that stays in the session of whoever publishes.

    Args:
        type: The topic type.
        source: None means the key of the agent whose handler is running, or `default` outside handlers
            (spec: 001 L9795).
    """

    __slots__ = ()

    def __init__(self, type: str = "default", source: str | None = None) -> None:
        if source is None:
            publisher = CURRENT_AGENT.get()
            source = publisher.key if publisher is not None else "default"
        super().__init__(type, source)
