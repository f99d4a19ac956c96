"""Swarm: handoffs inside the team, to a human outside of it, and back."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any

import pytest
from chat_scripts import ABLE, assistant, calling

from hubbub_agentchat.agents import AssistantAgent, UserProxyAgent
from hubbub_agentchat.conditions import HandoffTermination, MaxMessageTermination, TextMentionTermination
from hubbub_agentchat.messages import HandoffMessage
from hubbub_agentchat.teams import BaseGroupChat, RoundRobinGroupChat, Swarm
from hubbub_core import CancellationToken
from hubbub_core.models import CreateResult
from hubbub_core.models.replay import ReplayChatCompletionClient


def over_to(target: str) -> CreateResult:
    return calling(f"transfer_to_{target}")


def sources(result: Any) -> list[str]:
    return [f"{type(message).__name__} {message.source}" for message in result.messages if "Event" not in message.type]


async def test_speaker_goes_on_until_it_hands_over() -> None:
    swarm = Swarm(
        [assistant("Alice", "thinking", over_to("bob"), handoffs=["Bob"]), assistant("Bob", "done")], max_turns=3
    )

    result = await swarm.run(task="go")

    assert sources(result) == ["TextMessage user", "TextMessage Alice", "HandoffMessage Alice", "TextMessage Bob"]


async def test_handoff_to_a_human_stops_and_a_handoff_as_task_goes_on() -> None:
    swarm = Swarm(
        [assistant("Alice", over_to("user"), "thanks", handoffs=["user"])],
        termination_condition=HandoffTermination("user") | MaxMessageTermination(4),
        max_turns=1,
    )

    first = await swarm.run(task="go")
    with pytest.raises(ValueError, match=r"^The existing handoff target user is not one of the participants"):
        await swarm.run(task="what now?")
    second = await swarm.run(task=HandoffMessage(content="Here.", source="user", target="Alice"))

    assert first.stop_reason == "Handoff to user from Alice detected."
    assert sources(second) == ["HandoffMessage user", "TextMessage Alice"]


async def test_task_that_hands_over_to_nobody_is_refused_and_leaves_the_team_usable() -> None:
    swarm = Swarm([assistant("Alice", "hi")], max_turns=1)

    with pytest.raises(ValueError, match=r"^The target nobody is not one of the participants.*HandoffMessage"):
        await swarm.run(task=HandoffMessage(content="", source="user", target="nobody"))
    assert sources(await swarm.run(task="go")) == ["TextMessage user", "TextMessage Alice"]


async def test_handoff_out_of_the_team_that_does_not_end_the_run_is_an_error() -> None:
    swarm = Swarm([assistant("Alice", over_to("user"), handoffs=["user"])])

    with pytest.raises(RuntimeError, match="Speaker user not found in participant names"):
        await swarm.run(task="go")


async def test_state_restores_the_current_speaker() -> None:
    def make(*answers: str) -> Swarm:
        return Swarm(
            [assistant("Alice", over_to("bob"), handoffs=["Bob"]), assistant("Bob", *answers)],
            termination_condition=HandoffTermination("Bob") | TextMentionTermination("done"),
        )

    first, second = make(), make("done")
    await first.run(task="go")
    state = json.loads(json.dumps(await first.save_state()))
    await second.load_state(state)

    assert sources(await second.run()) == ["TextMessage Bob"]
    assert state["agent_states"]["SwarmGroupChatManager"]["type"] == "SwarmManagerState"


class Slow(ReplayChatCompletionClient):
    """Lets other tasks run before it answers, so that a run can be cancelled while it is asked."""

    async def create(self, *args: Any, **keywords: Any) -> CreateResult:
        for _ in range(5):
            await asyncio.sleep(0)
        return await super().create(*args, **keywords)


async def test_handoff_that_was_heard_counts_also_when_the_run_was_cancelled_just_then() -> None:
    heard_and_cancelled = 0
    for steps in range(200):
        bob = AssistantAgent("Bob", Slow(["done"] * 4, model_info=ABLE))
        swarm = Swarm([assistant("Alice", over_to("bob"), "Alice again", handoffs=["Bob"]), bob], max_turns=2)
        token = CancellationToken()
        running = asyncio.create_task(swarm.run(task="go", cancellation_token=token))
        for _ in range(steps):
            await asyncio.sleep(0)
        if running.done():
            break
        token.cancel()
        with suppress(asyncio.CancelledError):
            await running
        state: Any = (await swarm.save_state())["agent_states"]
        if "HandoffMessage" not in [message["type"] for message in state["Bob"]["message_buffer"]]:
            continue
        heard_and_cancelled += 1

        assert (await swarm.run()).messages[0].source == "Bob", steps

    assert heard_and_cancelled


async def test_reset_begins_with_the_first_participant_again() -> None:
    swarm = Swarm([assistant("Alice", over_to("bob"), "again", handoffs=["Bob"]), assistant("Bob", "hi")], max_turns=1)
    await swarm.run(task="go")
    await swarm.reset()

    assert sources(await swarm.run(task="new")) == ["TextMessage user", "TextMessage Alice"]


def test_participants_are_checked() -> None:
    inner: Any = RoundRobinGroupChat([assistant("Alice")])

    class Mute(AssistantAgent):
        produced_message_types = ()

    with pytest.raises(TypeError, match=r"must be a ChatAgent\.$"):
        Swarm([inner])
    with pytest.raises(ValueError, match="must be able to produce a handoff"):
        Swarm([Mute("Mute", ReplayChatCompletionClient([]))])
    Swarm([UserProxyAgent("user")])


async def test_configuration_round_trip() -> None:
    swarm = Swarm(
        [assistant("Alice", "hi")], termination_condition=MaxMessageTermination(2), max_turns=5, emit_team_events=True
    )

    dumped = swarm.dump_component()
    loaded = BaseGroupChat.load_component(
        json.loads(dumped.model_dump_json().replace("hubbub_agentchat", "autogen_agentchat"))
    )

    assert isinstance(loaded, Swarm)
    assert loaded.dump_component().config == dumped.config
    assert (await loaded.run(task="go")).messages[-1].to_text() == "hi"
