"""The team whose participants speak in turn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Self, Unpack

from hubbub_agentchat.base import ChatAgent, Team, TerminationCondition
from hubbub_agentchat.messages import BaseAgentEvent, BaseChatMessage
from hubbub_agentchat.state import RoundRobinManagerState
from hubbub_agentchat.teams._group_chat._base_group_chat import BaseGroupChat
from hubbub_agentchat.teams._group_chat._base_group_chat_manager import BaseGroupChatManager, ManagerArguments
from hubbub_agentchat.teams._group_chat._config import GroupChatConfig, load_options
from hubbub_agentchat.teams._group_chat._participants import load_participants
from hubbub_core import AgentRuntime
from hubbub_registry import Component


class RoundRobinGroupChatManager(BaseGroupChatManager):
    """Selects the participants in their order, again and again."""

    _next_speaker_index: int = 0

    async def validate_group_state(self, messages: list[BaseChatMessage] | None) -> None:
        """Accept any task."""

    async def reset(self) -> None:
        await self._reset_base()
        self._next_speaker_index = 0

    async def select_speaker(self, thread: Sequence[BaseAgentEvent | BaseChatMessage]) -> str:
        speaker = self._participant_names[self._next_speaker_index]
        self._next_speaker_index = (self._next_speaker_index + 1) % len(self._participant_names)
        return speaker

    async def save_state(self) -> Mapping[str, Any]:
        state = RoundRobinManagerState(
            **self._dump_base(),
            next_speaker_index=self._next_speaker_index,
        )
        return state.model_dump()

    async def load_state(self, state: Mapping[str, Any]) -> None:
        loaded = RoundRobinManagerState.model_validate(state)
        self._load_base(loaded)
        self._next_speaker_index = loaded.next_speaker_index % len(self._participant_names)


class RoundRobinGroupChatConfig(GroupChatConfig):
    """Configuration of `RoundRobinGroupChat`."""

    emit_team_events: bool = False


class RoundRobinGroupChat(BaseGroupChat, Component[RoundRobinGroupChatConfig]):
    """A team that runs a group chat with participants taking turns in a round-robin fashion
    to publish a message to all.

    Running again without a task goes on with the next speaker. A single participant speaks in every turn.

    Args:
        participants: Agents and teams, in the order in which they speak.
        name: The team's name.
        description: What the team does.
        termination_condition: When a run ends; without one, and without `max_turns`, it goes on for ever.
        max_turns: How many turns a run has at most.
        runtime: Where the team's agents live; the caller starts and stops it.
        custom_message_types: Message and event classes, besides the built-in ones, that participants exchange.
        emit_team_events: Whether selected speakers are put out as `SelectSpeakerEvent`.

    Raises:
        ValueError: There are no participants, or two have one name.
    """

    component_config_schema = RoundRobinGroupChatConfig
    component_provider_override = "hubbub_agentchat.teams.RoundRobinGroupChat"

    DEFAULT_NAME: ClassVar[str] = "RoundRobinGroupChat"
    DEFAULT_DESCRIPTION: ClassVar[str] = "A team of agents."

    def __init__(
        self,
        participants: Sequence[ChatAgent | Team],
        *,
        name: str | None = None,
        description: str | None = None,
        termination_condition: TerminationCondition | None = None,
        max_turns: int | None = None,
        runtime: AgentRuntime | None = None,
        custom_message_types: list[type[BaseAgentEvent | BaseChatMessage]] | None = None,
        emit_team_events: bool = False,
    ) -> None:
        super().__init__(
            name=name or self.DEFAULT_NAME,
            description=description or self.DEFAULT_DESCRIPTION,
            participants=list(participants),
            group_chat_manager_name="RoundRobinGroupChatManager",
            group_chat_manager_class=RoundRobinGroupChatManager,
            termination_condition=termination_condition,
            max_turns=max_turns,
            runtime=runtime,
            custom_message_types=custom_message_types,
            emit_team_events=emit_team_events,
        )

    def _create_group_chat_manager_factory(
        self, **arguments: Unpack[ManagerArguments]
    ) -> Callable[[], RoundRobinGroupChatManager]:
        return lambda: RoundRobinGroupChatManager(**arguments, emit_team_events=self._emit_team_events)

    def _to_config(self) -> RoundRobinGroupChatConfig:
        return RoundRobinGroupChatConfig(**self._common_config(), emit_team_events=self._emit_team_events)

    @classmethod
    def _from_config(cls, config: RoundRobinGroupChatConfig) -> Self:
        participants = load_participants(config.participants)
        return cls(participants, **load_options(config), emit_team_events=config.emit_team_events)
