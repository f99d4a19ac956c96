from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from openai_agents import Waiting, ask, said
from openai_server import (
    Calls,
    Cut,
    McpApproval,
    OpenAIServer,
    Output,
    Raw,
    ShellCommand,
    Stall,
    Status,
    StreamError,
    Text,
)

from hubbub_agentchat.base import Response
from hubbub_agentchat.messages import (
    ModelClientStreamingChunkEvent,
)
from hubbub_core import (
    AgentId,
    AgentTask,
    CancellationToken,
    SingleThreadedAgentRuntime,
)
from hubbub_openai import OpenAIAgent, UnansweredRequestError
from hubbub_registry import adapt

MakeAgent = Callable[..., OpenAIAgent]


@pytest.mark.parametrize("stream", [False, True])
async def test_error_of_the_service_is_an_answer_and_the_messages_are_not_lost(
    make_agent: MakeAgent, server: OpenAIServer, stream: bool
) -> None:
    """spec: newer N-243."""
    server.reply(Text("first"), Status(500, "overloaded"), Text("", finish_reason="failed"))
    agent = make_agent()
    await ask(agent, "one")

    for text in ("two", "three"):
        if stream:
            items = [item async for item in agent.on_messages_stream([said(text)], CancellationToken())]
            response = items[-1]
            assert isinstance(response, Response)
        else:
            response = await agent.on_messages([said(text)], CancellationToken())
        assert response.chat_message.to_text().startswith("Error generating response: ")
    answer = await ask(agent, "four")

    assert answer.content == "gpt-4o was asked: four"
    assert server.requests[-1].body["previous_response_id"] == "resp_1"
    assert [item["content"] for item in server.requests[-1].body["input"]] == ["two", "three", "four"]


@pytest.mark.parametrize(
    ("reply", "text"), [(StreamError("tripped"), "tripped"), (Cut(), "model endpoint http://127.0.0.1")]
)
async def test_broken_stream_is_an_error_that_names_the_cause(
    make_agent: MakeAgent, server: OpenAIServer, reply: Any, text: str
) -> None:
    server.reply(reply)

    items = [item async for item in make_agent().on_messages_stream([said("Go")], CancellationToken())]

    assert isinstance(items[0], ModelClientStreamingChunkEvent)
    response = items[-1]
    assert isinstance(response, Response)
    assert text in response.chat_message.to_text()


@pytest.mark.parametrize(
    ("part", "text"),
    [
        (McpApproval("docs", "drop", "{}"), "may call 'drop' of MCP server 'docs'"),
        (ShellCommand(("rm", "-r")), "local shell action"),
    ],
)
async def test_request_that_nobody_answers_is_an_error(
    make_agent: MakeAgent, server: OpenAIServer, part: Any, text: str
) -> None:
    server.reply(Output(part))

    with pytest.raises(UnansweredRequestError, match=text):
        await make_agent().run(task="Go")


@pytest.mark.parametrize("stream", [False, True])
async def test_cancelling_aborts_the_request(make_agent: MakeAgent, server: OpenAIServer, stream: bool) -> None:
    server.reply(Stall("first words"), Text("again"))
    agent = make_agent()
    token = CancellationToken()

    async def run() -> None:
        if stream:
            async for _ in agent.on_messages_stream([said("lost?")], token):
                pass
        else:
            await agent.on_messages([said("lost?")], token)

    task = asyncio.ensure_future(run())
    request = await server.received(1)
    token.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(request.closed.wait(), 5)

    await ask(agent, "next")
    assert [item["content"] for item in server.requests[-1].body["input"]] == ["Be brief", "lost?", "next"]


async def test_cancelling_ends_running_tools(make_agent: MakeAgent, server: OpenAIServer) -> None:
    tool = Waiting()
    server.reply(Calls(("wait", {})))
    agent = make_agent(tools=[tool.wait])
    token = CancellationToken()

    task = asyncio.ensure_future(agent.on_messages([said("Go")], token))
    await tool.started.wait()
    token.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert tool.ended.is_set()
    assert (await ask(agent, "Still there?")).content == "gpt-4o was asked: Still there?"


async def test_error_names_the_agent(make_agent: MakeAgent, server: OpenAIServer) -> None:
    server.reply(Output(McpApproval("docs", "drop", "{}")))

    with pytest.raises(UnansweredRequestError) as refused:
        await adapt(make_agent(name="archivist")).run("Go")

    assert refused.value.__notes__ == ["in agent 'archivist' (OpenAIAgent 'archivist')"]


@pytest.mark.parametrize("reply", [Stall("first words"), Calls(("wait", {}))], ids=["request", "tool"])
async def test_cancelling_a_call_of_the_hub_ends_request_and_tool(
    make_agent: MakeAgent, server: OpenAIServer, reply: Any
) -> None:
    tool = Waiting()
    server.reply(reply)
    runtime = SingleThreadedAgentRuntime()
    agent_type = await adapt(make_agent(tools=[tool.wait])).register(runtime, "helper")
    runtime.start()
    token = CancellationToken()
    call = asyncio.ensure_future(
        runtime.send_message(AgentTask.from_text("Go"), AgentId(agent_type, "default"), cancellation_token=token)
    )

    request = await server.received(1)
    if isinstance(reply, Calls):
        await tool.started.wait()
    token.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call

    if isinstance(reply, Calls):
        assert tool.ended.is_set()
    else:
        await asyncio.wait_for(request.closed.wait(), 5)
    assert [task for task in asyncio.all_tasks() if "wait" in repr(task.get_coro())] == []
    await runtime.stop_when_idle()
    await runtime.close()


@pytest.mark.parametrize("body", ["null", "5", '{"object": "response"}', "<html>"])
async def test_answer_that_is_no_response_is_an_error_of_the_endpoint(
    make_agent: MakeAgent, server: OpenAIServer, body: str
) -> None:
    server.reply(Raw(body), Raw(f"event: message\ndata: {body}\n\n", "text/event-stream"))
    agent = make_agent()

    whole = await agent.on_messages([said("Go")], CancellationToken())
    streamed = [item async for item in agent.on_messages_stream([said("Go")], CancellationToken())][-1]

    assert isinstance(streamed, Response)
    for response in (whole, streamed):
        text = response.chat_message.to_text()
        assert text.startswith(f"Error generating response: model endpoint {server.url} (model 'gpt-4o')")
