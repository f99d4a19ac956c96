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

from ._function_tools import FunctionOutput
from ._model_answer import CodeRun, ModelAnswer, Step


def step_events(step: Step, source: str) -> list[BaseAgentEvent]:
    """Return what happened on the way to an answer: thoughts, code that was run, tools that the service called.

    The text that stands beside calls of functions is a thought too.
    """
    aside = step.text if isinstance(step, ModelAnswer) and step.calls else ""
    thought = "\n".join(part for part in (step.thought, aside) if part)
    events: list[BaseAgentEvent] = [ThoughtEvent(content=thought, source=source)] if thought else []
    for run in step.code_runs:
        events.extend(_code_events(run, source))
    if step.served:
        events.append(ToolCallRequestEvent(content=[call for call, _ in step.served], source=source))
        events.append(ToolCallExecutionEvent(content=[result for _, result in step.served], source=source))
    return events


def _code_events(run: CodeRun, source: str) -> list[BaseAgentEvent]:
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


def execution_event(outputs: Sequence[FunctionOutput], source: str) -> ToolCallExecutionEvent:
    """Return the event of the results of functions."""
    return ToolCallExecutionEvent(content=[output.result for output in outputs], source=source)
