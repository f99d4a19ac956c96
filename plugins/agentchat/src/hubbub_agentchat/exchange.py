"""Chat agents and teams as agents of the hub, and agents of any framework as participants of teams."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Final

from pydantic import Field

from hubbub_agentchat import _exchange_answers as answering
from hubbub_agentchat import _exchange_messages as conversion
from hubbub_agentchat._fifo_lock import FifoLock
from hubbub_agentchat._ownership import Closeable, close_all
from hubbub_agentchat.agents import BaseChatAgent
from hubbub_agentchat.agents._turn import final_response
from hubbub_agentchat.base import ChatAgent, Response, TaskResult, Team
from hubbub_agentchat.messages import (
    BaseAgentEvent,
    BaseChatMessage,
    HandoffMessage,
    MultiModalMessage,
    StopMessage,
    TextMessage,
)
from hubbub_agentchat.messages._ids import new_message_id
from hubbub_agentchat.state import BaseState
from hubbub_core import AdaptedAgent, CancellationToken
from hubbub_core.exchange import AgentAdapter, AgentChunk, AgentContext, AgentResult, AgentTask
from hubbub_core.models import AssistantMessage, LLMMessage
from hubbub_registry import ComponentLoader, ComponentModel

__all__ = ["AdaptedChatAgent", "from_chat_agent", "from_team", "to_chat_agent"]

_DEFAULT: Final = "default"


def from_chat_agent(
    agent: ChatAgent,
    *,
    name: str | None = None,
    description: str | None = None,
    factory: Callable[[], ChatAgent] | None = None,
) -> AdaptedAgent:
    """Make a chat agent an agent of the hub.

    Args:
        agent: The chat agent. It serves every session: they take turns, each with its own state.
        name: Name in the hub; the agent's own by default.
        description: The agent's own by default.
        factory: Makes an agent for each session, so that sessions run at the same time. `agent` is then only asked for
            its name.
    """
    return _adapted(agent, name, description, factory)


def from_team(
    team: Team,
    *,
    name: str | None = None,
    description: str | None = None,
    factory: Callable[[], Team] | None = None,
) -> AdaptedAgent:
    """Make a team an agent of the hub.

    Args:
        team: The team. It serves every session: they take turns, each with its own state.
        name: Name in the hub; the team's own by default.
        description: The team's own by default.
        factory: Makes a team for each session, so that sessions run at the same time. `team` is then only asked for
            its name.
    """
    return _adapted(team, name, description, factory)


def to_chat_agent(
    agent: AdaptedAgent, *, name: str | None = None, description: str | None = None, repeat: bool | None = None
) -> AdaptedChatAgent:
    """Make an agent of any framework a participant of teams; see `AdaptedChatAgent`."""
    return AdaptedChatAgent(agent, name=name, description=description, repeat=repeat)


def _adapted(
    runner: ChatAgent | Team,
    name: str | None,
    description: str | None,
    factory: Callable[[], ChatAgent] | Callable[[], Team] | None,
) -> AdaptedAgent:
    shared = _Shared(runner)

    def new_adapter() -> AgentAdapter:
        return RunnerAdapter(shared if factory is None else _Shared(factory()))

    return AdaptedAgent(new_adapter, name=name or runner.name, description=description or runner.description)


class _Shared:
    """A chat agent or team that sessions take turns with."""

    def __init__(self, runner: ChatAgent | Team) -> None:
        self.runner = runner
        self.turn = FifoLock()
        self.current: RunnerAdapter | None = None
        self.initial: Mapping[str, Any] | None = None


class RunnerAdapter:
    """One session of a chat agent or team.

    A runner has one state. When another session had it last, that one's state is taken out and this one's put in.
    """

    def __init__(self, shared: _Shared) -> None:
        self._shared = shared
        self.label = f"{type(shared.runner).__name__} {shared.runner.name!r}"
        self._state: Mapping[str, Any] | None = None

    async def run(self, task: AgentTask, context: AgentContext) -> AsyncIterator[AgentChunk | AgentResult]:
        """Run the task; its messages are new ones, the runner remembers the earlier ones."""
        runner = self._shared.runner
        messages = conversion.chat_messages(task, runner.name)
        async with self._shared.turn:
            await self._enter()
            result: TaskResult | None = None
            streamed: set[str] = set()
            stream = runner.run_stream(
                task=messages or None, cancellation_token=context.cancellation_token, output_task_messages=False
            )
            async with aclosing(stream) as items:
                async for item in items:
                    if isinstance(item, TaskResult):
                        result = item
                        break
                    for chunk in conversion.chunks(item, streamed):
                        yield chunk
        if result is None:
            raise RuntimeError(f"{type(runner).__name__} {runner.name!r} ended its run without a TaskResult.")
        yield conversion.agent_result(result, task, context.name)

    async def save_state(self) -> Mapping[str, Any]:
        """Return the runner's state in this session."""
        async with self._shared.turn:
            if self._shared.current is self:
                self._state = await self._shared.runner.save_state()
        return self._state or {}

    async def load_state(self, state: Mapping[str, Any]) -> None:
        """Replace the runner's state in this session.

        Raises:
            Exception: The runner cannot take it; the session then is as it was.
        """
        async with self._shared.turn:
            if self._shared.current is self:
                self._state = await self._shared.runner.save_state()
                self._shared.current = None
            earlier, self._state = self._state, state or None
            try:
                await self._enter()  # at once, so that a state that does not fit is refused here
            except BaseException:
                self._state = earlier
                raise

    async def _prepare(self) -> None:
        if self._shared.initial is None:
            self._shared.initial = await self._shared.runner.save_state()

    async def _enter(self) -> None:
        shared = self._shared
        await self._prepare()
        if shared.current is self:
            return
        if shared.current is not None:
            shared.current._state = await shared.runner.save_state()
        wanted = self._state or shared.initial
        shared.current = None  # should loading fail, nobody owns what is left
        if wanted is not None:
            await shared.runner.load_state(wanted)
        shared.current = self


class AdaptedChatAgentState(BaseState):
    """State of an agent of another framework in a team."""

    type: str = "AdaptedChatAgentState"
    agent: Mapping[str, Any] | None = None
    """The agent's own state; None before its first turn."""

    conversation: list[LLMMessage] = Field(default_factory=list)
    """What was said so far, for an agent that is given all of it each time."""


class AdaptedChatAgent(BaseChatAgent):
    """An agent of any framework as a participant of teams.

    It is given the new messages of each turn and keeps the conversation itself, in a session of its own; or, when it
    keeps nothing (a graph without a checkpointer), the whole conversation each time. What it streams becomes chunks,
    thoughts and tool events; its usage, sources, finish reason and metadata go with the answer, and whatever it said
    before that stands among the inner messages. Of status chunks a team only hears of the one that waits for a user.

    Args:
        agent: What `adapt()` returned.
        name: A Python identifier; made from the agent's name by default.
        description: What teams read about it; the agent's own by default.
        repeat: Whether the whole conversation is given each time. By default when the agent has no state to save after
            its first turn.
    """

    def __init__(
        self,
        agent: AdaptedAgent,
        *,
        name: str | None = None,
        description: str | None = None,
        repeat: bool | None = None,
    ) -> None:
        super().__init__(name or _identifier(agent.name), description or agent.description)
        # Not the given one: its sessions belong to whoever else runs it.
        self._agent = AdaptedAgent(agent.new_adapter, name=self.name, description=self.description)
        self._model: ComponentModel | None = None
        # What a configuration has built, until the first session takes it.
        self._unused: list[AgentAdapter] = []
        self._repeat_given = repeat
        self._repeat = repeat
        self._conversation: list[LLMMessage] = []

    @classmethod
    def from_component(cls, loaded: object, model: ComponentModel) -> AdaptedChatAgent:
        """Wrap what a configuration of an agent of another framework has built.

        Raises:
            TypeError: It is not an agent.
        """
        if isinstance(loaded, AdaptedAgent):
            wrapped = cls(loaded)
        elif isinstance(loaded, AgentAdapter):
            first: list[AgentAdapter] = [loaded]

            def new_adapter() -> AgentAdapter:
                return first.pop() if first else _load(model)

            name = str(model.config.get("name") or getattr(loaded, "name", None) or model.label or "agent")
            described = str(model.config.get("description") or model.description or name)
            wrapped = cls(AdaptedAgent(new_adapter, name=name, description=described))
            wrapped._unused = first
        else:
            raise TypeError(
                f"{model.provider} built a {type(loaded).__name__}, which is no participant of a "
                "team: that is a ChatAgent, a Team, or an agent of another framework (AgentAdapter)."
            )
        wrapped._model = model
        return wrapped

    @property
    def produced_message_types(self) -> Sequence[type[BaseChatMessage]]:
        return (TextMessage, MultiModalMessage, HandoffMessage, StopMessage)

    async def on_messages(self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken) -> Response:
        return await final_response(self.on_messages_stream(messages, cancellation_token))

    async def on_messages_stream(
        self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken
    ) -> AsyncGenerator[BaseAgentEvent | BaseChatMessage | Response, None]:
        """Have the agent answer; yields what it streams, the `Response` last.

        Raises:
            Exception: What its framework raised.
        """
        message_id = new_message_id()
        inner: list[BaseAgentEvent | BaseChatMessage] = []
        events = answering.EventMaker(self.name)
        new = answering.model_messages(messages)
        task = AgentTask(messages=[*self._conversation, *new], metadata=answering.task_metadata(messages))
        run = self._agent.run_stream(task, cancellation_token=cancellation_token)
        async with aclosing(run) as items:
            async for item in items:
                if isinstance(item, AgentResult):
                    for event in events.of_result(item):
                        inner.append(event)
                        yield event
                    answer = answering.answer(item, self.name, message_id)
                    await self._remember(new, answer)
                    yield Response(chat_message=answer, inner_messages=inner)
                    return
                for event in events.of_chunk(item):
                    inner.append(event)
                    yield event
                if item.kind == "text":
                    yield events.text_event(item, message_id)

    async def _remember(self, new: Sequence[LLMMessage], answer: BaseChatMessage) -> None:
        if self._repeat is None:
            self._repeat = not (await self._agent.save_state()).get(_DEFAULT)
        if self._repeat:
            self._conversation.extend(new)
            said = answer.to_model_message()
            # The answers of a model are text: one with images stays a message of a user.
            self._conversation.append(
                AssistantMessage(content=said.content, source=self.name) if isinstance(said.content, str) else said
            )

    async def on_reset(self, cancellation_token: CancellationToken) -> None:
        """Forget the conversation: the next turn begins with a new session."""
        await self._agent.close()
        self._repeat = self._repeat_given
        self._conversation.clear()

    async def save_state(self) -> Mapping[str, Any]:
        """Return the state of its session, and the conversation when that keeps nothing, as `AdaptedChatAgentState`."""
        sessions = await self._agent.save_state()
        state = AdaptedChatAgentState(agent=sessions.get(_DEFAULT), conversation=self._conversation)
        return state.model_dump(mode="json")

    async def load_state(self, state: Mapping[str, Any]) -> None:
        """Replace the state of its session, and the conversation."""
        loaded = AdaptedChatAgentState.model_validate(state)
        await self._agent.close()
        if loaded.agent is not None:
            await self._agent.load_state({_DEFAULT: loaded.agent})
        self._conversation = list(loaded.conversation)
        self._repeat = True if loaded.conversation else self._repeat_given

    async def close(self) -> None:
        """Close its session, and what a configuration has built for it."""
        unused = [adapter for adapter in self._unused if isinstance(adapter, Closeable)]
        self._unused.clear()
        await close_all([self._agent, *unused])

    def dump_component(self) -> ComponentModel:
        """Return the configuration that it was built from.

        Raises:
            NotImplementedError: It was built in code.
        """
        if self._model is None:
            raise NotImplementedError(
                "This component does not support dumping to config: "
                f"agent {self.name!r} wraps an object of its framework."
            )
        return self._model


def _load(model: ComponentModel) -> AgentAdapter:
    loaded: object = ComponentLoader.load_component(model, expected=object)
    assert isinstance(loaded, AgentAdapter)  # the first one of this model was
    return loaded


def _identifier(name: str) -> str:
    found = re.sub(r"\W", "_", name) or "agent"
    return f"_{found}" if found[0].isdigit() else found
