"""Messages of the hub as input of Responses, and what Responses bring, as values of the hub."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from hubbub_core import FunctionCall
from hubbub_core.models import (
    AssistantMessage,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    LLMMessage,
    RequestUsage,
    SystemMessage,
    UserMessage,
)
from hubbub_registry import HubbubError

from ._tools import normalize_name

Item: TypeAlias = dict[str, Any]
"""One item of a request's `input`, as JSON."""


class ResponseFailedError(HubbubError, RuntimeError):
    """The service ended a response, or a run of a thread, with a failure instead of an answer."""


class UnansweredRequestError(HubbubError, RuntimeError):
    """The model asks for something that needs an answer, and nobody is there to give one."""


@dataclass(frozen=True, slots=True)
class CodeRun:
    """Code that the service ran."""

    code: str
    output: str | None
    """What it printed, None when the service does not say."""
    failed: bool


@dataclass(slots=True, kw_only=True)
class ModelAnswer:
    """What came of one response."""

    response_id: str = ""
    text: str = ""
    calls: list[FunctionCall] = field(default_factory=list)
    thought: str = ""
    images: list[str] = field(default_factory=list)
    """Base64 of images that the model made."""
    code_runs: list[CodeRun] = field(default_factory=list)
    served: list[tuple[FunctionCall, FunctionExecutionResult]] = field(default_factory=list)
    """Calls that the service made itself, of tools of MCP servers."""
    citations: list[dict[str, Any]] = field(default_factory=list)
    incomplete: str | None = None
    """Why the answer ends early."""
    usage: RequestUsage = field(default_factory=lambda: RequestUsage(prompt_tokens=0, completion_tokens=0))

    def metadata(self) -> dict[str, str]:
        """Return what a message of this answer remembers beside its text."""
        kept: dict[str, str] = {}
        if self.citations:
            kept["citations"] = json.dumps(self.citations)
        if self.incomplete:
            kept["incomplete"] = self.incomplete
        return kept


Piece: TypeAlias = str | CodeRun | ModelAnswer
"""What asking yields: of a stream the pieces of its text and code that was run, then what came of it."""


def message_item(message: LLMMessage, role: str = "user") -> list[Item]:
    """Return the items of a model message.

    Args:
        message: The message.
        role: Role of a `UserMessage`, whose text may be that of a system or assistant.

    Raises:
        ValueError: The message holds what Responses have no item for.
    """
    if isinstance(message, SystemMessage):
        return [{"role": "system", "content": message.content}]
    if isinstance(message, UserMessage):
        if isinstance(message.content, str):
            return [{"role": role, "content": message.content}]
        parts: list[Item] = []
        for part in message.content:
            if isinstance(part, str):
                parts.append({"type": "input_text", "text": part})
            else:
                parts.append({"type": "input_image", "image_url": part.data_uri, "detail": "auto"})
        return [{"role": "user", "content": parts}]
    if isinstance(message, AssistantMessage):
        if isinstance(message.content, str):
            return [{"role": "assistant", "content": message.content}]
        return [call_item(call) for call in message.content]
    if isinstance(message, FunctionExecutionResultMessage):
        return [output_item(result) for result in message.content]
    raise ValueError(f"Unknown message type: {type(message).__name__}")


def call_item(call: FunctionCall) -> Item:
    """Return a call as an item."""
    return {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": call.arguments}


def output_item(result: FunctionExecutionResult) -> Item:
    """Return a result as an item."""
    return {"type": "function_call_output", "call_id": result.call_id, "output": result.content}


def read_response(response: Any) -> ModelAnswer:
    """Read a whole response.

    Raises:
        ResponseFailedError: It failed or was cancelled.
        UnansweredRequestError: The model wants something approved or done on this machine.
    """
    error = getattr(response, "error", None)
    if error is not None or response.status in ("failed", "cancelled"):
        reason = f"{error.code}: {error.message}" if error is not None else response.status
        raise ResponseFailedError(f"response {response.id} of model {response.model!r} failed: {reason}")
    details = getattr(response, "incomplete_details", None)
    answer = ModelAnswer(
        response_id=response.id,
        incomplete=getattr(details, "reason", None),
        usage=RequestUsage(
            prompt_tokens=getattr(response.usage, "input_tokens", None) or 0,
            completion_tokens=getattr(response.usage, "output_tokens", None) or 0,
        ),
    )
    for item in response.output:
        _read_item(item, answer)
    return answer


def _read_item(item: Any, answer: ModelAnswer) -> None:
    kind = item.type
    if kind == "message":
        for part in item.content:
            answer.text += part.text if part.type == "output_text" else part.refusal
            answer.citations.extend(
                annotation.model_dump(mode="json", exclude_none=True)
                for annotation in getattr(part, "annotations", None) or ()
            )
    elif kind == "function_call":
        # The arguments of a call that the token limit cut off are not worth trying.
        if getattr(item, "status", None) != "incomplete":
            call = FunctionCall(id=item.call_id, name=normalize_name(item.name), arguments=item.arguments or "{}")
            answer.calls.append(call)
    elif kind == "reasoning":
        parts = [*(item.summary or ()), *(getattr(item, "content", None) or ())]
        answer.thought += "\n".join(part.text for part in parts)
    elif kind == "image_generation_call":
        if item.result:
            answer.images.append(item.result)
    elif kind == "code_interpreter_call":
        answer.code_runs.append(read_code_run(item))
    elif kind == "mcp_call":
        failed = getattr(item, "error", None) is not None
        content = f"Error: {item.error}" if failed else item.output or ""
        call = FunctionCall(id=item.id, name=normalize_name(item.name), arguments=item.arguments)
        answer.served.append(
            (call, FunctionExecutionResult(content=content, call_id=call.id, is_error=failed, name=call.name))
        )
    elif kind == "mcp_approval_request":
        raise UnansweredRequestError(
            f"the model asks whether it may call {item.name!r} of MCP server {item.server_label!r}, which nobody can "
            'answer here; give the tool `"require_approval": "never"`'
        )
    elif kind in ("local_shell_call", "computer_call"):
        raise UnansweredRequestError(
            f"the model wants {kind.removesuffix('_call').replace('_', ' ')} action {item.action!r} carried out on "
            "this machine, which this agent does not do"
        )


def read_code_run(item: Any) -> CodeRun:
    """Read a `code_interpreter_call`."""
    outputs = None
    if item.outputs is not None:
        outputs = "\n".join(output.logs if output.type == "logs" else output.url for output in item.outputs)
    return CodeRun(item.code or "", outputs, item.status == "failed")
