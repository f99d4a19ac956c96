"""The protocols of agents, teams and termination conditions, and what they exchange."""

from hubbub_agentchat.base._chat_agent import ChatAgent, Response
from hubbub_agentchat.base._handoff import Handoff
from hubbub_agentchat.base._task import TaskResult, TaskRunner
from hubbub_agentchat.base._team import Team
from hubbub_agentchat.base._termination import (
    AndTerminationCondition,
    OrTerminationCondition,
    TerminatedException,
    TerminationCondition,
)

__all__ = [
    "AndTerminationCondition",
    "ChatAgent",
    "Handoff",
    "OrTerminationCondition",
    "Response",
    "TaskResult",
    "TaskRunner",
    "Team",
    "TerminatedException",
    "TerminationCondition",
]
