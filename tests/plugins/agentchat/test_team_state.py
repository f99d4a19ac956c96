"""Reset, pause and saved state of every team."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from agentchat_agents import Scripted
from chat_scripts import said

from hubbub_agentchat.teams import RoundRobinGroupChat
from hubbub_core import CancellationToken


async def test_reset_forgets_everything_and_resets_the_participants() -> None:
    agents = [Scripted("a", "first", "second"), Scripted("b")]
    team = RoundRobinGroupChat(agents, max_turns=1)

    await team.run(task="go")
    await team.reset()
    result = await team.run(task="new")

    assert [agent.calls for agent in agents] == [["reset"], ["reset"]]
    assert said(result.messages) == ["user: new", "a: first"]
    assert agents[0].given[-1] == ["user: new"]


async def test_reset_is_allowed_before_the_first_run() -> None:
    agent = Scripted("a")

    await RoundRobinGroupChat([agent]).reset()

    assert agent.calls == ["reset"]


async def test_pause_and_resume_reach_agents_while_the_run_goes_on() -> None:
    started, go_on = asyncio.Event(), asyncio.Event()

    async def wait() -> str:
        started.set()
        await go_on.wait()
        return "done"

    inner = Scripted("inner")
    agents = [Scripted("a", wait), Scripted("b")]
    team = RoundRobinGroupChat([*agents, RoundRobinGroupChat([inner], name="nested", max_turns=1)], max_turns=3)
    running = asyncio.create_task(team.run(task="go"))
    await started.wait()
    with pytest.raises(RuntimeError, match="must be run before it can be paused"):
        await team.pause()  # the inner team has not run yet, and says so
    assert [agent.calls for agent in agents] == [["pause"], ["pause"]]
    await agents[0].on_resume(CancellationToken())
    go_on.set()
    await running

    await team.pause()
    await team.resume()
    assert inner.calls == ["pause", "resume"]


async def test_pause_before_the_first_run_is_an_error() -> None:
    team = RoundRobinGroupChat([Scripted("a")])

    with pytest.raises(RuntimeError, match=r"It must be run before it can be paused\.$"):
        await team.pause()
    with pytest.raises(RuntimeError, match=r"It must be run before it can be resumed\.$"):
        await team.resume()


async def test_state_has_the_documented_shape_and_moves_to_another_team() -> None:
    def make() -> tuple[RoundRobinGroupChat, Scripted]:
        second = Scripted("b", "b one", "b two")
        return RoundRobinGroupChat([Scripted("a", "a one", "a two"), second], max_turns=1), second

    team, _ = make()
    other, other_b = make()
    await team.run(task="go")

    state = json.loads(json.dumps(await team.save_state()))
    await other.load_state(state)
    result = await other.run()

    assert (state["type"], state["version"]) == ("TeamState", "1.0.0")
    assert list(state["agent_states"]) == ["a", "b", "RoundRobinGroupChatManager"]
    container = state["agent_states"]["b"]
    assert container["type"] == "ChatAgentContainerState"
    assert [message["content"] for message in container["message_buffer"]] == ["go", "a one"]
    assert state["agent_states"]["a"]["message_buffer"] == []
    assert state["agent_states"]["a"]["agent_state"] == {"turn": 1}
    manager = state["agent_states"]["RoundRobinGroupChatManager"]
    assert (manager["type"], manager["next_speaker_index"], manager["current_turn"]) == ("RoundRobinManagerState", 1, 0)
    assert [message["content"] for message in manager["message_thread"]] == ["go", "a one"]
    assert said(result.messages) == ["b: b one"]
    assert other_b.given == [["user: go", "a: a one"]]


async def test_state_can_be_saved_before_the_first_run() -> None:
    state = await RoundRobinGroupChat([Scripted("a")]).save_state()

    assert list(state["agent_states"]) == ["a", "RoundRobinGroupChatManager"]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda states: states.pop("a"), r"^Agent state for a not found in the saved state\.$"),
        (lambda states: states.clear(), r"^Agent state for a not found in the saved state\.$"),
        (
            lambda states: states.update(RoundRobinGroupChatManager={"message_thread": 3}),
            r"^Invalid state format\..*v0\.4\.9",
        ),
    ],
)
async def test_state_that_does_not_fit_is_refused(change: Callable[[dict[str, Any]], Any], text: str) -> None:
    team = RoundRobinGroupChat([Scripted("a")])
    state = json.loads(json.dumps(await team.save_state()))
    change(state["agent_states"])

    with pytest.raises(ValueError, match=text):
        await team.load_state(state)
