"""MessageFilterAgent: which messages pass, and that everything else is the wrapped agent's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import ValidationError

from hubbub_agentchat.agents import AssistantAgent, MessageFilterAgent, MessageFilterConfig, PerSourceFilter
from hubbub_agentchat.base import Response
from hubbub_agentchat.messages import BaseChatMessage, HandoffMessage, TextMessage, ToolCallSummaryMessage
from hubbub_agentchat.teams import RoundRobinGroupChat
from hubbub_core import CancellationToken
from hubbub_core.models import UserMessage
from hubbub_core.models.replay import ReplayChatCompletionClient


def messages() -> list[BaseChatMessage]:
    return [
        TextMessage(content=content, source=source)
        for content, source in (("u1", "user"), ("b1", "B"), ("u2", "user"), ("c1", "C"), ("b2", "B"), ("b3", "B"))
    ]


def make(*filters: PerSourceFilter, answers: Sequence[str] = ("ok", "ok")) -> tuple[MessageFilterAgent, Any]:
    client = ReplayChatCompletionClient(list(answers))
    inner = AssistantAgent("worker", client, description="Works.", system_message=None)
    return MessageFilterAgent("worker", inner, MessageFilterConfig(per_source=list(filters))), client


async def passing(*filters: PerSourceFilter) -> list[str]:
    agent, client = make(*filters)
    await agent.on_messages(messages(), CancellationToken())
    return [message.content for message in client.create_calls[0]["messages"]]


async def test_sources_that_are_not_listed_are_removed_and_an_empty_list_removes_everything() -> None:
    assert await passing(PerSourceFilter(source="B")) == ["b1", "b2", "b3"]
    assert await passing() == []


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (PerSourceFilter(source="B", position="first", count=2), ["b1", "b2"]),
        (PerSourceFilter(source="B", position="last", count=2), ["b2", "b3"]),
        (PerSourceFilter(source="B", position="last", count=9), ["b1", "b2", "b3"]),
        (PerSourceFilter(source="B", position="last", count=0), []),
        (PerSourceFilter(source="B", position="first", count=0), []),
        (PerSourceFilter(source="B", position="last"), ["b1", "b2", "b3"]),
        (PerSourceFilter(source="B", count=1), ["b1", "b2", "b3"]),
        (PerSourceFilter(source="nobody"), []),
    ],
)
async def test_first_or_last_messages_of_a_source_pass(wanted: PerSourceFilter, expected: list[str]) -> None:
    assert await passing(wanted) == expected


async def test_messages_are_grouped_in_the_order_of_the_filters() -> None:
    assert await passing(
        PerSourceFilter(source="C"),
        PerSourceFilter(source="B", position="last", count=1),
        PerSourceFilter(source="user", position="first", count=1),
    ) == ["c1", "b3", "u1"]


async def test_message_that_two_filters_let_pass_is_given_once() -> None:
    assert await passing(
        PerSourceFilter(source="user", position="first", count=2),
        PerSourceFilter(source="user", position="last", count=1),
    ) == ["u1", "u2"]


def test_negative_count_is_refused() -> None:
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        PerSourceFilter(source="B", position="last", count=-1)


async def test_stream_types_reset_and_description_are_those_of_the_wrapped_agent() -> None:
    agent, _ = make(PerSourceFilter(source="user"))

    items = [item async for item in agent.on_messages_stream(messages(), CancellationToken())]
    state = await agent.save_state()

    assert isinstance(items[-1], Response)
    assert items[-1].chat_message.source == "worker"
    assert list(agent.produced_message_types) == [TextMessage, ToolCallSummaryMessage, HandoffMessage]
    assert agent.description.startswith("Works.")
    assert "filter" in agent.description
    assert [message["content"] for message in state["llm_context"]["messages"]] == ["u1", "u2", "ok"]
    await agent.on_reset(CancellationToken())
    assert (await agent.save_state())["llm_context"] == {"messages": []}
    await agent.load_state(state)
    assert await agent.save_state() == state


async def test_participant_of_a_team_hears_only_what_passes() -> None:
    agent, client = make(PerSourceFilter(source="user"))
    other = AssistantAgent("other", ReplayChatCompletionClient(["noise", "more noise"]))
    team = RoundRobinGroupChat([other, agent], max_turns=4)

    await team.run(task="go")

    assert client.create_calls[0]["messages"] == [UserMessage(content="go", source="user")]
    assert [message.content for message in client.create_calls[1]["messages"]] == ["go", "ok"]


@pytest.mark.parametrize("provider", ["autogen_agentchat.agents.MessageFilterAgent", "MessageFilterAgent"])
async def test_configuration_round_trip_and_the_documents_names(provider: str) -> None:
    agent, _ = make(PerSourceFilter(source="user", position="last", count=1), PerSourceFilter(source="B"))

    model = agent.dump_component()
    model.provider = provider
    loaded = MessageFilterAgent.load_component(model)

    assert set(model.config) == {"name", "wrapped_agent", "filter"}
    assert model.config["filter"]["per_source"][0] == {"source": "user", "position": "last", "count": 1}
    assert loaded.dump_component().config == model.config
    response = await loaded.on_messages(messages(), CancellationToken())
    assert response.chat_message.to_text() == "ok"
