"""Approval of tool calls on the terminal."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any, cast

from hubbub_agentchat._fifo_lock import FifoLock
from hubbub_agentchat.agents import ToolApprovalRequest, ToolApprovalResponse
from hubbub_agentchat.agents._approval import is_async
from hubbub_core import CancellationToken
from hubbub_core.blocking import call_in_thread


class ConsoleToolApproval:
    """Asks on the terminal before every tool call; the `tool_approval` of an `AssistantAgent`, or of several.

    The answers are y (yes), n (no, with a reason that the model reads), e (yes, with other arguments) and a (yes, and
    for this tool of this agent from now on). Calls are asked about one after another, also those of several agents
    that share the object.

    Args:
        input_func: Asked for each line: synchronous with the prompt, or asynchronous with prompt and token, as for a
            `UserProxyAgent`. Reads from the terminal by default.
    """

    def __init__(
        self,
        input_func: Callable[[str], str] | Callable[[str, CancellationToken | None], Awaitable[str]] | None = None,
    ) -> None:
        self._input_func = input_func or input
        self._one_at_a_time = FifoLock()
        self._always: set[tuple[str, str]] = set()

    async def __call__(self, request: ToolApprovalRequest) -> ToolApprovalResponse:
        """Ask about a call.

        Raises:
            EOFError: The input ended.
        """
        async with self._one_at_a_time:
            tool = (request.source, request.tool_name)
            if tool in self._always:
                return ToolApprovalResponse(approved=True)
            call = f"{request.tool_name}({json.dumps(request.arguments, ensure_ascii=False)})"
            prompt = f"{request.source} wants to call {call}. Approve? [y]es, [n]o, [e]dit arguments, [a]lways: "
            while True:
                answer = (await self._ask(prompt)).strip().lower()
                if answer in ("y", "yes"):
                    return ToolApprovalResponse(approved=True)
                if answer in ("a", "always"):
                    self._always.add(tool)
                    return ToolApprovalResponse(approved=True)
                if answer in ("n", "no"):
                    return ToolApprovalResponse(approved=False, reason=(await self._ask("Reason: ")).strip())
                if answer in ("e", "edit"):
                    return ToolApprovalResponse(approved=True, arguments=await self._edited())
                prompt = "Please answer y, n, e or a: "

    async def _edited(self) -> dict[str, Any]:
        prompt = "Arguments as JSON: "
        while True:
            try:
                arguments: object = json.loads(await self._ask(prompt))
            except json.JSONDecodeError as exc:
                prompt = f"That is not JSON ({exc}). Arguments as JSON: "
                continue
            if isinstance(arguments, dict):
                return arguments
            prompt = 'The arguments have to be an object, such as {"name": "value"}. Arguments as JSON: '

    async def _ask(self, prompt: str) -> str:
        if is_async(self._input_func):
            # The cancellation of a turn cancels this task; there is no other token to hand on.
            return await cast("Callable[[str, CancellationToken | None], Awaitable[str]]", self._input_func)(
                prompt, None
            )
        return await call_in_thread(cast("Callable[[str], str]", self._input_func), prompt)
