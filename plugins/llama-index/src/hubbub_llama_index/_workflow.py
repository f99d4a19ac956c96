"""Workflows as adapters: events become chunks, and the conversation is kept as JSON between runs."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, JsonValue

from hubbub_core.exchange import AgentChunk, AgentContext, AgentResult, AgentTask
from hubbub_core.models import AssistantMessage, LLMMessage, RequestUsage
from hubbub_core.running import stream_work

from ._emit import Emit
from ._messages import calls_of, from_chat_message, from_chat_messages, to_chat_messages, with_sources
from ._passages import json_object, sources_from_nodes, sources_from_tools
from ._reply import usage_in

if TYPE_CHECKING:
    from llama_index.core.agent.workflow import AgentOutput, AgentWorkflow
    from llama_index.core.agent.workflow.base_agent import BaseWorkflowAgent
    from llama_index.core.llms import LLM, ChatMessage
    from llama_index.core.memory import BaseMemory
    from llama_index.core.workflow import Context, StartEvent, Workflow

StartArguments = Callable[[AgentTask], Mapping[str, Any]]
"""Makes the arguments of a workflow's `run` from a task."""


class UnansweredInputError(RuntimeError):
    """A workflow asked a human for input, and nobody here can answer."""

    def __init__(self, name: str, prompt: str) -> None:
        self.name = name
        self.prompt = prompt
        super().__init__(f"the workflow of agent {name!r} waits for human input that nobody gives: {prompt}")


class WorkflowAgentAdapter:
    """Runs a `FunctionAgent`, `ReActAgent` or another workflow agent, or an `AgentWorkflow` of several.

    A run that fails or is cancelled leaves the conversation as it was before.
    """

    def __init__(self, agent: BaseWorkflowAgent | AgentWorkflow) -> None:
        self._agent = agent
        # LlamaIndex leaves the memory out when it saves a context, so the conversation is kept beside it.
        self._history: list[ChatMessage] = []
        self._context: dict[str, Any] | None = None
        self._idle: dict[str, Any] | None = None
        self._unsaved: Exception | None = None
        self._turn = asyncio.Lock()

    def run(self, task: AgentTask, context: AgentContext) -> AsyncGenerator[AgentChunk | AgentResult, None]:
        """Run the agent on the task's messages, after those of earlier tasks."""

        async def work(emit: Emit) -> AgentResult:
            async with self._turn:
                return await self._converse(task, context, emit)

        return stream_work(work, context.cancellation_token)

    async def save_state(self) -> Mapping[str, Any]:
        """Return the conversation and the workflow's own state, as JSON.

        Raises:
            RuntimeError: The workflow keeps something that is not JSON.
        """
        self._check_saved()
        return {"context": self._context, "messages": [message.model_dump(mode="json") for message in self._history]}

    async def load_state(self, state: Mapping[str, Any]) -> None:
        """Take up what `save_state` returned.

        Raises:
            ValueError: The state names a class that is not loaded; a state never makes Python import anything.
        """
        from llama_index.core.llms import ChatMessage

        _check_classes(state.get("context"))
        self._context = state.get("context")
        self._history = [ChatMessage.model_validate(message) for message in state.get("messages", [])]
        self._unsaved = None

    async def _converse(self, task: AgentTask, context: AgentContext, emit: Emit) -> AgentResult:
        from llama_index.core.workflow import Context, JsonSerializer

        self._check_saved()
        messages = [*self._history, *to_chat_messages(with_sources(task))]
        if not messages:
            raise ValueError(f"agent {context.name!r} was given a task without messages")
        state = Context(self._agent)
        if self._context is not None:
            state = Context.from_dict(self._agent, self._context, serializer=JsonSerializer())
        recorder = _Recorder(context.name, emit)
        # As a memory, which is the agent's own default: a history would be validated message by message.
        arguments = {"user_msg": messages[-1], "memory": _memory(self._agent, messages[:-1])}
        output = await _run_workflow(self._agent, arguments, state, context.name, recorder)
        await self._keep(state)
        return recorder.result(output)

    async def _keep(self, state: Context) -> None:
        from llama_index.core.workflow import Context, JsonSerializer

        memory = await state.store.get("memory")
        self._history = await memory.aget_all()
        await state.store.set("memory", None)
        if self._idle is None:
            self._idle = Context(self._agent).to_dict(serializer=JsonSerializer())
        try:
            # The run is over, so nothing but the store differs from a context that never ran. To save the context as a
            # whole takes LlamaIndex half a millisecond, in which it goes through all events of the run.
            kept = {**self._idle, "state": state.store.to_dict(JsonSerializer())}
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
    """Runs a workflow that is no agent: each task is a run of its own."""

    def __init__(self, workflow: Workflow, start: StartArguments | None = None) -> None:
        self._workflow = workflow
        self._start = start or _start_arguments(workflow)

    def run(self, task: AgentTask, context: AgentContext) -> AsyncGenerator[AgentChunk | AgentResult, None]:
        """Start the workflow with the task, and answer with what it stops with."""
        from llama_index.core.workflow import Context

        async def work(emit: Emit) -> AgentResult:
            recorder = _Recorder(context.name, emit)
            state = Context(self._workflow)
            output = await _run_workflow(self._workflow, self._start(task), state, context.name, recorder)
            return recorder.result(output)

        return stream_work(work, context.cancellation_token)


class _Recorder:
    """Turns the events of one run into chunks, and remembers what the result needs."""

    def __init__(self, name: str, emit: Emit) -> None:
        self._name = name
        self._emit = emit
        self._messages: list[LLMMessage] = []
        self._outputs: list[Any] = []
        self._said: list[ChatMessage] = []
        self._usage = RequestUsage(prompt_tokens=0, completion_tokens=0)

    def take(self, event: Any) -> None:
        from llama_index.core.agent.workflow import AgentOutput, AgentStream, ToolCall, ToolCallResult

        if isinstance(event, AgentStream):
            # AgentWorkflow runs several agents: their own names tell a reader who is speaking.
            if event.delta:
                self._chunk("text", event.delta, {"agent": event.current_agent_name})
            if thought := getattr(event, "thinking_delta", None):
                self._chunk("thought", thought, {"agent": event.current_agent_name})
        elif isinstance(event, ToolCallResult):
            output = event.tool_output
            self._outputs.append(output)
            self._said.append(_tool_message(event))
            about: dict[str, JsonValue] = {"name": event.tool_name, "call_id": event.tool_id}
            self._chunk("tool_result", output.content, {**about, "is_error": output.is_error})
        elif isinstance(event, ToolCall):
            arguments = json_object(event.tool_kwargs)
            about = {"name": event.tool_name, "call_id": event.tool_id, "arguments": arguments}
            self._chunk("tool_call", f"{event.tool_name}({json.dumps(arguments, ensure_ascii=False)})", about)
        elif isinstance(event, AgentOutput):
            self._count(event.raw)
            self._said.append(_with_calls(event))

    def result(self, output: Any) -> AgentResult:
        from llama_index.core.agent.workflow import AgentOutput

        sources = sources_from_tools(self._outputs)
        metadata: dict[str, JsonValue] = {}
        if isinstance(output, AgentOutput):
            messages = from_chat_messages(self._said, assistant=self._name)
            answer = from_chat_message(output.response, assistant=self._name)
            if messages and isinstance(messages[-1], AssistantMessage) and isinstance(messages[-1].content, str):
                # The last thing said is the answer as the model wrote it; a ReActAgent has cut its thoughts off since.
                messages.pop()
            messages.append(answer)
            metadata["agent"] = output.current_agent_name
            if output.structured_response is not None:
                metadata["structured_response"] = json_object(output.structured_response)
        else:
            messages = [AssistantMessage(content=_text(output), source=self._name)]
            sources = [*sources_from_nodes(getattr(output, "source_nodes", None) or []), *sources]
        return AgentResult(messages=messages, source=self._name, sources=sources, usage=self._usage, metadata=metadata)

    def _chunk(self, kind: Any, content: str, metadata: dict[str, JsonValue]) -> None:
        self._emit(AgentChunk(content=content, source=self._name, kind=kind, metadata=metadata))

    def _count(self, raw: Any) -> None:
        usage = usage_in(raw)
        if usage is not None:
            self._usage.prompt_tokens += usage.prompt_tokens
            self._usage.completion_tokens += usage.completion_tokens


async def _run_workflow(
    workflow: Workflow, arguments: Mapping[str, Any], state: Context, name: str, recorder: _Recorder
) -> Any:
    """Run a workflow to its end; whichever way this is left, none of its steps goes on."""
    from llama_index.core.workflow import InputRequiredEvent

    handler = workflow.run(ctx=state, **arguments)
    try:
        async for event in handler.stream_events():
            if isinstance(event, InputRequiredEvent):
                raise UnansweredInputError(name, str(event.get("prefix", "") or type(event).__name__))
            recorder.take(event)
        return await handler
    finally:
        if not handler.is_done():
            await handler.cancel_run()
            # Read the outcome, which is the cancellation itself, or asyncio reports it as lost.
            with contextlib.suppress(Exception):
                await handler


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


def _with_calls(event: AgentOutput) -> ChatMessage:
    """Return what an agent said, completed with the calls that a ReActAgent reads out of its text."""
    from llama_index.core.base.llms.types import ToolCallBlock
    from llama_index.core.tools import ToolSelection

    if calls_of(event.response):
        return event.response
    selected: list[Any] = event.tool_calls
    calls = [
        ToolCallBlock(tool_call_id=call.tool_id, tool_name=call.tool_name, tool_kwargs=call.tool_kwargs)
        # LlamaIndex appends the results of earlier calls to the list of the last output.
        for call in selected
        if isinstance(call, ToolSelection)
    ]
    return event.response.model_copy(update={"blocks": [*event.response.blocks, *calls]})


def _tool_message(event: Any) -> ChatMessage:
    from llama_index.core.llms import ChatMessage, MessageRole

    about: dict[str, Any] = {"tool_call_id": event.tool_id, "name": event.tool_name}
    if event.tool_output.is_error:
        about["is_error"] = True
    return ChatMessage(role=MessageRole.TOOL, blocks=list(event.tool_output.blocks), additional_kwargs=about)


def _text(output: Any) -> str:
    if output is None:
        return ""
    if isinstance(output, BaseModel):
        return output.model_dump_json()
    return json.dumps(output, ensure_ascii=False, default=str) if isinstance(output, dict | list) else str(output)


def _check_classes(state: Any) -> None:
    """Refuse a state that would make LlamaIndex import a class which this program has not loaded."""
    if isinstance(state, str):
        # Values of the context are JSON inside the JSON.
        if "qualified_name" in state:
            with contextlib.suppress(json.JSONDecodeError):
                _check_classes(json.loads(state))
    elif isinstance(state, Mapping):
        names = [state.get("qualified_name"), f"{state['state_module']}." if "state_module" in state else None]
        for name in names:
            if isinstance(name, str) and name.rpartition(".")[0] not in sys.modules:
                raise ValueError(f"the saved state names {name}, whose module this program has not imported")
        for value in state.values():
            _check_classes(value)
    elif isinstance(state, list):
        for value in state:
            _check_classes(value)
