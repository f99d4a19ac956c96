"""The thread of `OpenAIAssistantAgent`: what goes into it, resets and states, on both of its APIs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import openai
import pytest
from openai_agents import PIXEL, Backend, add, ask, said, thread_texts
from openai_server import (
    Calls,
    OpenAIServer,
    Text,
)

from hubbub_agentchat.messages import (
    HandoffMessage,
    MultiModalMessage,
    StructuredMessage,
)
from hubbub_core import CancellationToken, FunctionCall, Image
from hubbub_core.models import (
    AssistantMessage,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
)
from hubbub_openai import OpenAIAssistantAgent

MakeAssistant = Callable[..., OpenAIAssistantAgent]


async def test_reset_keeps_what_was_in_the_thread_before(
    make_assistant: MakeAssistant, service_sdk: openai.AsyncOpenAI, service: OpenAIServer, backend: Backend
) -> None:
    """spec: 000 L23098."""
    if backend == "responses":
        thread_id = (await service_sdk.conversations.create(items=[{"role": "user", "content": "before"}])).id
    else:
        with pytest.warns(DeprecationWarning, match="Assistants API"):
            thread_id = (await service_sdk.beta.threads.create()).id
        with pytest.warns(DeprecationWarning, match="Assistants API"):
            await service_sdk.beta.threads.messages.create(thread_id, role="user", content="before")
    service.reply(Calls(("add", {"a": 1, "b": 2})), Text("3"))
    agent = make_assistant(thread_id=thread_id, tools=[add])
    await ask(agent, "one")

    await agent.on_reset(CancellationToken())
    await agent.on_messages([], CancellationToken())

    assert thread_texts(service, thread_id) == ["before", "gpt-4o was asked: before"]


async def test_reset_reaches_beyond_one_page(make_assistant: MakeAssistant, service: OpenAIServer) -> None:
    agent = make_assistant()
    for number in range(105):
        await agent.handle_text_message(f"message {number}", CancellationToken())

    await agent.on_reset(CancellationToken())

    assert thread_texts(service, (await agent.save_state())["thread_id"]) == []


async def test_any_message_can_be_put_into_the_thread(make_assistant: MakeAssistant, service: OpenAIServer) -> None:
    """spec: newer N-246."""
    from pydantic import BaseModel

    class Point(BaseModel):
        x: int

    call = FunctionCall(id="call_x", name="plus", arguments='{"a": 1, "b": 2}')
    result = FunctionExecutionResult(content="3", call_id="call_x", is_error=False, name="plus")
    handoff = HandoffMessage(
        content="Over to you",
        target="helper",
        source="boss",
        context=[
            AssistantMessage(content=[call], source="boss"),
            FunctionExecutionResultMessage(content=[result]),
            AssistantMessage(content="I counted", source="boss"),
        ],
    )
    agent = make_assistant()
    token = CancellationToken()

    await agent.handle_incoming_message(StructuredMessage(content=Point(x=1), source="user"), token)
    await agent.handle_incoming_message(handoff, token)
    await agent.handle_incoming_message(
        MultiModalMessage(content=["Look", Image.from_base64(PIXEL)], source="user"), token
    )
    answer = await agent.on_messages([], token)

    assert answer.chat_message.to_text() == "gpt-4o was asked: Look"
    recorded = json.dumps([request.body for request in service.requests])
    assert "data:image/png;base64," in recorded
    texts = thread_texts(service, (await agent.save_state())["thread_id"])
    assert [text for text in texts if "plus" not in text] == [
        '{"x":1}', "I counted", "Over to you", "Look", "gpt-4o was asked: Look",
    ]  # fmt: skip
    assert "plus" in recorded


async def test_state_leads_back_to_the_thread(
    make_assistant: MakeAssistant, service: OpenAIServer, tmp_path: Path
) -> None:
    (tmp_path / "data.csv").write_text("1")
    first = make_assistant(tools=["code_interpreter", add])
    await first.on_upload_for_code_interpreter(str(tmp_path / "data.csv"), CancellationToken())
    await ask(first, "one")
    state = json.loads(json.dumps(await first.save_state()))
    second = make_assistant(tools=["code_interpreter", add])

    await second.load_state(state)
    await ask(second, "two")
    texts = thread_texts(service, state["thread_id"])
    await second.on_reset(CancellationToken())
    await second.delete_uploaded_files(CancellationToken())

    assert texts == ["one", "gpt-4o was asked: one", "two", "gpt-4o was asked: two"]
    assert thread_texts(service, state["thread_id"]) == []
    assert service.storage.files == {}
    assert {"assistant_id", "thread_id", "initial_message_ids", "vector_store_id", "uploaded_file_ids"} <= set(state)
    assert state["type"] == "OpenAIAssistantAgentState"


async def test_thread_of_the_gone_api_begins_anew_with_a_warning(server: OpenAIServer) -> None:
    async with openai.AsyncOpenAI(api_key="test", base_url=server.url) as client:
        agent = OpenAIAssistantAgent("helper", "Helps", client, "gpt-4o", "Help", thread_id="thread_abc")

        with pytest.warns(UserWarning, match="thread 'thread_abc' was one of the Assistants API"):
            answer = await ask(agent, "one")

    assert answer.content == "gpt-4o was asked: one"
    assert server.paths() == ["POST /conversations", "POST /responses"]


async def test_reset_of_a_restored_agent_reaches_the_thread(
    make_assistant: MakeAssistant, service: OpenAIServer
) -> None:
    first = make_assistant()
    await ask(first, "one")
    state = await first.save_state()
    second = make_assistant()
    await second.load_state(state)

    await second.on_reset(CancellationToken())

    assert thread_texts(service, state["thread_id"]) == []


async def test_calls_that_were_left_open_stay_in_their_thread(
    make_assistant: MakeAssistant, service: OpenAIServer
) -> None:
    async def give_up() -> str:
        """Give up."""
        token.cancel()
        await asyncio.Event().wait()
        return ""

    agent = make_assistant(tools=[give_up])
    token = CancellationToken()
    service.reply(Calls(("give_up", {})))
    with pytest.raises(asyncio.CancelledError):
        await agent.on_messages([said("Go")], token)
    left = await agent.save_state()
    service.reply(Calls(("give_up", {})))
    token = CancellationToken()
    with pytest.raises(asyncio.CancelledError):
        await agent.on_messages([said("Go on")], token)

    await agent.load_state({})
    fresh = await ask(agent, "Anew")
    await agent.load_state(left)
    back = await ask(agent, "And back")

    assert fresh.content == "gpt-4o was asked: Anew"
    assert back.content == "gpt-4o was asked: And back"
