"""What the scenarios share: a runtime that hides no error, prepared function calls, what was printed, typed input."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from hubbub_core import FunctionCall, SingleThreadedAgentRuntime
from hubbub_core.models import CreateResult, RequestUsage


@pytest.fixture
async def runtime() -> AsyncIterator[SingleThreadedAgentRuntime]:
    """A runtime to be started, closed when the test is over; an error in an event handler fails `stop_when_idle`."""
    runtime = SingleThreadedAgentRuntime(ignore_unhandled_exceptions=False)
    yield runtime
    await runtime.close()


@pytest.fixture
def calling() -> Callable[..., CreateResult]:
    """Makes the reply of a model that calls functions: `calling(FunctionCall(...), ...)`."""

    def reply(*calls: FunctionCall) -> CreateResult:
        return CreateResult(finish_reason="function_calls", content=list(calls), usage=RequestUsage(0, 0), cached=False)

    return reply


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Callable[[], list[str]]:
    """Returns the lines printed since the last call."""
    return lambda: capsys.readouterr().out.splitlines()


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Answers `input` by the prompt: `typed({"User: ": ["hello", "exit"]})`; returns the list of prompts shown."""

    def prepare(answers: dict[str, list[str]]) -> list[str]:
        shown: list[str] = []

        def answer(prompt: str = "") -> str:
            shown.append(prompt)
            return answers[prompt].pop(0)

        monkeypatch.setattr("builtins.input", answer)
        return shown

    return prepare
