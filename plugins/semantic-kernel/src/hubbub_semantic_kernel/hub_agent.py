"""A chat completion agent of Semantic Kernel on a model and tools of the hub, as a component of hub files."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field

from hubbub_core import ComponentLoader
from hubbub_core.exchange import AgentChunk, AgentContext, AgentResult, AgentTask
from hubbub_core.models import ChatCompletionClient
from hubbub_core.tools import Tool, Workbench
from hubbub_registry import Component, ComponentBase, ComponentModel

if TYPE_CHECKING:
    from .agent import SKAgentAdapter


class SemanticKernelAgentConfig(BaseModel):
    """Configuration of `SemanticKernelAgent`."""

    model_config = ConfigDict(extra="forbid")

    model: ComponentModel
    """A model client, such as `${models:default}` in a hub file."""

    tools: list[ComponentModel] = Field(default_factory=list)
    """Tools and workbenches, such as `${tools:git}`."""

    instructions: str | None = None
    """Instructions for the model, a template of Semantic Kernel: `{{$topic}}` stands for an argument."""

    arguments: dict[str, str] = Field(default_factory=dict)
    """Values for the instructions."""


class SemanticKernelAgent(ComponentBase[SemanticKernelAgentConfig], Component[SemanticKernelAgentConfig]):
    """Semantic Kernel's `ChatCompletionAgent`, run on a model and tools of the hub.

    Text, calls and results are streamed. The conversation of its agent key goes on from task to task. Tools are the
    functions of a plugin `tools`, those of the first workbench of a plugin `workbench1`, and so on.

    Args:
        model_client: The model; whoever made it closes it.
        tools: Tools, and workbenches whose tools are asked for at the first task; whoever made them stops them.
        instructions: Instructions for the model, a template of Semantic Kernel.
        arguments: Values for the instructions.

    Raises:
        ValueError: There are tools, and the model cannot call functions.
        TypeError: A tool is neither a tool nor a workbench.
    """

    component_type: ClassVar[str] = "agent"
    component_config_schema = SemanticKernelAgentConfig
    component_provider_override = "hubbub_semantic_kernel.SemanticKernelAgent"

    def __init__(
        self,
        model_client: ChatCompletionClient,
        *,
        tools: Sequence[Tool | Workbench] = (),
        instructions: str | None = None,
        arguments: Mapping[str, str] | None = None,
    ) -> None:
        for tool in tools:
            if not isinstance(tool, Tool | Workbench):
                raise TypeError(f"{type(tool).__name__} is neither a tool nor a workbench of the hub")
        if tools and not model_client.model_info["function_calling"]:
            raise ValueError(
                f"the model of {type(model_client).__name__} cannot call functions, which tools ask for; take another "
                "model, or no tools"
            )
        self._model_client = model_client
        self._tools = list(tools)
        self._instructions = instructions
        self._arguments = dict(arguments or {})
        self._adapter: SKAgentAdapter | None = None

    async def run(self, task: AgentTask, context: AgentContext) -> AsyncGenerator[AgentChunk | AgentResult, None]:
        """Run the agent on the task's messages, after those of earlier tasks."""
        items = (await self._built()).run(task, context)
        try:
            async for item in items:
                yield item
        finally:
            await items.aclose()

    async def save_state(self) -> Mapping[str, Any]:
        """Return the conversation as JSON."""
        return {} if self._adapter is None else await self._adapter.save_state()

    async def load_state(self, state: Mapping[str, Any]) -> None:
        """Take up what `save_state` returned."""
        await (await self._built()).load_state(state)

    async def _built(self) -> SKAgentAdapter:
        if self._adapter is None:
            from semantic_kernel.agents import ChatCompletionAgent
            from semantic_kernel.functions import KernelPlugin

            from .agent import SKAgentAdapter
            from .chat_service import HubChatCompletion
            from .functions import KernelFunctionFromTool, plugin_from_workbench

            functions = [KernelFunctionFromTool(tool) for tool in self._tools if isinstance(tool, Tool)]
            plugins = [KernelPlugin(name="tools", functions=list(functions))] if functions else []
            workbenches = [tool for tool in self._tools if isinstance(tool, Workbench)]
            for number, workbench in enumerate(workbenches, 1):
                plugins.append(await plugin_from_workbench(workbench, f"workbench{number}"))
            agent = ChatCompletionAgent(
                service=HubChatCompletion(self._model_client),
                plugins=list(plugins),
                instructions=self._instructions,
            )
            self._adapter = SKAgentAdapter(agent, arguments=self._arguments or None)
        return self._adapter

    def _to_config(self) -> SemanticKernelAgentConfig:
        parts: list[Any] = self._tools
        return SemanticKernelAgentConfig(
            model=self._model_client.dump_component(),
            tools=[part.dump_component() for part in parts],
            instructions=self._instructions,
            arguments=self._arguments,
        )

    @classmethod
    def _from_config(cls, config: SemanticKernelAgentConfig) -> Self:
        return cls(
            ChatCompletionClient.load_component(config.model),
            tools=[_load_tool(tool) for tool in config.tools],
            instructions=config.instructions,
            arguments=config.arguments,
        )


def _load_tool(model: ComponentModel) -> Tool | Workbench:
    tool: Any = ComponentLoader.load_component(model, object)
    return tool  # type: ignore[no-any-return] # checked by the constructor, which names what it got
