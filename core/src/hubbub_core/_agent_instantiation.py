"""Which agent is being made, for its factory and its constructor."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from ._agent_id import AgentId

if TYPE_CHECKING:
    from ._agent_runtime import AgentRuntime

INSTANTIATION: Final[ContextVar[tuple[AgentRuntime, AgentId] | None]] = ContextVar(
    "hubbub_agent_instantiation", default=None
)


class AgentInstantiationContext:
    """Static access to the runtime and the id of the agent being made (spec: 001 L1647); cannot be instantiated."""

    def __init__(self) -> None:
        raise RuntimeError("AgentInstantiationContext is used as it is: its accessors are class methods")

    @classmethod
    def current_runtime(cls) -> AgentRuntime:
        """Return the runtime that is making an agent.

        Raises:
            RuntimeError: No factory is being called.
        """
        return cls._current("current_runtime")[0]

    @classmethod
    def current_agent_id(cls) -> AgentId:
        """Return the id of the agent being made.

        Raises:
            RuntimeError: No factory is being called.
        """
        return cls._current("current_agent_id")[1]

    @classmethod
    def is_in_factory_call(cls) -> bool:
        """Say whether an agent is being made. Never raises."""
        return INSTANTIATION.get() is not None

    @classmethod
    @contextmanager
    def populate_context(cls, ctx: tuple[AgentRuntime, AgentId]) -> Iterator[None]:
        """Run the block as a factory call for this agent. For runtimes."""
        token = INSTANTIATION.set(ctx)
        try:
            yield
        finally:
            INSTANTIATION.reset(token)

    @classmethod
    def _current(cls, accessor: str) -> tuple[AgentRuntime, AgentId]:
        current = INSTANTIATION.get()
        if current is None:
            raise RuntimeError(
                f"AgentInstantiationContext.{accessor}() was called outside a factory. It works inside the factory"
                " given to register(), and in the constructor that the factory calls; an agent made elsewhere gets its"
                " id and runtime from register_instance()"
            )
        return current
