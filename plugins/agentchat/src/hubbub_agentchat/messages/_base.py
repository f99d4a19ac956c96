"""The bases of all messages: what agents say to each other, and what they tell the application."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Self

from pydantic import BaseModel, Field

from hubbub_agentchat.messages._ids import new_message_id
from hubbub_core.models import RequestUsage, UserMessage


def _now() -> datetime:
    return datetime.now(UTC)


class BaseMessage(BaseModel, ABC):
    """Base of every message. Derive own types from `BaseChatMessage` or `BaseAgentEvent`, not from this (N-090)."""

    @abstractmethod
    def to_text(self) -> str:
        """Return the message as text, for the console and for conditions. Not what a model is given."""

    def dump(self) -> Mapping[str, Any]:
        """Return the message as JSON data."""
        return self.model_dump(mode="json")

    @classmethod
    def load(cls, data: Mapping[str, Any]) -> Self:
        """Make a message from what `dump` returned.

        Raises:
            pydantic.ValidationError: The data is not that of this class. A `ValueError`.
        """
        return cls.model_validate(data)


class _SourcedMessage(BaseMessage, ABC):
    """What chat messages and events say about themselves."""

    id: str = Field(default_factory=new_message_id)
    """Unique; the text of a UUID unless given."""

    source: str
    """Name of the agent, user or team that it comes from."""

    models_usage: RequestUsage | None = None
    """Tokens that models used for it."""

    metadata: dict[str, str] = Field(default_factory=dict)
    """Whatever the application wants to remember with it."""

    created_at: datetime = Field(default_factory=_now)
    """When it was made, in UTC."""


class BaseChatMessage(_SourcedMessage, ABC):
    """Base of the messages that agents send to each other.

    A subclass with a field `type` (a `Literal` of its class name) can be saved and sent through teams that know it by
    `custom_message_types`.
    """

    @abstractmethod
    def to_model_text(self) -> str:
        """Return the text part of what a model is given: in a prompt that retells the conversation, for example."""

    @abstractmethod
    def to_model_message(self) -> UserMessage:
        """Return the message as what a model is given."""


class BaseTextChatMessage(BaseChatMessage, ABC):
    """Base of chat messages whose content is one text."""

    content: str

    def to_text(self) -> str:
        return self.content

    def to_model_text(self) -> str:
        return self.content

    def to_model_message(self) -> UserMessage:
        return UserMessage(content=self.content, source=self.source)


class BaseAgentEvent(_SourcedMessage, ABC):
    """Base of what agents and teams tell the application while they work. Never sent from agent to agent."""
