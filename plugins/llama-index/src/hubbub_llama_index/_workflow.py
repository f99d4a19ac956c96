"""Workflows as adapters: events become chunks, and the conversation is kept as JSON between runs."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from hubbub_core.exchange import AgentChunk, AgentContext, AgentResult, AgentTask
from hubbub_core.passages import with_sources
from hubbub_core.running import stream_work

from ._emit import Emit
from ._messages import to_chat_messages
from ._meter import metered
from ._questions import Paused, Respond, responder
from ._recorder import Recorder
from ._run import WorkflowRun

if TYPE_CHECKING:
    from llama_index.core.agent.workflow import AgentWorkflow
    from llama_index.core.agent.workflow.base_agent import BaseWorkflowAgent
    from llama_index.core.llms import LLM, ChatMessage
    from llama_index.core.memory import BaseMemory
    from llama_index.core.workflow import Context, StartEvent, Workflow

StartArguments = Callable[[AgentTask], Mapping[str, Any]]
"""Makes the arguments of a workflow's `run` from a task."""


class WorkflowAgentAdapter:
    """Runs a `FunctionAgent`, `ReActAgent` or another workflow agent, or an `AgentWorkflow` of several.

    A run that fails or is cancelled leaves the conversation as it was before. One that stops to ask a human leaves it
    too; the next task is the answer.
    """

    def __init__(self, agent: BaseWorkflowAgent | AgentWorkflow, respond: Respond | None = None) -> None:
        self._agent = agent
        self.label = _label(agent)
        self._respond = respond or responder(agent)
        # LlamaIndex leaves the memory out when it saves a context, so the conversation is kept beside it.
        self._history: list[ChatMessage] = []
        self._context: dict[str, Any] | None = None
        self._paused: Paused | None = None
        self._unsaved: Exception | None = None
        self._turn = asyncio.Lock()

    @property
    def waits(self) -> bool:
        """Whether the next task is the answer to a question."""
        return self._paused is not None

    def run(self, task: AgentTask, context: AgentContext) -> AsyncGenerator[AgentChunk | AgentResult, None]:
        """Run the agent on the task's messages, after those of earlier tasks; or go on with the answer that it is."""

        async def work(emit: Emit) -> AgentResult:
            async with self._turn:
                with metered() as meter:
                    return await self._converse(task, context, Recorder(context.name, emit, meter, self._reasoning()))

        return stream_work(work, context.cancellation_token)

    async def save_state(self) -> Mapping[str, Any]:
        """Return the conversation, the workflow's own state and the questions that wait, as JSON.

        Raises:
            RuntimeError: The workflow keeps something that is not JSON.
        """
        self._check_saved()
        return {
            "context": self._context,
            "messages": _dump(self._history),
            "paused": None if self._paused is None else self._paused.dump(),
        }

    async def load_state(self, state: Mapping[str, Any]) -> None:
        """Take up what `save_state` returned.

        Raises:
            ValueError: The state names a class that is not loaded; a state never makes Python import anything.
        """
        _check_classes(state.get("context"))
        _check_classes(state.get("paused"))
        self._context = state.get("context")
        self._history = _load(state.get("messages", []))
        self._paused = Paused.load(state.get("paused"))
        self._unsaved = None

    async def _converse(self, task: AgentTask, context: AgentContext, recorder: Recorder) -> AgentResult:
        from llama_index.core.workflow import Context, JsonSerializer

        self._check_saved()
        run = WorkflowRun(self._agent, self._respond, recorder, context.name, _take_conversation)
        if self._paused is not None:
            state = Context.from_dict(self._agent, self._paused.context, serializer=JsonSerializer())
            memory = _memory(self._agent, _load(self._paused.messages))
            output = await run.resume(state, self._paused, task, memory)
        else:
            messages = [*self._history, *to_chat_messages(with_sources(task))]
            if not messages:
                raise ValueError(f"agent {context.name!r} was given a task without messages")
            state = Context(self._agent)
            if self._context is not None:
                state = Context.from_dict(self._agent, self._context, serializer=JsonSerializer())
            # As a memory, which is the agent's own default: a history would be validated message by message.
            arguments = {"user_msg": messages[-1], "memory": _memory(self._agent, messages[:-1])}
            output = await run.start(state, arguments)
        if isinstance(output, Paused):
            self._paused = output
            return recorder.asked(output.questions)
        await self._keep(state)
        self._paused = None
        return await recorder.result(output)

    def _reasoning(self) -> frozenset[str]:
        """Return the names of the agents that write their reasoning into their text."""
        from llama_index.core.agent.workflow import AgentWorkflow, ReActAgent

        agents = self._agent.agents.values() if isinstance(self._agent, AgentWorkflow) else [self._agent]
        return frozenset(agent.name for agent in agents if isinstance(agent, ReActAgent))

    async def _keep(self, state: Context) -> None:
        from llama_index.core.workflow import JsonSerializer

        memory = await state.store.get("memory")
        self._history = await memory.aget_all()
        await state.store.set("memory", None)
        try:
            # The run is over, so nothing but the store differs from a context that never ran, which LlamaIndex fills up
            # from its defaults. To save the context as a whole takes it half a millisecond, in which it goes through
            # all events of the run; and from workflows 2.14 to 2.25 it saves none that never ran.
            kept = {"version": 1, "state": state.store.to_dict(JsonSerializer())}
            self._context = json.loads(json.dumps(kept))
        except (TypeError, ValueError) as error:
            # The answer is there all the same; the next run and `save_state` say what is wrong.
            self._unsaved = error

    def _check_saved(self) -> None:
        if self._unsaved is not None:
            raise RuntimeError(
                f"the state of workflow agent {type(self._agent).__name__} is not JSON: {self._unsaved}; "
                "keep text, numbers, lists, dictionaries and pydantic objects in its context"
            ) from self._unsaved


class WorkflowAdapter:
    """Runs a workflow that is no agent: each task is a run of its own, unless it answers what an earlier run asked."""

    def __init__(self, workflow: Workflow, start: StartArguments | None = None, respond: Respond | None = None) -> None:
        self._workflow = workflow
        self.label = _label(workflow)
        self._start = start or _start_arguments(workflow)
        self._respond = respond or responder(workflow)
        self._paused: Paused | None = None

    def run(self, task: AgentTask, context: AgentContext) -> AsyncGenerator[AgentChunk | AgentResult, None]:
        """Start the workflow with the task, or go on with it, and answer with what the workflow stops with."""

        async def work(emit: Emit) -> AgentResult:
            with metered() as meter:
                return await self._run(task, context, Recorder(context.name, emit, meter))

        return stream_work(work, context.cancellation_token)

    async def save_state(self) -> Mapping[str, Any]:
        """Return the run that waits for an answer, as JSON; empty where none does."""
        return {} if self._paused is None else {"paused": self._paused.dump()}

    async def load_state(self, state: Mapping[str, Any]) -> None:
        """Take up what `save_state` returned.

        Raises:
            ValueError: The state names a class that is not loaded; a state never makes Python import anything.
        """
        _check_classes(state.get("paused"))
        self._paused = Paused.load(state.get("paused"))

    async def _run(self, task: AgentTask, context: AgentContext, recorder: Recorder) -> AgentResult:
        from llama_index.core.workflow import Context, JsonSerializer

        run = WorkflowRun(self._workflow, self._respond, recorder, context.name)
        # Taken at once: a second task that comes meanwhile is a run of its own.
        paused, self._paused = self._paused, None
        try:
            if paused is None:
                output = await run.start(Context(self._workflow), self._start(task))
            else:
                state = Context.from_dict(self._workflow, paused.context, serializer=JsonSerializer())
                output = await run.resume(state, paused, task)
        except BaseException:
            self._paused = paused  # the question still waits
            raise
        if isinstance(output, Paused):
            self._paused = output
            return recorder.asked(output.questions)
        return await recorder.result(output)


async def _take_conversation(state: Context) -> list[dict[str, Any]]:
    memory: BaseMemory = await state.store.get("memory")
    await state.store.set("memory", None)
    return _dump(await memory.aget_all())


def _memory(agent: BaseWorkflowAgent | AgentWorkflow, messages: list[ChatMessage]) -> BaseMemory:
    """Return a memory of the kind that the agent would make itself."""
    from llama_index.core import Settings
    from llama_index.core.agent.workflow import AgentWorkflow
    from llama_index.core.memory import ChatMemoryBuffer

    first = agent.agents[agent.root_agent] if isinstance(agent, AgentWorkflow) else agent
    llm: LLM | None = first.llm  # None is what agents of older releases have when they were given none
    return ChatMemoryBuffer.from_defaults(llm=Settings.llm if llm is None else llm, chat_history=messages)


def _start_arguments(workflow: Workflow) -> StartArguments:
    """Return how a task starts this workflow: as `input`, or as the one text that its start event requires.

    Raises:
        ValueError: The start event requires other fields.
    """
    from llama_index.core.workflow import StartEvent

    event: type[StartEvent] = workflow.start_event_class
    required = [name for name, field in event.model_fields.items() if field.is_required()]
    if event is StartEvent or not required:
        names = ["input"] if event is StartEvent else list(event.model_fields)[:1]
    else:
        names = required
    if len(names) != 1 or (event is not StartEvent and event.model_fields[names[0]].annotation is not str):
        raise ValueError(
            f"workflow {type(workflow).__name__} starts with {event.__name__}({', '.join(event.model_fields)}), which "
            "a task does not fill by itself; pass start=lambda task: {...} with its fields"
        )
    return lambda task: {names[0]: task.text()}


def _check_classes(state: Any) -> None:
    """Refuse a state that would make LlamaIndex import a class which this program has not loaded."""
    if isinstance(state, str):
        # Values of the context are JSON inside the JSON.
        if "qualified_name" in state:
            with contextlib.suppress(json.JSONDecodeError):
                _check_classes(json.loads(state))
    elif isinstance(state, Mapping):
        names = [
            state.get("qualified_name"),
            state.get("waiting_for_event"),
            f"{state['state_module']}." if "state_module" in state else None,
        ]
        for name in names:
            if isinstance(name, str) and name.rpartition(".")[0] not in sys.modules:
                raise ValueError(f"the saved state names {name}, whose module this program has not imported")
        for value in state.values():
            _check_classes(value)
    elif isinstance(state, list):
        for value in state:
            _check_classes(value)


def _label(workflow: Workflow) -> str:
    name = getattr(workflow, "name", None)
    kind = type(workflow).__name__
    return f"LlamaIndex {kind} {name!r}" if isinstance(name, str) else f"LlamaIndex workflow {kind}"


def _dump(messages: Iterable[ChatMessage]) -> list[dict[str, Any]]:
    return [message.model_dump(mode="json") for message in messages]


def _load(messages: Iterable[Mapping[str, Any]]) -> list[ChatMessage]:
    from llama_index.core.llms import ChatMessage

    return [ChatMessage.model_validate(message) for message in messages]
