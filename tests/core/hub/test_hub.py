"""A hub runs whatever topology its file describes, and leaves nothing behind."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path

import pytest

from hubbub_core.hub import (
    AgentFailedError,
    AgentFinished,
    AgentStarted,
    ChunkArrived,
    Hub,
    HubEvent,
    HubFileError,
    HubRunError,
    HubStarted,
    ResultArrived,
)
from hubbub_registry import CapabilityError

AGENTS = '''
import asyncio
from hubbub_core import AgentChunk, AgentResult, AgentTask, MessageContext, RoutedAgent, TopicId, message_handler
from hubbub_core.exchange import as_task

ENDED = []

class Step(RoutedAgent):
    """Adds its word and passes on."""

    def __init__(self, word, publishes):
        super().__init__("adds a word")
        self._word, self._topic, self._seen = word, publishes, 0

    @message_handler
    async def on_task(self, message: AgentTask, ctx: MessageContext) -> None:
        await self.say(message.text(), message.reply_to)

    @message_handler
    async def on_result(self, message: AgentResult, ctx: MessageContext) -> None:
        await self.say(message.text(), message.reply_to)

    async def say(self, text, reply_to):
        self._seen += 1
        text = f"{text} {self._word}{self._seen}@{self.id.key}"
        await self.publish_message(AgentChunk(content=self._word, source="step"), TopicId("answer", self.id.key))
        result = AgentResult.from_text(text, source=self.id.type)
        await self.publish_message(result, TopicId(self._topic, self.id.key))

class Failing(RoutedAgent):
    def __init__(self):
        super().__init__("fails")

    @message_handler
    async def on_task(self, message: AgentTask, ctx: MessageContext) -> None:
        raise LookupError("no such town")

class Silent(RoutedAgent):
    def __init__(self):
        super().__init__("says nothing")

    @message_handler
    async def on_task(self, message: AgentTask, ctx: MessageContext) -> None:
        pass

class Endless(RoutedAgent):
    def __init__(self):
        super().__init__("never ends by itself")

    @message_handler
    async def on_task(self, message: AgentTask, ctx: MessageContext) -> None:
        await self.publish_message(AgentChunk(content="begun", source="endless"), TopicId("answer", self.id.key))
        try:
            await asyncio.Event().wait()
        finally:
            ENDED.append(self.id.key)
'''


def step(name: str, hears: str, says: str) -> str:
    return f"""\
  {name}:
    component: python_agent
    subscriptions: [{hears}]
    publishes: {says}
    config: {{agent: "${{hub:dir}}/agents.py:Step", arguments: {{word: {name}, publishes: {says}}}}}
"""


def one(name: str) -> str:
    return f"""\
  {name.lower()}:
    component: python_agent
    subscriptions: [task]
    config: {{agent: "${{hub:dir}}/agents.py:{name}"}}
"""


def hub(folder: Path, agents: str, *, entry: str = "{topic: task}", grants: str = "[code]", extra: str = "") -> Hub:
    (folder / "agents.py").write_text(AGENTS)
    path = folder / "hub.yaml"
    path.write_text(
        f"hub: 1\nname: sample\ngrants: {grants}\n{extra}agents:\n{agents}entry: {entry}\nresult: {{topic: answer}}\n"
    )
    return Hub.from_file(path)


async def run(made: Hub, task: str = "go") -> list[HubEvent]:
    made.check()
    async with aclosing(made.run(task)) as events:
        return [event async for event in events]


def answers(events: list[HubEvent]) -> list[str]:
    return [event.result.text() for event in events if isinstance(event, ResultArrived)]


async def test_pipeline_hands_each_result_to_the_next_agent(tmp_path: Path) -> None:
    made = hub(tmp_path, step("first", "task", "middle") + step("second", "middle", "answer"))

    events = await run(made)

    assert answers(events) == ["go first1@default second1@default"]


async def test_broadcast_reaches_every_agent_of_every_key_with_an_instance_of_its_own(tmp_path: Path) -> None:
    made = hub(
        tmp_path,
        step("left", "task", "answer") + step("right", "task", "answer"),
        entry="{topic: task, keys: [north, south]}",
    )

    events = await run(made)

    assert sorted(answers(events)) == ["go left1@north", "go left1@south", "go right1@north", "go right1@south"]


async def test_events_tell_who_works_in_order(tmp_path: Path) -> None:
    events = await run(hub(tmp_path, step("only", "task", "answer")))

    assert [type(event) for event in events] == [HubStarted, AgentStarted, AgentFinished, ChunkArrived, ResultArrived]
    started = events[1]
    assert isinstance(started, AgentStarted)
    assert (started.agent, started.key, started.message) == ("only", "default", "AgentTask")


async def test_agent_that_raises_ends_the_run_and_is_named(tmp_path: Path) -> None:
    with pytest.raises(AgentFailedError) as caught:
        await run(hub(tmp_path, one("Failing") + one("Endless")))

    assert str(caught.value) == "agent 'failing' failed: no such town"
    assert isinstance(caught.value.__cause__, LookupError)


def test_agent_that_failed_is_named_once() -> None:
    error = ValueError("no such town")
    error.add_note("in agent 'guide' (LangGraph graph 'plan')")
    error.add_note("asked about Bergen")

    assert str(AgentFailedError("guide", error)) == "agent 'guide' failed: no such town asked about Bergen"


async def test_hub_that_comes_to_rest_without_a_result_says_so(tmp_path: Path) -> None:
    with pytest.raises(HubRunError, match="came to rest without a result: nothing was published to 'answer'"):
        await run(hub(tmp_path, one("Silent")))


async def test_closing_the_run_cancels_the_handlers_that_work_for_it(tmp_path: Path) -> None:
    made = hub(tmp_path, one("Endless"))
    before = asyncio.all_tasks()

    async with aclosing(made.run("go")) as events:
        async for event in events:
            if isinstance(event, ChunkArrived):
                break

    from hubbub_core.hub import load_attribute
    from hubbub_registry import allow

    with allow("code"):
        assert load_attribute(f"{tmp_path}/agents.py:ENDED", what="a list") == ["default"]
    assert asyncio.all_tasks() == before


async def test_code_runs_only_when_the_file_grants_it(tmp_path: Path) -> None:
    with pytest.raises(AgentFailedError) as caught:
        await run(hub(tmp_path, one("Silent"), grants="[]"))

    assert isinstance(caught.value.error, CapabilityError)
    assert "code" in str(caught.value)


async def test_agents_share_the_object_that_a_reference_names(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(
        "from hubbub_core import AgentResult, AgentTask, MessageContext, RoutedAgent, TopicId, message_handler\n"
        "class Names(RoutedAgent):\n"
        "    def __init__(self, model):\n"
        "        super().__init__('names its model')\n"
        "        self.model = model\n"
        "    @message_handler\n"
        "    async def on_task(self, message: AgentTask, ctx: MessageContext) -> None:\n"
        "        result = AgentResult.from_text(str(id(self.model)), source=self.id.type)\n"
        "        await self.publish_message(result, TopicId('answer', self.id.key))\n"
    )
    agent = """\
  {0}:
    component: python_agent
    subscriptions: [task]
    config: {{agent: "${{hub:dir}}/model.py:Names", arguments: {{model: "${{models:default}}"}}}}
"""
    made = hub(
        tmp_path, agent.format("one") + agent.format("two"), extra="models: {default: {component: extractive}}\n"
    )

    found = answers(await run(made))

    assert len(found) == 2
    assert len(set(found)) == 1


@pytest.mark.parametrize(
    ("agents", "entry", "problem"),
    [
        (
            step("only", "question", "answer"),
            "{topic: task}",
            "entry.topic: no agent subscribes to 'task'; agents subscribe to question",
        ),
        (step("only", "task", "elsewhere"), "{topic: task}", "result.topic: no agent publishes to 'answer'"),
        (
            "  only: {component: pyton_agent, subscriptions: [task]}\n",
            "{topic: task}",
            "agents.only.component: ",
        ),
        (
            "  only: {component: python_agent, subscriptions: [task], config: {agent: 3}}\n",
            "{topic: task}",
            "agents.only.config.agent: ",
        ),
    ],
)
def test_check_names_what_is_wrong_and_where(tmp_path: Path, agents: str, entry: str, problem: str) -> None:
    with pytest.raises(HubFileError) as caught:
        hub(tmp_path, agents, entry=entry).check()

    assert str(caught.value).startswith(f"{tmp_path / 'hub.yaml'}: {problem}")
    assert "\n" not in str(caught.value)


async def test_parts_that_refer_to_each_other_in_a_circle_are_refused(tmp_path: Path) -> None:
    extra = (
        "models:\n"
        '  a: {component: chat_completion_cache, config: {client: "${models:b}"}}\n'
        '  b: {component: chat_completion_cache, config: {client: "${models:a}"}}\n'
    )

    with pytest.raises(HubFileError, match=r"in a circle: models\.a -> models\.b -> models\.a"):
        await run(hub(tmp_path, step("only", "task", "answer"), extra=extra))
