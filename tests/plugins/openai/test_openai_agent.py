from __future__ import annotations

import json
from collections.abc import Callable

import openai
import pytest
from openai_agents import PIXEL, add, ask, said
from openai_server import (
    Call,
    Calls,
    OpenAIServer,
    Output,
    Reasoning,
    Refusal,
    Text,
    WebSearch,
)

from hubbub_agentchat.base import Response
from hubbub_agentchat.conditions import MaxMessageTermination
from hubbub_agentchat.messages import (
    HandoffMessage,
    ModelClientStreamingChunkEvent,
    MultiModalMessage,
)
from hubbub_agentchat.teams import RoundRobinGroupChat
from hubbub_core import (
    AdaptedAgent,
    AgentId,
    AgentResult,
    AgentTask,
    CancellationToken,
    FunctionCall,
    Image,
    SingleThreadedAgentRuntime,
)
from hubbub_core.models import AssistantMessage, FunctionExecutionResult, FunctionExecutionResultMessage, UserMessage
from hubbub_core.tools import FunctionTool
from hubbub_openai import OpenAIAgent
from hubbub_registry import adapt

MakeAgent = Callable[..., OpenAIAgent]


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


async def test_refusal_and_cut_answer_are_answers(make_agent: MakeAgent, server: OpenAIServer) -> None:
    server.reply(Refusal("I will not"), Text("cut sho", finish_reason="length"), Output())
    agent = make_agent()

    refused, short, empty = await ask(agent, "1"), await ask(agent, "2"), await ask(agent, "3")

    assert refused.content == "I will not"
    assert (short.content, short.metadata) == (
        "cut sho",
        {"incomplete": "max_output_tokens", "finish_reason": "length"},
    )
    assert empty.content == "(The response has no text.)"


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


async def test_thoughts_calls_and_results_of_others_reach_the_model(
    make_agent: MakeAgent, server: OpenAIServer
) -> None:
    call = FunctionCall(id="call_1", name="look", arguments="{}")
    result = FunctionExecutionResult(content="Error: dark", call_id="call_1", is_error=True, name="look")
    handoff = HandoffMessage(
        content="Over to you",
        target="helper",
        source="boss",
        context=[
            AssistantMessage(content=[call], thought="I look first", source="boss"),
            FunctionExecutionResultMessage(content=[result]),
        ],
    )

    await make_agent().on_messages([handoff], CancellationToken())

    assert server.requests[0].body["input"][1:] == [
        {"role": "assistant", "content": "I look first"},
        {"type": "function_call", "call_id": "call_1", "name": "look", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_1", "output": "Error: dark"},
        {"role": "user", "content": "Over to you"},
    ]


async def test_thoughts_and_searches_are_told_before_the_text_that_they_lead_to(
    make_agent: MakeAgent, server: OpenAIServer
) -> None:
    server.reply(Output(Reasoning("Hm"), WebSearch("hubs", "https://hubs.example", "Hubs"), Reasoning("So"), "A hub."))
    agent = make_agent(tools=["web_search_preview"])

    items = [item async for item in agent.on_messages_stream([said("What is a hub?")], CancellationToken())]

    assert [type(item).__name__ for item in items] == [
        "ThoughtEvent", "ToolCallRequestEvent", "ToolCallExecutionEvent", "ThoughtEvent",
        "ModelClientStreamingChunkEvent", "ModelClientStreamingChunkEvent", "Response",
    ]  # fmt: skip


async def test_thoughts_of_a_whole_answer_are_lines_of_one(make_agent: MakeAgent, server: OpenAIServer) -> None:
    server.reply(Output(Reasoning("Hm"), Reasoning("So"), "A hub."))

    response = await make_agent().on_messages([said("What is a hub?")], CancellationToken())

    assert [event.to_text() for event in response.inner_messages or ()] == ["Hm\nSo"]
