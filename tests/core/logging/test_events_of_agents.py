"""Events that model clients and tools log while an agent of a real runtime uses them."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from hubbub_core import (
    EVENT_LOGGER_NAME,
    ROOT_LOGGER_NAME,
    TRACE_LOGGER_NAME,
    AgentId,
    CancellationToken,
    MessageContext,
    RoutedAgent,
    SingleThreadedAgentRuntime,
    message_handler,
)
from hubbub_core.logging import LLMCallEvent, LLMStreamEndEvent, LLMStreamStartEvent, ToolCallEvent
from hubbub_core.models import ChatCompletionClient, UserMessage
from hubbub_core.models.replay import ReplayChatCompletionClient
from hubbub_core.tools import FunctionTool


@dataclass
class Ask:
    text: str


def shout(text: str) -> str:
    return text.upper()


class Writer(RoutedAgent):
    def __init__(self, client: ChatCompletionClient) -> None:
        super().__init__("Writes.")
        self._client = client

    @message_handler
    async def ask(self, message: Ask, ctx: MessageContext) -> str:
        ask = [UserMessage(content=message.text, source="user")]
        reply = await self._client.create(ask)
        assert [item async for item in self._client.create_stream(ask)]
        await FunctionTool(shout, "").run_json({"text": message.text}, ctx.cancellation_token)
        return str(reply.content)


class UsageTracker(logging.Handler):
    """The handler of the documents: adds tokens up (spec: 001 L3284)."""

    def __init__(self) -> None:
        super().__init__()
        self.prompt_tokens = 0
        self.completion_tokens = 0
        self.events: list[object] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.events.append(record.msg)
        if isinstance(record.msg, LLMCallEvent):
            self.prompt_tokens += record.msg.prompt_tokens
            self.completion_tokens += record.msg.completion_tokens


async def test_events_name_the_agent_whose_handler_runs() -> None:
    tracker = UsageTracker()
    logger = logging.getLogger(EVENT_LOGGER_NAME)
    before = (logger.level, logger.handlers)
    client = ReplayChatCompletionClient(["one two three", "four", "five"])
    runtime = SingleThreadedAgentRuntime()
    await Writer.register(runtime, "writer", lambda: Writer(client))
    try:
        logger.setLevel(logging.INFO)
        logger.handlers = [tracker]

        runtime.start()
        await runtime.send_message(Ask("how are you"), AgentId("writer", "k"))
        await runtime.stop()
        await client.create([UserMessage(content="outside", source="user")])
    finally:
        logger.setLevel(before[0])
        logger.handlers = before[1]

    kinds = (LLMCallEvent, LLMStreamStartEvent, LLMStreamEndEvent, ToolCallEvent)
    logged = [event for event in tracker.events if isinstance(event, kinds)]
    assert [(type(event), event.kwargs["agent_id"]) for event in logged] == [
        (LLMCallEvent, "writer/k"),
        (LLMStreamStartEvent, "writer/k"),
        (LLMStreamEndEvent, "writer/k"),
        (ToolCallEvent, "writer/k"),
        (LLMCallEvent, None),
    ]
    assert logged[3].kwargs == {
        "type": "ToolCall",
        "tool_name": "shout",
        "arguments": {"text": "how are you"},
        "result": "HOW ARE YOU",
        "agent_id": "writer/k",
    }
    # One streamed reply is not in the sum: the documents' tracker counts LLMCallEvent only.
    assert (tracker.prompt_tokens, tracker.completion_tokens) == (3 + 1, 3 + 1)


async def test_failed_tool_call_is_not_logged() -> None:
    tracker = UsageTracker()
    logger = logging.getLogger(EVENT_LOGGER_NAME)
    before = (logger.level, logger.handlers)

    def fail() -> str:
        raise RuntimeError("no")

    try:
        logger.setLevel(logging.INFO)
        logger.handlers = [tracker]
        try:
            await FunctionTool(fail, "").run_json({}, CancellationToken())
        except RuntimeError:
            tracker.events.append("raised")
    finally:
        logger.setLevel(before[0])
        logger.handlers = before[1]

    assert tracker.events == ["raised"]


def test_loggers_hang_below_the_root_logger() -> None:
    assert f"{ROOT_LOGGER_NAME}.events" == EVENT_LOGGER_NAME
    assert f"{ROOT_LOGGER_NAME}.trace" == TRACE_LOGGER_NAME
