"""The JSON of the events."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from hubbub_core import EVENT_LOGGER_NAME, AgentId, MessageHandlerContext, TopicId
from hubbub_core.logging import (
    AgentConstructionExceptionEvent,
    DeliveryStage,
    LLMCallEvent,
    LLMStreamEndEvent,
    LLMStreamStartEvent,
    MessageDroppedEvent,
    MessageEvent,
    MessageHandlerExceptionEvent,
    MessageKind,
    ToolCallEvent,
)

AGENT = AgentId("writer", "k")
MESSAGES = [{"role": "user", "content": "hi"}]


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (
            LLMCallEvent(messages=MESSAGES, response={"a": 1}, prompt_tokens=2, completion_tokens=3, tools=["t"]),
            {
                "type": "LLMCall",
                "messages": MESSAGES,
                "response": {"a": 1},
                "prompt_tokens": 2,
                "completion_tokens": 3,
                "agent_id": None,
                "tools": ["t"],
            },
        ),
        (
            LLMStreamStartEvent(messages=MESSAGES),
            {"type": "LLMStreamStart", "messages": MESSAGES, "agent_id": None},
        ),
        (
            LLMStreamEndEvent(response={}, prompt_tokens=0, completion_tokens=1),
            {"type": "LLMStreamEnd", "response": {}, "prompt_tokens": 0, "completion_tokens": 1, "agent_id": None},
        ),
        (
            ToolCallEvent(tool_name="f", arguments={"x": 1}, result="2"),
            {"type": "ToolCall", "tool_name": "f", "arguments": {"x": 1}, "result": "2", "agent_id": None},
        ),
        (
            MessageEvent(
                payload="{}", sender=None, receiver=AGENT, kind=MessageKind.DIRECT, delivery_stage=DeliveryStage.SEND
            ),
            {
                "payload": "{}",
                "sender": None,
                "receiver": "writer/k",
                "kind": "MessageKind.DIRECT",
                "delivery_stage": "DeliveryStage.SEND",
                "type": "Message",
            },
        ),
        (
            MessageDroppedEvent(payload="{}", sender=AGENT, receiver=TopicId("t", "s"), kind=MessageKind.PUBLISH),
            {
                "payload": "{}",
                "sender": "writer/k",
                "receiver": "t/s",
                "kind": "MessageKind.PUBLISH",
                "type": "MessageDropped",
            },
        ),
        (
            MessageHandlerExceptionEvent(payload="{}", handling_agent=AGENT, exception=ValueError("bad")),
            {"payload": "{}", "handling_agent": "writer/k", "exception": "bad", "type": "MessageHandlerException"},
        ),
        (
            AgentConstructionExceptionEvent(agent_id=AGENT, exception=ValueError("bad")),
            {"agent_id": "writer/k", "exception": "bad", "type": "AgentConstructionException"},
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_text_of_an_event_is_the_json_of_its_kwargs(event: Any, expected: dict[str, Any]) -> None:
    assert event.kwargs == expected
    assert str(event) == json.dumps(expected)


def test_running_handler_is_named() -> None:
    with MessageHandlerContext.populate_context(AGENT):
        event = ToolCallEvent(tool_name="f", arguments={}, result="")

    assert event.kwargs["agent_id"] == "writer/k"


def test_token_counts_are_attributes() -> None:
    for event in (
        LLMCallEvent(messages=[], response={}, prompt_tokens=2, completion_tokens=3),
        LLMStreamEndEvent(response={}, prompt_tokens=2, completion_tokens=3),
    ):
        assert (event.prompt_tokens, event.completion_tokens) == (2, 3)


def test_extra_argument_that_json_does_not_know_breaks_nothing() -> None:
    event = LLMStreamStartEvent(messages=[], extra=AGENT)

    assert json.loads(str(event))["extra"] == str(AGENT)


def test_record_carries_the_event_itself(caplog: pytest.LogCaptureFixture) -> None:
    event = LLMStreamStartEvent(messages=MESSAGES)

    with caplog.at_level(logging.INFO, logger=EVENT_LOGGER_NAME):
        logging.getLogger(EVENT_LOGGER_NAME).info(event)

    assert caplog.records[0].msg is event
    assert caplog.records[0].getMessage() == str(event)


def test_enums_have_the_documented_values() -> None:
    assert {each.name: each.value for each in MessageKind} == {"DIRECT": 1, "PUBLISH": 2, "RESPOND": 3}
    assert {each.name: each.value for each in DeliveryStage} == {"SEND": 1, "DELIVER": 2}
