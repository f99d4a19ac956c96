"""AgentTool and TeamTool: what the model reads, what the outer agent streams, state, configuration."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from chat_scripts import assistant, calling

from hubbub_agentchat.base import TaskResult
from hubbub_agentchat.messages import TextMessage, ThoughtEvent
from hubbub_agentchat.teams import RoundRobinGroupChat
from hubbub_agentchat.tools import AgentTool, TeamTool
from hubbub_core import CancellationToken
from hubbub_core.tools import BaseTool


def echo(text: str) -> str:
    """Echo."""
    return text


def shown(items: list[Any]) -> list[str]:
    return [f"{type(item).__name__} {item.source}" for item in items if not isinstance(item, TaskResult)]


def test_tool_has_one_required_argument_and_the_agents_name() -> None:
    schema = AgentTool(assistant("writer", description="Writes.")).schema

    assert (schema["name"], schema["description"], schema["strict"]) == ("writer", "Writes.", True)
    assert schema["parameters"]["required"] == ["task"]


async def test_agent_as_tool_shows_its_messages_between_request_and_execution() -> None:
    inner = assistant("inner", calling("echo", '{"text": "x"}'), "inner done", tools=[echo], reflect_on_tool_use=True)
    main = assistant(
        "main", calling("inner", '{"task": "do it"}'), "all done", tools=[AgentTool(inner)], reflect_on_tool_use=True
    )

    items = [item async for item in main.run_stream(task="go")]

    assert shown(items) == [
        "TextMessage user",
        "ToolCallRequestEvent main",
        "TextMessage user",
        "ToolCallRequestEvent inner",
        "ToolCallExecutionEvent inner",
        "TextMessage inner",
        "ToolCallExecutionEvent main",
        "TextMessage main",
    ]
    assert items[6].content[0].content == "inner: inner done"  # type: ignore[union-attr] # a ToolCallExecutionEvent


@pytest.mark.parametrize(("last", "text"), [(True, "from b"), (False, "a: from a\n\nb: from b")])
async def test_team_as_tool(last: bool, text: str) -> None:
    team = RoundRobinGroupChat([assistant("a", "from a"), assistant("b", "from b")], max_turns=2)
    tool = TeamTool(team, "crew", "A crew.", return_value_as_last_message=last)
    main = assistant("main", calling("crew", '{"task": "do it"}'), tools=[tool])

    items = [item async for item in main.run_stream(task="go")]

    assert shown(items) == [
        "TextMessage user",
        "ToolCallRequestEvent main",
        "TextMessage user",
        "TextMessage a",
        "TextMessage b",
        "ToolCallExecutionEvent main",
        "ToolCallSummaryMessage main",
    ]
    assert items[-2].to_text() == text  # type: ignore[union-attr] # a message


async def test_last_message_has_to_be_a_chat_message() -> None:
    tool = AgentTool(assistant("a"), return_value_as_last_message=True)

    assert tool.return_value_as_string(TaskResult(messages=[TextMessage(content="x", source="a")])) == "x"
    with pytest.raises(ValueError, match="is not a chat message"):
        tool.return_value_as_string(TaskResult(messages=[ThoughtEvent(content="x", source="a")]))


async def test_state_of_the_tool_is_that_of_its_agent() -> None:
    first, second = assistant("a", "one"), assistant("a", "two")
    tool = AgentTool(first)
    result = await tool.run_json({"task": "go"}, CancellationToken())

    await AgentTool(second).load_state_json(json.loads(json.dumps(await tool.save_state_json())))

    assert tool.return_value_as_string(result) == "a: one"
    assert len(await second.model_context.get_messages()) == 2


async def test_cancellation_reaches_the_agent_behind_the_tool() -> None:
    started, ended = asyncio.Event(), asyncio.Event()

    async def hang() -> str:
        """Hang."""
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return "never"

    team = RoundRobinGroupChat([assistant("inner", calling("hang", "{}"), tools=[hang])], max_turns=1)
    main = assistant("main", calling("crew", '{"task": "x"}'), tools=[TeamTool(team, "crew", "A crew.")])
    token = CancellationToken()
    running = asyncio.create_task(main.run(task="go", cancellation_token=token))
    await started.wait()
    token.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert ended.is_set()
    await team.reset()


@pytest.mark.parametrize(
    "tool",
    [
        AgentTool(assistant("a", "hi"), return_value_as_last_message=True),
        TeamTool(RoundRobinGroupChat([assistant("a", "hi")], max_turns=1), "crew", "A crew.", True),
    ],
    ids=["AgentTool", "TeamTool"],
)
async def test_configuration_round_trip(tool: AgentTool | TeamTool) -> None:
    dumped = tool.dump_component()

    loaded: BaseTool[Any, Any] = BaseTool.load_component(
        json.loads(dumped.model_dump_json().replace("hubbub_agentchat", "autogen_agentchat"))
    )

    assert loaded.dump_component() == dumped
    assert loaded.return_value_as_string(await loaded.run_json({"task": "go"}, CancellationToken())) == "hi"
