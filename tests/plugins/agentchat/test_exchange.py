"""The exchange: chat agents and teams as agents of the hub."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest
from chat_scripts import PNG, add, asked, calling, replay
from pydantic import BaseModel

from hubbub_agentchat.agents import AssistantAgent, BaseChatAgent
from hubbub_agentchat.base import Handoff, Response
from hubbub_agentchat.conditions import MaxMessageTermination
from hubbub_agentchat.exchange import from_chat_agent, from_team
from hubbub_agentchat.messages import (
    BaseAgentEvent,
    BaseChatMessage,
    MultiModalMessage,
    StructuredMessage,
    TextMessage,
    ThoughtEvent,
    ToolCallSummaryMessage,
)
from hubbub_agentchat.teams import RoundRobinGroupChat
from hubbub_core import AdaptedAgent, AgentId, CancellationToken, FunctionCall, Image, SingleThreadedAgentRuntime
from hubbub_core.exchange import AgentResult, AgentTask, Source
from hubbub_core.memory import ListMemory, MemoryContent
from hubbub_core.models import (
    AssistantMessage,
    CreateResult,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    RequestUsage,
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
        content=[FunctionCall(id="1", name="add", arguments='{"a": 1, "b": 2}')], source="helper", thought="let me add"
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

    first, second, last = asked(client)
    assert first == UserMessage(content=["look", image], source="ada")
    assert second == UserMessage(content="I looked.", source="bob")
    assert last == UserMessage(content="And?\n\n[1] facts.md\nA fact.", source="ada")
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


class Says(BaseChatAgent):
    """Says what it was made with, and keeps what it is told."""

    def __init__(self, *said: BaseAgentEvent | BaseChatMessage, name: str = "agent") -> None:
        super().__init__(name, "Says it.")
        self.said = said
        self.told: list[BaseChatMessage] = []

    @property
    def produced_message_types(self) -> Sequence[type[BaseChatMessage]]:
        return (BaseChatMessage,)

    async def on_messages(self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken) -> Response:
        self.told += messages
        *inner, last = self.said
        assert isinstance(last, BaseChatMessage)
        return Response(chat_message=last, inner_messages=inner)

    async def on_reset(self, cancellation_token: CancellationToken) -> None:
        pass


async def test_metadata_of_the_answer_and_its_finish_reason_are_those_of_the_result() -> None:
    source = Source(content="A fact.", title="facts.md")
    answer = TextMessage(
        content="Once upon",
        source="agent",
        metadata={
            "finish_reason": "length",
            "citations": '[{"url": "https://a"}]',
            "sources": json.dumps([source.model_dump(mode="json")]),
        },
    )

    result = await from_chat_agent(Says(answer)).run("go")

    assert (result.finish_reason, result.sources) == ("length", [source])
    assert result.metadata == {"task": "go", "citations": '[{"url": "https://a"}]'}


async def test_what_a_memory_found_is_among_the_sources_once() -> None:
    memory = ListMemory()
    await memory.add(MemoryContent(content="A fact.", mime_type="text/plain", metadata={"title": "facts.md"}))
    known = Source(content="A fact.", title="facts.md", metadata={"title": "facts.md"})
    agent = from_chat_agent(AssistantAgent("helper", replay("one", "two"), memory=[memory]))

    first = await agent.run("go")
    second = await agent.run(AgentTask.from_text("go", sources=[known]))

    assert (first.sources, second.sources) == ([known], [known])


async def test_sources_that_are_the_applications_own_stay_in_the_metadata() -> None:
    answer = TextMessage(content="x", source="agent", metadata={"sources": "the usual"})

    result = await from_chat_agent(Says(answer)).run("go")

    assert (result.metadata["sources"], result.sources) == ("the usual", [])


async def test_answer_of_a_model_that_was_cut_off_says_so() -> None:
    cut = CreateResult(finish_reason="length", content="Once upon", usage=RequestUsage(0, 2), cached=False)

    result = await from_chat_agent(AssistantAgent("helper", replay(cut))).run("Tell me a story.")

    assert (result.text(), result.finish_reason) == ("Once upon", "length")


async def test_thoughts_go_with_what_is_said_after_them_and_images_stay() -> None:
    picture = MultiModalMessage(content=["a gull", Image.from_base64(PNG)], source="agent")
    agent = Says(
        ThoughtEvent(content="first", source="agent"),
        ThoughtEvent(content="then", source="agent"),
        TextMessage(content="Look:", source="agent"),
        ThoughtEvent(content="this one", source="agent"),
        picture,
    )

    result = await from_chat_agent(agent).run("go")

    assert result.messages == [
        AssistantMessage(content="Look:", thought="first\nthen", source="agent"),
        AssistantMessage(content="", thought="this one", source="agent"),
        UserMessage(content=picture.content, source="agent"),
    ]


async def test_calls_that_only_a_summary_tells_are_in_the_result() -> None:
    call = FunctionCall(id="1", name="add", arguments="{}")
    executed = FunctionExecutionResult(content="3", name="add", call_id="1", is_error=False)

    result = await from_chat_agent(
        Says(ToolCallSummaryMessage(content="3", source="agent", tool_calls=[call], results=[executed]))
    ).run("go")

    assert result.messages == [
        AssistantMessage(content=[call], source="agent"),
        FunctionExecutionResultMessage(content=[executed]),
        AssistantMessage(content="3", source="agent"),
    ]


class Fact(BaseModel):
    says: str


async def test_content_of_a_structured_answer_is_in_the_metadata() -> None:
    answer = StructuredMessage[Fact](content=Fact(says="x"), source="agent", format_string="It says {says}.")

    result = await from_chat_agent(Says(answer)).run("go")

    assert (result.text(), result.metadata["structured_response"]) == ("It says x.", {"says": "x"})


async def test_metadata_of_a_task_reach_the_agent_as_texts() -> None:
    agent = Says(TextMessage(content="x", source="agent"))

    await from_chat_agent(agent).run(
        AgentTask.from_text("go", metadata={"lang": "de", "limits": {"words": 3}, "task": "go"})
    )

    (told,) = agent.told
    assert told.metadata == {"lang": "de", "limits": '{"words": 3}'}


async def test_error_of_a_chat_agent_names_it() -> None:
    with pytest.raises(ValueError, match="model ran out") as caught:
        await from_chat_agent(AssistantAgent("helper", Failing([])), name="clerk").run("go")

    assert caught.value.__notes__ == ["in agent 'clerk' (AssistantAgent 'helper')"]


class Failing(ReplayChatCompletionClient):
    async def create(self, *args: Any, **kwargs: Any) -> CreateResult:
        raise ValueError("the model ran out")


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
