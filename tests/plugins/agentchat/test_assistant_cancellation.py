"""Cancelled runs of an AssistantAgent: what ends, and what is taken back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from chat_scripts import ABLE, asked, calls, replay
from pydantic import BaseModel

from hubbub_agentchat.agents import AssistantAgent
from hubbub_agentchat.messages import TextMessage
from hubbub_core import CancellationToken
from hubbub_core.models import CreateResult, UserMessage
from hubbub_core.models.replay import ReplayChatCompletionClient
from hubbub_core.tools import BaseStreamTool


class Stuck(ReplayChatCompletionClient):
    """A client that ignores its token and never answers."""

    def __init__(self) -> None:
        super().__init__([], model_info=ABLE)
        self.asked = asyncio.Event()
        self.ended = asyncio.Event()

    async def create(self, *args: Any, **kwargs: Any) -> CreateResult:
        self.asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended.set()
        raise AssertionError("never")

    async def create_stream(self, *args: Any, **kwargs: Any) -> AsyncGenerator[str | CreateResult, None]:
        yield "a"
        await self.create()


@pytest.mark.parametrize("way", ["run", "run_stream", "on_messages"])
async def test_cancelled_token_ends_a_model_that_ignores_it(way: str) -> None:
    client = Stuck()
    agent = AssistantAgent("helper", client, model_client_stream=way == "run_stream")
    token = CancellationToken()

    async def go() -> None:
        if way == "run":
            await agent.run(task="hi", cancellation_token=token)
        elif way == "on_messages":
            await agent.on_messages([TextMessage(content="hi", source="user")], token)
        else:
            async for _ in agent.run_stream(task="hi", cancellation_token=token):
                pass

    running = asyncio.create_task(go())
    await client.asked.wait()
    token.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert client.ended.is_set()


async def test_cancelled_tool_is_ended_and_its_turn_taken_back() -> None:
    started = asyncio.Event()
    ended = asyncio.Event()

    async def wait() -> str:
        """Wait."""
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return "never"

    async def finish() -> str:
        """Finish."""
        started.set()
        return "finished"

    client = replay(calls(("wait", "{}"), ("finish", "{}")), "better now")
    agent = AssistantAgent("helper", client, tools=[wait, finish], system_message=None)
    token = CancellationToken()

    running = asyncio.create_task(agent.run(task="hi", cancellation_token=token))
    await started.wait()
    token.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert ended.is_set()
    assert await agent.model_context.get_messages() == []
    assert (await agent.run(task="and now?")).messages[-1].to_text() == "better now"
    assert asked(client) == [UserMessage(content="and now?", source="user")]


class ShowArgs(BaseModel):
    pass


class Show(BaseStreamTool[ShowArgs, Any, str]):
    """A tool that shows a message and a piece of its result, and hangs."""

    def __init__(self) -> None:
        super().__init__(ShowArgs, str, "show", "Show.")

    async def run(self, args: ShowArgs, cancellation_token: CancellationToken) -> str:
        raise AssertionError("its stream is asked for")

    async def run_stream(self, args: ShowArgs, cancellation_token: CancellationToken) -> AsyncGenerator[Any, None]:
        yield TextMessage(content="1", source="show")
        yield "x"
        await asyncio.Event().wait()


async def test_closing_the_stream_early_ends_the_tools() -> None:
    ended = asyncio.Event()

    async def wait() -> str:
        """Wait."""
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return "never"

    agent = AssistantAgent("helper", replay(calls(("wait", "{}"), ("show", "{}"))), tools=[wait, Show()])
    items = agent.run_stream(task="go")

    async for item in items:
        if isinstance(item, TextMessage) and item.source == "show":
            break
    await items.aclose()

    assert ended.is_set()
    assert await agent.model_context.get_messages() == []


async def test_token_cancelled_before_the_run_ends_it_at_once() -> None:
    client = replay("never asked")
    token = CancellationToken()
    token.cancel()

    with pytest.raises(asyncio.CancelledError):
        await AssistantAgent("helper", client).run(task="hi", cancellation_token=token)
    assert client.create_calls == []


async def test_cancelled_run_does_not_leave_the_callers_task_cancelled() -> None:
    client = Stuck()
    token = CancellationToken()

    async def go() -> str:
        try:
            await AssistantAgent("helper", client).run(task="hi", cancellation_token=token)
        except asyncio.CancelledError:
            pass
        task = asyncio.current_task()
        assert task is not None
        await asyncio.sleep(0)
        return f"still here, {task.cancelling()} requests"

    running = asyncio.create_task(go())
    await client.asked.wait()
    token.cancel()

    assert await running == "still here, 0 requests"
