"""Agents that run code, and an executor that gives prepared results, for tests of `CodeExecutorAgent`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import pytest
from chat_scripts import replay
from pydantic import BaseModel

from hubbub_agentchat.agents import ApprovalRequest, ApprovalResponse, CodeExecutorAgent
from hubbub_agentchat.messages import TextMessage
from hubbub_core import CancellationToken
from hubbub_core.code_executor import CodeBlock, CodeExecutor, CodeResult
from hubbub_core.models import CreateResult
from hubbub_core.models.replay import ReplayChatCompletionClient
from hubbub_local_executor import LocalCommandLineCodeExecutor
from hubbub_registry import Component

PRINT = "Here it is.\n```python\nprint('Hello world')\n```\nThat is all."


class PreparedConfig(BaseModel):
    results: list[tuple[int, str]]


class Prepared(CodeExecutor, Component[PreparedConfig]):
    """An executor that gives prepared results and keeps what it was given."""

    component_provider_override = "code_agents.Prepared"
    component_config_schema = PreparedConfig

    def __init__(self, *results: tuple[int, str]) -> None:
        self.results = list(results) or [(0, "out")]
        self.ran: list[list[CodeBlock]] = []

    async def execute_code_blocks(
        self, code_blocks: list[CodeBlock], cancellation_token: CancellationToken
    ) -> CodeResult:
        self.ran.append(code_blocks)
        return CodeResult(*self.results[min(len(self.ran), len(self.results)) - 1])

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def restart(self) -> None: ...

    def _to_config(self) -> PreparedConfig:
        return PreparedConfig(results=self.results)

    @classmethod
    def _from_config(cls, config: PreparedConfig) -> Self:
        return cls(*config.results)


def local(work_dir: Path) -> LocalCommandLineCodeExecutor:
    """Return an executor of real processes."""
    with pytest.warns(UserWarning, match="without a sandbox"):
        return LocalCommandLineCodeExecutor(work_dir=work_dir)


def yes(request: ApprovalRequest) -> ApprovalResponse:
    """Approve everything."""
    return ApprovalResponse(approved=True, reason="fine")


def coder(
    executor: CodeExecutor, *answers: str | CreateResult, **options: Any
) -> tuple[CodeExecutorAgent, ReplayChatCompletionClient]:
    """Return an agent with a model that gives these answers, and the model."""
    options.setdefault("approval_func", yes)
    client = replay(*answers)
    return CodeExecutorAgent("coder", executor, model_client=client, **options), client


def terminal(executor: CodeExecutor, **options: Any) -> CodeExecutorAgent:
    """Return an agent without a model."""
    options.setdefault("approval_func", yes)
    return CodeExecutorAgent("terminal", executor, **options)


def text(content: str, source: str = "user") -> TextMessage:
    """Return a message."""
    return TextMessage(content=content, source=source)


async def answer(agent: CodeExecutorAgent, *contents: str) -> str:
    """Give an agent messages and return its answer."""
    response = await agent.on_messages([text(content) for content in contents], CancellationToken())
    return response.chat_message.to_text()
