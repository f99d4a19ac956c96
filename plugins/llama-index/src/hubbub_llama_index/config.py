"""Configurations: objects of LlamaIndex in a hub file, named as `FILE.py:ATTRIBUTE`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from hubbub_core.models import ModelInfo
from hubbub_registry import ComponentModel


class LlamaIndexFileAgentConfig(BaseModel):
    """Configuration of `LlamaIndexFileAgent`."""

    model_config = ConfigDict(extra="forbid")

    agent: str
    """`FILE.py:ATTRIBUTE`: a workflow, agent, query engine, chat engine or retriever, or a function that returns one;
    it may take a LlamaIndex LLM `model`, and `tools`, a list of LlamaIndex tools."""

    model: ComponentModel | None = None
    """Model client of the hub, for the function; it gets it as a LlamaIndex LLM."""

    tools: list[ComponentModel] | None = None
    """Tools and workbenches of the hub, for the function; it gets them as LlamaIndex tools."""

    input: str | None = None
    """Field of a workflow's start event that takes the task's text."""

    name: str | None = None
    """The agent's name outside a hub; the attribute's without it."""

    description: str = ""
    """One line on what the agent does."""


class LlamaIndexToolConfig(BaseModel):
    """Configuration of `LlamaIndexTool`."""

    model_config = ConfigDict(extra="forbid")

    tool: str
    """`FILE.py:ATTRIBUTE`: a LlamaIndex tool, or a function without parameters that returns one."""


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
