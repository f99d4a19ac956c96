"""What the tests of OpenAI's two chat agents share."""

from __future__ import annotations

import asyncio
from typing import Literal, TypeAlias

from openai_server import OpenAIServer

from hubbub_agentchat.base import ChatAgent
from hubbub_agentchat.messages import TextMessage
from hubbub_core import CancellationToken

Backend: TypeAlias = Literal["responses", "assistants"]

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
"""Base64 of the smallest picture."""


class Waiting:
    """A tool, `wait`, that goes on until it is cancelled."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.ended = asyncio.Event()

    async def wait(self) -> str:
        """Wait."""
        self.started.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended.set()
        return ""


def said(content: str, source: str = "user") -> TextMessage:
    """Return a text that somebody said."""
    return TextMessage(content=content, source=source)


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


async def ask(agent: ChatAgent, *texts: str) -> TextMessage:
    """Say texts to an agent, and return its answer."""
    response = await agent.on_messages([said(text) for text in texts], CancellationToken())
    assert isinstance(response.chat_message, TextMessage)
    return response.chat_message


def thread_texts(service: OpenAIServer, thread_id: str) -> list[str]:
    """Return what is in a thread of either kind."""
    if thread_id in service.storage.items:
        parts = [item.get("content", ()) for item in service.storage.items[thread_id]]
        return [part["text"] for each in parts for part in each if "text" in part]
    messages = service.assistants.messages[thread_id]
    return [part["text"]["value"] for message in messages for part in message["content"] if part["type"] == "text"]
