"""Agents and teams as tools of other agents."""

from hubbub_agentchat.tools._agent_tool import AgentTool
from hubbub_agentchat.tools._team_tool import TeamTool

__all__ = ["AgentTool", "TeamTool"]
