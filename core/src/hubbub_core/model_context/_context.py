"""What an agent remembers of a conversation, and the part of it that a model gets to see."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, Field

from hubbub_core.models._types import LLMMessage
from hubbub_registry import ComponentBase


class ChatCompletionContextState(BaseModel):
    """State of a context: its messages."""

    messages: list[LLMMessage] = Field(default_factory=list)


class ChatCompletionContext(ABC, ComponentBase[BaseModel]):
    """Keeps the messages of a conversation; a subclass decides which of them a model sees.

    The current messages are state; the configuration only holds the initial ones.

    Args:
        initial_messages: What is there at the beginning.
    """

    component_type: ClassVar[str] = "chat_completion_context"

    def __init__(self, initial_messages: list[LLMMessage] | None = None) -> None:
        self._initial_messages = initial_messages
        self._messages: list[LLMMessage] = list(initial_messages or [])

    async def add_message(self, message: LLMMessage) -> None:
        """Add a message at the end."""
        self._messages.append(message)

    @abstractmethod
    async def get_messages(self) -> list[LLMMessage]:
        """Return the messages that a model sees, as a new list."""

    async def clear(self) -> None:
        """Remove all messages, the initial ones too."""
        self._messages = []

    async def save_state(self) -> Mapping[str, Any]:
        """Return all messages as JSON data: `{"messages": [{"type": "UserMessage", ...}, ...]}`."""
        return ChatCompletionContextState(messages=self._messages).model_dump(mode="json")

    async def load_state(self, state: Mapping[str, Any]) -> None:
        """Replace all messages by those of `state`.

        Raises:
            pydantic.ValidationError: It is no such state; a `ValueError`.
        """
        self._messages = ChatCompletionContextState.model_validate(state).messages
