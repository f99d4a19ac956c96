"""Approval of tool calls and guardrails around them: what runs, with which arguments, and what the model reads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from chat_scripts import assistant, calls, replay

from hubbub_agentchat.agents import (
    AssistantAgent,
    ToolApprovalFuncType,
    ToolApprovalRequest,
    ToolApprovalResponse,
    ToolGuardrail,
)
from hubbub_agentchat.messages import ToolCallExecutionEvent, ToolCallRequestEvent
from hubbub_agentchat.teams import RoundRobinGroupChat
from hubbub_agentchat.ui import Console, ConsoleToolApproval
from hubbub_core import CancellationToken
from hubbub_core.models import CreateResult, FunctionExecutionResult
from hubbub_core.tools import FunctionTool, StaticWorkbench, TextResultContent, ToolResult

ran: list[tuple[int, int]] = []


@pytest.fixture(autouse=True)
def nothing_ran() -> Iterator[None]:
    ran.clear()
    yield
    ran.clear()


def add(a: int, b: int) -> int:
    """Add numbers."""
    ran.append((a, b))
    return a + b


ADD = calls(("add", '{"a": 1, "b": 2}'))


def make(*answers: str | CreateResult, **options: Any) -> AssistantAgent:
    options.setdefault("tools", [add])
    return assistant("clerk", *answers, **options)


async def results(agent: AssistantAgent) -> list[FunctionExecutionResult]:
    messages = (await agent.run(task="go")).messages
    return next(message.content for message in messages if isinstance(message, ToolCallExecutionEvent))


def approved(request: ToolApprovalRequest) -> ToolApprovalResponse:
    return ToolApprovalResponse(approved=True)


async def denied(request: ToolApprovalRequest) -> ToolApprovalResponse:
    await asyncio.sleep(0)
    return ToolApprovalResponse(approved=False, reason="not on a Sunday")


async def test_approval_sees_agent_tool_and_arguments_before_the_call_is_made() -> None:
    asked: list[tuple[ToolApprovalRequest, list[tuple[int, int]]]] = []

    async def approve(request: ToolApprovalRequest) -> ToolApprovalResponse:
        asked.append((request, list(ran)))
        return ToolApprovalResponse(approved=True)

    found = await results(make(ADD, tool_approval=approve))

    request = ToolApprovalRequest(source="clerk", call_id="1", tool_name="add", arguments={"a": 1, "b": 2})
    assert asked == [(request, [])]
    assert (found[0].content, found[0].is_error) == ("3", False)


@pytest.mark.parametrize(
    "approval",
    [denied, lambda request: ToolApprovalResponse(approved=False, reason="not on a Sunday")],
    ids=["async", "sync"],
)
async def test_denied_call_is_not_made_and_the_model_reads_the_reason(approval: ToolApprovalFuncType) -> None:
    client = replay(ADD, "Then not.")
    agent = AssistantAgent("clerk", client, tools=[add], tool_approval=approval, reflect_on_tool_use=True)

    result = await agent.run(task="go")

    assert ran == []
    read = client.create_calls[1]["messages"][-1].content[0]
    assert (read.content, read.is_error) == ("Tool call was not approved. Reason: not on a Sunday", True)
    assert result.messages[-1].to_text() == "Then not."


async def test_edited_arguments_are_passed_and_the_model_is_told() -> None:
    def edit(request: ToolApprovalRequest) -> ToolApprovalResponse:
        return ToolApprovalResponse(approved=True, arguments={**request.arguments, "b": 40})

    found = await results(make(ADD, tool_approval=edit))

    assert ran == [(1, 40)]
    assert found[0].content == 'The call was approved with other arguments: {"a": 1, "b": 40}\n41'


async def test_each_call_of_a_reply_is_decided_on_its_own() -> None:
    def only_small(request: ToolApprovalRequest) -> ToolApprovalResponse:
        return ToolApprovalResponse(approved=request.arguments["a"] < 5, reason="too big")

    agent = make(calls(("add", '{"a": 1, "b": 1}'), ("add", '{"a": 9, "b": 1}')), tool_approval=only_small)
    found = await results(agent)

    assert ran == [(1, 1)]
    assert [(result.call_id, result.content) for result in found] == [
        ("1", "2"),
        ("2", "Tool call was not approved. Reason: too big"),
    ]


async def test_calls_that_cannot_be_made_and_handoffs_are_not_asked_about() -> None:
    asked: list[str] = []

    def note(request: ToolApprovalRequest) -> ToolApprovalResponse:
        asked.append(request.tool_name)
        return ToolApprovalResponse(approved=True)

    agent = make(
        calls(("add", "no json"), ("add", "[]"), ("nope", "{}"), ("transfer_to_boss", "{}")),
        tool_approval=note,
        handoffs=["boss"],
    )
    result = await agent.run(task="go")

    assert asked == []
    assert type(result.messages[-1]).__name__ == "HandoffMessage"


async def test_tools_of_a_plain_workbench_are_asked_about_too() -> None:
    workbench = StaticWorkbench([FunctionTool(add, description="Add.")])

    found = await results(make(ADD, tools=None, workbench=workbench, tool_approval=denied))

    assert ran == []
    assert found[0].is_error is True


async def test_request_is_shown_before_the_approval_is_asked() -> None:
    order: list[str] = []

    async def approve(request: ToolApprovalRequest) -> ToolApprovalResponse:
        order.append("asked")
        return ToolApprovalResponse(approved=True)

    async for item in make(ADD, tool_approval=approve).run_stream(task="go"):
        if isinstance(item, ToolCallRequestEvent):
            order.append("shown")

    assert order == ["shown", "asked"]


@pytest.mark.parametrize(
    ("approval", "error", "told"),
    [
        (lambda request: "yes", TypeError, "has to return ToolApprovalResponse, but returned 'yes'"),
        (lambda request: 1 / 0, ZeroDivisionError, "division"),
    ],
)
async def test_approval_that_fails_ends_the_turn_without_the_call(
    approval: Any, error: type[Exception], told: str
) -> None:
    agent = make(ADD, tool_approval=approval)

    with pytest.raises(error, match=told):
        await agent.run(task="go")

    assert ran == []
    assert await agent.model_context.get_messages() == []


async def test_approval_that_exits_does_not_leave_the_agent_waiting() -> None:
    def leave(request: ToolApprovalRequest) -> ToolApprovalResponse:
        raise asyncio.CancelledError("left")

    async with asyncio.timeout(10):
        with pytest.raises(asyncio.CancelledError):
            await make(ADD, tool_approval=leave).run(task="go")
    assert ran == []


async def test_cancellation_ends_the_wait_for_a_blocking_approval() -> None:
    asked = threading.Event()
    release = threading.Event()

    def block(request: ToolApprovalRequest) -> ToolApprovalResponse:
        asked.set()
        release.wait(10)
        return ToolApprovalResponse(approved=True)

    agent = make(ADD, "after all", tool_approval=block)
    token = CancellationToken()
    running = asyncio.create_task(agent.run(task="go", cancellation_token=token))
    await asyncio.to_thread(asked.wait, 10)
    token.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    release.set()

    assert ran == []
    assert (await agent.run(task="go")).messages[-1].to_text() == "after all"


# Guardrails


class Recording(ToolGuardrail):
    def __init__(self, name: str, log: list[str]) -> None:
        self.name = name
        self.log = log

    async def before_call(self, call: ToolApprovalRequest) -> ToolApprovalResponse | None:
        self.log.append(f"{self.name} before {call.arguments['b']}")
        return ToolApprovalResponse(approved=True, arguments={**call.arguments, "b": call.arguments["b"] * 10})

    async def after_call(self, call: ToolApprovalRequest, result: ToolResult) -> ToolResult | None:
        self.log.append(f"{self.name} after {call.arguments['b']}: {result.to_text()}")
        return ToolResult(name=result.name, result=[TextResultContent(content=f"{self.name}({result.to_text()})")])


async def test_guardrails_change_arguments_in_order_and_results_in_reverse_and_the_approver_sees_what_will_run() -> (
    None
):
    log: list[str] = []

    def approve(request: ToolApprovalRequest) -> ToolApprovalResponse:
        log.append(f"approve {request.arguments['b']}")
        return ToolApprovalResponse(approved=True)

    agent = make(ADD, tool_approval=approve, tool_guardrails=[Recording("x", log), Recording("y", log)])
    found = await results(agent)

    assert log == ["x before 2", "y before 20", "approve 200", "y after 200: 201", "x after 200: y(201)"]
    assert found[0].content == "x(y(201))"


async def test_guardrail_that_overrides_nothing_lets_everything_pass() -> None:
    class Open(ToolGuardrail):
        pass

    assert (await results(make(ADD, tool_guardrails=[Open()])))[0].content == "3"


class Limit(ToolGuardrail):
    async def before_call(self, call: ToolApprovalRequest) -> ToolApprovalResponse | None:
        if call.arguments["b"] > 30:
            return ToolApprovalResponse(approved=False, reason="b is limited to 30")
        return None


async def test_guardrail_denies_before_anybody_is_asked() -> None:
    asked: list[str] = []

    def approve(request: ToolApprovalRequest) -> ToolApprovalResponse:
        asked.append(request.tool_name)
        return ToolApprovalResponse(approved=True)

    agent = make(calls(("add", '{"a": 1, "b": 31}')), tool_approval=approve, tool_guardrails=[Limit()])
    found = await results(agent)

    assert (ran, asked) == ([], [])
    assert (found[0].content, found[0].is_error) == ("Tool call was denied. Reason: b is limited to 30", True)


async def test_guardrail_looks_at_edited_arguments_again() -> None:
    def edit(request: ToolApprovalRequest) -> ToolApprovalResponse:
        return ToolApprovalResponse(approved=True, arguments={"a": 1, "b": 99})

    found = await results(make(ADD, tool_approval=edit, tool_guardrails=[Limit()]))

    assert ran == []
    assert found[0].content == "Tool call was denied. Reason: b is limited to 30"


async def test_guardrail_that_withholds_a_result_makes_it_an_error() -> None:
    class Secret(ToolGuardrail):
        async def after_call(self, call: ToolApprovalRequest, result: ToolResult) -> ToolResult | None:
            return ToolResult(name=result.name, result=[TextResultContent(content="withheld")], is_error=True)

    found = await results(make(ADD, tool_guardrails=[Secret()]))

    assert ran == [(1, 2)]
    assert (found[0].content, found[0].is_error) == ("withheld", True)


@pytest.mark.parametrize("options", [{"tool_approval": approved}, {"tool_guardrails": [Limit()]}])
def test_agent_with_checks_has_no_configuration(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"Cannot serialize AssistantAgent 'clerk' with tool_approval or tool_guard"):
        make(**options).dump_component()


# On the terminal


class Terminal:
    """Answers prompts from a list, synchronously or not."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.prompts: list[str] = []

    def read(self, prompt: str) -> str:
        self.prompts.append(prompt)
        return self.answers.pop(0)

    async def read_later(self, prompt: str, cancellation_token: CancellationToken | None) -> str:
        await asyncio.sleep(0)
        return self.read(prompt)


@pytest.mark.parametrize("way", ["read", "read_later"])
async def test_console_asks_yes_or_no_with_a_reason(way: str) -> None:
    terminal = Terminal("maybe", "Y", "n", "too late")
    agent = make(ADD, ADD, tool_approval=ConsoleToolApproval(getattr(terminal, way)))

    first, second = await results(agent), await results(agent)

    question = 'clerk wants to call add({"a": 1, "b": 2}). Approve? [y]es, [n]o, [e]dit arguments, [a]lways: '
    assert terminal.prompts == [question, "Please answer y, n, e or a: ", question, "Reason: "]
    assert first[0].content == "3"
    assert second[0].content == "Tool call was not approved. Reason: too late"


async def test_console_edits_arguments_until_they_are_an_object() -> None:
    terminal = Terminal("e", "{", "[1]", '{"a": 5, "b": 5}')

    found = await results(make(ADD, tool_approval=ConsoleToolApproval(terminal.read)))

    assert [prompt.rpartition("Arguments")[0][:15] for prompt in terminal.prompts[1:]] == [
        "",
        "That is not JSO",
        "The arguments h",
    ]
    assert found[0].content.endswith("\n10")


async def test_console_allows_a_tool_always_and_asks_about_one_call_at_a_time() -> None:
    terminal = Terminal("a")
    agent = make(
        calls(("add", '{"a": 1, "b": 1}'), ("add", '{"a": 2, "b": 2}')),
        tool_approval=ConsoleToolApproval(terminal.read),
    )

    found = await results(agent)

    assert [result.content for result in found] == ["2", "4"]
    assert len(terminal.prompts) == 1


async def test_console_reads_the_terminal_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal("y")
    monkeypatch.setattr("builtins.input", terminal.read)

    assert (await results(make(ADD, tool_approval=ConsoleToolApproval())))[0].content == "3"


async def test_approval_works_in_a_team_on_the_console(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal("n", "no need")
    team = RoundRobinGroupChat([make(ADD, tool_approval=ConsoleToolApproval(terminal.read))], max_turns=1)

    await Console(team.run_stream(task="go"))

    assert "Tool call was not approved. Reason: no need" in capsys.readouterr().out
    assert ran == []
