"""RoundRobinGroupChat: whose turn it is, and its configuration."""

from __future__ import annotations

import json

from agentchat_agents import Scripted
from chat_scripts import ABLE, assistant, calling, said

from hubbub_agentchat.agents import UserProxyAgent
from hubbub_agentchat.conditions import MaxMessageTermination, TextMentionTermination, TextMessageTermination
from hubbub_agentchat.teams import BaseGroupChat, RoundRobinGroupChat


async def test_participants_speak_in_turn_until_approval() -> None:
    primary, critic = Scripted("primary", "poem", "better poem"), Scripted("critic", "hm", "APPROVE")
    team = RoundRobinGroupChat([primary, critic], termination_condition=TextMentionTermination("APPROVE"))

    result = await team.run(task="Write.")

    assert said(result.messages) == [
        "user: Write.",
        "primary: poem",
        "critic: hm",
        "primary: better poem",
        "critic: APPROVE",
    ]
    assert result.stop_reason == "Text 'APPROVE' mentioned"
    assert primary.given == [["user: Write."], ["critic: hm"]]
    assert critic.given == [["user: Write.", "primary: poem"], ["primary: better poem"]]


async def test_running_again_without_a_task_goes_on_with_the_next_speaker() -> None:
    team = RoundRobinGroupChat([Scripted("a"), Scripted("b")], max_turns=1)

    results = [await team.run(task="go"), await team.run(), await team.run()]

    assert [said(result.messages) for result in results] == [
        ["user: go", "a: a speaks"],
        ["b: b speaks"],
        ["a: a speaks"],
    ]


async def test_single_participant_speaks_in_every_turn() -> None:
    def increment(number: int) -> int:
        """Increment."""
        return number + 1

    agent = assistant(
        "looper", calling("increment", '{"number": 5}'), calling("increment", '{"number": 6}'), "7", tools=[increment]
    )
    team = RoundRobinGroupChat([agent], termination_condition=TextMessageTermination("looper"))

    result = await team.run(task="Increment 5 to 7.")

    assert [type(message).__name__ for message in result.messages] == [
        "TextMessage",
        *("ToolCallRequestEvent", "ToolCallExecutionEvent", "ToolCallSummaryMessage") * 2,
        "TextMessage",
    ]
    assert result.stop_reason == "Text message received from 'looper'"


async def test_user_in_the_team() -> None:
    team = RoundRobinGroupChat(
        [assistant("helper", "A poem."), UserProxyAgent("user_proxy", input_func=lambda prompt: "APPROVE")],
        termination_condition=TextMentionTermination("APPROVE"),
    )

    result = await team.run(task="Write.")

    assert [type(message).__name__ for message in result.messages] == [
        "TextMessage",
        "TextMessage",
        "UserInputRequestedEvent",
        "TextMessage",
    ]


async def test_team_events_name_the_speaker_before_it_speaks() -> None:
    team = RoundRobinGroupChat([Scripted("a"), Scripted("b")], max_turns=2, emit_team_events=True)

    result = await team.run(task="go")

    assert said(result.messages) == [
        "user: go",
        "RoundRobinGroupChatManager: ['a']",
        "a: a speaks",
        "RoundRobinGroupChatManager: ['b']",
        "b: b speaks",
    ]


async def test_team_loads_from_its_configuration_nested_and_under_the_documents_names() -> None:
    team = RoundRobinGroupChat(
        [assistant("helper", "hi"), RoundRobinGroupChat([assistant("inner", "there")], name="nested", max_turns=1)],
        name="team",
        description="Two of us.",
        termination_condition=MaxMessageTermination(5) | TextMentionTermination("x"),
        max_turns=2,
        emit_team_events=True,
    )

    model = team.dump_component()
    data = json.loads(model.model_dump_json(exclude_none=True).replace("hubbub_agentchat", "autogen_agentchat"))
    loaded = BaseGroupChat.load_component(data)

    assert (model.provider, model.component_type) == ("hubbub_agentchat.teams.RoundRobinGroupChat", "team")
    assert (loaded.name, loaded.description) == ("team", "Two of us.")
    assert loaded.dump_component().config == model.config
    assert said((await loaded.run(task="go")).messages) == [
        "user: go",
        "RoundRobinGroupChatManager: ['helper']",
        "helper: hi",
        "RoundRobinGroupChatManager: ['nested']",
        "inner: there",
    ]


async def test_team_file_of_the_documents_loads_and_runs_unchanged() -> None:
    # As printed in the documents (spec: 000 L9402-9458), with a model that needs no key.
    data = {
        "provider": "autogen_agentchat.teams.RoundRobinGroupChat",
        "component_type": "team",
        "version": 1,
        "component_version": 1,
        "description": "A team that runs a group chat with participants taking turns in a round-robin fashion\n    "
        "to publish a message to all.",
        "label": "RoundRobinGroupChat",
        "config": {
            "participants": [
                {
                    "provider": "autogen_agentchat.agents.AssistantAgent",
                    "component_type": "agent",
                    "version": 1,
                    "component_version": 1,
                    "description": "An agent that provides assistance with tool use.",
                    "label": "AssistantAgent",
                    "config": {
                        "name": "weather_agent",
                        "model_client": {
                            "provider": "autogen_ext.models.replay.ReplayChatCompletionClient",
                            "component_type": "model",
                            "version": 1,
                            "component_version": 1,
                            "config": {"chat_completions": ["Sunny. TERMINATE"], "model_info": dict(ABLE)},
                        },
                        "tools": [],
                        "handoffs": [],
                        "model_context": {
                            "provider": "autogen_core.model_context.UnboundedChatCompletionContext",
                            "component_type": "chat_completion_context",
                            "version": 1,
                            "component_version": 1,
                            "label": "UnboundedChatCompletionContext",
                            "config": {},
                        },
                        "description": "An agent that provides assistance with ability to use tools.",
                        "system_message": "You are a helpful AI assistant.",
                        "model_client_stream": False,
                        "reflect_on_tool_use": False,
                        "tool_call_summary_format": "{result}",
                    },
                }
            ],
            "termination_condition": {
                "provider": "autogen_agentchat.conditions.TextMentionTermination",
                "component_type": "termination",
                "version": 1,
                "component_version": 1,
                "label": "TextMentionTermination",
                "config": {"text": "TERMINATE"},
            },
        },
    }

    team = BaseGroupChat.load_component(data)
    result = await team.run(task="Weather in New York?")

    assert said(result.messages) == ["user: Weather in New York?", "weather_agent: Sunny. TERMINATE"]
    assert result.stop_reason == "Text 'TERMINATE' mentioned"


def test_defaults_of_name_and_description() -> None:
    team = RoundRobinGroupChat([Scripted("a")])

    assert (team.name, team.description) == ("RoundRobinGroupChat", "A team of agents.")
