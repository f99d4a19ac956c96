"""Which agent type is being registered while its subscriptions are made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from ._agent_type import AgentType

_AGENT_TYPE: Final[ContextVar[AgentType | None]] = ContextVar("hubbub_subscribing_agent_type", default=None)


class SubscriptionInstantiationContext:
    """Static access to the agent type being registered; cannot be instantiated."""

    def __init__(self) -> None:
        raise RuntimeError("SubscriptionInstantiationContext is used as it is: its accessors are class methods")

    @classmethod
    def agent_type(cls) -> AgentType:
        """Return the agent type whose subscriptions are being made.

        Raises:
            RuntimeError: No registration is in progress.
        """
        agent_type = _AGENT_TYPE.get()
        if agent_type is None:
            raise RuntimeError(
                "SubscriptionInstantiationContext.agent_type() was called outside a registration, where no agent type"
                " is being registered"
            )
        return agent_type

    @classmethod
    @contextmanager
    def populate_context(cls, agent_type: AgentType) -> Iterator[None]:
        """Run the block as a registration of this agent type. For runtimes and agent base classes."""
        token = _AGENT_TYPE.set(agent_type)
        try:
            yield
        finally:
            _AGENT_TYPE.reset(token)
