"""Conditions on how much has been said, paid or waited for."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Self

from pydantic import BaseModel

from hubbub_agentchat.conditions._single import SingleCondition
from hubbub_agentchat.messages import BaseAgentEvent, BaseChatMessage
from hubbub_registry import Component


class MaxMessageTerminationConfig(BaseModel):
    """Configuration of `MaxMessageTermination`."""

    max_messages: int
    include_agent_event: bool = False


class MaxMessageTermination(SingleCondition, Component[MaxMessageTerminationConfig]):
    """Terminate the conversation after a maximum number of messages have been exchanged.

    Args:
        max_messages: How many; the messages of the task count.
        include_agent_event: Whether events count too.
    """

    component_config_schema = MaxMessageTerminationConfig
    component_provider_override = "hubbub_agentchat.conditions.MaxMessageTermination"

    def __init__(self, max_messages: int, include_agent_event: bool = False) -> None:
        super().__init__()
        self._max_messages = max_messages
        self._include_agent_event = include_agent_event
        self._count = 0

    async def _reason(self, messages: Sequence[BaseAgentEvent | BaseChatMessage]) -> str | None:
        self._count += sum(
            1 for message in messages if self._include_agent_event or isinstance(message, BaseChatMessage)
        )
        if self._count < self._max_messages:
            return None
        return f"Maximum number of messages {self._max_messages} reached, current message count: {self._count}"

    def _forget(self) -> None:
        self._count = 0

    def _to_config(self) -> MaxMessageTerminationConfig:
        return MaxMessageTerminationConfig(
            max_messages=self._max_messages, include_agent_event=self._include_agent_event
        )

    @classmethod
    def _from_config(cls, config: MaxMessageTerminationConfig) -> Self:
        return cls(max_messages=config.max_messages, include_agent_event=config.include_agent_event)


class TokenUsageTerminationConfig(BaseModel):
    """Configuration of `TokenUsageTermination`."""

    max_total_token: int | None = None
    max_prompt_token: int | None = None
    max_completion_token: int | None = None


class TokenUsageTermination(SingleCondition, Component[TokenUsageTerminationConfig]):
    """Terminate the conversation if a token usage limit is reached.

    Counts `models_usage` of messages and events, so it depends on agents that report it. Any limit that is reached ends
    the run.

    Args:
        max_total_token: Limit for prompt and completion tokens together.
        max_prompt_token: Limit for prompt tokens.
        max_completion_token: Limit for completion tokens.

    Raises:
        ValueError: No limit was given.
    """

    component_config_schema = TokenUsageTerminationConfig
    component_provider_override = "hubbub_agentchat.conditions.TokenUsageTermination"

    def __init__(
        self,
        max_total_token: int | None = None,
        max_prompt_token: int | None = None,
        max_completion_token: int | None = None,
    ) -> None:
        if max_total_token is None and max_prompt_token is None and max_completion_token is None:
            raise ValueError(
                "At least one of max_total_token, max_prompt_token, or max_completion_token must be provided"
            )
        super().__init__()
        self._max_total_token = max_total_token
        self._max_prompt_token = max_prompt_token
        self._max_completion_token = max_completion_token
        self._prompt = 0
        self._completion = 0

    async def _reason(self, messages: Sequence[BaseAgentEvent | BaseChatMessage]) -> str | None:
        for message in messages:
            if message.models_usage is not None:
                self._prompt += message.models_usage.prompt_tokens
                self._completion += message.models_usage.completion_tokens
        total = self._prompt + self._completion
        limits = (
            (self._max_total_token, total),
            (self._max_prompt_token, self._prompt),
            (self._max_completion_token, self._completion),
        )
        if not any(limit is not None and used >= limit for limit, used in limits):
            return None
        return (
            f"Token usage limit reached, total token count: {total}, "
            f"prompt token count: {self._prompt}, completion token count: {self._completion}."
        )

    def _forget(self) -> None:
        self._prompt = 0
        self._completion = 0

    def _to_config(self) -> TokenUsageTerminationConfig:
        return TokenUsageTerminationConfig(
            max_total_token=self._max_total_token,
            max_prompt_token=self._max_prompt_token,
            max_completion_token=self._max_completion_token,
        )

    @classmethod
    def _from_config(cls, config: TokenUsageTerminationConfig) -> Self:
        return cls(
            max_total_token=config.max_total_token,
            max_prompt_token=config.max_prompt_token,
            max_completion_token=config.max_completion_token,
        )


class TimeoutTerminationConfig(BaseModel):
    """Configuration of `TimeoutTermination`."""

    timeout_seconds: float


class TimeoutTermination(SingleCondition, Component[TimeoutTerminationConfig]):
    """Terminate the conversation after a specified duration has passed.

    Looked at when messages arrive: it does not interrupt an agent at work. The clock starts when the condition is made
    and starts again at `reset()` (N-224).

    Args:
        timeout_seconds: How long, in seconds.
    """

    component_config_schema = TimeoutTerminationConfig
    component_provider_override = "hubbub_agentchat.conditions.TimeoutTermination"

    def __init__(self, timeout_seconds: float) -> None:
        super().__init__()
        self._timeout_seconds = timeout_seconds
        self._start = time.monotonic()

    async def _reason(self, messages: Sequence[BaseAgentEvent | BaseChatMessage]) -> str | None:
        if time.monotonic() - self._start < self._timeout_seconds:
            return None
        return f"Timeout of {self._timeout_seconds} seconds reached"

    def _forget(self) -> None:
        self._start = time.monotonic()

    def _to_config(self) -> TimeoutTerminationConfig:
        return TimeoutTerminationConfig(timeout_seconds=self._timeout_seconds)

    @classmethod
    def _from_config(cls, config: TimeoutTerminationConfig) -> Self:
        return cls(timeout_seconds=config.timeout_seconds)
