"""The tutorial's pages on messages and agents (spec: 002 S2-089..118)."""

from __future__ import annotations

import asyncio
import base64
import re
import sys
from pathlib import Path
from typing import Literal

import pytest
from chat_scripts import ABLE, asked, calling, calls, contents, kinds, replay, response_of, result_of, said
from pydantic import BaseModel

from hubbub_agentchat.agents import AssistantAgent
from hubbub_agentchat.messages import (
    ModelClientStreamingChunkEvent,
    MultiModalMessage,
    StructuredMessage,
    TextMessage,
    ToolCallSummaryMessage,
)
from hubbub_agentchat.ui import Console
from hubbub_core import CancellationToken, FunctionCall, Image
from hubbub_core.model_context import BufferedChatCompletionContext
from hubbub_core.models import CreateResult, RequestUsage
from hubbub_core.models.replay import ReplayChatCompletionClient
from hubbub_core.tools import FunctionTool

FOUND = "AutoGen is a programming framework for building multi-agent applications."
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SERVER = Path(__file__).resolve().parents[2] / "plugins" / "mcp" / "servers" / "complete.py"


async def web_search(query: str) -> str:
    """Find information on the web."""
    return FOUND


def search_agent(*answers: str | CreateResult) -> AssistantAgent:
    return AssistantAgent(
        name="assistant",
        model_client=replay(*answers),
        tools=[web_search],
        system_message="Use tools to solve tasks.",
    )


def ask(text: str) -> list[TextMessage]:
    return [TextMessage(content=text, source="user")]


async def test_response_holds_the_tool_call_its_result_and_the_summary() -> None:
    agent = search_agent(calling("web_search", '{"query":"AutoGen"}', call_id="call_1"))

    response = await agent.on_messages(ask("Find information on AutoGen"), CancellationToken())

    assert kinds(response.inner_messages or []) == ["ToolCallRequestEvent", "ToolCallExecutionEvent"]
    assert isinstance(response.chat_message, ToolCallSummaryMessage)
    assert response.chat_message.content == FOUND


async def test_message_of_text_and_image_is_a_task() -> None:
    model = replay("A single pixel.")
    message = MultiModalMessage(content=["Describe it.", Image.from_base64(PNG)], source="user")

    result = await AssistantAgent("assistant", model).run(task=message)

    assert result.messages[0] is message
    assert result.messages[-1].to_text() == "A single pixel."
    assert asked(model)[-1].content == message.content


async def test_console_shows_each_step_and_what_it_cost(capsys: pytest.CaptureFixture[str]) -> None:
    used = RequestUsage(prompt_tokens=9, completion_tokens=4)
    call = calling("web_search", '{"query":"AutoGen"}', call_id="call_1")
    agent = search_agent(call.model_copy(update={"usage": used}))

    response = await Console(
        agent.on_messages_stream(ask("Find information on AutoGen"), CancellationToken()), output_stats=True
    )

    lines = capsys.readouterr().out.splitlines()
    request, _ = response.inner_messages or ()
    assert request.models_usage == used
    assert response.chat_message.to_text() == FOUND
    assert lines[0] == "---------- ToolCallRequestEvent (assistant) ----------"
    assert "[Prompt tokens: 9, Completion tokens: 4]" in lines
    start = lines.index("---------- Summary ----------")
    assert lines[start + 1 : start + 4] == [
        "Number of inner messages: 2",
        "Total prompt tokens: 9",
        "Total completion tokens: 4",
    ]
    assert re.fullmatch(r"Duration: \d+\.\d\d seconds", lines[start + 4])


async def test_function_tool_has_the_documented_schema() -> None:
    async def web_search_func(query: str) -> str:
        """Find information on the web"""
        return FOUND

    tool = FunctionTool(web_search_func, description="Find information on the web")

    assert tool.schema == {
        "name": "web_search_func",
        "description": "Find information on the web",
        "parameters": {
            "type": "object",
            "properties": {"query": {"description": "query", "title": "Query", "type": "string"}},
            "required": ["query"],
            "additionalProperties": False,
        },
        "strict": False,
    }


async def test_tools_of_an_mcp_server_are_tools_of_an_agent() -> None:
    from hubbub_mcp import StdioServerParams, mcp_server_tools

    tools = await mcp_server_tools(StdioServerParams(command=sys.executable, args=[str(SERVER)]))
    model = replay(calling("add", '{"a": 2, "b": 3}'), "The sum is 5.")
    agent = AssistantAgent("calculator", model, tools=list(tools), reflect_on_tool_use=True)

    result = await agent.run(task="2 + 3?")

    assert kinds(result.messages)[1:] == ["ToolCallRequestEvent", "ToolCallExecutionEvent", "TextMessage"]
    assert "5" in result.messages[2].to_text()
    assert result.messages[-1].to_text() == "The sum is 5."


async def test_calls_of_one_reply_run_at_the_same_time() -> None:
    together = asyncio.Barrier(2)

    async def meet(name: str) -> str:
        """Wait for the other one."""
        await together.wait()
        return name

    wanted = [FunctionCall(id=str(n), name="meet", arguments=f'{{"name": "{n}"}}') for n in (1, 2)]
    agent = AssistantAgent("assistant", replay(calls(*wanted)), tools=[meet])

    async with asyncio.timeout(5):
        result = await agent.run(task="Meet.")

    assert result.messages[-1].to_text() == "1\n2"


class AgentResponse(BaseModel):
    thoughts: str
    response: Literal["happy", "sad", "neutral"]


async def test_answer_of_a_structure_is_a_structured_message() -> None:
    model = replay('{"thoughts": "The user is happy.", "response": "happy"}')
    agent = AssistantAgent("assistant", model, output_content_type=AgentResponse)

    result = await agent.run(task="I am happy.")

    message = result.messages[-1]
    assert isinstance(message, StructuredMessage)
    assert isinstance(message.content, AgentResponse)
    assert message.content.response == "happy"


async def test_pieces_come_before_the_whole_message_and_are_not_in_the_result() -> None:
    # The models of the sample report no usage for a stream.
    class Silent(ReplayChatCompletionClient):
        def actual_usage(self) -> RequestUsage:
            return RequestUsage(0, 0)

    agent = AssistantAgent("assistant", Silent(["The capital is Paris."], model_info=ABLE), model_client_stream=True)

    items = [item async for item in agent.run_stream(task="Name the capital of France.")]

    pieces = [item.content for item in items if isinstance(item, ModelClientStreamingChunkEvent)]
    assert kinds(items) == ["TextMessage", *["ModelClientStreamingChunkEvent"] * 4, "TextMessage", "TaskResult"]
    assert "".join(pieces) == "The capital is Paris."
    assert said(result_of(items).messages) == ["user: Name the capital of France.", "assistant: The capital is Paris."]


async def test_pieces_are_not_inner_messages_of_the_response() -> None:
    agent = AssistantAgent("assistant", replay("Paris."), model_client_stream=True)

    stream = agent.on_messages_stream(ask("Name the capital of France."), CancellationToken())
    response = response_of([item async for item in stream])

    assert response.inner_messages == []
    assert response.chat_message.to_text() == "Paris."


async def test_model_sees_only_as_much_as_its_context_keeps() -> None:
    model = replay("one", "two", "three")
    agent = AssistantAgent(
        "assistant", model, system_message=None, model_context=BufferedChatCompletionContext(buffer_size=5)
    )

    for text in ("a", "b", "c"):
        await agent.run(task=text)
    await agent.model_context.clear()

    assert contents(asked(model)) == ["a", "one", "b", "two", "c"]
    assert await agent.model_context.get_messages() == []


async def test_image_made_of_bytes_is_the_one_that_the_model_gets() -> None:
    image = Image.from_base64(PNG)

    assert base64.b64decode(image.to_base64()).startswith(b"\x89PNG")
    assert image.to_openai_format()["type"] == "image_url"
