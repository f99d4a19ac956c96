"""What every team does, shown on RoundRobinGroupChat: messages, stop reasons, errors, cancellation, state, nesting."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any, Literal

import pytest
from pydantic import BaseModel

from hubbub_agentchat.agents import AssistantAgent, BaseChatAgent, UserProxyAgent
from hubbub_agentchat.base import Response, TaskResult, Team, TerminatedException, TerminationCondition
from hubbub_agentchat.conditions import (
    ExternalTermination,
    FunctionalTermination,
    FunctionCallTermination,
    HandoffTermination,
    MaxMessageTermination,
    TextMentionTermination,
    TextMessageTermination,
)
from hubbub_agentchat.messages import (
    BaseAgentEvent,
    BaseChatMessage,
    BaseTextChatMessage,
    HandoffMessage,
    ModelClientStreamingChunkEvent,
    StructuredMessage,
    TextMessage,
    ThoughtEvent,
)
from hubbub_agentchat.teams import BaseGroupChat, RoundRobinGroupChat
from hubbub_core import CancellationToken, FunctionCall, SingleThreadedAgentRuntime
from hubbub_core.models import CreateResult, ModelInfo, RequestUsage
from hubbub_core.models.replay import ReplayChatCompletionClient

INFO = ModelInfo(vision=False, function_calling=True, json_output=True, family="unknown", structured_output=True)


class Scripted(BaseChatAgent):
    """Says its lines one after another, then repeats the last; keeps what it was given."""

    def __init__(self, name: str, *lines: str | Exception | Callable[[], Any]) -> None:
        super().__init__(name, f"Agent {name}.")
        self.lines = list(lines) or [f"{name} speaks"]
        self.turn = 0
        self.given: list[list[str]] = []
        self.calls: list[str] = []

    @property
    def produced_message_types(self) -> Sequence[type[BaseChatMessage]]:
        return (TextMessage,)

    async def on_messages(self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken) -> Response:
        self.given.append([message.to_text() for message in messages])
        line = self.lines[min(self.turn, len(self.lines) - 1)]
        self.turn += 1
        if isinstance(line, Exception):
            raise line
        if callable(line):
            line = await line()
        if isinstance(line, Response):
            return line
        if isinstance(line, BaseChatMessage):
            return Response(chat_message=line)
        return Response(chat_message=TextMessage(content=str(line), source=self.name))

    async def on_reset(self, cancellation_token: CancellationToken) -> None:
        self.turn = 0
        self.calls.append("reset")

    async def on_pause(self, cancellation_token: CancellationToken) -> None:
        self.calls.append("pause")

    async def on_resume(self, cancellation_token: CancellationToken) -> None:
        self.calls.append("resume")

    async def save_state(self) -> Mapping[str, Any]:
        return {"turn": self.turn}

    async def load_state(self, state: Mapping[str, Any]) -> None:
        self.turn = state["turn"]


async def never() -> str:
    await asyncio.Event().wait()
    raise AssertionError("never")


def said(items: Sequence[Any]) -> list[str]:
    return [f"{item.source}: {item.to_text()}" for item in items]


def assistant(name: str, *answers: str | CreateResult, **options: Any) -> AssistantAgent:
    return AssistantAgent(name, ReplayChatCompletionClient(list(answers), model_info=INFO), **options)


def call(name: str, arguments: str = "{}") -> CreateResult:
    return CreateResult(
        finish_reason="function_calls",
        content=[FunctionCall(id="1", name=name, arguments=arguments)],
        usage=RequestUsage(0, 0),
        cached=False,
    )


async def drain(team: Team, task: Any = None, **options: Any) -> list[Any]:
    return [item async for item in team.run_stream(task=task, **options)]


async def test_participants_speak_in_turn_until_approval() -> None:
    primary, critic = Scripted("primary", "poem", "better poem"), Scripted("critic", "hm", "APPROVE")
    team = RoundRobinGroupChat([primary, critic], termination_condition=TextMentionTermination("APPROVE"))

    result = await team.run(task="Write.")

    assert said(result.messages) == [
        "user: Write.",
        "primary: poem",
        "critic: hm",
        "primary: better poem",
        "critic: APPROVE",
    ]
    assert result.stop_reason == "Text 'APPROVE' mentioned"
    assert primary.given == [["Write."], ["hm"]]
    assert critic.given == [["Write.", "poem"], ["better poem"]]


async def test_stream_is_the_result_and_ends_with_it() -> None:
    team = RoundRobinGroupChat([Scripted("a"), Scripted("b")], max_turns=2)

    items = await drain(team, "go")

    assert isinstance(items[-1], TaskResult)
    assert list(items[-1].messages) == items[:-1]
    assert items[-1].stop_reason == "Maximum number of turns 2 reached."


async def test_running_again_without_a_task_goes_on_with_the_next_speaker() -> None:
    team = RoundRobinGroupChat([Scripted("a"), Scripted("b")], max_turns=1)

    results = [await team.run(task="go"), await team.run(), await team.run()]

    assert [said(result.messages) for result in results] == [
        ["user: go", "a: a speaks"],
        ["b: b speaks"],
        ["a: a speaks"],
    ]


async def test_message_limit_counts_the_task_and_starts_afresh_in_each_run() -> None:
    team = RoundRobinGroupChat([Scripted("a"), Scripted("b")], termination_condition=MaxMessageTermination(3))

    first, second = await team.run(task="go"), await team.run()

    reason = "Maximum number of messages 3 reached, current message count: 3"
    assert (len(first.messages), first.stop_reason) == (3, reason)
    assert (len(second.messages), second.stop_reason) == (3, reason)


async def test_condition_met_by_the_task_ends_the_run_without_a_speaker() -> None:
    agent = Scripted("a")
    team = RoundRobinGroupChat([agent], termination_condition=TextMentionTermination("stop"))

    result = await team.run(task="stop")

    assert said(result.messages) == ["user: stop"]
    assert agent.turn == 0


async def test_task_messages_can_be_left_out_and_are_read_all_the_same() -> None:
    agent = Scripted("a")
    team = RoundRobinGroupChat([agent], max_turns=1)

    result = await team.run(task="go", output_task_messages=False)

    assert said(result.messages) == ["a: a speaks"]
    assert agent.given == [["go"]]


async def test_single_participant_speaks_in_every_turn() -> None:
    def increment(number: int) -> int:
        """Increment."""
        return number + 1

    agent = assistant(
        "looper", call("increment", '{"number": 5}'), call("increment", '{"number": 6}'), "7", tools=[increment]
    )
    team = RoundRobinGroupChat([agent], termination_condition=TextMessageTermination("looper"))

    result = await team.run(task="Increment 5 to 7.")

    assert [type(message).__name__ for message in result.messages] == [
        "TextMessage",
        *("ToolCallRequestEvent", "ToolCallExecutionEvent", "ToolCallSummaryMessage") * 2,
        "TextMessage",
    ]
    assert result.stop_reason == "Text message received from 'looper'"


async def test_conditions_see_the_events_of_a_response() -> None:
    def approve() -> None:
        """Approve."""

    team = RoundRobinGroupChat(
        [Scripted("a"), assistant("critic", call("approve"), tools=[approve])],
        termination_condition=FunctionCallTermination("approve"),
    )

    result = await team.run(task="go")

    assert result.stop_reason == "Function 'approve' was executed."
    assert result.messages[-1].to_text() == "None"


async def test_condition_is_asked_once_per_response_about_all_of_its_messages() -> None:
    deltas: list[list[str]] = []

    def watch(messages: Sequence[BaseAgentEvent | BaseChatMessage]) -> bool:
        deltas.append([type(message).__name__ for message in messages])
        return len(deltas) == 3

    async def with_thought() -> Response:
        return Response(
            chat_message=TextMessage(content="x", source="b"),
            inner_messages=[ThoughtEvent(content="hm", source="b")],
        )

    team = RoundRobinGroupChat(
        [Scripted("a"), Scripted("b", with_thought)], termination_condition=FunctionalTermination(watch)
    )
    await team.run(task="go")

    assert deltas == [["TextMessage"], ["TextMessage"], ["ThoughtEvent", "TextMessage"]]


async def test_external_termination_stops_after_the_turn() -> None:
    external = ExternalTermination()

    async def speak() -> str:
        external.set()
        return "last words"

    team = RoundRobinGroupChat([Scripted("a", speak), Scripted("b")], termination_condition=external)

    result = await team.run(task="go")

    assert said(result.messages) == ["user: go", "a: last words"]
    assert result.stop_reason == "External termination requested"


async def test_handoff_to_the_user_and_resume_with_the_answer() -> None:
    agent = assistant("lazy", call("transfer_to_user"), "Thanks, sunny. TERMINATE", handoffs=["user"])
    team = RoundRobinGroupChat(
        [agent], termination_condition=HandoffTermination("user") | TextMentionTermination("TERMINATE")
    )

    first = await team.run(task="Weather in New York?")
    second = await team.run(task="It is sunny.")

    assert first.stop_reason == "Handoff to user from lazy detected."
    assert isinstance(first.messages[-1], HandoffMessage)
    assert said(second.messages) == ["user: It is sunny.", "lazy: Thanks, sunny. TERMINATE"]


async def test_user_in_the_team() -> None:
    team = RoundRobinGroupChat(
        [assistant("helper", "A poem."), UserProxyAgent("user_proxy", input_func=lambda prompt: "APPROVE")],
        termination_condition=TextMentionTermination("APPROVE"),
    )

    result = await team.run(task="Write.")

    assert [type(message).__name__ for message in result.messages] == [
        "TextMessage",
        "TextMessage",
        "UserInputRequestedEvent",
        "TextMessage",
    ]


async def test_chunks_are_streamed_and_not_in_the_result() -> None:
    team = RoundRobinGroupChat([assistant("helper", "one two three", model_client_stream=True)], max_turns=1)

    items = await drain(team, "go")

    chunks = [item.content for item in items if isinstance(item, ModelClientStreamingChunkEvent)]
    assert chunks == ["one ", "two ", "three"]
    assert said(items[-1].messages) == ["user: go", "helper: one two three"]


async def test_slow_reader_holds_up_a_fast_speaker() -> None:
    class Fast(Scripted):
        made = 0

        async def on_messages_stream(
            self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken
        ) -> AsyncGenerator[BaseAgentEvent | BaseChatMessage | Response, None]:
            for _ in range(10_000):
                self.made += 1
                yield ModelClientStreamingChunkEvent(content="x", source=self.name)
            yield Response(chat_message=TextMessage(content="done", source=self.name))

    fast = Fast("fast")
    stream = RoundRobinGroupChat([fast], max_turns=1).run_stream(task="go")
    await anext(stream)
    await anext(stream)
    for _ in range(100):
        await asyncio.sleep(0)

    assert fast.made < 1_000
    assert len([item async for item in stream]) == 10_001


async def test_team_events_name_the_speaker_before_it_speaks() -> None:
    team = RoundRobinGroupChat([Scripted("a"), Scripted("b")], max_turns=2, emit_team_events=True)

    result = await team.run(task="go")

    assert said(result.messages) == [
        "user: go",
        "RoundRobinGroupChatManager: ['a']",
        "a: a speaks",
        "RoundRobinGroupChatManager: ['b']",
        "b: b speaks",
    ]


async def test_thousand_turns_do_not_nest() -> None:
    team = RoundRobinGroupChat([Scripted("a"), Scripted("b")], max_turns=1_000)

    result = await team.run(task="go")

    assert len(result.messages) == 1_001


# Construction and tasks


@pytest.mark.parametrize(
    ("participants", "text"),
    [
        ([], r"^At least one participant is required\.$"),
        ([Scripted("a"), Scripted("a")], r"^The participant names must be unique\.$"),
    ],
)
def test_participants_are_checked(participants: list[Scripted], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        RoundRobinGroupChat(participants)


@pytest.mark.parametrize("turns", [0, -1])
def test_max_turns_has_to_be_positive(turns: int) -> None:
    with pytest.raises(ValueError, match="must be greater than 0"):
        RoundRobinGroupChat([Scripted("a")], max_turns=turns)


class Note(BaseTextChatMessage):
    type: Literal["Note"] = "Note"


@pytest.mark.parametrize(
    ("task", "text"),
    [
        ([], r"^Task list cannot be empty\.$"),
        (["text"], "^All messages in task list must be valid BaseChatMessage types"),
        (3, r"^Task must be a string, a BaseChatMessage, or a list of BaseChatMessage\.$"),
        ((TextMessage(content="x", source="user"),), "^Task must be a string"),
        (Note(content="x", source="user"), "^Message type Note is not registered.*custom_message_types"),
    ],
)
async def test_task_is_checked_and_the_team_runs_afterwards(task: Any, text: str) -> None:
    team = RoundRobinGroupChat([Scripted("a")], max_turns=1)

    with pytest.raises(ValueError, match=text):
        await team.run(task=task)
    assert len((await team.run(task="go")).messages) == 2


async def test_team_runs_once_at_a_time() -> None:
    team = RoundRobinGroupChat([Scripted("a", never)])
    running = asyncio.create_task(team.run(task="go"))
    await asyncio.sleep(0)

    with pytest.raises(ValueError, match=r"^The team is already running, it cannot run again until it is stopped\.$"):
        await team.run(task="go")
    with pytest.raises(RuntimeError, match=r"^The group chat is currently running\. It must be stopped"):
        await team.reset()
    with pytest.raises(RuntimeError, match=r"^The team cannot be loaded while it is running\.$"):
        await team.load_state({})
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


# Custom and structured messages


async def test_custom_messages_travel_and_are_saved() -> None:
    async def note() -> Note:
        return Note(content="a note", source="a")

    def make() -> RoundRobinGroupChat:
        return RoundRobinGroupChat([Scripted("a", note), Scripted("b")], max_turns=1, custom_message_types=[Note])

    team, other = make(), make()
    result = await team.run(task=Note(content="start", source="user"))
    await other.load_state(json.loads(json.dumps(await team.save_state())))

    assert [type(message).__name__ for message in result.messages] == ["Note", "Note"]
    assert said((await other.run()).messages) == ["b: b speaks"]


async def test_unregistered_message_of_a_participant_ends_the_run_with_an_error() -> None:
    async def note() -> Note:
        return Note(content="a note", source="a")

    with pytest.raises(RuntimeError, match="Message type Note is not registered"):
        await RoundRobinGroupChat([Scripted("a", note)], max_turns=1).run(task="go")


async def test_structured_messages_that_an_agent_declares_are_known() -> None:
    class Answer(BaseModel):
        text: str

    def make() -> RoundRobinGroupChat:
        return RoundRobinGroupChat(
            [assistant("helper", '{"text": "yes"}', output_content_type=Answer), Scripted("b")], max_turns=1
        )

    team, other = make(), make()
    result = await team.run(task="go")
    await other.load_state(json.loads(json.dumps(await team.save_state())))

    assert isinstance(result.messages[-1], StructuredMessage)
    assert said((await other.run()).messages) == ["b: b speaks"]


# Errors


async def test_error_of_a_participant_ends_the_run_naming_agent_and_error() -> None:
    team = RoundRobinGroupChat([Scripted("a"), Scripted("b", ValueError("boom"), "fine")], max_turns=2)

    with pytest.raises(RuntimeError, match=r"(?s)^ValueError: boom\nTraceback:\n.*'b'") as caught:
        await team.run(task="go")

    assert isinstance(caught.value.__cause__, ValueError)
    assert (await team.run()).stop_reason == "Maximum number of turns 2 reached."


async def test_failed_turn_keeps_what_it_was_about() -> None:
    agent = Scripted("a", ValueError("boom"), "fine")
    team = RoundRobinGroupChat([agent], max_turns=1)

    with pytest.raises(RuntimeError, match="boom"):
        await team.run(task="go")
    await team.run(task="again")

    assert agent.given == [["go"], ["go", "again"]]


class Failing(TerminationCondition):
    def __init__(self, error: BaseException) -> None:
        self._error = error

    @property
    def terminated(self) -> bool:
        return False

    async def __call__(self, messages: Sequence[BaseAgentEvent | BaseChatMessage]) -> None:
        raise self._error

    async def reset(self) -> None:
        pass


@pytest.mark.parametrize("error", [ValueError("bad condition"), TerminatedException("bad condition")])
async def test_error_of_the_condition_ends_the_run(error: BaseException) -> None:
    team = RoundRobinGroupChat([Scripted("a")], termination_condition=Failing(error))

    with pytest.raises(RuntimeError, match=rf"^{type(error).__name__}: bad condition"):
        await team.run(task="go")
    with pytest.raises(RuntimeError, match="bad condition"):
        await team.run(task="go")


async def test_cancellation_that_nobody_asked_for_is_an_error_not_a_silent_end() -> None:
    async def give_up() -> str:
        raise asyncio.CancelledError("gave up")

    with pytest.raises(RuntimeError, match=r"(?s)^CancelledError: gave up.*'a'"):
        await RoundRobinGroupChat([Scripted("a", give_up)]).run(task="go")


def test_participant_that_is_no_chat_agent_is_refused_with_what_to_do() -> None:
    stranger: Any = object()

    with pytest.raises(TypeError, match=r'adapt\(agent, to="chat agent"\)'):
        RoundRobinGroupChat([stranger])


async def test_agent_without_a_response_is_an_error() -> None:
    class Silent(Scripted):
        async def on_messages_stream(
            self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken
        ) -> AsyncGenerator[BaseAgentEvent | BaseChatMessage | Response, None]:
            yield ThoughtEvent(content="hm", source=self.name)

    with pytest.raises(RuntimeError, match=r"The agent did not produce a final response\. 'mute'"):
        await RoundRobinGroupChat([Silent("mute")]).run(task="go")


# Cancellation


async def test_cancelled_token_aborts_the_run_ends_the_speaker_and_the_team_goes_on() -> None:
    started, ended = asyncio.Event(), asyncio.Event()

    async def hang() -> str:
        started.set()
        try:
            return await never()
        finally:
            ended.set()

    team = RoundRobinGroupChat(
        [Scripted("a", hang, "here I am")], max_turns=1, termination_condition=MaxMessageTermination(3)
    )
    token = CancellationToken()
    running = asyncio.create_task(team.run(task="go", cancellation_token=token))
    await started.wait()
    token.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert ended.is_set()
    assert [task.get_coro() for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []
    assert said((await team.run(task="again")).messages) == ["user: again", "a: here I am"]


async def test_cancelled_task_of_the_caller_ends_the_speaker() -> None:
    started, ended = asyncio.Event(), asyncio.Event()

    async def hang() -> str:
        started.set()
        try:
            return await never()
        finally:
            ended.set()

    team = RoundRobinGroupChat([Scripted("a", hang)])
    running = asyncio.create_task(team.run(task="go"))
    await started.wait()
    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert ended.is_set()
    await team.reset()


async def test_leaving_the_stream_early_ends_the_run() -> None:
    ended = asyncio.Event()

    async def hang() -> str:
        try:
            return await never()
        finally:
            ended.set()

    team = RoundRobinGroupChat([Scripted("a"), Scripted("b", hang)])
    stream = team.run_stream(task="go")
    async for item in stream:
        if isinstance(item, TextMessage) and item.source == "a":
            break
    await asyncio.sleep(0)
    await stream.aclose()

    assert asyncio.all_tasks() == {asyncio.current_task()}
    await team.reset()
    assert len((await team.save_state())["agent_states"]) == 3


async def test_caller_who_leaves_with_the_result_can_run_the_team_at_once() -> None:
    team = RoundRobinGroupChat([Scripted("a")], max_turns=1)
    stream = team.run_stream(task="go")
    async for item in stream:
        if isinstance(item, TaskResult):
            break

    assert len((await team.run()).messages) == 1
    await stream.aclose()


async def test_caller_cancelled_twice_leaves_and_the_team_ends_behind_it() -> None:
    started, ending, go_on = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def hang() -> str:
        started.set()
        try:
            return await never()
        finally:
            ending.set()
            await go_on.wait()

    team = RoundRobinGroupChat([Scripted("a", hang, "fine")], max_turns=1)
    running = asyncio.create_task(team.run(task="go"))
    await started.wait()
    running.cancel()
    await ending.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    with pytest.raises(ValueError, match="already running"):
        await team.run(task="too early")
    go_on.set()
    await asyncio.wait(asyncio.all_tasks() - {asyncio.current_task()})
    assert said((await team.run(task="again")).messages) == ["user: again", "a: fine"]


async def test_token_cancelled_in_another_thread_aborts_the_run() -> None:
    started = asyncio.Event()

    async def hang() -> str:
        started.set()
        return await never()

    token = CancellationToken()
    running = asyncio.create_task(RoundRobinGroupChat([Scripted("a", hang)]).run(task="x", cancellation_token=token))
    await started.wait()
    thread = threading.Thread(target=token.cancel)
    thread.start()

    with pytest.raises(asyncio.CancelledError):
        await running
    thread.join()


async def test_token_cancelled_before_the_run() -> None:
    agent, token = Scripted("a"), CancellationToken()
    token.cancel()

    with pytest.raises(asyncio.CancelledError):
        await RoundRobinGroupChat([agent], max_turns=1).run(task="go", cancellation_token=token)
    assert agent.turn == 0


# Reset, pause, state


async def test_reset_forgets_everything_and_resets_the_participants() -> None:
    agents = [Scripted("a", "first", "second"), Scripted("b")]
    team = RoundRobinGroupChat(agents, max_turns=1)

    await team.run(task="go")
    await team.reset()
    result = await team.run(task="new")

    assert [agent.calls for agent in agents] == [["reset"], ["reset"]]
    assert said(result.messages) == ["user: new", "a: first"]
    assert agents[0].given[-1] == ["new"]


async def test_reset_is_allowed_before_the_first_run() -> None:
    agent = Scripted("a")

    await RoundRobinGroupChat([agent]).reset()

    assert agent.calls == ["reset"]


async def test_pause_and_resume_reach_agents_while_the_run_goes_on() -> None:
    started, go_on = asyncio.Event(), asyncio.Event()

    async def wait() -> str:
        started.set()
        await go_on.wait()
        return "done"

    inner = Scripted("inner")
    agents = [Scripted("a", wait), Scripted("b")]
    team = RoundRobinGroupChat([*agents, RoundRobinGroupChat([inner], name="nested", max_turns=1)], max_turns=3)
    running = asyncio.create_task(team.run(task="go"))
    await started.wait()
    with pytest.raises(RuntimeError, match="must be run before it can be paused"):
        await team.pause()  # the inner team has not run yet, and says so
    assert [agent.calls for agent in agents] == [["pause"], ["pause"]]
    await agents[0].on_resume(CancellationToken())
    go_on.set()
    await running

    await team.pause()
    await team.resume()
    assert inner.calls == ["pause", "resume"]


async def test_pause_before_the_first_run_is_an_error() -> None:
    team = RoundRobinGroupChat([Scripted("a")])

    with pytest.raises(RuntimeError, match=r"It must be run before it can be paused\.$"):
        await team.pause()
    with pytest.raises(RuntimeError, match=r"It must be run before it can be resumed\.$"):
        await team.resume()


async def test_state_has_the_documented_shape_and_moves_to_another_team() -> None:
    def make() -> tuple[RoundRobinGroupChat, Scripted]:
        second = Scripted("b", "b one", "b two")
        return RoundRobinGroupChat([Scripted("a", "a one", "a two"), second], max_turns=1), second

    team, _ = make()
    other, other_b = make()
    await team.run(task="go")

    state = json.loads(json.dumps(await team.save_state()))
    await other.load_state(state)
    result = await other.run()

    assert (state["type"], state["version"]) == ("TeamState", "1.0.0")
    assert list(state["agent_states"]) == ["a", "b", "RoundRobinGroupChatManager"]
    container = state["agent_states"]["b"]
    assert container["type"] == "ChatAgentContainerState"
    assert [message["content"] for message in container["message_buffer"]] == ["go", "a one"]
    assert state["agent_states"]["a"]["message_buffer"] == []
    assert state["agent_states"]["a"]["agent_state"] == {"turn": 1}
    manager = state["agent_states"]["RoundRobinGroupChatManager"]
    assert (manager["type"], manager["next_speaker_index"], manager["current_turn"]) == ("RoundRobinManagerState", 1, 0)
    assert [message["content"] for message in manager["message_thread"]] == ["go", "a one"]
    assert said(result.messages) == ["b: b one"]
    assert other_b.given == [["go", "a one"]]


async def test_state_can_be_saved_before_the_first_run() -> None:
    state = await RoundRobinGroupChat([Scripted("a")]).save_state()

    assert list(state["agent_states"]) == ["a", "RoundRobinGroupChatManager"]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda states: states.pop("a"), r"^Agent state for a not found in the saved state\.$"),
        (lambda states: states.clear(), r"^Agent state for a not found in the saved state\.$"),
        (
            lambda states: states.update(RoundRobinGroupChatManager={"message_thread": 3}),
            r"^Invalid state format\..*v0\.4\.9",
        ),
    ],
)
async def test_state_that_does_not_fit_is_refused(change: Callable[[dict[str, Any]], Any], text: str) -> None:
    team = RoundRobinGroupChat([Scripted("a")])
    state = json.loads(json.dumps(await team.save_state()))
    change(state["agent_states"])

    with pytest.raises(ValueError, match=text):
        await team.load_state(state)


# Teams within teams


async def test_inner_team_speaks_as_one_and_its_messages_reach_the_others() -> None:
    writer, editor, outside = Scripted("writer"), Scripted("editor"), Scripted("outside")
    inner = RoundRobinGroupChat([writer, editor], name="authors", max_turns=2)
    team = RoundRobinGroupChat([inner, outside], max_turns=3)

    result = await team.run(task="go")

    assert said(result.messages) == [
        "user: go",
        "writer: writer speaks",
        "editor: editor speaks",
        "outside: outside speaks",
        "writer: writer speaks",
        "editor: editor speaks",
    ]
    assert outside.given == [["go", "writer speaks", "editor speaks"]]
    assert writer.given == [["go"], ["editor speaks", "outside speaks"]]


async def test_state_and_reset_reach_inner_teams() -> None:
    def make() -> tuple[RoundRobinGroupChat, Scripted]:
        agent = Scripted("writer", "one", "two", "three")
        return RoundRobinGroupChat([RoundRobinGroupChat([agent], name="authors", max_turns=1)], max_turns=1), agent

    team, agent = make()
    other, _ = make()
    await team.run(task="go")
    await other.load_state(json.loads(json.dumps(await team.save_state())))

    assert said((await other.run()).messages) == ["writer: two"]
    await team.reset()
    assert agent.calls == ["reset"]


async def test_cancellation_reaches_inner_teams() -> None:
    started, ended = asyncio.Event(), asyncio.Event()

    async def hang() -> str:
        started.set()
        try:
            return await never()
        finally:
            ended.set()

    inner = RoundRobinGroupChat([Scripted("a", hang)], name="inner")
    token = CancellationToken()
    running = asyncio.create_task(RoundRobinGroupChat([inner]).run(task="go", cancellation_token=token))
    await started.wait()
    token.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert ended.is_set()
    await inner.reset()


async def test_error_in_an_inner_team_names_its_agent() -> None:
    inner = RoundRobinGroupChat([Scripted("deep", ValueError("boom"))], name="inner")

    with pytest.raises(RuntimeError, match=r"(?s)boom.*'deep'"):
        await RoundRobinGroupChat([inner]).run(task="go")


# Runtimes


async def test_several_teams_share_a_runtime_that_the_caller_owns() -> None:
    runtime = SingleThreadedAgentRuntime()
    runtime.start()
    teams = [RoundRobinGroupChat([Scripted("a"), Scripted("b")], max_turns=3, runtime=runtime) for _ in range(2)]

    results = await asyncio.gather(*(team.run(task="go") for team in teams))
    again = await teams[0].run()
    await runtime.stop_when_idle()

    assert [len(result.messages) for result in results] == [4, 4]
    assert said(again.messages)[0] == "b: b speaks"


async def test_cancelled_run_on_a_callers_runtime_ends_the_speaker_first() -> None:
    started, ended = asyncio.Event(), asyncio.Event()

    async def hang() -> str:
        started.set()
        try:
            return await never()
        finally:
            await asyncio.sleep(0)
            ended.set()

    runtime = SingleThreadedAgentRuntime()
    runtime.start()
    agent = Scripted("a", hang, "fine")
    team = RoundRobinGroupChat([agent, Scripted("b")], max_turns=2, runtime=runtime)
    token = CancellationToken()
    running = asyncio.create_task(team.run(task="go", cancellation_token=token))
    await started.wait()
    token.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert ended.is_set()
    await team.reset()
    agent.turn = 1  # past the line that hangs, which the reset went back to
    assert said((await team.run(task="again")).messages) == ["user: again", "a: fine", "b: b speaks"]
    await runtime.stop_when_idle()


def test_team_runs_in_one_event_loop_after_another() -> None:
    team = RoundRobinGroupChat([Scripted("a"), Scripted("b")], max_turns=1)

    first = asyncio.run(team.run(task="go"))
    second = asyncio.run(team.run())

    assert said(first.messages) + said(second.messages) == ["user: go", "a: a speaks", "b: b speaks"]


# Configuration


async def test_team_loads_from_its_configuration_nested_and_under_the_documents_names() -> None:
    team = RoundRobinGroupChat(
        [assistant("helper", "hi"), RoundRobinGroupChat([assistant("inner", "there")], name="nested", max_turns=1)],
        name="team",
        description="Two of us.",
        termination_condition=MaxMessageTermination(5) | TextMentionTermination("x"),
        max_turns=2,
        emit_team_events=True,
    )

    model = team.dump_component()
    data = json.loads(model.model_dump_json(exclude_none=True).replace("hubbub_agentchat", "autogen_agentchat"))
    loaded = BaseGroupChat.load_component(data)

    assert (model.provider, model.component_type) == ("hubbub_agentchat.teams.RoundRobinGroupChat", "team")
    assert (loaded.name, loaded.description) == ("team", "Two of us.")
    assert loaded.dump_component().config == model.config
    assert said((await loaded.run(task="go")).messages) == [
        "user: go",
        "RoundRobinGroupChatManager: ['helper']",
        "helper: hi",
        "RoundRobinGroupChatManager: ['nested']",
        "inner: there",
    ]


async def test_team_file_of_the_documents_loads_and_runs_unchanged() -> None:
    # As printed in the documents (spec: 000 L9402-9458), with a model that needs no key.
    data = {
        "provider": "autogen_agentchat.teams.RoundRobinGroupChat",
        "component_type": "team",
        "version": 1,
        "component_version": 1,
        "description": "A team that runs a group chat with participants taking turns in a round-robin fashion\n    "
        "to publish a message to all.",
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
                            "provider": "autogen_ext.models.replay.ReplayChatCompletionClient",
                            "component_type": "model",
                            "version": 1,
                            "component_version": 1,
                            "config": {"chat_completions": ["Sunny. TERMINATE"], "model_info": dict(INFO)},
                        },
                        "tools": [],
                        "handoffs": [],
                        "model_context": {
                            "provider": "autogen_core.model_context.UnboundedChatCompletionContext",
                            "component_type": "chat_completion_context",
                            "version": 1,
                            "component_version": 1,
                            "label": "UnboundedChatCompletionContext",
                            "config": {},
                        },
                        "description": "An agent that provides assistance with ability to use tools.",
                        "system_message": "You are a helpful AI assistant.",
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
                "label": "TextMentionTermination",
                "config": {"text": "TERMINATE"},
            },
        },
    }

    team = BaseGroupChat.load_component(data)
    result = await team.run(task="Weather in New York?")

    assert said(result.messages) == ["user: Weather in New York?", "weather_agent: Sunny. TERMINATE"]
    assert result.stop_reason == "Text 'TERMINATE' mentioned"


def test_defaults_of_name_and_description() -> None:
    team = RoundRobinGroupChat([Scripted("a")])

    assert (team.name, team.description) == ("RoundRobinGroupChat", "A team of agents.")
