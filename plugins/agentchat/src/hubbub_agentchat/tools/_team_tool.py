"""A team as a tool."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel

from hubbub_agentchat.teams import BaseGroupChat
from hubbub_agentchat.tools._task_runner_tool import TaskRunnerTool
from hubbub_registry import Component, ComponentModel


class TeamToolConfig(BaseModel):
    """Configuration of `TeamTool`."""

    name: str
    description: str
    team: ComponentModel
    return_value_as_last_message: bool = False


class TeamTool(TaskRunnerTool, Component[TeamToolConfig]):
    """Tool that can be used to run a task using a team.

    Switch parallel tool calls off in the model client: the team keeps state.

    Args:
        team: The team.
        name: What the model calls it.
        description: What the model is told about it.
        return_value_as_last_message: Whether the model reads only the last message, not all of them.
    """

    component_config_schema = TeamToolConfig
    component_provider_override = "hubbub_agentchat.tools.TeamTool"

    def __init__(
        self, team: BaseGroupChat, name: str, description: str, return_value_as_last_message: bool = False
    ) -> None:
        self._team = team
        super().__init__(team, name, description, return_value_as_last_message)

    def _to_config(self) -> TeamToolConfig:
        return TeamToolConfig(
            name=self.name,
            description=self.description,
            team=self._team.dump_component(),
            return_value_as_last_message=self._return_value_as_last_message,
        )

    @classmethod
    def _from_config(cls, config: TeamToolConfig) -> Self:
        return cls(
            BaseGroupChat.load_component(config.team),
            config.name,
            config.description,
            config.return_value_as_last_message,
        )
