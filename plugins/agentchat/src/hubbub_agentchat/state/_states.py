"""State of agents and teams, as saved. `type` and `version` say what it is the state of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, Field


def _empty_context() -> dict[str, Any]:
    return {"messages": []}


class BaseState(BaseModel):
    """Base of all saved state; the state of an agent that keeps none."""

    type: str = Field(default="BaseState")
    version: str = Field(default="1.0.0")


class AssistantAgentState(BaseState):
    """State of an assistant agent."""

    llm_context: Mapping[str, Any] = Field(default_factory=_empty_context)
    """State of its model context."""

    type: str = Field(default="AssistantAgentState")


class CodeExecutorAgentState(BaseState):
    """State of a code executor agent with a model."""

    llm_context: Mapping[str, Any] = Field(default_factory=_empty_context)
    """State of its model context."""

    type: str = Field(default="CodeExecutorAgentState")


class SocietyOfMindAgentState(BaseState):
    """State of a society of mind agent."""

    inner_team_state: Mapping[str, Any] = Field(default_factory=dict)
    """State of its team."""

    llm_context: Mapping[str, Any] = Field(default_factory=_empty_context)
    """State of its model context, which states of AutoGen do not hold."""

    type: str = Field(default="SocietyOfMindAgentState")


class TeamState(BaseState):
    """State of a team."""

    agent_states: Mapping[str, Any] = Field(default_factory=dict)
    """State of each participant and of the manager, by name."""

    type: str = Field(default="TeamState")


class BaseGroupChatManagerState(BaseState):
    """State of what every group chat manager keeps."""

    message_thread: list[Mapping[str, Any]] = Field(default_factory=list)
    """Messages and events so far, as dumped."""

    current_turn: int = Field(default=0)
    type: str = Field(default="BaseGroupChatManagerState")


class ChatAgentContainerState(BaseState):
    """State of a participant of a group chat."""

    agent_state: Mapping[str, Any] = Field(default_factory=dict)
    """State of the agent, or inner team, itself."""

    message_buffer: list[Mapping[str, Any]] = Field(default_factory=list)
    """Messages that it has received and not yet answered, as dumped."""

    type: str = Field(default="ChatAgentContainerState")


class RoundRobinManagerState(BaseGroupChatManagerState):
    """State of the manager of a `RoundRobinGroupChat`."""

    next_speaker_index: int = Field(default=0)
    type: str = Field(default="RoundRobinManagerState")


class SelectorManagerState(BaseGroupChatManagerState):
    """State of the manager of a `SelectorGroupChat`."""

    previous_speaker: str | None = Field(default=None)
    type: str = Field(default="SelectorManagerState")


class SwarmManagerState(BaseGroupChatManagerState):
    """State of the manager of a `Swarm`."""

    current_speaker: str = Field(default="")
    type: str = Field(default="SwarmManagerState")


class MagenticOneOrchestratorState(BaseGroupChatManagerState):
    """State of the manager of a `MagenticOneGroupChat`."""

    task: str = Field(default="")
    facts: str = Field(default="")
    plan: str = Field(default="")
    n_rounds: int = Field(default=0)
    n_stalls: int = Field(default=0)
    type: str = Field(default="MagenticOneOrchestratorState")
