"""What chat agents tell of an answer of the Responses or Assistants API, beside its text."""

from __future__ import annotations

from collections.abc import Sequence

from hubbub_agentchat.messages import (
    BaseAgentEvent,
    CodeExecutionEvent,
    CodeGenerationEvent,
    ThoughtEvent,
    ToolCallExecutionEvent,
    ToolCallRequestEvent,
)
from hubbub_core import FunctionCall
from hubbub_core.code_executor import CodeBlock, CodeResult
from hubbub_core.models import FunctionExecutionResult

from ._response_items import CodeRun, ModelAnswer


def answer_events(answer: ModelAnswer, source: str) -> list[BaseAgentEvent]:
    """Return what happened on the way to an answer: thoughts, code that was run, tools that the service called.

    The text that stands beside calls of functions is a thought too.
    """
    thought = "\n".join(part for part in (answer.thought, answer.text if answer.calls else "") if part)
    events: list[BaseAgentEvent] = [ThoughtEvent(content=thought, source=source)] if thought else []
    for run in answer.code_runs:
        events.extend(code_events(run, source))
    if answer.served:
        events.append(ToolCallRequestEvent(content=[call for call, _ in answer.served], source=source))
        events.append(ToolCallExecutionEvent(content=[result for _, result in answer.served], source=source))
    return events


def code_events(run: CodeRun, source: str) -> list[BaseAgentEvent]:
    """Return the events of code that the service ran."""
    block = CodeBlock(code=run.code, language="python")
    events: list[BaseAgentEvent] = [
        CodeGenerationEvent(retry_attempt=0, content=run.code, code_blocks=[block], source=source)
    ]
    if run.output is not None:
        result = CodeResult(exit_code=1 if run.failed else 0, output=run.output)
        events.append(CodeExecutionEvent(retry_attempt=0, result=result, source=source))
    return events


def request_event(answer: ModelAnswer, source: str) -> ToolCallRequestEvent:
    """Return the event of the functions that an answer calls."""
    calls: list[FunctionCall] = answer.calls
    return ToolCallRequestEvent(content=calls, source=source, models_usage=answer.usage)


def execution_event(results: Sequence[FunctionExecutionResult], source: str) -> ToolCallExecutionEvent:
    """Return the event of the results of functions."""
    return ToolCallExecutionEvent(content=list(results), source=source)
