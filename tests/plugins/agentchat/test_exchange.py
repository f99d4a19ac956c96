"""The exchange: chat agents and teams as agents of the hub."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest
from chat_scripts import PNG, add, asked, calling, replay

from hubbub_agentchat.agents import AssistantAgent, BaseChatAgent
from hubbub_agentchat.base import Handoff, Response
from hubbub_agentchat.conditions import MaxMessageTermination
from hubbub_agentchat.exchange import from_chat_agent, from_team
from hubbub_agentchat.messages import BaseChatMessage, TextMessage
from hubbub_agentchat.teams import RoundRobinGroupChat
from hubbub_core import AdaptedAgent, AgentId, CancellationToken, FunctionCall, Image, SingleThreadedAgentRuntime
from hubbub_core.exchange import AgentResult, AgentTask, Source
from hubbub_core.models import (
    AssistantMessage,
    CreateResult,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    SystemMessage,
    UserMessage,
)
from hubbub_core.models.replay import ReplayChatCompletionClient
from hubbub_registry import adapt


async def collect(agent: AdaptedAgent, task: Any, **options: Any) -> list[Any]:
    return [item async for item in agent.run_stream(task, **options)]


async def test_adapt_makes_chat_agents_and_teams_agents_of_the_hub() -> None:
    agent = AssistantAgent("helper", replay("hi"), description="Helps.")
    adapted = adapt(agent, to="agent")
    team = adapt(RoundRobinGroupChat([agent], name="crew"), to="agent")

    assert isinstance(adapted, AdaptedAgent)
    assert (adapted.name, adapted.description) == ("helper", "Helps.")
    assert (team.name, team.description) == ("crew", "A team of agents.")


async def test_result_holds_calls_results_answer_and_usage() -> None:
    agent = AssistantAgent(
        "helper",
        replay(calling("add", '{"a": 1, "b": 2}', thought="let me add"), "three"),
        tools=[add],
        reflect_on_tool_use=True,
    )

    result = await from_chat_agent(agent).run("What is 1 + 2?")

    request, execution, answer = result.messages
    assert request == AssistantMessage(
        content=[FunctionCall(id="1", name="add", arguments='{"a": 1, "b": 2}')], source="helper"
    )
    assert isinstance(execution, FunctionExecutionResultMessage)
    assert answer == AssistantMessage(content="three", source="helper")
    assert result.text() == "three"
    assert result.source == "helper"
    assert result.usage.completion_tokens == 1
    assert result.usage.prompt_tokens > 0


async def test_chunks_show_text_thoughts_calls_and_results_once() -> None:
    agent = AssistantAgent(
        "helper",
        replay(calling("add", '{"a": 1, "b": 2}', thought="let me add"), "it is three"),
        tools=[add],
        reflect_on_tool_use=True,
        model_client_stream=True,
    )

    *chunks, result = await collect(from_chat_agent(agent), "go")

    assert [(chunk.kind, chunk.content) for chunk in chunks] == [
        ("thought", "let me add"),
        ("tool_call", 'add({"a": 1, "b": 2})'),
        ("tool_result", "3"),
        ("text", "it "),
        ("text", "is "),
        ("text", "three"),
    ]
    assert chunks[2].metadata == {"name": "add", "call_id": "1", "is_error": False}
    assert isinstance(result, AgentResult)


async def test_task_messages_keep_their_authors_and_images() -> None:
    client = replay("ok")
    image = Image.from_base64(PNG)
    task = AgentTask(
        messages=[
            UserMessage(content=["look", image], source="ada"),
            AssistantMessage(content="I looked.", source="bob"),
            UserMessage(content="And?", source="ada"),
        ],
        sources=[Source(content="A fact.", title="facts.md")],
    )

    result = await from_chat_agent(AssistantAgent("helper", client, system_message=None)).run(task)

    first, second, passages, last = asked(client)
    assert first == UserMessage(content=["look", image], source="ada")
    assert second == UserMessage(content="I looked.", source="bob")
    assert passages.content == "Passages found for the task:\n\n[1] facts.md\nA fact."
    assert last == UserMessage(content="And?", source="ada")
    assert result.sources == task.sources


async def test_instructions_and_tool_results_of_a_task_reach_the_model_as_they_are() -> None:
    client = replay("ok")
    earlier = [
        SystemMessage(content="Be brief."),
        AssistantMessage(content=[FunctionCall(id="9", name="f", arguments="{}")], source="bob"),
        FunctionExecutionResultMessage(
            content=[FunctionExecutionResult(content="r", name="f", call_id="9", is_error=False)]
        ),
    ]
    task = AgentTask(messages=[*earlier, UserMessage(content="Go on.", source="ada")])

    await from_chat_agent(AssistantAgent("helper", client, system_message=None)).run(task)

    assert asked(client) == [*earlier, UserMessage(content="Go on.", source="ada")]


async def test_handoff_of_an_agent_is_named_in_the_result() -> None:
    agent = AssistantAgent(
        "helper", replay(calling("transfer_to_bob")), handoffs=[Handoff(target="bob", message="Over.")]
    )

    result = await from_chat_agent(agent).run("go")

    assert result.metadata["handoff"] == "bob"
    assert result.text() == "Over."


async def test_team_in_the_hub_streams_its_members_and_says_why_it_stopped() -> None:
    team = RoundRobinGroupChat(
        [AssistantAgent("a", replay("from a")), AssistantAgent("b", replay("from b"), model_client_stream=True)],
        termination_condition=MaxMessageTermination(3),
    )

    *chunks, result = await collect(from_team(team, name="crew"), "go")

    assert [(chunk.source, chunk.content) for chunk in chunks] == [("a", "from a"), ("b", "from "), ("b", "b")]
    assert [message.source for message in result.messages] == ["a", "b"]
    assert result.source == "crew"
    assert result.metadata["stop_reason"] == "Maximum number of messages 3 reached, current message count: 3"


async def test_sessions_of_one_chat_agent_keep_their_conversations_apart() -> None:
    client = replay("one", "two", "three")
    agent = from_chat_agent(AssistantAgent("helper", client, system_message=None))

    await agent.run("I am Ada.", session="ada")
    await agent.run("I am Bob.", session="bob")
    await agent.run("Who am I?", session="ada")

    assert [message.content for message in asked(client, 1)] == ["I am Bob."]
    assert [message.content for message in asked(client, 2)] == ["I am Ada.", "one", "Who am I?"]


async def test_concurrent_sessions_of_one_agent_take_turns() -> None:
    client = replay(*["x"] * 10)
    agent = from_chat_agent(AssistantAgent("helper", client, system_message=None))

    async with asyncio.TaskGroup() as group:
        for number in range(10):
            group.create_task(agent.run(f"task {number}", session=str(number)))

    assert sorted(call["messages"][0].content for call in client.create_calls) == [f"task {n}" for n in range(10)]
    assert {len(call["messages"]) for call in client.create_calls} == {1}


async def test_factory_lets_sessions_run_at_the_same_time() -> None:
    both = asyncio.Barrier(2)

    class Meeting(ReplayChatCompletionClient):
        async def create(self, *args: Any, **kwargs: Any) -> CreateResult:
            await both.wait()
            return await super().create(*args, **kwargs)

    def make() -> AssistantAgent:
        return AssistantAgent("helper", Meeting(["met"]))

    agent = from_chat_agent(make(), factory=make)

    async with asyncio.timeout(5):
        results = await asyncio.gather(agent.run("x", session="1"), agent.run("x", session="2"))
    assert [result.text() for result in results] == ["met", "met"]


async def test_state_of_sessions_moves_to_another_process() -> None:
    first = from_chat_agent(AssistantAgent("helper", replay("one", "two"), system_message=None))
    await first.run("I am Ada.", session="ada")
    await first.run("I am Bob.", session="bob")
    client = replay("three", "four")
    second = from_chat_agent(AssistantAgent("helper", client, system_message=None))

    await second.load_state(json.loads(json.dumps(await first.save_state())))
    await second.run("Who am I?", session="ada")
    await second.run("Hello?", session="new")

    assert [message.content for message in asked(client, 0)] == ["I am Ada.", "one", "Who am I?"]
    assert [message.content for message in asked(client, 1)] == ["Hello?"]


async def test_state_that_does_not_fit_is_refused_at_once_and_changes_nothing() -> None:
    def make(client: ReplayChatCompletionClient) -> RoundRobinGroupChat:
        return RoundRobinGroupChat([AssistantAgent("a", client, system_message=None)], max_turns=1)

    client = replay("one", "two")
    agent = from_team(make(client))
    await agent.run("I am Ada.")

    other = from_team(make(client))
    with pytest.raises(ValueError, match="Agent state for a not found in the saved state"):
        await other.load_state({"default": {"type": "TeamState", "version": "1.0.0", "agent_states": {}}})
    await other.load_state(await agent.save_state())
    await other.run("Who am I?")

    assert [message.content for message in asked(client, 1)] == ["I am Ada.", "one", "Who am I?"]


async def test_cancellation_reaches_a_team_in_the_hub() -> None:
    started, ended = asyncio.Event(), asyncio.Event()

    class Hanging(ReplayChatCompletionClient):
        async def create(self, *args: Any, **kwargs: Any) -> CreateResult:
            started.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()
            raise AssertionError("never")

    team = from_team(RoundRobinGroupChat([AssistantAgent("a", Hanging([]))]))
    token = CancellationToken()
    running = asyncio.create_task(team.run("go", cancellation_token=token))
    await started.wait()
    token.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert ended.is_set()


async def test_chat_agent_registers_with_a_runtime_and_answers_tasks() -> None:
    runtime = SingleThreadedAgentRuntime()
    await from_chat_agent(AssistantAgent("helper", replay("hi"))).register(runtime, "helper")
    runtime.start()

    result = await runtime.send_message(AgentTask.from_text("hello"), AgentId("helper", "default"))
    await runtime.stop_when_idle()

    assert isinstance(result, AgentResult)
    assert result.text() == "hi"


class Echo(BaseChatAgent):
    @property
    def produced_message_types(self) -> Sequence[type[BaseChatMessage]]:
        return (TextMessage,)

    async def on_messages(self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken) -> Response:
        return Response(chat_message=TextMessage(content=messages[-1].to_text(), source=self.name))

    async def on_reset(self, cancellation_token: CancellationToken) -> None:
        pass


async def test_chat_agent_without_a_state_runs_in_any_session() -> None:
    agent = from_chat_agent(Echo("echo", "Echoes."))

    assert (await agent.run("one", session="1")).text() == "one"
    assert (await agent.run("two", session="2")).text() == "two"
