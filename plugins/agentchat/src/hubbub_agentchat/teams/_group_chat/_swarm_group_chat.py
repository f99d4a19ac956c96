"""The team whose speakers hand over to each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Self, Unpack

from hubbub_agentchat.base import ChatAgent, TerminationCondition
from hubbub_agentchat.messages import BaseAgentEvent, BaseChatMessage, HandoffMessage
from hubbub_agentchat.state import SwarmManagerState
from hubbub_agentchat.teams._group_chat._base_group_chat import BaseGroupChat
from hubbub_agentchat.teams._group_chat._base_group_chat_manager import BaseGroupChatManager, ManagerArguments
from hubbub_agentchat.teams._group_chat._config import GroupChatConfig, load_options
from hubbub_agentchat.teams._group_chat._participants import load_agents, require_agents
from hubbub_core import AgentRuntime
from hubbub_registry import Component


class SwarmGroupChatManager(BaseGroupChatManager):
    """Selects whom the latest handoff names."""

    _speaker: str | None = None
    # Kept beside the thread, so that a long conversation is not searched in every turn.
    _handed_to: str | None = None

    @property
    def _current_speaker(self) -> str:
        return self._speaker or self._participant_names[0]

    async def validate_group_state(self, messages: list[BaseChatMessage] | None) -> None:
        """Refuse to start where the latest handoff leads out of the team.

        Raises:
            ValueError: The task's latest handoff, or without one the thread's, has a target that is no participant.
        """
        target = _latest_target(messages or ())
        if target is not None:
            if target not in self._participant_names:
                raise ValueError(
                    f"The target {target} is not one of the participants {self._participant_names}. "
                    "If you are resuming Swarm with a new HandoffMessage make sure to set the target to a valid "
                    "participant as the target."
                )
        elif self._handed_to is not None and self._handed_to not in self._participant_names:
            raise ValueError(
                f"The existing handoff target {self._handed_to} is not one of the participants "
                f"{self._participant_names}. If you are resuming Swarm with a new task make sure to include in your "
                "task a HandoffMessage with a valid participant as the target."
            )

    async def update_message_thread(self, messages: Sequence[BaseAgentEvent | BaseChatMessage]) -> None:
        """Add to the thread and take note of the latest handoff."""
        await super().update_message_thread(messages)
        self._handed_to = _latest_target(messages) or self._handed_to

    async def select_speaker(self, thread: Sequence[BaseAgentEvent | BaseChatMessage]) -> str:
        if self._handed_to is None:
            return self._current_speaker
        if self._handed_to in self._participant_names:
            self._speaker = self._handed_to
        return self._handed_to

    async def reset(self) -> None:
        await self._reset_base()
        self._speaker = None
        self._handed_to = None

    async def save_state(self) -> Mapping[str, Any]:
        state = SwarmManagerState(
            **self._dump_base(),
            current_speaker=self._current_speaker,
        )
        return state.model_dump()

    async def load_state(self, state: Mapping[str, Any]) -> None:
        loaded = SwarmManagerState.model_validate(state)
        self._load_base(loaded)
        self._speaker = loaded.current_speaker or None
        self._handed_to = _latest_target(self._message_thread)


def _latest_target(messages: Sequence[BaseAgentEvent | BaseChatMessage]) -> str | None:
    for message in reversed(messages):
        # One without a target only brings a conversation along.
        if isinstance(message, HandoffMessage) and message.target:
            return message.target
    return None


class SwarmConfig(GroupChatConfig):
    """Configuration of `Swarm`."""

    emit_team_events: bool = False


class Swarm(BaseGroupChat, Component[SwarmConfig]):
    """A group chat team that selects the next speaker based on handoff message only.

    The first participant begins. Who speaks goes on speaking until it hands over. A handoff to somebody outside the
    team is for a condition (`HandoffTermination`) that ends the run; go on with a `HandoffMessage` to a participant as
    the task.

    Args:
        participants: Chat agents; the first one has to be able to hand over.
        name: The team's name.
        description: What the team does.
        termination_condition: When a run ends; without one, and without `max_turns`, it goes on for ever.
        max_turns: How many turns a run has at most.
        runtime: Where the team's agents live; the caller starts and stops it.
        custom_message_types: Message and event classes, besides the built-in ones, that participants exchange.
        emit_team_events: Whether selected speakers are put out as `SelectSpeakerEvent`.

    Raises:
        ValueError: There are no participants, two have one name, or the first produces no `HandoffMessage`.
        TypeError: A participant is a team.
    """

    component_config_schema = SwarmConfig
    component_provider_override = "hubbub_agentchat.teams.Swarm"

    DEFAULT_NAME: ClassVar[str] = "Swarm"
    DEFAULT_DESCRIPTION: ClassVar[str] = "A team of agents."

    def __init__(
        self,
        participants: Sequence[ChatAgent],
        *,
        name: str | None = None,
        description: str | None = None,
        termination_condition: TerminationCondition | None = None,
        max_turns: int | None = None,
        runtime: AgentRuntime | None = None,
        custom_message_types: list[type[BaseAgentEvent | BaseChatMessage]] | None = None,
        emit_team_events: bool = False,
    ) -> None:
        require_agents(participants)
        super().__init__(
            name=name or self.DEFAULT_NAME,
            description=description or self.DEFAULT_DESCRIPTION,
            participants=list(participants),
            group_chat_manager_name="SwarmGroupChatManager",
            group_chat_manager_class=SwarmGroupChatManager,
            termination_condition=termination_condition,
            max_turns=max_turns,
            runtime=runtime,
            custom_message_types=custom_message_types,
            emit_team_events=emit_team_events,
        )
        first = participants[0]
        if HandoffMessage not in first.produced_message_types:
            raise ValueError(
                "The first participant must be able to produce a handoff messages. "
                f"{first.name!r} does not list HandoffMessage in its produced_message_types."
            )

    def _create_group_chat_manager_factory(
        self, **arguments: Unpack[ManagerArguments]
    ) -> Callable[[], SwarmGroupChatManager]:
        return lambda: SwarmGroupChatManager(**arguments, emit_team_events=self._emit_team_events)

    def _to_config(self) -> SwarmConfig:
        return SwarmConfig(**self._common_config(), emit_team_events=self._emit_team_events)

    @classmethod
    def _from_config(cls, config: SwarmConfig) -> Self:
        participants = load_agents(config.participants)
        return cls(participants, **load_options(config), emit_team_events=config.emit_team_events)
