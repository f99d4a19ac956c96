"""Agents for tests of the runtime: messages, and an agent whose handler is the test's own function."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from hubbub_core import (
    AgentId,
    BaseAgent,
    MessageContext,
    SingleThreadedAgentRuntime,
    TypeSubscription,
)


@dataclass
class Text:
    """A message."""

    content: str


@dataclass
class Number:
    """Another message."""

    value: int


class Scripted(BaseAgent):
    """An agent that hands every message to a function, with itself."""

    def __init__(self, handler: Callable[[Scripted, Any, MessageContext], Awaitable[Any]]) -> None:
        super().__init__("scripted")
        self._handler = handler

    async def on_message_impl(self, message: Any, ctx: MessageContext) -> Any:
        return await self._handler(self, message, ctx)


async def add_agent(
    runtime: SingleThreadedAgentRuntime,
    agent_type: str,
    handler: Callable[[Scripted, Any, MessageContext], Awaitable[Any]],
    *topics: str,
) -> AgentId:
    """Register a scripted agent type, subscribe it to topic types, and return the id of its default instance."""
    await Scripted.register(runtime, agent_type, lambda: Scripted(handler))
    for topic in topics:
        await runtime.add_subscription(TypeSubscription(topic, agent_type))
    return AgentId(agent_type, "default")


async def settle() -> None:
    """Let everything run that can run without waiting for the outside."""
    for _ in range(20):
        await asyncio.sleep(0)
