"""Chat completion services of Semantic Kernel as model clients of the hub."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable
from typing import Any, ClassVar

import pytest

pytest.importorskip("semantic_kernel", reason="Semantic Kernel is not in every environment")

from openai import AsyncOpenAI
from openai_server import Calls, OpenAIServer, Stall, Text
from PIL import Image as PILImage
from pydantic import BaseModel, Field
from semantic_kernel.connectors.ai.chat_completion_client_base import ChatCompletionClientBase
from semantic_kernel.connectors.ai.completion_usage import CompletionUsage
from semantic_kernel.connectors.ai.function_choice_behavior import FunctionChoiceBehavior
from semantic_kernel.connectors.ai.prompt_execution_settings import PromptExecutionSettings
from semantic_kernel.contents import ChatHistory, ChatMessageContent, FunctionCallContent, StreamingChatMessageContent
from semantic_kernel.contents.streaming_reasoning_content import StreamingReasoningContent
from semantic_kernel.contents.utils.author_role import AuthorRole
from semantic_kernel.functions import kernel_function
from semantic_kernel.kernel import Kernel

from hubbub_agentchat.agents import AssistantAgent
from hubbub_core import CancellationToken, FunctionCall, Image
from hubbub_core.model_context import TokenLimitedChatCompletionContext
from hubbub_core.models import (
    AssistantMessage,
    ChatCompletionTokenLogprob,
    CreateResult,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    LLMMessage,
    ModelInfo,
    RequestUsage,
    SystemMessage,
    TopLogprob,
    UserMessage,
)
from hubbub_core.models.replay import ReplayChatCompletionClient
from hubbub_core.tools import FunctionTool, ToolSchema
from hubbub_registry import adapt
from hubbub_semantic_kernel import HubChatCompletion, SKChatCompletionAdapter

# What the connectors and the memory of Semantic Kernel warn of, about themselves, when they are imported.
pytestmark = [
    pytest.mark.filterwarnings("ignore:The `__get_pydantic_core_schema__` method:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:This class will be removed:DeprecationWarning"),
]

INFO = ModelInfo(vision=False, function_calling=True, json_output=True, family="unknown", structured_output=False)
ASK: list[LLMMessage] = [SystemMessage(content="Be brief."), UserMessage(content="Hello?", source="user")]


def weather(city: str) -> str:
    return f"The weather in {city} is nice."


WEATHER = FunctionTool(weather, "The weather", name="get_weather")


def hub(*answers: str | CreateResult, **options: Any) -> SKChatCompletionAdapter:
    """Make an adapter around a service whose model is scripted."""
    service = HubChatCompletion(ReplayChatCompletionClient(list(answers), model_info=INFO))
    return SKChatCompletionAdapter(service, Kernel(), **{"model_info": INFO, **options})


def result(content: str | list[FunctionCall], **fields: Any) -> CreateResult:
    usage = RequestUsage(3, 4)
    return CreateResult(**{"finish_reason": "stop", "content": content, "usage": usage, "cached": False, **fields})


class Scripted(ChatCompletionClientBase):
    """A service that streams what a test tells it to, as other connectors do."""

    SUPPORTS_FUNCTION_CALLING: ClassVar[bool] = True
    pieces: list[StreamingChatMessageContent] = Field(default_factory=list)

    async def _inner_get_streaming_chat_message_contents(
        self, chat_history: ChatHistory, settings: PromptExecutionSettings, function_invoke_attempt: int = 0
    ) -> AsyncGenerator[list[StreamingChatMessageContent], Any]:
        for piece in self.pieces:
            yield [piece]

    async def _inner_get_chat_message_contents(
        self, chat_history: ChatHistory, settings: PromptExecutionSettings
    ) -> list[ChatMessageContent]:
        return [ChatMessageContent(role=AuthorRole.ASSISTANT, items=self.pieces[0].items)]


def scripted(pieces: Iterable[dict[str, Any]]) -> SKChatCompletionAdapter:
    made = [StreamingChatMessageContent(role=AuthorRole.ASSISTANT, choice_index=0, **piece) for piece in pieces]
    return SKChatCompletionAdapter(Scripted(ai_model_id="x", pieces=made), Kernel(), model_info=INFO)


async def test_adapt_makes_a_service_a_model_client() -> None:
    client = adapt(HubChatCompletion(ReplayChatCompletionClient(["Hi."])))

    assert isinstance(client, SKChatCompletionAdapter)
    assert (await client.create(ASK)).content == "Hi."
    assert client.model_info["function_calling"]


async def test_a_reply_keeps_finish_reason_thought_usage() -> None:
    client = hub(result("Hi", finish_reason="length", thought="Greet.", cached=True))

    reply = await client.create(ASK)

    assert reply == CreateResult(
        finish_reason="length", content="Hi", usage=RequestUsage(3, 4), cached=True, thought="Greet."
    )
    assert client.actual_usage() == client.total_usage() == RequestUsage(3, 4)


async def test_a_stream_ends_with_the_whole_reply() -> None:
    client = hub(result("Hi to you", thought="Greet."), "x")

    items = [item async for item in client.create_stream(ASK)]
    await client.create(ASK)

    assert items[:-1] == ["Hi ", "to ", "you"]
    assert items[-1] == CreateResult(
        finish_reason="stop", content="Hi to you", usage=RequestUsage(3, 4), cached=False, thought="Greet."
    )
    assert client.total_usage() == RequestUsage(6, 5)
    assert client.actual_usage() == RequestUsage(3, 1)


@pytest.mark.parametrize("streaming", [False, True])
async def test_log_probabilities_come_back(streaming: bool) -> None:
    top = [TopLogprob(logprob=-0.5, bytes=[72]), TopLogprob(logprob=-1.5)]
    told = [ChatCompletionTokenLogprob(token="Hi", logprob=-0.5, top_logprobs=top, bytes=[72, 105])]
    client = hub(result("Hi", logprobs=told))

    if streaming:
        reply: Any = [item async for item in client.create_stream(ASK)][-1]
    else:
        reply = await client.create(ASK)

    assert reply.logprobs == told


@pytest.mark.parametrize("streaming", [False, True])
async def test_log_probabilities_of_the_openai_connector_come_back(streaming: bool) -> None:
    from semantic_kernel.connectors.ai.open_ai import OpenAIChatCompletion, OpenAIChatPromptExecutionSettings

    async with OpenAIServer() as server, AsyncOpenAI(api_key="test", base_url=server.url) as openai:
        server.reply(Text("It is three.", logprobs=True))
        service = OpenAIChatCompletion(ai_model_id="gpt-4o", async_client=openai)
        client = SKChatCompletionAdapter(service, Kernel(), OpenAIChatPromptExecutionSettings(logprobs=True))
        if streaming:
            reply: Any = [item async for item in client.create_stream(ASK)][-1]
        else:
            reply = await client.create(ASK)

    assert "".join(token.token for token in reply.logprobs or []) == "It is three."
    assert all(token.logprob <= 0 for token in reply.logprobs)


@pytest.mark.parametrize("streaming", [False, True])
async def test_calls_come_back_under_the_names_of_the_tools(streaming: bool) -> None:
    calls = [FunctionCall(id=i, name="get_weather", arguments=f'{{"city": "{i}"}}') for i in "ab"]
    client = hub(result(calls, finish_reason="function_calls", thought="Look."))
    schema = ToolSchema(name="look-up", parameters={"type": "object", "properties": {}})

    if streaming:
        reply: Any = [item async for item in client.create_stream(ASK, tools=[WEATHER, schema])][-1]
    else:
        reply = await client.create(ASK, tools=[WEATHER, schema])

    assert (reply.content, reply.finish_reason, reply.thought) == (calls, "function_calls", "Look.")
    service: Any = client._client
    assert [tool["name"] for tool in service.model_client.create_calls[0]["tools"]] == ["get_weather", "look-up"]


async def test_earlier_calls_and_results_go_to_the_service() -> None:
    client = hub("Nice.")
    before: list[LLMMessage] = [
        *ASK,
        AssistantMessage(content=[FunctionCall(id="1", name="look-up", arguments="{}")], thought="Hm", source="bot"),
        FunctionExecutionResultMessage(
            content=[FunctionExecutionResult(content="sun", name="look-up", call_id="1", is_error=False)]
        ),
    ]

    await client.create(before)

    service: Any = client._client
    assert service.model_client.create_calls[0]["messages"] == before


async def test_pieces_of_parallel_calls_are_merged_by_id() -> None:
    """A piece without an id belongs to the call of its index (spec: newer N-326)."""

    def call(**fields: Any) -> dict[str, Any]:
        return {"items": [FunctionCallContent(**fields)]}

    client = scripted(
        [
            call(id="a", index=0, name="tools-add", arguments='{"x":'),
            call(id="b", index=1, name="sub", arguments=None),
            call(id="a", index=0, arguments=" 1"),
            call(id=None, index=1, arguments='{"y": 2}'),
            call(id=None, index=0, arguments="}"),
            call(id="c", name="none"),
        ]
    )

    reply = [item async for item in client.create_stream(ASK)][-1]

    assert isinstance(reply, CreateResult)
    assert reply.content == [
        FunctionCall(id="a", name="tools-add", arguments='{"x": 1}'),
        FunctionCall(id="b", name="sub", arguments='{"y": 2}'),
        FunctionCall(id="c", name="none", arguments="{}"),
    ]


async def test_a_name_that_the_connector_split_is_found_again() -> None:
    """Google's connector reads the first underscore of a name as the hyphen after a plugin."""
    client = scripted([{"items": [FunctionCallContent(id="1", name="get-weather", arguments="{}")]}])

    reply = await client.create(ASK, tools=[WEATHER])

    assert reply.content == [FunctionCall(id="1", name="get_weather", arguments="{}")]


async def test_of_usage_that_grows_the_last_counts() -> None:
    def piece(tokens: int) -> dict[str, Any]:
        return {"content": "x", "metadata": {"usage": CompletionUsage(prompt_tokens=2, completion_tokens=tokens)}}

    client = scripted([piece(1), piece(2)])

    _ = [item async for item in client.create_stream(ASK)]

    assert client.actual_usage() == RequestUsage(2, 2)


@pytest.mark.parametrize("streaming", [False, True])
async def test_functions_of_the_kernel_are_called_where_the_settings_say_so(streaming: bool) -> None:
    @kernel_function(name="now", description="The time")
    def now() -> str:
        return "noon"

    kernel = Kernel()
    kernel.add_function("clock", now)
    settings = PromptExecutionSettings(function_choice_behavior=FunctionChoiceBehavior.Auto())
    asks = result([FunctionCall(id="1", name="clock-now", arguments="{}")], finish_reason="function_calls")
    client = hub(asks, "It is noon.", prompt_settings=settings)
    extra = {"kernel": kernel}

    if streaming:
        reply: Any = [item async for item in client.create_stream(ASK, extra_create_args=extra)][-1]
    else:
        reply = await client.create(ASK, extra_create_args=extra)

    assert (reply.content, reply.finish_reason) == ("It is noon.", "stop")
    assert reply.usage.completion_tokens == 4 + 3


async def test_functions_of_the_kernel_beside_tools_come_back_with_their_plugin() -> None:
    @kernel_function(name="now", description="The time")
    def now() -> str:
        return "noon"

    kernel = Kernel()
    kernel.add_function("clock", now)
    settings = PromptExecutionSettings(function_choice_behavior=FunctionChoiceBehavior.Auto(auto_invoke=False))
    calls = [FunctionCall(id="1", name="clock-now", arguments="{}")]
    client = hub(result(calls, finish_reason="function_calls"))

    reply = await client.create(
        ASK, tools=[WEATHER], extra_create_args={"kernel": kernel, "prompt_execution_settings": settings}
    )

    assert reply.content == calls
    service: Any = client._client
    assert [t["name"] for t in service.model_client.create_calls[0]["tools"]] == ["get_weather", "clock-now"]


async def test_tools_and_functions_that_semantic_kernel_calls_exclude_each_other() -> None:
    settings = PromptExecutionSettings(function_choice_behavior=FunctionChoiceBehavior.Auto())

    with pytest.raises(ValueError, match="the prompt settings have Semantic Kernel call functions itself"):
        await hub("x", prompt_settings=settings).create(ASK, tools=[WEATHER])


@pytest.mark.parametrize(("choice", "expected"), [("required", "required"), ("none", "none"), (WEATHER, "required")])
@pytest.mark.parametrize("streaming", [False, True])
async def test_a_tool_choice_is_handed_on_with_a_warning(choice: Any, expected: str, streaming: bool) -> None:
    other = ToolSchema(name="other")
    client = hub("x")

    async def ask() -> None:
        if streaming:
            _ = [item async for item in client.create_stream(ASK, tools=[WEATHER, other], tool_choice=choice)]
        else:
            await client.create(ASK, tools=[WEATHER, other], tool_choice=choice)

    with pytest.warns(UserWarning, match="tool_choice is handed on as a function choice behavior") as told:
        await ask()

    assert [warning.filename for warning in told] == [__file__]  # it is the caller who can do something about it
    service: Any = client._client
    (call,) = service.model_client.create_calls
    assert call["tool_choice"] == expected
    assert len(call["tools"]) == (1 if choice is WEATHER else 2)


class Sum(BaseModel):
    total: int


PICTURE = UserMessage(content=["?", Image.from_pil(PILImage.new("RGB", (1, 1)))], source="user")


@pytest.mark.parametrize(
    ("options", "arguments", "error"),
    [
        ({"kernel": None}, {}, "a kernel must be given, either to the constructor or as extra_create_args"),
        ({}, {"json_output": Sum}, "^structured output is not supported through Semantic Kernel"),
        ({}, {"json_output": "yes"}, "^json_output must be a boolean or a Pydantic model class, got 'yes'$"),
        ({}, {"messages": [PICTURE]}, "Model does not support vision and image was provided"),
        ({"model_info": None}, {"tools": [WEATHER]}, "Model does not support function calling. Set model_info"),
        ({"model_info": None}, {"json_output": True}, "Model does not support JSON output"),
        (
            {},
            {"extra_create_args": {"prompt_execution_settings": 3}},
            "has to be the service's settings, not a int",
        ),
    ],
)
async def test_what_cannot_be_done_is_refused(options: dict[str, Any], arguments: dict[str, Any], error: str) -> None:
    service = HubChatCompletion(ReplayChatCompletionClient(["x"], model_info=INFO))
    made = {"kernel": Kernel(), "model_info": INFO, **options}
    client = SKChatCompletionAdapter(service, **made)

    with pytest.raises(ValueError, match=error):
        await client.create(**{"messages": ASK, **arguments})


async def test_a_service_that_cannot_call_functions_is_not_offered_any() -> None:
    class Plain(Scripted):
        SUPPORTS_FUNCTION_CALLING: ClassVar[bool] = False

    with pytest.raises(ValueError, match="Plain does not support function calling and tools were provided"):
        await SKChatCompletionAdapter(Plain(ai_model_id="x"), Kernel(), model_info=INFO).create(ASK, tools=[WEATHER])


async def test_settings_of_a_request_override_those_of_the_constructor() -> None:
    client = hub("x", "y", prompt_settings=PromptExecutionSettings(temperature=0.2))
    own = PromptExecutionSettings(temperature=0.7)

    await client.create(ASK)
    await client.create(ASK, extra_create_args={"prompt_execution_settings": own, "seed": 1}, json_output=True)

    service: Any = client._client
    first, second = service.model_client.create_calls
    assert (first["extra_create_args"], first["json_output"]) == ({"temperature": 0.2}, None)
    assert (second["extra_create_args"], second["json_output"]) == ({"temperature": 0.7, "seed": 1}, True)
    assert own.extension_data == {"temperature": 0.7}


async def test_thoughts_of_the_family_r1_are_split_off() -> None:
    info = {**INFO, "family": "r1"}

    reply = await hub("<think>Greet.</think> Hi.", model_info=info).create(ASK)

    assert (reply.thought, reply.content) == ("Greet.", "Hi.")
    with pytest.warns(UserWarning, match="No thought was extracted"):
        assert (await hub("Hi.", model_info=info).create(ASK)).content == "Hi."


async def test_cancelling_the_token_cancels_the_service() -> None:
    started, cancelled = asyncio.Event(), asyncio.Event()

    class Waiting(Scripted):
        async def _inner_get_chat_message_contents(self, *args: Any, **kwargs: Any) -> list[ChatMessageContent]:
            started.set()
            try:
                return await asyncio.Future()
            finally:
                cancelled.set()

    token = CancellationToken()
    client = SKChatCompletionAdapter(Waiting(ai_model_id="x"), Kernel())
    running = asyncio.ensure_future(client.create(ASK, cancellation_token=token))
    await started.wait()

    token.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert cancelled.is_set()
    with pytest.raises(asyncio.CancelledError):
        await client.create(ASK, cancellation_token=token)


@pytest.mark.parametrize("streaming", [False, True])
async def test_cancelling_closes_the_request_of_the_openai_connector(streaming: bool) -> None:
    from semantic_kernel.connectors.ai.open_ai import OpenAIChatCompletion

    token = CancellationToken()
    async with OpenAIServer() as server, AsyncOpenAI(api_key="test", base_url=server.url, max_retries=0) as openai:
        server.reply(Stall("Let me" if streaming else ""))
        client: SKChatCompletionAdapter = adapt(OpenAIChatCompletion(ai_model_id="gpt-4o", async_client=openai))

        async def ask() -> None:
            if streaming:
                _ = [item async for item in client.create_stream(ASK, cancellation_token=token)]
            else:
                await client.create(ASK, cancellation_token=token)

        running = asyncio.create_task(ask())
        asked = await server.received()

        token.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

        await asyncio.wait_for(asked.closed.wait(), 5)


async def test_leaving_a_stream_ends_the_services() -> None:
    closed = asyncio.Event()

    class Endless(Scripted):
        async def _inner_get_streaming_chat_message_contents(
            self, *args: Any, **kwargs: Any
        ) -> AsyncGenerator[list[StreamingChatMessageContent], Any]:
            try:
                while True:
                    yield [StreamingChatMessageContent(role=AuthorRole.ASSISTANT, choice_index=0, content="word ")]
                    await asyncio.sleep(0)
            finally:
                closed.set()

    stream = SKChatCompletionAdapter(Endless(ai_model_id="x"), Kernel()).create_stream(ASK)
    assert await anext(stream) == "word "

    await stream.aclose()

    assert len(asyncio.all_tasks()) == 1
    await asyncio.wait_for(closed.wait(), 5)


async def test_reasoning_before_the_text_streams_between_tags() -> None:
    client = scripted(
        [
            {"items": [StreamingReasoningContent(choice_index=0, text="Gre")]},
            {"items": [StreamingReasoningContent(choice_index=0, text="et.")]},
            {"content": "Hi "},
            {"content": "there"},
        ]
    )

    items = [item async for item in client.create_stream(ASK)]

    assert items[:-1] == ["<think>Gre", "et.", "</think>Hi ", "there"]
    assert isinstance(items[-1], CreateResult)
    assert (items[-1].thought, items[-1].content) == ("Greet.", "Hi there")


async def test_reasoning_before_a_call_is_closed() -> None:
    client = scripted(
        [
            {"items": [StreamingReasoningContent(choice_index=0, text="Look.")]},
            {"items": [FunctionCallContent(id="1", name="get_weather", arguments="{}")]},
        ]
    )

    items = [item async for item in client.create_stream(ASK, tools=[WEATHER])]

    assert items[:-1] == ["<think>Look.", "</think>"]
    assert isinstance(items[-1], CreateResult)
    assert items[-1].thought == "Look."


async def test_reasoning_after_the_text_is_left_to_the_reply() -> None:
    client = scripted(
        [
            {"content": "Hi "},
            {"items": [StreamingReasoningContent(choice_index=0, text="Go on.")]},
            {"content": "there"},
        ]
    )

    items = [item async for item in client.create_stream(ASK)]

    assert items[:-1] == ["Hi ", "there"]
    assert isinstance(items[-1], CreateResult)
    assert (items[-1].thought, items[-1].content) == ("Go on.", "Hi there")


def test_it_tells_what_the_model_can_do_twice() -> None:
    """`capabilities` are the whole `ModelInfo` (spec: 000 L27450)."""
    client = hub()

    assert client.capabilities == client.model_info == INFO


def test_it_is_not_declarative() -> None:
    with pytest.raises(NotImplementedError):
        hub().dump_component()


def test_what_is_left_of_the_window_is_estimated() -> None:
    client = hub(context_window=100)

    assert client.count_tokens(ASK) > client.count_tokens(ASK[:1]) > 0
    assert client.count_tokens(ASK, tools=[WEATHER]) > client.count_tokens(ASK)
    assert client.remaining_tokens(ASK) == 100 - client.count_tokens(ASK)
    assert client.remaining_tokens(ASK * 10, tools=[WEATHER]) < 0
    with pytest.raises(ValueError, match="context_window must be positive, not 0"):
        hub(context_window=0)


@pytest.mark.filterwarnings("error")
def test_a_window_that_is_not_known_is_warned_of_once() -> None:
    client = hub()

    with pytest.warns(
        UserWarning, match="the context window of HubChatCompletion is not known; it is taken to be 128,"
    ):
        left = client.remaining_tokens(ASK)

    assert left == client.remaining_tokens(ASK) == 128_000 - client.count_tokens(ASK)


async def test_a_model_context_without_a_limit_of_its_own_fits_the_window() -> None:
    client = hub("x", context_window=60)
    context = TokenLimitedChatCompletionContext(client)
    for number in range(10):
        await context.add_message(UserMessage(content=f"Question {number}", source="user"))

    kept = await context.get_messages()

    assert 0 < len(kept) < 10
    assert client.remaining_tokens(kept) >= 0


async def test_the_openai_connector_puts_tools_and_json_mode_on_the_wire() -> None:
    from semantic_kernel.connectors.ai.open_ai import OpenAIChatCompletion, OpenAIChatPromptExecutionSettings
    from semantic_kernel.memory.null_memory import NullMemory

    async with OpenAIServer() as server, AsyncOpenAI(api_key="test", base_url=server.url) as openai:
        server.reply(
            Calls(("get_weather", {"city": "Rome"})), Text('{"a": 1}'), Calls(("get_weather", {"city": "Oslo"}))
        )
        client = SKChatCompletionAdapter(
            OpenAIChatCompletion(ai_model_id="gpt-4o", async_client=openai),
            kernel=Kernel(memory=NullMemory()),
            prompt_settings=OpenAIChatPromptExecutionSettings(temperature=0.2),
            model_info=INFO,
        )
        called = await client.create(ASK, tools=[WEATHER])
        said = await client.create(ASK, json_output=True, extra_create_args={"seed": 7})
        streamed = [item async for item in client.create_stream(ASK, tools=[WEATHER])][-1]
        with pytest.raises(ValueError, match="has no field 'depth' for the option in extra_create_args"):
            await client.create(ASK, extra_create_args={"depth": 1})
        requests = [request.body for request in server.requests]

    assert isinstance(called.content, list)
    assert [(call.name, call.arguments) for call in called.content] == [("get_weather", '{"city": "Rome"}')]
    assert called.usage.prompt_tokens > 0
    assert said.content == '{"a": 1}'
    assert isinstance(streamed, CreateResult)
    assert isinstance(streamed.content, list)
    assert [(call.name, call.arguments) for call in streamed.content] == [("get_weather", '{"city": "Oslo"}')]
    assert streamed.usage.prompt_tokens > 0
    assert [tool["function"]["name"] for tool in requests[0]["tools"]] == ["get_weather"]
    assert (requests[0]["temperature"], requests[0]["tool_choice"]) == (0.2, "auto")
    assert (requests[1]["response_format"], requests[1]["seed"]) == ({"type": "json_object"}, 7)


async def test_an_assistant_agent_uses_its_tool_on_a_model_of_semantic_kernel() -> None:
    """The documents' scenario, with the connector's HTTP served here (spec: 000 L27222)."""
    from semantic_kernel.connectors.ai.open_ai import OpenAIChatCompletion
    from semantic_kernel.memory.null_memory import NullMemory

    async with OpenAIServer() as server, AsyncOpenAI(api_key="test", base_url=server.url) as openai:
        server.reply(Calls(("get_weather", {"city": "Rome"})), Text("It is nice in Rome."))
        client = SKChatCompletionAdapter(
            OpenAIChatCompletion(ai_model_id="gpt-4o", async_client=openai),
            kernel=Kernel(memory=NullMemory()),
            model_info=INFO,
        )
        agent = AssistantAgent("assistant", model_client=client, tools=[WEATHER], reflect_on_tool_use=True)

        done = await agent.run(task="How is the weather in Rome?")
        sent = server.requests[1].body

    assert done.messages[-1].to_text() == "It is nice in Rome."
    assert [message["role"] for message in sent["messages"]] == ["system", "user", "assistant", "tool"]
    assert sent["messages"][-1]["content"] == "The weather in Rome is nice."
