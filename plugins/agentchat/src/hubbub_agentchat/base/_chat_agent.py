"""What teams expect of an agent."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import BaseModel, SerializeAsAny

from hubbub_agentchat.base._task import TaskRunner
from hubbub_agentchat.messages import BaseAgentEvent, BaseChatMessage
from hubbub_core import CancellationToken
from hubbub_registry import ComponentBase


@dataclass(kw_only=True)
class Response:
    """The answer of an agent to new messages."""

    chat_message: SerializeAsAny[BaseChatMessage]
    """The answer, which other agents read."""

    inner_messages: Sequence[SerializeAsAny[BaseAgentEvent | BaseChatMessage]] | None = None
    """What happened on the way to it, in order, streamed chunks excepted."""


class ChatAgent(ABC, TaskRunner, ComponentBase[BaseModel]):
    """The protocol of a chat agent. Derive agents of your own from `hubbub_agentchat.agents.BaseChatAgent`."""

    component_type: ClassVar[str] = "agent"

    @property
    @abstractmethod
    def name(self) -> str:
        """Unique within a team."""

    @property
    @abstractmethod
    def description(self) -> str:
        """What the agent does and knows; teams choose speakers by it."""

    @property
    @abstractmethod
    def produced_message_types(self) -> Sequence[type[BaseChatMessage]]:
        """The types of the chat message in this agent's responses."""

    @abstractmethod
    async def on_messages(self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken) -> Response:
        """Answer new messages: those since the last call, never the whole conversation."""

    @abstractmethod
    def on_messages_stream(
        self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken
    ) -> AsyncGenerator[BaseAgentEvent | BaseChatMessage | Response, None]:
        """Answer new messages and yield what happens as it arises; the last item is the `Response`."""

    @abstractmethod
    async def on_reset(self, cancellation_token: CancellationToken) -> None:
        """Go back to the state after construction."""

    @abstractmethod
    async def on_pause(self, cancellation_token: CancellationToken) -> None:
        """Take note of a pause. May be called while the agent is answering messages."""

    @abstractmethod
    async def on_resume(self, cancellation_token: CancellationToken) -> None:
        """Take note of the end of a pause. May be called while the agent is answering messages."""

    @abstractmethod
    async def save_state(self) -> Mapping[str, Any]:
        """Return the state as JSON data."""

    @abstractmethod
    async def load_state(self, state: Mapping[str, Any]) -> None:
        """Replace the state with what `save_state` returned."""

    @abstractmethod
    async def close(self) -> None:
        """Release what the agent holds. It is not used afterwards."""
