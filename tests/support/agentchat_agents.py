"""A chat agent that says prepared lines, for tests of teams."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Self

from pydantic import BaseModel

from hubbub_agentchat.agents import BaseChatAgent
from hubbub_agentchat.base import Response
from hubbub_agentchat.messages import BaseChatMessage, TextMessage
from hubbub_core import CancellationToken
from hubbub_registry import Component

Line = str | Exception | BaseChatMessage | Response | Callable[[], Awaitable[Any]]


class ScriptedConfig(BaseModel):
    name: str
    lines: list[str]


class Scripted(BaseChatAgent, Component[ScriptedConfig]):
    """Says its lines one after another, then repeats the last; keeps what it was given in each turn it has ended.

    A line may be an error to raise, a message, a whole response, or an asynchronous function that returns one.
    """

    component_config_schema = ScriptedConfig
    component_provider_override = "agentchat_agents.Scripted"

    def __init__(self, name: str, *lines: Line) -> None:
        super().__init__(name, f"Agent {name}.")
        self.lines: list[Line] = list(lines) or [f"{name} speaks"]
        self.turn = 0
        self.given: list[list[str]] = []
        self.resets = 0

    @property
    def produced_message_types(self) -> Sequence[type[BaseChatMessage]]:
        return (TextMessage,)

    async def on_messages(self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken) -> Response:
        line: Any = self.lines[min(self.turn, len(self.lines) - 1)]
        self.turn += 1
        if isinstance(line, Exception):
            raise line
        if callable(line):
            line = await line()
        self.given.append([f"{message.source}: {message.to_text()}" for message in messages])
        if isinstance(line, Response):
            return line
        if isinstance(line, BaseChatMessage):
            return Response(chat_message=line)
        return Response(chat_message=TextMessage(content=str(line), source=self.name))

    async def on_reset(self, cancellation_token: CancellationToken) -> None:
        self.turn = 0
        self.resets += 1

    async def save_state(self) -> Mapping[str, Any]:
        return {"turn": self.turn}

    async def load_state(self, state: Mapping[str, Any]) -> None:
        self.turn = state["turn"]

    def _to_config(self) -> ScriptedConfig:
        return ScriptedConfig(name=self.name, lines=[line for line in self.lines if isinstance(line, str)])

    @classmethod
    def _from_config(cls, config: ScriptedConfig) -> Self:
        return cls(config.name, *config.lines)


def said(messages: Sequence[Any]) -> list[str]:
    """Return who said what."""
    return [f"{message.source}: {message.to_text()}" for message in messages]


def sources(messages: Sequence[Any]) -> list[str]:
    """Return who spoke."""
    return [message.source for message in messages]
