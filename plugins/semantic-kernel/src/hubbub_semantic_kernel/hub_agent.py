"""A chat completion agent of Semantic Kernel on a model and tools of the hub, as a component of hub files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Self

from pydantic import Field

from hubbub_core.exchange import AgentAdapter
from hubbub_core.hub.foreign_agent import ForeignAgent, ForeignAgentConfig
from hubbub_core.models import ChatCompletionClient
from hubbub_core.tools import Tool, Workbench
from hubbub_registry import Component


class SemanticKernelAgentConfig(ForeignAgentConfig):
    """Configuration of `SemanticKernelAgent`."""

    instructions: str | None = None
    """Instructions for the model, a template of Semantic Kernel: `{{$topic}}` stands for an argument."""

    arguments: dict[str, str] = Field(default_factory=dict)
    """Values for the instructions."""


class SemanticKernelAgent(ForeignAgent[SemanticKernelAgentConfig], Component[SemanticKernelAgentConfig]):
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

    component_config_schema = SemanticKernelAgentConfig
    component_provider_override: ClassVar[str] = "hubbub_semantic_kernel.SemanticKernelAgent"

    def __init__(
        self,
        model_client: ChatCompletionClient,
        *,
        tools: Sequence[Tool | Workbench] = (),
        instructions: str | None = None,
        arguments: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(model_client, tools=tools)
        if tools and not model_client.model_info["function_calling"]:
            raise ValueError(
                f"the model of {type(model_client).__name__} cannot call functions, which tools ask for; take another "
                "model, or no tools"
            )
        self._instructions = instructions
        self._arguments = dict(arguments or {})

    async def _build(self) -> AgentAdapter:
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
        return SKAgentAdapter(agent, arguments=self._arguments or None)

    def _to_config(self) -> SemanticKernelAgentConfig:
        return SemanticKernelAgentConfig(**self._parts(), instructions=self._instructions, arguments=self._arguments)

    @classmethod
    def _from_config(cls, config: SemanticKernelAgentConfig) -> Self:
        return cls._from_parts(config, instructions=config.instructions, arguments=config.arguments)
