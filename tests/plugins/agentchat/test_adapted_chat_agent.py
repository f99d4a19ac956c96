"""Agents of any framework as participants of teams."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, ClassVar, Self

import pytest
from chat_scripts import PNG, asked, replay
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from hubbub_agentchat.agents import AssistantAgent, BaseChatAgent
from hubbub_agentchat.base import Response, TaskResult
from hubbub_agentchat.conditions import TextMentionTermination
from hubbub_agentchat.exchange import AdaptedChatAgent, from_chat_agent, to_chat_agent
from hubbub_agentchat.messages import (
    BaseAgentEvent,
    BaseChatMessage,
    HandoffMessage,
    ModelClientStreamingChunkEvent,
    MultiModalMessage,
    StopMessage,
    TextMessage,
    ThoughtEvent,
    ToolCallExecutionEvent,
    ToolCallRequestEvent,
    UserInputRequestedEvent,
)
from hubbub_agentchat.teams import BaseGroupChat, RoundRobinGroupChat, SelectorGroupChat, Swarm
from hubbub_core import AdaptedAgent, CancellationToken, FunctionCall, Image
from hubbub_core.exchange import AgentChunk, AgentContext, AgentResult, AgentTask, Source
from hubbub_core.models import (
    AssistantMessage,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    LLMMessage,
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


class Returning:
    """Yields what it was made with, and keeps its tasks."""

    def __init__(self, *items: AgentChunk | AgentResult) -> None:
        self.items = items
        self.tasks: list[AgentTask] = []

    async def run(self, task: AgentTask, context: AgentContext) -> AsyncIterator[AgentChunk | AgentResult]:
        self.tasks.append(task)
        for item in self.items:
            yield item


def returning(*items: AgentChunk | AgentResult) -> AdaptedChatAgent:
    return AdaptedChatAgent(AdaptedAgent(lambda: Returning(*items), name="graph"))


async def messages_of(*items: AgentChunk | AgentResult) -> list[Any]:
    """Return what a participant says whose agent yields these."""
    result = await returning(*items).run(task="go", output_task_messages=False)
    return list(result.messages)


async def test_what_an_agent_did_not_stream_comes_with_its_result() -> None:
    picture = UserMessage(content=["a gull", Image.from_base64(PNG)], source="painter")

    thought, early, drawn, later, answer = await messages_of(
        AgentResult(
            messages=[
                AssistantMessage(content="I begin.", thought="where to begin", source="planner"),
                picture,
                AssistantMessage(content="Done.", thought="is that all", source="graph"),
            ],
            finish_reason="interrupt",
            metadata={"interrupts": [{"id": "1", "value": "ok?"}], "lang": "de"},
        )
    )

    assert (thought.content, later.content) == ("where to begin", "is that all")
    assert (early.source, early.content, drawn.content) == ("planner", "I begin.", picture.content)
    assert (answer.source, answer.content) == ("graph", "Done.")
    assert answer.metadata == {
        "finish_reason": "interrupt",
        "interrupts": '[{"id": "1", "value": "ok?"}]',
        "lang": "de",
    }


async def test_thought_that_was_streamed_does_not_come_again() -> None:
    said = await messages_of(
        AgentChunk(content="is that", source="graph", kind="thought"),
        AgentChunk(content=" all\n", source="graph", kind="thought"),
        AgentResult(messages=[AssistantMessage(content="Done.", thought="is that all", source="graph")]),
    )

    assert [message.to_text() for message in said] == ["is that all\n", "Done."]


async def test_answer_with_images_has_them() -> None:
    picture = UserMessage(content=["a gull", Image.from_base64(PNG)], source="graph")

    (answer,) = await messages_of(AgentResult(messages=[picture]))

    assert isinstance(answer, MultiModalMessage)
    assert answer.content == picture.content


@pytest.mark.parametrize(
    ("arguments", "text"),
    [('{"words": 615}', '{"words": 615}'), ({"words": 615}, '{"words": 615}'), (None, "{}"), ("", "{}")],
)
async def test_arguments_of_a_call_are_json_text(arguments: Any, text: str) -> None:
    about = {"name": "count", "call_id": "1", "arguments": arguments}

    request, _ = await messages_of(
        AgentChunk(content="count", source="graph", kind="tool_call", metadata=about),
        AgentResult.from_text("ok", source="graph"),
    )

    assert request.content == [FunctionCall(id="1", name="count", arguments=text)]


async def test_what_a_chunk_tells_beside_its_text_is_metadata_of_the_event() -> None:
    items = returning(
        AgentChunk(content="ok", source="graph", metadata={"node": "planner", "within": ["outer"]}),
        AgentResult.from_text("ok", source="graph"),
    ).run_stream(task="go")

    (chunk,) = [item async for item in items if isinstance(item, ModelClientStreamingChunkEvent)]
    assert chunk.metadata == {"node": "planner", "within": '["outer"]'}


async def test_agent_of_the_hub_hands_off_in_a_swarm() -> None:
    handing = returning(AgentResult.from_text("Yours.", source="graph", metadata={"handoff": "helper"}))
    team = Swarm(
        [handing, AssistantAgent("helper", replay("hello"))], termination_condition=TextMentionTermination("hello")
    )

    result = await team.run(task="go", output_task_messages=False)

    assert [(message.source, message.to_text()) for message in result.messages] == [
        ("graph", "Yours."),
        ("helper", "hello"),
    ]


async def test_metadata_of_the_newest_message_are_the_tasks() -> None:
    adapter = Returning(AgentResult.from_text("ok", source="graph"))

    await AdaptedChatAgent(AdaptedAgent(lambda: adapter, name="graph")).run(
        task=TextMessage(content="yes", source="user", metadata={"resume": "yes"})
    )

    assert adapter.tasks[0].metadata == {"resume": "yes"}


texts = st.text(min_size=1, max_size=8)
usages = st.none() | st.builds(RequestUsage, st.integers(0, 9), st.integers(1, 9))
parts = st.lists(texts | st.just(Image.from_base64(PNG)), min_size=1, max_size=3)
calls = st.builds(FunctionCall, id=texts, name=texts, arguments=st.just("{}") | texts)
results = st.builds(FunctionExecutionResult, content=texts, name=texts, call_id=texts, is_error=st.booleans())
own = st.dictionaries(
    texts.filter(lambda key: key not in {"task", "sources", "finish_reason", "handoff", "handoff_context", "stop"}),
    st.text(max_size=8),
    max_size=2,
)
about = st.builds(
    lambda kept, reason: kept | reason,
    own,
    st.sampled_from([{}, {"finish_reason": "length"}]),
)
source = st.just("agent")
inner = st.lists(
    st.builds(ThoughtEvent, content=texts, source=source)
    | st.builds(ToolCallRequestEvent, content=st.lists(calls, min_size=1, max_size=2), source=source)
    | st.builds(ToolCallExecutionEvent, content=st.lists(results, min_size=1, max_size=2), source=source)
    | st.builds(UserInputRequestedEvent, request_id=texts, source=source)
    | st.builds(TextMessage, content=texts, source=source)
    | st.builds(MultiModalMessage, content=parts, source=source),
    max_size=5,
)
context: st.SearchStrategy[list[LLMMessage]] = st.lists(
    st.builds(AssistantMessage, content=st.lists(calls, max_size=2), source=source, thought=st.none() | texts)
    | st.builds(UserMessage, content=texts | parts, source=texts)
    | st.builds(FunctionExecutionResultMessage, content=st.lists(results, max_size=2)),
    max_size=2,
)
last = (
    st.builds(TextMessage, content=texts, source=source, metadata=about, models_usage=usages)
    | st.builds(MultiModalMessage, content=parts, source=source, metadata=about, models_usage=usages)
    | st.builds(StopMessage, content=texts, source=source, metadata=about, models_usage=usages)
    | st.builds(
        HandoffMessage,
        content=texts,
        source=source,
        metadata=about,
        models_usage=usages,
        target=texts,
        context=context,
    )
)


class Says(BaseChatAgent):
    """Says what it was made with."""

    def __init__(self, inner: Sequence[BaseAgentEvent | BaseChatMessage], last: BaseChatMessage) -> None:
        super().__init__("agent", "Says it.")
        self.response = Response(chat_message=last, inner_messages=inner)

    @property
    def produced_message_types(self) -> Sequence[type[BaseChatMessage]]:
        return (BaseChatMessage,)

    async def on_messages(self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken) -> Response:
        return self.response

    async def on_reset(self, cancellation_token: CancellationToken) -> None:
        pass


def told(message: BaseAgentEvent | BaseChatMessage) -> list[Any]:
    """Return what a message says, a list of calls or results as its items, for these are streamed one by one."""
    if isinstance(message, ToolCallRequestEvent | ToolCallExecutionEvent):
        return [(type(message), item) for item in message.content]
    said = message.model_dump(exclude={"id", "created_at"})
    return [said]


def by_kind(messages: Sequence[BaseAgentEvent | BaseChatMessage]) -> list[list[Any]]:
    """Return what was said; what is streamed and what stands only in a result keep their order among themselves."""
    return [
        [item for message in messages if isinstance(message, kind) for item in told(message)]
        for kind in (BaseAgentEvent, BaseChatMessage)
    ]


@settings(deadline=None)
@given(inner, last)
def test_what_a_chat_agent_says_comes_back_from_the_exchange_as_it_was(
    inner: list[BaseAgentEvent | BaseChatMessage], last: BaseChatMessage
) -> None:
    there_and_back = to_chat_agent(from_chat_agent(Says(inner, last)))

    result = asyncio.run(there_and_back.run(task="go", output_task_messages=False))

    assert by_kind(result.messages) == by_kind([*inner, last])


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
