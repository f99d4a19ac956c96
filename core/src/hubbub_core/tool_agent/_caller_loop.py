"""Ask a model and have its function calls carried out until it answers in words."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from hubbub_core._agent_id import AgentId
from hubbub_core._agent_runtime import AgentRuntime
from hubbub_core._base_agent import BaseAgent
from hubbub_core._cancellation_token import CancellationToken
from hubbub_core._types import FunctionCall
from hubbub_core.models._model_client import ChatCompletionClient
from hubbub_core.models._types import (
    AssistantMessage,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    LLMMessage,
)
from hubbub_core.tool_agent._errors import ToolException
from hubbub_core.tools._base import Tool, ToolSchema


async def tool_agent_caller_loop(
    caller: BaseAgent | AgentRuntime,
    tool_agent_id: AgentId,
    model_client: ChatCompletionClient,
    input_messages: list[LLMMessage],
    tool_schema: list[ToolSchema] | list[Tool],
    cancellation_token: CancellationToken | None = None,
    caller_source: str = "assistant",
) -> list[LLMMessage]:
    """Alternate between the model and a `ToolAgent` until the model calls no more tools.

    The calls of one reply run at the same time. A call that fails with a `ToolException`, also one that an
    intervention handler raised, becomes an error result that the model sees.

    Args:
        caller: Who sends the calls: an agent or the runtime.
        tool_agent_id: Who carries them out.
        model_client: The model.
        input_messages: What the model is asked; not changed.
        tool_schema: What the model may call.
        cancellation_token: Cancels requests and calls.
        caller_source: Source of the model's messages.

    Returns:
        The messages that came up in the loop; the last one is the model's answer.

    Raises:
        Exception: Whatever a call raised that is no `ToolException`, after all calls of that reply have ended.
    """
    generated: list[LLMMessage] = []
    while True:
        reply = await model_client.create(
            [*input_messages, *generated],
            tools=tool_schema,
            cancellation_token=cancellation_token,
        )
        generated.append(AssistantMessage(content=reply.content, thought=reply.thought, source=caller_source))
        # No calls are no reason to ask again: it would go on for ever.
        if isinstance(reply.content, str) or not reply.content:
            return generated
        results = await _call_all(caller, tool_agent_id, reply.content, cancellation_token)
        generated.append(FunctionExecutionResultMessage(content=results))


async def _call_all(
    caller: BaseAgent | AgentRuntime,
    tool_agent_id: AgentId,
    calls: Sequence[FunctionCall],
    cancellation_token: CancellationToken | None,
) -> list[FunctionExecutionResult]:
    outcomes = await asyncio.gather(
        *(caller.send_message(call, tool_agent_id, cancellation_token=cancellation_token) for call in calls),
        return_exceptions=True,
    )
    results: list[FunctionExecutionResult] = []
    for outcome in outcomes:
        if isinstance(outcome, ToolException):
            text = outcome.content if outcome.content.startswith("Error: ") else f"Error: {outcome.content}"
            results.append(
                FunctionExecutionResult(content=text, call_id=outcome.call_id, is_error=True, name=outcome.name),
            )
        elif isinstance(outcome, BaseException):
            raise outcome
        else:
            results.append(outcome)
    return results
