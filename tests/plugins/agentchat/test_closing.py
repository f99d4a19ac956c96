"""Closing agents and teams: what a configuration has built is closed with them, what they were given stays open."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Self

import pytest
from agentchat_agents import Scripted
from pydantic import BaseModel

from hubbub_agentchat.agents import AssistantAgent, MessageFilterAgent, MessageFilterConfig, SocietyOfMindAgent
from hubbub_agentchat.base import ChatAgent, Team
from hubbub_agentchat.teams import MagenticOneGroupChat, RoundRobinGroupChat, SelectorGroupChat
from hubbub_core.exchange import AgentContext, AgentResult, AgentTask
from hubbub_core.hub import Hub
from hubbub_core.hub.component_run import ComponentRun
from hubbub_core.memory import ListMemory
from hubbub_core.models.replay import ReplayChatCompletionClient
from hubbub_registry import Component, ComponentBase, bound

CLOSED: list[str] = []


@pytest.fixture(autouse=True)
def closed() -> list[str]:
    """The names of what was closed, in order."""
    CLOSED.clear()
    return CLOSED


class Model(ReplayChatCompletionClient):
    """Its answer is its name."""

    component_provider_override = "test_closing.Model"

    async def close(self) -> None:
        CLOSED.append(str(self.chat_completions[0]))


class Notes(ListMemory):
    component_provider_override = "test_closing.Notes"

    async def close(self) -> None:
        CLOSED.append(self.name)


class AdapterConfig(BaseModel):
    name: str


class Adapter(ComponentBase[AdapterConfig], Component[AdapterConfig]):
    """An agent of another framework."""

    component_type = "agent"
    component_config_schema = AdapterConfig
    component_provider_override = "test_closing.Adapter"

    def __init__(self, name: str) -> None:
        self.name = name

    async def run(self, task: AgentTask, context: AgentContext) -> AsyncIterator[AgentResult]:
        yield AgentResult.from_text("hello", source=context.name)

    async def close(self) -> None:
        CLOSED.append(self.name)

    @classmethod
    def _from_config(cls, config: AdapterConfig) -> Self:
        return cls(config.name)


def model(name: str) -> Model:
    return Model([name])


def assistant(name: str) -> AssistantAgent:
    return AssistantAgent(name, model(f"model of {name}"))


def loaded(team: Team) -> Team:
    """Return a team built from the configuration of another."""
    return Team.load_component(team.dump_component())


def pair() -> list[ChatAgent | Team]:
    return [assistant("a"), assistant("b")]


TEAMS = [
    (RoundRobinGroupChat(pair()), []),
    (SelectorGroupChat(pair(), model("leader")), ["leader"]),
    (MagenticOneGroupChat([assistant("a"), assistant("b")], model("leader")), ["leader"]),
    (RoundRobinGroupChat([RoundRobinGroupChat(pair(), name="inner")]), []),
    (RoundRobinGroupChat([SocietyOfMindAgent("mind", RoundRobinGroupChat(pair()), model("leader"))]), ["leader"]),
]
"""Teams, and what they close after the models of `a` and `b`."""


@pytest.mark.parametrize(("team", "after"), TEAMS)
async def test_team_closes_every_model_that_its_configuration_has_built_once(
    team: Team, after: list[str], closed: list[str]
) -> None:
    built = loaded(team)

    await built.close()
    await built.close()

    assert closed == ["model of a", "model of b", *after]


@pytest.mark.parametrize("team", [team for team, _ in TEAMS])
async def test_models_that_the_caller_gave_stay_open(team: Team, closed: list[str]) -> None:
    await team.close()

    assert closed == []


async def test_model_that_a_hub_shares_stays_open(closed: list[str]) -> None:
    configuration = SelectorGroupChat(pair(), model("leader")).dump_component()
    configuration.config["model_client"] = {"provider": "ref:models.shared", "config": {}}
    with bound({"models.shared": model("shared")}):
        team = Team.load_component(configuration)

    await team.close()

    assert closed == ["model of a", "model of b"]


async def test_agent_closes_the_model_and_the_memories_that_its_configuration_has_built(closed: list[str]) -> None:
    agent = AssistantAgent("a", model("model"), memory=[Notes("facts"), Notes("rules")])

    await agent.close()
    assert closed == []
    await AssistantAgent.load_component(agent.dump_component()).close()
    assert closed == ["model", "facts", "rules"]


async def test_filter_closes_the_agent_that_it_wraps(closed: list[str]) -> None:
    agent = MessageFilterAgent("a", assistant("a"), MessageFilterConfig(per_source=[]))

    await MessageFilterAgent.load_component(agent.dump_component()).close()

    assert closed == ["model of a"]


class Unwilling(Scripted):
    async def close(self) -> None:
        raise OSError(f"{self.name} does not close")


async def test_participant_that_does_not_close_keeps_no_other_open_and_is_heard_of(closed: list[str]) -> None:
    agent = AssistantAgent.load_component(assistant("a").dump_component())
    team = RoundRobinGroupChat([Unwilling("bad"), agent])

    with pytest.raises(OSError, match="bad does not close"):
        await team.close()
    assert closed == ["model of a"]


async def test_running_team_is_not_closed(closed: list[str]) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def wait() -> str:
        asked.set()
        await go_on.wait()
        return "done"

    agent = AssistantAgent.load_component(assistant("a").dump_component())
    team = RoundRobinGroupChat([Scripted("slow", wait), agent], max_turns=1)
    run = asyncio.create_task(team.run(task="go"))
    await asked.wait()

    with pytest.raises(RuntimeError, match="It must be stopped before it can be closed"):
        await team.close()
    assert closed == []
    go_on.set()
    await run
    await team.close()
    assert closed == ["model of a"]


def file_of(*names: str) -> dict[str, Any]:
    """Return a team of agents of another framework."""
    participants = [{"provider": "test_closing.Adapter", "config": {"name": name}} for name in names]
    return {"provider": "autogen_agentchat.teams.RoundRobinGroupChat", "config": {"participants": participants}}


async def test_agents_of_other_frameworks_are_closed_whether_they_have_spoken_or_not(closed: list[str]) -> None:
    document = file_of("speaker", "listener")
    document["config"]["max_turns"] = 1
    team = Team.load_component(document)

    await team.run(task="go")
    await team.close()
    await team.close()

    assert closed == ["speaker", "listener"]


async def test_run_of_a_team_file_closes_the_models_in_it(tmp_path: Path, closed: list[str]) -> None:
    team = SelectorGroupChat(pair(), model("a"), max_turns=1)
    document = json.loads(team.dump_component().model_dump_json())
    run = ComponentRun(tmp_path / "team.json", document)

    async for _ in run.run("go"):
        pass
    await run.close()

    assert closed == ["model of a", "model of b", "a"]


async def test_run_of_a_hub_closes_the_models_in_its_teams(tmp_path: Path, closed: list[str]) -> None:
    team = SelectorGroupChat(pair(), model("a"), max_turns=1).dump_component()
    path = tmp_path / "hub.json"
    agent = {"component": team.provider, "config": team.config, "subscriptions": ["task"], "publishes": "answer"}
    path.write_text(
        json.dumps(
            {
                "hub": 1,
                "name": "town",
                "agents": {"team": agent},
                "entry": {"topic": "task"},
                "result": {"topic": "answer"},
            }
        )
    )

    async for _ in Hub.from_file(path).run("go"):
        pass

    assert closed == ["model of a", "model of b", "a"]
