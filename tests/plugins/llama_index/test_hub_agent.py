"""A LlamaIndex agent as a component, on the hub's model and tools."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import BaseModel

from hubbub_core import CancellationToken, FunctionCall
from hubbub_core.exchange import AgentContext, AgentResult, AgentTask
from hubbub_core.models import CreateResult, ModelInfo, RequestUsage
from hubbub_core.models.replay import ReplayChatCompletionClient
from hubbub_core.tools import BaseTool, StaticWorkbench
from hubbub_llama_index import LlamaIndexToolAgent
from hubbub_registry import bound

# LlamaIndex looks through the attributes of its agents with `inspect`, deprecated ones of pydantic included.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:inspect"),
    pytest.mark.filterwarnings("ignore:is_running called from within a step:DeprecationWarning"),
]

INFO = ModelInfo(vision=False, function_calling=True, json_output=False, family="unknown", structured_output=False)
CALL = CreateResult(
    finish_reason="function_calls",
    content=[FunctionCall(id="1", name="add", arguments='{"a": 2, "b": 3}')],
    usage=RequestUsage(1, 1),
    cached=False,
)


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


async def run(agent: LlamaIndexToolAgent, text: str) -> AgentResult:
    context = AgentContext(cancellation_token=CancellationToken(), name="solver")
    items = [item async for item in agent.run(AgentTask.from_text(text), context)]
    result = items[-1]
    assert isinstance(result, AgentResult)
    return result


@pytest.mark.parametrize("tool", [Add(), StaticWorkbench([Add()])], ids=["tool", "workbench"])
async def test_it_calls_the_hubs_tools(tool: Any) -> None:
    client = replay(CALL, "It is 5.")

    result = await run(LlamaIndexToolAgent(client, tools=[tool], system_prompt="Add."), "2+3?")

    assert result.text() == "It is 5."
    assert [(source.title, source.content) for source in result.sources] == [("add", "5")]
    request = client.create_calls[0]
    assert request["messages"][0].content == "Add."
    properties = request["tools"][0].schema["parameters"]["properties"]
    assert {name: value["type"] for name, value in properties.items()} == {"a": "integer", "b": "integer"}


@pytest.mark.parametrize("tool", [Add(), StaticWorkbench([Add()])], ids=["tool", "workbench"])
async def test_an_error_of_a_tool_is_told_to_the_model(tool: Any) -> None:
    call = CALL.model_copy(update={"content": [FunctionCall(id="1", name="add", arguments='{"a": 2, "b": 300}')]})
    client = replay(call, "It failed.")

    result = await run(LlamaIndexToolAgent(client, tools=[tool]), "2+300?")

    assert "too large" in result.sources[0].content
    assert result.sources[0].metadata["is_error"] is True
    assert result.text() == "It failed."


async def test_a_react_agent_takes_a_model_without_function_calls() -> None:
    client = ReplayChatCompletionClient(
        ['Thought: I add.\nAction: add\nAction Input: {"a": 2, "b": 3}', "Thought: Done.\nAnswer: It is 5."]
    )

    result = await run(LlamaIndexToolAgent(client, tools=[Add()], mode="react"), "2+3?")

    assert (result.text(), result.sources[0].content) == ("It is 5.", "5")


def test_a_model_that_cannot_call_functions_is_refused_with_what_to_do() -> None:
    with pytest.raises(ValueError, match=r"ReplayChatCompletionClient cannot call functions, .* take mode 'react'"):
        LlamaIndexToolAgent(ReplayChatCompletionClient([]))


def test_what_is_no_tool_is_refused() -> None:
    tools: list[Any] = [object()]

    with pytest.raises(TypeError, match="object is neither a tool nor a workbench of the hub"):
        LlamaIndexToolAgent(replay(), tools=tools)


async def test_it_is_built_from_references_and_keeps_its_conversation() -> None:
    client = replay("Hello Ann.", "You are Ann.")
    config: Mapping[str, Any] = {
        "model": {"provider": "ref:models.default", "config": {}},
        "tools": [{"provider": "ref:tools.add", "config": {}}],
    }
    parts = {"models.default": client, "tools.add": Add()}

    with bound(parts):
        first, second = (
            LlamaIndexToolAgent.load_component({"provider": "llama_index_agent", "config": dict(config)})
            for _ in range(2)
        )
    await run(first, "I am Ann")
    await second.load_state(json.loads(json.dumps(await first.save_state())))
    await run(second, "Who am I?")

    assert [message.content for message in client.create_calls[-1]["messages"]] == [
        "I am Ann",
        "Hello Ann.",
        "Who am I?",
    ]
