"""The team whose speakers a model, or a function, selects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Final, Self, Unpack

from hubbub_agentchat._ownership import built_from
from hubbub_agentchat.base import ChatAgent, Team, TerminationCondition
from hubbub_agentchat.messages import BaseAgentEvent, BaseChatMessage
from hubbub_agentchat.teams._group_chat._base_group_chat import BaseGroupChat
from hubbub_agentchat.teams._group_chat._base_group_chat_manager import ManagerArguments
from hubbub_agentchat.teams._group_chat._config import ModelLedGroupChatConfig, load_options
from hubbub_agentchat.teams._group_chat._participants import load_participants
from hubbub_agentchat.teams._group_chat._selector_manager import (
    CandidateFunc,
    SelectorFunc,
    SelectorGroupChatManager,
)
from hubbub_core import AgentRuntime
from hubbub_core.model_context import ChatCompletionContext, UnboundedChatCompletionContext
from hubbub_core.models import ChatCompletionClient
from hubbub_registry import Component, ComponentModel

DEFAULT_SELECTOR_PROMPT: Final = """You are in a role play game. The following roles are available:
{roles}.
Read the following conversation. Then select the next role from {participants} to play. Only return the role.

{history}

Read the above conversation. Then select the next role from {participants} to play. Only return the role.
"""


class SelectorGroupChatConfig(ModelLedGroupChatConfig):
    """Configuration of `SelectorGroupChat`."""

    selector_prompt: str = DEFAULT_SELECTOR_PROMPT
    allow_repeated_speaker: bool = False
    max_selector_attempts: int = 3
    emit_team_events: bool = False
    model_client_streaming: bool = False
    model_context: ComponentModel | None = None


class SelectorGroupChat(BaseGroupChat, Component[SelectorGroupChatConfig]):
    """A group chat team that have participants takes turn to publish a message
    to all, using a ChatCompletion model to select the next speaker after each message.

    Args:
        participants: At least two agents and teams.
        model_client: Selects the speakers.
        name: The team's name.
        description: What the team does.
        termination_condition: When a run ends; without one, and without `max_turns`, it goes on for ever.
        max_turns: How many turns a run has at most.
        runtime: Where the team's agents live; the caller starts and stops it.
        selector_prompt: Template with `{roles}`, `{participants}` and `{history}`.
        allow_repeated_speaker: Whether the previous speaker is a candidate.
        max_selector_attempts: How often the model is asked before the previous speaker, else the first, is taken.
        selector_func: Asked first; None leaves it to the model. Not part of a configuration.
        candidate_func: Whom the model may select from, previous speaker or not. Not part of a configuration.
        custom_message_types: Message and event classes, besides the built-in ones, that participants exchange.
        emit_team_events: Whether selected speakers are put out as events.
        model_client_streaming: Whether the model's selection is streamed; put out with `emit_team_events`.
        model_context: What of the conversation the model sees; unbounded by default.

    Raises:
        ValueError: There are fewer than two participants, two have one name, or the prompt is no such template.
    """

    component_config_schema = SelectorGroupChatConfig
    component_provider_override = "hubbub_agentchat.teams.SelectorGroupChat"

    DEFAULT_NAME: ClassVar[str] = "SelectorGroupChat"
    DEFAULT_DESCRIPTION: ClassVar[str] = "A team of agents."

    def __init__(
        self,
        participants: Sequence[ChatAgent | Team],
        model_client: ChatCompletionClient,
        *,
        name: str | None = None,
        description: str | None = None,
        termination_condition: TerminationCondition | None = None,
        max_turns: int | None = None,
        runtime: AgentRuntime | None = None,
        selector_prompt: str = DEFAULT_SELECTOR_PROMPT,
        allow_repeated_speaker: bool = False,
        max_selector_attempts: int = 3,
        selector_func: SelectorFunc | None = None,
        candidate_func: CandidateFunc | None = None,
        custom_message_types: list[type[BaseAgentEvent | BaseChatMessage]] | None = None,
        emit_team_events: bool = False,
        model_client_streaming: bool = False,
        model_context: ChatCompletionContext | None = None,
    ) -> None:
        super().__init__(
            name=name or self.DEFAULT_NAME,
            description=description or self.DEFAULT_DESCRIPTION,
            participants=list(participants),
            group_chat_manager_name="SelectorGroupChatManager",
            group_chat_manager_class=SelectorGroupChatManager,
            termination_condition=termination_condition,
            max_turns=max_turns,
            runtime=runtime,
            custom_message_types=custom_message_types,
            emit_team_events=emit_team_events,
        )
        if len(participants) < 2:
            raise ValueError("At least two participants are required for SelectorGroupChat.")
        try:
            selector_prompt.format(roles="", participants="", history="")
        except (KeyError, IndexError, ValueError) as exc:
            raise ValueError(
                f"The selector prompt is no template with {{roles}}, {{participants}} and {{history}}: {exc!r}"
            ) from exc
        self._model_client = model_client
        self._selector_prompt = selector_prompt
        self._allow_repeated_speaker = allow_repeated_speaker
        self._max_selector_attempts = max_selector_attempts
        self._selector_func = selector_func
        self._candidate_func = candidate_func
        self._model_client_streaming = model_client_streaming
        self._model_context = model_context

    def _create_group_chat_manager_factory(
        self, **arguments: Unpack[ManagerArguments]
    ) -> Callable[[], SelectorGroupChatManager]:
        return lambda: SelectorGroupChatManager(
            **arguments,
            model_client=self._model_client,
            selector_prompt=self._selector_prompt,
            allow_repeated_speaker=self._allow_repeated_speaker,
            selector_func=self._selector_func,
            max_selector_attempts=self._max_selector_attempts,
            candidate_func=self._candidate_func,
            emit_team_events=self._emit_team_events,
            model_context=self._model_context or UnboundedChatCompletionContext(),
            model_client_streaming=self._model_client_streaming,
        )

    def _to_config(self) -> SelectorGroupChatConfig:
        return SelectorGroupChatConfig(
            **self._common_config(),
            model_client=self._model_client.dump_component(),
            selector_prompt=self._selector_prompt,
            allow_repeated_speaker=self._allow_repeated_speaker,
            max_selector_attempts=self._max_selector_attempts,
            emit_team_events=self._emit_team_events,
            model_client_streaming=self._model_client_streaming,
            model_context=self._model_context.dump_component() if self._model_context else None,
        )

    @classmethod
    def _from_config(cls, config: SelectorGroupChatConfig) -> Self:
        model_client = ChatCompletionClient.load_component(config.model_client)
        team = cls(
            load_participants(config.participants),
            model_client,
            **load_options(config),
            selector_prompt=config.selector_prompt,
            allow_repeated_speaker=config.allow_repeated_speaker,
            max_selector_attempts=config.max_selector_attempts,
            emit_team_events=config.emit_team_events,
            model_client_streaming=config.model_client_streaming,
            model_context=ChatCompletionContext.load_component(config.model_context) if config.model_context else None,
        )
        team._owned = built_from((config.model_client, model_client))
        return team
