"""The base of what runs a group chat: decides when it ends and has a subclass decide who speaks."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypedDict

from hubbub_agentchat._cancel_scope import CancelScope, was_cancelled
from hubbub_agentchat.base import TerminatedException, TerminationCondition
from hubbub_agentchat.messages import (
    BaseAgentEvent,
    BaseChatMessage,
    MessageFactory,
    SelectSpeakerEvent,
    StopMessage,
)
from hubbub_agentchat.state import BaseGroupChatManagerState
from hubbub_agentchat.teams._group_chat._events import (
    GroupChatAgentResponse,
    GroupChatError,
    GroupChatPause,
    GroupChatRequestPublish,
    GroupChatReset,
    GroupChatResume,
    GroupChatStart,
    GroupChatTeamResponse,
    GroupChatTermination,
    SerializableException,
)
from hubbub_agentchat.teams._group_chat._output import OutputItem, OutputQueue
from hubbub_agentchat.teams._group_chat._sequential_routed_agent import SequentialRoutedAgent
from hubbub_core import CancellationToken, MessageContext, TopicId, event, rpc
from hubbub_core.models import RequestUsage

_YOUR_TURN: Final = GroupChatRequestPublish()


class ManagerArguments(TypedDict):
    """What a team makes its manager with; `BaseGroupChatManager` says what each is."""

    name: str
    group_topic_type: str
    output_topic_type: str
    participant_topic_types: list[str]
    participant_names: list[str]
    participant_descriptions: list[str]
    output_message_queue: asyncio.Queue[OutputItem]
    termination_condition: TerminationCondition | None
    max_turns: int | None
    message_factory: MessageFactory


class _CommonState(TypedDict):
    message_thread: list[Mapping[str, Any]]
    current_turn: int


class BaseGroupChatManager(SequentialRoutedAgent, ABC):
    """Base class for a group chat manager that manages a group chat with multiple participants.

    A subclass implements `validate_group_state`, `select_speaker` and `reset`, and `save_state` and `load_state`.

    Args:
        name: Source of the manager's own messages.
        group_topic_type: Topic of the group.
        output_topic_type: Topic of the output, for managers that publish to it.
        participant_topic_types: Topic of each participant.
        participant_names: Names, in the same order.
        participant_descriptions: Descriptions, in the same order.
        output_message_queue: Where messages go as they arise.
        termination_condition: When a run ends.
        max_turns: How many turns a run has at most.
        message_factory: The messages that the team knows.
        emit_team_events: Whether selected speakers are put out as events.

    Raises:
        ValueError: Names are not unique, lists differ in length, or `max_turns` is not positive.
    """

    def __init__(
        self,
        name: str,
        group_topic_type: str,
        output_topic_type: str,
        participant_topic_types: list[str],
        participant_names: list[str],
        participant_descriptions: list[str],
        output_message_queue: asyncio.Queue[OutputItem],
        termination_condition: TerminationCondition | None,
        max_turns: int | None,
        message_factory: MessageFactory,
        emit_team_events: bool = False,
    ) -> None:
        super().__init__(
            description="Group chat manager",
            sequential_message_types=[GroupChatStart, GroupChatAgentResponse, GroupChatTeamResponse, GroupChatReset],
        )
        if max_turns is not None and max_turns <= 0:
            raise ValueError("The maximum number of turns must be greater than 0.")
        if not len(participant_topic_types) == len(participant_names) == len(participant_descriptions):
            raise ValueError("The number of participant topic types, names and descriptions must be the same.")
        if len(set(participant_topic_types)) != len(participant_topic_types):
            raise ValueError("The participant topic types must be unique.")
        if group_topic_type in participant_topic_types:
            raise ValueError("The group topic type must not be in the participant topic types.")
        self._name = name
        self._group_topic_type = group_topic_type
        self._output_topic_type = output_topic_type
        self._participant_names = participant_names
        self._participant_descriptions = participant_descriptions
        self._participant_name_to_topic_type = dict(zip(participant_names, participant_topic_types, strict=True))
        self._output_message_queue = output_message_queue
        self._termination_condition = termination_condition
        self._max_turns = max_turns
        self._message_factory = message_factory
        self._emit_team_events = emit_team_events
        self._message_thread: list[BaseAgentEvent | BaseChatMessage] = []
        self._current_turn = 0
        # Answers are published without the token of the run that they belong to, so the manager keeps it.
        self._run_token = CancellationToken()
        self._active_speakers: list[str] = []
        self._has_ended = False
        # What the speakers of a round have brought; a condition is asked once per round, about all of it (N-376).
        self._round: list[BaseAgentEvent | BaseChatMessage] = []

    async def on_message_impl(self, message: Any, ctx: MessageContext) -> Any | None:
        queue = self._output_message_queue
        if not isinstance(queue, OutputQueue):
            return await super().on_message_impl(message, ctx)
        with queue.at_work:
            return await super().on_message_impl(message, ctx)

    @rpc
    async def handle_start(self, message: GroupChatStart, ctx: MessageContext) -> None:
        """Begin a run: put out the task, ask the condition about it, have the first speakers speak."""
        token = self._run_token = ctx.cancellation_token
        self._active_speakers.clear()
        self._round.clear()
        self._current_turn = 0
        self._has_ended = False
        if self._termination_condition is not None and self._termination_condition.terminated:
            await self._end(StopMessage(content="The group chat has already terminated.", source=self._name))
            return
        with CancelScope(token):
            await self.validate_group_state(message.messages)
        try:
            with CancelScope(token):
                await self._begin(message, token)
        except (Exception, TerminatedException, asyncio.CancelledError) as exc:
            if was_cancelled(exc, token):
                raise
            await self._end_with_error(SerializableException.from_exception(exc))

    async def _begin(self, start: GroupChatStart, cancellation_token: CancellationToken) -> None:
        if start.messages is not None:
            if start.output_task_messages:
                self._put_out(start.messages)
            await self.publish_message(
                GroupChatStart(messages=start.messages), TopicId(self._group_topic_type, self.id.key)
            )
            self._note_received(start.messages)
            await self.update_message_thread(start.messages)
            if await self._apply_termination_condition(start.messages):
                return
        await self._transition_to_next_speakers(cancellation_token)

    def _note_received(self, task: Sequence[BaseChatMessage]) -> None:
        if isinstance(self._output_message_queue, OutputQueue):
            self._output_message_queue.received = frozenset(message.id for message in task)

    @event
    async def handle_agent_response(self, message: GroupChatAgentResponse, ctx: MessageContext) -> None:
        """Take a participant's answer."""
        response = message.response
        await self._take([*(response.inner_messages or ()), response.chat_message], message.name)

    @event
    async def handle_team_response(self, message: GroupChatTeamResponse, ctx: MessageContext) -> None:
        """Take the result of an inner team."""
        await self._take(list(message.result.messages), message.name)

    async def _take(self, delta: list[BaseAgentEvent | BaseChatMessage], speaker: str) -> None:
        token = self._run_token
        if speaker not in self._active_speakers or token.is_cancelled():
            # Said when the run had been aborted, or another speaker of the round had failed. The others have read it
            # too, and the next run goes on from there.
            if speaker in self._active_speakers:
                self._active_speakers.remove(speaker)
            if speaker in self._participant_name_to_topic_type:
                await self.update_message_thread(delta)
            return
        try:
            with CancelScope(token):
                await self.update_message_thread(delta)
                self._round.extend(delta)
                self._active_speakers.remove(speaker)
                if self._active_speakers:
                    return
                finished, self._round = self._round, []
                if await self._apply_termination_condition(finished, increment_turn_count=True):
                    return
                await self._transition_to_next_speakers(token)
        except (Exception, TerminatedException, asyncio.CancelledError) as exc:
            if was_cancelled(exc, token):
                raise
            await self._end_with_error(SerializableException.from_exception(exc))

    @event
    async def handle_error(self, message: GroupChatError, ctx: MessageContext) -> None:
        """End the run with a participant's error."""
        if not self._run_token.is_cancelled():
            await self._end_with_error(message.error)

    @rpc
    async def handle_reset(self, message: GroupChatReset, ctx: MessageContext) -> None:
        """Bring the manager back to the state after construction."""
        await self.reset()

    @rpc
    async def handle_pause(self, message: GroupChatPause, ctx: MessageContext) -> None:
        """Do nothing: a pause is up to the participants."""

    @rpc
    async def handle_resume(self, message: GroupChatResume, ctx: MessageContext) -> None:
        """Do nothing: a pause is up to the participants."""

    async def update_message_thread(self, messages: Sequence[BaseAgentEvent | BaseChatMessage]) -> None:
        """Add messages and events to the thread. Override it to keep another view of the conversation as well."""
        self._message_thread.extend(messages)

    @abstractmethod
    async def validate_group_state(self, messages: list[BaseChatMessage] | None) -> None:
        """Raise an error, for the caller of the run, when the group cannot take these messages as its task."""

    @abstractmethod
    async def select_speaker(self, thread: Sequence[BaseAgentEvent | BaseChatMessage]) -> list[str] | str:
        """Return the name of the next speaker, or the names of those who speak at the same time.

        Args:
            thread: All messages and events so far: the manager's own list, not a copy. It is not to be changed.
        """

    @abstractmethod
    async def reset(self) -> None:
        """Go back to the state after construction."""

    async def _reset_base(self) -> None:
        """Reset what this class keeps; for `reset` of subclasses."""
        self._message_thread.clear()
        self._active_speakers.clear()
        self._round.clear()
        self._current_turn = 0
        if self._termination_condition is not None:
            await self._termination_condition.reset()

    def _put_out(self, messages: Sequence[BaseAgentEvent | BaseChatMessage]) -> None:
        for message in messages:
            self._output_message_queue.put_nowait(message)

    def _count_usage(self, usage: RequestUsage) -> None:
        """Count a model call of the manager that no message reports, for the result of the run."""
        if isinstance(self._output_message_queue, OutputQueue):
            self._output_message_queue.usage.add(self._name, usage)

    def _dump_base(self) -> _CommonState:
        """Return what this class keeps, as data; for `save_state` of subclasses."""
        thread = [message.dump() for message in self._message_thread]
        return _CommonState(message_thread=thread, current_turn=self._current_turn)

    def _load_base(self, state: BaseGroupChatManagerState) -> None:
        """Replace what this class keeps; for `load_state` of subclasses."""
        self._message_thread = [self._message_factory.create(data) for data in state.message_thread]
        self._current_turn = state.current_turn

    def _roles(self) -> str:
        """Return a line on each participant, for prompts: its name and description."""
        lines = zip(self._participant_names, self._participant_descriptions, strict=True)
        return "\n".join(" ".join(f"{name}: {description}".split()) for name, description in lines)

    async def _transition_to_next_speakers(self, cancellation_token: CancellationToken) -> None:
        selected = await self.select_speaker(self._message_thread)
        speakers = [selected] if isinstance(selected, str) else list(selected)
        if not speakers and not self._has_ended:
            self._check_idling_ends()
        await self._request(speakers, cancellation_token)

    def _check_idling_ends(self) -> None:
        queue = self._output_message_queue
        if isinstance(queue, OutputQueue) and queue.ends_when_idle:
            return  # then the run ends with the documented stop reason (N-178)
        # The caller's runtime may be at work for others: nothing would ever tell that this run is over.
        raise RuntimeError(
            f"{type(self).__name__} selected nobody to speak. Have select_speaker return a participant "
            f"(one of {self._participant_names}), and end runs by a termination condition or max_turns."
        )

    async def _request(self, speakers: list[str], cancellation_token: CancellationToken) -> None:
        """Have participants speak."""
        for speaker in speakers:
            if speaker not in self._participant_name_to_topic_type:
                raise RuntimeError(f"Speaker {speaker} not found in participant names {self._participant_names}.")
        if self._emit_team_events and speakers:
            self._put_out([SelectSpeakerEvent(content=speakers, source=self._name)])
        self._active_speakers.extend(speakers)
        for speaker in speakers:
            await self.publish_message(
                _YOUR_TURN,
                TopicId(self._participant_name_to_topic_type[speaker], self.id.key),
                cancellation_token=cancellation_token,
            )

    async def _apply_termination_condition(
        self, delta: Sequence[BaseAgentEvent | BaseChatMessage], increment_turn_count: bool = False
    ) -> bool:
        """Ask whether the run ends after these messages, and end it if so."""
        if self._termination_condition is not None:
            stop = await self._termination_condition(delta)
            if stop is not None:
                await self._end(stop)
                return True
        if increment_turn_count:
            self._current_turn += 1
        if self._max_turns is not None and self._current_turn >= self._max_turns:
            await self._end(
                StopMessage(content=f"Maximum number of turns {self._max_turns} reached.", source=self._name)
            )
            return True
        return False

    async def _end(self, stop: StopMessage, error: SerializableException | None = None) -> None:
        self._has_ended = True
        # Whatever ends a run, the next one starts with a fresh condition and turn count (N-180).
        self._current_turn = 0
        self._active_speakers.clear()
        self._round.clear()
        if self._termination_condition is not None:
            await self._termination_condition.reset()
        self._output_message_queue.put_nowait(GroupChatTermination(message=stop, error=error))

    async def _end_with_error(self, error: SerializableException) -> None:
        await self._end(StopMessage(content="An error occurred in the group chat.", source=self._name), error)
