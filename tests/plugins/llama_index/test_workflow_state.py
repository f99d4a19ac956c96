"""What tools keep in a workflow's context. Annotations are real here: LlamaIndex finds its Context by them."""

import json
from typing import Any

import pytest
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.workflow import Context

from hubbub_core import FunctionCall
from hubbub_core.models import CreateResult, ModelInfo, RequestUsage
from hubbub_core.models.replay import ReplayChatCompletionClient
from hubbub_llama_index import HubLLM, from_workflow_agent

# LlamaIndex looks through the attributes of its agents with `inspect`, deprecated ones of pydantic included.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:inspect")

INFO = ModelInfo(vision=False, function_calling=True, json_output=False, family="unknown", structured_output=False)


def replay(*answers: str | CreateResult) -> ReplayChatCompletionClient:
    return ReplayChatCompletionClient(list(answers), model_info=INFO)


def calls(name: str) -> CreateResult:
    asked = [FunctionCall(id="1", name=name, arguments="{}")]
    return CreateResult(finish_reason="function_calls", content=asked, usage=RequestUsage(5, 2), cached=False)


def function_agent(client: ReplayChatCompletionClient, tool: Any) -> FunctionAgent:
    return FunctionAgent(name="keeper", tools=[tool], llm=HubLLM(model_client=client))


async def test_the_workflows_own_state_survives() -> None:
    async def count(ctx: Context) -> str:
        """Count."""
        number = await ctx.store.get("number", default=0) + 1
        await ctx.store.set("number", number)
        return str(number)

    call = calls("count")
    client = replay(call, "one", call, "two")
    agent = from_workflow_agent(function_agent(client, count))
    await agent.run("count")

    state = json.loads(json.dumps(await agent.save_state()))
    again = from_workflow_agent(function_agent(client, count))
    await again.load_state(state)
    result = await again.run("count")

    assert result.sources[0].content == "2"


async def test_a_state_that_is_no_json_is_said_when_it_is_needed() -> None:
    async def keep(ctx: Context) -> str:
        """Keep something."""
        await ctx.store.set("thing", object())
        return "kept"

    client = replay(calls("keep"), "Kept.")
    agent = from_workflow_agent(function_agent(client, keep))

    result = await agent.run("keep")

    assert result.text() == "Kept."
    with pytest.raises(RuntimeError, match="the state of workflow agent FunctionAgent is not JSON"):
        await agent.save_state()
