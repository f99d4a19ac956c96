"""The base of teams: runs tasks, and saves, loads and resets the whole team."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any, ClassVar, Unpack

from pydantic import BaseModel, ValidationError

from hubbub_agentchat._ownership import Closeable, close_all
from hubbub_agentchat.base import ChatAgent, TaskResult, Team, TerminationCondition
from hubbub_agentchat.messages import (
    BaseAgentEvent,
    BaseChatMessage,
    MessageFactory,
    ModelClientStreamingChunkEvent,
    StopMessage,
)
from hubbub_agentchat.state import TeamState
from hubbub_agentchat.teams._group_chat._base_group_chat_manager import ManagerArguments
from hubbub_agentchat.teams._group_chat._chat_agent_container import ChatAgentContainer
from hubbub_agentchat.teams._group_chat._config import GroupChatFields
from hubbub_agentchat.teams._group_chat._events import (
    GroupChatPause,
    GroupChatReset,
    GroupChatResume,
    GroupChatStart,
    GroupChatTermination,
    SerializableException,
)
from hubbub_agentchat.teams._group_chat._group_agents import GroupAgents
from hubbub_agentchat.teams._group_chat._output import OutputQueue
from hubbub_agentchat.teams._group_chat._participants import make_message_factory
from hubbub_agentchat.teams._group_chat._sequential_routed_agent import SequentialRoutedAgent
from hubbub_agentchat.teams._group_chat._task_check import checked_task
from hubbub_core import AgentRuntime, CancellationToken
from hubbub_registry import ComponentBase


class BaseGroupChat(Team, ABC, ComponentBase[BaseModel]):
    """The base class for group chat teams.

    For a team of your own derive a manager from `BaseGroupChatManager`, then a team from this class that makes it.

    Args:
        name: The team's name.
        description: What the team does.
        participants: Agents, and teams where the kind of team allows them.
        group_chat_manager_name: Source of the manager's messages, and its key in the saved state.
        group_chat_manager_class: Class of the manager.
        termination_condition: When a run ends; without one, and without `max_turns`, it goes on for ever.
        max_turns: How many turns a run has at most.
        runtime: Where the team's agents live; the caller starts and stops it. A runtime of the team's own by default.
        custom_message_types: Message and event classes, besides the built-in ones, that participants exchange.
        emit_team_events: Whether selected speakers are put out as events.

    Raises:
        ValueError: There are no participants, or two have one name.
        TypeError: A participant is neither an agent nor a team.
    """

    component_type: ClassVar[str] = "team"

    def __init__(
        self,
        name: str,
        description: str,
        participants: list[ChatAgent | Team],
        group_chat_manager_name: str,
        group_chat_manager_class: type[SequentialRoutedAgent],
        termination_condition: TerminationCondition | None = None,
        max_turns: int | None = None,
        runtime: AgentRuntime | None = None,
        custom_message_types: list[type[BaseAgentEvent | BaseChatMessage]] | None = None,
        emit_team_events: bool = False,
    ) -> None:
        if not participants:
            raise ValueError("At least one participant is required.")
        for participant in participants:
            if not isinstance(participant, (ChatAgent, Team)):
                raise TypeError(
                    f"Participant {participant!r} is neither a ChatAgent nor a Team. "
                    'An agent of another framework becomes one by `adapt(agent, to="chat agent")`.'
                )
        names = [participant.name for participant in participants]
        if len(set(names)) != len(names):
            raise ValueError("The participant names must be unique.")
        if max_turns is not None and max_turns <= 0:
            raise ValueError("The maximum number of turns must be greater than 0.")
        self._name = name
        self._description = description
        self._participants = list(participants)
        self._participant_names = names
        self._participant_descriptions = [participant.description for participant in participants]
        self._base_group_chat_manager_class = group_chat_manager_class
        self._termination_condition = termination_condition
        self._max_turns = max_turns
        self._emit_team_events = emit_team_events
        self._message_factory = make_message_factory(participants, custom_message_types)
        self._group_chat_manager_name = group_chat_manager_name
        self._agents = GroupAgents(runtime, names, group_chat_manager_name)
        self._runtime: AgentRuntime = self._agents.runtime
        self._output = OutputQueue(ends_when_idle=runtime is None)
        self._is_running = False
        self._ending: asyncio.Task[None] | None = None
        self._owned: list[Closeable] = []

    @property
    def message_factory(self) -> MessageFactory:
        """The messages that the team knows."""
        return self._message_factory

    @property
    def name(self) -> str:
        return self._name

    @property
    def description(self) -> str:
        return self._description

    @property
    def received(self) -> frozenset[str]:
        """Ids of the messages of the last run's task that the participants have, however that run ended."""
        return self._output.received

    @abstractmethod
    def _create_group_chat_manager_factory(
        self, **arguments: Unpack[ManagerArguments]
    ) -> Callable[[], SequentialRoutedAgent]:
        """Return what makes the manager.

        It is called by keyword, so a subclass may as well name the arguments that it needs (N-192).
        """

    async def run(
        self,
        *,
        task: str | BaseChatMessage | Sequence[BaseChatMessage] | None = None,
        cancellation_token: CancellationToken | None = None,
        output_task_messages: bool = True,
    ) -> TaskResult:
        """Run the team and return the result; see `run_stream`."""
        async for item in self.run_stream(
            task=task, cancellation_token=cancellation_token, output_task_messages=output_task_messages
        ):
            if isinstance(item, TaskResult):
                result = item
        return result

    async def run_stream(
        self,
        *,
        task: str | BaseChatMessage | Sequence[BaseChatMessage] | None = None,
        cancellation_token: CancellationToken | None = None,
        output_task_messages: bool = True,
    ) -> AsyncGenerator[BaseAgentEvent | BaseChatMessage | TaskResult, None]:
        """Run the team and yield messages and events as they arise; the last item is the `TaskResult`.

        The termination condition is reset when the run ends. Streamed chunks are yielded and are not in the result.
        However the run ends, it ends whole: nobody is at work when the caller has the result, the error or the
        `CancelledError`, and the team can be run, saved or reset.

        Args:
            task: A text (from `user`), a message or several. None goes on with the current task.
            cancellation_token: Aborts the run at once. To stop gracefully use an `ExternalTermination`.
            output_task_messages: Whether the task's own messages are put out.

        Raises:
            ValueError: The task is empty, not of chat messages or of an unregistered class, or the team is running.
            RuntimeError: A participant, the manager or the condition failed; the cause is what it raised.
            asyncio.CancelledError: The token was cancelled.
        """
        if self._is_running:
            raise ValueError("The team is already running, it cannot run again until it is stopped.")
        messages = checked_task(task, self._message_factory)
        self._is_running = True
        token = CancellationToken()
        output = self._output
        output.begin()
        given = {message.id for message in messages or ()}
        handle: int | None = None
        driver: asyncio.Task[None] | None = None
        produced: list[BaseAgentEvent | BaseChatMessage] = []
        end: GroupChatTermination | None = None
        try:
            await self._initialize()
            if cancellation_token is not None:
                handle = cancellation_token.link(_in_loop(token.cancel))
            token.add_callback(output.wake_reader)
            start = GroupChatStart(messages=messages, output_task_messages=output_task_messages)
            driver = asyncio.create_task(self._drive(start, token), name=f"run of team {self._name}")
            while True:
                if token.is_cancelled():
                    raise asyncio.CancelledError(f"the run of team {self._name!r} was cancelled")
                if output.empty():
                    if driver.done():
                        driver.result()  # raises when the group cannot take the task
                    await output.arrived()
                    continue
                item = output.get_nowait()
                if isinstance(item, GroupChatTermination):
                    if item.error is not None:
                        raise RuntimeError(str(item.error)) from item.error.exception
                    end = item
                    break
                if type(item) is not ModelClientStreamingChunkEvent:
                    produced.append(item)
                    if item.id not in given:
                        output.usage.add_message(item)
                yield item
        finally:
            if cancellation_token is not None and handle is not None:
                cancellation_token.unlink(handle)
            # In a task of its own, held by the team: a caller who is cancelled once more while it waits leaves, and
            # the team counts as running until everybody has really ended.
            self._ending = asyncio.create_task(self._finish(driver, token if end is None else None))
            try:
                await asyncio.shield(self._ending)
            except asyncio.CancelledError:
                if end is not None:
                    await asyncio.shield(self._ending)  # it had all but ended when it was cancelled
                raise
        # After the run has ended whole, so that a caller who leaves with the result can run the team again.
        yield TaskResult.of_run(produced, output.usage, end.message.content)

    async def _drive(self, start: GroupChatStart, token: CancellationToken) -> None:
        """Begin the run; with a runtime of the team's own, see it through until that has gone idle."""
        embedded = self._agents.start()
        try:
            await self._runtime.send_message(start, self._agents.manager_id, cancellation_token=token)
        finally:
            if embedded:
                try:
                    await self._agents.stop()
                except Exception as exc:
                    self._output.put_nowait(_stop("An exception occurred in the runtime.", exc))
            self._output.wake_reader()
        if embedded:
            # Nobody is at work any more. If that is because the run has ended, its end stands before this.
            self._output.put_nowait(_stop("The group chat is stopped."))

    async def _finish(self, driver: asyncio.Task[None] | None, aborted: CancellationToken | None) -> None:
        """Wait until nobody is at work for the run; end whoever still is if it was aborted or has failed."""
        try:
            if aborted is not None:
                aborted.cancel()
                self._output.discard()
            if driver is not None:
                # Not `await driver`: whoever cancels this wait would cancel the driver too.
                await asyncio.wait([driver])
                if not driver.cancelled():
                    driver.exception()  # the caller was told already, or leaves with another error
            await self._output.settled()
            if aborted is not None and self._termination_condition is not None:
                await self._termination_condition.reset()
        finally:
            self._output.discard()
            self._is_running = False

    async def reset(self) -> None:
        """Bring the participants, in order, and then the manager back to the state after construction.

        Raises:
            RuntimeError: The team is running.
        """
        if self._is_running:
            raise RuntimeError("The group chat is currently running. It must be stopped before it can be reset.")
        self._is_running = True
        try:
            await self._initialize()
            async with self._agents.at_work():
                for agent_id in self._agents.all:
                    await self._runtime.send_message(GroupChatReset(), agent_id)
        finally:
            self._output.discard()
            self._is_running = False

    async def pause(self) -> None:
        """Call `on_pause` of every agent, and `pause` of every inner team, while the run goes on (N-383).

        Raises:
            RuntimeError: The team has never run.
            Exception: What a participant raised.
        """
        await self._tell_all(GroupChatPause(), "paused")

    async def resume(self) -> None:
        """Call `on_resume` of every agent, and `resume` of every inner team.

        Raises:
            RuntimeError: The team has never run.
            Exception: What a participant raised.
        """
        await self._tell_all(GroupChatResume(), "resumed")

    async def _tell_all(self, message: GroupChatPause | GroupChatResume, done: str) -> None:
        if not self._agents.registered:
            raise RuntimeError(f"The group chat has not been initialized. It must be run before it can be {done}.")
        async with self._agents.at_work():
            told = await asyncio.gather(
                *(self._runtime.send_message(message, agent_id) for agent_id in self._agents.all),
                return_exceptions=True,
            )
        for answer in told:
            if isinstance(answer, BaseException):
                raise answer

    async def save_state(self) -> Mapping[str, Any]:
        """Return the state of the participants and the manager by name, as `TeamState`.

        May be called before the first run. In the middle of a run the parts may not fit together.
        """
        await self._initialize()
        states: dict[str, Mapping[str, Any]] = {}
        for name, agent_id in self._agents.by_name:
            states[name] = await self._runtime.agent_save_state(agent_id)
        return TeamState(agent_states=states).model_dump()

    async def load_state(self, state: Mapping[str, Any]) -> None:
        """Replace the state with one that a team of the same participants has saved.

        Raises:
            RuntimeError: The team is running.
            ValueError: A participant's or the manager's state is missing, or is not what such a team saves.
        """
        if self._is_running:
            raise RuntimeError("The team cannot be loaded while it is running.")
        self._is_running = True
        try:
            await self._initialize()
            team_state = TeamState.model_validate(state)
            for name, agent_id in self._agents.by_name:
                if name not in team_state.agent_states:
                    raise ValueError(f"Agent state for {name} not found in the saved state.")
                await self._runtime.agent_load_state(agent_id, team_state.agent_states[name])
        except ValidationError as exc:
            raise ValueError(
                "Invalid state format. The expected state format has changed since v0.4.9. "
                f"Save the state again with a current release. Details: {exc}"
            ) from exc
        finally:
            self._is_running = False

    async def close(self) -> None:
        """Close the participants, inner teams included, and what the team has built from its configuration.

        Each closes what it holds itself, also when another fails to. A model client, a memory or a runtime that the
        caller gave to the team or to its agents belongs to the caller, who may have given it to others too, and stays
        open; so does what a hub shares (`ref:NAME`). The team is not used afterwards.

        Raises:
            RuntimeError: The team is running.
            Exception: What closing a part raised.
        """
        if self._is_running:
            raise RuntimeError("The group chat is currently running. It must be stopped before it can be closed.")
        owned, self._owned = self._owned, []
        await close_all([*self._participants, *owned])

    async def _initialize(self) -> None:
        agents = self._agents
        if agents.registered:
            return
        await agents.register(
            [self._container_factory(participant) for participant in self._participants],
            self._base_group_chat_manager_class,
            self._create_group_chat_manager_factory(
                name=self._group_chat_manager_name,
                group_topic_type=agents.group_topic_type,
                output_topic_type=agents.output_topic_type,
                participant_topic_types=agents.participant_topic_types,
                participant_names=self._participant_names,
                participant_descriptions=self._participant_descriptions,
                output_message_queue=self._output,
                termination_condition=self._termination_condition,
                max_turns=self._max_turns,
                message_factory=self._message_factory,
            ),
        )

    def _common_config(self) -> GroupChatFields:
        """Return what every team's configuration says; for `_to_config` of subclasses."""
        return GroupChatFields(
            name=self._name,
            description=self._description,
            participants=[participant.dump_component() for participant in self._participants],
            termination_condition=self._termination_condition.dump_component() if self._termination_condition else None,
            max_turns=self._max_turns,
        )

    def _container_factory(self, participant: ChatAgent | Team) -> Callable[[], ChatAgentContainer]:
        topic_type = self._agents.group_topic_type
        return lambda: ChatAgentContainer(topic_type, participant, self._message_factory, self._output)


def _in_loop(callback: Callable[[], None]) -> Callable[[], None]:
    """Return a function for any thread that has this loop call `callback`."""
    loop = asyncio.get_running_loop()

    def call() -> None:
        if asyncio._get_running_loop() is loop:
            callback()
        else:
            loop.call_soon_threadsafe(callback)

    return call


def _stop(content: str, error: Exception | None = None) -> GroupChatTermination:
    return GroupChatTermination(
        message=StopMessage(content=content, source="BaseGroupChat"),
        error=None if error is None else SerializableException.from_exception(error),
    )
