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
from hubbub_agentchat.base._usage import Price

__all__ = [
    "AndTerminationCondition",
    "ChatAgent",
    "Handoff",
    "OrTerminationCondition",
    "Price",
    "Response",
    "TaskResult",
    "TaskRunner",
    "Team",
    "TerminatedException",
    "TerminationCondition",
]
