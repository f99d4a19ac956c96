"""Agents of any framework as participants of teams."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any, ClassVar, Self

import pytest
from chat_scripts import asked, replay
from pydantic import BaseModel

from hubbub_agentchat.agents import AssistantAgent
from hubbub_agentchat.base import TaskResult
from hubbub_agentchat.exchange import AdaptedChatAgent, to_chat_agent
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
from hubbub_core import AdaptedAgent, CancellationToken, FunctionCall
from hubbub_core.exchange import AgentChunk, AgentContext, AgentResult, AgentTask, Source
from hubbub_core.models import (
    AssistantMessage,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    RequestUsage,
    UserMessage,
)
from hubbub_core.models.replay import ReplayChatCompletionClient
from hubbub_registry import Component, ComponentBase, NoAdapterError, adapt


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
        return RoundRobinGroupChat([forgetful, AssistantAgent("helper", replay("hello", "again"))], max_turns=2)

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

    client = replay("hello graph")
    team = make(client)
    result = await team.run(task="go")
    other = make(replay("again"))
    await other.load_state(json.loads(json.dumps(await team.save_state())))
    further = await other.run()

    assert [message.content for message in asked(client)] == ["go", "run 1"]
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


class ForeignConfig(BaseModel):
    name: str


class ForeignComponent(Foreign, ComponentBase[ForeignConfig], Component[ForeignConfig]):
    component_type = "agent"
    component_config_schema = ForeignConfig
    component_provider_override = "test_adapted_chat_agent.ForeignComponent"

    @classmethod
    def _from_config(cls, config: ForeignConfig) -> Self:
        return cls()


class NoAgent(ComponentBase[ForeignConfig], Component[ForeignConfig]):
    component_type = "agent"
    component_config_schema = ForeignConfig
    component_provider_override = "test_adapted_chat_agent.NoAgent"

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
    team = BaseGroupChat.load_component(team_of("test_adapted_chat_agent.ForeignComponent"))

    first = await team.run(task="go")
    await team.reset()
    second = await team.run(task="go")

    assert [result.messages[-1].to_text() for result in (first, second)] == ["run 1", "run 1"]
    assert first.messages[-1].source == "graph"
    dumped = team.dump_component().config["participants"]
    assert dumped == [{"provider": "test_adapted_chat_agent.ForeignComponent", "config": {"name": "graph"}}]


def test_component_that_is_no_agent_is_no_participant() -> None:
    with pytest.raises(TypeError, match=r"test_adapted_chat_agent\.NoAgent built a NoAgent, which is no participant"):
        BaseGroupChat.load_component(team_of("test_adapted_chat_agent.NoAgent"))


def test_participant_built_in_code_cannot_be_dumped() -> None:
    with pytest.raises(NotImplementedError, match=r"^This component does not support dumping to config: agent 'graph'"):
        RoundRobinGroupChat([AdaptedChatAgent(foreign())]).dump_component()


async def test_selector_reads_the_description_of_an_adapted_agent() -> None:
    client = replay("graph")
    team = SelectorGroupChat(
        [AdaptedChatAgent(foreign()), AssistantAgent("helper", replay("x"))],
        client,
        max_turns=1,
        selector_prompt="{roles}",
    )

    await team.run(task="go")

    assert "graph: Another framework's agent." in asked(client)[0].content
