"""Conditions on what a message is, who sent it, or what it says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from pydantic import BaseModel

from hubbub_agentchat.conditions._single import SingleCondition
from hubbub_agentchat.messages import (
    BaseAgentEvent,
    BaseChatMessage,
    HandoffMessage,
    StopMessage,
    TextMessage,
    ToolCallExecutionEvent,
)
from hubbub_registry import Component


class StopMessageTerminationConfig(BaseModel):
    """Configuration of `StopMessageTermination`."""


class StopMessageTermination(SingleCondition, Component[StopMessageTerminationConfig]):
    """Terminate the conversation if a StopMessage is received."""

    component_config_schema = StopMessageTerminationConfig
    component_provider_override = "hubbub_agentchat.conditions.StopMessageTermination"

    async def _reason(self, messages: Sequence[BaseAgentEvent | BaseChatMessage]) -> str | None:
        return "Stop message received" if any(isinstance(message, StopMessage) for message in messages) else None

    def _to_config(self) -> StopMessageTerminationConfig:
        return StopMessageTerminationConfig()

    @classmethod
    def _from_config(cls, config: StopMessageTerminationConfig) -> Self:
        return cls()


class TextMentionTerminationConfig(BaseModel):
    """Configuration of `TextMentionTermination`. It does not hold `sources` (N-223)."""

    text: str


class TextMentionTermination(SingleCondition, Component[TextMentionTerminationConfig]):
    """Terminate the conversation if a specific text is mentioned.

    Args:
        text: What to look for in `to_text()` of every new message and event.
        sources: Names of the agents whose messages are searched; None searches all. Not part of a configuration.
    """

    component_config_schema = TextMentionTerminationConfig
    component_provider_override = "hubbub_agentchat.conditions.TextMentionTermination"

    def __init__(self, text: str, sources: Sequence[str] | None = None) -> None:
        super().__init__()
        self._text = text
        self._sources = None if sources is None else frozenset(sources)

    async def _reason(self, messages: Sequence[BaseAgentEvent | BaseChatMessage]) -> str | None:
        for message in messages:
            if self._sources is not None and message.source not in self._sources:
                continue
            if self._text in message.to_text():
                return f"Text '{self._text}' mentioned"
        return None

    def _to_config(self) -> TextMentionTerminationConfig:
        return TextMentionTerminationConfig(text=self._text)

    @classmethod
    def _from_config(cls, config: TextMentionTerminationConfig) -> Self:
        return cls(text=config.text)


class TextMessageTerminationConfig(BaseModel):
    """Configuration of `TextMessageTermination`."""

    source: str | None = None


class TextMessageTermination(SingleCondition, Component[TextMessageTerminationConfig]):
    """Terminate the conversation if a TextMessage is received.

    Args:
        source: Name of the agent that has to send it; None takes anybody's.
    """

    component_config_schema = TextMessageTerminationConfig
    component_provider_override = "hubbub_agentchat.conditions.TextMessageTermination"

    def __init__(self, source: str | None = None) -> None:
        super().__init__()
        self._source = source

    async def _reason(self, messages: Sequence[BaseAgentEvent | BaseChatMessage]) -> str | None:
        for message in messages:
            if isinstance(message, TextMessage) and self._source in (None, message.source):
                return f"Text message received from '{message.source}'"
        return None

    def _to_config(self) -> TextMessageTerminationConfig:
        return TextMessageTerminationConfig(source=self._source)

    @classmethod
    def _from_config(cls, config: TextMessageTerminationConfig) -> Self:
        return cls(source=config.source)


class HandoffTerminationConfig(BaseModel):
    """Configuration of `HandoffTermination`."""

    target: str


class HandoffTermination(SingleCondition, Component[HandoffTerminationConfig]):
    """Terminate the conversation if a HandoffMessage with the given target is received.

    Args:
        target: Name of the agent, or user, that is handed over to.
    """

    component_config_schema = HandoffTerminationConfig
    component_provider_override = "hubbub_agentchat.conditions.HandoffTermination"

    def __init__(self, target: str) -> None:
        super().__init__()
        self._target = target

    async def _reason(self, messages: Sequence[BaseAgentEvent | BaseChatMessage]) -> str | None:
        for message in messages:
            if isinstance(message, HandoffMessage) and message.target == self._target:
                return f"Handoff to {message.target} from {message.source} detected."
        return None

    def _to_config(self) -> HandoffTerminationConfig:
        return HandoffTerminationConfig(target=self._target)

    @classmethod
    def _from_config(cls, config: HandoffTerminationConfig) -> Self:
        return cls(target=config.target)


class SourceMatchTerminationConfig(BaseModel):
    """Configuration of `SourceMatchTermination`."""

    sources: list[str]


class SourceMatchTermination(SingleCondition, Component[SourceMatchTerminationConfig]):
    """Terminate the conversation after a specific source responds.

    Args:
        sources: Names of the agents; a message from any of them ends the run.
    """

    component_config_schema = SourceMatchTerminationConfig
    component_provider_override = "hubbub_agentchat.conditions.SourceMatchTermination"

    def __init__(self, sources: list[str]) -> None:
        super().__init__()
        self._sources = list(sources)

    async def _reason(self, messages: Sequence[BaseAgentEvent | BaseChatMessage]) -> str | None:
        for message in messages:
            if message.source in self._sources:
                return f"'{message.source}' answered"
        return None

    def _to_config(self) -> SourceMatchTerminationConfig:
        return SourceMatchTerminationConfig(sources=self._sources)

    @classmethod
    def _from_config(cls, config: SourceMatchTerminationConfig) -> Self:
        return cls(sources=config.sources)


class FunctionCallTerminationConfig(BaseModel):
    """Configuration of `FunctionCallTermination`."""

    function_name: str


class FunctionCallTermination(SingleCondition, Component[FunctionCallTerminationConfig]):
    """Terminate the conversation if a FunctionExecutionResult with a specific name was received.

    Args:
        function_name: Name of the tool; looked for in `ToolCallExecutionEvent`s only.
    """

    component_config_schema = FunctionCallTerminationConfig
    component_provider_override = "hubbub_agentchat.conditions.FunctionCallTermination"

    def __init__(self, function_name: str) -> None:
        super().__init__()
        self._function_name = function_name

    async def _reason(self, messages: Sequence[BaseAgentEvent | BaseChatMessage]) -> str | None:
        for message in messages:
            if isinstance(message, ToolCallExecutionEvent) and any(
                result.name == self._function_name for result in message.content
            ):
                return f"Function '{self._function_name}' was executed."
        return None

    def _to_config(self) -> FunctionCallTerminationConfig:
        return FunctionCallTerminationConfig(function_name=self._function_name)

    @classmethod
    def _from_config(cls, config: FunctionCallTerminationConfig) -> Self:
        return cls(function_name=config.function_name)
