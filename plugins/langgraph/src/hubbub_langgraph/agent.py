"""A LangGraph graph as an adapter of the exchange."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, NoReturn, Self, cast

from langchain_core.messages import BaseMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import merge_configs
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.pregel import Pregel
from langgraph.types import Interrupt

from hubbub_core import AdaptedAgent, CancellationToken
from hubbub_core.exchange import AgentChunk, AgentContext, AgentResult, AgentTask
from hubbub_core.models import AssistantMessage, ChatCompletionClient
from hubbub_langchain.documents import sources_behind
from hubbub_langchain.messages import finish_reason_of, from_langchain
from hubbub_langchain.usage import UsageMeter
from hubbub_registry import Component, ComponentBase, NotReadyError

from ._chunks import ChunkReader
from ._mapping import Graph, Input, Output, check_output, input_builder, new_messages, read_output, takes_messages
from ._state import decode_thread, restore_thread, save_thread
from ._stream import stream_graph
from ._threads import Thread, messages_in, not_told, note_user, read_thread, unsaid
from .config import LangGraphAgentConfig, load_graph
from .hub_access import HUB_KEY, GraphHub
from .interrupts import UnansweredInterruptError, answer, described, question

_UNNAMED = "LangGraph"  # the name of every graph that was given none


class LangGraphAgent(ComponentBase[LangGraphAgentConfig], Component[LangGraphAgentConfig]):
    """Runs one graph for one agent key; the session is the graph's `thread_id`.

    Where several graphs share one checkpointer, give each a `thread_id` of its own in `config`: the session is appended
    (`planner/default`), and no graph continues another one's thread. A warning names two agents that lack one.

    A graph whose input has the key `messages` gets the task's messages, other graphs the task's text in the key
    `input`; entry points of the functional API get text, messages or the `AgentTask`, as their first parameter is
    annotated. The agent itself keeps nothing: with a checkpointer the thread keeps the conversation, and of a task that
    repeats it only the new messages are passed on; runs of one session then follow one another.

    A graph that stops at an interrupt ends the run with the finish reason `"interrupt"`, its question as the last
    message and `metadata["interrupts"]` as `[{"id": ..., "value": ...}]`. The next task of the session answers it, with
    its text or with `metadata["resume"]`. After a breakpoint (`interrupt_before`, `interrupt_after`), which asks
    nothing, the next task just continues the graph; its nodes read it from `get_hub().task`.

    A run that fails or is cancelled is forgotten: the next task begins at the checkpoint that it began with, an answer
    and its question included. The checkpoints stay in the thread's history; what a subgraph with a memory of its own
    (`checkpointer=True`) keeps stays as well.

    Nodes find a `GraphHub` in `config["configurable"]["hub"]`.

    Args:
        graph: A compiled graph, or an entry point of the functional API.
        name: Author of messages that name none, and the graph's name in errors; the graph's own name without it.
        description: One line on what it does.
        input: Key of the input that takes the task's text, or a function of the `AgentTask` that returns the input.
        output: Key of the answer in what the graph returns, or a function of that. The answer is text, messages of
            LangChain or the hub, documents, an `AgentResult`, or JSON.
        topic: Key of what the graph returns that names the topic its result is published to; without it, and where the
            key holds None, that is the agent's own.
        config: LangGraph's configuration of each run (`recursion_limit`, `callbacks`, `configurable`, ...).
        context: Static context of each run, for graphs with a `context_schema`.
        model: A model client of the hub for the graph's nodes.

    Raises:
        TypeError: `graph` is no compiled graph.
        ValueError: The graph's schemas leave open what `input` or `output` should be, or have no such key.
    """

    component_type: ClassVar[str] = "agent"
    component_config_schema = LangGraphAgentConfig
    component_provider_override = "hubbub_langgraph.LangGraphAgent"

    def __init__(
        self,
        graph: Graph,
        *,
        name: str | None = None,
        description: str = "",
        input: Input = None,
        output: Output = None,
        topic: str | None = None,
        config: RunnableConfig | None = None,
        context: Any = None,
        model: ChatCompletionClient | None = None,
    ) -> None:
        if not isinstance(graph, Pregel):
            raise TypeError(f"expected a compiled LangGraph graph, not a {type(graph).__name__}")
        self.name = name or graph_name(graph)
        self.label = f"LangGraph graph {self.name!r}"
        self.description = description or f"The LangGraph graph {self.name}."
        self._graph = graph
        self._build_input = input_builder(graph, self.name, input)
        check_output(graph, self.name, output, topic)
        self._output = output
        self._topic = topic
        self._config = RunnableConfig() if config is None else config
        self._context = context
        self._model = model
        self._saver = graph.checkpointer if isinstance(graph.checkpointer, BaseCheckpointSaver) else None
        self._turn = asyncio.Lock()
        self._session: str | None = None
        # None: not known, to be read from the checkpointer. Known after a run that ended well, for nobody else writes
        # to the session's thread; reading it every time would cost what the whole conversation costs to load.
        self._thread: Thread | None = None
        self._broken = False  # whether the last run failed or was cancelled
        self._loaded: tuple[Mapping[str, Any], list[dict[str, Any]]] | None = None
        self._source: LangGraphAgentConfig | None = None
        self._owns_model = False

    async def run(self, task: AgentTask, context: AgentContext) -> AsyncGenerator[AgentChunk | AgentResult, None]:
        """Run the graph on a task.

        Yields:
            Tokens of chat models and values of stream writers as they arise, function calls and their results, a status
            for each node that finished; at last the result: the new messages, the summed usage, `sources` and
            `metadata` of the graph's result.

        Raises:
            UnansweredInterruptError: The graph stopped at an interrupt and has no checkpointer.
            ValueError: The task or the graph's result has no form on the other side.
            asyncio.CancelledError: The context's token was cancelled; the graph's run has ended by then. A synchronous
                node that runs in a thread cannot be stopped: it ends by itself, and what it returns is not used.
        """
        # Two runs at once would overwrite each other's checkpoints.
        if self._saver is not None:
            await _acquire(self._turn, context.cancellation_token)
        try:
            async with contextlib.aclosing(self._run(task, context)) as items:
                async for item in items:
                    yield item
        finally:
            if self._saver is not None:
                self._turn.release()

    async def save_state(self) -> Mapping[str, Any]:
        """Return the session's newest checkpoint as JSON; empty without a checkpointer, and before the first run.

        Raises:
            ValueError: The graph's state holds something that is not JSON; the error says where.
        """
        if self._loaded is not None:
            return self._loaded[0]
        if self._saver is None or self._session is None:
            return {}
        if any(type(channel).__name__ == "DeltaChannel" for channel in self._graph.channels.values()):
            raise ValueError(
                f"graph {self.name!r} has a DeltaChannel, whose value lies in many checkpoints; leave its state to a "
                "persistent checkpointer"
            )
        thread_id = self._thread_id(self._session)
        thread = self._thread or await read_thread(self._graph, thread_id, broken=self._broken)
        return await save_thread(self._saver, thread_id, self.name, thread.checkpoint)

    async def load_state(self, state: Mapping[str, Any]) -> None:
        """Continue from a saved state: the next run puts it in the place of what its session's thread holds.

        An empty state changes nothing.

        Raises:
            ValueError: The state is not one of this agent's, or the graph has no checkpointer to hold it.
        """
        if not state:
            return
        if self._saver is None:
            raise ValueError(f"graph {self.name!r} has no checkpointer that could hold a state; compile it with one")
        self._loaded = (state, decode_thread(state, self.name))

    async def close(self) -> None:
        """Close the model client that this agent built for itself; a shared one stays open."""
        if self._owns_model and self._model is not None:
            await self._model.close()

    async def _run(self, task: AgentTask, context: AgentContext) -> AsyncGenerator[AgentChunk | AgentResult, None]:
        self._session = context.session
        if self._saver is not None:
            note_user(self._saver, self._thread_prefix(), context.name)
        meter = UsageMeter()
        hub = GraphHub(task=task, context=context, model=self._model, _meter=meter, _loop=asyncio.get_running_loop())
        configurable = {"thread_id": self._thread_id(context.session), HUB_KEY: hub}
        config = merge_configs(self._config, {"configurable": configurable, "callbacks": [meter]})
        thread = await self._read_thread(context.session)
        told = () if thread is None else thread.told
        self._thread = None  # unknown again until this run has ended well
        graph_input = self._input(task, thread)
        if thread is not None and thread.checkpoint is not None:
            config = merge_configs(config, {"configurable": {"checkpoint_id": thread.checkpoint}})

        reader = ChunkReader(context.name)
        final: Any = None
        known: Sequence[Any] = ()
        started = stopped = False
        interrupts: tuple[Interrupt[Any], ...] = ()
        self._broken = True
        events = stream_graph(self._graph, graph_input, config, self._context, context.cancellation_token)
        async with contextlib.aclosing(events) as items:
            async for namespace, mode, data in items:
                if mode == "messages":
                    for chunk in reader.message(namespace, *data):
                        yield chunk
                elif mode == "custom":
                    for chunk in reader.custom(namespace, data):
                        yield chunk
                elif mode == "updates":
                    if not namespace and "__interrupt__" in data:
                        stopped = True
                        interrupts += tuple(data["__interrupt__"])
                    started = True
                    for chunk in reader.update(namespace, data):
                        yield chunk
                elif not namespace:
                    final = _without_interrupts(data)
                    if not started:
                        known = messages_in(final)
        self._broken = False
        if not known:
            known = messages_in(graph_input)
        if stopped:
            fresh = not_told(new_messages(messages_in(final), known), told)
            yield await self._interrupted(context, fresh, told, interrupts, meter)
            return
        fresh = not_told(new_messages(messages_in(final), known), told)
        result = read_output(context.name, self._output, final, fresh, self._topic)
        if self._saver is not None and (not takes_messages(self._graph) or "messages" in _keys(final)):
            self._thread = Thread(messages_in(final) if takes_messages(self._graph) else ())
        yield _completed(result, fresh, meter)

    def _thread_prefix(self) -> Any:
        return self._config.get("configurable", {}).get("thread_id")

    def _thread_id(self, session: str) -> str:
        prefix = self._thread_prefix()
        return session if prefix is None else f"{prefix}/{session}"

    def _input(self, task: AgentTask, thread: Thread | None) -> Any:
        if thread is None:
            return self._build_input(task, task.messages)
        if thread.interrupts:
            return answer(self.name, thread.interrupts, task)
        if thread.waiting:
            return None  # LangGraph's way to say: go on from the checkpoint
        return self._build_input(task, unsaid(task.messages, thread.messages))

    async def _read_thread(self, session: str) -> Thread | None:
        """Return what the checkpointer keeps of a session; None without a checkpointer."""
        if self._saver is None:
            return None
        if self._loaded is not None:
            await restore_thread(self._saver, self._thread_id(session), self._loaded[1])
            self._loaded = self._thread = None
            self._broken = False
        if self._thread is not None:
            return self._thread
        return await read_thread(self._graph, self._thread_id(session), broken=self._broken)

    async def _interrupted(
        self,
        context: AgentContext,
        fresh: Sequence[Any],
        told: Sequence[Any],
        interrupts: tuple[Interrupt[Any], ...],
        meter: UsageMeter,
    ) -> AgentResult:
        if self._saver is None:
            raise UnansweredInterruptError(self.name, question(interrupts, ()))
        # Parallel nodes may ask in one step: the checkpoint has all their questions.
        thread = await self._read_thread(context.session)
        assert thread is not None
        self._thread = replace(thread, told=[*told, *fresh])
        interrupts = thread.interrupts or interrupts
        fresh = [message for message in fresh if isinstance(message, BaseMessage)]
        asked = AssistantMessage(content=question(interrupts, thread.waiting), source=context.name)
        result = AgentResult(
            messages=[*from_langchain(fresh, source=context.name), asked],
            finish_reason="interrupt",
            metadata={"interrupts": described(interrupts)},
        )
        meter.count_all(fresh)
        return result.model_copy(update={"usage": meter.usage})

    def _to_config(self) -> LangGraphAgentConfig:
        if self._source is None:
            raise TypeError(
                f"graph {self.name!r} was passed as an object, which is no configuration; load the agent from "
                "`graph: FILE.py:ATTRIBUTE` to dump it"
            )
        return self._source

    @classmethod
    def _from_config(cls, config: LangGraphAgentConfig) -> Self:
        model = None if config.model is None else ChatCompletionClient.load_component(config.model)
        agent = cls(
            load_graph(config.graph, model),
            name=config.name,
            description=config.description,
            input=config.input,
            output=config.output,
            topic=config.topic,
            config=cast("RunnableConfig", config.config),
            context=config.context,
            model=model,
        )
        agent._source = config
        agent._owns_model = config.model is not None and not config.model.provider.startswith("ref:")
        return agent


def from_graph(
    graph: Graph,
    *,
    name: str | None = None,
    description: str | None = None,
    input: Input = None,
    output: Output = None,
    topic: str | None = None,
    config: RunnableConfig | None = None,
    context: Any = None,
    model: ChatCompletionClient | None = None,
) -> AdaptedAgent:
    """Make an agent of a compiled graph; what `adapt(graph)` calls. See `LangGraphAgent` for the options."""

    def build() -> LangGraphAgent:
        return LangGraphAgent(
            graph,
            name=name,
            description=description or "",
            input=input,
            output=output,
            topic=topic,
            config=config,
            context=context,
            model=model,
        )

    first = build()  # what cannot work is refused here, not at the first message
    return AdaptedAgent(build, name=first.name, description=first.description)


def refuse_uncompiled(graph: Any, **options: Any) -> NoReturn:
    """Refuse a StateGraph; what `adapt(graph)` calls for one that is not compiled.

    Raises:
        NotReadyError: Always.
    """
    raise NotReadyError(f"a {type(graph).__name__} does not run before it is compiled; call .compile() and adapt that")


def graph_name(graph: Graph) -> str:
    """Return the graph's own name in the characters of an agent type; `langgraph` when it has none."""
    if graph.name == _UNNAMED:
        # An entry point's only node is its function.
        names = [node for node in graph.nodes if not node.startswith("__")]
        own = names[0] if len(names) == 1 and getattr(graph, "builder", None) is None else "langgraph"
    else:
        own = graph.name
    return re.sub(r"[^\w.-]", "_", own)


async def _acquire(lock: asyncio.Lock, token: CancellationToken) -> None:
    waiting = token.link_future(asyncio.ensure_future(lock.acquire()))
    try:
        await waiting
    except asyncio.CancelledError:
        # The lock may have been handed over in the same moment.
        if waiting.done() and not waiting.cancelled():
            lock.release()
        raise


def _completed(result: AgentResult, fresh: Sequence[Any], meter: UsageMeter) -> AgentResult:
    meter.count_all(fresh)
    reasons = [reason for reason in map(finish_reason_of, reversed(fresh)) if reason is not None]
    update: dict[str, Any] = {}
    if not (result.usage.prompt_tokens or result.usage.completion_tokens):
        update["usage"] = meter.usage
    cited = [source for message in fresh for source in sources_behind(message)]
    if cited:
        update["sources"] = [*result.sources, *cited]
    if reasons and result.finish_reason == "stop":
        update["finish_reason"] = reasons[0]
    return result.model_copy(update=update)


def _keys(state: Any) -> Sequence[str]:
    return list(state) if isinstance(state, Mapping) else []


def _without_interrupts(values: Any) -> Any:
    if isinstance(values, Mapping) and "__interrupt__" in values:
        return {key: value for key, value in values.items() if key != "__interrupt__"} or None
    return values
