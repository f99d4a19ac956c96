"""SelectorGroupChat: functions, candidates, the model's choice, its context and its configuration."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import Any

import pytest

from hubbub_agentchat.agents import BaseChatAgent
from hubbub_agentchat.base import Response
from hubbub_agentchat.conditions import MaxMessageTermination, TextMentionTermination
from hubbub_agentchat.messages import BaseAgentEvent, BaseChatMessage, TextMessage
from hubbub_agentchat.teams import BaseGroupChat, SelectorGroupChat
from hubbub_core import CancellationToken
from hubbub_core.model_context import BufferedChatCompletionContext
from hubbub_core.models import ModelInfo, SystemMessage, UserMessage
from hubbub_core.models.replay import ReplayChatCompletionClient

Thread = Sequence[BaseAgentEvent | BaseChatMessage]


class Speaker(BaseChatAgent):
    def __init__(self, name: str, *lines: str) -> None:
        super().__init__(name, f"The {name}\n  of this team.")
        self._lines = list(lines)

    @property
    def produced_message_types(self) -> Sequence[type[BaseChatMessage]]:
        return (TextMessage,)

    async def on_messages(self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken) -> Response:
        line = self._lines.pop(0) if self._lines else f"{self.name} speaks"
        return Response(chat_message=TextMessage(content=line, source=self.name))

    async def on_reset(self, cancellation_token: CancellationToken) -> None:
        pass


def model(*answers: str, family: str = "gpt-4o") -> ReplayChatCompletionClient:
    info = ModelInfo(vision=False, function_calling=False, json_output=False, family=family, structured_output=False)
    return ReplayChatCompletionClient(list(answers), model_info=info)


def team(client: ReplayChatCompletionClient, **options: Any) -> SelectorGroupChat:
    options.setdefault("max_turns", 2)
    return SelectorGroupChat([Speaker("alice"), Speaker("bob"), Speaker("data_zoe")], client, **options)


async def speakers(group: BaseGroupChat, task: str | None = "go") -> list[str]:
    result = await group.run(task=task)
    return [message.source for message in result.messages if message.source != "user"]


async def test_model_selects_each_speaker_from_a_prompt_with_roles_participants_and_history() -> None:
    client = model("bob", "alice")

    assert await speakers(team(client, selector_prompt="{roles}|{participants}|{history}")) == ["bob", "alice"]
    first, second = (call["messages"] for call in client.create_calls)
    roles = "alice: The alice of this team.\nbob: The bob of this team.\ndata_zoe: The data_zoe of this team."
    assert first == [SystemMessage(content=f"{roles}|['alice', 'bob', 'data_zoe']|user: go")]
    assert second == [SystemMessage(content=f"{roles}|['alice', 'data_zoe']|user: go\n\nbob: bob speaks")]


async def test_prompt_is_a_user_message_for_models_of_other_families() -> None:
    client = model("bob", family="unknown")

    await speakers(team(client, max_turns=1))

    (prompt,) = client.create_calls[0]["messages"]
    assert isinstance(prompt, UserMessage)
    assert prompt.source == "user"


@pytest.mark.parametrize(
    ("answers", "feedback"),
    [
        (["nobody", "bob"], "No valid name was mentioned."),
        (["Bob", "bob"], "No valid name was mentioned."),
        (["bobby", "bob"], "No valid name was mentioned."),
        (["alice or bob", "bob"], "Expected exactly one name to be mentioned."),
    ],
)
async def test_answer_that_names_nobody_or_several_is_asked_again_with_feedback(
    answers: list[str], feedback: str
) -> None:
    client = model(*answers)

    assert await speakers(team(client, max_turns=1)) == ["bob"]
    _, answer, told = client.create_calls[1]["messages"]
    assert answer.content == answers[0]
    assert told.content.startswith(feedback)


@pytest.mark.parametrize("answer", ["I say: data_zoe.", "data zoe", r"data\_zoe", "data_zoe, data_zoe"])
async def test_name_is_found_within_a_sentence_and_with_its_underscore_written_otherwise(answer: str) -> None:
    assert await speakers(team(model(answer), max_turns=1)) == ["data_zoe"]


async def test_previous_speaker_is_asked_for_again_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    client = model("bob", "bob", "alice")

    with caplog.at_level(logging.WARNING, logger="hubbub_agentchat"):
        assert await speakers(team(client)) == ["bob", "alice"]

    assert "model selected the previous speaker again: bob" in caplog.text
    assert client.create_calls[2]["messages"][-1].content.startswith("Repeated speaker is not allowed")


async def test_repeated_speaker_when_allowed() -> None:
    assert await speakers(team(model("bob", "bob"), allow_repeated_speaker=True)) == ["bob", "bob"]


async def test_after_all_attempts_the_previous_speaker_else_the_first_is_taken() -> None:
    assert await speakers(team(model("?", "?"), max_selector_attempts=2, max_turns=1)) == ["alice"]
    assert await speakers(team(model("bob", "?", "?"), max_selector_attempts=2)) == ["bob", "bob"]


async def test_selector_function_sees_the_thread_and_none_leaves_it_to_the_model() -> None:
    threads: list[int] = []

    def select(thread: Thread) -> str | None:
        threads.append(len(thread))
        return "data_zoe" if len(thread) == 1 else None

    client = model("bob")

    assert await speakers(team(client, selector_func=select)) == ["data_zoe", "bob"]
    assert threads == [1, 2]
    assert len(client.create_calls) == 1


async def test_functions_may_be_asynchronous() -> None:
    async def select(thread: Thread) -> str | None:
        return "bob" if len(thread) == 1 else None

    async def candidates(thread: Thread) -> list[str]:
        return ["data_zoe"]

    assert await speakers(team(model(), selector_func=select, candidate_func=candidates)) == ["bob", "data_zoe"]


async def test_candidate_function_limits_the_choice_and_may_repeat_the_previous_speaker() -> None:
    client = model("alice", "bob", "bob")

    found = await speakers(team(client, candidate_func=lambda thread: ["bob", "data_zoe"]))

    assert found == ["bob", "bob"]
    assert client.create_calls[1]["messages"][-1].content == (
        "alice cannot speak now. Please select from: ['bob', 'data_zoe']."
    )


async def test_single_candidate_is_taken_without_asking() -> None:
    client = model()
    pair = SelectorGroupChat([Speaker("alice"), Speaker("bob")], client, max_turns=3, selector_func=_alice_first)

    assert await speakers(pair) == ["alice", "bob", "alice"]
    assert client.create_calls == []


def _alice_first(thread: Thread) -> str | None:
    return "alice" if len(thread) == 1 else None


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"selector_func": lambda thread: "nobody"}, "invalid speaker name: nobody"),
        ({"candidate_func": lambda thread: []}, "must return a non-empty list"),
        ({"candidate_func": lambda thread: ["nobody"]}, "invalid participant names"),
    ],
)
async def test_functions_that_name_nobody_of_the_team_end_the_run(options: dict[str, Any], text: str) -> None:
    with pytest.raises(RuntimeError, match=rf"^ValueError: .*{text}"):
        await team(model(), **options).run(task="go")


def test_construction_is_checked() -> None:
    with pytest.raises(ValueError, match=r"^At least two participants are required for SelectorGroupChat\.$"):
        SelectorGroupChat([Speaker("alice")], model())
    with pytest.raises(ValueError, match="selector prompt is no template"):
        team(model(), selector_prompt="{nope}")


async def test_streamed_selection_shows_chunks_and_the_whole_answer_with_team_events() -> None:
    group = team(model("I choose bob"), max_turns=1, model_client_streaming=True, emit_team_events=True)

    items = [item async for item in group.run_stream(task="go")]

    assert [type(item).__name__ for item in items] == [
        "TextMessage",
        *["ModelClientStreamingChunkEvent"] * 3,
        "SelectorEvent",
        "SelectSpeakerEvent",
        "TextMessage",
        "TaskResult",
    ]
    assert items[4].content == "I choose bob"  # type: ignore[union-attr] # a SelectorEvent
    assert {item.source for item in items[1:6]} == {"SelectorGroupChatManager"}  # type: ignore[union-attr] # messages


async def test_bounded_context_limits_the_history_in_the_prompt() -> None:
    client = model("bob", "alice", "bob")
    group = team(
        client,
        selector_prompt="{history}",
        max_turns=3,
        model_context=BufferedChatCompletionContext(buffer_size=1),
    )

    await speakers(group)

    assert [call["messages"][0].content for call in client.create_calls] == [
        "user: go",
        "bob: bob speaks",
        "alice: alice speaks",
    ]


async def test_state_restores_previous_speaker_and_history() -> None:
    first = team(model("bob"), max_turns=1)
    client = model("alice")
    second = team(client, max_turns=1, selector_prompt="{participants} {history}")
    await speakers(first)

    state = json.loads(json.dumps(await first.save_state()))
    await second.load_state(state)

    assert await speakers(second, None) == ["alice"]
    assert state["agent_states"]["SelectorGroupChatManager"]["previous_speaker"] == "bob"
    assert client.create_calls[0]["messages"][0].content == "['alice', 'data_zoe'] user: go\n\nbob: bob speaks"


async def test_reset_forgets_previous_speaker_and_history() -> None:
    client = model("bob", "bob")
    group = team(client, max_turns=1, selector_prompt="{history}")
    await speakers(group)
    await group.reset()

    assert await speakers(group, "new") == ["bob"]
    assert client.create_calls[1]["messages"][0].content == "user: new"


async def test_configuration_round_trip() -> None:
    from hubbub_agentchat.agents import AssistantAgent

    group = SelectorGroupChat(
        [AssistantAgent(name, ReplayChatCompletionClient([f"{name} speaks"])) for name in ("alice", "bob")],
        model("bob"),
        termination_condition=MaxMessageTermination(9) | TextMentionTermination("bob speaks"),
        selector_prompt="{history}",
        allow_repeated_speaker=True,
        max_selector_attempts=5,
        emit_team_events=True,
        model_context=BufferedChatCompletionContext(buffer_size=3),
    )

    dumped = group.dump_component()
    loaded = BaseGroupChat.load_component(
        json.loads(dumped.model_dump_json().replace("hubbub_agentchat", "autogen_agentchat"))
    )

    assert dumped.provider == "hubbub_agentchat.teams.SelectorGroupChat"
    assert loaded.dump_component().config == dumped.config
    assert (await loaded.run(task="go")).stop_reason == "Text 'bob speaks' mentioned"
