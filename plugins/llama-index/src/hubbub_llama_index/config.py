"""Configurations: objects of LlamaIndex in a hub file, named as `FILE.py:ATTRIBUTE`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from hubbub_core.models import ModelInfo


class LlamaIndexChatCompletionClientConfig(BaseModel):
    """Configuration of `LlamaIndexChatCompletionClient`."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    llm: str
    """`FILE.py:ATTRIBUTE`: an LLM of LlamaIndex, or a function without parameters that returns one."""

    model_info: ModelInfo | None = None
    """What the model can do, where its LlamaIndex class does not tell."""


class RetrieverMemoryConfig(BaseModel):
    """Configuration of `RetrieverMemory`."""

    model_config = ConfigDict(extra="forbid")

    retriever: str
    """`FILE.py:ATTRIBUTE`: a LlamaIndex retriever or index, or a function without parameters that returns one."""
