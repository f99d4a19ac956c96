"""Errors that say which agent they came out of."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

import pytest

from hubbub_core import (
    AdaptedAgent,
    AgentChunk,
    AgentContext,
    AgentId,
    AgentResult,
    AgentTask,
    SingleThreadedAgentRuntime,
)


class Failing:
    """Raises the same error in each run, after a chunk."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    async def run(self, task: AgentTask, context: AgentContext) -> AsyncGenerator[AgentChunk | AgentResult, None]:
        yield AgentChunk(content="...", source=context.name)
        raise self.error


class Labelled(Failing):
    label = "graph 'g'"


class Asking:
    """Has another agent do the work."""

    def __init__(self, other: AdaptedAgent) -> None:
        self.other = other

    async def run(self, task: AgentTask, context: AgentContext) -> AsyncGenerator[AgentChunk | AgentResult, None]:
        yield await self.other.run(task)


class Refusing:
    """Raises before there is anything to iterate over."""

    def run(self, task: AgentTask, context: AgentContext) -> AsyncIterator[AgentChunk | AgentResult]:
        raise ValueError("no task")


class Untidy:
    """Fails at its cleanup."""

    async def run(self, task: AgentTask, context: AgentContext) -> AsyncGenerator[AgentChunk | AgentResult, None]:
        try:
            yield AgentResult.from_text("done", source=context.name)
        finally:
            raise OSError("the file is gone")


async def test_an_error_is_itself_and_names_the_agents_from_the_inside_out() -> None:
    error = LookupError("no such page")
    writer = AdaptedAgent(lambda: Labelled(error), name="writer")
    desk = AdaptedAgent(lambda: Asking(writer), name="desk")

    with pytest.raises(LookupError) as caught:
        await desk.run("go")

    assert caught.value is error
    assert error.__notes__ == ["in agent 'writer' (graph 'g')", "in agent 'desk' (Asking)"]


async def test_an_agent_of_the_runtime_is_named_by_its_type() -> None:
    runtime = SingleThreadedAgentRuntime()
    await AdaptedAgent(lambda: Failing(LookupError("no such page")), name="any").register(runtime, "writer")
    runtime.start()

    with pytest.raises(LookupError) as caught:
        await runtime.send_message(AgentTask.from_text("go"), AgentId("writer", "default"))
    await runtime.stop_when_idle()

    assert caught.value.__notes__ == ["in agent 'writer' (Failing)"]


async def test_an_error_that_is_raised_again_is_not_noted_again() -> None:
    error = LookupError("no such page")
    agent = AdaptedAgent(lambda: Failing(error), name="writer")

    for _ in range(2):
        with pytest.raises(LookupError):
            await agent.run("go")

    assert error.__notes__ == ["in agent 'writer' (Failing)"]


@pytest.mark.parametrize("adapter", [Refusing, Untidy])
async def test_errors_before_the_first_item_and_after_the_last_are_noted(adapter: type[Refusing | Untidy]) -> None:
    with pytest.raises((ValueError, OSError)) as caught:
        await AdaptedAgent(adapter, name="writer").run("go")

    assert caught.value.__notes__ == [f"in agent 'writer' ({adapter.__name__})"]


async def test_a_cancellation_is_left_alone() -> None:
    with pytest.raises(asyncio.CancelledError) as caught:
        await AdaptedAgent(lambda: Failing(asyncio.CancelledError()), name="writer").run("go")

    assert not hasattr(caught.value, "__notes__")
