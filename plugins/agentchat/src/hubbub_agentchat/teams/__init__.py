"""Teams of chat agents."""

from hubbub_agentchat.teams._group_chat._base_group_chat import BaseGroupChat
from hubbub_agentchat.teams._group_chat._graph._digraph import DiGraph, DiGraphEdge, DiGraphNode
from hubbub_agentchat.teams._group_chat._graph._digraph_group_chat import GraphFlow
from hubbub_agentchat.teams._group_chat._graph._graph_builder import DiGraphBuilder
from hubbub_agentchat.teams._group_chat._magentic_one._magentic_one_group_chat import MagenticOneGroupChat
from hubbub_agentchat.teams._group_chat._round_robin_group_chat import RoundRobinGroupChat
from hubbub_agentchat.teams._group_chat._selector_group_chat import SelectorGroupChat
from hubbub_agentchat.teams._group_chat._swarm_group_chat import Swarm

__all__ = [
    "BaseGroupChat",
    "DiGraph",
    "DiGraphBuilder",
    "DiGraphEdge",
    "DiGraphNode",
    "GraphFlow",
    "MagenticOneGroupChat",
    "RoundRobinGroupChat",
    "SelectorGroupChat",
    "Swarm",
]
