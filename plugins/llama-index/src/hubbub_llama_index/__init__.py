"""LlamaIndex in the hub: retrievers, engines and workflow agents as agents, the hub's model as a LlamaIndex LLM."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._splitting import split_sentences as split_sentences
    from .agent import from_chat_engine as from_chat_engine
    from .agent import from_query_engine as from_query_engine
    from .agent import from_retriever as from_retriever
    from .agent import from_workflow as from_workflow
    from .agent import from_workflow_agent as from_workflow_agent
    from .config import LlamaIndexChatCompletionClientConfig as LlamaIndexChatCompletionClientConfig
    from .config import LlamaIndexFileAgentConfig as LlamaIndexFileAgentConfig
    from .config import LlamaIndexToolConfig as LlamaIndexToolConfig
    from .config import RetrieverMemoryConfig as RetrieverMemoryConfig
    from .cookbook import LlamaIndexAgent as LlamaIndexAgent
    from .cookbook import Message as Message
    from .cookbook import Resource as Resource
    from .file_agent import LlamaIndexFileAgent as LlamaIndexFileAgent
    from .folder_agent import FolderRetrieverAgent as FolderRetrieverAgent
    from .folder_agent import FolderRetrieverAgentConfig as FolderRetrieverAgentConfig
    from .folder_index import FolderIndex as FolderIndex
    from .folder_index import FolderIndexConfig as FolderIndexConfig
    from .folder_index import IndexReport as IndexReport
    from .hub_agent import LlamaIndexToolAgent as LlamaIndexToolAgent
    from .hub_agent import LlamaIndexToolAgentConfig as LlamaIndexToolAgentConfig
    from .llm import HubLLM as HubLLM
    from .memory import RetrieverMemory as RetrieverMemory
    from .model_client import LlamaIndexChatCompletionClient as LlamaIndexChatCompletionClient
    from .model_client import from_llm as from_llm
    from .tools import LlamaIndexTool as LlamaIndexTool

__all__ = [
    "FolderIndex",
    "FolderIndexConfig",
    "FolderRetrieverAgent",
    "FolderRetrieverAgentConfig",
    "HubLLM",
    "IndexReport",
    "LlamaIndexAgent",
    "LlamaIndexChatCompletionClient",
    "LlamaIndexChatCompletionClientConfig",
    "LlamaIndexFileAgent",
    "LlamaIndexFileAgentConfig",
    "LlamaIndexTool",
    "LlamaIndexToolAgent",
    "LlamaIndexToolAgentConfig",
    "LlamaIndexToolConfig",
    "Message",
    "Resource",
    "RetrieverMemory",
    "RetrieverMemoryConfig",
    "from_chat_engine",
    "from_llm",
    "from_query_engine",
    "from_retriever",
    "from_workflow",
    "from_workflow_agent",
    "split_sentences",
]

_LAZY = {
    "FolderIndex": ".folder_index",
    "FolderIndexConfig": ".folder_index",
    "FolderRetrieverAgent": ".folder_agent",
    "FolderRetrieverAgentConfig": ".folder_agent",
    "HubLLM": ".llm",
    "IndexReport": ".folder_index",
    "LlamaIndexAgent": ".cookbook",
    "LlamaIndexChatCompletionClient": ".model_client",
    "LlamaIndexChatCompletionClientConfig": ".config",
    "LlamaIndexFileAgent": ".file_agent",
    "LlamaIndexFileAgentConfig": ".config",
    "LlamaIndexTool": ".tools",
    "LlamaIndexToolAgent": ".hub_agent",
    "LlamaIndexToolAgentConfig": ".hub_agent",
    "LlamaIndexToolConfig": ".config",
    "Message": ".cookbook",
    "Resource": ".cookbook",
    "RetrieverMemory": ".memory",
    "RetrieverMemoryConfig": ".config",
    "from_chat_engine": ".agent",
    "from_llm": ".model_client",
    "from_query_engine": ".agent",
    "from_retriever": ".agent",
    "from_workflow": ".agent",
    "from_workflow_agent": ".agent",
    "split_sentences": "._splitting",
}


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"{__name__} offers no {name!r}", name=name)
    value = globals()[name] = getattr(import_module(_LAZY[name], __name__), name)
    return value
