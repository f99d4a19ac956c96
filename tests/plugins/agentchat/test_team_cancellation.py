"""Cancelled and abandoned runs of every team: who ends, and that the team goes on."""

from __future__ import annotations

import asyncio
import threading

import pytest
from agentchat_agents import Hanging, Scripted, never
from chat_scripts import said

from hubbub_agentchat.base import TaskResult
from hubbub_agentchat.conditions import MaxMessageTermination
from hubbub_agentchat.messages import TextMessage
from hubbub_agentchat.teams import RoundRobinGroupChat
from hubbub_core import CancellationToken, SingleThreadedAgentRuntime


async def test_cancelled_token_aborts_the_run_ends_the_speaker_and_the_team_goes_on() -> None:
    hang = Hanging()
    team = RoundRobinGroupChat(
        [Scripted("a", hang, "here I am")], max_turns=1, termination_condition=MaxMessageTermination(3)
    )
    token = CancellationToken()
    running = asyncio.create_task(team.run(task="go", cancellation_token=token))
    await hang.started.wait()
    token.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert hang.ended.is_set()
    assert [task.get_coro() for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []
    assert said((await team.run(task="again")).messages) == ["user: again", "a: here I am"]


async def test_cancelled_task_of_the_caller_ends_the_speaker() -> None:
    hang = Hanging()
    team = RoundRobinGroupChat([Scripted("a", hang)])
    running = asyncio.create_task(team.run(task="go"))
    await hang.started.wait()
    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert hang.ended.is_set()
    await team.reset()


async def test_leaving_the_stream_early_ends_the_run() -> None:
    team = RoundRobinGroupChat([Scripted("a"), Scripted("b", never)])
    stream = team.run_stream(task="go")
    async for item in stream:
        if isinstance(item, TextMessage) and item.source == "a":
            break
    await asyncio.sleep(0)
    await stream.aclose()

    assert asyncio.all_tasks() == {asyncio.current_task()}
    await team.reset()
    assert len((await team.save_state())["agent_states"]) == 3


async def test_caller_who_leaves_with_the_result_can_run_the_team_at_once() -> None:
    team = RoundRobinGroupChat([Scripted("a")], max_turns=1)
    stream = team.run_stream(task="go")
    async for item in stream:
        if isinstance(item, TaskResult):
            break

    assert len((await team.run()).messages) == 1
    await stream.aclose()


async def test_caller_cancelled_twice_leaves_and_the_team_ends_behind_it() -> None:
    started, ending, go_on = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def hang() -> str:
        started.set()
        try:
            return await never()
        finally:
            ending.set()
            await go_on.wait()

    team = RoundRobinGroupChat([Scripted("a", hang, "fine")], max_turns=1)
    running = asyncio.create_task(team.run(task="go"))
    await started.wait()
    running.cancel()
    await ending.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    with pytest.raises(ValueError, match="already running"):
        await team.run(task="too early")
    go_on.set()
    await asyncio.wait(asyncio.all_tasks() - {asyncio.current_task()})
    assert said((await team.run(task="again")).messages) == ["user: again", "a: fine"]


async def test_token_cancelled_in_another_thread_aborts_the_run() -> None:
    hang = Hanging()
    token = CancellationToken()
    running = asyncio.create_task(RoundRobinGroupChat([Scripted("a", hang)]).run(task="x", cancellation_token=token))
    await hang.started.wait()
    thread = threading.Thread(target=token.cancel)
    thread.start()

    with pytest.raises(asyncio.CancelledError):
        await running
    thread.join()


async def test_token_cancelled_before_the_run() -> None:
    agent, token = Scripted("a"), CancellationToken()
    token.cancel()

    with pytest.raises(asyncio.CancelledError):
        await RoundRobinGroupChat([agent], max_turns=1).run(task="go", cancellation_token=token)
    assert agent.turn == 0


async def test_cancellation_reaches_inner_teams() -> None:
    hang = Hanging()
    inner = RoundRobinGroupChat([Scripted("a", hang)], name="inner")
    token = CancellationToken()
    running = asyncio.create_task(RoundRobinGroupChat([inner]).run(task="go", cancellation_token=token))
    await hang.started.wait()
    token.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert hang.ended.is_set()
    await inner.reset()


async def test_cancelled_run_on_a_callers_runtime_ends_the_speaker_first() -> None:
    started, ended = asyncio.Event(), asyncio.Event()

    async def hang() -> str:
        started.set()
        try:
            return await never()
        finally:
            await asyncio.sleep(0)
            ended.set()

    runtime = SingleThreadedAgentRuntime()
    runtime.start()
    agent = Scripted("a", hang, "fine")
    team = RoundRobinGroupChat([agent, Scripted("b")], max_turns=2, runtime=runtime)
    token = CancellationToken()
    running = asyncio.create_task(team.run(task="go", cancellation_token=token))
    await started.wait()
    token.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert ended.is_set()
    await team.reset()
    agent.turn = 1  # past the line that hangs, which the reset went back to
    assert said((await team.run(task="again")).messages) == ["user: again", "a: fine", "b: b speaks"]
    await runtime.stop_when_idle()
