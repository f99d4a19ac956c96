"""Conditions that end a run, and their combinations by `&` and `|`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Self

from pydantic import BaseModel

from hubbub_agentchat.messages import BaseAgentEvent, BaseChatMessage, StopMessage
from hubbub_registry import Component, ComponentBase, ComponentModel


class TerminatedException(BaseException):
    """A termination condition was asked again after it had been reached, without `reset()` in between.

    Derives from `BaseException`, as documented (spec: 000 L13290), so that an agent's `except Exception` lets it pass.
    """


class TerminationCondition(ABC, ComponentBase[BaseModel]):
    """Decides from new messages whether a run ends.

    A condition keeps state: it is given only the messages since the last call, returns a `StopMessage` once it is
    reached, and has to be `reset()` before it is asked again. Teams do so after every run. Combine conditions with `&`
    (all of them) and `|` (any of them).
    """

    component_type: ClassVar[str] = "termination"

    @property
    @abstractmethod
    def terminated(self) -> bool:
        """Whether the condition has been reached."""

    @abstractmethod
    async def __call__(self, messages: Sequence[BaseAgentEvent | BaseChatMessage]) -> StopMessage | None:
        """Look at the messages since the last call.

        Returns:
            A message with the reason when the condition is reached, else None.

        Raises:
            TerminatedException: The condition had been reached before and was not reset.
        """

    @abstractmethod
    async def reset(self) -> None:
        """Start anew."""

    def __and__(self, other: TerminationCondition) -> TerminationCondition:
        """Return a condition that is reached when both are."""
        return AndTerminationCondition(self, other)

    def __or__(self, other: TerminationCondition) -> TerminationCondition:
        """Return a condition that is reached when one of both is."""
        return OrTerminationCondition(self, other)


def _join(stops: Sequence[StopMessage]) -> StopMessage:
    return StopMessage(
        content=", ".join(stop.content for stop in stops),
        source=", ".join(stop.source for stop in stops),
    )


class AndTerminationConditionConfig(BaseModel):
    """Configuration of `AndTerminationCondition`."""

    conditions: list[ComponentModel]


class AndTerminationCondition(TerminationCondition, Component[AndTerminationConditionConfig]):
    """Ends a run when all of its conditions have been reached, together or one after the other."""

    component_config_schema = AndTerminationConditionConfig
    component_provider_override = "hubbub_agentchat.base.AndTerminationCondition"
    component_type = "termination"

    def __init__(self, *conditions: TerminationCondition) -> None:
        self._conditions = conditions
        self._stops: list[StopMessage] = []

    @property
    def terminated(self) -> bool:
        return all(condition.terminated for condition in self._conditions)

    async def __call__(self, messages: Sequence[BaseAgentEvent | BaseChatMessage]) -> StopMessage | None:
        if self.terminated:
            raise TerminatedException("Termination condition has already been reached.")
        for condition in self._conditions:
            if not condition.terminated:
                stop = await condition(messages)
                if stop is not None:
                    self._stops.append(stop)
        return _join(self._stops) if len(self._stops) == len(self._conditions) else None

    async def reset(self) -> None:
        for condition in self._conditions:
            await condition.reset()
        self._stops.clear()

    def _to_config(self) -> AndTerminationConditionConfig:
        return AndTerminationConditionConfig(conditions=[condition.dump_component() for condition in self._conditions])

    @classmethod
    def _from_config(cls, config: AndTerminationConditionConfig) -> Self:
        return cls(*(TerminationCondition.load_component(condition) for condition in config.conditions))


class OrTerminationConditionConfig(BaseModel):
    """Configuration of `OrTerminationCondition`."""

    conditions: list[ComponentModel]


class OrTerminationCondition(TerminationCondition, Component[OrTerminationConditionConfig]):
    """Ends a run when one of its conditions is reached."""

    component_config_schema = OrTerminationConditionConfig
    component_provider_override = "hubbub_agentchat.base.OrTerminationCondition"
    component_type = "termination"

    def __init__(self, *conditions: TerminationCondition) -> None:
        self._conditions = conditions

    @property
    def terminated(self) -> bool:
        return any(condition.terminated for condition in self._conditions)

    async def __call__(self, messages: Sequence[BaseAgentEvent | BaseChatMessage]) -> StopMessage | None:
        if self.terminated:
            # The documents have RuntimeError here and TerminatedException in the and-combination (N-118).
            raise RuntimeError("Termination condition has already been reached.")
        stops: list[StopMessage] = []
        for condition in self._conditions:
            stop = await condition(messages)
            if stop is not None:
                stops.append(stop)
        return _join(stops) if stops else None

    async def reset(self) -> None:
        for condition in self._conditions:
            await condition.reset()

    def _to_config(self) -> OrTerminationConditionConfig:
        return OrTerminationConditionConfig(conditions=[condition.dump_component() for condition in self._conditions])

    @classmethod
    def _from_config(cls, config: OrTerminationConditionConfig) -> Self:
        return cls(*(TerminationCondition.load_component(condition) for condition in config.conditions))
