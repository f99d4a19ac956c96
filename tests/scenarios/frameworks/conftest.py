"""What the scenarios share: a runtime that hides no error, and models that answer what was prepared."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from hubbub_core import FunctionCall, SingleThreadedAgentRuntime
from hubbub_core.models import CreateResult, ModelInfo, RequestUsage
from hubbub_core.models.replay import ReplayChatCompletionClient

Replay = Callable[..., ReplayChatCompletionClient]


@pytest.fixture
async def runtime() -> AsyncIterator[SingleThreadedAgentRuntime]:
    """A runtime to be started, closed when the test is over."""
    runtime = SingleThreadedAgentRuntime(ignore_unhandled_exceptions=False)
    yield runtime
    await runtime.close()


@pytest.fixture
def replay() -> Replay:
    """Make a model that can call functions: it says its texts, and makes its calls `(name, arguments as JSON)`."""

    def make(*answers: str | tuple[str, str]) -> ReplayChatCompletionClient:
        info = ModelInfo(
            vision=False, function_calling=True, json_output=False, family="unknown", structured_output=False
        )
        return ReplayChatCompletionClient(
            [answer if isinstance(answer, str) else _call(*answer) for answer in answers], model_info=info
        )

    return make


def _call(name: str, arguments: str) -> CreateResult:
    return CreateResult(
        finish_reason="function_calls",
        content=[FunctionCall(id="1", name=name, arguments=arguments)],
        usage=RequestUsage(prompt_tokens=1, completion_tokens=1),
        cached=False,
    )
