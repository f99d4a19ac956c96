"""The base of clients of other frameworks' models, with a framework of four lines behind it."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any

import pytest
from pydantic import BaseModel

from hubbub_core import EVENT_LOGGER_NAME, CancellationToken, Image
from hubbub_core.models import CreateResult, LLMMessage, ModelInfo, RequestUsage, UserMessage
from hubbub_core.models.foreign import ForeignChatCompletionClient, ToolChoice
from hubbub_core.tools import FunctionTool, Tool, ToolSchema

ASK = [UserMessage(content="how are you", source="user")]
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
BLIND = ModelInfo(vision=False, function_calling=False, json_output=False, family="unknown", structured_output=False)


class Framework:
    """Answers with the words that it is asked for, or waits for ever when asked to wait."""

    def __init__(self) -> None:
        self.waiting, self.stopped = asyncio.Event(), asyncio.Event()

    async def answer(self, text: str) -> list[str]:
        if text == "wait":
            self.waiting.set()
            try:
                await asyncio.Future()
            finally:
                await asyncio.sleep(0)  # a cleanup that takes its time
                self.stopped.set()
        if text == "fail":
            raise ConnectionError("no route")
        return text.split()


class Client(ForeignChatCompletionClient[str]):
    """The client of that framework."""

    def __init__(
        self, framework: Framework, model_info: ModelInfo = BLIND, *, context_window: int | None = None
    ) -> None:
        super().__init__(model_info, model_name=type(framework).__name__, context_window=context_window)
        self.framework = framework

    def _request(
        self,
        messages: Sequence[LLMMessage],
        tools: Sequence[Tool | ToolSchema],
        tool_choice: ToolChoice,
        json_output: bool | type[BaseModel] | None,
        extra_create_args: Mapping[str, Any],
    ) -> str:
        return str(messages[-1].content)

    async def _ask(self, request: str) -> CreateResult:
        return await self._ask_streaming(request, lambda piece: None)

    async def _ask_streaming(self, request: str, emit: Callable[[str], None]) -> CreateResult:
        words = await self.framework.answer(request)
        for word in words:
            emit(word)
        usage = RequestUsage(len(words), len(words))
        self._count(usage)
        return CreateResult(finish_reason="stop", content=" ".join(words), usage=usage, cached=False)

    def count_tokens(self, messages: Sequence[LLMMessage], *, tools: Sequence[Tool | ToolSchema] = []) -> int:
        return len(messages) + len(tools)


class Answer(BaseModel):
    number: int


def look(picture: str) -> str:
    """Look at a picture."""
    return picture


async def test_a_reply_is_streamed_counted_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    client = Client(Framework())

    with caplog.at_level(logging.INFO, logger=EVENT_LOGGER_NAME):
        whole = await client.create(ASK)
        *pieces, last = [piece async for piece in client.create_stream(ASK)]

    assert (whole.content, pieces, last) == ("how are you", ["how", "are", "you"], whole)
    assert client.actual_usage() == client.total_usage() == RequestUsage(6, 6)
    events = [json.loads(record.getMessage())["type"] for record in caplog.records]
    assert events == ["LLMCall", "LLMStreamStart", "LLMStreamEnd"]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (
            {"tools": [FunctionTool(look, "Look.")]},
            "Model does not support function calling.",
        ),
        (
            {"json_output": Answer},
            "Model does not support structured output.",
        ),
        ({"json_output": "yes"}, "json_output must be a boolean or a Pydantic model class, got 'yes'"),
        ({"json_output": dict}, "json_output must be a boolean or a Pydantic model class, got <class 'dict'>"),
        (
            {"messages": [UserMessage(content=["See:", Image.from_base64(PIXEL)], source="user")]},
            "Model does not support vision and image was provided. Set model_info['vision'] if it does.",
        ),
    ],
)
async def test_what_the_model_cannot_do_is_refused_before_the_framework_is_asked(
    options: dict[str, Any], problem: str
) -> None:
    client = Client(Framework())
    request: Any = {"messages": ASK, **options}

    with pytest.raises(ValueError, match=f"^{re.escape(problem)}"):
        await client.create(**request)
    with pytest.raises(ValueError, match=f"^{re.escape(problem)}"):
        await anext(client.create_stream(**request))
    assert client.total_usage() == RequestUsage(0, 0)


async def test_a_model_that_can_do_it_is_asked() -> None:
    able = ModelInfo(vision=True, function_calling=True, json_output=True, family="unknown", structured_output=True)
    client = Client(Framework(), able)

    result = await client.create(ASK, tools=[FunctionTool(look, "Look.")], json_output=Answer)

    assert result.content == "how are you"
    assert (client.model_info, client.capabilities["vision"]) == (able, True)


@pytest.mark.parametrize("method", ["create", "create_stream"])
async def test_cancelling_waits_for_the_end_of_the_frameworks_work(method: str) -> None:
    framework, token = Framework(), CancellationToken()
    client, messages = Client(framework), [UserMessage(content="wait", source="user")]

    async def ask() -> None:
        if method == "create":
            await client.create(messages, cancellation_token=token)
        else:
            _ = [piece async for piece in client.create_stream(messages, cancellation_token=token)]

    asking = asyncio.create_task(ask())
    await framework.waiting.wait()
    token.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asking
    assert framework.stopped.is_set()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_leaving_a_stream_ends_the_frameworks_work() -> None:
    framework = Framework()
    messages = [UserMessage(content="wait", source="user")]

    async with aclosing(Client(framework).create_stream(messages)) as stream:
        first = asyncio.ensure_future(anext(stream))
        await framework.waiting.wait()
        first.cancel()
        await asyncio.wait([first])

    assert framework.stopped.is_set()


async def test_errors_of_the_framework_arrive_as_themselves() -> None:
    client, messages = Client(Framework()), [UserMessage(content="fail", source="user")]

    with pytest.raises(ConnectionError, match=r"^no route$"):
        await client.create(messages)
    with pytest.raises(ConnectionError, match=r"^no route$"):
        _ = [piece async for piece in client.create_stream(messages)]


def test_a_model_info_that_lacks_a_field_is_refused() -> None:
    with pytest.raises(ValueError, match="Missing required field 'vision'"):
        Client(Framework(), {})  # type: ignore[typeddict-item] # what is tested


def test_the_window_less_what_is_said_is_left() -> None:
    client = Client(Framework(), context_window=3)

    assert [client.remaining_tokens(ASK * count) for count in (0, 1, 4)] == [3, 2, -1]
    assert client.remaining_tokens(ASK, tools=[FunctionTool(look, "Look.")]) == 1


def test_a_window_that_nobody_tells_is_warned_of_once() -> None:
    client = Client(Framework())

    with pytest.warns(UserWarning, match="the context window of Framework is not known") as told:
        left = [client.remaining_tokens(ASK), client.remaining_tokens([])]

    assert left == [127_999, 128_000]
    assert [str(warning.message) for warning in told] == [
        "the context window of Framework is not known; it is taken to be 128,000 tokens; pass context_window to say "
        "what it is"
    ]


def test_a_model_may_know_its_window_itself() -> None:
    class Knowing(Client):
        def _window(self) -> int:
            return 7

    assert Knowing(Framework()).remaining_tokens(ASK) == 6


def test_a_window_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^context_window must be positive, not 0$"):
        Client(Framework(), context_window=0)
