"""State of agents and teams as JSON."""

from hubbub_agentchat.state._states import (
    AssistantAgentState,
    BaseGroupChatManagerState,
    BaseState,
    ChatAgentContainerState,
    RoundRobinManagerState,
    SelectorManagerState,
    SwarmManagerState,
    TeamState,
)

__all__ = [
    "AssistantAgentState",
    "BaseGroupChatManagerState",
    "BaseState",
    "ChatAgentContainerState",
    "RoundRobinManagerState",
    "SelectorManagerState",
    "SwarmManagerState",
    "TeamState",
]
