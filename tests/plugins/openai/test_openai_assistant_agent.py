"""`OpenAIAssistantAgent` on Responses and Conversations, and on a server that still has Assistants: the same claims."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Literal

import openai
import pytest
import pytest_asyncio
from openai_server import (
    Call,
    Calls,
    CodeRun,
    FileSearch,
    OpenAIServer,
    Output,
    Stall,
    Status,
    Text,
)

from hubbub_agentchat.base import Response
from hubbub_agentchat.messages import (
    HandoffMessage,
    ModelClientStreamingChunkEvent,
    MultiModalMessage,
    StructuredMessage,
    TextMessage,
)
from hubbub_core import CancellationToken, FunctionCall, Image
from hubbub_core.models import (
    AssistantMessage,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
)
from hubbub_openai import OpenAIAssistantAgent, ResponseFailedError

Backend = Literal["responses", "assistants"]
MakeAgent = Callable[..., OpenAIAssistantAgent]
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


@pytest.fixture(params=["responses", "assistants"])
def backend(request: pytest.FixtureRequest) -> Backend:
    chosen: Backend = request.param
    return chosen


@pytest_asyncio.fixture
async def service(backend: Backend) -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer(assistants=backend == "assistants") as server:
        yield server


@pytest_asyncio.fixture
async def sdk(service: OpenAIServer) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(api_key="test", base_url=service.url, max_retries=0) as client:
        yield client


@pytest.fixture
def make_agent(sdk: openai.AsyncOpenAI, backend: Backend) -> MakeAgent:
    def make(**options: Any) -> OpenAIAssistantAgent:
        defaults: dict[str, Any] = {
            "name": "helper",
            "description": "Helps",
            "client": sdk,
            "model": "gpt-4o",
            "instructions": "Be brief",
            "backend": backend,
        }
        return OpenAIAssistantAgent(**{**defaults, **options})

    return make


def thread_texts(service: OpenAIServer, thread_id: str) -> list[str]:
    """Return what is in a thread of either kind."""
    if thread_id in service.storage.items:
        parts = [item.get("content", ()) for item in service.storage.items[thread_id]]
        return [part["text"] for each in parts for part in each if "text" in part]
    messages = service.assistants.messages[thread_id]
    return [part["text"]["value"] for message in messages for part in message["content"] if part["type"] == "text"]


async def ask(agent: OpenAIAssistantAgent, text: str) -> TextMessage:
    response = await agent.on_messages([TextMessage(content=text, source="user")], CancellationToken())
    assert isinstance(response.chat_message, TextMessage)
    return response.chat_message


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


async def test_conversation_goes_on_in_the_thread(make_agent: MakeAgent, service: OpenAIServer) -> None:
    agent = make_agent()

    first, second = await ask(agent, "one"), await ask(agent, "two")

    assert (first.source, first.content, second.content) == ("helper", "gpt-4o was asked: one", "gpt-4o was asked: two")
    assert first.models_usage is not None
    assert first.models_usage.completion_tokens > 0
    thread_id = (await agent.save_state())["thread_id"]
    assert thread_texts(service, thread_id) == ["one", first.content, "two", second.content]


async def test_requests_in_order(make_agent: MakeAgent, service: OpenAIServer, backend: Backend) -> None:
    agent = make_agent(tools=["code_interpreter"], temperature=0.5, top_p=0.9, metadata={"team": "a"})

    await ask(agent, "one")

    if backend == "responses":
        assert service.paths() == ["POST /conversations", "POST /responses"]
        assert service.requests[0].body == {"metadata": {"team": "a"}}
        assert service.requests[1].body == {
            "model": "gpt-4o",
            "conversation": "conv_1",
            "instructions": "Be brief",
            "input": [{"role": "user", "content": "one"}],
            "tools": [{"type": "code_interpreter", "container": {"type": "auto"}}],
            "include": ["code_interpreter_call.outputs"],
            "temperature": 0.5,
            "top_p": 0.9,
        }
    else:
        assert service.paths() == [
            "POST /assistants", "POST /threads", "POST /threads/thread_2/messages", "POST /threads/thread_2/runs",
        ]  # fmt: skip
        assert service.requests[0].body == {
            "model": "gpt-4o",
            "name": "helper",
            "description": "Helps",
            "instructions": "Be brief",
            "tools": [{"type": "code_interpreter"}],
            "metadata": {"team": "a"},
            "temperature": 0.5,
            "top_p": 0.9,
        }
        assert service.requests[2].body == {"role": "user", "content": "one", "metadata": {"sender": "user"}}


async def test_functions_are_called_and_the_run_goes_on(make_agent: MakeAgent, service: OpenAIServer) -> None:
    def broken() -> str:
        """Break."""
        raise ValueError("out of order")

    service.reply(Output(Call("add", {"a": 1, "b": 2}), Call("broken", {})), Text("It is 3."))

    result = await make_agent(tools=[add, broken]).run(task="Add 1 and 2")

    kinds = [type(message).__name__ for message in result.messages]
    assert kinds == ["TextMessage", "ToolCallRequestEvent", "ToolCallExecutionEvent", "TextMessage"]
    execution: Any = result.messages[2]
    assert [(each.content, each.is_error) for each in execution.content] == [
        ("3", False),
        ("Error: out of order", True),
    ]
    assert result.messages[-1].to_text() == "It is 3."


async def test_text_and_code_are_streamed(make_agent: MakeAgent, service: OpenAIServer) -> None:
    service.reply(Output(CodeRun("print(6 * 7)", "42"), "It is 42."))
    agent = make_agent(tools=["code_interpreter"])

    items = [
        item
        async for item in agent.on_messages_stream(
            [TextMessage(content="Six times seven?", source="user")], CancellationToken()
        )
    ]

    chunks = [item.content for item in items if isinstance(item, ModelClientStreamingChunkEvent)]
    assert chunks == ["It", " is", " 42."]
    response = items[-1]
    assert isinstance(response, Response)
    assert [(type(item).__name__, item.to_text()) for item in response.inner_messages or ()] == [
        ("CodeGenerationEvent", "print(6 * 7)"),
        ("CodeExecutionEvent", "42"),
    ]


async def test_uploaded_files_reach_the_code_interpreter_until_they_are_deleted(
    make_agent: MakeAgent, service: OpenAIServer, tmp_path: Path
) -> None:
    """spec: 000 L22973-23014."""
    (tmp_path / "data.csv").write_text("a,b\n1,2\n")
    agent = make_agent(tools=["code_interpreter"])
    token = CancellationToken()

    await agent.on_upload_for_code_interpreter(str(tmp_path / "data.csv"), token)
    answer = await ask(agent, "Sum up")
    (file_id,) = service.storage.files
    used = json.dumps(service.responses.contexts and service.requests[-1].body) + json.dumps(service.assistants.threads)
    await agent.delete_uploaded_files(token)
    after = await ask(agent, "Still there?")
    await agent.delete_assistant(token)

    assert answer.content == "gpt-4o was asked: Sum up"
    assert file_id in used
    assert after.content == "gpt-4o was asked: Still there?"
    assert service.storage.files == {}
    assert service.assistants.assistants == {}


async def test_uploaded_files_are_searched_and_cited(
    make_agent: MakeAgent, service: OpenAIServer, tmp_path: Path
) -> None:
    paths = [tmp_path / "hubs.txt", tmp_path / "bread.txt"]
    paths[0].write_text("A hub connects wheels\n")
    paths[1].write_text("Bread is baked\n")
    service.reply(Output(FileSearch("what connects wheels"), "A hub does."))
    agent = make_agent(tools=["file_search"])
    token = CancellationToken()

    await agent.on_upload_for_file_search([str(path) for path in paths], token)
    answer = await ask(agent, "What connects wheels?")
    state = await agent.save_state()
    store_id = state["vector_store_id"]
    indexed = list(service.storage.store_files[store_id])
    await agent.delete_uploaded_files(token)
    await agent.delete_vector_store(token)
    after = await ask(agent, "And now?")

    assert answer.content.startswith("A hub does.")
    (citation,) = json.loads(answer.metadata["citations"])
    assert citation["type"] == "file_citation"
    assert indexed == state["uploaded_file_ids"]
    assert indexed[0] in json.dumps(citation)
    assert (service.storage.files, service.storage.vector_stores) == ({}, {})
    assert after.content == "gpt-4o was asked: And now?"


async def test_unreadable_file_is_named(make_agent: MakeAgent, service: OpenAIServer, tmp_path: Path) -> None:
    (tmp_path / "broken.bin").write_bytes(b"?")
    service.storage.unreadable.add("broken.bin")
    agent = make_agent(tools=["file_search", "code_interpreter"])

    with pytest.raises(ResponseFailedError, match="could not read 1 of 1 files"):
        await agent.on_upload_for_file_search(str(tmp_path / "broken.bin"), CancellationToken())
    with pytest.raises(OSError, match=r"missing\.csv"):
        await agent.on_upload_for_code_interpreter(str(tmp_path / "missing.csv"), CancellationToken())


async def test_upload_without_the_tool_is_refused(make_agent: MakeAgent) -> None:
    with pytest.raises(ValueError, match="tools have no 'file_search'"):
        await make_agent().on_upload_for_file_search("x", CancellationToken())
    with pytest.raises(ValueError, match="tools have no 'code_interpreter'"):
        await make_agent().on_upload_for_code_interpreter("x", CancellationToken())


async def test_given_files_and_stores_are_used_and_not_deleted(
    make_agent: MakeAgent, sdk: openai.AsyncOpenAI, service: OpenAIServer
) -> None:
    file = await sdk.files.create(file=("hubs.txt", b"A hub connects wheels\n"), purpose="assistants")
    store = await sdk.vector_stores.create(file_ids=[file.id])
    resources = {"code_interpreter": {"file_ids": [file.id]}, "file_search": {"vector_store_ids": [store.id]}}
    service.reply(Output(FileSearch("connects wheels"), "Hubs."))
    agent = make_agent(tools=["code_interpreter", "file_search"], tool_resources=resources)

    answer = await ask(agent, "?")
    await agent.delete_uploaded_files(CancellationToken())
    await agent.delete_vector_store(CancellationToken())

    assert "citations" in answer.metadata
    assert list(service.storage.files) == [file.id]
    assert list(service.storage.vector_stores) == [store.id]


async def test_reset_keeps_what_was_in_the_thread_before(
    make_agent: MakeAgent, sdk: openai.AsyncOpenAI, service: OpenAIServer, backend: Backend
) -> None:
    """spec: 000 L23098."""
    if backend == "responses":
        thread_id = (await sdk.conversations.create(items=[{"role": "user", "content": "before"}])).id
    else:
        with pytest.warns(DeprecationWarning, match="Assistants API"):
            thread_id = (await sdk.beta.threads.create()).id
        with pytest.warns(DeprecationWarning, match="Assistants API"):
            await sdk.beta.threads.messages.create(thread_id, role="user", content="before")
    service.reply(Calls(("add", {"a": 1, "b": 2})), Text("3"))
    agent = make_agent(thread_id=thread_id, tools=[add])
    await ask(agent, "one")

    await agent.on_reset(CancellationToken())
    await agent.on_messages([], CancellationToken())

    assert thread_texts(service, thread_id) == ["before", "gpt-4o was asked: before"]


async def test_reset_reaches_beyond_one_page(make_agent: MakeAgent, service: OpenAIServer) -> None:
    agent = make_agent()
    for number in range(105):
        await agent.handle_text_message(f"message {number}", CancellationToken())

    await agent.on_reset(CancellationToken())

    assert thread_texts(service, (await agent.save_state())["thread_id"]) == []


async def test_any_message_can_be_put_into_the_thread(make_agent: MakeAgent, service: OpenAIServer) -> None:
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
    agent = make_agent()
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


async def test_state_leads_back_to_the_thread(make_agent: MakeAgent, service: OpenAIServer, tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("1")
    first = make_agent(tools=["code_interpreter", add])
    await first.on_upload_for_code_interpreter(str(tmp_path / "data.csv"), CancellationToken())
    await ask(first, "one")
    state = json.loads(json.dumps(await first.save_state()))
    second = make_agent(tools=["code_interpreter", add])

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


async def test_error_of_the_service_arrives_as_itself(make_agent: MakeAgent, service: OpenAIServer) -> None:
    agent = make_agent()
    await ask(agent, "one")
    service.reply(Status(500), Text("", finish_reason="failed"))

    with pytest.raises(openai.InternalServerError):
        await ask(agent, "two")
    with pytest.raises(ResponseFailedError, match="server_error: The model failed"):
        await ask(agent, "three")

    assert (await ask(agent, "four")).content == "gpt-4o was asked: four"


async def test_cancelled_turn_leaves_a_usable_thread(
    make_agent: MakeAgent, service: OpenAIServer, backend: Backend
) -> None:
    started, ended = asyncio.Event(), asyncio.Event()

    async def wait() -> str:
        """Wait."""
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return ""

    service.reply(Calls(("wait", {})))
    agent = make_agent(tools=[wait])
    token = CancellationToken()

    task = asyncio.ensure_future(agent.on_messages([TextMessage(content="Go", source="user")], token))
    await started.wait()
    token.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    answer = await ask(agent, "Still there?")

    assert ended.is_set()
    assert answer.content == "gpt-4o was asked: Still there?"
    if backend == "responses":
        assert service.requests[-1].body["input"][0]["output"] == "Error: the call was not finished"
    else:
        assert [run["status"] for run in service.assistants.runs.values()] == ["cancelled", "completed"]


async def test_cancelling_aborts_the_request(make_agent: MakeAgent, service: OpenAIServer) -> None:
    agent = make_agent()
    await ask(agent, "one")
    service.reply(Stall())
    token = CancellationToken()
    before = len(service.requests)

    task = asyncio.ensure_future(agent.on_messages([TextMessage(content="two", source="user")], token))
    while not any(path.endswith(("/responses", "/runs")) for path in service.paths()[before:]):
        await service.received(len(service.requests) + 1)
    request = service.requests[-1]
    token.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    await asyncio.wait_for(request.closed.wait(), 5)
    assert (await ask(agent, "three")).content == "gpt-4o was asked: three"


async def test_answer_without_text_is_an_error(make_agent: MakeAgent, service: OpenAIServer) -> None:
    service.reply(Output())

    with pytest.raises(ValueError, match="assistant 'helper' answered without a text"):
        await ask(make_agent(), "one")


async def test_response_format_and_cut_answers(make_agent: MakeAgent, service: OpenAIServer, backend: Backend) -> None:
    schema = {"name": "point", "schema": {"type": "object", "properties": {}}, "strict": False}
    service.reply(Text("{", finish_reason="length"))
    agent = make_agent(response_format={"type": "json_schema", "json_schema": schema})

    answer = await ask(agent, "Where?")

    assert answer.metadata == {"incomplete": "max_output_tokens" if backend == "responses" else "max_completion_tokens"}
    if backend == "responses":
        assert service.requests[-1].body["text"] == {"format": {"type": "json_schema", **schema}}
    else:
        assert service.requests[0].body["response_format"] == {"type": "json_schema", "json_schema": schema}


async def test_resources_of_the_sdk_are_at_hand(make_agent: MakeAgent, sdk: openai.AsyncOpenAI) -> None:
    agent = make_agent()
    await ask(agent, "one")
    thread_id = (await agent.save_state())["thread_id"]

    if agent.threads is sdk.conversations:
        listed = [item.id async for item in agent.messages.list(thread_id)]
        assert agent.runs is sdk.responses
    else:
        with pytest.warns(DeprecationWarning, match="Assistants API"):
            listing = agent.messages.list(thread_id)
        listed = [message.id async for message in listing]
    assert len(listed) == 2


def test_unfit_arguments_are_refused(make_agent: MakeAgent) -> None:
    from hubbub_core.models.replay import ReplayChatCompletionClient

    with pytest.raises(ValueError, match=r"openai\.AsyncOpenAI"):
        make_agent(client=ReplayChatCompletionClient(["x"]))
    with pytest.raises(ValueError, match="Unsupported tool type: web_search"):
        make_agent(tools=["web_search"])
    with pytest.raises(ValueError, match="Unsupported tool type: int"):
        make_agent(tools=[3])
    with pytest.raises(ValueError, match="backend is 'responses' or 'assistants'"):
        make_agent(backend="threads")
    with pytest.raises(ValueError, match="valid Python identifier"):
        make_agent(name="Python Helper")


async def test_thread_of_the_gone_api_begins_anew_with_a_warning(server: OpenAIServer) -> None:
    async with openai.AsyncOpenAI(api_key="test", base_url=server.url) as client:
        agent = OpenAIAssistantAgent("helper", "Helps", client, "gpt-4o", "Help", thread_id="thread_abc")

        with pytest.warns(UserWarning, match="thread 'thread_abc' was one of the Assistants API"):
            answer = await ask(agent, "one")

    assert answer.content == "gpt-4o was asked: one"
    assert server.paths() == ["POST /conversations", "POST /responses"]


async def test_assistants_of_the_vendor_are_gone_and_the_error_says_what_to_do(server: OpenAIServer) -> None:
    async with openai.AsyncOpenAI(api_key="test", base_url=server.url) as client:
        agent = OpenAIAssistantAgent("helper", "Helps", client, "gpt-4o", "Help", backend="assistants")

        with pytest.raises(openai.NotFoundError, match="has been shut down") as gone:
            await ask(agent, "one")

    assert any("leave out backend='assistants'" in note for note in gone.value.__notes__)


async def test_azure_client_is_taken_too(server: OpenAIServer) -> None:
    """spec: 000 L23016-23058."""

    async def token() -> str:
        return "aad"

    async with openai.AsyncAzureOpenAI(
        azure_endpoint=server.azure_endpoint, api_version="2025-03-01-preview", azure_ad_token_provider=token
    ) as client:
        agent = OpenAIAssistantAgent("helper", "Helps", client, "gpt-4o", "Help", tools=["code_interpreter"])
        answer = await ask(agent, "one")

    assert answer.content == "gpt-4o was asked: one"
    assert server.requests[-1].headers["authorization"] == "Bearer aad"
