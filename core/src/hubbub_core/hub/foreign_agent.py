"""The base of other frameworks' agents that a hub file puts together of a model and tools."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, ClassVar, Generic, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from hubbub_core._adapted import close_adapter, load_adapter, save_adapter
from hubbub_core.exchange import AgentAdapter, AgentChunk, AgentContext, AgentResult, AgentTask
from hubbub_core.models import ChatCompletionClient
from hubbub_core.tools import Tool, Workbench
from hubbub_registry import ComponentBase, ComponentLoader, ComponentModel

__all__ = ["ForeignAgent", "ForeignAgentConfig"]


class ForeignAgentConfig(BaseModel):
    """What the configurations of such agents have in common."""

    model_config = ConfigDict(extra="forbid")

    model: ComponentModel
    """A model client, such as `${models:default}` in a hub file."""

    tools: list[ComponentModel] = Field(default_factory=list)
    """Tools and workbenches, such as `${tools:git}`."""


ConfigT = TypeVar("ConfigT", bound=ForeignAgentConfig)


class ForeignAgent(ComponentBase[ConfigT], ABC, Generic[ConfigT]):
    """An agent of another framework, run on a model and tools of the hub.

    A framework's class says how its agent is built, which happens at the first task, and adds `Component` with its own
    configuration. The conversation of an agent key goes on from task to task.

    Args:
        model_client: The model; whoever made it closes it.
        tools: Tools and workbenches; whoever made them stops them.

    Raises:
        TypeError: A tool is neither a tool nor a workbench.
    """

    component_type: ClassVar[str] = "agent"

    def __init__(self, model_client: ChatCompletionClient, *, tools: Sequence[Tool | Workbench] = ()) -> None:
        for tool in tools:
            if not isinstance(tool, Tool | Workbench):
                raise TypeError(f"{type(tool).__name__} is neither a tool nor a workbench of the hub")
        self._model_client = model_client
        self._tools = list(tools)
        self._adapter: AgentAdapter | None = None
        self._building = asyncio.Lock()
        self._owns_model = False

    @abstractmethod
    async def _build(self) -> AgentAdapter:
        """Make the framework's agent on `_model_client` and `_tools`, and its adapter."""

    async def run(self, task: AgentTask, context: AgentContext) -> AsyncGenerator[AgentChunk | AgentResult, None]:
        """Run the agent on the task's messages, after those of earlier tasks."""
        items = (await self._built()).run(task, context)
        try:
            async for item in items:
                yield item
        finally:
            # Whoever leaves this generator in the middle leaves the framework's run, which then has to end here.
            aclose = getattr(items, "aclose", None)
            if aclose is not None:
                await aclose()

    async def save_state(self) -> Mapping[str, Any]:
        """Return the conversation as JSON; empty before the first task."""
        return {} if self._adapter is None else await save_adapter(self._adapter)

    async def load_state(self, state: Mapping[str, Any]) -> None:
        """Take up what `save_state` returned."""
        await load_adapter(await self._built(), state)

    async def close(self) -> None:
        """Close what the agent has built: its adapter, and the model of its own configuration; a shared one stays."""
        try:
            if self._adapter is not None:
                await close_adapter(self._adapter)
        finally:
            if self._owns_model:
                await self._model_client.close()

    @classmethod
    def _from_parts(cls, config: ForeignAgentConfig, **options: Any) -> Self:
        """Make the agent of a configuration.

        Args:
            config: Its model and tools.
            **options: The other arguments of the class.
        """
        tools: list[Any] = [ComponentLoader.load_component(tool, object) for tool in config.tools]
        agent = cls(ChatCompletionClient.load_component(config.model), tools=tools, **options)
        agent._owns_model = not config.model.provider.startswith("ref:")
        return agent

    def _parts(self) -> dict[str, Any]:
        """Return the model and the tools as fields of the configuration."""
        tools: list[Any] = self._tools
        return {"model": self._model_client.dump_component(), "tools": [tool.dump_component() for tool in tools]}

    async def _built(self) -> AgentAdapter:
        async with self._building:  # tasks that come at the same time are of one conversation
            if self._adapter is None:
                self._adapter = await self._build()
            return self._adapter
