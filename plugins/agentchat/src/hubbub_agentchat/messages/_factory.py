"""Messages from JSON data: the unions of the built-in types, and the factory that knows custom types too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, TypeAlias

from pydantic import Field

from hubbub_agentchat.messages._base import BaseAgentEvent, BaseChatMessage
from hubbub_agentchat.messages._chat import (
    HandoffMessage,
    MultiModalMessage,
    StopMessage,
    TextMessage,
    ToolCallSummaryMessage,
)
from hubbub_agentchat.messages._events import (
    CodeExecutionEvent,
    CodeGenerationEvent,
    MemoryQueryEvent,
    ModelClientStreamingChunkEvent,
    SelectSpeakerEvent,
    ThoughtEvent,
    ToolCallExecutionEvent,
    ToolCallRequestEvent,
    UserInputRequestedEvent,
)

ChatMessage: TypeAlias = Annotated[
    TextMessage | MultiModalMessage | StopMessage | ToolCallSummaryMessage | HandoffMessage,
    Field(discriminator="type"),
]
"""Any built-in chat message, structured ones excepted."""

AgentEvent: TypeAlias = Annotated[
    ToolCallRequestEvent
    | ToolCallExecutionEvent
    | MemoryQueryEvent
    | UserInputRequestedEvent
    | ModelClientStreamingChunkEvent
    | ThoughtEvent
    | SelectSpeakerEvent
    | CodeGenerationEvent
    | CodeExecutionEvent,
    Field(discriminator="type"),
]
"""Any built-in event."""

_BUILT_IN: Final[tuple[type[BaseAgentEvent | BaseChatMessage], ...]] = (
    TextMessage,
    MultiModalMessage,
    StopMessage,
    ToolCallSummaryMessage,
    HandoffMessage,
    ToolCallRequestEvent,
    ToolCallExecutionEvent,
    MemoryQueryEvent,
    UserInputRequestedEvent,
    ModelClientStreamingChunkEvent,
    ThoughtEvent,
    SelectSpeakerEvent,
    CodeGenerationEvent,
    CodeExecutionEvent,
)


class MessageFactory:
    """Makes messages from JSON data by their `type`, which is the class name.

    A new factory knows the built-in types, `SelectorEvent` and structured messages excepted (N-108).
    """

    def __init__(self) -> None:
        self._types: dict[str, type[BaseAgentEvent | BaseChatMessage]] = {known.__name__: known for known in _BUILT_IN}

    @property
    def registered_types(self) -> Sequence[type[BaseAgentEvent | BaseChatMessage]]:
        """The known classes."""
        return list(self._types.values())

    def is_registered(self, message_type: type[BaseAgentEvent | BaseChatMessage]) -> bool:
        """Tell whether a class of this name is known."""
        return message_type.__name__ in self._types

    def register(self, message_type: type[BaseAgentEvent | BaseChatMessage]) -> None:
        """Make a class known.

        Raises:
            ValueError: A class of this name is known already, or it is neither a chat message nor an event.
        """
        if self.is_registered(message_type):
            raise ValueError(f"Message type {message_type.__name__} is already registered.")
        if not issubclass(message_type, (BaseChatMessage, BaseAgentEvent)):
            raise ValueError(
                f"Message type {message_type.__name__} must be a subclass of BaseChatMessage or BaseAgentEvent."
            )
        self._types[message_type.__name__] = message_type

    def create(self, data: Mapping[str, Any]) -> BaseAgentEvent | BaseChatMessage:
        """Make a message from what its `dump` returned.

        Raises:
            ValueError: `type` is missing, not a string or unknown, or the data does not fit the class.
        """
        type_name = data.get("type")
        if type_name is None:
            raise ValueError("Field 'type' is required in the message data to recover the message type.")
        if not isinstance(type_name, str):
            raise ValueError(f"Field 'type' of the message data must be a string, not {type(type_name).__name__}.")
        message_type = self._types.get(type_name)
        if message_type is None:
            raise ValueError(f"Unknown message type: {type_name}")
        return message_type.load(data)
