"""Chat agents."""

from hubbub_agentchat.agents._assistant_agent import AssistantAgent
from hubbub_agentchat.agents._base_chat_agent import BaseChatAgent
from hubbub_agentchat.agents._user_proxy_agent import UserProxyAgent

__all__ = ["AssistantAgent", "BaseChatAgent", "UserProxyAgent"]
