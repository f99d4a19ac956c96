"""LangChain in a team: the documents' toolkit over a database (spec: 004 L6810), a model, and a chain as a member."""

from __future__ import annotations

import io
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from typing import Any

import pytest
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.tools import BaseTool, BaseToolkit, tool

from hubbub_agentchat.agents import AssistantAgent
from hubbub_agentchat.base import TaskResult
from hubbub_agentchat.conditions import MaxMessageTermination, TextMentionTermination
from hubbub_agentchat.messages import ModelClientStreamingChunkEvent, TextMessage, ToolCallExecutionEvent
from hubbub_agentchat.teams import RoundRobinGroupChat
from hubbub_agentchat.ui import Console
from hubbub_core import FunctionCall
from hubbub_core.models import CreateResult, ModelInfo, RequestUsage
from hubbub_core.models.replay import ReplayChatCompletionClient
from hubbub_langchain import LangChainToolAdapter
from hubbub_registry import adapt

INFO = ModelInfo(vision=False, function_calling=True, json_output=False, family="unknown", structured_output=False)


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    # Synchronous tools run in threads.
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    connection.executescript("CREATE TABLE artist (name TEXT); INSERT INTO artist VALUES ('Ann'), ('Bob');")
    yield connection
    connection.close()


class Toolkit(BaseToolkit):
    database: Any

    def get_tools(self) -> list[BaseTool]:
        @tool
        def list_tables() -> str:
            """List the tables."""
            return ", ".join(name for (name,) in self.database.execute("SELECT name FROM sqlite_master"))

        @tool
        def query(sql: str) -> list[Any]:
            """Run a query."""
            return [list(row) for row in self.database.execute(sql)]

        return [list_tables, query]


def calling(name: str, **arguments: Any) -> CreateResult:
    call = FunctionCall(id=name, name=name, arguments=json.dumps(arguments))
    return CreateResult(finish_reason="function_calls", content=[call], usage=RequestUsage(1, 1), cached=False)


async def test_an_assistant_uses_every_tool_of_a_toolkit_until_it_is_done(database: sqlite3.Connection) -> None:
    client = ReplayChatCompletionClient(
        [
            calling("list_tables"),
            "Let me look closer.",
            calling("query", sql="SELECT name FROM artist"),
            "Next.",
            calling("query", sql="SELECT name FROM nowhere"),
            "Ann and Bob. TERMINATE",
        ],
        model_info=INFO,
    )
    tools: list[Any] = [LangChainToolAdapter(tool) for tool in Toolkit(database=database).get_tools()]
    agent = AssistantAgent(
        "assistant", model_client=client, tools=tools, model_client_stream=True, reflect_on_tool_use=True
    )
    team = RoundRobinGroupChat([agent], termination_condition=TextMentionTermination("TERMINATE"))

    seen = [item async for item in team.run_stream(task="Who is in the database?")]

    results = [result for item in seen if isinstance(item, ToolCallExecutionEvent) for result in item.content]
    assert [(result.content, result.is_error) for result in results] == [
        ("artist", False),
        ("[['Ann'], ['Bob']]", False),
        ("no such table: nowhere", True),
    ]
    assert any(isinstance(item, ModelClientStreamingChunkEvent) for item in seen)
    assert isinstance(seen[-1], TaskResult)
    assert seen[-1].messages[-1].to_text() == "Ann and Bob. TERMINATE"


async def test_the_console_shows_an_assistant_with_a_langchain_tool(database: sqlite3.Connection) -> None:
    client = ReplayChatCompletionClient([calling("list_tables")], model_info=INFO)
    tools: list[Any] = [LangChainToolAdapter(Toolkit(database=database).get_tools()[0])]
    agent = AssistantAgent("assistant", model_client=client, tools=tools)

    with redirect_stdout(io.StringIO()) as printed:
        await Console(agent.run_stream(task="Which tables are there?"))

    assert printed.getvalue().rstrip().endswith("artist")


async def test_a_langchain_model_serves_an_assistant(scripted: Callable[..., Any]) -> None:
    model = scripted("Fine.")

    result = await AssistantAgent("assistant", model_client=adapt(model), system_message="Be brief.").run(task="How?")

    assert result.messages[-1].to_text() == "Fine."
    assert [message.content for message in model.asked[0][0]] == ["Be brief.", "How?"]


async def test_a_chain_is_a_team_member_that_knows_what_was_said(scripted: Callable[..., Any]) -> None:
    model = scripted("I say one.", "I say two.")
    prompt = ChatPromptTemplate.from_messages([("system", "Be brief."), MessagesPlaceholder("messages")])
    chain = adapt(adapt(prompt | model, name="chain"), to="chat agent")
    other = AssistantAgent("other", model_client=ReplayChatCompletionClient(["And I say B."]))
    team = RoundRobinGroupChat([chain, other], termination_condition=MaxMessageTermination(4))

    result = await team.run(task="Speak.")

    assert [message.to_text() for message in result.messages if isinstance(message, TextMessage)] == [
        "Speak.",
        "I say one.",
        "And I say B.",
        "I say two.",
    ]
    assert [message.content for message in model.asked[1][0]] == [
        "Be brief.",
        "Speak.",
        "I say one.",
        "And I say B.",
    ]
