"""Configurations: objects of LangChain in a hub file, named as `FILE.py:ATTRIBUTE`."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from hubbub_core.models import ModelInfo
from hubbub_registry import ComponentModel


class LangChainToolAdapterConfig(BaseModel):
    """Configuration of `LangChainToolAdapter`."""

    model_config = ConfigDict(extra="forbid")

    tool: str
    """`FILE.py:ATTRIBUTE`: a LangChain tool, or a function without parameters that returns one."""


class LangChainChatCompletionClientConfig(BaseModel):
    """Configuration of `LangChainChatCompletionClient`."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    model: str
    """`FILE.py:ATTRIBUTE`: a LangChain chat model, or a function without parameters that returns one."""

    model_info: ModelInfo | None = None
    """What the model can do, where its LangChain class does not tell."""

    context_window: int | None = None
    """Tokens of prompt and answer, where the model's profile does not tell."""


class RetrieverMemoryConfig(BaseModel):
    """Configuration of `RetrieverMemory`."""

    model_config = ConfigDict(extra="forbid")

    retriever: str
    """`FILE.py:ATTRIBUTE`: a LangChain retriever, or a function without parameters that returns one."""


class RunnableAgentConfig(BaseModel):
    """Configuration of `RunnableAgent`."""

    model_config = ConfigDict(extra="forbid")

    runnable: str
    """`FILE.py:ATTRIBUTE`: a Runnable, or a function that returns one; it may take a LangChain chat model `model`."""

    model: ComponentModel | None = None
    """Model client of the hub, for the function; it gets it as a LangChain chat model."""

    input: str | None = None
    """Key of the runnable's input that takes the task's text."""

    output: str | None = None
    """Key of what the runnable returns that holds the answer."""

    config: dict[str, Any] = Field(default_factory=dict)
    """LangChain's configuration of each run: `tags`, `metadata`, `max_concurrency`, `configurable`, ..."""

    name: str | None = None
    """Author of the messages, and the agent's name in errors; the runnable's own name without it."""

    description: str = ""
    """One line on what the agent does."""
