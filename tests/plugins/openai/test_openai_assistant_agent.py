"""`OpenAIAssistantAgent` on Responses and Conversations, and on a server that still has Assistants: the same claims."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable
from typing import Any

import openai
import pytest
from openai.types.shared import ResponseFormatJSONSchema
from openai_agents import Backend, Waiting, add, ask, thread_texts
from openai_server import (
    Call,
    Calls,
    CodeRun,
    OpenAIServer,
    Output,
    Stall,
    Status,
    Text,
)

from hubbub_agentchat.base import Response
from hubbub_agentchat.messages import (
    CodeExecutionEvent,
    ModelClientStreamingChunkEvent,
    TextMessage,
)
from hubbub_core import AgentId, AgentTask, CancellationToken, SingleThreadedAgentRuntime
from hubbub_openai import OpenAIAssistantAgent, ResponseFailedError
from hubbub_registry import adapt

MakeAssistant = Callable[..., OpenAIAssistantAgent]


async def test_conversation_goes_on_in_the_thread(make_assistant: MakeAssistant, service: OpenAIServer) -> None:
    agent = make_assistant()

    first, second = await ask(agent, "one"), await ask(agent, "two")

    assert (first.source, first.content, second.content) == ("helper", "gpt-4o was asked: one", "gpt-4o was asked: two")
    assert first.models_usage is not None
    assert first.models_usage.completion_tokens > 0
    thread_id = (await agent.save_state())["thread_id"]
    assert thread_texts(service, thread_id) == ["one", first.content, "two", second.content]


async def test_requests_in_order(make_assistant: MakeAssistant, service: OpenAIServer, backend: Backend) -> None:
    agent = make_assistant(tools=["code_interpreter"], temperature=0.5, top_p=0.9, metadata={"team": "a"})

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


async def test_functions_are_called_and_the_run_goes_on(make_assistant: MakeAssistant, service: OpenAIServer) -> None:
    def broken() -> str:
        """Break."""
        raise ValueError("out of order")

    service.reply(Output(Call("add", {"a": 1, "b": 2}), Call("broken", {})), Text("It is 3."))

    result = await make_assistant(tools=[add, broken]).run(task="Add 1 and 2")

    kinds = [type(message).__name__ for message in result.messages]
    assert kinds == ["TextMessage", "ToolCallRequestEvent", "ToolCallExecutionEvent", "TextMessage"]
    execution: Any = result.messages[2]
    assert [(each.content, each.is_error) for each in execution.content] == [
        ("3", False),
        ("Error: out of order", True),
    ]
    assert result.messages[-1].to_text() == "It is 3."


async def test_text_and_code_are_streamed(make_assistant: MakeAssistant, service: OpenAIServer) -> None:
    service.reply(Output(CodeRun("print(6 * 7)", "42"), "It is 42."))
    agent = make_assistant(tools=["code_interpreter"])

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


async def test_error_of_the_service_arrives_as_itself(make_assistant: MakeAssistant, service: OpenAIServer) -> None:
    agent = make_assistant()
    await ask(agent, "one")
    service.reply(Status(500), Text("", finish_reason="failed"))

    with pytest.raises(openai.InternalServerError):
        await ask(agent, "two")
    with pytest.raises(ResponseFailedError, match="server_error: The model failed"):
        await ask(agent, "three")

    assert (await ask(agent, "four")).content == "gpt-4o was asked: four"


async def test_cancelled_turn_leaves_a_usable_thread(
    make_assistant: MakeAssistant, service: OpenAIServer, backend: Backend
) -> None:
    tool = Waiting()
    service.reply(Calls(("wait", {})))
    agent = make_assistant(tools=[tool.wait])
    token = CancellationToken()

    task = asyncio.ensure_future(agent.on_messages([TextMessage(content="Go", source="user")], token))
    await tool.started.wait()
    token.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    answer = await ask(agent, "Still there?")

    assert tool.ended.is_set()
    assert answer.content == "gpt-4o was asked: Still there?"
    if backend == "responses":
        assert service.requests[-1].body["input"][0]["output"] == "Error: the call was not finished"
    else:
        assert [run["status"] for run in service.assistants.runs.values()] == ["cancelled", "completed"]


async def test_cancelling_aborts_the_request(make_assistant: MakeAssistant, service: OpenAIServer) -> None:
    agent = make_assistant()
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


async def test_answer_without_text_is_an_error(make_assistant: MakeAssistant, service: OpenAIServer) -> None:
    service.reply(Output())

    with pytest.raises(ValueError, match="assistant 'helper' answered without a text"):
        await ask(make_assistant(), "one")


@pytest.mark.parametrize("as_object", [False, True], ids=["dict", "object of the SDK"])
async def test_response_format_and_cut_answers(
    make_assistant: MakeAssistant, service: OpenAIServer, backend: Backend, as_object: bool
) -> None:
    schema = {"name": "point", "schema": {"type": "object", "properties": {}}, "strict": False}
    service.reply(Text("{", finish_reason="length"))
    form: Any = {"type": "json_schema", "json_schema": schema}
    agent = make_assistant(response_format=ResponseFormatJSONSchema.model_validate(form) if as_object else form)

    answer = await ask(agent, "Where?")

    reason = "max_output_tokens" if backend == "responses" else "max_completion_tokens"
    assert answer.content == "{"
    assert answer.metadata == {"incomplete": reason, "finish_reason": "length"}
    if backend == "responses":
        assert service.requests[-1].body["text"] == {"format": {"type": "json_schema", **schema}}
    else:
        assert service.requests[0].body["response_format"] == {"type": "json_schema", "json_schema": schema}


async def test_resources_of_the_sdk_are_at_hand(make_assistant: MakeAssistant, service_sdk: openai.AsyncOpenAI) -> None:
    agent = make_assistant()
    await ask(agent, "one")
    thread_id = (await agent.save_state())["thread_id"]

    if agent.threads is service_sdk.conversations:
        listed = [item.id async for item in agent.messages.list(thread_id)]
        assert agent.runs is service_sdk.responses
    else:
        with pytest.warns(DeprecationWarning, match="Assistants API"):
            listing = agent.messages.list(thread_id)
        listed = [message.id async for message in listing]
    assert len(listed) == 2


def test_unfit_arguments_are_refused(make_assistant: MakeAssistant) -> None:
    from hubbub_core.models.replay import ReplayChatCompletionClient

    with pytest.raises(ValueError, match=r"openai\.AsyncOpenAI"):
        make_assistant(client=ReplayChatCompletionClient(["x"]))
    with pytest.raises(ValueError, match="Unsupported tool type: web_search"):
        make_assistant(tools=["web_search"])
    with pytest.raises(ValueError, match="Unsupported tool type: int"):
        make_assistant(tools=[3])
    with pytest.raises(ValueError, match="backend is 'responses' or 'assistants'"):
        make_assistant(backend="threads")
    with pytest.raises(ValueError, match="valid Python identifier"):
        make_assistant(name="Python Helper")


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


async def test_code_that_fails_is_told(make_assistant: MakeAssistant, service: OpenAIServer) -> None:
    service.reply(Output(CodeRun("1 / 0", "ZeroDivisionError", failed=True), "It fails."))

    result = await make_assistant(tools=["code_interpreter"]).run(task="Run it")

    (executed,) = [message for message in result.messages if isinstance(message, CodeExecutionEvent)]
    assert (executed.result.exit_code, executed.result.output) == (1, "ZeroDivisionError")


async def test_error_names_the_agent(make_assistant: MakeAssistant, service: OpenAIServer) -> None:
    service.fail("POST", "/(conversations|assistants)$", Status(401))

    with pytest.raises(openai.AuthenticationError) as refused:
        await adapt(make_assistant(name="analyst")).run("Go")
    with pytest.raises(ValueError, match="agent 'analyst' could not use the files: its tools have no 'file_search'"):
        await make_assistant(name="analyst").on_upload_for_file_search("x", CancellationToken())

    assert "in agent 'analyst' (OpenAIAssistantAgent 'analyst')" in refused.value.__notes__


async def test_cancelling_a_call_of_the_hub_aborts_the_request(
    make_assistant: MakeAssistant, service: OpenAIServer
) -> None:
    service.reply(Stall())
    runtime = SingleThreadedAgentRuntime()
    agent_type = await adapt(make_assistant()).register(runtime, "helper")
    runtime.start()
    token = CancellationToken()
    call = asyncio.ensure_future(
        runtime.send_message(AgentTask.from_text("Go"), AgentId(agent_type, "default"), cancellation_token=token)
    )

    while not any(path.endswith(("/responses", "/runs")) for path in service.paths()):
        await service.received(len(service.requests) + 1)
    request = service.requests[-1]
    token.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call

    await asyncio.wait_for(request.closed.wait(), 5)
    await runtime.stop_when_idle()
    await runtime.close()


async def test_assistant_of_somebody_else_is_not_deleted() -> None:
    """spec: 000 L23075."""
    token = CancellationToken()
    async with (
        OpenAIServer(assistants=True) as service,
        openai.AsyncOpenAI(api_key="test", base_url=service.url) as client,
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # the whole API is deprecated
            theirs = await client.beta.assistants.create(model="gpt-4o")
        agent = OpenAIAssistantAgent("helper", "Helps", client, "gpt-4o", "Help", backend="assistants")
        await ask(agent, "one")
        mine = (await agent.save_state())["assistant_id"]

        await agent.load_state({"assistant_id": theirs.id})
        await ask(agent, "two")
        await agent.delete_assistant(token)
        await agent.load_state({"assistant_id": mine})
        await agent.delete_assistant(token)

        assert list(service.assistants.assistants) == [theirs.id]
