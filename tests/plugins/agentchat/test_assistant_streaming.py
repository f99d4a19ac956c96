"""Thoughts and pieces of an AssistantAgent's model: their order, their ids, and what stays of them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import pytest
from chat_scripts import ABLE, add, calls, kinds, replay, says, stream_of

from hubbub_agentchat.agents import AssistantAgent
from hubbub_agentchat.messages import ModelClientStreamingChunkEvent, TextMessage, ThoughtEvent
from hubbub_core import CancellationToken
from hubbub_core.models import AssistantMessage, CreateResult
from hubbub_core.models.replay import ReplayChatCompletionClient


async def test_thought_comes_before_what_it_belongs_to_and_stays_in_the_context() -> None:
    agent = AssistantAgent("helper", replay(calls(("add", '{"a": 1, "b": 2}'), thought="adding")), tools=[add])

    result = await agent.run(task="go")

    assert kinds(result.messages)[1:] == [
        "ThoughtEvent",
        "ToolCallRequestEvent",
        "ToolCallExecutionEvent",
        "ToolCallSummaryMessage",
    ]
    asked = (await agent.model_context.get_messages())[1]
    assert isinstance(asked, AssistantMessage)
    assert asked.thought == "adding"


async def test_streamed_chunks_add_up_name_their_message_and_are_not_in_the_result() -> None:
    agent = AssistantAgent("helper", replay("one two three"), model_client_stream=True)

    items = await stream_of(agent)

    chunks = [item for item in items if isinstance(item, ModelClientStreamingChunkEvent)]
    answer, result = items[-2], items[-1]
    assert [chunk.content for chunk in chunks] == ["one ", "two ", "three"]
    assert answer.content == "one two three"
    assert {chunk.full_message_id for chunk in chunks} == {answer.id}
    assert answer.id not in {chunk.id for chunk in chunks}
    assert {chunk.source for chunk in chunks} == {"helper"}
    assert kinds(result.messages) == ["TextMessage", "TextMessage"]


async def test_response_of_a_streaming_agent_has_an_empty_list_of_inner_messages() -> None:
    agent = AssistantAgent("helper", replay("one two"), model_client_stream=True)

    response = await agent.on_messages([TextMessage(content="hi", source="user")], CancellationToken())

    assert response.inner_messages == []


async def test_chunks_before_a_thought_carry_the_thoughts_id_and_a_new_one_follows() -> None:
    agent = AssistantAgent("helper", replay(says("a b", thought="hm")), model_client_stream=True)

    items = await stream_of(agent)

    chunk, thought, answer = items[1], items[-3], items[-2]
    assert isinstance(thought, ThoughtEvent)
    assert chunk.full_message_id == thought.id != answer.id


async def test_reflection_streams_under_an_id_of_its_own() -> None:
    client = replay(calls(("add", '{"a": 1, "b": 2}')), "It is three.")
    agent = AssistantAgent("helper", client, tools=[add], reflect_on_tool_use=True, model_client_stream=True)

    items = await stream_of(agent)

    chunks = [item for item in items if isinstance(item, ModelClientStreamingChunkEvent)]
    assert "".join(chunk.content for chunk in chunks) == "It is three."
    assert {chunk.full_message_id for chunk in chunks} == {items[-2].id}


class Broken(ReplayChatCompletionClient):
    """A client whose stream yields what it is told to."""

    def __init__(self, *items: Any) -> None:
        super().__init__([], model_info=ABLE)
        self._items = items

    async def create_stream(self, *args: Any, **kwargs: Any) -> AsyncGenerator[str | CreateResult, None]:
        for item in self._items:
            yield item


@pytest.mark.parametrize(
    ("items", "text"),
    [(["a", 3], "^Invalid chunk type: "), (["a"], r"^No final model result in streaming mode\.$")],
)
async def test_malformed_model_stream_is_an_error(items: list[Any], text: str) -> None:
    agent = AssistantAgent("helper", Broken(*items), model_client_stream=True)

    with pytest.raises(RuntimeError, match=text):
        await stream_of(agent)
