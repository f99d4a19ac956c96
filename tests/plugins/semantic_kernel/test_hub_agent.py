"""A ChatCompletionAgent as a component, on the hub's model and tools."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("semantic_kernel", reason="Semantic Kernel is not in every environment")

from pydantic import BaseModel

from hubbub_core import CancellationToken, FunctionCall
from hubbub_core.exchange import AgentContext, AgentResult, AgentTask
from hubbub_core.hub import Hub, ResultArrived
from hubbub_core.models import CreateResult, FunctionExecutionResultMessage, ModelInfo, RequestUsage
from hubbub_core.models.replay import ReplayChatCompletionClient
from hubbub_core.tools import BaseTool, StaticWorkbench
from hubbub_registry import bound
from hubbub_semantic_kernel import SemanticKernelAgent

INFO = ModelInfo(vision=False, function_calling=True, json_output=False, family="unknown", structured_output=False)


class AddArgs(BaseModel):
    a: int
    b: int


class Add(BaseTool[AddArgs, int]):
    def __init__(self) -> None:
        super().__init__(AddArgs, int, "add", "Add two numbers")

    async def run(self, args: AddArgs, cancellation_token: CancellationToken) -> int:
        if args.b > 100:
            raise LookupError("too large")
        return args.a + args.b


def replay(*answers: str | CreateResult) -> ReplayChatCompletionClient:
    return ReplayChatCompletionClient(list(answers), model_info=INFO)


def asks(name: str, b: int = 3) -> CreateResult:
    call = FunctionCall(id="1", name=name, arguments=json.dumps({"a": 2, "b": b}))
    return CreateResult(finish_reason="function_calls", content=[call], usage=RequestUsage(1, 1), cached=False)


async def run(agent: SemanticKernelAgent, text: str) -> AgentResult:
    context = AgentContext(cancellation_token=CancellationToken(), name="solver")
    items = [item async for item in agent.run(AgentTask.from_text(text), context)]
    result = items[-1]
    assert isinstance(result, AgentResult)
    return result


@pytest.mark.parametrize(
    ("tool", "name"), [(Add(), "tools-add"), (StaticWorkbench([Add()]), "workbench1-add")], ids=["tool", "workbench"]
)
async def test_it_calls_the_hubs_tools(tool: Any, name: str) -> None:
    client = replay(asks(name), "It is 5.", asks(name, 300), "It failed.")
    agent = SemanticKernelAgent(client, tools=[tool], instructions="Add {{$what}}.", arguments={"what": "numbers"})

    result = await run(agent, "2+3?")
    failed = await run(agent, "2+300?")

    assert result.text() == "It is 5."
    assert isinstance(result.messages[1], FunctionExecutionResultMessage)
    assert result.messages[1].content[0].content == "5"
    assert isinstance(failed.messages[1], FunctionExecutionResultMessage)
    assert "too large" in failed.messages[1].content[0].content
    request = client.create_calls[0]
    assert request["messages"][0].content == "Add numbers."
    assert [tool["name"] for tool in request["tools"]] == [name]


def test_tools_for_a_model_that_cannot_call_them_are_refused() -> None:
    with pytest.raises(ValueError, match="ReplayChatCompletionClient cannot call functions, which tools ask for"):
        SemanticKernelAgent(ReplayChatCompletionClient([]), tools=[Add()])


def test_what_is_no_tool_is_refused() -> None:
    tools: list[Any] = [object()]

    with pytest.raises(TypeError, match="object is neither a tool nor a workbench of the hub"):
        SemanticKernelAgent(replay(), tools=tools)


async def test_it_is_built_from_references_and_keeps_its_conversation() -> None:
    client = replay("Hello Ann.", "You are Ann.")
    config = {
        "model": {"provider": "ref:models.default", "config": {}},
        "tools": [{"provider": "ref:tools.add", "config": {}}],
    }

    with bound({"models.default": client, "tools.add": Add()}):
        first, second = (
            SemanticKernelAgent.load_component({"provider": "semantic_kernel_agent", "config": dict(config)})
            for _ in range(2)
        )
    assert await first.save_state() == {}
    await run(first, "I am Ann")
    await second.load_state(json.loads(json.dumps(await first.save_state())))
    await run(second, "Who am I?")

    assert [m.content for m in client.create_calls[-1]["messages"]] == ["I am Ann", "Hello Ann.", "Who am I?"]


async def test_its_configuration_loads_again() -> None:
    agent = SemanticKernelAgent(replay("Bees hum."), instructions="Write on {{$topic}}.", arguments={"topic": "bees"})

    again = SemanticKernelAgent.load_component(json.loads(agent.dump_component().model_dump_json()))

    assert (await run(again, "Go")).text() == "Bees hum."


async def test_a_hub_file_runs_it(tmp_path: Path) -> None:
    file = tmp_path / "hub.yaml"
    file.write_text(
        """
hub: 1
name: prose
models:
  default: {component: replay, config: {chat_completions: [Bees hum.]}}
agents:
  writer:
    component: semantic_kernel_agent
    subscriptions: [task]
    publishes: answer
    config: {model: "${models:default}", instructions: Be brief.}
entry: {topic: task}
result: {topic: answer}
""",
        encoding="utf-8",
    )
    hub = Hub.from_file(file)
    hub.check()

    answers = [event.result.text() async for event in hub.run("Bees") if isinstance(event, ResultArrived)]

    assert answers == ["Bees hum."]
