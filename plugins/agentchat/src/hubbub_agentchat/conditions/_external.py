"""Conditions that the application decides: by a call from outside, or by a function."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import Self

from pydantic import BaseModel

from hubbub_agentchat.conditions._single import SingleCondition
from hubbub_agentchat.messages import BaseAgentEvent, BaseChatMessage
from hubbub_registry import Component


class ExternalTerminationConfig(BaseModel):
    """Configuration of `ExternalTermination`."""


class ExternalTermination(SingleCondition, Component[ExternalTerminationConfig]):
    """A termination condition that is externally controlled by calling the :meth:`set` method.

    The run ends after the turn at which it was set: the speaker's answer is still part of it. To end a run at once,
    cancel its token.
    """

    component_config_schema = ExternalTerminationConfig
    component_provider_override = "hubbub_agentchat.conditions.ExternalTermination"

    def __init__(self) -> None:
        super().__init__()
        self._set = False

    def set(self) -> None:
        """Ask for the run's end."""
        self._set = True

    async def _reason(self, messages: Sequence[BaseAgentEvent | BaseChatMessage]) -> str | None:
        return "External termination requested" if self._set else None

    def _forget(self) -> None:
        self._set = False

    def _to_config(self) -> ExternalTerminationConfig:
        return ExternalTerminationConfig()

    @classmethod
    def _from_config(cls, config: ExternalTerminationConfig) -> Self:
        return cls()


class FunctionalTermination(SingleCondition):
    """Terminate the conversation when a function says so.

    Cannot be dumped to a configuration (N-218).

    Args:
        func: Given the new messages and events; the run ends when it returns exactly True. May be asynchronous.
    """

    component_provider_override = "hubbub_agentchat.conditions.FunctionalTermination"

    def __init__(self, func: Callable[[Sequence[BaseAgentEvent | BaseChatMessage]], bool | Awaitable[bool]]) -> None:
        super().__init__()
        self._func = func

    async def _reason(self, messages: Sequence[BaseAgentEvent | BaseChatMessage]) -> str | None:
        decided = self._func(messages)
        if inspect.isawaitable(decided):
            decided = await decided
        return "Functional termination condition met" if decided is True else None

    def _to_config(self) -> BaseModel:
        raise NotImplementedError("This component does not support dumping to config: a function is not data.")
