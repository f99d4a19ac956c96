"""A chat agent that says prepared lines, for tests of teams."""

from __future__ import annotations

import asyncio
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

    A line may be an error to raise, a message, a whole response, or an asynchronous function that returns one. `calls`
    are the resets, pauses and resumes.
    """

    component_config_schema = ScriptedConfig
    component_provider_override = "agentchat_agents.Scripted"

    def __init__(self, name: str, *lines: Line) -> None:
        super().__init__(name, f"Agent {name}.")
        self.lines: list[Line] = list(lines) or [f"{name} speaks"]
        self.turn = 0
        self.given: list[list[str]] = []
        self.calls: list[str] = []

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
        self.calls.append("reset")

    async def on_pause(self, cancellation_token: CancellationToken) -> None:
        self.calls.append("pause")

    async def on_resume(self, cancellation_token: CancellationToken) -> None:
        self.calls.append("resume")

    async def save_state(self) -> Mapping[str, Any]:
        return {"turn": self.turn}

    async def load_state(self, state: Mapping[str, Any]) -> None:
        self.turn = state["turn"]

    def _to_config(self) -> ScriptedConfig:
        return ScriptedConfig(name=self.name, lines=[line for line in self.lines if isinstance(line, str)])

    @classmethod
    def _from_config(cls, config: ScriptedConfig) -> Self:
        return cls(config.name, *config.lines)


async def never() -> str:
    """Wait for ever: a line that only a cancellation ends."""
    await asyncio.Event().wait()
    raise AssertionError("never")


class Hanging:
    """A line that nobody ever hears the end of; knows when it was begun, and when it was ended."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.ended = asyncio.Event()

    async def __call__(self) -> str:
        self.started.set()
        try:
            return await never()
        finally:
            self.ended.set()


def leisurely(name: str, line: str) -> Scripted:
    """Return an agent that gives way to the loop a few times before it says its line."""

    async def say() -> str:
        for _ in range(3):
            await asyncio.sleep(0)
        return line

    return Scripted(name, say)
