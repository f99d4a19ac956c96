"""Tool calls of an assistant agent: which tools its model sees, and the execution of the calls of one reply."""

from __future__ import annotations

import asyncio
import json
import warnings
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Final, TypeAlias

from hubbub_agentchat.agents._tool_checks import ClearedCall, ToolChecks
from hubbub_agentchat.messages import BaseAgentEvent, BaseChatMessage
from hubbub_core import CancellationToken, FunctionCall
from hubbub_core.models import FunctionExecutionResult
from hubbub_core.tools import BaseTool, StaticStreamWorkbench, ToolResult, ToolSchema, Workbench

CallResult: TypeAlias = tuple[FunctionCall, FunctionExecutionResult]

_END: Final = object()


class ToolBox:
    """What the model of one agent can call: the tools of workbenches, and handoffs.

    Args:
        workbenches: Asked for their tools before every model call.
        handoff_tools: By name. A call of such a name never reaches a workbench (N-370).
        checks: Made on every call of a workbench's tool.
    """

    def __init__(
        self, workbenches: Sequence[Workbench], handoff_tools: Mapping[str, BaseTool[Any, Any]], checks: ToolChecks
    ) -> None:
        self.checks = checks
        self.workbenches = list(workbenches)
        self.handoff_tools = dict(handoff_tools)
        self._handoff_schemas: list[ToolSchema] = [tool.schema for tool in handoff_tools.values()]
        # Which workbench listed a name when the model was last asked: the first one wins.
        self._owners: dict[str, Workbench] = {}

    async def schemas(self) -> list[ToolSchema]:
        """Return what the model is shown: every workbench's tools in order, then the handoffs."""
        schemas: list[ToolSchema] = []
        owners: dict[str, Workbench] = {}
        for workbench in self.workbenches:
            for schema in await workbench.list_tools():
                owners.setdefault(schema["name"], workbench)
                schemas.append(schema)
        self._owners = owners
        schemas.extend(self._handoff_schemas)
        return schemas

    async def call(
        self,
        calls: Sequence[FunctionCall],
        results: list[CallResult],
        cancellation_token: CancellationToken,
    ) -> AsyncGenerator[BaseAgentEvent | BaseChatMessage, None]:
        """Execute calls at the same time.

        Yields:
            Messages and events of streaming tools, as they arise.

        Args:
            calls: The calls of one model reply.
            results: Filled with the calls and their results, in the order of the calls.
            cancellation_token: Cancels all of them.

        Raises:
            Exception: A workbench or a check failed otherwise than by an error result; the other calls are cancelled
                first.
        """
        if not calls:
            return
        streamed: asyncio.Queue[Any] = asyncio.Queue()
        running = [asyncio.ensure_future(self._call(call, streamed, cancellation_token)) for call in calls]
        left = len(running)

        def ended(task: asyncio.Future[FunctionExecutionResult]) -> None:
            nonlocal left
            left -= 1
            if not left or task.cancelled() or task.exception() is not None:
                streamed.put_nowait(_END)

        for task in running:
            task.add_done_callback(ended)
            cancellation_token.link_future(task)
        try:
            while (item := await streamed.get()) is not _END:
                yield item
            for task in running:
                if task.done():
                    task.result()
        finally:
            pending = [task for task in running if not task.done()]
            for task in pending:
                task.cancel()
            if pending:
                await asyncio.wait(pending)
            for task in running:
                if not task.cancelled():
                    task.exception()  # only one of several errors is raised; the others are not to be complained about
        results.extend((call, task.result()) for call, task in zip(calls, running, strict=True))

    async def _call(
        self, call: FunctionCall, streamed: asyncio.Queue[Any], cancellation_token: CancellationToken
    ) -> FunctionExecutionResult:
        handoff = self.handoff_tools.get(call.name)
        if handoff is not None:
            value = await handoff.run_json({}, cancellation_token, call_id=call.id)
            return _result(call, handoff.return_value_as_string(value), is_error=False)
        try:
            arguments = json.loads(call.arguments)
        except json.JSONDecodeError as exc:
            return _result(call, f"Error: {exc}", is_error=True)
        if not isinstance(arguments, dict):
            return _result(call, "Error: the arguments are not a JSON object", is_error=True)
        workbench = self._owners.get(call.name)
        if workbench is None:
            return _result(call, f"Error: tool '{call.name}' not found in any workbench", is_error=True)
        if not self.checks:
            found = await _run(workbench, call, arguments, streamed, cancellation_token)
            return _result(call, found.to_text(), is_error=found.is_error)
        cleared = await self.checks.clear(call, arguments)
        if not isinstance(cleared, ClearedCall):
            return _result(call, cleared, is_error=True)
        found = await _run(workbench, call, cleared.request.arguments, streamed, cancellation_token)
        found = await self.checks.after(cleared, found)
        return _result(call, cleared.note + found.to_text(), is_error=found.is_error)


async def _run(
    workbench: Workbench,
    call: FunctionCall,
    arguments: Mapping[str, Any],
    streamed: asyncio.Queue[Any],
    cancellation_token: CancellationToken,
) -> ToolResult:
    if isinstance(workbench, StaticStreamWorkbench):
        return await _stream(workbench, call, arguments, streamed, cancellation_token)
    return await workbench.call_tool(call.name, arguments, cancellation_token, call_id=call.id)


async def _stream(
    workbench: StaticStreamWorkbench,
    call: FunctionCall,
    arguments: Mapping[str, Any],
    streamed: asyncio.Queue[Any],
    cancellation_token: CancellationToken,
) -> ToolResult:
    async with aclosing(workbench.call_tool_stream(call.name, arguments, cancellation_token, call_id=call.id)) as items:
        async for item in items:
            if isinstance(item, ToolResult):
                return item
            if isinstance(item, (BaseAgentEvent, BaseChatMessage)):
                streamed.put_nowait(item)
            else:
                warnings.warn(
                    f"Tool {call.name!r} streamed a {type(item).__name__}, which is neither a BaseAgentEvent nor a "
                    "BaseChatMessage; it is not shown.",
                    UserWarning,
                    stacklevel=2,
                )
    raise RuntimeError(f"The workbench ended the stream of tool {call.name!r} without a ToolResult.")


def _result(call: FunctionCall, content: str, *, is_error: bool) -> FunctionExecutionResult:
    return FunctionExecutionResult(content=content, call_id=call.id, is_error=is_error, name=call.name)
