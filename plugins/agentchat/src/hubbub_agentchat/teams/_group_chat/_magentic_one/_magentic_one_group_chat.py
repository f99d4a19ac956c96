"""The team that a planning model leads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Self, Unpack

from hubbub_agentchat._ownership import built_from
from hubbub_agentchat.base import ChatAgent, TerminationCondition
from hubbub_agentchat.messages import BaseAgentEvent, BaseChatMessage
from hubbub_agentchat.teams._group_chat._base_group_chat import BaseGroupChat
from hubbub_agentchat.teams._group_chat._base_group_chat_manager import ManagerArguments
from hubbub_agentchat.teams._group_chat._config import ModelLedGroupChatConfig, load_options
from hubbub_agentchat.teams._group_chat._magentic_one._magentic_one_orchestrator import MagenticOneOrchestrator
from hubbub_agentchat.teams._group_chat._magentic_one._prompts import ORCHESTRATOR_FINAL_ANSWER_PROMPT
from hubbub_agentchat.teams._group_chat._participants import load_agents, require_agents
from hubbub_core import AgentRuntime
from hubbub_core.models import ChatCompletionClient
from hubbub_registry import Component


class MagenticOneGroupChatConfig(ModelLedGroupChatConfig):
    """Configuration of `MagenticOneGroupChat`."""

    max_stalls: int
    final_answer_prompt: str
    emit_team_events: bool = False


class MagenticOneGroupChat(BaseGroupChat, Component[MagenticOneGroupChatConfig]):
    """A team that runs a group chat with participants managed by the MagenticOneOrchestrator.

    The orchestrator surveys the facts, makes a plan, tells one participant after the other what to do, and judges
    after each answer whether the request is satisfied, whether there is progress, and who is next. When the work
    stalls it plans anew, and everybody starts afresh. In the end it writes the final answer. This is the architecture
    of Magentic-One (Fourney et al. 2024, arXiv:2411.04468).

    A run without a task goes on with the last one, also from a saved state. The condition is asked after each
    participant's answer, about that answer alone.

    Args:
        participants: Chat agents.
        model_client: Plans, judges and writes the final answer.
        name: The team's name.
        description: What the team does.
        termination_condition: When a run ends besides by the orchestrator's judgement.
        max_turns: The final answer is asked for when more rounds than this are finished; None for no limit.
        runtime: Where the team's agents live; the caller starts and stops it.
        max_stalls: At how many stalled rounds, those with progress taken off again, the orchestrator plans anew.
        final_answer_prompt: How the final answer is asked for; `{task}` in it stands for the task.
        custom_message_types: Message and event classes, besides the built-in ones, that participants exchange.
        emit_team_events: Whether selected speakers are put out as `SelectSpeakerEvent`.

    Raises:
        ValueError: There are no participants, or two have one name. Within a run, as cause of its error: the model
            gave no progress ledger, or one with an unknown next speaker.
        TypeError: A participant is a team.
    """

    component_config_schema = MagenticOneGroupChatConfig
    component_provider_override = "hubbub_agentchat.teams.MagenticOneGroupChat"

    DEFAULT_NAME: ClassVar[str] = "MagenticOneGroupChat"
    DEFAULT_DESCRIPTION: ClassVar[str] = "A team of agents."

    def __init__(
        self,
        participants: Sequence[ChatAgent],
        model_client: ChatCompletionClient,
        *,
        name: str | None = None,
        description: str | None = None,
        termination_condition: TerminationCondition | None = None,
        max_turns: int | None = 20,
        runtime: AgentRuntime | None = None,
        max_stalls: int = 3,
        final_answer_prompt: str = ORCHESTRATOR_FINAL_ANSWER_PROMPT,
        custom_message_types: list[type[BaseAgentEvent | BaseChatMessage]] | None = None,
        emit_team_events: bool = False,
    ) -> None:
        require_agents(participants)
        super().__init__(
            name=name or self.DEFAULT_NAME,
            description=description or self.DEFAULT_DESCRIPTION,
            participants=list(participants),
            group_chat_manager_name="MagenticOneOrchestrator",
            group_chat_manager_class=MagenticOneOrchestrator,
            termination_condition=termination_condition,
            max_turns=max_turns,
            runtime=runtime,
            custom_message_types=custom_message_types,
            emit_team_events=emit_team_events,
        )
        self._model_client = model_client
        self._max_stalls = max_stalls
        self._final_answer_prompt = final_answer_prompt

    def _create_group_chat_manager_factory(
        self, **arguments: Unpack[ManagerArguments]
    ) -> Callable[[], MagenticOneOrchestrator]:
        return lambda: MagenticOneOrchestrator(
            **arguments,
            model_client=self._model_client,
            max_stalls=self._max_stalls,
            final_answer_prompt=self._final_answer_prompt,
            emit_team_events=self._emit_team_events,
        )

    def _to_config(self) -> MagenticOneGroupChatConfig:
        return MagenticOneGroupChatConfig(
            **self._common_config(),
            model_client=self._model_client.dump_component(),
            max_stalls=self._max_stalls,
            final_answer_prompt=self._final_answer_prompt,
            emit_team_events=self._emit_team_events,
        )

    @classmethod
    def _from_config(cls, config: MagenticOneGroupChatConfig) -> Self:
        model_client = ChatCompletionClient.load_component(config.model_client)
        team = cls(
            load_agents(config.participants),
            model_client,
            **load_options(config),
            max_stalls=config.max_stalls,
            final_answer_prompt=config.final_answer_prompt,
            emit_team_events=config.emit_team_events,
        )
        team._owned = built_from((config.model_client, model_client))
        return team
