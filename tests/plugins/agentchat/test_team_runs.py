"""Runs of every team, shown on RoundRobinGroupChat: its task, what it yields, when it stops, what it is made of."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Any, Literal

import pytest
from agentchat_agents import Scripted, never
from chat_scripts import assistant, calling, said, stream_of

from hubbub_agentchat.base import Response, TaskResult
from hubbub_agentchat.conditions import (
    ExternalTermination,
    FunctionalTermination,
    FunctionCallTermination,
    HandoffTermination,
    MaxMessageTermination,
    TextMentionTermination,
)
from hubbub_agentchat.messages import (
    BaseAgentEvent,
    BaseChatMessage,
    BaseTextChatMessage,
    HandoffMessage,
    ModelClientStreamingChunkEvent,
    TextMessage,
    ThoughtEvent,
)
from hubbub_agentchat.teams import RoundRobinGroupChat
from hubbub_core import CancellationToken


async def test_stream_is_the_result_and_ends_with_it() -> None:
    team = RoundRobinGroupChat([Scripted("a"), Scripted("b")], max_turns=2)

    items = await stream_of(team, "go")

    assert isinstance(items[-1], TaskResult)
    assert list(items[-1].messages) == items[:-1]
    assert items[-1].stop_reason == "Maximum number of turns 2 reached."


async def test_message_limit_counts_the_task_and_starts_afresh_in_each_run() -> None:
    team = RoundRobinGroupChat([Scripted("a"), Scripted("b")], termination_condition=MaxMessageTermination(3))

    first, second = await team.run(task="go"), await team.run()

    reason = "Maximum number of messages 3 reached, current message count: 3"
    assert (len(first.messages), first.stop_reason) == (3, reason)
    assert (len(second.messages), second.stop_reason) == (3, reason)


async def test_condition_met_by_the_task_ends_the_run_without_a_speaker() -> None:
    agent = Scripted("a")
    team = RoundRobinGroupChat([agent], termination_condition=TextMentionTermination("stop"))

    result = await team.run(task="stop")

    assert said(result.messages) == ["user: stop"]
    assert agent.turn == 0


async def test_task_messages_can_be_left_out_and_are_read_all_the_same() -> None:
    agent = Scripted("a")
    team = RoundRobinGroupChat([agent], max_turns=1)

    result = await team.run(task="go", output_task_messages=False)

    assert said(result.messages) == ["a: a speaks"]
    assert agent.given == [["user: go"]]


async def test_conditions_see_the_events_of_a_response() -> None:
    def approve() -> None:
        """Approve."""

    team = RoundRobinGroupChat(
        [Scripted("a"), assistant("critic", calling("approve"), tools=[approve])],
        termination_condition=FunctionCallTermination("approve"),
    )

    result = await team.run(task="go")

    assert result.stop_reason == "Function 'approve' was executed."
    assert result.messages[-1].to_text() == "None"


async def test_condition_is_asked_once_per_response_about_all_of_its_messages() -> None:
    deltas: list[list[str]] = []

    def watch(messages: Sequence[BaseAgentEvent | BaseChatMessage]) -> bool:
        deltas.append([type(message).__name__ for message in messages])
        return len(deltas) == 3

    async def with_thought() -> Response:
        return Response(
            chat_message=TextMessage(content="x", source="b"),
            inner_messages=[ThoughtEvent(content="hm", source="b")],
        )

    team = RoundRobinGroupChat(
        [Scripted("a"), Scripted("b", with_thought)], termination_condition=FunctionalTermination(watch)
    )
    await team.run(task="go")

    assert deltas == [["TextMessage"], ["TextMessage"], ["ThoughtEvent", "TextMessage"]]


async def test_external_termination_stops_after_the_turn() -> None:
    external = ExternalTermination()

    async def speak() -> str:
        external.set()
        return "last words"

    team = RoundRobinGroupChat([Scripted("a", speak), Scripted("b")], termination_condition=external)

    result = await team.run(task="go")

    assert said(result.messages) == ["user: go", "a: last words"]
    assert result.stop_reason == "External termination requested"


async def test_handoff_to_the_user_and_resume_with_the_answer() -> None:
    agent = assistant("lazy", calling("transfer_to_user"), "Thanks, sunny. TERMINATE", handoffs=["user"])
    team = RoundRobinGroupChat(
        [agent], termination_condition=HandoffTermination("user") | TextMentionTermination("TERMINATE")
    )

    first = await team.run(task="Weather in New York?")
    second = await team.run(task="It is sunny.")

    assert first.stop_reason == "Handoff to user from lazy detected."
    assert isinstance(first.messages[-1], HandoffMessage)
    assert said(second.messages) == ["user: It is sunny.", "lazy: Thanks, sunny. TERMINATE"]


async def test_chunks_are_streamed_and_not_in_the_result() -> None:
    team = RoundRobinGroupChat([assistant("helper", "one two three", model_client_stream=True)], max_turns=1)

    items = await stream_of(team, "go")

    chunks = [item.content for item in items if isinstance(item, ModelClientStreamingChunkEvent)]
    assert chunks == ["one ", "two ", "three"]
    assert said(items[-1].messages) == ["user: go", "helper: one two three"]


async def test_slow_reader_holds_up_a_fast_speaker() -> None:
    class Fast(Scripted):
        made = 0

        async def on_messages_stream(
            self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken
        ) -> AsyncGenerator[BaseAgentEvent | BaseChatMessage | Response, None]:
            for _ in range(10_000):
                self.made += 1
                yield ModelClientStreamingChunkEvent(content="x", source=self.name)
            yield Response(chat_message=TextMessage(content="done", source=self.name))

    fast = Fast("fast")
    stream = RoundRobinGroupChat([fast], max_turns=1).run_stream(task="go")
    await anext(stream)
    await anext(stream)
    for _ in range(100):
        await asyncio.sleep(0)

    assert fast.made < 1_000
    assert len([item async for item in stream]) == 10_001


async def test_thousand_turns_do_not_nest() -> None:
    team = RoundRobinGroupChat([Scripted("a"), Scripted("b")], max_turns=1_000)

    result = await team.run(task="go")

    assert len(result.messages) == 1_001


@pytest.mark.parametrize(
    ("participants", "text"),
    [
        ([], r"^At least one participant is required\.$"),
        ([Scripted("a"), Scripted("a")], r"^The participant names must be unique\.$"),
    ],
)
def test_participants_are_checked(participants: list[Scripted], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        RoundRobinGroupChat(participants)


@pytest.mark.parametrize("turns", [0, -1])
def test_max_turns_has_to_be_positive(turns: int) -> None:
    with pytest.raises(ValueError, match="must be greater than 0"):
        RoundRobinGroupChat([Scripted("a")], max_turns=turns)


class Note(BaseTextChatMessage):
    type: Literal["Note"] = "Note"


@pytest.mark.parametrize(
    ("task", "text"),
    [
        ([], r"^Task list cannot be empty\.$"),
        (["text"], "^All messages in task list must be valid BaseChatMessage types"),
        (3, r"^Task must be a string, a BaseChatMessage, or a list of BaseChatMessage\.$"),
        ((TextMessage(content="x", source="user"),), "^Task must be a string"),
        (Note(content="x", source="user"), "^Message type Note is not registered.*custom_message_types"),
    ],
)
async def test_task_is_checked_and_the_team_runs_afterwards(task: Any, text: str) -> None:
    team = RoundRobinGroupChat([Scripted("a")], max_turns=1)

    with pytest.raises(ValueError, match=text):
        await team.run(task=task)
    assert len((await team.run(task="go")).messages) == 2


async def test_team_runs_once_at_a_time() -> None:
    team = RoundRobinGroupChat([Scripted("a", never)])
    running = asyncio.create_task(team.run(task="go"))
    await asyncio.sleep(0)

    with pytest.raises(ValueError, match=r"^The team is already running, it cannot run again until it is stopped\.$"):
        await team.run(task="go")
    with pytest.raises(RuntimeError, match=r"^The group chat is currently running\. It must be stopped"):
        await team.reset()
    with pytest.raises(RuntimeError, match=r"^The team cannot be loaded while it is running\.$"):
        await team.load_state({})
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
