"""Cancellation at any moment: of a team with tools, streaming, a selector and an inner team, at each of its steps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, Literal

import pytest
from team_runs import cancelled_at_every_step

from hubbub_agentchat.agents import AssistantAgent
from hubbub_agentchat.conditions import MaxMessageTermination
from hubbub_agentchat.teams import RoundRobinGroupChat, SelectorGroupChat
from hubbub_core import CancellationToken, FunctionCall, SingleThreadedAgentRuntime
from hubbub_core.models import AssistantMessage, CreateResult, FunctionExecutionResultMessage, ModelInfo, RequestUsage
from hubbub_core.models.replay import ReplayChatCompletionClient

INFO = ModelInfo(vision=False, function_calling=True, json_output=True, family="unknown", structured_output=True)


class Slow(ReplayChatCompletionClient):
    """Gives way to the loop before and between its pieces, asks for tools every other time, and ignores its token."""

    def __init__(self, text: str) -> None:
        super().__init__([], model_info=INFO)
        self._text = text
        self._asked = 0

    async def create(self, *args: Any, **kwargs: Any) -> CreateResult:
        await asyncio.sleep(0)
        self._asked += 1
        content: str | list[FunctionCall] = self._text
        if kwargs.get("tools") and self._asked % 2:
            content = [FunctionCall(id=f"{self._asked}.{number}", name="work", arguments="{}") for number in (1, 2)]
        return CreateResult(finish_reason="stop", content=content, usage=RequestUsage(1, 1), cached=False)

    async def create_stream(self, *args: Any, **kwargs: Any) -> AsyncGenerator[str | CreateResult, None]:
        for word in self._text.split():
            await asyncio.sleep(0)
            yield word
        yield await self.create(*args, **kwargs)


at_work: list[str] = []


async def work() -> str:
    """Work."""
    at_work.append("work")
    try:
        for _ in range(3):
            await asyncio.sleep(0)
    finally:
        at_work.remove("work")
    return "worked"


def make(runtime: SingleThreadedAgentRuntime | None) -> tuple[SelectorGroupChat, list[AssistantAgent]]:
    worker = AssistantAgent(
        "worker", Slow("work is done"), tools=[work], model_client_stream=True, max_tool_iterations=2
    )
    talker = AssistantAgent("talker", Slow("yes it is"), model_client_stream=True)
    inner = RoundRobinGroupChat([worker, talker], name="inner", max_turns=2, runtime=runtime)
    outer = AssistantAgent("outer", Slow("fine"), tools=[work], reflect_on_tool_use=True)
    team = SelectorGroupChat(
        [inner, outer],
        Slow("outer"),
        allow_repeated_speaker=True,
        selector_func=lambda thread: "inner" if len(thread) % 2 else None,
        termination_condition=MaxMessageTermination(9),
        max_turns=3,
        runtime=runtime,
    )
    return team, [worker, talker, outer]


async def run(team: SelectorGroupChat, token: CancellationToken | None = None, task: str | None = "go") -> list[str]:
    return [type(item).__name__ async for item in team.run_stream(task=task, cancellation_token=token)]


@pytest.mark.parametrize("way", ["token", "task"])
async def test_run_cancelled_at_any_step_leaves_nothing_at_work_and_a_team_that_goes_on(
    way: Literal["token", "task"], runtime: SingleThreadedAgentRuntime | None
) -> None:
    background = asyncio.all_tasks()
    cancelled = 0
    runs = cancelled_at_every_step(lambda: make(runtime), lambda made, token: run(made[0], token), way)
    async for steps, (team, agents), items in runs:
        if items is None:
            cancelled += 1
        else:
            assert (way, items[-1]) == ("token", "TaskResult"), steps  # a token has nothing to cancel any more

        assert at_work == [], steps
        left = [task for task in asyncio.all_tasks() - background if not task.done()]
        assert runtime is not None or left == [], steps
        for agent in agents:
            await check_calls_have_results(agent, steps)
        async with asyncio.timeout(5):
            assert (await run(team, task="again"))[-1] == "TaskResult", steps
            state = await team.save_state()
            await team.reset()
            await team.load_state(state)

    assert cancelled > 20


async def check_calls_have_results(agent: AssistantAgent, steps: int) -> None:
    messages = await agent.model_context.get_messages()
    for position, message in enumerate(messages):
        if isinstance(message, AssistantMessage) and not isinstance(message.content, str):
            answered = messages[position + 1] if position + 1 < len(messages) else None
            assert isinstance(answered, FunctionExecutionResultMessage), steps
            assert [call.id for call in message.content] == [result.call_id for result in answered.content], steps
