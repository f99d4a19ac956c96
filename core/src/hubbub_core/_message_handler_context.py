"""Which agent's handler is running."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from ._agent_id import AgentId

# A context variable, so that tasks and `asyncio.gather` inside a handler see their handler's agent too.
CURRENT_AGENT: Final[ContextVar[AgentId | None]] = ContextVar("hubbub_current_agent", default=None)


class MessageHandlerContext:
    """Static access to the agent whose handler is running; cannot be instantiated."""

    def __init__(self) -> None:
        raise RuntimeError("MessageHandlerContext is used as it is: MessageHandlerContext.agent_id()")

    @classmethod
    def agent_id(cls) -> AgentId:
        """Return the id of the agent whose handler is running.

        Raises:
            RuntimeError: No handler is running.
        """
        agent_id = CURRENT_AGENT.get()
        if agent_id is None:
            raise RuntimeError("MessageHandlerContext.agent_id() was called outside a message handler")
        return agent_id

    @classmethod
    @contextmanager
    def populate_context(cls, agent_id: AgentId) -> Iterator[None]:
        """Run the block as if in a handler of this agent. For runtimes."""
        token = CURRENT_AGENT.set(agent_id)
        try:
            yield
        finally:
            CURRENT_AGENT.reset(token)
