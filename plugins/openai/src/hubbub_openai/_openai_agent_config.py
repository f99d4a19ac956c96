"""Configuration and state of `OpenAIAgent`."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from hubbub_agentchat.state import BaseState


class OpenAIAgentConfig(BaseModel):
    """Configuration of `OpenAIAgent` (newer N-245)."""

    name: str
    description: str
    model: str
    instructions: str
    tools: list[dict[str, Any] | str] | None = None
    """Built-in tools as names or with parameters; tools of the hub as component models."""

    temperature: float | None = 1
    max_output_tokens: int | None = None
    json_mode: bool = False
    store: bool = True
    truncation: str = "disabled"


class OpenAIAgentState(BaseState):
    """State of an `OpenAIAgent`."""

    type: str = "OpenAIAgentState"
    response_id: str | None = None
    """The last response, which the service has the conversation by."""

    history: list[dict[str, Any]] = Field(default_factory=list)
    """The conversation as items of Responses, without the instructions."""

    unsent: int = 0
    """How many of the last items no response answered yet."""
