"""Messages: what agents say to each other, and the events that they tell the application."""

from hubbub_agentchat.messages._base import BaseAgentEvent, BaseChatMessage, BaseMessage, BaseTextChatMessage
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
from hubbub_agentchat.messages._events import SelectorEvent as SelectorEvent  # importable, but not public (N-105)
from hubbub_agentchat.messages._factory import AgentEvent, ChatMessage, MessageFactory
from hubbub_agentchat.messages._structured import (
    StructuredContentType,
    StructuredMessage,
    StructuredMessageFactory,
)

__all__ = [
    "AgentEvent",
    "BaseAgentEvent",
    "BaseChatMessage",
    "BaseMessage",
    "BaseTextChatMessage",
    "ChatMessage",
    "CodeExecutionEvent",
    "CodeGenerationEvent",
    "HandoffMessage",
    "MemoryQueryEvent",
    "MessageFactory",
    "ModelClientStreamingChunkEvent",
    "MultiModalMessage",
    "SelectSpeakerEvent",
    "StopMessage",
    "StructuredContentType",
    "StructuredMessage",
    "StructuredMessageFactory",
    "TextMessage",
    "ThoughtEvent",
    "ToolCallExecutionEvent",
    "ToolCallRequestEvent",
    "ToolCallSummaryMessage",
    "UserInputRequestedEvent",
]
