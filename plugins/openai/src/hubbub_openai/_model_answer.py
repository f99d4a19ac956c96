"""What came of one request to a model behind Responses or Assistants, as values of the hub."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from hubbub_core import FunctionCall
from hubbub_core.models import FunctionExecutionResult, RequestUsage

from ._answer import finish_reason


@dataclass(frozen=True, slots=True)
class CodeRun:
    """Code that the service ran."""

    code: str
    output: str | None
    """What it printed, None when the service does not say."""
    failed: bool


@dataclass(slots=True, kw_only=True)
class Step:
    """What happened on the way to an answer."""

    thought: str = ""
    code_runs: list[CodeRun] = field(default_factory=list)
    served: list[tuple[FunctionCall, FunctionExecutionResult]] = field(default_factory=list)
    """Calls that the service made itself: searches, and tools of MCP servers."""

    def add_served(self, call_id: str, name: str, arguments: str, output: str, *, failed: bool) -> None:
        """Note a call that the service made itself."""
        result = FunctionExecutionResult(content=output, call_id=call_id, is_error=failed, name=name)
        self.served.append((FunctionCall(id=call_id, name=name, arguments=arguments), result))


@dataclass(slots=True, kw_only=True)
class ModelAnswer(Step):
    """What came of one response, and what happened on its way that was not told before."""

    response_id: str = ""
    text: str = ""
    calls: list[FunctionCall] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    """Base64 of images that the model made."""
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
            kept["finish_reason"] = finish_reason(self.incomplete)
        return kept


Piece: TypeAlias = str | Step
"""What asking yields: of a stream the pieces of its text and the steps on its way, then the `ModelAnswer`."""
