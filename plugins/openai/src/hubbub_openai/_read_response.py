"""Read what the Responses API answers."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Container
from typing import Any, Final

from hubbub_core import FunctionCall
from hubbub_core.models import RequestUsage

from ._answer import count
from ._errors import ResponseFailedError, UnansweredRequestError
from ._model_answer import CodeRun, ModelAnswer, Step
from ._tools import normalize_name


def read_response(response: Any, told: Container[str] = ()) -> ModelAnswer:
    """Read a whole response.

    Args:
        response: The SDK's object.
        told: Items that `read_step` has read already.

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
            prompt_tokens=count(getattr(response.usage, "input_tokens", None)),
            completion_tokens=count(getattr(response.usage, "output_tokens", None)),
        ),
    )
    for item in response.output:
        read = _READERS.get(item.type)
        if item.type in _STEPS and item.id in told:
            continue
        if read is not None:
            read(item, answer)
        else:
            warnings.warn(f"a response has an item of the unknown kind {item.type!r}, which is left out", stacklevel=2)
    return answer


def read_step(item: Any) -> Step | None:
    """Read an item of a stream that is a step on the way to the answer; None if it is none, or says nothing."""
    read = _STEPS.get(item.type)
    if read is None or not item.id:
        return None
    step = Step()
    read(item, step)
    return step if step.thought or step.code_runs or step.served else None


def _read_message(item: Any, answer: ModelAnswer) -> None:
    for part in item.content:
        answer.text += getattr(part, "text", None) or getattr(part, "refusal", None) or ""
        answer.citations.extend(
            annotation.model_dump(mode="json", exclude_none=True)
            for annotation in getattr(part, "annotations", None) or ()
        )


def _read_call(item: Any, answer: ModelAnswer) -> None:
    # The arguments of a call that the token limit cut off are not worth trying.
    if getattr(item, "status", None) != "incomplete":
        call = FunctionCall(id=item.call_id, name=normalize_name(item.name), arguments=item.arguments or "{}")
        answer.calls.append(call)


def _read_reasoning(item: Any, step: Step) -> None:
    parts = [*(item.summary or ()), *(getattr(item, "content", None) or ())]
    step.thought = "\n".join(text for text in (step.thought, *(part.text for part in parts)) if text)


def _read_image(item: Any, answer: ModelAnswer) -> None:
    if item.result:
        answer.images.append(item.result)


def _read_code_run(item: Any, step: Step) -> None:
    outputs = None
    if item.outputs is not None:
        outputs = "\n".join(output.logs if output.type == "logs" else output.url for output in item.outputs)
    step.code_runs.append(CodeRun(item.code or "", outputs, item.status == "failed"))


def _read_web_search(item: Any, step: Step) -> None:
    action = getattr(item, "action", None)
    arguments = "{}" if action is None else action.model_dump_json(exclude_none=True)
    step.add_served(item.id, "web_search", arguments, item.status, failed=item.status == "failed")


def _read_file_search(item: Any, step: Step) -> None:
    # The service keeps what it found to itself unless the request includes it.
    found = [result.model_dump(mode="json", exclude_none=True) for result in item.results or ()]
    output = json.dumps(found) if found else item.status
    step.add_served(
        item.id, "file_search", json.dumps({"queries": item.queries}), output, failed=item.status == "failed"
    )


def _read_mcp_call(item: Any, step: Step) -> None:
    failed = getattr(item, "error", None) is not None
    output = f"Error: {item.error}" if failed else item.output or ""
    step.add_served(item.id, normalize_name(item.name), item.arguments, output, failed=failed)


def _read_mcp_tools(item: Any, step: Step) -> None:
    error = getattr(item, "error", None)
    if error is not None:
        step.add_served(item.id, "mcp_list_tools", "{}", f"Error: MCP server {item.server_label}: {error}", failed=True)


def _refuse_approval(item: Any, answer: ModelAnswer) -> None:
    raise UnansweredRequestError(
        f"the model asks whether it may call {item.name!r} of MCP server {item.server_label!r}, which nobody can "
        'answer here; give the tool `"require_approval": "never"`'
    )


def _refuse_action(item: Any, answer: ModelAnswer) -> None:
    what = item.type.removesuffix("_call").replace("_", " ")
    action = getattr(item, "action", None) or getattr(item, "actions", None)
    raise UnansweredRequestError(
        f"the model wants {what} action {action!r} carried out on this machine, which this agent does not do"
    )


def _leave_out(item: Any, answer: ModelAnswer) -> None:
    """Skip what the service says only to itself."""


_STEPS: Final[dict[str, Callable[[Any, Step], None]]] = {
    "reasoning": _read_reasoning,
    "code_interpreter_call": _read_code_run,
    "web_search_call": _read_web_search,
    "file_search_call": _read_file_search,
    "mcp_call": _read_mcp_call,
    "mcp_list_tools": _read_mcp_tools,
}
_READERS: Final[dict[str, Callable[[Any, ModelAnswer], None]]] = {
    **_STEPS,
    "message": _read_message,
    "function_call": _read_call,
    "image_generation_call": _read_image,
    "mcp_approval_request": _refuse_approval,
    "local_shell_call": _refuse_action,
    "computer_call": _refuse_action,
    "compaction": _leave_out,
}
