"""What an agent remembers of a conversation, and the part of it that a model gets to see."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from pydantic import BaseModel, Field

from hubbub_core.models._types import LLMMessage
from hubbub_registry import ComponentBase


class ChatCompletionContextState(BaseModel):
    """State of a context: its messages."""

    messages: list[LLMMessage] = Field(default_factory=list)


_STATE: Final = ("add_message", "clear", "save_state", "load_state")
"""What a subclass overrides that keeps something else than the list of the base class."""


class ContextMark:
    """What a context held at one moment, for its `rollback`."""

    __slots__ = ("_length", "_messages", "_state")

    def __init__(
        self,
        *,
        length: int | None = None,
        messages: list[LLMMessage] | None = None,
        state: Mapping[str, Any] | None = None,
    ) -> None:
        self._length = length
        self._messages = messages
        self._state = state


class ChatCompletionContext(ABC, ComponentBase[BaseModel]):
    """Keeps the messages of a conversation; a subclass decides which of them a model sees.

    The current messages are state; the configuration only holds the initial ones.

    Args:
        initial_messages: What is there at the beginning.
    """

    component_type: ClassVar[str] = "chat_completion_context"

    _only_appends: ClassVar[bool] = False
    """Whether the list only grows at its end between two `clear`s. Says nothing about subclasses."""

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

    async def mark(self) -> ContextMark:
        """Take note of what is there now, so that `rollback` can take back what is added later.

        Costs next to nothing for the contexts of this package, however long the conversation is.
        """
        cls = type(self)
        if cls.__dict__.get("_only_appends", False):
            return ContextMark(length=len(self._messages))
        if all(getattr(cls, name) is getattr(ChatCompletionContext, name) for name in _STATE):
            return ContextMark(messages=list(self._messages))
        return ContextMark(state=await self.save_state())

    async def rollback(self, mark: ContextMark) -> None:
        """Bring the messages back to what they were at `mark`.

        Args:
            mark: What `mark` of this context returned, with no `clear` or `load_state` since.
        """
        if mark._length is not None:
            del self._messages[mark._length :]
        elif mark._messages is not None:
            self._messages = list(mark._messages)
        elif mark._state is not None:
            await self.load_state(mark._state)
