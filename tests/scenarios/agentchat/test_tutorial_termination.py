"""The tutorial's page on termination (spec: 002 S2-144..159)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Self

import pytest
from chat_scripts import calling, kinds, replay, said
from pydantic import BaseModel

from hubbub_agentchat.agents import AssistantAgent
from hubbub_agentchat.base import TerminatedException, TerminationCondition
from hubbub_agentchat.conditions import MaxMessageTermination, TextMentionTermination
from hubbub_agentchat.messages import (
    BaseAgentEvent,
    BaseChatMessage,
    StopMessage,
    TextMessage,
    ToolCallExecutionEvent,
)
from hubbub_agentchat.teams import RoundRobinGroupChat
from hubbub_core.models import FunctionExecutionResult
from hubbub_registry import Component

TASK = "Write a unique, Haiku about the weather in Paris"


def poets(*verdicts: str) -> list[AssistantAgent]:
    return [
        AssistantAgent("primary", replay("Gentle rain.", "Grey roofs.", "Spring rain.")),
        AssistantAgent("critic", replay(*verdicts)),
    ]


async def test_limit_of_messages_counts_the_task() -> None:
    team = RoundRobinGroupChat(poets("More."), termination_condition=MaxMessageTermination(max_messages=3))

    result = await team.run(task=TASK)

    assert [message.source for message in result.messages] == ["user", "primary", "critic"]
    assert result.stop_reason == "Maximum number of messages 3 reached, current message count: 3"


async def test_condition_starts_afresh_when_the_team_goes_on() -> None:
    team = RoundRobinGroupChat(poets("More.", "More!"), termination_condition=MaxMessageTermination(max_messages=3))
    await team.run(task=TASK)

    result = await team.run()

    assert [message.source for message in result.messages] == ["primary", "critic", "primary"]


@pytest.mark.parametrize(("both", "last", "count"), [(False, "critic: Fine. APPROVE", 3), (True, "critic: More.", 5)])
async def test_conditions_combine_with_or_and_with_and(both: bool, last: str, count: int) -> None:
    limit, approval = MaxMessageTermination(max_messages=5 if both else 10), TextMentionTermination("APPROVE")
    condition = limit & approval if both else limit | approval
    team = RoundRobinGroupChat(poets("Fine. APPROVE", "More."), termination_condition=condition)

    result = await team.run(task=TASK)

    assert said(result.messages)[-1] == last
    assert len(result.messages) == count


class FunctionCallTerminationConfig(BaseModel):
    function_name: str


class FunctionCallTermination(TerminationCondition, Component[FunctionCallTerminationConfig]):
    """The page's custom condition."""

    component_config_schema = FunctionCallTerminationConfig
    component_provider_override = "tutorial.FunctionCallTermination"

    def __init__(self, function_name: str) -> None:
        self._terminated = False
        self._function_name = function_name

    @property
    def terminated(self) -> bool:
        return self._terminated

    async def __call__(self, messages: Sequence[BaseAgentEvent | BaseChatMessage]) -> StopMessage | None:
        if self._terminated:
            raise TerminatedException("Termination condition has already been reached")
        for message in messages:
            if isinstance(message, ToolCallExecutionEvent):
                for execution in message.content:
                    if execution.name == self._function_name:
                        self._terminated = True
                        return StopMessage(
                            content=f"Function '{self._function_name}' was executed.",
                            source="FunctionCallTermination",
                        )
        return None

    async def reset(self) -> None:
        self._terminated = False

    def _to_config(self) -> FunctionCallTerminationConfig:
        return FunctionCallTerminationConfig(function_name=self._function_name)

    @classmethod
    def _from_config(cls, config: FunctionCallTerminationConfig) -> Self:
        return cls(function_name=config.function_name)


async def test_custom_condition_ends_a_run_when_its_function_was_executed() -> None:
    def approve() -> None:
        """Approve the message when all feedbacks have been addressed."""

    critic = AssistantAgent("critic", replay("Add colour.", calling("approve")), tools=[approve])
    team = RoundRobinGroupChat([poets()[0], critic], termination_condition=FunctionCallTermination("approve"))

    result = await team.run(task=TASK)

    assert kinds(result.messages)[-3:] == ["ToolCallRequestEvent", "ToolCallExecutionEvent", "ToolCallSummaryMessage"]
    assert result.messages[-1].to_text() == "None"
    assert result.stop_reason == "Function 'approve' was executed."


async def test_condition_that_was_reached_has_to_be_reset() -> None:
    condition = FunctionCallTermination("approve")
    executed = ToolCallExecutionEvent(
        content=[FunctionExecutionResult(content="None", name="approve", call_id="1")], source="critic"
    )
    stop = await condition([executed])

    with pytest.raises(TerminatedException, match="Termination condition has already been reached"):
        await condition([executed])
    await condition.reset()

    assert stop is not None
    assert (stop.source, condition.terminated) == ("FunctionCallTermination", False)
    assert await condition([TextMessage(content="approve", source="critic")]) is None


async def test_custom_condition_is_part_of_a_teams_configuration() -> None:
    model = json.loads(FunctionCallTermination("approve").dump_component().model_dump_json())

    loaded = TerminationCondition.load_component(model)

    assert isinstance(loaded, FunctionCallTermination)
    assert loaded.dump_component().config == {"function_name": "approve"}
