"""Chat agents, and what decides on their code and tool calls."""

from hubbub_agentchat.agents._approval import ApprovalFuncType, ApprovalRequest, ApprovalResponse
from hubbub_agentchat.agents._assistant_agent import AssistantAgent
from hubbub_agentchat.agents._base_chat_agent import BaseChatAgent
from hubbub_agentchat.agents._code_executor_agent import CodeExecutorAgent
from hubbub_agentchat.agents._message_filter_agent import MessageFilterAgent, MessageFilterConfig, PerSourceFilter
from hubbub_agentchat.agents._society_of_mind_agent import SocietyOfMindAgent
from hubbub_agentchat.agents._tool_checks import (
    ToolApprovalFuncType,
    ToolApprovalRequest,
    ToolApprovalResponse,
    ToolGuardrail,
)
from hubbub_agentchat.agents._user_proxy_agent import UserProxyAgent

__all__ = [
    "ApprovalFuncType",
    "ApprovalRequest",
    "ApprovalResponse",
    "AssistantAgent",
    "BaseChatAgent",
    "CodeExecutorAgent",
    "MessageFilterAgent",
    "MessageFilterConfig",
    "PerSourceFilter",
    "SocietyOfMindAgent",
    "ToolApprovalFuncType",
    "ToolApprovalRequest",
    "ToolApprovalResponse",
    "ToolGuardrail",
    "UserProxyAgent",
]
