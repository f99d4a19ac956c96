"""The base of other frameworks' agents in hub files, with a framework that repeats what it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, ClassVar, Self

import pytest

from hubbub_core import CancellationToken
from hubbub_core.exchange import AgentAdapter, AgentChunk, AgentContext, AgentResult, AgentTask
from hubbub_core.hub.foreign_agent import ForeignAgent, ForeignAgentConfig
from hubbub_core.models.replay import ReplayChatCompletionClient
from hubbub_core.tools import FunctionTool, StaticWorkbench
from hubbub_registry import Component, bound

CONTEXT = AgentContext(cancellation_token=CancellationToken())


def double(number: int) -> int:
    return number * 2


class Model(ReplayChatCompletionClient):
    """A model that tells which of its kind were closed."""

    component_provider_override: ClassVar[str] = "test_foreign_agent.Model"
    closed: ClassVar[list[Model]] = []

    async def close(self) -> None:
        self.closed.append(self)


class Parrot:
    """The framework's agent: says all that it was told, and waits for ever when it is told to."""

    def __init__(self, voice: str) -> None:
        self.voice = voice
        self.heard: list[str] = []
        self.left, self.closed = asyncio.Event(), False

    async def run(self, task: AgentTask, context: AgentContext) -> AsyncGenerator[AgentChunk | AgentResult, None]:
        self.heard.append(task.text())
        try:
            yield AgentChunk(kind="text", content=self.voice, source=context.name)
            if task.text() == "wait":
                await asyncio.Future()
            yield AgentResult.from_text(f"{self.voice}: {' '.join(self.heard)}", source=context.name)
        finally:
            self.left.set()

    async def save_state(self) -> Mapping[str, Any]:
        return {"heard": self.heard}

    async def load_state(self, state: Mapping[str, Any]) -> None:
        self.heard = list(state["heard"])

    async def close(self) -> None:
        if self.voice == "hoarse":
            raise OSError("stuck")
        self.closed = True


class ParrotAgentConfig(ForeignAgentConfig):
    voice: str = "loud"


class ParrotAgent(ForeignAgent[ParrotAgentConfig], Component[ParrotAgentConfig]):
    """A parrot as a component."""

    component_config_schema = ParrotAgentConfig
    component_provider_override: ClassVar[str] = "test_foreign_agent.ParrotAgent"

    def __init__(self, model_client: Any, *, tools: Any = (), voice: str = "loud") -> None:
        super().__init__(model_client, tools=tools)
        self.voice = voice
        self.parrots: list[Parrot] = []

    async def _build(self) -> AgentAdapter:
        await asyncio.sleep(0)  # a workbench is asked for its tools
        self.parrots.append(Parrot(self.voice))
        return self.parrots[-1]

    def _to_config(self) -> ParrotAgentConfig:
        return ParrotAgentConfig(**self._parts(), voice=self.voice)

    @classmethod
    def _from_config(cls, config: ParrotAgentConfig) -> Self:
        return cls._from_parts(config, voice=config.voice)


async def run(agent: ParrotAgent, text: str) -> str:
    items = [item async for item in agent.run(AgentTask.from_text(text), CONTEXT)]
    assert isinstance(items[-1], AgentResult)
    return items[-1].text()


async def test_the_conversation_goes_on_from_task_to_task() -> None:
    agent = ParrotAgent(Model([]))

    assert [await run(agent, "hello"), await run(agent, "again")] == ["loud: hello", "loud: hello again"]


async def test_tasks_that_come_at_the_same_time_are_of_one_conversation() -> None:
    agent = ParrotAgent(Model([]))

    await asyncio.gather(run(agent, "hello"), run(agent, "again"))

    (parrot,) = agent.parrots
    assert sorted(parrot.heard) == ["again", "hello"]


async def test_its_state_is_empty_before_the_first_task_and_is_taken_up_by_another() -> None:
    agent, other = ParrotAgent(Model([])), ParrotAgent(Model([]))

    assert await agent.save_state() == {}
    assert agent.parrots == []
    await run(agent, "hello")
    await other.load_state(await agent.save_state())

    assert await run(other, "again") == "loud: hello again"


async def test_leaving_a_run_ends_the_frameworks() -> None:
    agent = ParrotAgent(Model([]))

    async with aclosing(agent.run(AgentTask.from_text("wait"), CONTEXT)) as items:
        await anext(items)

    assert agent.parrots[0].left.is_set()


async def test_what_is_built_of_a_configuration_is_closed_with_the_agent() -> None:
    own: dict[str, Any] = {
        "provider": "test_foreign_agent.ParrotAgent",
        "config": {"model": {"provider": "test_foreign_agent.Model", "config": {"chat_completions": []}}},
    }
    shared = Model([])
    borrowed: dict[str, Any] = {**own, "config": {"model": {"provider": "ref:models.default", "config": {}}}}
    Model.closed.clear()

    with bound({"models.default": shared}):
        agents = [ParrotAgent(shared), ParrotAgent.load_component(borrowed), ParrotAgent.load_component(own)]
    for agent in agents:
        await run(agent, "hello")
        await agent.close()

    (closed,) = Model.closed
    assert closed is agents[2]._model_client
    assert all(agent.parrots[0].closed for agent in agents)


async def test_the_model_is_closed_where_the_frameworks_agent_cannot_be() -> None:
    agent = ParrotAgent.load_component(ParrotAgent(Model([]), voice="hoarse").dump_component())
    await run(agent, "hello")
    Model.closed.clear()

    with pytest.raises(OSError, match=r"^stuck$"):
        await agent.close()

    assert Model.closed == [agent._model_client]


async def test_it_loads_what_it_dumped() -> None:
    tool = FunctionTool(double, "Double", name="double")
    agent = ParrotAgent(Model(["x"]), tools=[StaticWorkbench([])], voice="shrill")

    again = ParrotAgent.load_component(agent.dump_component())

    assert again.dump_component() == agent.dump_component()
    assert await run(again, "hello") == "shrill: hello"
    with bound({"tools.double": tool}):
        config = {**agent.dump_component().config, "tools": [{"provider": "ref:tools.double", "config": {}}]}
        used = ParrotAgent.load_component({"provider": "test_foreign_agent.ParrotAgent", "config": config})
    assert used._tools == [tool]


def test_what_is_no_tool_is_refused() -> None:
    with pytest.raises(TypeError, match=r"^object is neither a tool nor a workbench of the hub$"):
        ParrotAgent(Model([]), tools=[object()])
