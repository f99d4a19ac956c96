"""Teams of chat agents."""

from hubbub_agentchat.teams._group_chat._base_group_chat import BaseGroupChat
from hubbub_agentchat.teams._group_chat._round_robin_group_chat import RoundRobinGroupChat
from hubbub_agentchat.teams._group_chat._selector_group_chat import SelectorGroupChat
from hubbub_agentchat.teams._group_chat._swarm_group_chat import Swarm

__all__ = ["BaseGroupChat", "RoundRobinGroupChat", "SelectorGroupChat", "Swarm"]
