"""Termination conditions: when they are reached, what they say, how they are reset and configured."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

import pytest

from hubbub_agentchat.base import TerminatedException, TerminationCondition
from hubbub_agentchat.conditions import (
    ExternalTermination,
    FunctionalTermination,
    FunctionCallTermination,
    HandoffTermination,
    MaxMessageTermination,
    SourceMatchTermination,
    StopMessageTermination,
    TextMentionTermination,
    TextMessageTermination,
    TimeoutTermination,
    TokenUsageTermination,
)
from hubbub_agentchat.messages import (
    BaseAgentEvent,
    BaseChatMessage,
    HandoffMessage,
    StopMessage,
    TextMessage,
    ThoughtEvent,
    ToolCallExecutionEvent,
    ToolCallSummaryMessage,
)
from hubbub_core.models import FunctionExecutionResult, RequestUsage

Messages = Sequence[BaseAgentEvent | BaseChatMessage]

TEXT = TextMessage(content="hello world", source="alice")
STOP = StopMessage(content="enough", source="alice")
HANDOFF = HandoffMessage(content="over", source="alice", target="bob")
THOUGHT = ThoughtEvent(content="world", source="alice")
EXECUTED = ToolCallExecutionEvent(
    content=[FunctionExecutionResult(content="None", name="approve", call_id="1", is_error=False)], source="alice"
)
SUMMARY = ToolCallSummaryMessage(content="approve", source="alice", tool_calls=[], results=[])


def used(prompt: int, completion: int) -> TextMessage:
    return TextMessage(content="", source="alice", models_usage=RequestUsage(prompt, completion))


REACHED: list[tuple[TerminationCondition, list[Messages], Messages, str]] = [
    (StopMessageTermination(), [[TEXT]], [TEXT, STOP], "Stop message received"),
    (
        MaxMessageTermination(2),
        [[TEXT], [THOUGHT]],
        [TEXT, TEXT],
        "Maximum number of messages 2 reached, current message count: 3",
    ),
    (
        MaxMessageTermination(2, include_agent_event=True),
        [[TEXT]],
        [THOUGHT],
        "Maximum number of messages 2 reached, current message count: 2",
    ),
    (TextMentionTermination("world"), [[STOP]], [TEXT], "Text 'world' mentioned"),
    (TextMentionTermination("world"), [[STOP]], [THOUGHT], "Text 'world' mentioned"),
    (
        TextMentionTermination("world", sources=["bob"]),
        [[TEXT, THOUGHT]],
        [TextMessage(content="world", source="bob")],
        "Text 'world' mentioned",
    ),
    (TextMessageTermination(), [[STOP, SUMMARY]], [TEXT], "Text message received from 'alice'"),
    (
        TextMessageTermination("bob"),
        [[TEXT]],
        [TextMessage(content="x", source="bob")],
        "Text message received from 'bob'",
    ),
    (
        HandoffTermination("bob"),
        [[TEXT], [HandoffMessage(content="", source="bob", target="alice")]],
        [HANDOFF],
        "Handoff to bob from alice detected.",
    ),
    (
        SourceMatchTermination(["bob", "zoe"]),
        [[TEXT]],
        [TextMessage(content="x", source="zoe")],
        "'zoe' answered",
    ),
    (FunctionCallTermination("approve"), [[TEXT], [SUMMARY]], [EXECUTED], "Function 'approve' was executed."),
    (
        TokenUsageTermination(max_total_token=10),
        [[used(3, 2)], [TEXT]],
        [used(4, 1)],
        "Token usage limit reached, total token count: 10, prompt token count: 7, completion token count: 3.",
    ),
    (
        TokenUsageTermination(max_prompt_token=5, max_total_token=1000),
        [[used(4, 50)]],
        [used(1, 0)],
        "Token usage limit reached, total token count: 55, prompt token count: 5, completion token count: 50.",
    ),
    (
        TokenUsageTermination(max_completion_token=5),
        [[used(400, 4)]],
        [used(0, 1)],
        "Token usage limit reached, total token count: 405, prompt token count: 400, completion token count: 5.",
    ),
    (
        FunctionalTermination(lambda messages: any(isinstance(message, StopMessage) for message in messages)),
        [[TEXT]],
        [STOP],
        "Functional termination condition met",
    ),
]


@pytest.mark.parametrize(("condition", "before", "last", "reason"), REACHED)
async def test_condition_is_reached_says_why_and_refuses_until_reset(
    condition: TerminationCondition, before: list[Messages], last: Messages, reason: str
) -> None:
    for _ in range(2):  # the second round shows that a reset forgets everything
        for messages in before:
            assert await condition(messages) is None
            assert not condition.terminated
        stop = await condition(last)

        assert isinstance(stop, StopMessage)
        assert (stop.content, stop.source) == (reason, type(condition).__name__)
        assert condition.terminated
        with pytest.raises(TerminatedException, match=r"^Termination condition has already been"):
            await condition(last)
        await condition.reset()
        assert not condition.terminated


async def test_external_termination_is_reached_at_the_next_call_after_set() -> None:
    condition = ExternalTermination()

    assert await condition([TEXT]) is None
    condition.set()
    assert not condition.terminated
    stop = await condition([])

    assert stop is not None
    assert stop.content == "External termination requested"
    await condition.reset()
    assert await condition([TEXT]) is None


async def test_timeout_counts_from_construction_and_again_from_reset(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    condition = TimeoutTermination(5)

    now = 104.9
    assert await condition([TEXT]) is None
    now = 105.0
    stop = await condition([TEXT])
    assert stop is not None
    assert stop.content == "Timeout of 5 seconds reached"
    await condition.reset()
    now = 109.0
    assert await condition([TEXT]) is None


async def test_function_may_be_asynchronous_and_only_true_counts() -> None:
    async def asked(messages: Messages) -> bool:
        return len(messages) > 1

    truthy: Any = lambda messages: "yes"  # noqa: E731 # a function with the wrong return type on purpose

    assert await FunctionalTermination(asked)([TEXT]) is None
    assert await FunctionalTermination(asked)([TEXT, TEXT]) is not None
    assert await FunctionalTermination(truthy)([TEXT]) is None


def test_token_usage_needs_a_limit() -> None:
    with pytest.raises(ValueError, match="At least one of max_total_token"):
        TokenUsageTermination()


@pytest.mark.parametrize(
    ("condition", "config"),
    [
        (StopMessageTermination(), {}),
        (ExternalTermination(), {}),
        (MaxMessageTermination(3), {"max_messages": 3, "include_agent_event": False}),
        (TextMentionTermination("x", sources=["a"]), {"text": "x"}),
        (TextMessageTermination("a"), {"source": "a"}),
        (TextMessageTermination(), {}),
        (HandoffTermination("bob"), {"target": "bob"}),
        (SourceMatchTermination(["a"]), {"sources": ["a"]}),
        (FunctionCallTermination("f"), {"function_name": "f"}),
        (TimeoutTermination(1.5), {"timeout_seconds": 1.5}),
        (TokenUsageTermination(max_total_token=5), {"max_total_token": 5}),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("package", ["hubbub_agentchat", "autogen_agentchat"])
def test_condition_loads_from_its_configuration_under_both_names(
    condition: TerminationCondition, config: dict[str, Any], package: str
) -> None:
    model = condition.dump_component()
    name = type(condition).__name__

    assert model.provider == f"hubbub_agentchat.conditions.{name}"
    assert (model.component_type, model.component_version) == ("termination", 1)
    assert model.config == config
    data = {**json.loads(model.model_dump_json()), "provider": f"{package}.conditions.{name}"}
    loaded = TerminationCondition.load_component(data)
    assert type(loaded) is type(condition)
    assert loaded.dump_component() == model


def test_functional_termination_cannot_be_dumped() -> None:
    with pytest.raises(NotImplementedError):
        FunctionalTermination(lambda messages: True).dump_component()
