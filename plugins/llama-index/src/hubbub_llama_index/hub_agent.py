"""A LlamaIndex agent on a model and tools of the hub, as a component of hub files."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from hubbub_core import CancellationToken, ComponentLoader
from hubbub_core.exchange import AgentChunk, AgentContext, AgentResult, AgentTask
from hubbub_core.models import ChatCompletionClient
from hubbub_core.tools import Tool, ToolSchema, Workbench
from hubbub_registry import Component, ComponentBase, ComponentModel

from .tools import foreign_tool, to_llama_index_tool

if TYPE_CHECKING:
    from llama_index.core.tools import BaseTool as ForeignTool

    from ._workflow import WorkflowAgentAdapter

Mode = Literal["function", "react"]
"""`function` asks the model for function calls, `react` reads them out of its text."""


class LlamaIndexToolAgentConfig(BaseModel):
    """Configuration of `LlamaIndexToolAgent`."""

    model_config = ConfigDict(extra="forbid")

    model: ComponentModel
    """A model client, such as `${models:default}` in a hub file."""

    tools: list[ComponentModel] = Field(default_factory=list)
    """Tools and workbenches, such as `${tools:git}`."""

    system_prompt: str | None = None

    mode: Mode = "function"
    """`function` asks the model for function calls, `react` works with any model."""


class LlamaIndexToolAgent(ComponentBase[LlamaIndexToolAgentConfig], Component[LlamaIndexToolAgentConfig]):
    """LlamaIndex's `FunctionAgent` or `ReActAgent`, run on a model and tools of the hub.

    Text, calls and results are streamed. The conversation of its agent key goes on from task to task.

    Args:
        model_client: The model; whoever made it closes it.
        tools: Tools, and workbenches whose tools are asked for at the first task; whoever made them stops them.
        system_prompt: Instructions for the model.
        mode: Which of the two agents.

    Raises:
        ValueError: The mode is `function`, and the model cannot call functions.
        TypeError: A tool is neither a tool nor a workbench.
    """

    component_type: ClassVar[str] = "agent"
    component_config_schema = LlamaIndexToolAgentConfig
    component_provider_override = "hubbub_llama_index.LlamaIndexToolAgent"

    def __init__(
        self,
        model_client: ChatCompletionClient,
        *,
        tools: Sequence[Tool | Workbench] = (),
        system_prompt: str | None = None,
        mode: Mode = "function",
    ) -> None:
        if mode == "function" and not model_client.model_info["function_calling"]:
            raise ValueError(
                f"the model of {type(model_client).__name__} cannot call functions, which mode 'function' asks for; "
                "take mode 'react' or another model"
            )
        for tool in tools:
            if not isinstance(tool, Tool | Workbench):
                raise TypeError(f"{type(tool).__name__} is neither a tool nor a workbench of the hub")
        self._model_client = model_client
        self._tools = list(tools)
        self._system_prompt = system_prompt
        self._mode = mode
        self._adapter: WorkflowAgentAdapter | None = None

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
        return await (await self._built()).save_state()

    async def load_state(self, state: Mapping[str, Any]) -> None:
        """Take up what `save_state` returned."""
        await (await self._built()).load_state(state)

    async def _built(self) -> WorkflowAgentAdapter:
        if self._adapter is None:
            from llama_index.core.agent.workflow import FunctionAgent, ReActAgent

            from ._workflow import WorkflowAgentAdapter
            from .llm import HubLLM

            tools: list[ForeignTool] = []
            for tool in self._tools:
                tools += await _workbench_tools(tool) if isinstance(tool, Workbench) else [to_llama_index_tool(tool)]
            agent_class = FunctionAgent if self._mode == "function" else ReActAgent
            agent = agent_class(
                tools=list(tools), llm=HubLLM(model_client=self._model_client), system_prompt=self._system_prompt
            )
            self._adapter = WorkflowAgentAdapter(agent)
        return self._adapter

    def _to_config(self) -> LlamaIndexToolAgentConfig:
        parts: list[Any] = self._tools
        return LlamaIndexToolAgentConfig(
            model=self._model_client.dump_component(),
            tools=[part.dump_component() for part in parts],
            system_prompt=self._system_prompt,
            mode=self._mode,
        )

    @classmethod
    def _from_config(cls, config: LlamaIndexToolAgentConfig) -> Self:
        return cls(
            ChatCompletionClient.load_component(config.model),
            tools=[_load_tool(tool) for tool in config.tools],
            system_prompt=config.system_prompt,
            mode=config.mode,
        )


def _load_tool(model: ComponentModel) -> Tool | Workbench:
    tool: Any = ComponentLoader.load_component(model, object)
    return tool  # type: ignore[no-any-return] # checked by the constructor, which names what it got


async def _workbench_tools(workbench: Workbench) -> list[ForeignTool]:
    return [_workbench_tool(workbench, schema) for schema in await workbench.list_tools()]


def _workbench_tool(workbench: Workbench, schema: ToolSchema) -> ForeignTool:
    async def call(arguments: dict[str, Any], token: CancellationToken) -> str:
        result = await workbench.call_tool(schema["name"], arguments, cancellation_token=token)
        if result.is_error:
            # LlamaIndex tells the model of an exception as the tool's error.
            raise RuntimeError(result.to_text())
        return result.to_text()

    return foreign_tool(schema, call)
