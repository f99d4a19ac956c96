"""Contexts that show everything, the end, or the beginning and the end."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import BaseModel

from hubbub_core.model_context._context import ChatCompletionContext
from hubbub_core.models._types import AssistantMessage, FunctionExecutionResultMessage, LLMMessage, UserMessage
from hubbub_registry import Component


class UnboundedChatCompletionContextConfig(BaseModel):
    """Configuration of an `UnboundedChatCompletionContext`."""

    initial_messages: list[LLMMessage] | None = None


class UnboundedChatCompletionContext(ChatCompletionContext, Component[UnboundedChatCompletionContextConfig]):
    """Shows all messages."""

    component_provider_override: ClassVar[str] = "hubbub_core.model_context.UnboundedChatCompletionContext"
    component_config_schema = UnboundedChatCompletionContextConfig
    _only_appends = True

    async def get_messages(self) -> list[LLMMessage]:
        """Return all messages."""
        return list(self._messages)

    def _to_config(self) -> UnboundedChatCompletionContextConfig:
        return UnboundedChatCompletionContextConfig(initial_messages=self._initial_messages)

    @classmethod
    def _from_config(cls, config: UnboundedChatCompletionContextConfig) -> Self:
        return cls(initial_messages=config.initial_messages)


class BufferedChatCompletionContextConfig(BaseModel):
    """Configuration of a `BufferedChatCompletionContext`."""

    buffer_size: int

    initial_messages: list[LLMMessage] | None = None


class BufferedChatCompletionContext(ChatCompletionContext, Component[BufferedChatCompletionContextConfig]):
    """Shows the last messages.

    Results of function calls at the beginning of the window are left out, because a model does not accept them without
    the message that asked for them.

    Args:
        buffer_size: How many messages at most.
        initial_messages: What is there at the beginning.

    Raises:
        ValueError: The size is not positive.
    """

    component_provider_override: ClassVar[str] = "hubbub_core.model_context.BufferedChatCompletionContext"
    component_config_schema = BufferedChatCompletionContextConfig
    _only_appends = True

    def __init__(self, buffer_size: int, initial_messages: list[LLMMessage] | None = None) -> None:
        super().__init__(initial_messages)
        if buffer_size <= 0:
            raise ValueError(f"buffer_size must be greater than 0, but is {buffer_size}.")
        self._buffer_size = buffer_size

    async def get_messages(self) -> list[LLMMessage]:
        """Return at most the last `buffer_size` messages."""
        messages = self._messages[-self._buffer_size :]
        if messages and isinstance(messages[0], FunctionExecutionResultMessage):
            messages = messages[1:]
        return messages

    def _to_config(self) -> BufferedChatCompletionContextConfig:
        return BufferedChatCompletionContextConfig(
            buffer_size=self._buffer_size,
            initial_messages=self._initial_messages,
        )

    @classmethod
    def _from_config(cls, config: BufferedChatCompletionContextConfig) -> Self:
        return cls(buffer_size=config.buffer_size, initial_messages=config.initial_messages)


class HeadAndTailChatCompletionContextConfig(BaseModel):
    """Configuration of a `HeadAndTailChatCompletionContext`."""

    head_size: int

    tail_size: int

    initial_messages: list[LLMMessage] | None = None


class HeadAndTailChatCompletionContext(ChatCompletionContext, Component[HeadAndTailChatCompletionContextConfig]):
    """Shows the first and the last messages, and between them how many were skipped.

    A tool call at the end of the head and results at the beginning of the tail are left out, because a model accepts
    neither without its counterpart.

    Args:
        head_size: How many of the first messages.
        tail_size: How many of the last messages.
        initial_messages: What is there at the beginning.

    Raises:
        ValueError: A size is not positive.
    """

    component_provider_override: ClassVar[str] = "hubbub_core.model_context.HeadAndTailChatCompletionContext"
    component_config_schema = HeadAndTailChatCompletionContextConfig
    _only_appends = True

    def __init__(self, head_size: int, tail_size: int, initial_messages: list[LLMMessage] | None = None) -> None:
        super().__init__(initial_messages)
        if head_size <= 0:
            raise ValueError(f"head_size must be greater than 0, but is {head_size}.")
        if tail_size <= 0:
            raise ValueError(f"tail_size must be greater than 0, but is {tail_size}.")
        self._head_size = head_size
        self._tail_size = tail_size

    async def get_messages(self) -> list[LLMMessage]:
        """Return all messages if head and tail hold them, else head, a note of what was skipped, and tail."""
        skipped = len(self._messages) - self._head_size - self._tail_size
        if skipped <= 0:
            return list(self._messages)
        head = self._messages[: self._head_size]
        if isinstance(head[-1], AssistantMessage) and not isinstance(head[-1].content, str):
            head = head[:-1]
        tail = self._messages[-self._tail_size :]
        if isinstance(tail[0], FunctionExecutionResultMessage):
            tail = tail[1:]
        return [*head, UserMessage(content=f"Skipped {skipped} messages.", source="System"), *tail]

    def _to_config(self) -> HeadAndTailChatCompletionContextConfig:
        return HeadAndTailChatCompletionContextConfig(
            head_size=self._head_size,
            tail_size=self._tail_size,
            initial_messages=self._initial_messages,
        )

    @classmethod
    def _from_config(cls, config: HeadAndTailChatCompletionContextConfig) -> Self:
        return cls(
            head_size=config.head_size,
            tail_size=config.tail_size,
            initial_messages=config.initial_messages,
        )
