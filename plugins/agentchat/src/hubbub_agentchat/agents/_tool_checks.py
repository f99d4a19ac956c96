"""What stands between a model's tool calls and the tools: guardrails of the application, and somebody's approval."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from pydantic import BaseModel

from hubbub_agentchat.agents._approval import ask
from hubbub_core import FunctionCall
from hubbub_core.tools import ToolResult


class ToolApprovalRequest(BaseModel):
    """A tool call that is about to be made."""

    source: str
    """Name of the agent whose model asked for it."""

    call_id: str
    tool_name: str
    arguments: dict[str, Any]
    """As they would be passed."""


class ToolApprovalResponse(BaseModel):
    """Whether the call may be made, and how."""

    approved: bool
    reason: str = ""
    """Why not. The model reads it as the result of the call."""

    arguments: dict[str, Any] | None = None
    """Arguments to pass instead; None for those of the request."""


SyncToolApprovalFunc: TypeAlias = Callable[[ToolApprovalRequest], ToolApprovalResponse]
"""Decides on a call. Runs in a thread, so that it may wait for somebody."""
AsyncToolApprovalFunc: TypeAlias = Callable[[ToolApprovalRequest], Awaitable[ToolApprovalResponse]]
"""Decides on a call."""
ToolApprovalFuncType: TypeAlias = SyncToolApprovalFunc | AsyncToolApprovalFunc


class ToolGuardrail(Protocol):
    """Looks at every tool call of an agent before it is made, and at its result before the model reads it.

    Derive from it and override what is needed: the hooks here let everything pass. An error that a hook raises ends
    the turn; the call is not made, or its result not used. Calls of one reply are made at the same time, so hooks may
    run at the same time too. Handoffs are no tool calls and are not shown.
    """

    async def before_call(self, call: ToolApprovalRequest) -> ToolApprovalResponse | None:
        """Return None to let the call pass, or a response that denies it or changes its arguments.

        The model is not told of changed arguments: they may hold what it must not know.
        """
        return None

    async def after_call(self, call: ToolApprovalRequest, result: ToolResult) -> ToolResult | None:
        """Return None to let the result pass, or what the model reads instead.

        Args:
            call: The call as it was made.
            result: What the tool returned.
        """
        return None


@dataclass(frozen=True, slots=True)
class ClearedCall:
    """A call that may be made."""

    request: ToolApprovalRequest
    note: str = ""
    """What the model is told before the result."""


class ToolChecks:
    """The checks of one agent.

    Args:
        source: The agent's name.
        approval: Asked about every call that the guardrails let pass.
        guardrails: Asked in order before a call, in reverse order after it.
    """

    def __init__(
        self, source: str, approval: ToolApprovalFuncType | None, guardrails: Sequence[ToolGuardrail] | None
    ) -> None:
        self._source = source
        self._approval = approval
        self._guardrails = list(guardrails or ())

    def __bool__(self) -> bool:
        return self._approval is not None or bool(self._guardrails)

    async def clear(self, call: FunctionCall, arguments: dict[str, Any]) -> ClearedCall | str:
        """Ask whether a call may be made; returns how, or what the model reads instead of a result.

        Somebody who approves sees the arguments that will be passed: those that the guardrails have left. If they are
        changed there, the guardrails look at them again.
        """
        request = ToolApprovalRequest(
            source=self._source, call_id=call.id, tool_name=call.name, arguments=dict(arguments)
        )
        guarded = await self._guard(request)
        if isinstance(guarded, str) or self._approval is None:
            return guarded if isinstance(guarded, str) else ClearedCall(guarded)
        response = await ask(self._approval, guarded, ToolApprovalResponse)
        if not response.approved:
            return _denial("Tool call was not approved.", response)
        edited = response.arguments
        if edited is None or edited == guarded.arguments:
            return ClearedCall(guarded)
        guarded = await self._guard(guarded.model_copy(update={"arguments": edited}))
        if isinstance(guarded, str):
            return guarded
        # Otherwise the model takes the result for that of its own arguments, and may well call again.
        return ClearedCall(guarded, f"The call was approved with other arguments: {json.dumps(edited, default=str)}\n")

    async def after(self, cleared: ClearedCall, result: ToolResult) -> ToolResult:
        """Return the result that the model reads."""
        for guardrail in reversed(self._guardrails):
            result = await guardrail.after_call(cleared.request, result) or result
        return result

    async def _guard(self, request: ToolApprovalRequest) -> ToolApprovalRequest | str:
        for guardrail in self._guardrails:
            response = await guardrail.before_call(request)
            if response is None:
                continue
            if not response.approved:
                return _denial("Tool call was denied.", response)
            if response.arguments is not None:
                request = request.model_copy(update={"arguments": response.arguments})
        return request


def _denial(what: str, response: ToolApprovalResponse) -> str:
    return f"{what} Reason: {response.reason}" if response.reason else what
