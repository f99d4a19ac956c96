"""What writers of teams of their own build on: managers, messages of the group, sequential agents (N-190..N-192)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any

import pytest
from agentchat_agents import Line, Scripted
from chat_scripts import said
from pydantic import BaseModel

from hubbub_agentchat.base import ChatAgent, Response, TaskResult, Team, TerminationCondition
from hubbub_agentchat.messages import (
    BaseAgentEvent,
    BaseChatMessage,
    MessageFactory,
    StopMessage,
    StructuredMessage,
    TextMessage,
    ThoughtEvent,
)
from hubbub_agentchat.teams import BaseGroupChat, RoundRobinGroupChat
from hubbub_agentchat.teams._group_chat._base_group_chat_manager import BaseGroupChatManager
from hubbub_agentchat.teams._group_chat._events import (
    GroupChatAgentResponse,
    GroupChatError,
    GroupChatMessage,
    GroupChatPause,
    GroupChatRequestPublish,
    GroupChatReset,
    GroupChatResume,
    GroupChatStart,
    GroupChatTeamResponse,
    GroupChatTermination,
    SerializableException,
)
from hubbub_agentchat.teams._group_chat._sequential_routed_agent import SequentialRoutedAgent
from hubbub_core import AgentId, MessageContext, SingleThreadedAgentRuntime, event, message_handler

Choice = Callable[[Sequence[BaseAgentEvent | BaseChatMessage]], Any]


class ChoosingManager(BaseGroupChatManager):
    """Has a function choose, and keeps nothing else."""

    def __init__(self, choose: Choice, *args: Any) -> None:
        super().__init__(*args)
        self.choose = choose

    async def validate_group_state(self, messages: list[BaseChatMessage] | None) -> None:
        if messages and messages[0].to_text() == "refuse me":
            raise ValueError("not this task")

    async def select_speaker(self, thread: Sequence[BaseAgentEvent | BaseChatMessage]) -> list[str] | str:
        chosen: list[str] | str = self.choose(thread)
        return chosen

    async def reset(self) -> None:
        self._message_thread.clear()

    async def save_state(self) -> Mapping[str, Any]:
        return {"thread": said(self._message_thread)}


class ChoosingTeam(BaseGroupChat):
    """Built as the documents say: a manager, and a team that makes it."""

    def __init__(
        self,
        participants: list[ChatAgent | Team],
        choose: Choice,
        manager: type[ChoosingManager] = ChoosingManager,
        **options: Any,
    ) -> None:
        super().__init__(
            "choosing", "Chooses.", participants, group_chat_manager_name="Chooser",
            group_chat_manager_class=manager, **options,
        )  # fmt: skip
        self.choose = choose
        self.manager = manager

    def _create_group_chat_manager_factory(
        self,
        name: str,
        group_topic_type: str,
        output_topic_type: str,
        participant_topic_types: list[str],
        participant_names: list[str],
        participant_descriptions: list[str],
        output_message_queue: asyncio.Queue[BaseAgentEvent | BaseChatMessage | GroupChatTermination],
        termination_condition: TerminationCondition | None,
        max_turns: int | None,
        message_factory: MessageFactory,
    ) -> Callable[[], ChoosingManager]:
        return lambda: self.manager(
            self.choose, name, group_topic_type, output_topic_type, participant_topic_types, participant_names,
            participant_descriptions, output_message_queue, termination_condition, max_turns, message_factory,
            self._emit_team_events,
        )  # fmt: skip


async def thread_of(team: BaseGroupChat) -> list[str]:
    found: list[str] = (await team.save_state())["agent_states"]["Chooser"]["thread"]
    return found


async def test_manager_selects_one_or_several_and_reads_the_thread() -> None:
    def choose(thread: Sequence[BaseAgentEvent | BaseChatMessage]) -> list[str] | str:
        return ["a", "b"] if len(thread) == 1 else "c"

    members: list[ChatAgent | Team] = [Scripted("a"), Scripted("b"), Scripted("c")]
    result = await ChoosingTeam(members, choose, max_turns=2, emit_team_events=True).run(task="go")

    lines = said(result.messages)
    assert lines[:2] == ["user: go", "Chooser: ['a', 'b']"]
    assert sorted(lines[2:4]) == ["a: a speaks", "b: b speaks"]
    assert lines[4:] == ["Chooser: ['c']", "c: c speaks"]
    assert result.stop_reason == "Maximum number of turns 2 reached."


async def test_task_that_the_manager_refuses_is_an_error_of_the_run_and_the_team_goes_on() -> None:
    team = ChoosingTeam([Scripted("a")], lambda thread: "a", max_turns=1)

    with pytest.raises(ValueError, match="not this task"):
        await team.run(task="refuse me")
    assert said((await team.run(task="go")).messages) == ["user: go", "a: a speaks"]


async def test_selected_name_that_is_no_participant_is_a_runtime_error_that_names_both() -> None:
    team = ChoosingTeam([Scripted("a")], lambda thread: ["a", "stranger"])

    with pytest.raises(RuntimeError, match=r"Speaker stranger not found in participant names \['a'\]"):
        await team.run(task="go")


async def test_run_whose_manager_selects_nobody_stops() -> None:
    result = await ChoosingTeam([Scripted("a")], lambda thread: []).run(task="go")

    assert said(result.messages) == ["user: go"]
    assert result.stop_reason == "The group chat is stopped."


@pytest.mark.parametrize("first", [True, False])
async def test_selecting_nobody_on_a_runtime_of_the_caller_is_an_error_not_a_run_that_never_ends(first: bool) -> None:
    runtime = SingleThreadedAgentRuntime()
    runtime.start()
    team = ChoosingTeam([Scripted("a")], lambda thread: [] if first or len(thread) > 1 else "a", runtime=runtime)

    with pytest.raises(RuntimeError, match=r"ChoosingManager selected nobody to speak.*one of \['a'\]"):
        await asyncio.wait_for(team.run(task="go"), 10)
    await runtime.stop_when_idle()


class BrokenManager(ChoosingManager):
    @event
    async def handle_agent_response(self, message: GroupChatAgentResponse, ctx: MessageContext) -> None:
        raise LookupError("broken manager")


async def test_failure_of_the_runtime_that_the_manager_does_not_catch_ends_the_run_with_it() -> None:
    team = ChoosingTeam([Scripted("a")], lambda thread: "a", manager=BrokenManager)

    with pytest.raises(RuntimeError, match=r"^LookupError: broken manager"):
        await asyncio.wait_for(team.run(task="go"), 10)


class Silent(RoundRobinGroupChat):
    """A team whose stream ends without a result."""

    async def run_stream(self, **options: Any) -> AsyncGenerator[BaseAgentEvent | BaseChatMessage | TaskResult, None]:
        yield TextMessage(content="hm", source="silent")


async def test_inner_team_without_a_result_is_an_error_that_names_it() -> None:
    team = ChoosingTeam([Silent([Scripted("a")], name="silent")], lambda thread: "silent")

    with pytest.raises(RuntimeError, match="'silent' ended its stream without a final TaskResult"):
        await team.run(task="go")


async def test_answer_that_comes_after_the_error_of_another_speaker_is_in_the_thread_as_all_others_read_it() -> None:
    failed = asyncio.Event()

    async def fail() -> str:
        failed.set()
        raise ValueError("boom")

    async def answer_late() -> str:
        await failed.wait()
        return "late"

    reader = Scripted("reader")
    lines: dict[str, Line] = {"bad": fail, "slow": answer_late}
    team = ChoosingTeam(
        [*(Scripted(name, line) for name, line in lines.items()), reader],
        lambda thread: ["bad", "slow"] if len(thread) == 1 else "reader",
        max_turns=1,
    )

    with pytest.raises(RuntimeError, match="boom"):
        await team.run(task="go")
    heard_late = "slow: late" in await thread_of(team)
    await team.run(task="again")

    # Whether the answer was still given depends on how far the speaker had come; the two must not differ.
    assert reader.given == [["user: go", *(["slow: late"] if heard_late else []), "user: again"]]


class Answer(BaseModel):
    value: int


def test_messages_of_the_group_keep_the_classes_that_they_carry() -> None:
    text = TextMessage(content="hi", source="a")
    structured = StructuredMessage[Answer](content=Answer(value=1), source="a")
    thought = ThoughtEvent(content="hm", source="a")

    assert GroupChatStart().model_dump() == {"messages": None, "output_task_messages": True}
    assert GroupChatStart(messages=[structured]).model_dump()["messages"][0]["content"] == {"value": 1}
    response = GroupChatAgentResponse(response=Response(chat_message=structured, inner_messages=[thought]), name="a")
    dumped = response.model_dump()["response"]
    assert (dumped["chat_message"]["content"], dumped["inner_messages"][0]["content"]) == ({"value": 1}, "hm")
    answered = GroupChatTeamResponse(result=TaskResult(messages=[text, structured]), name="team")
    assert answered.model_dump()["result"]["messages"][1]["content"] == {"value": 1}
    assert GroupChatMessage(message=text).model_dump()["message"]["content"] == "hi"
    assert GroupChatTermination(message=StopMessage(content="x", source="y")).error is None
    for empty in (GroupChatRequestPublish, GroupChatReset, GroupChatPause, GroupChatResume):
        assert empty().model_dump() == {}


def test_exception_as_data_says_class_message_and_traceback() -> None:
    try:
        raise ValueError("boom")
    except ValueError as exc:
        described = SerializableException.from_exception(exc)

    assert (described.error_type, described.error_message) == ("ValueError", "boom")
    assert str(described).startswith("ValueError: boom\nTraceback:\nTraceback (most recent call last):\n")
    assert str(SerializableException(error_type="E", error_message="m")) == "E: m"
    assert GroupChatError(error=described).error is described
    assert SerializableException.model_validate_json(described.model_dump_json()).error_message == "boom"


class Ordered(BaseModel):
    number: int


class Urgent(BaseModel):
    pass


class Clerk(SequentialRoutedAgent):
    def __init__(self) -> None:
        super().__init__("Handles one at a time.", sequential_message_types=[Ordered])
        self.log: list[str] = []
        self.go = asyncio.Event()

    @message_handler
    async def handle_ordered(self, message: Ordered, ctx: MessageContext) -> None:
        self.log.append(f"begin {message.number}")
        await self.go.wait()
        await asyncio.sleep(0)
        self.log.append(f"end {message.number}")

    @message_handler
    async def handle_urgent(self, message: Urgent, ctx: MessageContext) -> None:
        self.log.append("urgent")
        self.go.set()


async def test_listed_types_are_handled_one_after_another_in_order_and_others_at_any_time() -> None:
    runtime = SingleThreadedAgentRuntime()
    await Clerk.register(runtime, "clerk", Clerk)
    runtime.start()
    clerk_id = AgentId("clerk", "k")

    ordered = [asyncio.create_task(runtime.send_message(Ordered(number=number), clerk_id)) for number in range(3)]
    await asyncio.sleep(0)
    cancelled = asyncio.create_task(runtime.send_message(Ordered(number=99), clerk_id))
    await asyncio.sleep(0)
    cancelled.cancel()
    await runtime.send_message(Urgent(), clerk_id)
    await asyncio.gather(*ordered)
    await runtime.stop_when_idle()

    clerk = await runtime.try_get_underlying_agent_instance(clerk_id, Clerk)
    assert clerk.log == ["begin 0", "urgent", "end 0", "begin 1", "end 1", "begin 2", "end 2"]
