"""What the configurations of all teams have in common."""

from __future__ import annotations

from typing import TypedDict

from pydantic import BaseModel

from hubbub_agentchat.base import TerminationCondition
from hubbub_registry import ComponentModel


class _ParticipantsConfig(BaseModel):
    name: str | None = None
    description: str | None = None
    participants: list[ComponentModel]


class GroupChatConfig(_ParticipantsConfig):
    """Base of the configurations of teams."""

    termination_condition: ComponentModel | None = None
    max_turns: int | None = None


# The model stands before the condition in the files that AutoGen and earlier releases have written.
class ModelLedGroupChatConfig(_ParticipantsConfig):
    """Base of the configurations of teams that a model leads."""

    model_client: ComponentModel
    termination_condition: ComponentModel | None = None
    max_turns: int | None = None


class GroupChatFields(TypedDict):
    """The values of `GroupChatConfig`, of a team."""

    name: str
    description: str
    participants: list[ComponentModel]
    termination_condition: ComponentModel | None
    max_turns: int | None


class GroupChatOptions(TypedDict):
    """What every team is constructed with, besides participants of its kind."""

    name: str | None
    description: str | None
    termination_condition: TerminationCondition | None
    max_turns: int | None


def load_options(config: GroupChatConfig | ModelLedGroupChatConfig) -> GroupChatOptions:
    """Return what a configuration says about any team, to construct the team with."""
    condition = config.termination_condition
    return GroupChatOptions(
        name=config.name,
        description=config.description,
        termination_condition=TerminationCondition.load_component(condition) if condition else None,
        max_turns=config.max_turns,
    )
