"""Orchestrations of Semantic Kernel as agents of the hub."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncGenerator
from typing import Any

import pytest

pytest.importorskip("semantic_kernel", reason="Semantic Kernel is not in every environment")

from pydantic import BaseModel
from semantic_kernel.agents import (
    Agent,
    AgentGroupChat,
    ChatCompletionAgent,
    ConcurrentOrchestration,
    GroupChatOrchestration,
    HandoffOrchestration,
    MagenticOrchestration,
    OrchestrationHandoffs,
    RoundRobinGroupChatManager,
    SequentialOrchestration,
    StandardMagenticManager,
)
from semantic_kernel.agents.orchestration.tools import structured_outputs_transform

from hubbub_agentchat.conditions import MaxMessageTermination
from hubbub_agentchat.teams import RoundRobinGroupChat
from hubbub_core import AdaptedAgent, AgentId, CancellationToken, FunctionCall, SingleThreadedAgentRuntime
from hubbub_core.exchange import AgentChunk, AgentResult, AgentTask
from hubbub_core.models import AssistantMessage, CreateResult, ModelInfo, RequestUsage, UserMessage
from hubbub_core.models.replay import ReplayChatCompletionClient
from hubbub_registry import adapt
from hubbub_semantic_kernel import HubChatCompletion

# What the orchestrations of Semantic Kernel warn of, about themselves.
pytestmark = [
    pytest.mark.filterwarnings("ignore:The `__get_pydantic_core_schema__` method:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:semantic_kernel.*"),
]

INFO = ModelInfo(vision=False, function_calling=True, json_output=True, family="unknown", structured_output=True)


class Waiting(ReplayChatCompletionClient):
    """A model that does not answer."""

    def __init__(self) -> None:
        super().__init__(["never"], model_info=INFO)
        self.started = asyncio.Event()
        self.ended = asyncio.Event()

    async def create_stream(self, *args: Any, **kwargs: Any) -> AsyncGenerator[str | CreateResult, None]:
        self.started.set()
        try:
            await asyncio.Future()
        finally:
            self.ended.set()
        yield "never"


def replay(*answers: str | CreateResult) -> ReplayChatCompletionClient:
    return ReplayChatCompletionClient(list(answers), model_info=INFO)


def member(name: str, *answers: str | CreateResult, client: Any = None, **options: Any) -> Agent:
    service = HubChatCompletion(client or replay(*answers))
    return ChatCompletionAgent(name=name, description=f"the {name}", service=service, **options)


def asked(client: ReplayChatCompletionClient, index: int = -1) -> list[str]:
    return [str(message.content) for message in client.create_calls[index]["messages"]]


def said(result: AgentResult) -> list[tuple[str, str]]:
    return [(str(getattr(message, "source", "")), str(message.content)) for message in result.messages]


async def everything(agent: AdaptedAgent, task: str) -> tuple[list[tuple[str, str, str]], AgentResult]:
    items = [item async for item in agent.run_stream(task)]
    assert isinstance(items[-1], AgentResult)
    return [(item.source, item.kind, item.content) for item in items if isinstance(item, AgentChunk)], items[-1]


async def test_a_sequence_streams_what_its_agents_say_under_their_names() -> None:
    critic = replay("Too short.")
    sequence: Any = SequentialOrchestration([member("writer", "A note."), member("critic", client=critic)], name="duo")

    chunks, result = await everything(adapt(sequence), "Write")

    assert chunks == [
        ("writer", "text", "A "),
        ("writer", "text", "note."),
        ("critic", "text", "Too "),
        ("critic", "text", "short."),
    ]
    assert result.messages == [
        AssistantMessage(content="A note.", source="writer"),
        AssistantMessage(content="Too short.", source="critic"),
    ]
    assert (result.source, result.text(), result.finish_reason) == ("duo", "Too short.", "stop")
    assert result.usage.completion_tokens == 4
    assert asked(critic) == ["A note."]


async def test_calls_of_an_agent_are_part_of_the_result() -> None:
    call = FunctionCall(id="1", name="clock-now", arguments="{}")
    asks = CreateResult(finish_reason="function_calls", content=[call], usage=RequestUsage(0, 1), cached=False)

    class Clock:
        @staticmethod
        def now() -> str:
            return "noon"

    from semantic_kernel.functions import KernelPlugin, kernel_function

    plugin = KernelPlugin("clock", functions=[kernel_function(name="now")(Clock.now)])
    sequence: Any = SequentialOrchestration([member("teller", asks, "It is noon.", plugins=[plugin])])

    chunks, result = await everything(adapt(sequence), "What time is it?")

    assert [(kind, content) for _, kind, content in chunks] == [
        ("tool_call", "clock-now({})"),
        ("tool_result", "noon"),
        ("text", "It "),
        ("text", "is "),
        ("text", "noon."),
    ]
    assert [message.type for message in result.messages] == [
        "AssistantMessage",
        "FunctionExecutionResultMessage",
        "AssistantMessage",
    ]


async def test_agents_that_work_at_the_same_time_are_told_apart() -> None:
    both: Any = ConcurrentOrchestration([member("left", "One two."), member("right", "Three four.")], name="both")

    chunks, result = await everything(adapt(both), "Count")

    assert sorted(said(result)) == [("left", "One two."), ("right", "Three four.")]
    assert [content for source, _, content in chunks if source == "left"] == ["One ", "two."]
    assert [content for source, _, content in chunks if source == "right"] == ["Three ", "four."]


async def test_each_run_of_a_group_chat_counts_its_own_rounds() -> None:
    chat: Any = GroupChatOrchestration(
        [member("a", "1", "3"), member("b", "2", "4")], manager=RoundRobinGroupChatManager(max_rounds=2), name="chat"
    )
    agent = adapt(chat)

    first, second = await agent.run("Count"), await agent.run("Go on")

    assert said(first) == [("a", "1"), ("b", "2")]
    assert said(second) == [("a", "3"), ("b", "4")]


async def test_a_handoff_ends_with_the_summary() -> None:
    hands = CreateResult(
        finish_reason="function_calls",
        content=[FunctionCall(id="1", name="Handoff-transfer_to_clerk", arguments="{}")],
        usage=RequestUsage(0, 1),
        cached=False,
    )
    ends = CreateResult(
        finish_reason="function_calls",
        content=[FunctionCall(id="2", name="Handoff-complete_task", arguments='{"task_summary": "Refunded."}')],
        usage=RequestUsage(0, 1),
        cached=False,
    )
    handoffs = OrchestrationHandoffs().add("desk", "clerk", "for refunds")
    desk: Any = HandoffOrchestration([member("desk", hands), member("clerk", ends)], handoffs, name="shop")

    result = await adapt(desk).run("A refund, please")

    assert result.text() == "Task is completed with summary: Refunded."
    assert [message.source for message in result.messages if isinstance(message, AssistantMessage)] == [
        "desk",
        "clerk",
        "clerk",
    ]


async def test_magentic_takes_a_conversation_as_one_text() -> None:
    ledger = (
        '{"is_request_satisfied": {"reason": "", "answer": %s}, "is_in_loop": {"reason": "", "answer": false}, '
        '"is_progress_being_made": {"reason": "", "answer": true}, "next_speaker": {"reason": "", "answer": "worker"}, '
        '"instruction_or_question": {"reason": "", "answer": "Work"}}'
    )
    client = replay("facts", "plan", ledger % "false", ledger % "true", "All done.")
    manager = StandardMagenticManager(chat_completion_service=HubChatCompletion(client))
    lab: Any = MagenticOrchestration([member("worker", "I worked.")], manager=manager, name="lab")

    result = await adapt(lab).run(
        [UserMessage(content="I am Ann", source="ann"), UserMessage(content="Work", source="bob")]
    )

    assert said(result) == [("worker", "I worked."), ("lab", "All done.")]
    assert "ann: I am Ann\n\nbob: Work" in asked(client, 0)[-1]


async def test_a_value_of_a_type_of_its_own_is_the_answer_as_json() -> None:
    class Note(BaseModel):
        length: int

    transform: Any = structured_outputs_transform(Note, HubChatCompletion(replay('{"length": 2}')))
    made: Any = SequentialOrchestration[str, Note]([member("writer", "A note.")], output_transform=transform, name="w")

    result = await adapt(made).run("Write")

    assert said(result) == [("writer", "A note."), ("w", '{"length":2}')]


async def test_callbacks_of_ones_own_are_called() -> None:
    heard: list[str] = []

    def listen(message: Any) -> None:
        heard.append(message.content)

    made: Any = SequentialOrchestration([member("writer", "A note.")], agent_response_callback=listen)

    await adapt(made).run("Write")

    assert heard == ["A note."]
    assert made._agent_response_callback is listen


async def test_an_error_of_an_agent_arrives_as_itself_and_ends_the_others() -> None:
    waiting = Waiting()

    class Failing(ReplayChatCompletionClient):
        async def create_stream(self, *args: Any, **kwargs: Any) -> AsyncGenerator[str | CreateResult, None]:
            await waiting.started.wait()
            yield self.fail()

        def fail(self) -> str:
            raise LookupError("no luck")

    both: Any = ConcurrentOrchestration(
        [member("left", client=Failing(["x"], model_info=INFO)), member("right", client=waiting)], name="both"
    )

    with pytest.raises(LookupError, match="no luck") as caught:
        await adapt(both).run("Count")

    assert caught.value.__notes__ == [
        "in its agent 'left'",
        "in agent 'both' (Semantic Kernel orchestration 'both')",
    ]
    assert waiting.ended.is_set()
    assert len(asyncio.all_tasks()) == 1


async def test_an_error_names_the_agent_that_it_came_from() -> None:
    made: Any = SequentialOrchestration([member("writer", "A note."), member("critic")], name="line")

    with pytest.raises(ValueError, match="No more mock responses available") as caught:
        await adapt(made).run("Write")

    assert caught.value.__notes__[0] == "in its agent 'critic'"


async def test_an_error_of_the_manager_does_not_leave_the_run_waiting() -> None:
    """Semantic Kernel's runtime writes it to its log and waits for ever."""

    class Broken(RoundRobinGroupChatManager):
        async def select_next_agent(self, *args: Any, **kwargs: Any) -> Any:
            raise LookupError("nobody is left")

    chat: Any = GroupChatOrchestration([member("a", "1"), member("b", "2")], manager=Broken(max_rounds=2), name="chat")

    with pytest.raises(LookupError, match="nobody is left"):
        await asyncio.wait_for(adapt(chat).run("Count"), 30)

    assert len(asyncio.all_tasks()) == 1


async def test_cancelling_the_token_ends_agents_and_runtime() -> None:
    waiting, token = Waiting(), CancellationToken()
    unseen: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unseen.append(context))
    made: Any = SequentialOrchestration([member("writer", "A note."), member("critic", client=waiting)])
    running = asyncio.create_task(adapt(made).run("Write", cancellation_token=token))
    await waiting.started.wait()

    token.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    del running
    gc.collect()

    assert waiting.ended.is_set()
    assert len(asyncio.all_tasks()) == 1
    assert unseen == []


async def test_leaving_the_stream_ends_the_run() -> None:
    waiting = Waiting()
    made: Any = SequentialOrchestration([member("writer", "A note."), member("critic", client=waiting)])
    stream = adapt(made).run_stream("Write")
    await anext(stream)

    await stream.aclose()

    assert len(asyncio.all_tasks()) == 1


async def test_it_is_an_agent_of_a_runtime_and_a_member_of_a_team() -> None:
    runtime = SingleThreadedAgentRuntime(ignore_unhandled_exceptions=False)
    made: Any = SequentialOrchestration([member("writer", "A note.", "Another.")], name="desk")
    await adapt(made).register(runtime, "desk")
    runtime.start()
    answer = await runtime.send_message(AgentTask.from_text("Write"), AgentId("desk", "default"))
    await runtime.stop_when_idle()
    team = RoundRobinGroupChat([adapt(made, to="chat agent")], termination_condition=MaxMessageTermination(2))
    done = await team.run(task="Write")

    assert answer.text() == "A note."
    assert [message.to_text() for message in done.messages] == ["Write", "Another."]


async def test_a_task_without_messages_is_refused() -> None:
    made: Any = SequentialOrchestration([member("writer", "A note.")], name="desk")

    with pytest.raises(ValueError, match="agent 'desk' was given a task without messages"):
        await adapt(made).run(AgentTask())


def test_a_group_chat_of_the_old_kind_is_refused_with_what_to_do() -> None:
    with pytest.raises(TypeError, match=r"AgentGroupChat cannot be an agent .*: adapt a GroupChatOrchestration"):
        adapt(AgentGroupChat(agents=[member("a", "x")]))
