"""The exchange: chat agents and teams as agents of the hub, agents of any framework as participants of teams."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, ClassVar, Self

import pytest
from pydantic import BaseModel

from hubbub_agentchat.agents import AssistantAgent, BaseChatAgent
from hubbub_agentchat.base import Handoff, Response, TaskResult
from hubbub_agentchat.conditions import MaxMessageTermination
from hubbub_agentchat.exchange import AdaptedChatAgent, from_chat_agent, from_team, to_chat_agent
from hubbub_agentchat.messages import (
    BaseChatMessage,
    HandoffMessage,
    ModelClientStreamingChunkEvent,
    MultiModalMessage,
    TextMessage,
    ToolCallExecutionEvent,
    ToolCallRequestEvent,
)
from hubbub_agentchat.teams import BaseGroupChat, RoundRobinGroupChat, SelectorGroupChat
from hubbub_core import AdaptedAgent, AgentId, CancellationToken, FunctionCall, Image, SingleThreadedAgentRuntime
from hubbub_core.exchange import AgentChunk, AgentContext, AgentResult, AgentTask, Source
from hubbub_core.models import (
    AssistantMessage,
    CreateResult,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    ModelInfo,
    RequestUsage,
    SystemMessage,
    UserMessage,
)
from hubbub_core.models.replay import ReplayChatCompletionClient
from hubbub_registry import Component, ComponentBase, NoAdapterError, adapt

INFO = ModelInfo(vision=True, function_calling=True, json_output=True, family="unknown", structured_output=True)
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def model(*answers: str | CreateResult) -> ReplayChatCompletionClient:
    return ReplayChatCompletionClient(list(answers), model_info=INFO)


def call(name: str, arguments: str) -> CreateResult:
    return CreateResult(
        finish_reason="function_calls",
        content=[FunctionCall(id="1", name=name, arguments=arguments)],
        usage=RequestUsage(0, 0),
        cached=False,
        thought="let me add",
    )


def add(a: int, b: int) -> int:
    """Add numbers."""
    return a + b


async def collect(agent: AdaptedAgent, task: Any, **options: Any) -> list[Any]:
    return [item async for item in agent.run_stream(task, **options)]


def seen(client: ReplayChatCompletionClient, index: int = -1) -> list[Any]:
    return list(client.create_calls[index]["messages"])


# Chat agents in the hub


async def test_adapt_makes_chat_agents_and_teams_agents_of_the_hub() -> None:
    agent = AssistantAgent("helper", model("hi"), description="Helps.")
    adapted = adapt(agent, to="agent")
    team = adapt(RoundRobinGroupChat([agent], name="crew"), to="agent")

    assert isinstance(adapted, AdaptedAgent)
    assert (adapted.name, adapted.description) == ("helper", "Helps.")
    assert (team.name, team.description) == ("crew", "A team of agents.")


async def test_result_holds_calls_results_answer_and_usage() -> None:
    agent = AssistantAgent(
        "helper", model(call("add", '{"a": 1, "b": 2}'), "three"), tools=[add], reflect_on_tool_use=True
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
        model(call("add", '{"a": 1, "b": 2}'), "it is three"),
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
    client = model("ok")
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

    first, second, passages, last = seen(client)
    assert first == UserMessage(content=["look", image], source="ada")
    assert second == UserMessage(content="I looked.", source="bob")
    assert passages.content == "Passages found for the task:\n\n[1] facts.md\nA fact."
    assert last == UserMessage(content="And?", source="ada")
    assert result.sources == task.sources


async def test_instructions_and_tool_results_of_a_task_reach_the_model_as_they_are() -> None:
    client = model("ok")
    earlier = [
        SystemMessage(content="Be brief."),
        AssistantMessage(content=[FunctionCall(id="9", name="f", arguments="{}")], source="bob"),
        FunctionExecutionResultMessage(
            content=[FunctionExecutionResult(content="r", name="f", call_id="9", is_error=False)]
        ),
    ]
    task = AgentTask(messages=[*earlier, UserMessage(content="Go on.", source="ada")])

    await from_chat_agent(AssistantAgent("helper", client, system_message=None)).run(task)

    assert seen(client) == [*earlier, UserMessage(content="Go on.", source="ada")]


async def test_handoff_of_an_agent_is_named_in_the_result() -> None:
    handing = CreateResult(
        finish_reason="function_calls",
        content=[FunctionCall(id="1", name="transfer_to_bob", arguments="{}")],
        usage=RequestUsage(0, 0),
        cached=False,
    )
    agent = AssistantAgent("helper", model(handing), handoffs=[Handoff(target="bob", message="Over.")])

    result = await from_chat_agent(agent).run("go")

    assert result.metadata["handoff"] == "bob"
    assert result.text() == "Over."


async def test_team_in_the_hub_streams_its_members_and_says_why_it_stopped() -> None:
    team = RoundRobinGroupChat(
        [AssistantAgent("a", model("from a")), AssistantAgent("b", model("from b"), model_client_stream=True)],
        termination_condition=MaxMessageTermination(3),
    )

    *chunks, result = await collect(from_team(team, name="crew"), "go")

    assert [(chunk.source, chunk.content) for chunk in chunks] == [("a", "from a"), ("b", "from "), ("b", "b")]
    assert [message.source for message in result.messages] == ["a", "b"]
    assert result.source == "crew"
    assert result.metadata["stop_reason"] == "Maximum number of messages 3 reached, current message count: 3"


async def test_sessions_of_one_chat_agent_keep_their_conversations_apart() -> None:
    client = model("one", "two", "three")
    agent = from_chat_agent(AssistantAgent("helper", client, system_message=None))

    await agent.run("I am Ada.", session="ada")
    await agent.run("I am Bob.", session="bob")
    await agent.run("Who am I?", session="ada")

    assert [message.content for message in seen(client, 1)] == ["I am Bob."]
    assert [message.content for message in seen(client, 2)] == ["I am Ada.", "one", "Who am I?"]


async def test_concurrent_sessions_of_one_agent_take_turns() -> None:
    client = model(*["x"] * 10)
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
    first = from_chat_agent(AssistantAgent("helper", model("one", "two"), system_message=None))
    await first.run("I am Ada.", session="ada")
    await first.run("I am Bob.", session="bob")
    client = model("three", "four")
    second = from_chat_agent(AssistantAgent("helper", client, system_message=None))

    await second.load_state(json.loads(json.dumps(await first.save_state())))
    await second.run("Who am I?", session="ada")
    await second.run("Hello?", session="new")

    assert [message.content for message in seen(client, 0)] == ["I am Ada.", "one", "Who am I?"]
    assert [message.content for message in seen(client, 1)] == ["Hello?"]


async def test_state_that_does_not_fit_is_refused_at_once_and_changes_nothing() -> None:
    def make(client: ReplayChatCompletionClient) -> RoundRobinGroupChat:
        return RoundRobinGroupChat([AssistantAgent("a", client, system_message=None)], max_turns=1)

    client = model("one", "two")
    agent = from_team(make(client))
    await agent.run("I am Ada.")

    other = from_team(make(client))
    with pytest.raises(ValueError, match="Agent state for a not found in the saved state"):
        await other.load_state({"default": {"type": "TeamState", "version": "1.0.0", "agent_states": {}}})
    await other.load_state(await agent.save_state())
    await other.run("Who am I?")

    assert [message.content for message in seen(client, 1)] == ["I am Ada.", "one", "Who am I?"]


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
    await from_chat_agent(AssistantAgent("helper", model("hi"))).register(runtime, "helper")
    runtime.start()

    result = await runtime.send_message(AgentTask.from_text("hello"), AgentId("helper", "default"))
    await runtime.stop_when_idle()

    assert isinstance(result, AgentResult)
    assert result.text() == "hi"


# Agents of other frameworks in teams


class Foreign:
    """An adapter as a framework's plugin writes it: counts its runs, streams, calls a tool, has a state."""

    made: ClassVar[int] = 0

    def __init__(self) -> None:
        type(self).made += 1
        self.runs = 0
        self.closed = False
        self.tasks: list[AgentTask] = []
        self.hanging = asyncio.Event()

    async def run(self, task: AgentTask, context: AgentContext) -> AsyncIterator[AgentChunk | AgentResult]:
        self.tasks.append(task)
        self.runs += 1
        if task.text() == "hang":
            self.hanging.set()
            await asyncio.Event().wait()
        if task.text() == "fail":
            raise ValueError("the framework said no")
        name = context.name
        yield AgentChunk(content="think", source=name, kind="thought")
        yield AgentChunk(content="ing", source=name, kind="thought")
        yield AgentChunk(
            content="look(x)",
            source=name,
            kind="tool_call",
            metadata={"name": "look", "call_id": "1", "arguments": '{"at": "x"}'},
        )
        yield AgentChunk(
            content="found",
            source=name,
            kind="tool_result",
            metadata={"name": "look", "call_id": "1", "is_error": False},
        )
        yield AgentChunk(content="working", source=name, kind="status")
        yield AgentChunk(content="run ", source=name)
        yield AgentChunk(content=str(self.runs), source=name)
        yield AgentResult(
            messages=[
                AssistantMessage(
                    content=[
                        FunctionCall(id="1", name="look", arguments='{"at": "x"}'),
                        FunctionCall(id="2", name="unseen", arguments="{}"),
                    ],
                    source=name,
                ),
                FunctionExecutionResultMessage(
                    content=[FunctionExecutionResult(content="found", name="look", call_id="1", is_error=False)]
                ),
                AssistantMessage(content=f"run {self.runs}", source=name),
            ],
            sources=[Source(content="A fact.", title="facts.md")],
            usage=RequestUsage(5, 7),
        )

    async def save_state(self) -> Mapping[str, Any]:
        return {"runs": self.runs}

    async def load_state(self, state: Mapping[str, Any]) -> None:
        self.runs = state["runs"]

    async def close(self) -> None:
        self.closed = True


def foreign(name: str = "graph") -> AdaptedAgent:
    return AdaptedAgent(Foreign, name=name, description="Another framework's agent.")


async def test_adapt_makes_an_agent_of_the_hub_a_participant() -> None:
    agent = adapt(foreign(), to="chat agent")

    assert isinstance(agent, AdaptedChatAgent)
    assert (agent.name, agent.description) == ("graph", "Another framework's agent.")
    assert to_chat_agent(foreign("my graph-2"), description="Mine.").name == "my_graph_2"
    assert AdaptedChatAgent(foreign("2nd")).name == "_2nd"
    with pytest.raises(NoAdapterError):
        adapt(object(), to="chat agent")


async def test_what_it_streams_becomes_chunks_thoughts_and_tool_events() -> None:
    items = [item async for item in AdaptedChatAgent(foreign()).run_stream(task="go")]

    assert [type(item).__name__ for item in items] == [
        "TextMessage",
        "ThoughtEvent",
        "ToolCallRequestEvent",
        "ToolCallExecutionEvent",
        "ModelClientStreamingChunkEvent",
        "ModelClientStreamingChunkEvent",
        "ToolCallRequestEvent",
        "TextMessage",
        "TaskResult",
    ]
    _, thought, request, execution, chunk, _, unseen, answer, result = items
    assert thought.content == "thinking"  # type: ignore[union-attr] # a ThoughtEvent
    assert isinstance(request, ToolCallRequestEvent)
    assert request.content == [FunctionCall(id="1", name="look", arguments='{"at": "x"}')]
    assert isinstance(execution, ToolCallExecutionEvent)
    assert execution.content[0].content == "found"
    assert isinstance(unseen, ToolCallRequestEvent)
    assert [call.id for call in unseen.content] == ["2"]
    assert isinstance(answer, TextMessage)
    assert isinstance(chunk, ModelClientStreamingChunkEvent)
    assert chunk.full_message_id == answer.id
    assert (answer.content, answer.source, answer.models_usage) == ("run 1", "graph", RequestUsage(5, 7))
    assert json.loads(answer.metadata["sources"])[0]["title"] == "facts.md"
    assert isinstance(result, TaskResult)
    assert len(result.messages) == 6


async def test_participant_is_given_new_messages_and_a_handoffs_context() -> None:
    adapter = Foreign()
    agent = AdaptedChatAgent(AdaptedAgent(lambda: adapter, name="graph"))
    brought = AssistantMessage(content="I looked.", source="ada")

    await agent.run(task=HandoffMessage(content="Yours.", source="ada", target="graph", context=[brought]))
    await agent.run(task=MultiModalMessage(content=["look"], source="user"))

    assert adapter.tasks[0].messages == [brought, UserMessage(content="Yours.", source="ada")]
    assert adapter.tasks[1].messages == [UserMessage(content=["look"], source="user")]


class Forgetful:
    """An adapter that keeps nothing, such as a graph without a checkpointer."""

    async def run(self, task: AgentTask, context: AgentContext) -> AsyncIterator[AgentChunk | AgentResult]:
        said = ", ".join(str(message.content) for message in task.messages)
        yield AgentResult.from_text(f"[{said}]", source=context.name)


async def test_agent_that_keeps_nothing_is_given_the_whole_conversation_also_after_a_restart() -> None:
    def make() -> RoundRobinGroupChat:
        forgetful = AdaptedChatAgent(AdaptedAgent(Forgetful, name="graph"))
        return RoundRobinGroupChat([forgetful, AssistantAgent("helper", model("hello", "again"))], max_turns=2)

    team, other = make(), make()
    await team.run(task="go")
    await other.load_state(json.loads(json.dumps(await team.save_state())))
    result = await other.run(output_task_messages=False)
    await other.reset()
    fresh = await other.run(task="new")

    assert result.messages[0].to_text() == "[go, [go], hello]"
    assert fresh.messages[1].to_text() == "[new]"


async def test_repeating_the_conversation_can_be_chosen() -> None:
    agent = to_chat_agent(AdaptedAgent(Forgetful, name="graph"), repeat=False)

    await agent.run(task="one")

    assert (await agent.run(task="two")).messages[-1].to_text() == "[two]"


async def test_team_of_agents_of_two_frameworks_talks_saves_and_goes_on() -> None:
    def make(client: ReplayChatCompletionClient) -> RoundRobinGroupChat:
        return RoundRobinGroupChat(
            [AdaptedChatAgent(foreign()), AssistantAgent("helper", client, system_message=None)], max_turns=2
        )

    client = model("hello graph")
    team = make(client)
    result = await team.run(task="go")
    other = make(model("again"))
    await other.load_state(json.loads(json.dumps(await team.save_state())))
    further = await other.run()

    assert [message.content for message in seen(client)] == ["go", "run 1"]
    assert [message.to_text() for message in result.messages if isinstance(message, BaseChatMessage)] == [
        "go",
        "run 1",
        "hello graph",
    ]
    assert [message.to_text() for message in further.messages if isinstance(message, BaseChatMessage)] == [
        "run 2",
        "again",
    ]


async def test_reset_closes_its_session_and_begins_a_new_one() -> None:
    adapters: list[Foreign] = []

    def factory() -> Foreign:
        adapters.append(Foreign())
        return adapters[-1]

    team = RoundRobinGroupChat([AdaptedChatAgent(AdaptedAgent(factory, name="graph"))], max_turns=1)
    await team.run(task="go")
    await team.reset()
    result = await team.run(task="go")

    assert result.messages[-1].to_text() == "run 1"
    assert [adapter.closed for adapter in adapters] == [True, False]


async def test_one_agent_in_two_teams_has_two_sessions() -> None:
    agent = foreign()
    teams = [RoundRobinGroupChat([AdaptedChatAgent(agent)], max_turns=1) for _ in range(2)]

    results = [await team.run(task="go") for team in teams]

    assert [result.messages[-1].to_text() for result in results] == ["run 1", "run 1"]


async def test_error_of_a_framework_ends_the_run_with_it() -> None:
    with pytest.raises(RuntimeError, match=r"(?s)^ValueError: the framework said no.*'graph'"):
        await RoundRobinGroupChat([AdaptedChatAgent(foreign())]).run(task="fail")


async def test_cancellation_reaches_a_participant_of_another_framework() -> None:
    adapter = Foreign()
    agent = AdaptedChatAgent(AdaptedAgent(lambda: adapter, name="graph"))
    token = CancellationToken()
    running = asyncio.create_task(RoundRobinGroupChat([agent], max_turns=1).run(task="hang", cancellation_token=token))
    await adapter.hanging.wait()
    token.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running


# Configurations


class ForeignConfig(BaseModel):
    name: str


class ForeignComponent(Foreign, ComponentBase[ForeignConfig], Component[ForeignConfig]):
    component_type = "agent"
    component_config_schema = ForeignConfig
    component_provider_override = "test_exchange.ForeignComponent"

    @classmethod
    def _from_config(cls, config: ForeignConfig) -> Self:
        return cls()


class NoAgent(ComponentBase[ForeignConfig], Component[ForeignConfig]):
    component_type = "agent"
    component_config_schema = ForeignConfig
    component_provider_override = "test_exchange.NoAgent"

    @classmethod
    def _from_config(cls, config: ForeignConfig) -> Self:
        return cls()


def team_of(*providers: str) -> dict[str, Any]:
    return {
        "provider": "autogen_agentchat.teams.RoundRobinGroupChat",
        "component_type": "team",
        "version": 1,
        "config": {
            "participants": [{"provider": provider, "config": {"name": "graph"}} for provider in providers],
            "max_turns": 1,
        },
    }


async def test_team_file_with_an_agent_of_another_framework_loads_resets_and_dumps() -> None:
    team = BaseGroupChat.load_component(team_of("test_exchange.ForeignComponent"))

    first = await team.run(task="go")
    await team.reset()
    second = await team.run(task="go")

    assert [result.messages[-1].to_text() for result in (first, second)] == ["run 1", "run 1"]
    assert first.messages[-1].source == "graph"
    dumped = team.dump_component().config["participants"]
    assert dumped == [{"provider": "test_exchange.ForeignComponent", "config": {"name": "graph"}}]


def test_component_that_is_no_agent_is_no_participant() -> None:
    with pytest.raises(TypeError, match=r"test_exchange\.NoAgent built a NoAgent, which is no participant"):
        BaseGroupChat.load_component(team_of("test_exchange.NoAgent"))


def test_participant_built_in_code_cannot_be_dumped() -> None:
    with pytest.raises(NotImplementedError, match=r"^This component does not support dumping to config: agent 'graph'"):
        RoundRobinGroupChat([AdaptedChatAgent(foreign())]).dump_component()


# What the selector needs: descriptions


async def test_selector_reads_the_description_of_an_adapted_agent() -> None:
    client = model("graph")
    team = SelectorGroupChat(
        [AdaptedChatAgent(foreign()), AssistantAgent("helper", model("x"))],
        client,
        max_turns=1,
        selector_prompt="{roles}",
    )

    await team.run(task="go")

    assert "graph: Another framework's agent." in seen(client)[0].content


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
