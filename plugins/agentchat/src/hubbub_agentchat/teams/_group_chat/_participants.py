"""Participants from configurations."""

from __future__ import annotations

from collections.abc import Sequence

from hubbub_agentchat.base import ChatAgent, Team
from hubbub_registry import ComponentLoader, ComponentModel


def load_participants(models: Sequence[ComponentModel]) -> list[ChatAgent | Team]:
    """Build participants: chat agents, teams, and agents of any framework, which become chat agents.

    Raises:
        TypeError: A component is none of these.
    """
    participants: list[ChatAgent | Team] = []
    for model in models:
        loaded: object = ComponentLoader.load_component(model, expected=object)
        if not isinstance(loaded, (ChatAgent, Team)):
            from hubbub_agentchat.exchange import AdaptedChatAgent

            loaded = AdaptedChatAgent.from_component(loaded, model)
        participants.append(loaded)
    return participants


def require_agents(participants: Sequence[ChatAgent | Team]) -> None:
    """Refuse teams, for kinds of teams that cannot have them inside.

    Raises:
        TypeError: A participant is not a chat agent.
    """
    for participant in participants:
        if not isinstance(participant, ChatAgent):
            raise TypeError(f"Participant {participant} must be a ChatAgent.")
