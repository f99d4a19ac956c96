"""Teams within teams, and teams that share a runtime or outlive an event loop."""

from __future__ import annotations

import asyncio
import json

import pytest
from agentchat_agents import Scripted
from chat_scripts import said

from hubbub_agentchat.teams import RoundRobinGroupChat
from hubbub_core import SingleThreadedAgentRuntime


async def test_inner_team_speaks_as_one_and_its_messages_reach_the_others() -> None:
    writer, editor, outside = Scripted("writer"), Scripted("editor"), Scripted("outside")
    inner = RoundRobinGroupChat([writer, editor], name="authors", max_turns=2)
    team = RoundRobinGroupChat([inner, outside], max_turns=3)

    result = await team.run(task="go")

    assert said(result.messages) == [
        "user: go",
        "writer: writer speaks",
        "editor: editor speaks",
        "outside: outside speaks",
        "writer: writer speaks",
        "editor: editor speaks",
    ]
    assert outside.given == [["user: go", "writer: writer speaks", "editor: editor speaks"]]
    assert writer.given == [["user: go"], ["editor: editor speaks", "outside: outside speaks"]]


async def test_state_and_reset_reach_inner_teams() -> None:
    def make() -> tuple[RoundRobinGroupChat, Scripted]:
        agent = Scripted("writer", "one", "two", "three")
        return RoundRobinGroupChat([RoundRobinGroupChat([agent], name="authors", max_turns=1)], max_turns=1), agent

    team, agent = make()
    other, _ = make()
    await team.run(task="go")
    await other.load_state(json.loads(json.dumps(await team.save_state())))

    assert said((await other.run()).messages) == ["writer: two"]
    await team.reset()
    assert agent.calls == ["reset"]


async def test_error_in_an_inner_team_names_its_agent() -> None:
    inner = RoundRobinGroupChat([Scripted("deep", ValueError("boom"))], name="inner")

    with pytest.raises(RuntimeError, match=r"(?s)boom.*'deep'"):
        await RoundRobinGroupChat([inner]).run(task="go")


async def test_several_teams_share_a_runtime_that_the_caller_owns() -> None:
    runtime = SingleThreadedAgentRuntime()
    runtime.start()
    teams = [RoundRobinGroupChat([Scripted("a"), Scripted("b")], max_turns=3, runtime=runtime) for _ in range(2)]

    results = await asyncio.gather(*(team.run(task="go") for team in teams))
    again = await teams[0].run()
    await runtime.stop_when_idle()

    assert [len(result.messages) for result in results] == [4, 4]
    assert said(again.messages)[0] == "b: b speaks"


def test_team_runs_in_one_event_loop_after_another() -> None:
    team = RoundRobinGroupChat([Scripted("a"), Scripted("b")], max_turns=1)

    first = asyncio.run(team.run(task="go"))
    second = asyncio.run(team.run())

    assert said(first.messages) + said(second.messages) == ["user: go", "a: a speaks", "b: b speaks"]
