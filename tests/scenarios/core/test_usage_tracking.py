"""Tracking the use of models with a log handler (spec: 000 LG-13; 001 USAGE-1..3)."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import pytest

from hubbub_core import (
    EVENT_LOGGER_NAME,
    AgentId,
    MessageContext,
    RoutedAgent,
    SingleThreadedAgentRuntime,
    message_handler,
)
from hubbub_core.logging import LLMCallEvent
from hubbub_core.models import ChatCompletionClient, UserMessage
from hubbub_core.models.replay import ReplayChatCompletionClient


class LLMUsageTracker(logging.Handler):
    """Sums up the tokens of all requests."""

    def __init__(self) -> None:
        super().__init__()
        self.failures: list[logging.LogRecord] = []
        self.reset()

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens

    def reset(self) -> None:
        self.prompt_tokens = 0
        self.completion_tokens = 0

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if isinstance(record.msg, LLMCallEvent):
                self.prompt_tokens += record.msg.prompt_tokens
                self.completion_tokens += record.msg.completion_tokens
        except Exception:
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:
        self.failures.append(record)


@dataclass
class Question:
    text: str


class Asker(RoutedAgent):
    def __init__(self, model_client: ChatCompletionClient) -> None:
        super().__init__("Passes questions on")
        self._model_client = model_client

    @message_handler
    async def on_question(self, message: Question, ctx: MessageContext) -> str:
        reply = await self._model_client.create([UserMessage(content=message.text, source=str(self.id))])
        assert isinstance(reply.content, str)
        return reply.content


@pytest.fixture
def tracker() -> Iterator[LLMUsageTracker]:
    """A tracker that is the event logger's only handler."""
    logger = logging.getLogger(EVENT_LOGGER_NAME)
    before = (logger.handlers, logger.level)
    tracker = LLMUsageTracker()
    logger.handlers = [tracker]
    logger.setLevel(logging.INFO)
    yield tracker
    logger.handlers = before[0]
    logger.setLevel(before[1])


async def test_tracker_sums_up_what_the_requests_used(
    runtime: SingleThreadedAgentRuntime, tracker: LLMUsageTracker
) -> None:
    clients = [ReplayChatCompletionClient(["one two three", "four"]), ReplayChatCompletionClient(["five six"])]
    for number, client in enumerate(clients):
        await Asker.register(runtime, f"asker_{number}", partial(Asker, client))
    runtime.start()
    for number, text in ((0, "how are you"), (1, "and you"), (0, "well")):
        await runtime.send_message(Question(text), AgentId(f"asker_{number}", "default"))
    await runtime.stop_when_idle()

    assert (tracker.prompt_tokens, tracker.completion_tokens, tracker.tokens) == (6, 6, 12)
    totals = [client.total_usage() for client in clients]
    assert tracker.prompt_tokens == sum(total.prompt_tokens for total in totals)
    assert tracker.completion_tokens == sum(total.completion_tokens for total in totals)
    tracker.reset()
    assert tracker.tokens == 0
    assert tracker.failures == []
