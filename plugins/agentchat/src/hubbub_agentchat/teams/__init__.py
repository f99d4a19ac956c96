"""Teams of chat agents."""

from hubbub_agentchat.teams._group_chat._base_group_chat import BaseGroupChat
from hubbub_agentchat.teams._group_chat._round_robin_group_chat import RoundRobinGroupChat

__all__ = ["BaseGroupChat", "RoundRobinGroupChat"]
