"""Workflows, agents and engines of LlamaIndex from a Python file, as a component of hub files."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, ClassVar, Self

from llama_index.core.agent.workflow import AgentWorkflow
from llama_index.core.agent.workflow.base_agent import BaseWorkflowAgent
from llama_index.core.base.base_query_engine import BaseQueryEngine
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.chat_engine.types import BaseChatEngine
from llama_index.core.indices.base import BaseIndex
from llama_index.core.workflow import StartEvent, Workflow

from hubbub_core import AdaptedAgent
from hubbub_core.exchange import AgentAdapter, AgentChunk, AgentContext, AgentResult, AgentTask
from hubbub_core.hub.objects import load_object
from hubbub_core.hub.source import SourceError, load_attribute, split_reference
from hubbub_core.models import ChatCompletionClient
from hubbub_core.tools import Tool, Workbench
from hubbub_registry import Component, ComponentBase, ComponentLoader, NotReadyError

from ._chat import ChatEngineAdapter
from ._retrieval import QueryEngineAdapter, RetrieverAdapter
from ._workflow import StartArguments, WorkflowAdapter, WorkflowAgentAdapter
from .agent import refuse_index
from .config import LlamaIndexFileAgentConfig
from .llm import HubLLM
from .tools import foreign_tools, to_llama_index_tool

if TYPE_CHECKING:
    from llama_index.core.tools import BaseTool as ForeignTool

_WHAT = "a workflow, agent, query engine, chat engine or retriever of LlamaIndex"
# An index is looked for to say what is missing.
_KINDS: Any = (Workflow, BaseQueryEngine, BaseChatEngine, BaseRetriever, AdaptedAgent, BaseIndex)


class LlamaIndexFileAgent(ComponentBase[LlamaIndexFileAgentConfig], Component[LlamaIndexFileAgentConfig]):
    """Runs what a Python file makes with LlamaIndex, as `adapt()` would run it.

    The file's attribute is a workflow, a workflow agent, a query engine, a chat engine or a retriever, or what
    `from_workflow` and its like made of one with options that a hub file cannot hold. Or it is a function that returns
    one of these, called for each agent key: its parameters `model` and `tools` get the hub's model as a `HubLLM` and
    the hub's tools as tools of LlamaIndex.

    The function is called at once, so that what is wrong with it is said there. With a workbench among the tools it is
    called at the first task, for only a workbench that runs can say what its tools are.

    Args:
        agent: `FILE.py:ATTRIBUTE`.
        model: A model client of the hub; whoever made it closes it.
        tools: Tools, and workbenches whose tools are asked for; whoever made them stops them.
        input: The field of a workflow's start event that takes the task's text. Without it that is `input`, or the one
            field that the event requires.
        name: Its name outside a hub; the attribute's without it.
        description: One line on what it does.

    Raises:
        CapabilityError: The caller did not grant `code`.
        SourceError: A ValueError: there is no such file or attribute, it is something else and makes nothing of the
            kind, it takes what is not offered, or it does not run without an option.
        TypeError: A tool is neither a tool nor a workbench.
    """

    component_type: ClassVar[str] = "agent"
    component_config_schema = LlamaIndexFileAgentConfig
    component_provider_override = "hubbub_llama_index.LlamaIndexFileAgent"

    def __init__(
        self,
        agent: str,
        *,
        model: ChatCompletionClient | None = None,
        tools: Sequence[Tool | Workbench] | None = None,
        input: str | None = None,
        name: str | None = None,
        description: str = "",
    ) -> None:
        for tool in tools or ():
            if not isinstance(tool, Tool | Workbench):
                raise TypeError(f"{type(tool).__name__} is neither a tool nor a workbench of the hub")
        load_attribute(agent, what=_WHAT)  # what is missing is said now, even where the function is called later
        self.name = name or split_reference(agent)[1]
        self.description = description or f"{self.name} of LlamaIndex"
        self._config = LlamaIndexFileAgentConfig(agent=agent, input=input, name=name, description=description)
        self._model = model
        self._llm = None if model is None else HubLLM(model_client=model)
        self._tools = tools
        self._own: list[ChatCompletionClient | Workbench] = []
        # Grants are those of the block in which the agent is built; the function may be called after its end.
        self._built_in = copy_context()
        self._adapter: AgentAdapter | None = None
        plain = [tool for tool in tools or () if isinstance(tool, Tool)]
        if len(plain) == len(tools or ()):
            self._adapter = self._load([to_llama_index_tool(tool) for tool in plain])

    @property
    def label(self) -> str:
        """What it runs, for notes of errors."""
        return str(getattr(self._adapter, "label", f"LlamaIndex {self._config.agent}"))

    async def run(self, task: AgentTask, context: AgentContext) -> AsyncGenerator[AgentChunk | AgentResult, None]:
        """Run the file's object on a task; what it yields is what `adapt()` of it would.

        Raises:
            SourceError: As for the constructor, where the function is called at the first task.
        """
        items = (await self._ready()).run(task, context)
        try:
            async for item in items:
                yield item
        finally:
            # Whoever leaves this generator in the middle leaves LlamaIndex's run, which then has to end here.
            aclose = getattr(items, "aclose", None)
            if aclose is not None:
                await aclose()

    async def save_state(self) -> Mapping[str, Any]:
        """Return the state of what it runs as JSON; empty where that keeps none, and before it is made."""
        save = getattr(self._adapter, "save_state", None)
        return {} if save is None else dict(await save())

    async def load_state(self, state: Mapping[str, Any]) -> None:
        """Take up what `save_state` returned.

        Raises:
            ValueError: The state is not one of what it runs.
        """
        load = getattr(await self._ready(), "load_state", None)
        if load is not None:
            await load(state)
        elif state:
            raise ValueError(f"{self.label} keeps no state, but was given {sorted(state)}")

    async def close(self) -> None:
        """Close what this agent built for itself: what it runs, its model, its workbenches; shared ones go on."""
        own, self._own = self._own, []
        async with AsyncExitStack() as stack:
            for part in own:
                if isinstance(part, Workbench):
                    if self._adapter is not None:  # else it never ran
                        stack.push_async_callback(part.stop)
                else:
                    stack.push_async_callback(part.close)
            close = getattr(self._adapter, "close", None)
            if close is not None:
                await close()

    async def _ready(self) -> AgentAdapter:
        if self._adapter is None:
            tools = await foreign_tools(self._tools or ())
            if self._adapter is None:  # a task that came meanwhile may have been faster
                self._adapter = self._built_in.run(self._load, tools)
        return self._adapter

    def _load(self, tools: list[ForeignTool]) -> AgentAdapter:
        reference = self._config.agent
        offers = {"model": self._llm, "tools": None if self._tools is None else tools}
        found: Any = load_object(reference, _KINDS, _WHAT, offers=offers)
        try:
            return _adapter(found, self._config.input)
        except (NotReadyError, ValueError) as error:
            raise SourceError(reference, str(error)) from error

    def _to_config(self) -> LlamaIndexFileAgentConfig:
        parts: list[Any] | None = None if self._tools is None else list(self._tools)
        dumped = {
            "model": None if self._model is None else self._model.dump_component(),
            "tools": None if parts is None else [part.dump_component() for part in parts],
        }
        return self._config.model_copy(update=dumped)

    @classmethod
    def _from_config(cls, config: LlamaIndexFileAgentConfig) -> Self:
        model = None if config.model is None else ChatCompletionClient.load_component(config.model)
        tools: list[Any] | None = None
        if config.tools is not None:
            tools = [ComponentLoader.load_component(tool, object) for tool in config.tools]
        agent = cls(
            config.agent,
            model=model,
            tools=tools,
            input=config.input,
            name=config.name,
            description=config.description,
        )
        # A reference to a shared part arrives as that very object, which its owner ends.
        if model is not None and config.model is not None and not config.model.provider.startswith("ref:"):
            agent._own.append(model)
        for tool, source in zip(tools or (), config.tools or (), strict=True):
            if isinstance(tool, Workbench) and not source.provider.startswith("ref:"):
                agent._own.append(tool)
        return agent


def _adapter(found: Any, input: str | None) -> AgentAdapter:
    """Return what runs an object of LlamaIndex.

    Raises:
        NotReadyError: It is an index.
        ValueError: It does not run without an option, or is no workflow that takes `input`.
    """
    agent = isinstance(found, BaseWorkflowAgent | AgentWorkflow)
    if isinstance(found, Workflow) and not agent:
        start = None if input is None else _starting_with(input, found)
        try:
            return WorkflowAdapter(found, start)
        except ValueError as error:
            raise ValueError(f"{error}, to from_workflow(...) in the file") from error
    if input is not None:
        raise ValueError(f"is a {type(found).__name__}; only a workflow that is no agent takes `input`")
    if isinstance(found, AdaptedAgent):
        return found.new_adapter()
    if isinstance(found, BaseQueryEngine):
        return QueryEngineAdapter(found)
    if isinstance(found, BaseChatEngine):
        return ChatEngineAdapter(found)
    if isinstance(found, BaseRetriever):
        return RetrieverAdapter(found)
    return WorkflowAgentAdapter(found) if agent else refuse_index(found)


def _starting_with(field: str, workflow: Workflow) -> StartArguments:
    event: type[StartEvent] = workflow.start_event_class
    fields = event.model_fields
    if fields and field not in fields:  # an event without any takes all
        raise ValueError(f"starts with {event.__name__}({', '.join(fields)}), which has no {field!r}")
    if any(about.is_required() for name, about in fields.items() if name != field):
        raise ValueError(
            f"starts with {event.__name__}({', '.join(fields)}), of which `input` fills {field!r} alone; pass "
            "start=lambda task: {...} with its fields, to from_workflow(...) in the file"
        )
    return lambda task: {field: task.text()}
