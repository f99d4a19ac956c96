"""The built-in events: what agents and teams tell the application while they work."""

from __future__ import annotations

from typing import Literal

from hubbub_agentchat.messages._base import BaseAgentEvent
from hubbub_core import FunctionCall
from hubbub_core.code_executor import CodeBlock, CodeResult
from hubbub_core.memory import MemoryContent
from hubbub_core.models import FunctionExecutionResult


class ToolCallRequestEvent(BaseAgentEvent):
    """A model asked for tool calls."""

    content: list[FunctionCall]

    type: Literal["ToolCallRequestEvent"] = "ToolCallRequestEvent"

    def to_text(self) -> str:
        return str(self.content)


class ToolCallExecutionEvent(BaseAgentEvent):
    """Tool calls were made; these are their results."""

    content: list[FunctionExecutionResult]

    type: Literal["ToolCallExecutionEvent"] = "ToolCallExecutionEvent"

    def to_text(self) -> str:
        return str(self.content)


class MemoryQueryEvent(BaseAgentEvent):
    """A memory was asked; this is what it found."""

    content: list[MemoryContent]

    type: Literal["MemoryQueryEvent"] = "MemoryQueryEvent"

    def to_text(self) -> str:
        return str(self.content)


class UserInputRequestedEvent(BaseAgentEvent):
    """A user proxy waits for its user. Sent before the input function is called."""

    request_id: str
    """Identifies the request, for the input function and for whoever shows it."""

    content: Literal[""] = ""
    """Always empty; there for readers that expect the field."""

    type: Literal["UserInputRequestedEvent"] = "UserInputRequestedEvent"

    def to_text(self) -> str:
        return str(self.content)


class ModelClientStreamingChunkEvent(BaseAgentEvent):
    """A piece of a model's text, as it came. Streamed, but never part of a result or of a response's inner messages."""

    content: str

    full_message_id: str | None = None
    """`id` of the complete message that follows. Not the chunk's own `id`."""

    type: Literal["ModelClientStreamingChunkEvent"] = "ModelClientStreamingChunkEvent"

    def to_text(self) -> str:
        return self.content


class ThoughtEvent(BaseAgentEvent):
    """The reasoning of a model, or the text that it wrote along with tool calls."""

    content: str

    type: Literal["ThoughtEvent"] = "ThoughtEvent"

    def to_text(self) -> str:
        return self.content


class SelectSpeakerEvent(BaseAgentEvent):
    """A team chose who speaks next. Sent by teams with `emit_team_events`."""

    content: list[str]
    """Names of the chosen participants."""

    type: Literal["SelectSpeakerEvent"] = "SelectSpeakerEvent"

    def to_text(self) -> str:
        return str(self.content)


class SelectorEvent(BaseAgentEvent):
    """What the model of a `SelectorGroupChat` answered. Sent by teams with `emit_team_events` that stream (N-105)."""

    content: str

    type: Literal["SelectorEvent"] = "SelectorEvent"

    def to_text(self) -> str:
        return self.content


class CodeGenerationEvent(BaseAgentEvent):
    """A model wrote code."""

    retry_attempt: int
    """0 for the first attempt."""

    content: str
    """The model's whole text."""

    code_blocks: list[CodeBlock]
    """The code in it."""

    type: Literal["CodeGenerationEvent"] = "CodeGenerationEvent"

    def to_text(self) -> str:
        return self.content


class CodeExecutionEvent(BaseAgentEvent):
    """Code was executed."""

    retry_attempt: int
    """0 for the first attempt."""

    result: CodeResult

    type: Literal["CodeExecutionEvent"] = "CodeExecutionEvent"

    def to_text(self) -> str:
        return self.result.output
