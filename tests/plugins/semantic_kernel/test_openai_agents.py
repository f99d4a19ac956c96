"""The agents of Semantic Kernel that OpenAI's and Azure's service keep: Assistants and Responses, over HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

pytest.importorskip("semantic_kernel", reason="Semantic Kernel is not in every environment")

from openai import APIConnectionError, AsyncAzureOpenAI, AsyncOpenAI
from openai_server import (
    Calls,
    Cut,
    FileSearch,
    OpenAIServer,
    Output,
    Reasoning,
    Refusal,
    Stall,
    Status,
    StreamError,
    Text,
    WebSearch,
)
from PIL import Image as PILImage
from semantic_kernel.exceptions import AgentInvokeException
from semantic_kernel.filters import AutoFunctionInvocationContext, FilterTypes
from semantic_kernel.functions import KernelPlugin, kernel_function

from hubbub_agentchat.conditions import MaxMessageTermination
from hubbub_agentchat.teams import RoundRobinGroupChat
from hubbub_core import AgentId, CancellationToken, FunctionCall, Image, SingleThreadedAgentRuntime
from hubbub_core.exchange import AgentChunk, AgentResult, AgentTask
from hubbub_core.models import AssistantMessage, FunctionExecutionResultMessage, LLMMessage, UserMessage
from hubbub_registry import adapt

# What the OpenAI agents of Semantic Kernel warn of, about themselves, when they are imported and run.
pytestmark = [
    pytest.mark.filterwarnings("ignore:The `__get_pydantic_core_schema__` method:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:(deprecated|The Assistants API is deprecated):DeprecationWarning"),
]

ASSISTANTS = ("OpenAIAssistantAgent", "AzureAssistantAgent")
RESPONSES = ("OpenAIResponsesAgent", "AzureResponsesAgent")
every_kind = pytest.mark.parametrize("kind", [*ASSISTANTS, *RESPONSES])

Make = Callable[[], Awaitable[Any]]


class Maths:
    """A plugin."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.ended = asyncio.Event()

    @kernel_function(description="Add two numbers")
    def add(self, a: int, b: int) -> int:
        return a + b

    @kernel_function(description="Fail")
    def fail(self) -> int:
        raise LookupError("no luck")

    @kernel_function(description="Wait")
    async def wait(self) -> None:
        self.started.set()
        try:
            await asyncio.Future()
        finally:
            self.ended.set()


@asynccontextmanager
async def service(kind: str, maths: Maths | None = None) -> AsyncIterator[tuple[OpenAIServer, Make]]:
    """Serve, and give what makes an agent of Semantic Kernel that is kept there."""
    from semantic_kernel import agents

    async with OpenAIServer(assistants=True) as server:
        plugins = [KernelPlugin.from_object("maths", maths or Maths())]
        client: AsyncOpenAI | AsyncAzureOpenAI
        if kind.startswith("Azure"):
            client = AsyncAzureOpenAI(
                api_key="test", azure_endpoint=server.azure_endpoint, api_version="2025-03-01-preview", max_retries=0
            )
        else:
            client = AsyncOpenAI(api_key="test", base_url=server.url, max_retries=0)

        async def make() -> Any:
            made = getattr(agents, kind)
            if kind in RESPONSES:
                return made(ai_model_id="gpt-4o", client=client, name="calc", plugins=plugins)
            definition = await client.beta.assistants.create(model="gpt-4o", name="calc")
            return made(client=client, definition=definition, plugins=plugins)

        async with client:
            yield server, make


def run_statuses(server: OpenAIServer) -> list[str]:
    return [run["status"] for run in server.assistants.runs.values()]


@every_kind
async def test_a_run_streams_and_its_result_holds_messages_and_tokens(kind: str) -> None:
    async with service(kind) as (server, make):
        server.reply(Calls(("maths-add", {"a": 1, "b": 2}), usage=(10, 2)), Text("It is three.", usage=(20, 3)))
        items = [item async for item in adapt(await make()).run_stream("1 + 2?")]

    chunks = [(item.kind, item.content) for item in items if isinstance(item, AgentChunk)]
    result = items[-1]
    assert isinstance(result, AgentResult)
    assert [chunk for chunk in chunks if chunk[0] != "text"] == [
        ("tool_call", 'maths-add({"a": 1, "b": 2})'),
        ("tool_result", "3"),
    ]
    texts = [content for kind, content in chunks if kind == "text"]
    assert len(texts) > 1
    assert "".join(texts) == result.text() == "It is three."
    assert [message.type for message in result.messages] == [
        "AssistantMessage",
        "FunctionExecutionResultMessage",
        "AssistantMessage",
    ]
    assert (result.source, result.finish_reason) == ("calc", "stop")
    # A run of Assistants tells its tokens when it is over, a response its own.
    expected = (30, 5) if kind in RESPONSES else (5, 3)
    assert (result.usage.prompt_tokens, result.usage.completion_tokens) == expected


@every_kind
async def test_a_saved_thread_goes_on_in_another_agent(kind: str) -> None:
    async with service(kind) as (server, make):
        server.reply(Text("Hello Ann."), Text("Ann."))
        made = await make()
        agent, again = adapt(made), adapt(made)
        await agent.run("I am Ann", session="s")
        state = json.loads(json.dumps(await agent.save_state()))
        await again.load_state(state)
        result = await again.run("Who am I?", session="s")
        last = server.requests[-1]

    assert result.text() == "Ann."
    (thread_id,) = state["s"].values()
    if kind in RESPONSES:
        assert last.body["previous_response_id"] == thread_id
    else:
        assert last.endpoint == f"/threads/{thread_id}/runs"


@every_kind
async def test_cancelling_ends_function_and_run_and_the_thread_goes_on(kind: str) -> None:
    maths, token = Maths(), CancellationToken()
    async with service(kind, maths) as (server, make):
        server.reply(Text("Hello."), Calls(("maths-wait", {})), Text("Again."))
        agent = adapt(await make())
        await agent.run("Hello?")
        running = asyncio.create_task(agent.run("Wait", cancellation_token=token))
        await maths.started.wait()

        token.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

        assert maths.ended.is_set()
        if kind in ASSISTANTS:
            assert run_statuses(server) == ["completed", "cancelled"]
        assert (await agent.run("Again?")).text() == "Again."


@every_kind
async def test_cancelling_closes_the_request(kind: str) -> None:
    token = CancellationToken()
    async with service(kind) as (server, make):
        server.reply(Stall("Let me" if kind in RESPONSES else ""))
        agent = adapt(await make())
        before = len(server.requests)
        running = asyncio.create_task(agent.run("Hello?", cancellation_token=token))
        asked = await server.received(before + (1 if kind in RESPONSES else 3))  # a thread, a message, a run

        token.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

        await asyncio.wait_for(asked.closed.wait(), 5)


async def test_leaving_the_stream_of_an_assistant_cancels_its_run() -> None:
    maths = Maths()
    async with service("OpenAIAssistantAgent", maths) as (server, make):
        server.reply(Calls(("maths-wait", {}), text="One moment."))
        stream = adapt(await make()).run_stream("Wait")
        first = await anext(stream)
        await maths.started.wait()

        await stream.aclose()

        assert isinstance(first, AgentChunk)
        assert run_statuses(server) == ["cancelled"]


@every_kind
async def test_a_function_that_fails_is_told_to_the_model_and_marked(kind: str) -> None:
    async with service(kind) as (server, make):
        server.reply(Calls(("maths-fail", {})), Text("Sorry."))
        items = [item async for item in adapt(await make()).run_stream("Try")]

    (told,) = [item for item in items if isinstance(item, AgentChunk) and item.kind == "tool_result"]
    result = items[-1]
    assert isinstance(result, AgentResult)
    assert isinstance(result.messages[1], FunctionExecutionResultMessage)
    assert result.messages[1].content[0].is_error is True
    assert told.content == "An error occurred while invoking the function maths-fail: no luck"
    assert told.metadata["is_error"] is True


@every_kind
async def test_an_error_of_the_service_names_the_agent_and_the_next_task_works(kind: str) -> None:
    async with service(kind) as (server, make):
        server.reply(Text("Hello."), Status(500, "The server is down"), Text("Again."))
        agent = adapt(await make())
        await agent.run("Hello?")

        with pytest.raises(Exception, match="The server is down") as caught:
            await agent.run("Hello?")

        assert caught.value.__notes__ == ["in agent 'calc' (Semantic Kernel agent 'calc')"]
        assert (await agent.run("Again?")).text() == "Again."


@every_kind
async def test_a_run_that_the_service_breaks_off_is_an_error(kind: str) -> None:
    """Semantic Kernel takes what a failed response has said for the answer."""
    async with service(kind) as (server, make):
        server.reply(Text("Half", finish_reason="failed"), Text("Again."))
        agent = adapt(await make())

        with pytest.raises(AgentInvokeException, match="The model failed"):
            await agent.run("Hello?")

        assert (await agent.run("Again?")).text() == "Again."


@pytest.mark.parametrize("kind", RESPONSES)
async def test_an_error_in_the_stream_is_an_error(kind: str) -> None:
    """Semantic Kernel writes it to its log only."""
    async with service(kind) as (server, make):
        server.reply(StreamError("The model stumbled"))

        with pytest.raises(AgentInvokeException, match="the run of agent 'calc': The model stumbled"):
            await adapt(await make()).run("Hello?")


@every_kind
async def test_an_answer_that_is_too_long_says_so(kind: str) -> None:
    async with service(kind) as (server, make):
        server.reply(Text("Half", finish_reason="length"))
        result = await adapt(await make()).run("Hello?")

    assert (result.text(), result.finish_reason) == ("Half", "length")


@pytest.mark.parametrize("kind", RESPONSES)
async def test_a_stream_that_breaks_off_is_an_error(kind: str) -> None:
    async with service(kind) as (server, make):
        server.reply(Cut("This answer"))

        # Older releases of the SDK let the error of their HTTP library through.
        with pytest.raises((APIConnectionError, httpx.RemoteProtocolError)):
            await adapt(await make()).run("Hello?")


@pytest.mark.parametrize("kind", RESPONSES)
async def test_reasoning_is_a_thought(kind: str) -> None:
    async with service(kind) as (server, make):
        server.reply(Output(Reasoning("Two summands. "), "It is three."))
        items = [item async for item in adapt(await make()).run_stream("1 + 2?")]

    chunks = [(item.kind, item.content) for item in items if isinstance(item, AgentChunk)]
    result = items[-1]
    assert isinstance(result, AgentResult)
    assert "".join(content for kind, content in chunks if kind == "thought") == "Two summands. "
    assert result.messages == [AssistantMessage(content="It is three.", thought="Two summands. ", source="calc")]


async def test_files_that_an_assistant_cites_are_sources() -> None:
    from semantic_kernel.agents import OpenAIAssistantAgent

    async with OpenAIServer(assistants=True) as server, AsyncOpenAI(api_key="test", base_url=server.url) as client:
        file = await client.files.create(file=("birds.txt", b"Puffins dig burrows."), purpose="assistants")
        store = await client.vector_stores.create(name="birds", file_ids=[file.id])
        definition = await client.beta.assistants.create(
            model="gpt-4o",
            name="clerk",
            tools=[{"type": "file_search"}],
            tool_resources={"file_search": {"vector_store_ids": [store.id]}},
        )
        server.reply(Output(FileSearch("puffins"), "In burrows."))
        result = await adapt(OpenAIAssistantAgent(client=client, definition=definition)).run("Where?")

    assert [(source.title, source.metadata["file_id"]) for source in result.sources] == [(file.id, file.id)]


@pytest.mark.parametrize("stored", [True, False])
async def test_pages_that_a_response_cites_are_sources(stored: bool) -> None:
    from semantic_kernel.agents import OpenAIResponsesAgent

    async with OpenAIServer() as server, AsyncOpenAI(api_key="test", base_url=server.url) as client:
        server.reply(Output(WebSearch("puffins", "http://example.org/a", "Birds"), "In burrows."))
        made = OpenAIResponsesAgent(ai_model_id="gpt-4o", client=client, name="clerk", store_enabled=stored)
        result = await adapt(made).run("Where?")

    assert result.text() == "In burrows."
    assert [(source.title, source.uri) for source in result.sources] == [("Birds", "http://example.org/a")]


@pytest.mark.parametrize("stored", [True, False])
async def test_a_refusal_is_the_answer(stored: bool) -> None:
    from semantic_kernel.agents import OpenAIResponsesAgent

    async with OpenAIServer() as server, AsyncOpenAI(api_key="test", base_url=server.url) as client:
        server.reply(Refusal("I would rather not."))
        made = OpenAIResponsesAgent(ai_model_id="gpt-4o", client=client, name="clerk", store_enabled=stored)
        items = [item async for item in adapt(made).run_stream("Do it")]

    assert [item.content for item in items if isinstance(item, AgentChunk)] == ["I would rather not."]
    assert isinstance(items[-1], AgentResult)
    assert items[-1].messages == [AssistantMessage(content="I would rather not.", source="clerk")]


@pytest.mark.parametrize("kind", ["OpenAIAssistantAgent", "OpenAIResponsesAgent"])
async def test_in_an_orchestration_it_tells_its_tokens_and_is_cancelled_too(kind: str) -> None:
    from semantic_kernel.agents import SequentialOrchestration

    maths, token = Maths(), CancellationToken()
    async with service(kind, maths) as (server, make):
        server.reply(Text("Hello.", usage=(5, 3)), Calls(("maths-wait", {})))
        orchestration: Any = SequentialOrchestration([await make()], name="line")
        agent = adapt(orchestration)
        done = await agent.run("Hello?")
        running = asyncio.create_task(agent.run("Wait", cancellation_token=token))
        await maths.started.wait()

        token.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

        assert (done.text(), done.usage.prompt_tokens, done.usage.completion_tokens) == ("Hello.", 5, 3)
        assert maths.ended.is_set()
        assert kind in RESPONSES or run_statuses(server) == ["completed", "cancelled"]


@pytest.mark.parametrize("kind", RESPONSES)
async def test_a_run_that_a_filter_ends_is_an_error(kind: str) -> None:
    """Semantic Kernel hands over neither call nor result, and the service would wait for the result."""

    async def stop(context: AutoFunctionInvocationContext, next: Any) -> None:
        await next(context)
        context.terminate = "b" in context.arguments

    async with service(kind) as (server, make):
        server.reply(Text("Hello."), Calls(("maths-add", {"a": 1, "b": 2})), Text("Again."))
        made = await make()
        made.kernel.add_filter(FilterTypes.AUTO_FUNCTION_INVOCATION, stop)
        agent = adapt(made)
        await agent.run("Hello?")
        state = await agent.save_state()

        with pytest.raises(AgentInvokeException, match="agent 'calc' ended with calls of maths-add and no answer"):
            await agent.run("1 + 2?")

        assert await agent.save_state() == state
        assert (await agent.run("Again?")).text() == "Again."


PICTURE = UserMessage(content=["What is it?", Image.from_pil(PILImage.new("RGB", (1, 1)))], source="user")
CALL = AssistantMessage(content=[FunctionCall(id="1", name="look", arguments="{}")], source="other")


@pytest.mark.parametrize(
    ("kind", "message", "problem"),
    [
        ("OpenAIAssistantAgent", PICTURE, "ImageContent in a message of the user"),
        ("AzureAssistantAgent", CALL, "FunctionCallContent in a message of the assistant"),
        ("OpenAIResponsesAgent", CALL, "FunctionCallContent in a message of the assistant"),
    ],
)
async def test_what_semantic_kernel_would_leave_out_is_refused(kind: str, message: LLMMessage, problem: str) -> None:
    async with service(kind) as (server, make):
        agent = adapt(await make())
        before = len(server.requests)

        with pytest.raises(ValueError, match=rf"{problem} cannot be converted: agent 'calc' is an {kind}, which takes"):
            await agent.run(message)

        # The thread of an assistant may be there; nothing has been said in it.
        assert not [path for path in server.paths()[before:] if path != "POST /threads"]


@pytest.mark.parametrize("kind", RESPONSES)
async def test_pictures_reach_the_service_and_thoughts_of_others_do_not(kind: str) -> None:
    thinker = AssistantMessage(content="A dot?", thought="Small.", source="other")
    async with service(kind) as (server, make):
        server.reply(Text("A pixel."))
        result = await adapt(await make()).run([thinker, PICTURE])
        sent = json.dumps(server.requests[-1].body["input"])

    assert result.text() == "A pixel."
    assert "data:image/png;base64," in sent
    assert "A dot?" in sent
    assert "Small." not in sent


@every_kind
async def test_it_is_an_agent_of_a_runtime_and_a_member_of_a_team(kind: str) -> None:
    runtime = SingleThreadedAgentRuntime(ignore_unhandled_exceptions=False)
    async with service(kind) as (server, make):
        server.reply(Text("Hello."), Text("A note."), Text("Better."))
        await adapt(await make()).register(runtime, "calc")
        runtime.start()
        answer = await runtime.send_message(AgentTask.from_text("Hello?"), AgentId("calc", "default"))
        await runtime.stop_when_idle()
        members = [adapt(adapt(await make(), name=name), to="chat agent") for name in ("writer", "critic")]
        done = await RoundRobinGroupChat(members, termination_condition=MaxMessageTermination(3)).run(task="Write")

    assert answer.text() == "Hello."
    assert [(message.source, message.to_text()) for message in done.messages] == [
        ("user", "Write"),
        ("writer", "A note."),
        ("critic", "Better."),
    ]
