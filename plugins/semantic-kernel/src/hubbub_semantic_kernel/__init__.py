"""Semantic Kernel in the hub. Importing this package loads neither Semantic Kernel nor pydantic."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .agent import from_agent as from_agent
    from .chat_service import HubChatCompletion as HubChatCompletion
    from .chat_service import HubPromptExecutionSettings as HubPromptExecutionSettings
    from .functions import KernelFunctionFromTool as KernelFunctionFromTool
    from .functions import KernelFunctionFromToolSchema as KernelFunctionFromToolSchema
    from .functions import plugin_from_workbench as plugin_from_workbench
    from .hub_agent import SemanticKernelAgent as SemanticKernelAgent
    from .hub_agent import SemanticKernelAgentConfig as SemanticKernelAgentConfig
    from .messages import from_chat_messages as from_chat_messages
    from .messages import to_chat_messages as to_chat_messages
    from .model_client import SKChatCompletionAdapter as SKChatCompletionAdapter
    from .orchestration import from_orchestration as from_orchestration
    from .tools import KernelFunctionTool as KernelFunctionTool
    from .tools import from_kernel as from_kernel
    from .tools import from_kernel_plugin as from_kernel_plugin

__all__ = [
    "HubChatCompletion",
    "HubPromptExecutionSettings",
    "KernelFunctionFromTool",
    "KernelFunctionFromToolSchema",
    "KernelFunctionTool",
    "SKChatCompletionAdapter",
    "SemanticKernelAgent",
    "SemanticKernelAgentConfig",
    "from_agent",
    "from_chat_messages",
    "from_kernel",
    "from_kernel_plugin",
    "from_orchestration",
    "plugin_from_workbench",
    "to_chat_messages",
]

_LAZY = {
    "HubChatCompletion": ".chat_service",
    "HubPromptExecutionSettings": ".chat_service",
    "KernelFunctionFromTool": ".functions",
    "KernelFunctionFromToolSchema": ".functions",
    "KernelFunctionTool": ".tools",
    "SKChatCompletionAdapter": ".model_client",
    "SemanticKernelAgent": ".hub_agent",
    "SemanticKernelAgentConfig": ".hub_agent",
    "from_agent": ".agent",
    "from_chat_messages": ".messages",
    "from_kernel": ".tools",
    "from_kernel_plugin": ".tools",
    "from_orchestration": ".orchestration",
    "plugin_from_workbench": ".functions",
    "to_chat_messages": ".messages",
}


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"{__name__} offers no {name!r}", name=name)
    value = globals()[name] = getattr(import_module(_LAZY[name], __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
