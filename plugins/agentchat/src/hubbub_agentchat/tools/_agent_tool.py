"""An agent as a tool."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel

from hubbub_agentchat.agents import BaseChatAgent
from hubbub_agentchat.tools._task_runner_tool import TaskRunnerTool
from hubbub_registry import Component, ComponentModel


class AgentToolConfig(BaseModel):
    """Configuration of `AgentTool`."""

    agent: ComponentModel
    return_value_as_last_message: bool = False


class AgentTool(TaskRunnerTool, Component[AgentToolConfig]):
    """Tool that can be used to run a task using an agent.

    Name and description are the agent's. Switch parallel tool calls off in the model client: the agent keeps state.

    Args:
        agent: The agent.
        return_value_as_last_message: Whether the model reads only the last message, not all of them.
    """

    component_config_schema = AgentToolConfig
    component_provider_override = "hubbub_agentchat.tools.AgentTool"

    def __init__(self, agent: BaseChatAgent, return_value_as_last_message: bool = False) -> None:
        self._agent = agent
        super().__init__(agent, agent.name, agent.description, return_value_as_last_message)

    def _to_config(self) -> AgentToolConfig:
        return AgentToolConfig(
            agent=self._agent.dump_component(), return_value_as_last_message=self._return_value_as_last_message
        )

    @classmethod
    def _from_config(cls, config: AgentToolConfig) -> Self:
        return cls(BaseChatAgent.load_component(config.agent), config.return_value_as_last_message)
