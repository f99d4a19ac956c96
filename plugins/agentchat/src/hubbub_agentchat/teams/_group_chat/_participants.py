"""What a team asks of its participants, and participants from configurations."""

from __future__ import annotations

from collections.abc import Sequence

from hubbub_agentchat.base import ChatAgent, Team
from hubbub_agentchat.messages import BaseAgentEvent, BaseChatMessage, MessageFactory, StructuredMessage
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


def load_agents(models: Sequence[ComponentModel]) -> list[ChatAgent]:
    """Build participants as `load_participants` does, for kinds of teams that cannot have teams inside.

    Raises:
        TypeError: A component is neither a chat agent nor an agent of another framework.
    """
    participants = load_participants(models)
    require_agents(participants)
    return [participant for participant in participants if isinstance(participant, ChatAgent)]


def make_message_factory(
    participants: Sequence[ChatAgent | Team],
    custom_message_types: Sequence[type[BaseAgentEvent | BaseChatMessage]] | None,
) -> MessageFactory:
    """Return a factory that knows the custom types, and the structured messages that participants produce."""
    factory = MessageFactory()
    for message_type in custom_message_types or ():
        factory.register(message_type)
    for participant in participants:
        produced: Sequence[type[BaseAgentEvent | BaseChatMessage]] = ()
        if isinstance(participant, ChatAgent):
            produced = [found for found in participant.produced_message_types if issubclass(found, StructuredMessage)]
        elif isinstance(factory_of_team := getattr(participant, "message_factory", None), MessageFactory):
            produced = factory_of_team.registered_types
        for message_type in produced:
            if not factory.is_registered(message_type):
                factory.register(message_type)
    return factory
