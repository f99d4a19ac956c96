"""What a runtime asks of an agent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from ._agent_id import AgentId
from ._agent_metadata import AgentMetadata
from ._message_context import MessageContext

if TYPE_CHECKING:
    from ._agent_runtime import AgentRuntime


@runtime_checkable
class Agent(Protocol):
    """An agent: acts on messages and keeps its own state (spec: 001 L1069)."""

    @property
    def metadata(self) -> AgentMetadata:
        """Type, key and description."""
        ...

    @property
    def id(self) -> AgentId:
        """Its address."""
        ...

    async def bind_id_and_runtime(self, id: AgentId, runtime: AgentRuntime) -> None:
        """Attach the agent to a runtime under an id. Called by the runtime."""
        ...

    async def on_message(self, message: Any, ctx: MessageContext) -> Any:
        """Handle a message and return the reply, or None. Called by the runtime only.

        Raises:
            CantHandleException: The agent cannot handle this message.
        """
        ...

    async def save_state(self) -> Mapping[str, Any]:
        """Return the agent's state as JSON values."""
        ...

    async def load_state(self, state: Mapping[str, Any]) -> None:
        """Take up what `save_state` returned."""
        ...

    async def close(self) -> None:
        """Release what the agent holds. Called when the runtime closes."""
        ...
