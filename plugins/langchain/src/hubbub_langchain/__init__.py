"""LangChain in the hub, and the hub in LangChain. Importing this package loads neither LangChain nor pydantic."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .chat_model import HubChatModel as HubChatModel
    from .chat_model import from_model_client as from_model_client
    from .config import LangChainChatCompletionClientConfig as LangChainChatCompletionClientConfig
    from .config import LangChainToolAdapterConfig as LangChainToolAdapterConfig
    from .config import RetrieverMemoryConfig as RetrieverMemoryConfig
    from .config import RunnableAgentConfig as RunnableAgentConfig
    from .model_client import LangChainChatCompletionClient as LangChainChatCompletionClient
    from .model_client import from_chat_model as from_chat_model
    from .retriever import RetrieverMemory as RetrieverMemory
    from .retriever import from_retriever as from_retriever
    from .retriever import to_memory as to_memory
    from .runnable import RunnableAgent as RunnableAgent
    from .runnable import from_runnable as from_runnable
    from .tools import HubTool as HubTool
    from .tools import LangChainToolAdapter as LangChainToolAdapter
    from .tools import from_langchain_tool as from_langchain_tool
    from .tools import to_langchain_tool as to_langchain_tool

__all__ = [
    "HubChatModel",
    "HubTool",
    "LangChainChatCompletionClient",
    "LangChainChatCompletionClientConfig",
    "LangChainToolAdapter",
    "LangChainToolAdapterConfig",
    "RetrieverMemory",
    "RetrieverMemoryConfig",
    "RunnableAgent",
    "RunnableAgentConfig",
    "from_chat_model",
    "from_langchain_tool",
    "from_model_client",
    "from_retriever",
    "from_runnable",
    "to_langchain_tool",
    "to_memory",
]

_LAZY = {
    "HubChatModel": ".chat_model",
    "HubTool": ".tools",
    "LangChainChatCompletionClient": ".model_client",
    "LangChainChatCompletionClientConfig": ".config",
    "LangChainToolAdapter": ".tools",
    "LangChainToolAdapterConfig": ".config",
    "RetrieverMemory": ".retriever",
    "RetrieverMemoryConfig": ".config",
    "RunnableAgent": ".runnable",
    "RunnableAgentConfig": ".config",
    "from_chat_model": ".model_client",
    "from_langchain_tool": ".tools",
    "from_model_client": ".chat_model",
    "from_retriever": ".retriever",
    "from_runnable": ".runnable",
    "to_langchain_tool": ".tools",
    "to_memory": ".retriever",
}


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"{__name__} offers no {name!r}", name=name)
    value = globals()[name] = getattr(import_module(_LAZY[name], __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
