"""The examples in the reference of teams, conditions and configurations.

spec: 000-part2 sections 3, 8..10; 004 S4-016..044
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from chat_scripts import asked, calling, contents, kinds, replay, said

from hubbub_agentchat.agents import AssistantAgent
from hubbub_agentchat.base import AndTerminationCondition, OrTerminationCondition
from hubbub_agentchat.conditions import (
    ExternalTermination,
    HandoffTermination,
    MaxMessageTermination,
    TextMentionTermination,
)
from hubbub_agentchat.messages import BaseAgentEvent, BaseChatMessage, HandoffMessage, TextMessage
from hubbub_agentchat.teams import (
    BaseGroupChat,
    MagenticOneGroupChat,
    RoundRobinGroupChat,
    SelectorGroupChat,
    Swarm,
)
from hubbub_agentchat.ui import Console
from hubbub_core import CancellationToken
from hubbub_core.models.replay import ReplayChatCompletionClient
from hubbub_core.tools import FunctionTool

COUNT = "Count from 1 to 10, respond one at a time."


class Waiting(ReplayChatCompletionClient):
    """Never answers; says when it is asked."""

    def __init__(self) -> None:
        super().__init__([])
        self.asking = asyncio.Event()

    async def create(self, *args: Any, **kwargs: Any) -> Any:
        self.asking.set()
        await asyncio.Event().wait()


def counters(*numbers: str) -> list[AssistantAgent]:
    return [AssistantAgent(f"Assistant{n}", replay(*numbers)) for n in (1, 2)]


async def test_team_counts_the_same_again_after_a_reset() -> None:
    agents = counters("1", "1")
    team = RoundRobinGroupChat(agents, termination_condition=MaxMessageTermination(3))

    first = [item async for item in team.run_stream(task=COUNT)]
    await team.reset()
    second = [item async for item in team.run_stream(task=COUNT)]

    assert said(first[:-1]) == said(second[:-1]) == [f"user: {COUNT}", "Assistant1: 1", "Assistant2: 1"]


@pytest.mark.parametrize("streaming", [False, True])
async def test_team_goes_on_without_a_task(streaming: bool) -> None:
    team = RoundRobinGroupChat(counters("1", "2", "3"), termination_condition=MaxMessageTermination(3))

    async def run(task: str | None) -> list[str]:
        if streaming:
            return said([item async for item in team.run_stream(task=task)][:-1])
        return said((await team.run(task=task)).messages)

    first, second = await run(COUNT), await run(None)

    assert first == [f"user: {COUNT}", "Assistant1: 1", "Assistant2: 1"]
    assert second == ["Assistant1: 2", "Assistant2: 2", "Assistant1: 3"]


@pytest.mark.parametrize("console", [False, True])
async def test_cancelled_run_raises_and_the_team_can_be_used_again(console: bool) -> None:
    model, token = Waiting(), CancellationToken()
    team = RoundRobinGroupChat([AssistantAgent("Assistant1", model), *counters("2")[1:]], max_turns=2)
    run: asyncio.Task[Any] = (
        asyncio.create_task(Console(team.run_stream(task=COUNT, cancellation_token=token)))
        if console
        else asyncio.create_task(team.run(task=COUNT, cancellation_token=token))
    )
    await model.asking.wait()

    token.cancel()

    with pytest.raises(asyncio.CancelledError):
        await run
    await team.reset()
    await asyncio.sleep(0)  # a runtime's own task ends within one round of the loop
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_magentic_one_with_a_single_assistant_finishes() -> None:
    def ledger(satisfied: bool) -> str:
        return json.dumps(
            {
                "is_request_satisfied": {"reason": "r", "answer": satisfied},
                "is_in_loop": {"reason": "r", "answer": False},
                "is_progress_being_made": {"reason": "r", "answer": True},
                "next_speaker": {"reason": "r", "answer": "Assistant"},
                "instruction_or_question": {"reason": "r", "answer": "Give another proof."},
            }
        )

    orchestrator = replay("Facts.", "Plan.", ledger(False), ledger(True), "Here is the proof.")
    assistant = AssistantAgent("Assistant", replay("A proof."))
    team = MagenticOneGroupChat([assistant], model_client=orchestrator)

    result = await Console(team.run_stream(task="Provide a different proof for Fermat's Last Theorem"))

    assert said(result.messages)[0] == "user: Provide a different proof for Fermat's Last Theorem"
    assert "Assistant: A proof." in said(result.messages)
    assert result.messages[-1].to_text() == "Here is the proof."
    assert result.stop_reason is not None


async def test_team_of_one_participant_with_a_tool() -> None:
    async def get_weather(location: str) -> str:
        """Get the weather."""
        return f"The weather in {location} is sunny."

    agent = AssistantAgent(
        "Assistant", replay(calling("get_weather", '{"location": "New York"}'), "TERMINATE"), tools=[get_weather]
    )
    team = RoundRobinGroupChat([agent], termination_condition=TextMentionTermination("TERMINATE"))

    result = await Console(team.run_stream(task="What's the weather in New York?"))

    assert "Assistant: The weather in New York is sunny." in said(result.messages)


async def test_travel_team_books_a_trip() -> None:
    async def lookup_hotel(location: str) -> str:
        """Find hotels."""
        return f"Here are some hotels in {location}: hotel1, hotel2, hotel3."

    async def lookup_flight(origin: str, destination: str) -> str:
        """Find flights."""
        return f"Here are some flights from {origin} to {destination}: flight1, flight2, flight3."

    async def book_trip() -> str:
        """Book it."""
        return "Your trip is booked!"

    model_client = replay("Hotel_Agent", "Flight_Agent", "Travel_Advisor", "Travel_Advisor")
    advisor = AssistantAgent(
        "Travel_Advisor",
        replay(calling("book_trip"), "All done. TERMINATE"),
        tools=[book_trip],
        description="Helps with travel planning.",
    )
    hotels = AssistantAgent(
        "Hotel_Agent",
        replay(calling("lookup_hotel", '{"location": "New York"}')),
        tools=[lookup_hotel],
        description="Helps with hotel booking.",
    )
    flights = AssistantAgent(
        "Flight_Agent",
        replay(calling("lookup_flight", '{"origin": "Oslo", "destination": "New York"}')),
        tools=[lookup_flight],
        description="Helps with flight booking.",
    )
    team = SelectorGroupChat(
        [advisor, hotels, flights],
        model_client=model_client,
        termination_condition=TextMentionTermination("TERMINATE"),
        allow_repeated_speaker=True,
    )

    result = await Console(team.run_stream(task="Book a 3-day trip to new york."))

    spoken = [message for message in result.messages if isinstance(message, BaseChatMessage)]
    assert said(spoken)[1:] == [
        "Hotel_Agent: Here are some hotels in New York: hotel1, hotel2, hotel3.",
        "Flight_Agent: Here are some flights from Oslo to New York: flight1, flight2, flight3.",
        "Travel_Advisor: Your trip is booked!",
        "Travel_Advisor: All done. TERMINATE",
    ]
    (prompt,) = contents(asked(model_client, 0))
    assert "Hotel_Agent: Helps with hotel booking." in prompt


async def test_calculator_and_checker_alternate_by_function() -> None:
    def check_calculation(x: int, y: int, answer: int) -> str:
        """Check a sum."""
        return "Correct!" if x + y == answer else "Incorrect!"

    agent1 = AssistantAgent("Agent1", replay("1 + 1 = 3.", "1 + 1 = 2."), description="For calculation")
    checks = [calling("check_calculation", f'{{"x": 1, "y": 1, "answer": {answer}}}') for answer in (3, 2)]
    agent2 = AssistantAgent(
        "Agent2", replay(*checks), tools=[check_calculation], description="For checking calculation"
    )
    lengths: list[int] = []

    def selector_func(messages: Sequence[BaseAgentEvent | BaseChatMessage]) -> str | None:
        lengths.append(len(messages))
        if len(messages) == 1 or messages[-1].to_text() == "Incorrect!":
            return "Agent1"
        return "Agent2" if messages[-1].source == "Agent1" else None

    team = SelectorGroupChat(
        [agent1, agent2],
        model_client=replay(),
        selector_func=selector_func,
        termination_condition=TextMentionTermination("Correct!"),
    )

    result = await Console(team.run_stream(task="What is 1 + 1?"))

    spoken = [message for message in result.messages if isinstance(message, BaseChatMessage)]
    assert said(spoken)[1:] == ["Agent1: 1 + 1 = 3.", "Agent2: Incorrect!", "Agent1: 1 + 1 = 2.", "Agent2: Correct!"]
    # The task, then each answer; and the tool events of the checker are seen too.
    assert lengths == [1, 2, 5, 6]


async def test_search_and_analysis_alternate_until_approval() -> None:
    def percentage_change(start: float, end: float) -> str:
        """Compute a change in percent."""
        if start == 0:
            return "Cannot calculate percentage change from zero."
        return f"The change is {(end - start) / start * 100:.2f}%."

    changes = [calling("percentage_change", f'{{"start": {start}, "end": 214}}') for start in (0, 107)]
    search = AssistantAgent("search_agent", replay("0 and 214.", "No: 107 and 214.", "APPROVE"))
    analysis = AssistantAgent("analysis_agent", replay(*changes), tools=[percentage_change])
    team = SelectorGroupChat(
        [search, analysis],
        model_client=replay(),
        selector_func=lambda messages: "analysis_agent" if messages[-1].source == "search_agent" else "search_agent",
        termination_condition=TextMentionTermination("APPROVE") | MaxMessageTermination(10),
    )

    result = await team.run(task="How did the rebounds change?")

    spoken = [message for message in result.messages if isinstance(message, BaseChatMessage)]
    assert said(spoken)[1:] == [
        "search_agent: 0 and 214.",
        "analysis_agent: Cannot calculate percentage change from zero.",
        "search_agent: No: 107 and 214.",
        "analysis_agent: The change is 100.00%.",
        "search_agent: APPROVE",
    ]
    assert result.stop_reason == "Text 'APPROVE' mentioned"


async def test_swarm_hands_over_from_alice_to_bob() -> None:
    alice = AssistantAgent(
        "Alice",
        replay(calling("transfer_to_bob")),
        handoffs=["Bob"],
        system_message="You are Alice and you only answer questions about yourself.",
    )
    bob = AssistantAgent("Bob", replay("My birthday is on 1st January."))
    team = Swarm([alice, bob], termination_condition=MaxMessageTermination(3))

    items = [item async for item in team.run_stream(task="What is bob's birthday?")]

    spoken = [item for item in items if isinstance(item, BaseChatMessage)]
    assert kinds(spoken) == ["TextMessage", "HandoffMessage", "TextMessage"]
    assert said(spoken)[-1] == "Bob: My birthday is on 1st January."


async def test_swarm_asks_a_user_who_is_no_member_and_goes_on_with_the_answer() -> None:
    model = replay(calling("transfer_to_user"), "Bob was born in June.", "On the first.")
    alice = AssistantAgent("Alice", model, handoffs=["user"])
    condition = HandoffTermination(target="user") | MaxMessageTermination(3)
    team = Swarm([alice], termination_condition=condition)

    first = await team.run(task="What is bob's birthday?")
    answer = HandoffMessage(source="user", target="Alice", content="Bob's birthday is on 1st June.")
    second = await team.run(task=answer)

    assert first.stop_reason == "Handoff to user from Alice detected."
    assert said(second.messages) == [
        "user: Bob's birthday is on 1st June.",
        "Alice: Bob was born in June.",
        "Alice: On the first.",
    ]


async def test_conditions_are_combined_and_reset() -> None:
    def both() -> tuple[MaxMessageTermination, TextMentionTermination]:
        return MaxMessageTermination(2), TextMentionTermination("TERMINATE")

    hello, end = (TextMessage(content=content, source="a") for content in ("Hello.", "TERMINATE"))
    one, other = both()
    either: OrTerminationCondition | Any = one | other
    one, other = both()
    all_of: AndTerminationCondition | Any = one & other

    assert (await either([hello]), await all_of([hello])) == (None, None)
    assert await either([hello]) is not None
    assert await all_of([hello]) is None
    assert await all_of([end]) is not None
    await either.reset()
    await all_of.reset()
    assert (either.terminated, all_of.terminated) == (False, False)


async def test_external_termination_stops_a_run_from_outside() -> None:
    external = ExternalTermination()

    async def look_outside() -> str:
        """Look outside."""
        external.set()
        return "Somebody waves."

    agent = AssistantAgent("Assistant", replay(calling("look_outside"), "never"), tools=[look_outside])
    team = RoundRobinGroupChat([agent], termination_condition=external)

    result = await asyncio.create_task(team.run(task="Watch."))

    assert result.messages[-1].to_text() == "Somebody waves."
    assert result.stop_reason == "External termination requested"


def documented(model: str) -> dict[str, Any]:
    """The team of the page on component configuration, as it is printed there."""
    return {
        "provider": "autogen_agentchat.teams.RoundRobinGroupChat",
        "component_type": "team",
        "version": 1,
        "component_version": 1,
        "description": "A team that runs a group chat with participants taking turns in a round-robin fashion\n"
        "    to publish a message to all.",
        "label": "RoundRobinGroupChat",
        "config": {
            "participants": [
                {
                    "provider": "autogen_agentchat.agents.AssistantAgent",
                    "component_type": "agent",
                    "version": 1,
                    "component_version": 1,
                    "description": "An agent that provides assistance with tool use.",
                    "label": "AssistantAgent",
                    "config": {
                        "name": "weather_agent",
                        "model_client": {
                            "provider": "autogen_ext.models.openai.OpenAIChatCompletionClient",
                            "component_type": "model",
                            "version": 1,
                            "component_version": 1,
                            "description": "Chat completion client for OpenAI hosted models.",
                            "label": "OpenAIChatCompletionClient",
                            "config": {"model": model},
                        },
                        "tools": [],
                        "handoffs": [],
                        "model_context": {
                            "provider": "autogen_core.model_context.UnboundedChatCompletionContext",
                            "component_type": "chat_completion_context",
                            "version": 1,
                            "component_version": 1,
                            "description": "An unbounded chat completion context that keeps a view of the all the "
                            "messages.",
                            "label": "UnboundedChatCompletionContext",
                            "config": {},
                        },
                        "description": "An agent that provides assistance with ability to use tools.",
                        "system_message": "You are a helpful AI assistant. Solve tasks using your tools. "
                        "Reply with TERMINATE when the task has been completed.",
                        "model_client_stream": False,
                        "reflect_on_tool_use": False,
                        "tool_call_summary_format": "{result}",
                    },
                }
            ],
            "termination_condition": {
                "provider": "autogen_agentchat.conditions.TextMentionTermination",
                "component_type": "termination",
                "version": 1,
                "component_version": 1,
                "description": "Terminate the conversation if a specific text is mentioned.",
                "label": "TextMentionTermination",
                "config": {"text": "TERMINATE"},
            },
        },
    }


def covers(found: Any, wanted: Any, where: str = "") -> list[str]:
    """Return where a configuration lacks, or says otherwise, what another one has; providers by their last name."""
    if isinstance(wanted, dict):
        return [
            problem
            for key, value in wanted.items()
            for problem in ([f"{where}.{key}"] if key not in found else covers(found[key], value, f"{where}.{key}"))
        ]
    if isinstance(wanted, list):
        pairs = enumerate(zip(found, wanted, strict=True))
        return [problem for number, (a, b) in pairs for problem in covers(a, b, f"{where}[{number}]")]
    last = where.rpartition(".")[2]
    if last == "provider":
        found, wanted = found.rpartition(".")[2], wanted.rpartition(".")[2]
    # Descriptions of classes are in this library's own words; versions have gone up since the page was written.
    if (last == "description" and ".config.description" not in where) or last in ("version", "component_version"):
        return []
    return [] if found == wanted else [f"{where}: {found!r}, not {wanted!r}"]


async def test_documented_team_is_loaded_and_dumped_with_the_same_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-xxx")
    path = tmp_path / "team.json"
    path.write_text(json.dumps(documented("gpt-4o-mini")))

    team = BaseGroupChat.load_component(json.loads(path.read_text()))
    dumped = json.loads(team.dump_component().model_dump_json(exclude_none=True))
    again = BaseGroupChat.load_component(dumped)
    wanted = documented("gpt-4o-mini")
    del wanted["config"]["participants"][0]["config"]["tools"]  # in a workbench since version 2 of the agent

    assert isinstance(team, RoundRobinGroupChat)
    assert covers(dumped, wanted) == []
    assert "sk-xxx" not in json.dumps(dumped)
    assert again.dump_component() == team.dump_component()


async def test_loaded_team_works_as_the_one_that_was_dumped() -> None:
    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    agent = AssistantAgent(
        "calculator",
        replay(calling("add", '{"a": 2, "b": 3}'), "TERMINATE"),
        tools=[FunctionTool(add, description="Adds.")],
    )
    team = RoundRobinGroupChat([agent], termination_condition=TextMentionTermination("TERMINATE"))
    dumped = json.loads(team.dump_component().model_dump_json())

    with pytest.raises(PermissionError, match="'code'"):
        BaseGroupChat.load_component(dumped)
    with pytest.warns(UserWarning, match="source"):
        loaded = BaseGroupChat.load_component(dumped, allow=["code"])
    result = await loaded.run(task="2 + 3?")

    assert said(result.messages)[-2:] == ["calculator: 5", "calculator: TERMINATE"]
