"""Threads of sessions: saved as JSON, restored, on a server or not."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytest.importorskip("semantic_kernel", reason="Semantic Kernel is not in every environment")

from openai import AsyncOpenAI
from openai_server import Calls, OpenAIServer, Text
from PIL import Image as PILImage
from semantic_kernel.agents import AgentThread, ChatCompletionAgent, ChatHistoryAgentThread
from semantic_kernel.contents import ChatHistoryTruncationReducer
from semantic_kernel.functions import KernelPlugin, kernel_function

from hubbub_core import FunctionCall, Image
from hubbub_core.exchange import AgentChunk
from hubbub_core.models import CreateResult, ModelInfo, RequestUsage, UserMessage
from hubbub_core.models.replay import ReplayChatCompletionClient
from hubbub_registry import adapt
from hubbub_semantic_kernel import HubChatCompletion, from_agent

# What the OpenAI agents of Semantic Kernel warn of, about themselves, when they are imported and run.
pytestmark = [
    pytest.mark.filterwarnings("ignore:The `__get_pydantic_core_schema__` method:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:(deprecated|The Assistants API is deprecated):DeprecationWarning"),
]

INFO = ModelInfo(vision=True, function_calling=True, json_output=False, family="unknown", structured_output=False)


class Maths:
    """A plugin."""

    @kernel_function(description="Add two numbers")
    def add(self, a: int, b: int) -> dict[str, int]:
        return {"sum": a + b}


PLUGIN = KernelPlugin.from_object("maths", Maths())


def replay(*answers: str | CreateResult) -> ReplayChatCompletionClient:
    return ReplayChatCompletionClient(list(answers), model_info=INFO)


def sk_agent(client: ReplayChatCompletionClient) -> ChatCompletionAgent:
    return ChatCompletionAgent(name="calc", service=HubChatCompletion(client), plugins=[PLUGIN])


def through_json(state: Any) -> Any:
    return json.loads(json.dumps(state))


async def test_a_conversation_with_everything_in_it_is_restored() -> None:
    asks = CreateResult(
        finish_reason="function_calls",
        content=[FunctionCall(id="1", name="maths-add", arguments='{"a": 1, "b": 2}')],
        usage=RequestUsage(0, 1),
        cached=False,
        thought="Sums.",
    )
    client = replay(asks, "Three.", "Yes.", "Yes.")
    agent = adapt(sk_agent(client))
    picture = Image.from_pil(PILImage.new("RGB", (2, 2), (9, 8, 7)))
    await agent.run(UserMessage(content=["How many?", picture], source="ann"))

    again = adapt(sk_agent(client))
    state = through_json(await agent.save_state())
    await again.load_state(state)
    assert through_json(await again.save_state()) == state
    await agent.run("Sure?")
    await again.run("Sure?")

    def sent(index: int) -> list[Any]:
        return [message.model_dump(mode="json") for message in client.create_calls[index]["messages"]]

    assert sent(-1) == sent(-2)
    assert len(sent(-1)) == 5
    assert sent(-1)[0]["content"][1] == {"data": picture.to_base64()}
    assert sent(-1)[2]["content"][0]["content"] == '{"sum": 3}'


async def test_before_the_first_run_there_is_nothing_to_save() -> None:
    agent = adapt(sk_agent(replay("x")))

    await agent.load_state({"default": {}})

    assert await agent.save_state() == {"default": {}}


@pytest.mark.parametrize("state", [{"thread_id": 3}, {"messages": "x"}])
async def test_a_state_that_is_something_else_is_refused(state: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not the state of a Semantic Kernel agent"):
        await adapt(sk_agent(replay())).load_state({"default": state})


async def test_a_thread_of_ones_own_reduces_itself() -> None:
    client = replay("1", "2", "3", "4")

    def thread(thread_id: str | None) -> AgentThread:
        return ChatHistoryAgentThread(ChatHistoryTruncationReducer(target_count=2), thread_id)

    agent = from_agent(sk_agent(client), thread=thread)
    for text in "abc":
        await agent.run(text)
    state = (await agent.save_state())["default"]
    again = from_agent(sk_agent(client), thread=thread)
    await again.load_state({"default": through_json(state)})
    await again.run("d")

    assert [message["items"][0]["text"] for message in state["messages"]] == ["c", "3"]
    assert [message.content for message in client.create_calls[-1]["messages"]] == ["c", "3", "d"]


async def test_an_agent_of_responses_goes_on_from_the_last_response() -> None:
    from semantic_kernel.agents import OpenAIResponsesAgent

    async with OpenAIServer() as server, AsyncOpenAI(api_key="test", base_url=server.url) as openai:
        server.reply(Calls(("maths-add", {"a": 1, "b": 2})), Text("It is three."), Text("Yes."))
        made = OpenAIResponsesAgent(ai_model_id="gpt-4o", client=openai, name="calc", plugins=[PLUGIN])
        agent = adapt(made)
        items = [item async for item in agent.run_stream("1 + 2?")]
        state = through_json(await agent.save_state())
        again = adapt(made)
        await again.load_state(state)
        more = await again.run("Sure?")
        requests = [request.body for request in server.requests]

    chunks = [(item.kind, item.content) for item in items if isinstance(item, AgentChunk)]
    assert [kind for kind, _ in chunks][:2] == ["tool_call", "tool_result"]
    assert chunks[1] == ("tool_result", '{"sum": 3}')
    assert "".join(content for kind, content in chunks if kind == "text") == "It is three."
    result: Any = items[-1]
    assert [message.type for message in result.messages] == [
        "AssistantMessage",
        "FunctionExecutionResultMessage",
        "AssistantMessage",
    ]
    assert result.text() == "It is three."
    assert more.text() == "Yes."
    assert set(state["default"]) == {"thread_id"}
    assert requests[2]["previous_response_id"] == state["default"]["thread_id"]


async def test_an_agent_of_responses_without_a_store_keeps_the_conversation() -> None:
    from semantic_kernel.agents import OpenAIResponsesAgent

    async with OpenAIServer() as server, AsyncOpenAI(api_key="test", base_url=server.url) as openai:
        server.reply(Text("Hello."), Text("Ann."))
        made = OpenAIResponsesAgent(ai_model_id="gpt-4o", client=openai, name="calc", store_enabled=False)
        agent = adapt(made)
        await agent.run("I am Ann")
        state = through_json(await agent.save_state())
        again = adapt(made)
        await again.load_state(state)
        done = await again.run("Who am I?")

    assert [message["items"][0]["text"] for message in state["default"]["messages"]] == ["I am Ann", "Hello."]
    assert done.text() == "Ann."


async def test_an_assistant_keeps_its_thread_on_the_server() -> None:
    from semantic_kernel.agents import OpenAIAssistantAgent

    async with OpenAIServer(assistants=True) as server, AsyncOpenAI(api_key="test", base_url=server.url) as openai:
        server.reply(Text("Hello."), Text("Ann."))
        definition = await openai.beta.assistants.create(model="gpt-4o", name="greeter")
        made = OpenAIAssistantAgent(client=openai, definition=definition)
        agent = adapt(made)
        first = await agent.run("I am Ann")
        state = through_json(await agent.save_state())
        again = adapt(made)
        await again.load_state(state)
        second = await again.run("Who am I?")
        threads = [path for path in server.paths() if path == "POST /threads"]

    assert (first.text(), second.text()) == ("Hello.", "Ann.")
    assert set(state["default"]) == {"thread_id"}
    assert len(threads) == 1
