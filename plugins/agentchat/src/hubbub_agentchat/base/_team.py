"""What applications, and outer teams, expect of a team."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import BaseModel

from hubbub_agentchat.base._task import TaskRunner
from hubbub_registry import ComponentBase


class Team(ABC, TaskRunner, ComponentBase[BaseModel]):
    """Several agents, and teams, that work on a task together."""

    component_type: ClassVar[str] = "team"

    @property
    @abstractmethod
    def name(self) -> str:
        """Unique within an outer team."""

    @property
    @abstractmethod
    def description(self) -> str:
        """What the team does; outer teams choose speakers by it."""

    @abstractmethod
    async def reset(self) -> None:
        """Bring the team and its participants back to the state after construction."""

    @abstractmethod
    async def pause(self) -> None:
        """Tell every participant of a running team to pause. The run does not return."""

    @abstractmethod
    async def resume(self) -> None:
        """Tell every participant of a running team that the pause is over."""

    @abstractmethod
    async def save_state(self) -> Mapping[str, Any]:
        """Return the state of the team and its participants as JSON data."""

    @abstractmethod
    async def load_state(self, state: Mapping[str, Any]) -> None:
        """Replace the state with what `save_state` returned."""

    async def close(self) -> None:
        """Do nothing, for teams that hold nothing."""
