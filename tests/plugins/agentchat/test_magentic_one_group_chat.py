"""MagenticOneGroupChat: plan, progress, stalls and the final answer; and what goes on after an interruption."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Coroutine, Sequence
from typing import Any, Literal

import pytest
from agentchat_agents import Scripted, leisurely
from chat_scripts import said, sources
from team_runs import cancelled_at_every_step, go_on_in_another_process

from hubbub_agentchat.base import Response, TaskResult
from hubbub_agentchat.conditions import MaxMessageTermination, TextMentionTermination
from hubbub_agentchat.messages import MultiModalMessage, TextMessage
from hubbub_agentchat.state import MagenticOneOrchestratorState
from hubbub_agentchat.teams import BaseGroupChat, MagenticOneGroupChat, RoundRobinGroupChat
from hubbub_agentchat.teams._group_chat._magentic_one._progress_ledger import ProgressLedger
from hubbub_core import CancellationToken, FunctionCall, Image, SingleThreadedAgentRuntime
from hubbub_core.models import CreateResult, ModelInfo, RequestUsage, UserMessage
from hubbub_core.models.replay import ReplayChatCompletionClient

ORCHESTRATOR = "MagenticOneOrchestrator"


class Slow(ReplayChatCompletionClient):
    """Gives way to the loop before it answers, and ignores its token."""

    async def create(self, *args: Any, **kwargs: Any) -> CreateResult:
        await asyncio.sleep(0)
        kwargs.pop("cancellation_token")
        return await super().create(*args, **kwargs)


def model(
    *answers: str | CreateResult,
    cls: type[ReplayChatCompletionClient] = Slow,
    vision: bool = False,
    json_output: bool = False,
    structured_output: bool = False,
) -> Any:
    info = ModelInfo(
        vision=vision,
        function_calling=False,
        json_output=json_output,
        family="unknown",
        structured_output=structured_output,
    )
    return cls(list(answers), model_info=info)


def ledger(
    speaker: str, instruction: str = "work", *, satisfied: bool = False, loop: bool = False, progress: bool = True
) -> str:
    return json.dumps(
        {
            "is_request_satisfied": {"reason": "because", "answer": satisfied},
            "is_in_loop": {"reason": "r", "answer": loop},
            "is_progress_being_made": {"reason": "r", "answer": progress},
            "next_speaker": {"reason": "r", "answer": speaker},
            "instruction_or_question": {"reason": "r", "answer": instruction},
        }
    )


DONE = ledger("a", satisfied=True)


def team(client: Any, *participants: Scripted, **options: Any) -> MagenticOneGroupChat:
    return MagenticOneGroupChat(list(participants) or [Scripted("a"), Scripted("b")], client, **options)


def prompts(client: ReplayChatCompletionClient) -> list[str]:
    """Return the last message of each request."""
    return [str(call["messages"][-1].content) for call in client.create_calls]


async def state_of(found: MagenticOneGroupChat) -> Any:
    return json.loads(json.dumps(await found.save_state()))["agent_states"][ORCHESTRATOR]


async def test_run_solved_in_one_turn_has_five_messages() -> None:
    client = model("facts", "plan", ledger("b", "Do it."), DONE, "the answer")

    result = await team(client).run(task="go")

    assert sources(result.messages) == ["user", ORCHESTRATOR, ORCHESTRATOR, "b", ORCHESTRATOR]
    opening, told, answer, final = said(result.messages)[1:]
    assert opening.startswith(f"{ORCHESTRATOR}: We are working to address the following user request:\n\ngo\n")
    assert all(part in opening for part in ("a: Agent a.\nb: Agent b.", "facts", "plan"))
    assert [told, answer, final] == [f"{ORCHESTRATOR}: Do it.", "b: b speaks", f"{ORCHESTRATOR}: the answer"]
    assert result.stop_reason == "because"


async def test_stream_has_the_ledger_of_the_task_only_and_trace_log_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    client = model("the facts", "plan", "no json", ledger("b"), DONE, "end")

    with caplog.at_level(logging.DEBUG, logger="hubbub_agentchat"):
        items = [item async for item in team(client).run_stream(task="go")]

    assert sources(items[:-1]) == ["user", ORCHESTRATOR, ORCHESTRATOR, "b", ORCHESTRATOR]
    assert [text in caplog.text for text in ("the facts", "no progress ledger", "is_in_loop")] == [True] * 3


async def test_prompts_carry_task_team_names_facts_and_thread() -> None:
    client = model("facts", "plan", ledger("b"), DONE, "end")

    await team(client).run(task=[TextMessage(content="do", source="user"), TextMessage(content="this", source="user")])

    facts, plan, progress, _, final = prompts(client)
    assert "do this" in facts
    assert "a: Agent a.\nb: Agent b." in plan
    assert all(text in progress for text in ("do this", "a: Agent a.\nb: Agent b.", "One of: a, b"))
    assert "do this" in final
    assert [message.content for message in client.create_calls[1]["messages"]] == [facts, "facts", plan]
    thread = client.create_calls[4]["messages"][:-1]
    assert [(type(message).__name__, message.source) for message in thread] == [
        ("AssistantMessage", ORCHESTRATOR),
        ("AssistantMessage", ORCHESTRATOR),
        ("UserMessage", "b"),
    ]


async def test_everybody_reads_plan_instructions_and_answers() -> None:
    a, b = Scripted("a"), Scripted("b")
    client = model("facts", "plan", ledger("b", "First."), ledger("a", "Then."), DONE, "end")

    await team(client, a, b).run(task="go")

    (read,) = a.given
    assert read[0].startswith(f"{ORCHESTRATOR}: We are working")
    assert read[1:] == [f"{ORCHESTRATOR}: First.", "b: b speaks", f"{ORCHESTRATOR}: Then."]


@pytest.mark.parametrize(
    ("json_output", "structured_output", "mode"),
    [(True, True, ProgressLedger), (True, False, True), (False, False, None)],
)
async def test_progress_is_asked_for_in_the_best_form_that_the_model_has(
    json_output: bool, structured_output: bool, mode: object
) -> None:
    client = model("facts", "plan", DONE, "end", json_output=json_output, structured_output=structured_output)

    await team(client).run(task="go")

    assert [call["json_output"] for call in client.create_calls] == [None, None, mode, None]


@pytest.mark.parametrize(
    "wrong",
    [
        "not json",
        "[1]",
        f"```json\n{DONE}\n```\n```json\n{DONE}\n```",
        f"```python\n{DONE}\n```",
        DONE.replace("is_in_loop", "loop"),
        DONE.replace('"reason": "because", ', ""),
        DONE.replace('"answer": true', '"answer": "perhaps"', 1),
    ],
)
async def test_answer_that_is_no_ledger_is_asked_for_again(wrong: str) -> None:
    client = model("facts", "plan", wrong, f"Here it is:\n```json\n{DONE}\n```", "end")

    result = await team(client).run(task="go")

    assert result.stop_reason == "because"
    assert client.create_calls[3]["messages"][-2].content == wrong
    assert prompts(client)[3].startswith("That is not such a JSON object: ")


async def test_after_ten_answers_that_are_no_ledger_the_run_fails() -> None:
    client = model("facts", "plan", *["?"] * 11)

    with pytest.raises(
        RuntimeError, match="ValueError: Failed to parse ledger information after multiple retries"
    ) as e:
        await team(client).run(task="go")

    assert isinstance(e.value.__cause__, ValueError)
    assert len(client.create_calls) == 12


async def test_unknown_next_speaker_fails_at_once_unless_the_request_is_satisfied() -> None:
    client = model("facts", "plan", ledger("nobody"), DONE)
    with pytest.raises(
        RuntimeError, match=r"The next speaker 'nobody' is not one of \['a', 'b'\](.|\n)*Failed to parse"
    ):
        await team(client).run(task="go")
    assert len(client.create_calls) == 3

    result = await team(model("facts", "plan", ledger("nobody", satisfied=True), "end")).run(task="go")
    assert result.stop_reason == "because"


async def test_single_participant_is_the_next_speaker_whatever_the_ledger_says() -> None:
    result = await team(model("facts", "plan", ledger("nobody"), DONE, "end"), Scripted("only")).run(task="go")

    assert sources(result.messages)[3] == "only"


async def test_stalls_make_a_new_plan_and_everybody_starts_afresh() -> None:
    a, b = Scripted("a"), Scripted("b", "tried", "tried again")
    stalled = ledger("b", progress=False)
    client = model("facts", "plan", stalled, stalled, "new facts", "new plan", ledger("b", "Once more."), DONE, "end")
    stalling = team(client, a, b, max_stalls=2)

    result = await stalling.run(task="go")

    assert said(result.messages)[2:4] == [f"{ORCHESTRATOR}: work", "b: tried"]
    reopening = said(result.messages)[4]
    assert reopening.startswith(f"{ORCHESTRATOR}: We are working")
    assert all(part in reopening for part in ("new facts", "new plan"))
    assert said(result.messages)[5:] == [f"{ORCHESTRATOR}: Once more.", "b: tried", f"{ORCHESTRATOR}: end"]
    assert (a.calls, b.calls) == (["reset"] * 2, ["reset"] * 2)
    assert [len(given) for given in b.given] == [2, 2]
    update = client.create_calls[4]["messages"]
    assert [message.source for message in update[:-1]] == [ORCHESTRATOR, ORCHESTRATOR, "b"]
    assert "facts" in update[-1].content
    assert (await state_of(stalling))["facts"] == "new facts"


async def test_loops_count_as_stalls_and_progress_takes_one_off() -> None:
    client = model(
        "facts",
        "plan",
        ledger("a", loop=True),  # 1
        ledger("a", progress=False),  # 2
        ledger("a"),  # 1
        ledger("a", progress=False, loop=True),  # 2
        DONE,
        "end",
    )
    found = team(client, max_stalls=3)

    result = await found.run(task="go")

    assert sources(result.messages).count("a") == 4
    assert (await state_of(found))["n_stalls"] == 2


async def test_planning_anew_does_not_forget_the_stalls() -> None:
    stalled, again = ledger("a", progress=False), ("facts", "plan")
    client = model(*again, stalled, *again, stalled, *again, ledger("a"), *again, ledger("a"), DONE, "end")

    result = await team(client, max_stalls=1).run(task="go")

    plans = [message for message in said(result.messages) if "We are working" in message]
    assert len(plans) == 4
    assert sources(result.messages) == ["user", *[ORCHESTRATOR] * 5, "a", ORCHESTRATOR]


async def test_final_answer_is_given_when_more_rounds_than_the_limit_are_finished() -> None:
    client = model("facts", "plan", ledger("a"), ledger("a"), "out of time", ledger("a"), DONE, "at last")
    limited = team(client, max_turns=1)

    result = await limited.run(task="go")
    after = await limited.run()

    assert (sources(result.messages).count("a"), result.stop_reason) == (2, "Max rounds reached.")
    assert said(result.messages)[-1] == f"{ORCHESTRATOR}: out of time"
    assert (said(after.messages)[-1], after.stop_reason) == (f"{ORCHESTRATOR}: at last", "because")


async def test_planning_rounds_count_towards_the_limit() -> None:
    stalled = ledger("a", progress=False)
    client = model("facts", "plan", stalled, "facts 2", "plan 2", stalled, "facts 3", "plan 3", "end")

    assert (await team(client, max_turns=1, max_stalls=1).run(task="go")).stop_reason == "Max rounds reached."


async def test_new_task_starts_with_new_plan_rounds_and_stalls() -> None:
    client = model("f", "p", ledger("a", progress=False), DONE, "one", "facts 2", "plan 2", ledger("a"), DONE, "two")
    found = team(client, max_turns=1)
    await found.run(task="first")

    result = await found.run(task="second")

    assert said(result.messages)[-1] == f"{ORCHESTRATOR}: two"
    state = await state_of(found)
    assert {key: state[key] for key in ("task", "facts", "plan", "n_rounds", "n_stalls")} == {
        "task": "second",
        "facts": "facts 2",
        "plan": "plan 2",
        "n_rounds": 2,
        "n_stalls": 0,
    }
    assert "first" not in json.dumps(state["message_thread"])


async def test_prompt_for_the_final_answer_is_used_as_it_is_but_for_the_task() -> None:
    client = model("facts", "plan", DONE, "end")
    await team(client, final_answer_prompt='Give {"answer": ...} for: {task}').run(task="go")

    assert prompts(client)[-1] == 'Give {"answer": ...} for: go'


async def test_selected_speaker_event_follows_the_instruction() -> None:
    client = model("facts", "plan", ledger("b"), DONE, "end")

    result = await team(client, emit_team_events=True).run(task="go")

    assert [message.to_text() for message in result.messages][2:5] == ["work", "['b']", "b speaks"]
    assert [type(message).__name__ for message in result.messages][3] == "SelectSpeakerEvent"


async def test_condition_is_asked_about_the_participants_answers_only() -> None:
    client = model("facts", "stop it", ledger("b", "stop"), ledger("b", "stop"), DONE, "end")
    stopping = team(
        client, Scripted("a"), Scripted("b", "no", "stop"), termination_condition=TextMentionTermination("stop")
    )

    result = await stopping.run(task="stop")
    after = await stopping.run()

    assert said(result.messages)[-3:] == ["b: no", f"{ORCHESTRATOR}: stop", "b: stop"]
    assert result.stop_reason == "Text 'stop' mentioned"
    assert (sources(after.messages), after.stop_reason) == ([ORCHESTRATOR], "because")


async def test_condition_that_is_reached_at_the_start_ends_the_run_at_once() -> None:
    condition = MaxMessageTermination(1)
    await condition([TextMessage(content="x", source="user")])
    client = model()

    result = await team(client, termination_condition=condition).run(task="go")

    assert (list(result.messages), result.stop_reason) == ([], "The group chat has already terminated.")
    assert client.create_calls == []


async def test_run_without_any_task_is_refused() -> None:
    with pytest.raises(ValueError, match="MagenticOneGroupChat has no task to go on with"):
        await team(model()).run()


async def test_images_go_to_the_model_only_if_it_sees() -> None:
    def shown(client: ReplayChatCompletionClient) -> list[Any]:
        return [message for message in client.create_calls[-1]["messages"] if isinstance(message, UserMessage)]

    pixel = Image.from_base64(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
    )
    answers = ["facts", "plan", ledger("b"), DONE, "end"]
    blind, seeing = model(*answers), model(*answers, vision=True)
    for client in (blind, seeing):
        picture = Response(chat_message=MultiModalMessage(content=["Look:", pixel], source="b"))
        await team(client, Scripted("a"), Scripted("b", picture)).run(task="go")

    assert shown(blind)[0].content == "Look:\n<image>"
    assert shown(seeing)[0].content == ["Look:", pixel]


async def test_what_the_orchestrator_used_is_in_the_usage_of_the_run() -> None:
    client = model("facts", "plan", ledger("b"), DONE, "end")

    result = await team(client).run(task="go")

    assert result.usage_by_source == {ORCHESTRATOR: client.total_usage()}
    assert client.total_usage().completion_tokens > 3


async def test_inner_team_that_failed_goes_on_with_its_task() -> None:
    client = model("facts", "plan", ledger("a"), ledger("a"), DONE, "end")
    outer = RoundRobinGroupChat([team(client, Scripted("a", ValueError("no"), "yes"))], max_turns=1)
    with pytest.raises(RuntimeError, match="ValueError: no"):
        await outer.run(task="go")

    result = await outer.run()

    assert said(result.messages) == [f"{ORCHESTRATOR}: work", "a: yes", f"{ORCHESTRATOR}: end"]


async def test_model_that_calls_functions_instead_of_answering_fails_the_run() -> None:
    calls = CreateResult(
        finish_reason="function_calls",
        content=[FunctionCall(id="1", name="f", arguments="{}")],
        usage=RequestUsage(0, 0),
        cached=False,
    )

    with pytest.raises(RuntimeError, match="The orchestrator's model answered without a text"):
        await team(model(calls)).run(task="go")


def test_participants_are_agents_and_not_none() -> None:
    inner: Any = RoundRobinGroupChat([Scripted("A")])

    with pytest.raises(TypeError, match=r"must be a ChatAgent\.$"):
        MagenticOneGroupChat([inner], model())
    with pytest.raises(ValueError, match="At least one participant"):
        MagenticOneGroupChat([], model())


async def test_reset_forgets_everything() -> None:
    client = model("facts", "plan", ledger("a", progress=False), DONE, "end")
    found = team(client)
    await found.run(task="go")

    await found.reset()

    assert await state_of(found) == MagenticOneOrchestratorState().model_dump()
    with pytest.raises(ValueError, match="no task"):
        await found.run()


def stopped_after_one_answer(*rest: str) -> MagenticOneGroupChat:
    client = model("facts", "plan", ledger("b", "First."), *rest, cls=ReplayChatCompletionClient)
    return team(client, termination_condition=MaxMessageTermination(1), max_turns=5)


async def test_state_has_the_documented_fields_and_is_the_same_in_a_team_that_loads_it() -> None:
    first, second = stopped_after_one_answer(), stopped_after_one_answer()
    await first.run(task="go")
    state = json.loads(json.dumps(await first.save_state()))

    await second.load_state(state)

    manager = state["agent_states"][ORCHESTRATOR]
    assert json.loads(json.dumps(await second.save_state())) == state
    assert [message["source"] for message in manager.pop("message_thread")] == [ORCHESTRATOR, ORCHESTRATOR, "b"]
    assert manager == {
        "type": "MagenticOneOrchestratorState",
        "version": "1.0.0",
        "current_turn": 0,
        "task": "go",
        "facts": "facts",
        "plan": "plan",
        "n_rounds": 1,
        "n_stalls": 0,
    }


async def test_interrupted_team_goes_on_in_another_process() -> None:
    team_before = stopped_after_one_answer()
    await team_before.run(task="go")
    other: Any = team(model(ledger("a", "Then."), DONE, "end", cls=ReplayChatCompletionClient))

    messages, reason, state = go_on_in_another_process(other, await team_before.save_state())

    assert messages == [f"{ORCHESTRATOR}: Then.", "a: a speaks", f"{ORCHESTRATOR}: end"]
    assert (reason, state["agent_states"][ORCHESTRATOR]["n_rounds"]) == ("because", 3)


async def test_configuration_round_trip_and_file_of_autogen() -> None:
    client = model("facts", "plan", ledger("b", "Do it."), DONE, "answer", cls=ReplayChatCompletionClient)
    found = team(
        client,
        name="mine",
        max_turns=None,
        max_stalls=2,
        final_answer_prompt="Answer {task}.",
        termination_condition=MaxMessageTermination(9),
        emit_team_events=True,
    )

    dumped = found.dump_component()
    loaded = BaseGroupChat.load_component(
        json.loads(dumped.model_dump_json().replace("hubbub_agentchat", "autogen_agentchat"))
    )

    assert isinstance(loaded, MagenticOneGroupChat)
    assert loaded.dump_component().config == dumped.config
    assert (loaded.name, dumped.config["max_stalls"], dumped.config["emit_team_events"]) == ("mine", 2, True)
    assert said((await loaded.run(task="go")).messages)[-1] == f"{ORCHESTRATOR}: answer"


class Orchestrating(Slow):
    """Answers by what it is asked; has the work stall once, and done when both have spoken after that."""

    def __init__(self) -> None:
        super().__init__([])
        self.plans = 0

    async def create(self, messages: Sequence[Any], *args: Any, **kwargs: Any) -> CreateResult:
        await asyncio.sleep(0)
        prompt, heard = messages[-1].content, [message.source for message in messages]
        if "One of: a, b" in prompt:
            if self.plans < 2:
                answer = ledger("a", progress="a" not in heard)
            else:
                answer = ledger("b" if "a" in heard else "a", satisfied={"a", "b"} <= set(heard))
        elif "list of steps" in prompt:
            self.plans += 1
            answer = f"plan {self.plans}"
        else:
            answer = "text"
        return CreateResult(finish_reason="stop", content=answer, usage=RequestUsage(1, 1), cached=False)


@pytest.mark.parametrize("way", ["token", "task"])
async def test_run_cancelled_at_any_step_leaves_nothing_and_is_completed_by_the_next_run(
    way: Literal["token", "task"], runtime: SingleThreadedAgentRuntime | None
) -> None:
    def make() -> tuple[Orchestrating, list[Scripted], MagenticOneGroupChat]:
        client, agents = Orchestrating(), [leisurely("a", "a speaks"), leisurely("b", "b speaks")]
        return client, agents, team(client, *agents, max_stalls=1, runtime=runtime)

    def run(
        made: tuple[Orchestrating, list[Scripted], MagenticOneGroupChat], token: CancellationToken
    ) -> Coroutine[Any, Any, TaskResult]:
        return made[-1].run(task="go", cancellation_token=token)

    background = asyncio.all_tasks()
    cancelled = 0
    async for steps, (client, agents, found), ended in cancelled_at_every_step(make, run, way):
        if ended is not None:
            continue
        cancelled += 1
        left = [task for task in asyncio.all_tasks() - background if not task.done()]
        assert runtime is not None or left == [], steps
        if runtime is not None:
            await runtime.stop_when_idle()  # what was said when the run was aborted gets to everybody
            runtime.start()
            background = asyncio.all_tasks()
        if not (await state_of(found))["task"]:
            continue  # it was cancelled before it began
        if steps % 2:
            fresh = team(client, *agents, max_stalls=1, runtime=runtime)
            await fresh.load_state(json.loads(json.dumps(await found.save_state())))
            found = fresh
        async with asyncio.timeout(5):
            result = await found.run()

        assert result.stop_reason == "because", steps
        state = await state_of(found)
        thread = [message["source"] for message in state["message_thread"]]
        assert (thread[0], thread[-1], {"a", "b"} <= set(thread)) == (ORCHESTRATOR, ORCHESTRATOR, True), steps
        assert thread.count("a") == thread.count("b") == 1, steps

    assert cancelled > 30
