"""Orchestrations of Semantic Kernel as agents of the hub. Each run has a runtime of Semantic Kernel to itself."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import inspect
from collections.abc import AsyncGenerator, Callable
from types import MethodType
from typing import Any, Never

from pydantic import BaseModel
from semantic_kernel.agents.orchestration.magentic import MagenticOrchestration
from semantic_kernel.agents.orchestration.orchestration_base import OrchestrationBase
from semantic_kernel.agents.runtime.in_process.in_process_runtime import InProcessRuntime
from semantic_kernel.contents.chat_message_content import ChatMessageContent
from semantic_kernel.contents.function_call_content import FunctionCallContent
from semantic_kernel.contents.function_result_content import FunctionResultContent
from semantic_kernel.contents.streaming_chat_message_content import StreamingChatMessageContent

from hubbub_core import AdaptedAgent
from hubbub_core.exchange import AgentChunk, AgentContext, AgentResult, AgentTask
from hubbub_core.models import AssistantMessage, FinishReasons, LLMMessage, RequestUsage
from hubbub_core.passages import with_sources
from hubbub_core.running import stream_work

from ._kinds import one_text
from ._recording import Emit, Recorder
from ._watched import Watch
from .messages import to_chat_messages, value_text


class OrchestrationAdapter:
    """Runs an orchestration once for each task; it keeps nothing from task to task, as in Semantic Kernel.

    Args:
        orchestration: The orchestration, shared by all sessions; neither it nor its manager is changed.
    """

    def __init__(self, orchestration: OrchestrationBase[Any, Any]) -> None:
        self.label = f"Semantic Kernel orchestration {orchestration.name!r}"
        self._orchestration = orchestration

    def run(self, task: AgentTask, context: AgentContext) -> AsyncGenerator[AgentChunk | AgentResult, None]:
        """Run the orchestration on the task's messages."""

        async def work(emit: Emit) -> AgentResult:
            messages = to_chat_messages(with_sources(task))
            if not messages:
                raise ValueError(f"agent {context.name!r} was given a task without messages")
            run = _Run(self._orchestration, context.name, emit)
            return run.result(await run.value(messages))

        return stream_work(work, context.cancellation_token)


class _Run:
    """One run: a copy of the orchestration, which tells what its agents say, on a runtime of its own."""

    def __init__(self, orchestration: OrchestrationBase[Any, Any], name: str, emit: Emit) -> None:
        self._name = name
        self._emit = emit
        self._messages: list[LLMMessage] = []
        self._recorders: dict[str, Recorder] = {}
        self._told: list[ChatMessageContent] = []
        self._watches: list[Watch] = []
        self._own = _copy(orchestration)
        self._on_message = self._own._agent_response_callback
        self._on_piece = self._own._streaming_agent_response_callback
        self._own._agent_response_callback = self._message
        self._own._streaming_agent_response_callback = self._piece

    async def value(self, messages: list[ChatMessageContent]) -> Any:
        """Run to the end and return what came out; nothing of the run goes on afterwards.

        Raises:
            RuntimeError: It ended without a result.
            Exception: What an agent or the manager raised.
        """
        self._watches = [Watch(member) for member in self._own._members]
        self._own._members = [watch.agent for watch in self._watches]
        runtime, finished = _Runtime(), False
        ongoing: Any = None
        runtime.start()
        try:
            task: Any = messages[0] if len(messages) == 1 else messages
            if isinstance(task, list) and isinstance(self._own, MagenticOrchestration):
                task = one_text(messages, f"orchestration {self._own.name!r} is a MagenticOrchestration")
            ongoing = await self._own.invoke(task, runtime)
            await _first(ongoing.event.wait(), _idle(runtime, ongoing.background_task))
            if not ongoing.event.is_set():
                raise runtime.error() or RuntimeError(f"orchestration {self._own.name!r} ended without a result")
            value = await ongoing.get()
            for watch in self._watches:
                watch.check()
            finished = True
            return value
        finally:
            if ongoing is not None:
                ongoing.background_task.cancel()
                await asyncio.wait([ongoing.background_task])
            await runtime.abort()
            if not finished:
                await asyncio.gather(*(watch.abandon() for watch in self._watches))

    def result(self, value: Any) -> AgentResult:
        """Return the result of the run: what the agents said, and the value unless it is the last of that."""
        values = value if isinstance(value, list) else [value]
        for each in values:
            if any(each is told for told in self._told):
                continue
            text = each.content if isinstance(each, ChatMessageContent) else value_text(each)
            said = AssistantMessage(content=text, source=getattr(each, "name", None) or self._name)
            if not self._messages or self._messages[-1] != said:
                self._messages.append(said)
        # What a service told of a run as a whole counts, not what its messages did.
        usage = {name: recorder.usage for name, recorder in self._recorders.items()}
        for watch in self._watches:
            if watch.usage is not None:
                usage[watch.name] = watch.usage
            if watch.name in self._recorders:
                self._recorders[watch.name].complete(watch.annotations, "")
        return AgentResult(
            messages=self._messages,
            source=self._name,
            sources=[source for recorder in self._recorders.values() for source in recorder.sources],
            usage=RequestUsage(
                sum(part.prompt_tokens for part in usage.values()),
                sum(part.completion_tokens for part in usage.values()),
            ),
            finish_reason=self._finish_reason(),
        )

    def _finish_reason(self) -> FinishReasons:
        last = self._messages[-1]
        asks = isinstance(last, AssistantMessage) and not isinstance(last.content, str)
        return "function_calls" if asks else "stop"

    def _recorder(self, message: ChatMessageContent) -> Recorder:
        name = message.name or self._name
        if name not in self._recorders:
            self._recorders[name] = Recorder(name, self._emit, self._messages)
        return self._recorders[name]

    async def _message(self, message: Any) -> None:
        for each in message if isinstance(message, list) else [message]:
            self._told.append(each)
            self._recorder(each).intermediate(each)
        await _call(self._on_message, message)

    async def _piece(self, message: StreamingChatMessageContent, is_final: bool) -> None:
        # Messages on the way come here once more; only the text of the answer arrives in pieces.
        known = any(message is told or message.items == told.items for told in self._told[-1:])
        if not known and not any(
            isinstance(item, FunctionCallContent | FunctionResultContent) for item in message.items
        ):
            self._recorder(message).piece(message)
        await _call(self._on_piece, message, is_final)


class _Runtime(InProcessRuntime):
    """Semantic Kernel's runtime, which can be ended together with everything that it has begun."""

    def __init__(self) -> None:
        super().__init__(ignore_unhandled_exceptions=False)
        self._handlers: set[asyncio.Task[Any]] = set()

    async def register_factory(self, type: Any, agent_factory: Callable[[], Any], **options: Any) -> Any:
        """Register a factory for actors, whose handlers are followed.

        Of several that a message was published to, the runtime forgets the others when one fails.
        """

        async def factory() -> Any:
            made = agent_factory()
            actor = await made if inspect.isawaitable(made) else made
            on_message = actor.on_message

            async def followed(message: Any, ctx: Any) -> Any:
                task = asyncio.current_task()
                assert task is not None
                self._handlers.add(task)
                try:
                    return await on_message(message, ctx=ctx)
                except Exception as error:
                    # Once: an error goes back through the handlers of all that have asked on the way.
                    member = getattr(actor, "_agent", None)
                    if member is not None and not getattr(error, "__notes__", None):
                        error.add_note(f"in its agent {member.name!r}")
                    raise
                finally:
                    self._handlers.discard(task)

            actor.on_message = followed
            return actor

        return await super().register_factory(type, factory, **options)

    async def idle(self) -> None:
        """Wait until every message is handled, or the runtime has broken down."""
        await self._message_queue.join()

    def error(self) -> BaseException | None:
        """Return what a handler has raised that nobody has waited for."""
        context = self._run_context
        if context is not None and context._run_task.done() and not context._run_task.cancelled():
            return context._run_task.exception()
        return self._background_exception

    async def abort(self) -> None:
        """Cancel every handler and wait for its end, then stop."""
        # First, for what ends after the stop is counted in another queue, and fails at that.
        await self._end_work()
        # Its error, if any, was told already.
        with contextlib.suppress(Exception):
            await self.stop()
        await self._end_work()

    async def _end_work(self) -> None:
        while tasks := self._at_work():
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _at_work(self) -> set[asyncio.Task[Any]]:
        return {task for task in self._background_tasks | self._handlers if not task.done()}


def from_orchestration(
    orchestration: OrchestrationBase[Any, Any], *, name: str | None = None, description: str | None = None
) -> AdaptedAgent:
    """Make an agent of the hub from an orchestration: sequential, concurrent, group chat, handoff or Magentic.

    What its agents say is streamed, under their names. The result holds all of it; what the orchestration itself
    returned comes last, unless an agent has said it. Cancelling a run ends its agents and its runtime. Each task
    begins anew.

    Args:
        orchestration: The orchestration; it is not changed, and its own callbacks are called.
        name: The orchestration's own when missing.
        description: The orchestration's own when missing.
    """
    return AdaptedAgent(
        lambda: OrchestrationAdapter(orchestration),
        name=name or orchestration.name,
        description=orchestration.description if description is None else description,
    )


def refuse_group_chat(chat: Any, **options: Any) -> Never:
    """Refuse an `AgentGroupChat`, whose place orchestrations have taken.

    Raises:
        TypeError: Always.
    """
    raise TypeError(
        f"{type(chat).__name__} cannot be an agent of the hub, and Semantic Kernel has replaced it: adapt a "
        "GroupChatOrchestration of its agents, or make a team of the hub of them"
    )


def _copy(orchestration: OrchestrationBase[Any, Any]) -> Any:
    made: Any = copy.copy(orchestration)
    for attribute, value in vars(orchestration).items():
        if isinstance(value, MethodType) and value.__self__ is orchestration:
            # The default transforms, which have to find the types that are set for this run.
            setattr(made, attribute, MethodType(value.__func__, made))
        elif attribute == "_manager" and isinstance(value, BaseModel):
            # It counts its rounds.
            setattr(made, attribute, value.model_copy())
    return made


async def _idle(runtime: _Runtime, start: asyncio.Task[None]) -> None:
    """Wait until the start of a run is over and nothing is left to do."""
    await asyncio.wait([start])
    await runtime.idle()


async def _first(*waits: Any) -> None:
    """Wait until one is over, and end the others."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def _call(callback: Any, *arguments: Any) -> None:
    if callback is not None and inspect.isawaitable(returned := callback(*arguments)):
        await returned
