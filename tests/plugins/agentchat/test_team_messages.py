"""Messages of every team besides the built-in ones: custom and structured."""

from __future__ import annotations

import json
from typing import Literal

import pytest
from agentchat_agents import Scripted
from chat_scripts import assistant, said
from pydantic import BaseModel

from hubbub_agentchat.messages import BaseTextChatMessage, StructuredMessage
from hubbub_agentchat.teams import RoundRobinGroupChat


class Note(BaseTextChatMessage):
    type: Literal["Note"] = "Note"


async def test_custom_messages_travel_and_are_saved() -> None:
    async def note() -> Note:
        return Note(content="a note", source="a")

    def make() -> RoundRobinGroupChat:
        return RoundRobinGroupChat([Scripted("a", note), Scripted("b")], max_turns=1, custom_message_types=[Note])

    team, other = make(), make()
    result = await team.run(task=Note(content="start", source="user"))
    await other.load_state(json.loads(json.dumps(await team.save_state())))

    assert [type(message).__name__ for message in result.messages] == ["Note", "Note"]
    assert said((await other.run()).messages) == ["b: b speaks"]


async def test_unregistered_message_of_a_participant_ends_the_run_with_an_error() -> None:
    async def note() -> Note:
        return Note(content="a note", source="a")

    with pytest.raises(RuntimeError, match="Message type Note is not registered"):
        await RoundRobinGroupChat([Scripted("a", note)], max_turns=1).run(task="go")


async def test_structured_messages_that_an_agent_declares_are_known() -> None:
    class Answer(BaseModel):
        text: str

    def make() -> RoundRobinGroupChat:
        return RoundRobinGroupChat(
            [assistant("helper", '{"text": "yes"}', output_content_type=Answer), Scripted("b")], max_turns=1
        )

    team, other = make(), make()
    result = await team.run(task="go")
    await other.load_state(json.loads(json.dumps(await team.save_state())))

    assert isinstance(result.messages[-1], StructuredMessage)
    assert said((await other.run()).messages) == ["b: b speaks"]
