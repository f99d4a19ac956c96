"""What scenarios of chat agents share: scripted models, and what was said and asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from hubbub_agentchat.base import Response, TaskResult
from hubbub_core import FunctionCall
from hubbub_core.models import CreateResult, LLMMessage, ModelInfo, RequestUsage
from hubbub_core.models.replay import ReplayChatCompletionClient

ABLE = ModelInfo(vision=True, function_calling=True, json_output=True, family="unknown", structured_output=True)


def replay(*answers: str | CreateResult) -> ReplayChatCompletionClient:
    """Return a model that can do everything and gives these answers."""
    return ReplayChatCompletionClient(list(answers), model_info=ABLE)


def calling(name: str, arguments: str = "{}", *, call_id: str = "1", thought: str | None = None) -> CreateResult:
    """Return the answer of a model that calls one function."""
    return calls(FunctionCall(id=call_id, name=name, arguments=arguments), thought=thought)


def calls(*wanted: FunctionCall, thought: str | None = None) -> CreateResult:
    """Return the answer of a model that calls functions."""
    return CreateResult(
        finish_reason="function_calls",
        content=list(wanted),
        usage=RequestUsage(prompt_tokens=0, completion_tokens=0),
        cached=False,
        thought=thought,
    )


def said(items: Iterable[Any]) -> list[str]:
    """Return messages and events as `source: text`."""
    return [f"{item.source}: {item.to_text()}" for item in items]


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
