"""The vendor's own SDK drives the mock server's Responses, and its Assistants."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
import pytest_asyncio
from openai_responses import stream_events
from openai_server import (
    Call,
    Calls,
    CodeRun,
    Cut,
    FileSearch,
    ImageResult,
    Malformed,
    McpApproval,
    McpCall,
    OpenAIServer,
    Output,
    Reasoning,
    Refusal,
    ShellCommand,
    Stall,
    Status,
    StreamError,
    Text,
    WebSearch,
)

ADD: Any = {
    "type": "function",
    "name": "add",
    "strict": False,
    "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}},
}
CODE: Any = {"type": "code_interpreter", "container": {"type": "auto"}}
EVERYTHING = Output(
    Reasoning("Think first"),
    CodeRun("print(1 + 1)", "2"),
    WebSearch("hubs", "https://hubs.example", "Hubs"),
    "A hub connects.",
    ImageResult("aGVsbG8="),
    McpCall("docs", "ask", "{}", "42"),
    McpApproval("docs", "drop", "{}"),
    ShellCommand(("ls", "-l")),
    Call("add", {"a": 1}),
)


async def test_sdk_reads_a_response_made_of_the_request(sdk: openai.AsyncOpenAI, server: OpenAIServer) -> None:
    response = await sdk.responses.create(model="gpt-4o", input="What is a hub?")

    assert response.output_text == "gpt-4o was asked: What is a hub?"
    assert (response.status, response.usage and response.usage.output_tokens) == ("completed", 7)
    assert server.paths() == ["POST /responses"]


async def test_sdk_goes_on_from_a_previous_response(sdk: openai.AsyncOpenAI) -> None:
    first = await sdk.responses.create(model="gpt-4o", input="What is a hub?", store=True)
    unstored = await sdk.responses.create(model="gpt-4o", input="What is a spoke?", store=False)

    second = await sdk.responses.create(
        model="gpt-4o", previous_response_id=first.id, input=[{"role": "system", "content": "Be short"}]
    )

    assert second.output_text == "gpt-4o was asked: What is a hub?"
    with pytest.raises(openai.BadRequestError, match="Previous response with id 'resp_2' not found") as missing:
        await sdk.responses.create(model="gpt-4o", previous_response_id=unstored.id, input="And?")
    assert missing.value.code == "previous_response_not_found"


async def test_service_insists_on_an_output_for_each_function_call(
    sdk: openai.AsyncOpenAI, server: OpenAIServer
) -> None:
    server.reply(Calls(("add", {"a": 1})))
    first = await sdk.responses.create(model="gpt-4o", input="Add one", tools=[ADD])
    call = first.output[0]
    assert call.type == "function_call"

    with pytest.raises(openai.BadRequestError, match="No tool output found for function call"):
        await sdk.responses.create(model="gpt-4o", previous_response_id=first.id, input="Well?")
    with pytest.raises(openai.BadRequestError, match="No tool call found"):
        await sdk.responses.create(
            model="gpt-4o", input=[{"type": "function_call_output", "call_id": "other", "output": "2"}]
        )
    answer = await sdk.responses.create(
        model="gpt-4o",
        previous_response_id=first.id,
        input=[{"type": "function_call_output", "call_id": call.call_id, "output": "2"}],
    )

    assert answer.output_text == "The tool says: 2"


async def test_sdk_sends_images_among_the_output_of_a_function(sdk: openai.AsyncOpenAI, server: OpenAIServer) -> None:
    server.reply(Calls(("add", {"a": 1})))
    first = await sdk.responses.create(model="gpt-4o", input="Add one", tools=[ADD])
    call: Any = first.output[0]
    image: Any = {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "auto"}

    answer = await sdk.responses.create(
        model="gpt-4o",
        previous_response_id=first.id,
        input=[
            {
                "type": "function_call_output",
                "call_id": call.call_id,
                "output": [{"type": "input_text", "text": "Two:"}, image],
            }
        ],
    )

    assert answer.output_text == "The tool says: Two: <input_image>"


async def test_sdk_reads_every_kind_of_item_whole_and_in_events(sdk: openai.AsyncOpenAI, server: OpenAIServer) -> None:
    server.reply(EVERYTHING, EVERYTHING)

    whole = await sdk.responses.create(model="gpt-4o", input="Go", tools=[ADD, CODE])
    stream = await sdk.responses.create(model="gpt-4o", input="Go", tools=[ADD, CODE], stream=True)
    events: list[Any] = [event async for event in stream]

    kinds = [item.type for item in whole.output]
    assert kinds == [
        "reasoning", "code_interpreter_call", "web_search_call", "message", "image_generation_call", "mcp_call",
        "mcp_approval_request", "local_shell_call", "function_call",
    ]  # fmt: skip
    assert [event.item.type for event in events if event.type == "response.output_item.done"] == kinds
    assert [item.type for item in events[-1].response.output] == kinds
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == whole.output_text
    assert [event.sequence_number for event in events] == list(range(len(events)))


async def test_sdk_stream_helper_assembles_the_response(sdk: openai.AsyncOpenAI, server: OpenAIServer) -> None:
    server.reply(Output("Let me see. ", Call("add", {"a": 1})))

    async with sdk.responses.stream(model="gpt-4o", input="Add one", tools=[ADD]) as stream:
        deltas = [event.delta async for event in stream if event.type == "response.output_text.delta"]
        final = await stream.get_final_response()

    call: Any = final.output[1]
    assert "".join(deltas) == final.output_text == "Let me see. "
    assert json.loads(call.arguments) == {"a": 1}


async def test_sdk_parse_helper_gets_an_instance_of_the_schema(sdk: openai.AsyncOpenAI) -> None:
    from pydantic import BaseModel

    class Step(BaseModel):
        output: int

    response = await sdk.responses.parse(model="gpt-4o", input="Go", text_format=Step)
    as_json = await sdk.responses.create(model="gpt-4o", input="Go", text={"format": {"type": "json_object"}})

    assert response.output_parsed == Step(output=1)
    assert json.loads(as_json.output_text) == {"question": "Go"}


async def test_conversation_collects_input_and_output(sdk: openai.AsyncOpenAI, server: OpenAIServer) -> None:
    server.reply(Text("one"), Refusal("no"))
    conversation = await sdk.conversations.create()

    await sdk.responses.create(model="gpt-4o", conversation=conversation.id, input="first")
    await sdk.responses.create(model="gpt-4o", conversation=conversation.id, input="second")
    last = await sdk.responses.create(model="gpt-4o", conversation=conversation.id)

    assert last.output_text == "gpt-4o was asked: second"
    items = [item async for item in sdk.conversations.items.list(conversation.id, order="asc")]
    assert [(item.type, getattr(item, "role", None)) for item in items] == [
        ("message", "user"), ("message", "assistant"), ("message", "user"), ("message", "assistant"),
        ("message", "assistant"),
    ]  # fmt: skip


async def test_file_search_searches_and_cites(sdk: openai.AsyncOpenAI, server: OpenAIServer) -> None:
    file = await sdk.files.create(file=("hubs.txt", b"A hub connects wheels\n"), purpose="assistants")
    store = await sdk.vector_stores.create(file_ids=[file.id])
    server.reply(Output(FileSearch("what connects wheels"), "A hub does."))

    response = await sdk.responses.create(
        model="gpt-4o", input="?", tools=[{"type": "file_search", "vector_store_ids": [store.id]}]
    )

    search, message = response.output
    assert search.type == "file_search_call"
    assert [result.text for result in search.results or []] == ["A hub connects wheels"]
    content: Any = message.content  # type: ignore[union-attr] # the second item is a message
    assert [annotation.filename for annotation in content[0].annotations] == ["hubs.txt"]
    with pytest.raises(openai.NotFoundError):
        await sdk.responses.create(
            model="gpt-4o", input="?", tools=[{"type": "file_search", "vector_store_ids": ["vs_0"]}]
        )


async def test_sdk_sees_incomplete_and_failed_responses(sdk: openai.AsyncOpenAI, server: OpenAIServer) -> None:
    server.reply(Text("cut sho", finish_reason="length"), Text("", finish_reason="failed"), StreamError("tripped"))

    short = await sdk.responses.create(model="gpt-4o", input="?")
    failed = await sdk.responses.create(model="gpt-4o", input="?")
    events: list[Any] = [event async for event in await sdk.responses.create(model="gpt-4o", input="?", stream=True)]

    assert (short.status, short.incomplete_details and short.incomplete_details.reason) == (
        "incomplete",
        "max_output_tokens",
    )
    assert (failed.status, failed.error and failed.error.message) == ("failed", "The model failed")
    assert (events[-1].type, events[-1].message) == ("error", "tripped")


async def test_unknown_parameters_and_missing_files_are_refused(sdk: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="Unknown parameter: 'colour'"):
        await sdk.responses.create(model="gpt-4o", input="?", extra_body={"colour": "red"})
    with pytest.raises(openai.NotFoundError, match="file-0"):
        await sdk.responses.create(
            model="gpt-4o",
            input="?",
            tools=[{"type": "code_interpreter", "container": {"type": "auto", "file_ids": ["file-0"]}}],
        )


@pytest.mark.parametrize("reply", [Cut(), Malformed()])
async def test_sdk_fails_on_a_broken_response(
    sdk: openai.AsyncOpenAI, server: OpenAIServer, reply: Cut | Malformed
) -> None:
    server.reply(reply, reply)

    with pytest.raises(Exception, match=r"peer closed|Expecting value|Connection error"):
        await sdk.responses.create(model="gpt-4o", input="?")
    with pytest.raises(Exception, match=r"peer closed|Expecting value|Connection error"):
        async for _ in await sdk.responses.create(model="gpt-4o", input="?", stream=True):
            pass


async def test_sdk_waits_out_faults_of_responses(server: OpenAIServer) -> None:
    server.reply(Status(429, retry_after=0.01), Text("at last"), Stall("first words"))

    async with openai.AsyncOpenAI(api_key="test", base_url=server.url, max_retries=1, timeout=0.2) as sdk:
        response = await sdk.responses.create(model="gpt-4o", input="?")
        # openai 2 lets the error of httpx through, openai 3 wraps it.
        with pytest.raises(Exception) as stalled:  # noqa: PT011 # the class is checked below
            async for _ in await sdk.responses.create(model="gpt-4o", input="?", stream=True):
                pass

    assert response.output_text == "at last"
    assert "Timeout" in type(stalled.value).__name__
    await asyncio.wait_for(server.requests[-1].closed.wait(), 5)


def test_server_refuses_to_send_events_that_the_sdk_does_not_know() -> None:
    response = {"id": "r", "status": "dancing", "output": []}

    with pytest.raises(ValueError, match=r"dancing|validation error"):
        stream_events(response)


@pytest_asyncio.fixture
async def old_sdk() -> AsyncIterator[openai.AsyncOpenAI]:
    async with (
        OpenAIServer(assistants=True) as server,
        openai.AsyncOpenAI(api_key="test", base_url=server.url, max_retries=0) as client,
    ):
        client.__dict__["server"] = server
        yield client


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_sdk_runs_a_thread_of_a_server_that_has_assistants(old_sdk: openai.AsyncOpenAI) -> None:
    server: OpenAIServer = old_sdk.__dict__["server"]
    server.reply(Output(CodeRun("print(6 * 7)", "42"), "It is 42."), Calls(("add", {"a": 1})))
    threads = old_sdk.beta.threads
    assistant = await old_sdk.beta.assistants.create(model="gpt-4o", instructions="Help", tools=[CODE | {}])
    thread = await threads.create()
    await threads.messages.create(thread.id, role="user", content="Six times seven?")

    run = await threads.runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id)
    stream = await threads.runs.create(thread.id, assistant_id=assistant.id, stream=True)
    events: list[Any] = [event async for event in stream]
    call = events[-1].data.required_action.submit_tool_outputs.tool_calls[0]
    with pytest.raises(openai.BadRequestError, match="while a run"):
        await threads.messages.create(thread.id, role="user", content="Hurry")
    done = await threads.runs.submit_tool_outputs_and_poll(
        run_id=events[-1].data.id, thread_id=thread.id, tool_outputs=[{"tool_call_id": call.id, "output": "2"}]
    )

    assert (run.status, done.status, events[-1].event) == ("completed", "completed", "thread.run.requires_action")
    messages = [message async for message in threads.messages.list(thread.id, order="asc")]
    assert [part.text.value for message in messages for part in message.content if part.type == "text"] == [
        "Six times seven?", "It is 42.", "The tool says: 2",
    ]  # fmt: skip
    steps = [step async for step in threads.runs.steps.list(run.id, thread_id=thread.id)]
    assert [step.step_details.type for step in steps] == ["tool_calls"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_sdk_sees_a_run_whose_code_fails_and_whose_message_is_cut(old_sdk: openai.AsyncOpenAI) -> None:
    server: OpenAIServer = old_sdk.__dict__["server"]
    server.reply(Output(CodeRun("1 / 0", "ZeroDivisionError", failed=True), "It fai", finish_reason="length"))
    threads = old_sdk.beta.threads
    assistant = await old_sdk.beta.assistants.create(model="gpt-4o", tools=[CODE | {}])
    thread = await threads.create()

    stream = await threads.runs.create(thread.id, assistant_id=assistant.id, stream=True)
    events: list[Any] = [event async for event in stream]

    named = {event.event: event.data for event in events}
    assert named["thread.run.step.failed"].status == "failed"
    assert named["thread.message.incomplete"].incomplete_details.reason == "max_tokens"
    assert events[-1].event == "thread.run.incomplete"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_assistants_are_gone_from_the_vendors_server(sdk: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="has been shut down"):
        await sdk.beta.assistants.create(model="gpt-4o")
