"""The tutorial's page on teams (spec: 002 S2-119..131, 161, 167)."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from chat_scripts import asked, calling, contents, kinds, replay, result_of, said

from hubbub_agentchat.agents import AssistantAgent
from hubbub_agentchat.conditions import ExternalTermination, TextMentionTermination, TextMessageTermination
from hubbub_agentchat.teams import RoundRobinGroupChat
from hubbub_agentchat.ui import Console
from hubbub_core import CancellationToken
from hubbub_core.models import CreateResult
from hubbub_core.models.replay import ReplayChatCompletionClient

POEM = "Write a short poem about the fall season."


class Poets:
    """The page's two agents."""

    def __init__(self, *poems: str, verdicts: tuple[str, ...] = ("Add colour.", "Good. APPROVE")) -> None:
        self.poems = replay(*(poems or ("Leaves fall.", "Gold leaves fall.")))
        self.verdicts = replay(*verdicts)
        self.primary = AssistantAgent("primary", self.poems, system_message="You are a helpful AI assistant.")
        self.critic = AssistantAgent(
            "critic",
            self.verdicts,
            system_message="Provide constructive feedback. Respond with 'APPROVE' when your feedback is addressed.",
        )

    @property
    def both(self) -> list[AssistantAgent]:
        return [self.primary, self.critic]


async def test_reflection_goes_on_until_the_critic_approves() -> None:
    poets = Poets()
    team = RoundRobinGroupChat(poets.both, termination_condition=TextMentionTermination("APPROVE"))

    result = await team.run(task=POEM)

    assert said(result.messages) == [
        f"user: {POEM}",
        "primary: Leaves fall.",
        "critic: Add colour.",
        "primary: Gold leaves fall.",
        "critic: Good. APPROVE",
    ]
    assert result.stop_reason == "Text 'APPROVE' mentioned"
    assert contents(asked(poets.verdicts))[1:] == [POEM, "Leaves fall.", "Add colour.", "Gold leaves fall."]


async def test_stream_begins_with_the_task_and_ends_with_the_result() -> None:
    team = RoundRobinGroupChat(Poets().both, termination_condition=TextMentionTermination("APPROVE"))

    items = [item async for item in team.run_stream(task=POEM)]

    result = result_of(items)
    assert list(result.messages) == items[:-1]
    assert (result.messages[0].source, result.stop_reason) == ("user", "Text 'APPROVE' mentioned")


async def test_console_sums_up_a_team(capsys: pytest.CaptureFixture[str]) -> None:
    team = RoundRobinGroupChat(Poets().both, termination_condition=TextMentionTermination("APPROVE"))

    result = await Console(team.run_stream(task=POEM), output_stats=True)

    used = [message.models_usage for message in result.messages if message.models_usage]
    summary = capsys.readouterr().out.partition("---------- Summary ----------\n")[2].splitlines()
    assert summary[:-1] == [
        "Number of messages: 5",
        "Finish reason: Text 'APPROVE' mentioned",
        f"Total prompt tokens: {sum(usage.prompt_tokens for usage in used)}",
        f"Total completion tokens: {sum(usage.completion_tokens for usage in used)}",
    ]
    assert re.fullmatch(r"Duration: \d+\.\d\d seconds", summary[-1])


async def test_reset_makes_everybody_forget() -> None:
    poets = Poets()
    team = RoundRobinGroupChat(poets.both, termination_condition=TextMentionTermination("APPROVE"))
    await team.run(task=POEM)
    poets.poems.reset()
    poets.verdicts.reset()

    await team.reset()
    result = await team.run(task="Another one.")

    assert result.messages[1].source == "primary"
    assert contents(asked(poets.poems, 2))[1:] == ["Another one."]


async def test_new_team_of_used_agents_still_knows_what_they_know() -> None:
    poets = Poets("Leaves fall.", "Snow falls.")
    await RoundRobinGroupChat(poets.both, max_turns=1).run(task=POEM)

    await RoundRobinGroupChat(poets.both, max_turns=1).run(task="And winter?")

    assert contents(asked(poets.poems))[1:] == [POEM, "Leaves fall.", "And winter?"]


class Stopping(ReplayChatCompletionClient):
    """Its first answer comes just when somebody stops the team from outside."""

    def __init__(self, external: ExternalTermination, *answers: str) -> None:
        super().__init__(list(answers))
        self._external = external

    async def create(self, *args: Any, **kwargs: Any) -> CreateResult:
        if not self.create_calls:
            self._external.set()
        return await super().create(*args, **kwargs)


async def test_external_stop_lets_the_turn_end_and_its_message_be_heard() -> None:
    external = ExternalTermination()
    poets = Poets()
    primary = AssistantAgent("primary", Stopping(external, "Leaves fall.", "Gold leaves fall."))
    condition = external | TextMentionTermination("APPROVE")
    team = RoundRobinGroupChat([primary, poets.critic], termination_condition=condition)

    result = await asyncio.create_task(Console(team.run_stream(task=POEM)))
    await team.run()

    assert said(result.messages) == [f"user: {POEM}", "primary: Leaves fall."]
    assert result.stop_reason == "External termination requested"
    assert "Leaves fall." in contents(asked(poets.verdicts, 0))


async def test_stopped_team_goes_on_with_the_next_agent_and_no_new_task() -> None:
    external = ExternalTermination()
    primary = AssistantAgent("primary", Stopping(external, "Leaves fall.", "Gold leaves fall."))
    condition = external | TextMentionTermination("APPROVE")
    team = RoundRobinGroupChat([primary, Poets().critic], termination_condition=condition)
    await team.run(task=POEM)

    result = await team.run()

    assert said(result.messages) == ["critic: Add colour.", "primary: Gold leaves fall.", "critic: Good. APPROVE"]
    assert result.stop_reason == "Text 'APPROVE' mentioned"


async def test_new_task_keeps_the_context_and_the_turn() -> None:
    poets = Poets("Leaves fall.", "Gold leaves fall.", "金叶飘落。", verdicts=("Add colour.", "APPROVE", "APPROVE"))
    team = RoundRobinGroupChat(poets.both, termination_condition=TextMentionTermination("APPROVE"))
    await team.run(task=POEM)

    result = await team.run(task="将这首诗用中文唐诗风格写一遍。")

    assert [message.source for message in result.messages] == ["user", "primary", "critic"]
    assert "Gold leaves fall." in contents(asked(poets.poems))


async def test_abort_raises_at_once() -> None:
    token = CancellationToken()
    team = RoundRobinGroupChat(Poets().both, termination_condition=TextMentionTermination("APPROVE"))

    run = asyncio.create_task(team.run(task="Translate the poem to Spanish.", cancellation_token=token))
    token.cancel()

    with pytest.raises(asyncio.CancelledError):
        await run


async def test_one_agent_loops_until_it_answers_in_words() -> None:
    def increment_number(number: int) -> int:
        """Increment a number by 1."""
        return number + 1

    steps = [calling("increment_number", f'{{"number":{number}}}') for number in range(5, 10)]
    agent = AssistantAgent(
        "looped_assistant",
        replay(*steps, "The number 5 incremented to 10 is 10."),
        tools=[increment_number],
        system_message="You are a helpful AI assistant, use the tool to increment the number.",
    )
    team = RoundRobinGroupChat([agent], termination_condition=TextMessageTermination("looped_assistant"))

    result = await team.run(task="Increment the number 5 to 10.")

    triple = ["ToolCallRequestEvent", "ToolCallExecutionEvent", "ToolCallSummaryMessage"]
    assert kinds(result.messages) == ["TextMessage", *triple * 5, "TextMessage"]
    assert [message.to_text() for message in result.messages[3::3]] == ["6", "7", "8", "9", "10"]
    assert result.stop_reason == "Text message received from 'looped_assistant'"
