"""Approval of the code that a CodeExecutorAgent runs."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from code_agents import PRINT, Prepared, answer, coder, terminal, text

from hubbub_agentchat.agents import ApprovalFuncType, ApprovalRequest, ApprovalResponse, CodeExecutorAgent
from hubbub_core import CancellationToken
from hubbub_core.code_executor import CodeBlock, CodeResult
from hubbub_core.models import AssistantMessage, UserMessage


async def approve_later(request: ApprovalRequest) -> ApprovalResponse:
    await asyncio.sleep(0)
    return ApprovalResponse(approved=False, reason="too risky")


class Refuser:
    async def __call__(self, request: ApprovalRequest) -> ApprovalResponse:
        return ApprovalResponse(approved=False, reason="too risky")


@pytest.mark.parametrize(
    "approval",
    [
        approve_later,
        lambda request: ApprovalResponse(approved=False, reason="too risky"),
        lambda request: approve_later(request),
        Refuser(),
    ],
    ids=["async", "sync", "sync that returns an awaitable", "object"],
)
async def test_code_that_is_not_approved_does_not_run_and_the_reason_is_told(approval: ApprovalFuncType) -> None:
    executor = Prepared()
    agent = terminal(executor, approval_func=approval)

    told = await answer(agent, PRINT)
    result = await agent.execute_code_block([CodeBlock("1", "python")], CancellationToken())

    assert told == "Code execution was not approved. Reason: too risky"
    assert result == CodeResult(exit_code=1, output="Code execution was not approved. Reason: too risky")
    assert executor.ran == []


async def test_approval_is_asked_once_with_all_blocks_fenced_and_the_conversation() -> None:
    asked: list[ApprovalRequest] = []

    def approve(request: ApprovalRequest) -> ApprovalResponse:
        asked.append(request)
        return ApprovalResponse(approved=True, reason="")

    code = "```python\na\n```\n```sh\nb\n```"
    agent, _ = coder(Prepared(), code, "done", approval_func=approve)
    await agent.run(task="go")
    await terminal(Prepared(), approval_func=approve).run(task=code)

    assert [request.code for request in asked] == ["```python\na\n```\n\n```sh\nb\n```"] * 2
    assert asked[0].context == [
        UserMessage(content="go", source="user"),
        AssistantMessage(content=code, source="coder"),
    ]
    assert asked[1].context == [UserMessage(content=code, source="user")]


async def test_synchronous_approval_may_wait_without_stopping_the_loop() -> None:
    turned = threading.Event()

    def wait(request: ApprovalRequest) -> ApprovalResponse:
        assert turned.wait(10)
        return ApprovalResponse(approved=True, reason="")

    running = asyncio.create_task(answer(terminal(Prepared(), approval_func=wait), PRINT))
    await asyncio.sleep(0)
    turned.set()

    assert await running == "out"


@pytest.mark.parametrize(
    ("approval", "error", "told"),
    [
        (lambda request: True, TypeError, "has to return ApprovalResponse, but returned True"),
        (lambda request: 1 / 0, ZeroDivisionError, "division"),
    ],
)
async def test_approval_that_is_neither_yes_nor_no_runs_nothing(
    approval: Any, error: type[Exception], told: str
) -> None:
    executor = Prepared()

    with pytest.raises(error, match=told):
        await answer(terminal(executor, approval_func=approval), PRINT)
    assert executor.ran == []


def test_missing_approval_is_a_warning() -> None:
    with pytest.warns(UserWarning, match="No approval function set for CodeExecutorAgent"):
        CodeExecutorAgent("terminal", Prepared())


def test_agent_with_an_approval_function_has_no_configuration() -> None:
    with pytest.raises(ValueError, match="Cannot serialize CodeExecutorAgent with approval_func set"):
        terminal(Prepared()).dump_component()


async def test_cancellation_ends_the_wait_for_an_approval() -> None:
    asked = asyncio.Event()

    async def never(request: ApprovalRequest) -> ApprovalResponse:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError("never")

    executor = Prepared()
    token = CancellationToken()
    running = asyncio.create_task(
        terminal(executor, approval_func=never).on_messages([text(PRINT)], token),
    )
    await asked.wait()
    token.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert executor.ran == []
