"""Handoffs, results, and combined termination conditions."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

import pytest

from hubbub_agentchat.base import (
    AndTerminationCondition,
    Handoff,
    OrTerminationCondition,
    Response,
    TaskResult,
    TerminatedException,
    TerminationCondition,
)
from hubbub_agentchat.conditions import MaxMessageTermination, SourceMatchTermination, TextMentionTermination
from hubbub_agentchat.messages import BaseAgentEvent, BaseChatMessage, StopMessage, TextMessage
from hubbub_core import CancellationToken


def text(content: str, source: str = "a") -> TextMessage:
    return TextMessage(content=content, source=source)


def test_handoff_fills_in_what_is_empty_from_the_target() -> None:
    handoff = Handoff(target="Bob")

    assert handoff.name == "transfer_to_bob"
    assert handoff.description == "Handoff to Bob."
    assert "Bob" in handoff.message


def test_handoff_keeps_what_is_given() -> None:
    handoff = Handoff(target="bob", description="d", name="ask_bob", message="m")

    assert handoff.model_dump() == {"target": "bob", "description": "d", "name": "ask_bob", "message": "m"}


def test_handoff_name_has_to_be_an_identifier() -> None:
    with pytest.raises(ValueError, match="must be a valid Python identifier"):
        Handoff(target="bob", name="ask bob")


def test_handoff_needs_a_target() -> None:
    with pytest.raises(ValueError, match="target"):
        Handoff()  # type: ignore[call-arg] # that it is refused is the test


async def test_handoff_tool_is_strict_takes_nothing_and_returns_the_message() -> None:
    tool = Handoff(target="bob", message="Over to Bob.").handoff_tool

    schema = tool.schema
    value = await tool.run_json({}, CancellationToken())

    assert schema["name"] == "transfer_to_bob"
    assert schema["strict"] is True
    assert schema["parameters"]["properties"] == {}
    assert tool.return_value_as_string(value) == "Over to Bob."


def test_task_result_takes_no_positional_arguments() -> None:
    with pytest.raises(TypeError):
        TaskResult([])  # type: ignore[call-arg] # that it is refused is the test
    with pytest.raises(TypeError):
        Response(text("x"))  # type: ignore[call-arg] # that it is refused is the test


def test_terminated_exception_is_not_caught_by_except_exception() -> None:
    assert issubclass(TerminatedException, BaseException)
    assert not issubclass(TerminatedException, Exception)


async def test_and_is_reached_when_all_were_reached_one_after_the_other() -> None:
    condition = MaxMessageTermination(1) & TextMentionTermination("done")

    assert await condition([text("first")]) is None
    stop = await condition([text("done")])

    assert isinstance(stop, StopMessage)
    assert stop.content == ("Maximum number of messages 1 reached, current message count: 1, Text 'done' mentioned")
    assert stop.source == "MaxMessageTermination, TextMentionTermination"


async def test_and_refuses_to_be_asked_again_until_reset() -> None:
    condition = MaxMessageTermination(1) & TextMentionTermination("done")
    await condition([text("done")])

    assert condition.terminated
    with pytest.raises(TerminatedException, match=r"^Termination condition has already been"):
        await condition([text("done")])
    await condition.reset()
    assert await condition([text("more")]) is None


async def test_or_is_reached_by_any_and_names_all_that_were() -> None:
    condition = MaxMessageTermination(2) | TextMentionTermination("done") | SourceMatchTermination(["zoe"])

    assert await condition([text("first")]) is None
    stop = await condition([text("done")])

    assert isinstance(stop, StopMessage)
    assert stop.content == ("Maximum number of messages 2 reached, current message count: 2, Text 'done' mentioned")
    with pytest.raises(RuntimeError, match=r"^Termination condition has already been"):
        await condition([text("more")])
    await condition.reset()
    assert await condition([text("again")]) is None


@pytest.mark.parametrize(
    ("combined", "provider"),
    [
        (MaxMessageTermination(2) & TextMentionTermination("x"), "hubbub_agentchat.base.AndTerminationCondition"),
        (MaxMessageTermination(2) | TextMentionTermination("x"), "hubbub_agentchat.base.OrTerminationCondition"),
    ],
)
async def test_combinations_load_from_their_configuration(combined: TerminationCondition, provider: str) -> None:
    model = combined.dump_component()

    loaded = TerminationCondition.load_component(json.loads(model.model_dump_json()))

    assert model.provider == provider
    assert type(loaded) is type(combined)
    assert isinstance(loaded, (AndTerminationCondition, OrTerminationCondition))
    first, second = await loaded([text("x")]), await loaded([text("y")]) if not loaded.terminated else None
    said = " ".join(stop.content for stop in (first, second) if stop is not None)
    assert re.search("Text 'x' mentioned", said)


async def test_condition_of_the_documents_that_counts_by_itself_combines() -> None:
    class Quiet(TerminationCondition):
        def __init__(self) -> None:
            self._terminated = False

        @property
        def terminated(self) -> bool:
            return self._terminated

        async def __call__(self, messages: Sequence[BaseAgentEvent | BaseChatMessage]) -> StopMessage | None:
            if not messages:
                self._terminated = True
                return StopMessage(content="quiet", source="Quiet")
            return None

        async def reset(self) -> None:
            self._terminated = False

    stop = await (Quiet() | MaxMessageTermination(5))([])

    assert stop is not None
    assert stop.content == "quiet"
