"""The built-in messages that agents send to each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field

from hubbub_agentchat.messages._base import BaseChatMessage, BaseTextChatMessage
from hubbub_core import FunctionCall, Image
from hubbub_core.models import FunctionExecutionResult, LLMMessage, UserMessage


class TextMessage(BaseTextChatMessage):
    """A text."""

    type: Literal["TextMessage"] = "TextMessage"


class StopMessage(BaseTextChatMessage):
    """A request to stop; what a termination condition returns."""

    type: Literal["StopMessage"] = "StopMessage"


class HandoffMessage(BaseTextChatMessage):
    """Hands the conversation over to another agent.

    `content` is what the target's model reads; `context` goes before it.
    """

    target: str
    """Name of the agent, or user, that goes on."""

    context: list[LLMMessage] = Field(default_factory=list)
    """Model messages that the target needs to go on, such as tool calls of the sender and their results."""

    type: Literal["HandoffMessage"] = "HandoffMessage"


class ToolCallSummaryMessage(BaseTextChatMessage):
    """The results of tool calls, as the answer of an agent that does not reflect on them."""

    tool_calls: list[FunctionCall]
    """The calls that were made."""

    results: list[FunctionExecutionResult]
    """What they returned."""

    type: Literal["ToolCallSummaryMessage"] = "ToolCallSummaryMessage"

    @classmethod
    def load(cls, data: Mapping[str, Any]) -> Self:
        """Return the message that was dumped; in what AutoGen 0.4 saved, calls and results are missing."""
        return super().load({"tool_calls": [], "results": [], **data})


class MultiModalMessage(BaseChatMessage):
    """Texts and images, in order."""

    content: list[str | Image]

    type: Literal["MultiModalMessage"] = "MultiModalMessage"

    def to_text(self, iterm: bool = False) -> str:
        """Return the parts joined by newlines, each image as `<image>`.

        Args:
            iterm: Write images as escape sequences that the iTerm2 terminal shows as pictures.
        """
        parts: list[str] = []
        for part in self.content:
            if isinstance(part, str):
                parts.append(part)
            elif iterm:
                parts.append(f"\033]1337;File=inline=1:{part.to_base64()}\a\n")
            else:
                parts.append("<image>")
        return "\n".join(parts)

    def to_model_text(self, image_placeholder: str | None = "[image]") -> str:
        """Return the texts run together, each image as a space and the placeholder.

        Args:
            image_placeholder: What stands for an image; None writes its base64 data.
        """
        text = ""
        for part in self.content:
            if isinstance(part, str):
                text += part
            else:
                text += f" {part.to_base64() if image_placeholder is None else image_placeholder}"
        return text

    def to_model_message(self) -> UserMessage:
        return UserMessage(content=self.content, source=self.source)
