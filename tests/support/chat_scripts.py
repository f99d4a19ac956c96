"""What tests of chat agents share: scripted models, tools, and what was said and asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from hubbub_agentchat.agents import AssistantAgent
from hubbub_agentchat.base import Response, TaskResult, TaskRunner
from hubbub_core import FunctionCall
from hubbub_core.models import CreateResult, LLMMessage, ModelInfo, RequestUsage
from hubbub_core.models.replay import ReplayChatCompletionClient

ABLE = ModelInfo(vision=True, function_calling=True, json_output=True, family="unknown", structured_output=True)
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
"""An image of one pixel, as base64."""


def replay(*answers: str | CreateResult, **info: Any) -> ReplayChatCompletionClient:
    """Return a model that gives these answers and can do everything that `info` does not deny."""
    return ReplayChatCompletionClient(list(answers), model_info=ModelInfo(**{**ABLE, **info}))  # type: ignore[typeddict-item] # fields by name


def assistant(name: str, *answers: str | CreateResult, **options: Any) -> AssistantAgent:
    """Return an agent whose model gives these answers."""
    return AssistantAgent(name, replay(*answers), **options)


def says(text: str, *, thought: str | None = None) -> CreateResult:
    """Return the answer of a model that says something, of two tokens."""
    return CreateResult(finish_reason="stop", content=text, usage=RequestUsage(0, 2), cached=False, thought=thought)


def calling(name: str, arguments: str = "{}", *, call_id: str = "1", thought: str | None = None) -> CreateResult:
    """Return the answer of a model that calls one function."""
    return calls(FunctionCall(id=call_id, name=name, arguments=arguments), thought=thought)


def calls(*wanted: FunctionCall | tuple[str, str], thought: str | None = None) -> CreateResult:
    """Return the answer of a model that calls functions; of `(name, arguments)` the ids are 1, 2, ..."""
    return CreateResult(
        finish_reason="function_calls",
        content=[
            call if isinstance(call, FunctionCall) else FunctionCall(id=str(number), name=call[0], arguments=call[1])
            for number, call in enumerate(wanted, 1)
        ],
        usage=RequestUsage(prompt_tokens=0, completion_tokens=0),
        cached=False,
        thought=thought,
    )


def add(a: int, b: int) -> int:
    """Add numbers."""
    return a + b


async def shout(text: str) -> str:
    """Make it loud."""
    return text.upper()


async def stream_of(runner: TaskRunner, task: Any = "go", **options: Any) -> list[Any]:
    """Run an agent or a team and return what it yields."""
    return [item async for item in runner.run_stream(task=task, **options)]


def said(items: Iterable[Any]) -> list[str]:
    """Return messages and events as `source: text`."""
    return [f"{item.source}: {item.to_text()}" for item in items]


def sources(items: Iterable[Any]) -> list[str]:
    """Return who spoke."""
    return [item.source for item in items]


def kinds(items: Iterable[Any]) -> list[str]:
    """Return the class names of what was produced."""
    return [type(item).__name__ for item in items]


def asked(client: ReplayChatCompletionClient, index: int = -1) -> list[LLMMessage]:
    """Return the messages that the model was given in one request."""
    messages: Sequence[LLMMessage] = client.create_calls[index]["messages"]
    return list(messages)


def contents(messages: Iterable[LLMMessage]) -> list[Any]:
    """Return what model messages hold."""
    return [message.content for message in messages]


def result_of(items: Sequence[Any]) -> TaskResult:
    """Return the result that a stream ended with."""
    assert isinstance(items[-1], TaskResult)
    return items[-1]


def response_of(items: Sequence[Any]) -> Response:
    """Return the response that a stream ended with."""
    assert isinstance(items[-1], Response)
    return items[-1]
