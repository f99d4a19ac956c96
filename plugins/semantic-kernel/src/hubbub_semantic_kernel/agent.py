"""Agents of Semantic Kernel as agents of the hub."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Mapping
from typing import Any

from semantic_kernel.agents.agent import Agent, AgentThread
from semantic_kernel.agents.chat_completion.chat_completion_agent import ChatCompletionAgent, ChatHistoryAgentThread
from semantic_kernel.connectors.ai.function_choice_type import FunctionChoiceType
from semantic_kernel.contents.chat_message_content import ChatMessageContent
from semantic_kernel.contents.utils.author_role import AuthorRole
from semantic_kernel.functions.kernel_arguments import KernelArguments

from hubbub_core import AdaptedAgent
from hubbub_core.exchange import AgentChunk, AgentContext, AgentResult, AgentTask
from hubbub_core.models import AssistantMessage
from hubbub_core.passages import with_sources
from hubbub_core.running import stream_work

from ._kinds import LocalThread, ThreadFactory, as_taken, begin, default_factory, loses_in_streams
from ._recording import Emit, Recorder
from ._signatures import takes
from ._threads import Mark, Saved, last_message, mark, restore, save
from ._watched import Watch
from .messages import to_chat_messages


class SKAgentAdapter:
    """One session of an agent of Semantic Kernel, with a thread of its own.

    A run that fails or is cancelled leaves the thread as it was before, unless a server keeps it.

    Args:
        agent: The agent, shared by all sessions; it is not changed.
        thread: Makes the session's thread; by default as the agent itself does.
        arguments: Values for the agent's instructions and execution settings, of every run.
    """

    def __init__(
        self, agent: Agent, *, thread: ThreadFactory | None = None, arguments: Mapping[str, Any] | None = None
    ) -> None:
        self.label = f"Semantic Kernel agent {agent.name!r}"
        self._agent = agent
        self._new_thread = thread or default_factory(agent)
        self._arguments = arguments
        self._thread: AgentThread | None = None
        # What the thread is made of before the next run: a loaded state, or the state before a run that failed.
        self._saved: Saved | None = None
        self._turn = asyncio.Lock()

    def run(self, task: AgentTask, context: AgentContext) -> AsyncGenerator[AgentChunk | AgentResult, None]:
        """Run the agent on the task's messages, after those of earlier tasks."""

        async def work(emit: Emit) -> AgentResult:
            async with self._turn:
                return await self._converse(task, context, emit)

        return stream_work(work, context.cancellation_token)

    async def save_state(self) -> Mapping[str, Any]:
        """Return the thread as JSON: its id, and the conversation unless a server keeps it. Empty before the first run.

        Of the messages' metadata, what is JSON is saved.
        """
        async with self._turn:
            if self._saved is None and self._thread is not None:
                return (await save(self._thread)).to_json()
            return {} if self._saved is None else self._saved.to_json()

    async def load_state(self, state: Mapping[str, Any]) -> None:
        """Take up what `save_state` returned.

        Raises:
            ValueError: The state is something else, or the agent's threads cannot be made again without `thread=`.
        """
        async with self._turn:
            saved = Saved.from_json(state) if state else None
            if saved is not None:
                # At once, so that a state that does not fit is refused here.
                await restore(saved, self._new_thread, self._agent.name)
            self._thread, self._saved = None, saved

    async def _converse(self, task: AgentTask, context: AgentContext, emit: Emit) -> AgentResult:
        messages = to_chat_messages(with_sources(task))
        if not messages:
            raise ValueError(f"agent {context.name!r} was given a task without messages")
        if self._saved is not None:
            self._thread, self._saved = await restore(self._saved, self._new_thread, self._agent.name), None
        before = await mark(self._thread)
        recorder, watch = Recorder(context.name, emit), Watch(self._agent)
        try:
            await self._invoke(watch.agent, messages, recorder)
            watch.check()
        except BaseException:
            self._go_back(before)
            await watch.abandon()
            raise
        recorder.complete(watch.annotations, watch.refusal)
        said = recorder.streamed()
        result = recorder.result(usage=watch.usage, reason=watch.reason)
        await self._settle(said)
        return result

    def _go_back(self, before: Mark) -> None:
        """Leave the thread as it was, unless a server keeps it and only the agent itself could make it again."""
        if isinstance(before, int):
            assert isinstance(self._thread, LocalThread)  # no other is marked by its length
            del self._thread.history.messages[before:]
        elif before is None or before.messages is not None or self._new_thread is not None:
            self._thread, self._saved = None, before

    async def _invoke(self, agent: Agent, messages: list[ChatMessageContent], recorder: Recorder) -> None:
        thread = self._thread
        if thread is None and self._new_thread is not None:
            thread = self._thread = await begin(self._new_thread(None))

        async def intermediate(message: ChatMessageContent) -> None:
            recorder.intermediate(message)

        options: dict[str, Any] = {"messages": as_taken(agent, messages), "thread": thread}
        if takes(type(agent), "invoke", "on_intermediate_message"):
            options["on_intermediate_message"] = intermediate
        if self._arguments is not None:
            options["arguments"] = _kernel_arguments(self._arguments)
        if not self._loses_in_streams():
            try:
                await self._take(agent.invoke_stream(**options), recorder.piece)
            except NotImplementedError:
                # AutoGenConversableAgent, and agents of others, cannot stream.
                if recorder.streamed() is not None:
                    raise
            else:
                return
        await self._take(agent.invoke(**options), recorder.message)

    async def _take(self, items: AsyncIterable[Any], take: Callable[[ChatMessageContent], None]) -> None:
        try:
            async for item in items:
                self._thread = item.thread
                take(item.message)
        finally:
            aclose = getattr(items, "aclose", None)
            if aclose is not None:
                await aclose()

    def _loses_in_streams(self) -> bool:
        """Say whether Semantic Kernel would lose messages of a streamed run.

        A `ChatCompletionAgent` drops calls that the caller is to make.
        """
        if not isinstance(self._agent, ChatCompletionAgent):
            return loses_in_streams(self._agent)
        settings = dict(self._agent.arguments.execution_settings or {}) if self._agent.arguments else {}
        given = getattr(self._arguments, "execution_settings", None) or {}
        behaviors = [each.function_choice_behavior for each in {**settings, **given}.values()]
        for behavior in [each for each in behaviors if each is not None] or [self._agent.function_choice_behavior]:
            if behavior is None or behavior.type_ == FunctionChoiceType.NONE:
                continue
            if not behavior.auto_invoke_kernel_functions:
                return True
        return False

    async def _settle(self, said: AssistantMessage | None) -> None:
        """Put the answer into a local thread as it was said, and let the thread reduce itself."""
        if not isinstance(self._thread, ChatHistoryAgentThread):
            return
        if said is not None and isinstance(self._agent, ChatCompletionAgent):
            # Semantic Kernel writes down the texts of all rounds of a streamed run as one, without the reasoning.
            last = await last_message(self._thread)
            if last is not None and last.role == AuthorRole.ASSISTANT:
                last.items = to_chat_messages([said])[0].items
        await self._thread.reduce()


def from_agent(
    agent: Agent,
    *,
    name: str | None = None,
    description: str | None = None,
    thread: ThreadFactory | None = None,
    arguments: Mapping[str, Any] | None = None,
) -> AdaptedAgent:
    """Make an agent of the hub from an agent of Semantic Kernel.

    Text, thoughts, function calls and their results are streamed. The result holds every message of the run, the
    tokens that the service told, and annotations as sources. Each session has a thread of its own, which goes on from
    task to task.

    Args:
        agent: The agent; it is not changed.
        name: The agent's own name when missing.
        description: The agent's own when missing.
        thread: Makes the thread of a session, `thread(None)` a new one, `thread(id)` the existing one of a saved state.
            By default as the agent does; agents other than `ChatCompletionAgent`, `OpenAIAssistantAgent` and
            `OpenAIResponsesAgent` need it to take up a saved state.
        arguments: Values for the agent's instructions, of every run; a `KernelArguments` may bring execution settings.
    """
    return AdaptedAgent(
        lambda: SKAgentAdapter(agent, thread=thread, arguments=arguments),
        name=name or agent.name,
        description=(agent.description if description is None else description) or "",
    )


def _kernel_arguments(given: Mapping[str, Any]) -> KernelArguments:
    # A copy: Semantic Kernel updates the arguments of a run.
    arguments = KernelArguments(settings=getattr(given, "execution_settings", None))
    arguments.update(given)
    return arguments
