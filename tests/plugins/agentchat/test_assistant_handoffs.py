"""Handoffs of an AssistantAgent: when they end its turn, what they take along, what they bring."""

from __future__ import annotations

import pytest
from chat_scripts import add, asked, calls, kinds, replay

from hubbub_agentchat.agents import AssistantAgent
from hubbub_agentchat.base import Handoff
from hubbub_agentchat.messages import HandoffMessage
from hubbub_core import FunctionCall
from hubbub_core.models import AssistantMessage, FunctionExecutionResultMessage, UserMessage


async def test_handoff_ends_the_turn_with_the_tools_message_and_no_context() -> None:
    agent = AssistantAgent(
        "lazy",
        replay(calls(("transfer_to_user", "{}"))),
        handoffs=[Handoff(target="user", message="Transfer to user.")],
    )

    result = await agent.run(task="What is the weather?")

    assert kinds(result.messages) == [
        "TextMessage",
        "ToolCallRequestEvent",
        "ToolCallExecutionEvent",
        "HandoffMessage",
    ]
    handoff = result.messages[-1]
    assert isinstance(handoff, HandoffMessage)
    assert (handoff.target, handoff.content, handoff.context) == ("user", "Transfer to user.", [])
    assert handoff.models_usage is None


async def test_handoff_takes_the_other_calls_along() -> None:
    agent = AssistantAgent(
        "helper",
        replay(calls(("add", '{"a": 1, "b": 2}'), ("transfer_to_bob", "{}"), thought="bob knows")),
        tools=[add],
        handoffs=["bob"],
    )

    handoff = (await agent.run(task="go")).messages[-1]

    assert isinstance(handoff, HandoffMessage)
    asked, answered = handoff.context
    assert asked == AssistantMessage(
        content=[FunctionCall(id="1", name="add", arguments='{"a": 1, "b": 2}')], source="helper", thought="bob knows"
    )
    assert isinstance(answered, FunctionExecutionResultMessage)
    assert [found.content for found in answered.content] == ["3"]


async def test_handoff_with_only_a_thought_takes_the_thought_along() -> None:
    agent = AssistantAgent("helper", replay(calls(("transfer_to_bob", "{}"), thought="bob knows")), handoffs=["bob"])

    handoff = (await agent.run(task="go")).messages[-1]

    assert isinstance(handoff, HandoffMessage)
    assert handoff.context == [AssistantMessage(content="bob knows", source="helper")]


async def test_first_of_several_handoffs_wins_with_a_warning() -> None:
    agent = AssistantAgent(
        "helper", replay(calls(("transfer_to_zoe", "{}"), ("transfer_to_bob", "{}"))), handoffs=["bob", "zoe"]
    )

    with pytest.warns(UserWarning, match="^Multiple handoffs detected"):
        result = await agent.run(task="go")

    handoff = result.messages[-1]
    assert isinstance(handoff, HandoffMessage)
    assert handoff.target == "zoe"


async def test_handoff_within_the_loop_ends_it() -> None:
    client = replay(calls(("add", '{"a": 1, "b": 2}')), calls(("transfer_to_bob", "{}")), "unused")
    agent = AssistantAgent("helper", client, tools=[add], handoffs=["bob"], max_tool_iterations=5)

    result = await agent.run(task="go")

    assert isinstance(result.messages[-1], HandoffMessage)
    assert len(client.create_calls) == 2


async def test_incoming_handoff_brings_its_context_before_itself() -> None:
    client = replay("ok")
    agent = AssistantAgent("bob", client, system_message=None)
    brought = AssistantMessage(content="I looked it up.", source="alice")

    await agent.run(task=HandoffMessage(content="Over to you.", source="alice", target="bob", context=[brought]))

    assert asked(client) == [brought, UserMessage(content="Over to you.", source="alice")]
