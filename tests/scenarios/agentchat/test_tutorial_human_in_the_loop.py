"""The tutorial's page on humans in the loop (spec: 002 S2-132..143, 177, 178)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import pytest
from chat_scripts import asked, calling, contents, kinds, replay, said

from hubbub_agentchat.agents import AssistantAgent, UserProxyAgent
from hubbub_agentchat.base import Handoff
from hubbub_agentchat.conditions import HandoffTermination, MaxMessageTermination, TextMentionTermination
from hubbub_agentchat.messages import HandoffMessage, TextMessage, UserInputRequestedEvent
from hubbub_agentchat.teams import RoundRobinGroupChat, Swarm
from hubbub_agentchat.ui import Console
from hubbub_core import CancellationToken
from hubbub_core.models import CreateResult

POEM = "Write a 4-line poem about the ocean."


async def test_user_approves_a_poem_and_the_request_is_in_the_result_but_not_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assistant = AssistantAgent("assistant", replay("In endless blue. TERMINATE"))
    user_proxy = UserProxyAgent("user_proxy", input_func=lambda prompt: "APPROVE")
    team = RoundRobinGroupChat([assistant, user_proxy], termination_condition=TextMentionTermination("APPROVE"))

    result = await Console(team.run_stream(task=POEM))

    request = result.messages[2]
    assert kinds(result.messages) == ["TextMessage", "TextMessage", "UserInputRequestedEvent", "TextMessage"]
    assert isinstance(request, UserInputRequestedEvent)
    assert (request.content, bool(request.request_id)) == ("", True)
    assert result.messages[-1].to_text() == "APPROVE"
    assert "UserInputRequestedEvent" not in capsys.readouterr().out


async def test_user_answers_over_a_socket() -> None:
    """The page's sample waits for a web socket's JSON; a queue stands for the socket."""
    socket: asyncio.Queue[str] = asyncio.Queue()
    asked_for: list[CancellationToken | None] = []

    async def receive(prompt: str, cancellation_token: CancellationToken | None) -> str:
        asked_for.append(cancellation_token)
        return TextMessage.model_validate(json.loads(await socket.get())).content

    team = RoundRobinGroupChat(
        [AssistantAgent("assistant", replay("Waves.")), UserProxyAgent("user_proxy", input_func=receive)],
        termination_condition=TextMentionTermination("APPROVE"),
    )
    run = asyncio.create_task(team.run(task=POEM))
    await socket.put(TextMessage(content="APPROVE", source="browser").model_dump_json())

    result = await run

    assert result.messages[-1].to_text() == "APPROVE"
    assert isinstance(asked_for[0], CancellationToken)


async def test_feedback_between_runs_until_the_user_leaves() -> None:
    model = replay("In endless blue.", "Waves roll.")
    team = RoundRobinGroupChat([AssistantAgent("assistant", model)], max_turns=1)
    typed: Iterator[str] = iter(["Can you make it about waves?", " EXIT "])
    task, sizes, reasons = POEM, [], []

    while True:
        result = await team.run(task=task)
        sizes.append(len(result.messages))
        reasons.append(result.stop_reason)
        task = next(typed)
        if task.lower().strip() == "exit":
            break

    assert sizes == [2, 2]
    assert reasons == ["Maximum number of turns 1 reached."] * 2
    assert contents(asked(model))[1:] == [POEM, "In endless blue.", "Can you make it about waves?"]


def lazy_assistant(*answers: str | CreateResult) -> AssistantAgent:
    return AssistantAgent(
        "lazy_assistant",
        replay(*answers),
        handoffs=[Handoff(target="user", message="Transfer to user.")],
        system_message="If you cannot complete the task, transfer to user. Otherwise respond with 'TERMINATE'.",
    )


async def test_agent_hands_over_to_the_user_and_goes_on_with_the_answer() -> None:
    agent = lazy_assistant(calling("transfer_to_user"), "Great!", "Enjoy! TERMINATE")
    condition = HandoffTermination(target="user") | TextMentionTermination("TERMINATE")
    team = RoundRobinGroupChat([agent], termination_condition=condition)

    first = await team.run(task="What is the weather in New York?")
    second = await team.run(task="The weather in New York is sunny.")

    assert kinds(first.messages) == ["TextMessage", "ToolCallRequestEvent", "ToolCallExecutionEvent", "HandoffMessage"]
    handoff = first.messages[-1]
    assert isinstance(handoff, HandoffMessage)
    assert (handoff.target, handoff.content, handoff.context) == ("user", "Transfer to user.", [])
    assert first.stop_reason == "Handoff to user from lazy_assistant detected."
    assert said(second.messages)[1:] == ["lazy_assistant: Great!", "lazy_assistant: Enjoy! TERMINATE"]


async def test_swarm_stopped_for_the_user_goes_on_with_whom_the_user_hands_to() -> None:
    agent = lazy_assistant(calling("transfer_to_user"), "Sunny, then. TERMINATE")
    condition = HandoffTermination("user") | TextMentionTermination("TERMINATE") | MaxMessageTermination(10)
    team = Swarm([agent], termination_condition=condition)
    await team.run(task="What is the weather in New York?")

    answer = HandoffMessage(content="It is sunny.", source="user", target="lazy_assistant")
    result = await team.run(task=answer)

    assert said(result.messages) == ["user: It is sunny.", "lazy_assistant: Sunny, then. TERMINATE"]


async def test_session_is_kept_between_processes_while_the_user_thinks() -> None:
    first = RoundRobinGroupChat([AssistantAgent("assistant", replay("In endless blue."))], max_turns=1)
    await first.run(task=POEM)
    stored = json.dumps(await first.save_state())

    model = replay("Waves roll.")
    second = RoundRobinGroupChat([AssistantAgent("assistant", model)], max_turns=1)
    await second.load_state(json.loads(stored))
    await second.run(task="About waves, please.")

    assert contents(asked(model))[1:] == [POEM, "In endless blue.", "About waves, please."]
