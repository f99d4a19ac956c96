"""A LlamaIndex agent on a model and tools of the hub, as a component of hub files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal, Self

from hubbub_core.exchange import AgentAdapter
from hubbub_core.hub.foreign_agent import ForeignAgent, ForeignAgentConfig
from hubbub_core.models import ChatCompletionClient
from hubbub_core.tools import Tool, Workbench
from hubbub_registry import Component

from .tools import foreign_tools

Mode = Literal["function", "react"]
"""`function` asks the model for function calls, `react` reads them out of its text."""


class LlamaIndexToolAgentConfig(ForeignAgentConfig):
    """Configuration of `LlamaIndexToolAgent`."""

    system_prompt: str | None = None

    mode: Mode = "function"
    """`function` asks the model for function calls, `react` works with any model."""


class LlamaIndexToolAgent(ForeignAgent[LlamaIndexToolAgentConfig], Component[LlamaIndexToolAgentConfig]):
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

    component_config_schema = LlamaIndexToolAgentConfig
    component_provider_override: ClassVar[str] = "hubbub_llama_index.LlamaIndexToolAgent"

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
        super().__init__(model_client, tools=tools)
        self._system_prompt = system_prompt
        self._mode = mode

    async def _build(self) -> AgentAdapter:
        from llama_index.core.agent.workflow import FunctionAgent, ReActAgent

        from ._workflow import WorkflowAgentAdapter
        from .llm import HubLLM

        agent_class = FunctionAgent if self._mode == "function" else ReActAgent
        agent = agent_class(
            tools=list(await foreign_tools(self._tools)),
            llm=HubLLM(model_client=self._model_client),
            system_prompt=self._system_prompt,
        )
        return WorkflowAgentAdapter(agent)

    def _to_config(self) -> LlamaIndexToolAgentConfig:
        return LlamaIndexToolAgentConfig(**self._parts(), system_prompt=self._system_prompt, mode=self._mode)

    @classmethod
    def _from_config(cls, config: LlamaIndexToolAgentConfig) -> Self:
        return cls._from_parts(config, system_prompt=config.system_prompt, mode=config.mode)
