from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import openai
import pytest
from openai_agents import PIXEL, add, ask
from openai_server import (
    Call,
    Calls,
    CodeRun,
    FileSearch,
    ImageResult,
    McpCall,
    OpenAIServer,
    OtherItem,
    Output,
    WebSearch,
)

from hubbub_agentchat.messages import (
    MultiModalMessage,
    ToolCallExecutionEvent,
    ToolCallRequestEvent,
)
from hubbub_core import (
    Image,
)
from hubbub_core.tools import FunctionTool, ImageResultContent, StaticWorkbench, TextResultContent, ToolResult
from hubbub_openai import OpenAIAgent, ResponseFailedError

MakeAgent = Callable[..., OpenAIAgent]


async def test_hub_tools_are_called_until_the_model_answers(make_agent: MakeAgent, server: OpenAIServer) -> None:
    server.reply(
        Output("Adding. ", Call("add", {"a": 1, "b": 2}), Call("double", {"x": 4})),
        Calls(("add", {"a": 3, "b": 8})),
    )

    def double(x: int) -> int:
        """Double a number."""
        return 2 * x

    agent = make_agent(tools=[add, "web_search_preview"], workbench=StaticWorkbench([FunctionTool(double, "Doubles")]))

    result = await agent.run(task="Add 1 and 2, and more")

    assert [type(message).__name__ for message in result.messages] == [
        "TextMessage", "ThoughtEvent", "ToolCallRequestEvent", "ToolCallExecutionEvent", "ToolCallRequestEvent",
        "ToolCallExecutionEvent", "TextMessage",
    ]  # fmt: skip
    assert result.messages[-1].to_text() == "The tool says: 11"
    names = [tool.get("name", tool["type"]) for tool in server.requests[0].body["tools"]]
    assert names == ["web_search_preview", "add", "double"]
    assert [request.body.get("previous_response_id") for request in server.requests] == [None, "resp_1", "resp_2"]
    outputs = server.requests[1].body["input"]
    assert [(item["type"], item["output"]) for item in outputs] == [
        ("function_call_output", "3"),
        ("function_call_output", "8"),
    ]


async def test_tools_work_without_store_too(make_agent: MakeAgent, server: OpenAIServer) -> None:
    server.reply(Calls(("add", {"a": 1, "b": 2})))
    agent = make_agent(tools=[add], store=False)

    answer = await ask(agent, "Add")
    again = await ask(agent, "And now?")

    assert (answer.content, again.content) == ("The tool says: 3", "gpt-4o was asked: And now?")
    kinds = [item.get("type", item.get("role")) for item in server.requests[2].body["input"]]
    assert kinds == ["system", "user", "function_call", "function_call_output", "assistant", "user"]


async def test_failing_and_unknown_tools_are_told_to_the_model(make_agent: MakeAgent, server: OpenAIServer) -> None:
    def broken() -> str:
        """Break."""
        raise ValueError("out of order")

    server.reply(Output(Call("broken", {}), Call("missing", {}), Call("broken", "[1]"), Call("broken", "{")))

    result = await make_agent(tools=[broken]).run(task="Go")

    execution: Any = result.messages[2]
    assert all(each.is_error for each in execution.content)
    texts = [each.content for each in execution.content]
    assert texts[:3] == [
        "Error: out of order",
        "Error: tool 'missing' is not one of ['broken']",
        "Error: the arguments are not a JSON object",
    ]
    assert [item["output"] for item in server.requests[1].body["input"]] == texts


async def test_model_has_to_answer_after_the_last_round_of_calls(make_agent: MakeAgent, server: OpenAIServer) -> None:
    call = Calls(("add", {"a": 1, "b": 2}))
    server.reply(call, call)
    agent = make_agent(tools=[add], max_tool_iterations=2)

    answer = await ask(agent, "Add")

    assert answer.content == "The tool says: 3"
    assert [request.body.get("tool_choice") for request in server.requests] == [None, None, "none"]


async def test_built_in_tools_leave_their_traces(
    make_agent: MakeAgent, sdk: openai.AsyncOpenAI, server: OpenAIServer
) -> None:
    file = await sdk.files.create(file=("hubs.txt", b"A hub connects wheels\n"), purpose="assistants")
    store = await sdk.vector_stores.create(file_ids=[file.id])
    server.reply(
        Output(
            CodeRun("print(1)", "1"), McpCall("docs", "ask", '{"q": 1}', "42"), FileSearch("connects wheels"), "Wheels."
        )
    )
    agent = make_agent(
        tools=[
            {"type": "file_search", "vector_store_ids": [store.id]},
            {"type": "code_interpreter", "container": {"type": "auto"}},
            {"type": "mcp", "server_label": "docs", "server_url": "https://docs.example", "require_approval": "never"},
        ]
    )

    result = await agent.run(task="What does a hub connect?")

    assert [type(message).__name__ for message in result.messages] == [
        "TextMessage", "CodeGenerationEvent", "ToolCallRequestEvent", "ToolCallExecutionEvent", "TextMessage",
    ]  # fmt: skip
    citations = json.loads(result.messages[-1].metadata["citations"])
    assert [(citation["type"], citation["filename"]) for citation in citations] == [("file_citation", "hubs.txt")]


async def test_image_of_the_model_is_part_of_the_answer(make_agent: MakeAgent, server: OpenAIServer) -> None:
    server.reply(Output("Here: ", ImageResult(PIXEL)))

    result = await make_agent(tools=["image_generation"]).run(task="Draw")

    answer = result.messages[-1]
    assert isinstance(answer, MultiModalMessage)
    assert answer.content[0] == "Here: "
    assert isinstance(answer.content[1], Image)


@pytest.mark.parametrize(
    ("tool", "text"),
    [
        ("local_shell", "Tool 'local_shell' is only supported with model 'codex-mini-latest'"),
        ("file_search", "Tool 'file_search' needs parameters: .* 'vector_store_ids'"),
        ("mcp", "'server_label', 'server_url'"),
        ("time_machine", "Unsupported built-in tool type: time_machine"),
        ({"type": "function", "name": "f"}, "Unsupported tool type: function"),
        ({"type": "code_interpreter"}, "Tool 'code_interpreter' needs 'container'"),
        ({"container": "c"}, "needs a key 'type'"),
        (17, "Unsupported tool type: int"),
    ],
)
def test_unfit_tool_is_refused(make_agent: MakeAgent, tool: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        make_agent(tools=[tool])


def test_tool_named_twice_is_there_once(make_agent: MakeAgent) -> None:
    agent = make_agent(tools=["image_generation", "image_generation", "local_shell"], model="codex-mini-latest")

    assert agent.tools == [{"type": "image_generation"}, {"type": "local_shell"}]
    assert agent.model == "codex-mini-latest"
    with pytest.raises(ValueError, match="Tool names must be unique"):
        make_agent(tools=[add, add])


async def test_tool_that_gives_up_by_itself_is_an_error_for_the_model(
    make_agent: MakeAgent, server: OpenAIServer
) -> None:
    async def give_up() -> str:
        """Give up."""
        raise asyncio.CancelledError

    server.reply(Calls(("give_up", {})))

    answer = await asyncio.wait_for(ask(make_agent(tools=[give_up]), "Go"), 5)

    assert answer.content.startswith("The tool says: Error: ")


async def test_model_that_does_not_stop_calling_is_an_error(make_agent: MakeAgent, server: OpenAIServer) -> None:
    call = Calls(("add", {"a": 1, "b": 2}))
    server.reply(call, call)

    answer = await ask(make_agent(tools=[add], max_tool_iterations=1), "Add")

    assert "calls tools after 1 rounds although it was told not to" in answer.content
    assert issubclass(ResponseFailedError, RuntimeError)


async def test_searches_of_the_service_leave_their_traces(make_agent: MakeAgent, server: OpenAIServer) -> None:
    server.reply(Output(WebSearch("what is a hub", "https://hubs.example", "Hubs"), "A hub."))

    result = await make_agent(tools=["web_search_preview"]).run(task="What is a hub?")

    request, execution = result.messages[1:3]
    assert isinstance(request, ToolCallRequestEvent)
    assert isinstance(execution, ToolCallExecutionEvent)
    (call,), (found,) = request.content, execution.content
    assert (call.name, json.loads(call.arguments)["query"]) == ("web_search", "what is a hub")
    assert (found.call_id, found.content, found.is_error) == (call.id, "completed", False)


async def test_what_a_file_search_found_is_told_if_the_service_tells_it(
    make_agent: MakeAgent, sdk: openai.AsyncOpenAI, server: OpenAIServer
) -> None:
    file = await sdk.files.create(file=("hubs.txt", b"A hub connects wheels\n"), purpose="assistants")
    store = await sdk.vector_stores.create(file_ids=[file.id])
    server.reply(Output(FileSearch("connects wheels"), "Wheels."))

    result = await make_agent(tools=[{"type": "file_search", "vector_store_ids": [store.id]}]).run(task="?")

    execution = result.messages[2]
    assert isinstance(execution, ToolCallExecutionEvent)
    assert [hit["text"] for hit in json.loads(execution.content[0].content)] == ["A hub connects wheels"]


async def test_mcp_server_that_fails_is_told(make_agent: MakeAgent, server: OpenAIServer) -> None:
    listed = {"server_label": "docs", "tools": [], "error": "424: no such server"}
    server.reply(Output(OtherItem("mcp_list_tools", listed), "I cannot."))

    result = await make_agent().run(task="Ask the documents")

    execution = result.messages[2]
    assert isinstance(execution, ToolCallExecutionEvent)
    assert [(each.content, each.is_error) for each in execution.content] == [
        ("Error: MCP server docs: 424: no such server", True)
    ]


async def test_item_that_nobody_knows_is_not_dropped_without_a_word(
    make_agent: MakeAgent, server: OpenAIServer
) -> None:
    unknown = OtherItem("custom_tool_call", {"call_id": "call_1", "name": "paint", "input": "red"})
    server.reply(Output(unknown, "Done."))

    with pytest.warns(UserWarning, match="unknown kind 'custom_tool_call'"):
        result = await make_agent().run(task="Paint")

    assert result.messages[-1].to_text() == "Done."


@pytest.mark.parametrize("failed", [False, True])
async def test_image_that_a_tool_returns_reaches_the_model(
    make_agent: MakeAgent, server: OpenAIServer, failed: bool
) -> None:
    picture = Image.from_base64(PIXEL)

    class Camera(StaticWorkbench):
        async def call_tool(self, *args: Any, **kwargs: Any) -> ToolResult:
            content: list[Any] = [TextResultContent(content="click"), ImageResultContent(content=picture)]
            return ToolResult(name="shoot", result=content, is_error=failed)

    def shoot() -> str:
        """Take a picture."""
        return ""

    server.reply(Calls(("shoot", {})))
    agent = make_agent(workbench=Camera([FunctionTool(shoot, "Take a picture")]))

    answer = await ask(agent, "Shoot")

    output = server.requests[1].body["input"][0]["output"]
    image = {"type": "input_image", "image_url": picture.data_uri, "detail": "auto"}
    texts = ["Error: ", "click"] if failed else ["click"]
    assert output == [*({"type": "input_text", "text": text} for text in texts), image]
    assert answer.content == f"The tool says: {' '.join(texts)} <input_image>"


async def test_secrets_of_an_mcp_server_are_sent_and_not_dumped(
    make_agent: MakeAgent, server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "from-environment")
    monkeypatch.setenv("DOCS_TOKEN", "hidden")
    about = {"type": "mcp", "server_label": "docs", "server_url": "https://docs.example"}
    tool = {**about, "authorization": "hidden", "headers": {"X-Docs-Token": "hidden", "X-Team": "hub"}}
    agent = make_agent(tools=[tool])

    await ask(agent, "Hi")
    dumped = agent.dump_component()
    referring = {**about, "headers": {"X-Docs-Token": "${env:DOCS_TOKEN}"}}
    loaded = OpenAIAgent.load_component({**dumped.model_dump(), "config": {**dumped.config, "tools": [referring]}})
    again = OpenAIAgent.from_config(agent.to_config())

    assert server.requests[0].body["tools"] == [tool]
    assert dumped.config["tools"] == [{**about, "headers": {"X-Team": "hub"}}]
    assert "hidden" not in repr(agent.to_config())
    assert loaded.tools == [{**about, "headers": {"X-Docs-Token": "hidden"}}]
    assert loaded.dump_component().config["tools"] == [referring]
    assert again.tools == [tool]
    await loaded.close()
    await again.close()
