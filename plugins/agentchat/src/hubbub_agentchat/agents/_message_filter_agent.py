"""The agent that gives another only some of the messages."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, Field

from hubbub_agentchat.agents._base_chat_agent import BaseChatAgent
from hubbub_agentchat.base import Response
from hubbub_agentchat.messages import BaseAgentEvent, BaseChatMessage
from hubbub_core import CancellationToken
from hubbub_registry import Component, ComponentModel


class PerSourceFilter(BaseModel):
    """Which messages of one source pass."""

    source: str

    position: Literal["first", "last"] | None = None
    """From which end `count` messages are taken; None for all."""

    count: int | None = Field(default=None, ge=0)
    """How many; None for all."""


class MessageFilterConfig(BaseModel):
    """Which messages pass: those of each filter, in the order of the filters. An empty list lets nothing pass."""

    per_source: list[PerSourceFilter]


class MessageFilterAgentConfig(BaseModel):
    """Configuration of `MessageFilterAgent`."""

    name: str
    wrapped_agent: ComponentModel
    filter: MessageFilterConfig


class MessageFilterAgent(BaseChatAgent, Component[MessageFilterAgentConfig]):
    """An agent that answers by another, which is given only the messages that a filter lets pass.

    For graphs, in which every agent hears every other: it keeps prompts short and loops apart. The answers carry the
    name of the wrapped agent: in a graph give both the same name. State, pause and reset are those of the wrapped
    agent. Experimental.

    Args:
        name: The agent's name.
        wrapped_agent: Answers.
        filter: Which of the new messages of each turn it is given.
    """

    component_type: ClassVar[str] = "agent"
    component_config_schema = MessageFilterAgentConfig
    component_provider_override = "hubbub_agentchat.agents.MessageFilterAgent"

    def __init__(self, name: str, wrapped_agent: BaseChatAgent, filter: MessageFilterConfig) -> None:
        super().__init__(name=name, description=f"{wrapped_agent.description} (with message filtering)")
        self._wrapped_agent = wrapped_agent
        self._filter = filter

    @property
    def produced_message_types(self) -> Sequence[type[BaseChatMessage]]:
        return self._wrapped_agent.produced_message_types

    async def on_messages(self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken) -> Response:
        return await self._wrapped_agent.on_messages(self._passing(messages), cancellation_token)

    async def on_messages_stream(
        self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken
    ) -> AsyncGenerator[BaseAgentEvent | BaseChatMessage | Response, None]:
        """Have the wrapped agent answer what passes; yields what it yields."""
        stream = self._wrapped_agent.on_messages_stream(self._passing(messages), cancellation_token)
        async with aclosing(stream) as items:
            async for item in items:
                yield item

    def _passing(self, messages: Sequence[BaseChatMessage]) -> list[BaseChatMessage]:
        passing: list[BaseChatMessage] = []
        taken: set[int] = set()
        for wanted in self._filter.per_source:
            found = [message for message in messages if message.source == wanted.source]
            if wanted.position is not None and wanted.count is not None:
                # Not found[-count:], which is everything for 0.
                start = 0 if wanted.position == "first" else max(0, len(found) - wanted.count)
                found = found[start : start + wanted.count]
            # Two filters of a source may meet in the middle.
            passing.extend(message for message in found if id(message) not in taken)
            taken.update(map(id, found))
        return passing

    async def on_reset(self, cancellation_token: CancellationToken) -> None:
        """Reset the wrapped agent."""
        await self._wrapped_agent.on_reset(cancellation_token)

    async def on_pause(self, cancellation_token: CancellationToken) -> None:
        """Tell the wrapped agent."""
        await self._wrapped_agent.on_pause(cancellation_token)

    async def on_resume(self, cancellation_token: CancellationToken) -> None:
        """Tell the wrapped agent."""
        await self._wrapped_agent.on_resume(cancellation_token)

    async def save_state(self) -> Mapping[str, Any]:
        """Return the state of the wrapped agent."""
        return await self._wrapped_agent.save_state()

    async def load_state(self, state: Mapping[str, Any]) -> None:
        """Replace the state of the wrapped agent."""
        await self._wrapped_agent.load_state(state)

    async def close(self) -> None:
        """Close the wrapped agent."""
        await self._wrapped_agent.close()

    def _to_config(self) -> MessageFilterAgentConfig:
        return MessageFilterAgentConfig(
            name=self.name, wrapped_agent=self._wrapped_agent.dump_component(), filter=self._filter
        )

    @classmethod
    def _from_config(cls, config: MessageFilterAgentConfig) -> Self:
        return cls(config.name, BaseChatAgent.load_component(config.wrapped_agent), config.filter)
