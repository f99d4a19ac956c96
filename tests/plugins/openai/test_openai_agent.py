"""`OpenAIAgent` over the mock server's Responses: what goes over the wire, and what comes of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import openai
import pytest
import pytest_asyncio
from openai_server import (
    Call,
    Calls,
    CodeRun,
    Cut,
    FileSearch,
    ImageResult,
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
)

from hubbub_agentchat.base import Response
from hubbub_agentchat.conditions import MaxMessageTermination
from hubbub_agentchat.messages import (
    HandoffMessage,
    ModelClientStreamingChunkEvent,
    MultiModalMessage,
    TextMessage,
)
from hubbub_agentchat.teams import RoundRobinGroupChat
from hubbub_core import (
    AdaptedAgent,
    AgentId,
    AgentResult,
    AgentTask,
    CancellationToken,
    Image,
    SingleThreadedAgentRuntime,
)
from hubbub_core.models import AssistantMessage, UserMessage
from hubbub_core.tools import FunctionTool, StaticWorkbench
from hubbub_openai import OpenAIAgent, ResponseFailedError, UnansweredRequestError
from hubbub_registry import adapt

MakeAgent = Callable[..., OpenAIAgent]
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


@pytest_asyncio.fixture
async def sdk(server: OpenAIServer) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(api_key="test", base_url=server.url, max_retries=0) as client:
        yield client


@pytest.fixture
def make_agent(sdk: openai.AsyncOpenAI) -> MakeAgent:
    def make(**options: Any) -> OpenAIAgent:
        defaults: dict[str, Any] = {
            "name": "helper",
            "description": "Helps",
            "client": sdk,
            "model": "gpt-4o",
            "instructions": "Be brief",
        }
        return OpenAIAgent(**{**defaults, **options})

    return make


def said(content: str, source: str = "user") -> TextMessage:
    return TextMessage(content=content, source=source)


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


async def ask(agent: OpenAIAgent, *texts: str) -> TextMessage:
    response = await agent.on_messages([said(text) for text in texts], CancellationToken())
    assert isinstance(response.chat_message, TextMessage)
    return response.chat_message


async def test_request_carries_exactly_the_documented_parameters(make_agent: MakeAgent, server: OpenAIServer) -> None:
    """spec: newer N-241."""
    agent = make_agent(tools=["web_search_preview"], max_output_tokens=50, json_mode=True, truncation="auto")

    answer = await ask(agent, "What is a hub?")

    assert json.loads(answer.content) == {"question": "What is a hub?"}
    assert server.requests[0].body == {
        "model": "gpt-4o",
        "input": [{"role": "system", "content": "Be brief"}, {"role": "user", "content": "What is a hub?"}],
        "temperature": 1,
        "max_output_tokens": 50,
        "text": {"format": {"type": "json_object"}},
        "tools": [{"type": "web_search_preview"}],
        "store": True,
        "truncation": "auto",
    }


async def test_options_that_are_none_are_left_to_the_service(make_agent: MakeAgent, server: OpenAIServer) -> None:
    await ask(make_agent(temperature=None), "Hello")

    assert set(server.requests[0].body) == {"model", "input", "store", "truncation"}


async def test_answer_has_text_usage_and_source(make_agent: MakeAgent) -> None:
    answer = await ask(make_agent(), "What is a hub?")

    assert (answer.source, answer.content) == ("helper", "gpt-4o was asked: What is a hub?")
    assert answer.models_usage is not None
    assert answer.models_usage.completion_tokens == 7


async def test_second_turn_sends_only_what_is_new(make_agent: MakeAgent, server: OpenAIServer) -> None:
    agent = make_agent()

    await ask(agent, "first")
    await ask(agent, "second")

    assert server.requests[1].body["previous_response_id"] == "resp_1"
    assert server.requests[1].body["input"] == [{"role": "user", "content": "second"}]


async def test_without_store_the_whole_conversation_is_sent(make_agent: MakeAgent, server: OpenAIServer) -> None:
    agent = make_agent(store=False)

    await ask(agent, "first")
    await ask(agent, "second")

    assert "previous_response_id" not in server.requests[1].body
    assert server.requests[1].body["input"] == [
        {"role": "system", "content": "Be brief"},
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": "gpt-4o was asked: first"},
        {"role": "user", "content": "second"},
    ]


async def test_conversation_is_sent_again_when_the_service_has_forgotten_it(
    make_agent: MakeAgent, server: OpenAIServer
) -> None:
    agent = make_agent()
    await ask(agent, "first")
    server.responses.contexts.clear()

    answer = await ask(agent, "second")

    assert answer.content == "gpt-4o was asked: second"
    assert [item["content"] for item in server.requests[-1].body["input"]] == [
        "Be brief", "first", "gpt-4o was asked: first", "second",
    ]  # fmt: skip
    assert "previous_response_id" not in server.requests[-1].body


async def test_sources_named_like_roles_get_them(make_agent: MakeAgent, server: OpenAIServer) -> None:
    """spec: newer N-242."""
    messages = [said("a", "system"), said("b", "assistant"), said("c", "critic"), said("d")]

    await make_agent().on_messages(messages, CancellationToken())

    # A system message is present, so the instructions are not put before it (N-241).
    assert [item["role"] for item in server.requests[0].body["input"]] == ["system", "assistant", "user", "user"]


async def test_images_and_the_context_of_a_handoff_reach_the_model(make_agent: MakeAgent, server: OpenAIServer) -> None:
    image = Image.from_base64(PIXEL)
    handoff = HandoffMessage(
        content="Over to you",
        target="helper",
        source="boss",
        context=[UserMessage(content="before", source="x"), AssistantMessage(content="thought", source="boss")],
    )
    picture = MultiModalMessage(content=["Look", image], source="user")

    await make_agent().on_messages([handoff, picture], CancellationToken())

    assert server.requests[0].body["input"][1:] == [
        {"role": "user", "content": "before"},
        {"role": "assistant", "content": "thought"},
        {"role": "user", "content": "Over to you"},
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "Look"},
                {"type": "input_image", "image_url": image.data_uri, "detail": "auto"},
            ],
        },
    ]


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


async def test_stream_yields_the_text_as_it_comes(make_agent: MakeAgent, server: OpenAIServer) -> None:
    server.reply(Output(Reasoning("Hm"), Call("add", {"a": 1, "b": 2})), Output("It is 3."))
    agent = make_agent(tools=[add])

    items = [item async for item in agent.on_messages_stream([said("Add")], CancellationToken())]

    chunks = [item for item in items if isinstance(item, ModelClientStreamingChunkEvent)]
    assert [chunk.content for chunk in chunks] == ["It", " is", " 3."]
    response = items[-1]
    assert isinstance(response, Response)
    assert {chunk.full_message_id for chunk in chunks} == {response.chat_message.id}
    assert response.chat_message.to_text() == "It is 3."
    assert [type(item).__name__ for item in response.inner_messages or ()] == [
        "ThoughtEvent", "ToolCallRequestEvent", "ToolCallExecutionEvent",
    ]  # fmt: skip
    assert all(request.body["stream"] for request in server.requests)


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


async def test_refusal_and_cut_answer_are_answers(make_agent: MakeAgent, server: OpenAIServer) -> None:
    server.reply(Refusal("I will not"), Text("cut sho", finish_reason="length"), Output())
    agent = make_agent()

    refused, short, empty = await ask(agent, "1"), await ask(agent, "2"), await ask(agent, "3")

    assert refused.content == "I will not"
    assert (short.content, short.metadata) == ("cut sho", {"incomplete": "max_output_tokens"})
    assert empty.content == "(The response has no text.)"


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
    started, ended = asyncio.Event(), asyncio.Event()

    async def wait() -> str:
        """Wait."""
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return ""

    server.reply(Calls(("wait", {})))
    agent = make_agent(tools=[wait])
    token = CancellationToken()

    task = asyncio.ensure_future(agent.on_messages([said("Go")], token))
    await started.wait()
    token.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert ended.is_set()
    assert (await ask(agent, "Still there?")).content == "gpt-4o was asked: Still there?"


async def test_state_goes_on_in_another_agent(make_agent: MakeAgent, server: OpenAIServer) -> None:
    """spec: newer N-244."""
    first = make_agent()
    await ask(first, "one")
    state = json.loads(json.dumps(await first.save_state()))
    second = make_agent()

    await second.load_state(state)
    await ask(second, "two")

    assert (state["type"], state["response_id"]) == ("OpenAIAgentState", "resp_1")
    assert state["history"] == [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "gpt-4o was asked: one"},
    ]
    assert server.requests[-1].body["previous_response_id"] == "resp_1"
    assert server.requests[-1].body["input"] == [{"role": "user", "content": "two"}]


async def test_reset_forgets(make_agent: MakeAgent, server: OpenAIServer) -> None:
    agent = make_agent()
    await ask(agent, "one")

    await agent.on_reset(CancellationToken())
    await ask(agent, "two")

    assert [item["content"] for item in server.requests[-1].body["input"]] == ["Be brief", "two"]
    assert "previous_response_id" not in server.requests[-1].body


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


def test_model_client_of_the_hub_is_refused(make_agent: MakeAgent) -> None:
    from hubbub_core.models.replay import ReplayChatCompletionClient

    with pytest.raises(ValueError, match=r"openai\.AsyncOpenAI"):
        make_agent(client=ReplayChatCompletionClient(["x"]))


async def test_component_is_dumped_and_loaded_with_its_tools(
    make_agent: MakeAgent, server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """spec: newer N-245, N-483."""
    tool = {"type": "file_search", "vector_store_ids": ["vs_1"]}
    agent = make_agent(tools=["web_search_preview", tool, FunctionTool(add, "Adds")], json_mode=True)

    dumped = agent.dump_component()
    monkeypatch.setenv("OPENAI_API_KEY", "from-environment")
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    model = {**dumped.model_dump(), "provider": "autogen_ext.agents.openai.OpenAIAgent"}
    with pytest.warns(UserWarning, match="SECURITY WARNING"):
        loaded = OpenAIAgent.load_component(json.loads(json.dumps(model)), allow=["code"])
    bare = OpenAIAgent.from_config(agent.to_config().model_copy(update={"tools": None}))
    answer = await bare.run(task="Hi")
    await loaded.close()
    await bare.close()

    assert (dumped.provider, dumped.component_type, dumped.version) == ("hubbub_openai.OpenAIAgent", "agent", 1)
    assert list(dumped.config)[:4] == ["name", "description", "model", "instructions"]
    assert dumped.config["tools"][:2] == ["web_search_preview", tool]
    assert loaded.dump_component().config == dumped.config
    assert [tool.get("name") for tool in loaded.tools] == [None, None, "add"]
    assert json.loads(answer.messages[-1].to_text()) == {"question": "Hi"}
    assert server.requests[0].headers["authorization"] == "Bearer from-environment"


async def test_agents_take_turns_in_a_team(make_agent: MakeAgent) -> None:
    team = RoundRobinGroupChat(
        [make_agent(name="one", model="gpt-4o"), make_agent(name="two", model="gpt-4.1")],
        termination_condition=MaxMessageTermination(3),
    )

    result = await team.run(task="Speak")

    assert [(message.source, message.to_text()) for message in result.messages[1:]] == [
        ("one", "gpt-4o was asked: Speak"),
        ("two", "gpt-4.1 was asked: gpt-4o was asked: Speak"),
    ]


async def test_agent_works_as_an_agent_of_the_runtime(
    make_agent: MakeAgent, sdk: openai.AsyncOpenAI, server: OpenAIServer
) -> None:
    server.reply(Calls(("add", {"a": 1, "b": 2})))
    adapted = adapt(make_agent(tools=[add]))
    assert isinstance(adapted, AdaptedAgent)
    runtime = SingleThreadedAgentRuntime()
    agent_type = await adapted.register(runtime, "helper")
    runtime.start()

    task = AgentTask(messages=[UserMessage(content="Add 1 and 2", source="user")])
    result = await runtime.send_message(task, AgentId(agent_type, "default"))
    await runtime.stop_when_idle()
    await runtime.close()

    assert isinstance(result, AgentResult)
    assert result.messages[-1].content == "The tool says: 3"


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
