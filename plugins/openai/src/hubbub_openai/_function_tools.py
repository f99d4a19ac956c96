"""Tools of the hub as functions that a model behind the Responses or Assistants API calls."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hubbub_core import Image
from hubbub_core.models import FunctionExecutionResult
from hubbub_core.tools import BaseTool, FunctionTool, StaticWorkbench, Workbench

from ._response_items import Item, output_item
from ._tools import assert_valid_name

if TYPE_CHECKING:
    from hubbub_core import CancellationToken, FunctionCall
    from hubbub_core.tools import ToolSchema


@dataclass(frozen=True, slots=True)
class FunctionOutput:
    """What came of one call."""

    result: FunctionExecutionResult
    """The result as text, as events have it."""
    parts: tuple[str | Image, ...] = ()
    """Its texts and images, where there are images."""

    def item(self) -> Item:
        """Return it as an item of Responses, which take images."""
        return output_item(self.result, self.parts)


def hub_tool(tool: object) -> BaseTool[Any, Any]:
    """Return a tool of the hub, made of a function where it is one.

    Raises:
        ValueError: It is neither.
    """
    if isinstance(tool, BaseTool):
        return tool
    if callable(tool) and not isinstance(tool, type):
        function: Callable[..., Any] = tool
        # The docstring of a functools.partial is that of its class.
        described = getattr(function, "func", function)
        return FunctionTool(function, description=described.__doc__ or "")
    raise ValueError(
        f"Unsupported tool type: {type(tool).__name__}. {tool!r} is neither a tool of the hub nor callable."
    )


class FunctionTools:
    """The functions of one agent.

    Args:
        tools: Tools of the hub.
        workbenches: Asked for their tools before every request.

    Raises:
        ValueError: Two tools have one name, or a name is not one that the service takes.
    """

    def __init__(self, tools: Iterable[BaseTool[Any, Any]], workbenches: Sequence[Workbench] = ()) -> None:
        self.tools = list(tools)
        names = [assert_valid_name(tool.name) for tool in self.tools]
        if len(set(names)) != len(names):
            raise ValueError(f"Tool names must be unique: {names}")
        own: list[Workbench] = [StaticWorkbench(self.tools)] if self.tools else []
        self._workbenches = [*own, *workbenches]
        self._owners: dict[str, Workbench] = {}

    def __bool__(self) -> bool:
        return bool(self._workbenches)

    async def schemas(self) -> list[ToolSchema]:
        """Return what the model is shown; of tools with one name the first.

        Raises:
            ValueError: A name is not one that the service takes.
        """
        owners: dict[str, Workbench] = {}
        schemas: list[ToolSchema] = []
        for workbench in self._workbenches:
            for schema in await workbench.list_tools():
                if assert_valid_name(schema["name"]) not in owners:
                    owners[schema["name"]] = workbench
                    schemas.append(schema)
        self._owners = owners
        return schemas

    async def call(self, calls: Sequence[FunctionCall], token: CancellationToken) -> list[FunctionOutput]:
        """Execute the calls of one answer at the same time, and return their outputs in the same order.

        A tool that fails, and a call of none, gives a result `Error: ...` with `is_error` (newer N-246).

        Raises:
            asyncio.CancelledError: The token was cancelled; all calls have ended.
        """
        running = [token.link_future(asyncio.ensure_future(self._call(call, token))) for call in calls]
        try:
            return list(await asyncio.gather(*running))
        finally:
            for task in running:
                task.cancel()
            # A tool may take a moment to clean up; none goes on behind its caller's back.
            await asyncio.gather(*running, return_exceptions=True)

    async def _call(self, call: FunctionCall, token: CancellationToken) -> FunctionOutput:
        workbench = self._owners.get(call.name)
        try:
            if workbench is None:
                raise LookupError(f"tool '{call.name}' is not one of {sorted(self._owners)}")
            arguments = json.loads(call.arguments)
            if not isinstance(arguments, dict):
                raise TypeError("the arguments are not a JSON object")
            result = await workbench.call_tool(call.name, arguments, token, call_id=call.id)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if token.is_cancelled() or (task is not None and task.cancelling()):
                raise
            # The tool gave up by itself, which is no cancellation of the agent.
            return _failed(call, "the tool was cancelled")
        except Exception as exc:
            return _failed(call, str(exc) or type(exc).__name__)
        text = result.to_text()
        unsaid = result.is_error and not text.startswith("Error")
        if unsaid:
            text = f"Error: {text}"
        told = FunctionExecutionResult(content=text, call_id=call.id, is_error=result.is_error, name=call.name)
        parts = tuple(part.content for part in result.result)
        if all(isinstance(part, str) for part in parts):
            return FunctionOutput(told)
        return FunctionOutput(told, ("Error: ", *parts) if unsaid else parts)


def _failed(call: FunctionCall, reason: str) -> FunctionOutput:
    told = FunctionExecutionResult(content=f"Error: {reason}", call_id=call.id, is_error=True, name=call.name)
    return FunctionOutput(told)


def response_function(schema: ToolSchema) -> dict[str, Any]:
    """Return a tool's schema as Responses have it."""
    return {
        "type": "function",
        "name": schema["name"],
        "description": schema.get("description", ""),
        "parameters": dict(schema.get("parameters", {"type": "object", "properties": {}})),
        # Left out, the service would take the schema for a strict one.
        "strict": schema.get("strict", False),
    }
