"""Termination conditions: when a team's run ends."""

from hubbub_agentchat.conditions._content import (
    FunctionCallTermination,
    HandoffTermination,
    SourceMatchTermination,
    StopMessageTermination,
    TextMentionTermination,
    TextMessageTermination,
)
from hubbub_agentchat.conditions._external import ExternalTermination, FunctionalTermination
from hubbub_agentchat.conditions._limits import MaxMessageTermination, TimeoutTermination, TokenUsageTermination

__all__ = [
    "ExternalTermination",
    "FunctionCallTermination",
    "FunctionalTermination",
    "HandoffTermination",
    "MaxMessageTermination",
    "SourceMatchTermination",
    "StopMessageTermination",
    "TextMentionTermination",
    "TextMessageTermination",
    "TimeoutTermination",
    "TokenUsageTermination",
]
