"""An agent that carries out function calls."""

from __future__ import annotations

import json

from pydantic import ValidationError

from hubbub_core._message_context import MessageContext
from hubbub_core._routed_agent import RoutedAgent, message_handler
from hubbub_core._types import FunctionCall
from hubbub_core.models._types import FunctionExecutionResult
from hubbub_core.tool_agent._errors import (
    InvalidToolArgumentsException,
    ToolException,
    ToolExecutionException,
    ToolNotFoundException,
)
from hubbub_core.tools._base import Tool


class ToolAgent(RoutedAgent):
    """Carries out the `FunctionCall`s that are sent to it.

    Args:
        description: What the agent is for.
        tools: What can be called.
    """

    def __init__(self, description: str, tools: list[Tool]) -> None:
        super().__init__(description)
        self._tools = tools

    @property
    def tools(self) -> list[Tool]:
        """What can be called."""
        return self._tools

    @message_handler
    async def handle_function_call(self, message: FunctionCall, ctx: MessageContext) -> FunctionExecutionResult:
        """Call the tool and return its result as text.

        Raises:
            ToolNotFoundException: There is no such tool.
            InvalidToolArgumentsException: The arguments are not a JSON object, or do not fit the tool.
            ToolExecutionException: The tool raised.
        """
        tool = next((tool for tool in self._tools if tool.name == message.name), None)
        if tool is None:
            raise ToolNotFoundException(
                call_id=message.id,
                content=f"Error: Tool not found: {message.name}",
                name=message.name,
            )
        try:
            arguments = json.loads(message.arguments)
        except ValueError as exc:
            raise _invalid(message) from exc
        if not isinstance(arguments, dict):
            raise _invalid(message)
        try:
            value = await tool.run_json(
                args=arguments,
                cancellation_token=ctx.cancellation_token,
                call_id=message.id,
            )
            text = tool.return_value_as_string(value)
        except ValidationError as exc:
            # A tool may fail with such an error of its own; the arguments' class tells the two apart.
            if exc.title != tool.args_type().__name__:
                raise _failed(message, exc) from exc
            raise _invalid(message, f"\n{exc}") from exc
        except (Exception, ToolException) as exc:
            # A ToolException that comes out of the tool is of another call, which the tool itself has made.
            raise _failed(message, exc) from exc
        return FunctionExecutionResult(content=text, call_id=message.id, is_error=False, name=message.name)


def _invalid(call: FunctionCall, details: str = "") -> InvalidToolArgumentsException:
    return InvalidToolArgumentsException(
        call_id=call.id,
        content=f"Error: Invalid arguments: {call.arguments}{details}",
        name=call.name,
    )


def _failed(call: FunctionCall, error: Exception | ToolException) -> ToolExecutionException:
    text = str(error) or type(error).__name__
    if not (isinstance(error, ToolException) and text.startswith("Error: ")):
        text = f"Error: {text}"
    return ToolExecutionException(call_id=call.id, content=text, name=call.name)
