"""Workflows that ask a human. Annotations are real here: LlamaIndex finds its Context by them."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.workflow import (
    Context,
    Event,
    HumanResponseEvent,
    InputRequiredEvent,
    StartEvent,
    StopEvent,
    Workflow,
    step,
)

from hubbub_core import AgentId, CancellationToken, FunctionCall, SingleThreadedAgentRuntime
from hubbub_core.exchange import AgentChunk, AgentResult, AgentTask
from hubbub_core.models import AssistantMessage, CreateResult, ModelInfo, RequestUsage
from hubbub_core.models.replay import ReplayChatCompletionClient
from hubbub_core.user_input import REQUEST_ID, InputRequest, answer_with
from hubbub_llama_index import HubLLM, LlamaIndexAgent, Message, from_workflow
from hubbub_registry import adapt

pytestmark = [
    # LlamaIndex looks through the attributes of its agents with `inspect`, deprecated ones of pydantic included.
    pytest.mark.filterwarnings("ignore::DeprecationWarning:inspect"),
]

INFO = ModelInfo(vision=False, function_calling=True, json_output=False, family="unknown", structured_output=False)


def replay(*answers: str | CreateResult) -> ReplayChatCompletionClient:
    return ReplayChatCompletionClient(list(answers), model_info=INFO)


def calls(*asked: FunctionCall) -> CreateResult:
    return CreateResult(finish_reason="function_calls", content=list(asked), usage=RequestUsage(5, 2), cached=False)


class Ask(Workflow):
    @step
    async def ask(self, ctx: Context, ev: StartEvent) -> InputRequiredEvent:
        await ctx.store.set("what", str(ev.input))
        return InputRequiredEvent(prefix=f"Send {ev.input}?")

    @step
    async def end(self, ctx: Context, ev: HumanResponseEvent) -> StopEvent:
        return StopEvent(result=f"{await ctx.store.get('what')}: {ev.response}")


class Approval(HumanResponseEvent):
    approved: bool
    reason: str = ""


class AskForm(Workflow):
    @step
    async def ask(self, ev: StartEvent) -> InputRequiredEvent:
        return InputRequiredEvent(prefix="Approve?", amount=5)

    @step
    async def end(self, ev: Approval) -> StopEvent:
        return StopEvent(result=f"{ev.approved} {ev.reason} {ev.amount}")


class Number(HumanResponseEvent):
    number: str


class TwoKinds(Workflow):
    @step
    async def ask(self, ev: StartEvent) -> InputRequiredEvent:
        return InputRequiredEvent(prefix="Which?")

    @step
    async def number(self, ev: Number) -> StopEvent:
        return StopEvent(result=f"number {ev.number}")

    @step
    async def approval(self, ev: Approval) -> StopEvent:
        return StopEvent(result=f"approval {ev.approved}")


class Left(Event):
    pass


class Right(Event):
    pass


class Both(Event):
    said: str


class AskTwice(Workflow):
    """Two steps ask at the same time."""

    @step
    async def begin(self, ctx: Context, ev: StartEvent) -> Left | Right | None:
        ctx.send_event(Left())
        ctx.send_event(Right())
        return None

    @step
    async def left(self, ctx: Context, ev: Left) -> Both:
        answer = await ctx.wait_for_event(
            HumanResponseEvent,
            waiter_event=InputRequiredEvent(prefix="Left?", side="left"),
            waiter_id="left",
            requirements={"side": "left"},
        )
        return Both(said=f"left {answer.response}")

    @step
    async def right(self, ctx: Context, ev: Right) -> Both:
        answer = await ctx.wait_for_event(
            HumanResponseEvent,
            waiter_event=InputRequiredEvent(prefix="Right?", side="right"),
            waiter_id="right",
            requirements={"side": "right"},
        )
        return Both(said=f"right {answer.response}")

    @step
    async def end(self, ctx: Context, ev: Both) -> StopEvent | None:
        both = ctx.collect_events(ev, [Both, Both])
        return None if both is None else StopEvent(result=" ".join(sorted(one.said for one in both)))


async def confirm(ctx: Context) -> str:
    """Ask whether it may be sent."""
    answer = await ctx.wait_for_event(
        HumanResponseEvent, waiter_event=InputRequiredEvent(prefix="Really?"), waiter_id="really"
    )
    return f"the human says {answer.response}"


def asking_agent(client: ReplayChatCompletionClient, *tools: Any) -> FunctionAgent:
    return FunctionAgent(name="sender", description="Sends", tools=[confirm, *tools], llm=HubLLM(model_client=client))


def call(id: str, name: str) -> FunctionCall:
    return FunctionCall(id=id, name=name, arguments="{}")


async def test_a_question_ends_the_run_and_the_next_task_is_the_answer() -> None:
    agent = adapt(Ask())

    asked = await agent.run("bees")
    answered = await agent.run("to Ann")

    assert (asked.text(), asked.finish_reason) == ("Send bees?", "interrupt")
    interrupts: Any = asked.metadata["interrupts"]
    assert [interrupt["value"] for interrupt in interrupts] == ["Send bees?"]
    assert (answered.text(), answered.finish_reason) == ("bees: to Ann", "stop")
    assert (await agent.run("birds")).text() == "Send birds?"
    assert len(asyncio.all_tasks()) == 1


async def test_each_session_waits_for_its_own_answer() -> None:
    runtime = SingleThreadedAgentRuntime()
    await adapt(Ask()).register(runtime, "asker")
    runtime.start()

    async def say(key: str, text: str) -> str:
        answer: AgentResult = await runtime.send_message(AgentTask.from_text(text), AgentId("asker", key))
        return answer.text()

    said = [await say("a", "bees"), await say("b", "birds"), await say("a", "no"), await say("b", "yes")]

    await runtime.stop_when_idle()
    assert said == ["Send bees?", "Send birds?", "bees: no", "birds: yes"]


async def test_whoever_answers_for_the_run_is_asked_while_it_runs() -> None:
    asked: list[InputRequest] = []

    async def answer(request: InputRequest) -> str:
        asked.append(request)
        return "to Ann"

    with answer_with(answer):
        items = [item async for item in adapt(Ask()).run_stream("bees")]

    (chunk,) = [item for item in items if isinstance(item, AgentChunk)]
    assert [(request.prompt, request.source) for request in asked] == [("Send bees?", "Ask")]
    assert (chunk.kind, chunk.metadata[REQUEST_ID]) == ("status", asked[0].request_id)
    assert isinstance(items[-1], AgentResult)
    assert items[-1].text() == "bees: to Ann"


async def test_cancelling_ends_the_wait_for_a_human() -> None:
    waits, gone = asyncio.Event(), asyncio.Event()

    async def answer(request: InputRequest) -> str:
        waits.set()
        try:
            return await asyncio.Future()
        finally:
            gone.set()

    token = CancellationToken()
    with answer_with(answer):
        run = asyncio.create_task(adapt(Ask()).run("bees", cancellation_token=token))
        await waits.wait()
        token.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run

    assert gone.is_set()
    assert len(asyncio.all_tasks()) == 1


async def test_the_fields_of_a_form_are_given_in_the_tasks_metadata() -> None:
    agent = adapt(AskForm())
    asked = await agent.run("go")

    interrupts: Any = asked.metadata["interrupts"]
    assert [interrupt["value"] for interrupt in interrupts] == [{"prefix": "Approve?", "amount": 5}]
    resume = AgentTask.from_text("", metadata={"resume": {"approved": True, "reason": "cheap"}})
    assert (await agent.run(resume)).text() == "True cheap 5"


async def test_an_answer_that_does_not_fit_is_an_error_and_the_question_waits() -> None:
    agent = adapt(AskForm())
    await agent.run("go")

    with pytest.raises(ValueError, match="approved") as caught:
        await agent.run("perhaps")

    assert caught.value.__notes__ == ["in agent 'AskForm' (LlamaIndex workflow AskForm)"]
    assert (await agent.run("yes")).text() == "True  5"


async def test_several_kinds_of_answers_need_to_be_told_apart() -> None:
    with pytest.raises(ValueError, match=r"TwoKinds takes answers as Approval and Number; pass respond="):
        adapt(TwoKinds())

    agent = from_workflow(TwoKinds(), respond=lambda question, answer: Number(number=f"{question['prefix']} {answer}"))
    await agent.run("go")
    assert (await agent.run("7")).text() == "number Which? 7"


async def test_what_is_no_event_answers_nothing() -> None:
    wrong: Any = lambda question, answer: answer  # noqa: E731 # a parameter that is wrong on purpose
    agent = from_workflow(Ask(), respond=wrong)
    await agent.run("bees")

    with pytest.raises(TypeError, match="respond returned 'yes', not an event of a workflow"):
        await agent.run("yes")


async def test_an_answer_that_no_step_waits_for_is_an_error_and_no_wait_for_ever() -> None:
    agent = from_workflow(Ask(), respond=lambda question, answer: Left())
    await agent.run("bees")

    with pytest.raises(ValueError, match=r"no step of agent 'Ask' waits for the answer, which is of type Left; pass"):
        await agent.run("yes")

    assert len(asyncio.all_tasks()) == 1


async def test_several_questions_are_answered_by_their_ids() -> None:
    agent = adapt(AskTwice())
    asked = await agent.run("go")
    interrupts: Any = asked.metadata["interrupts"]
    ids = {interrupt["value"]["side"]: interrupt["id"] for interrupt in interrupts}

    assert sorted(asked.text().splitlines()) == ["Left?", "Right?"]
    with pytest.raises(ValueError, match=r"agent 'AskTwice' waits for 2 answers; give them as a JSON list in the"):
        await agent.run("yes")
    resume = {ids["left"]: "yes", ids["right"]: "no"}
    assert (await agent.run(AgentTask.from_text("", metadata={"resume": resume}))).text() == "left yes right no"


async def test_several_questions_are_answered_by_a_list_in_their_order() -> None:
    agent = adapt(AskTwice())
    asked = await agent.run("go")
    answers = ["yes" if line == "Left?" else "no" for line in asked.text().splitlines()]

    assert (await agent.run(json.dumps(answers))).text() == "left yes right no"


async def test_a_question_waits_in_the_saved_state() -> None:
    agent = adapt(Ask())
    await agent.run("bees")

    state = json.loads(json.dumps(await agent.save_state()))
    again = adapt(Ask())
    await again.load_state(state)

    assert (await again.run("to Ann")).text() == "bees: to Ann"
    assert await again.save_state() == {"default": {}}


async def test_a_tool_asks_and_goes_on_with_the_answer() -> None:
    client = replay(calls(call("1", "confirm")), "Sent.")
    agent = adapt(asking_agent(client))

    asked = await agent.run("Send it.")
    answered = await agent.run("yes")

    assert (asked.text(), asked.finish_reason) == ("Really?", "interrupt")
    assert asked.messages[0] == AssistantMessage(content=[call("1", "confirm")], source="sender")
    assert answered.text() == "Sent."
    assert [source.content for source in answered.sources] == ["the human says yes"]
    said = [str(message.content) for message in client.create_calls[-1]["messages"]]
    assert said[0] == "Send it."
    assert "the human says yes" in said[-1]


async def test_the_conversation_goes_on_after_the_answer() -> None:
    client = replay("Hello Ann.", calls(call("1", "confirm")), "Sent.", "You are Ann.")
    agent = adapt(asking_agent(client))

    for text in ("I am Ann", "Send it.", "yes", "Who am I?"):
        answer = await agent.run(text)

    assert answer.text() == "You are Ann."
    said = [message.content for message in client.create_calls[-1]["messages"]]
    assert [content for content in said if isinstance(content, str)] == [
        "I am Ann",
        "Hello Ann.",
        "Send it.",
        "Sent.",
        "Who am I?",
    ]


async def test_other_tools_of_the_run_end_before_it_stops_to_ask() -> None:
    asked = asyncio.Event()
    worked: list[str] = []

    async def work() -> str:
        """Work."""
        await asked.wait()
        worked.append("worked")
        return "worked"

    async def confirm_soon(ctx: Context) -> str:
        """Ask."""
        asked.set()
        return await confirm(ctx)

    client = replay(calls(call("1", "confirm_soon"), call("2", "work")), "Sent.")
    agent = adapt(asking_agent(client, confirm_soon, work))

    first = await agent.run("Send it.")
    second = await agent.run("yes")

    assert worked == ["worked"]
    assert [source.content for source in first.sources] == ["worked"]
    assert [source.content for source in second.sources] == ["the human says yes"]
    assert second.text() == "Sent."


async def test_an_agent_of_a_workflow_asks_too() -> None:
    client = replay(
        calls(FunctionCall(id="1", name="handoff", arguments='{"to_agent": "sender", "reason": "it sends"}')),
        calls(call("2", "confirm")),
        "Sent.",
    )
    planner = FunctionAgent(
        name="planner", description="Plans", llm=HubLLM(model_client=client), tools=[], can_handoff_to=["sender"]
    )
    agent = adapt(AgentWorkflow(agents=[planner, asking_agent(client)], root_agent="planner"))

    asked = await agent.run("Send it.")
    answered = await agent.run("yes")

    assert (asked.text(), answered.text(), answered.metadata["agent"]) == ("Really?", "Sent.", "sender")


async def test_a_question_of_a_tool_is_answered_in_a_process_of_its_own(tmp_path: Path) -> None:
    """What waits is JSON: another process goes on with the file alone."""
    program = tmp_path / "program.py"
    program.write_text(
        "import asyncio, json, pathlib, sys\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from test_questions import asking_agent, call, calls, replay\n"
        "from hubbub_registry import adapt\n"
        "async def main():\n"
        "    path, text, *answers = sys.argv[1:]\n"
        "    state = pathlib.Path(path)\n"
        "    made = [calls(call('1', 'confirm')) if answer == 'CALL' else answer for answer in answers]\n"
        "    agent = adapt(asking_agent(replay(*made)))\n"
        "    if state.exists():\n"
        "        await agent.load_state(json.loads(state.read_text()))\n"
        "    print((await agent.run(text)).text())\n"
        "    state.write_text(json.dumps(await agent.save_state()))\n"
        "asyncio.run(main())\n"
    )

    def run(*words: str) -> str:
        done = subprocess.run([sys.executable, program, tmp_path / "state", *words], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert run("Send it.", "CALL") == "Really?\n"
    assert run("yes", "Sent.") == "Sent.\n"
    assert "the human says yes" in (tmp_path / "state").read_text()


async def test_a_run_whose_state_is_no_json_cannot_wait() -> None:
    async def keep(ctx: Context) -> str:
        """Keep something and ask."""
        await ctx.store.set("thing", object())
        return await confirm(ctx)

    agent = adapt(asking_agent(replay(calls(call("1", "keep"))), keep))

    with pytest.raises(
        RuntimeError, match=r"agent 'sender' asks \(Really\?\), but cannot wait for the answer, because"
    ):
        await agent.run("go")

    assert len(asyncio.all_tasks()) == 1


async def test_a_state_whose_question_names_an_unknown_class_is_refused() -> None:
    agent = adapt(Ask())
    await agent.run("bees")
    state: Any = json.loads(json.dumps(await agent.save_state()))
    workers = state["default"]["paused"]["context"]["workers"]
    workers["end"]["collected_waiters"] = [{"waiting_for_event": "antigravity.Evil"}]

    with pytest.raises(ValueError, match=r"names antigravity\.Evil, whose module this program has not imported"):
        await adapt(Ask()).load_state(state)


async def test_the_documents_agent_takes_the_next_message_as_the_answer() -> None:
    client = replay(calls(call("1", "confirm")), "Sent.")
    memory = ChatMemoryBuffer.from_defaults(token_limit=5000)
    runtime = SingleThreadedAgentRuntime()
    await LlamaIndexAgent.register(
        runtime, "chat_agent", lambda: LlamaIndexAgent("Sends", asking_agent(client), memory)
    )
    runtime.start()

    said = [
        (await runtime.send_message(Message(content=text), AgentId("chat_agent", "default"))).content
        for text in ("Send it.", "yes")
    ]

    await runtime.stop_when_idle()
    assert said == ["Really?", "Sent."]
    assert [message.content for message in memory.get_all()] == ["Send it.", "Really?", "yes", "Sent."]
