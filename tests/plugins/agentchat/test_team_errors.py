"""Errors of participants and conditions: how every team ends with them and goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import pytest
from agentchat_agents import Scripted

from hubbub_agentchat.base import Response, TerminatedException, TerminationCondition
from hubbub_agentchat.messages import BaseAgentEvent, BaseChatMessage, ThoughtEvent
from hubbub_agentchat.teams import RoundRobinGroupChat
from hubbub_core import CancellationToken


async def test_error_of_a_participant_ends_the_run_naming_agent_and_error() -> None:
    team = RoundRobinGroupChat([Scripted("a"), Scripted("b", ValueError("boom"), "fine")], max_turns=2)

    with pytest.raises(RuntimeError, match=r"(?s)^ValueError: boom\nTraceback:\n.*'b'") as caught:
        await team.run(task="go")

    assert isinstance(caught.value.__cause__, ValueError)
    assert (await team.run()).stop_reason == "Maximum number of turns 2 reached."


async def test_failed_turn_keeps_what_it_was_about() -> None:
    agent = Scripted("a", ValueError("boom"), "fine")
    team = RoundRobinGroupChat([agent], max_turns=1)

    with pytest.raises(RuntimeError, match="boom"):
        await team.run(task="go")
    await team.run(task="again")

    assert agent.given == [["user: go", "user: again"]]


class Failing(TerminationCondition):
    def __init__(self, error: BaseException) -> None:
        self._error = error

    @property
    def terminated(self) -> bool:
        return False

    async def __call__(self, messages: Sequence[BaseAgentEvent | BaseChatMessage]) -> None:
        raise self._error

    async def reset(self) -> None:
        pass


@pytest.mark.parametrize("error", [ValueError("bad condition"), TerminatedException("bad condition")])
async def test_error_of_the_condition_ends_the_run(error: BaseException) -> None:
    team = RoundRobinGroupChat([Scripted("a")], termination_condition=Failing(error))

    with pytest.raises(RuntimeError, match=rf"^{type(error).__name__}: bad condition"):
        await team.run(task="go")
    with pytest.raises(RuntimeError, match="bad condition"):
        await team.run(task="go")


async def test_cancellation_that_nobody_asked_for_is_an_error_not_a_silent_end() -> None:
    async def give_up() -> str:
        raise asyncio.CancelledError("gave up")

    with pytest.raises(RuntimeError, match=r"(?s)^CancelledError: gave up.*'a'"):
        await RoundRobinGroupChat([Scripted("a", give_up)]).run(task="go")


def test_participant_that_is_no_chat_agent_is_refused_with_what_to_do() -> None:
    stranger: Any = object()

    with pytest.raises(TypeError, match=r'adapt\(agent, to="chat agent"\)'):
        RoundRobinGroupChat([stranger])


async def test_agent_without_a_response_is_an_error() -> None:
    class Silent(Scripted):
        async def on_messages_stream(
            self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken
        ) -> AsyncGenerator[BaseAgentEvent | BaseChatMessage | Response, None]:
            yield ThoughtEvent(content="hm", source=self.name)

    with pytest.raises(RuntimeError, match=r"The agent did not produce a final response\. 'mute'"):
        await RoundRobinGroupChat([Silent("mute")]).run(task="go")
