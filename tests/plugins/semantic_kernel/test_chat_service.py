"""The hub's model client as a chat completion service of Semantic Kernel."""

from __future__ import annotations

import asyncio
import functools
import itertools
from collections.abc import AsyncGenerator
from typing import Any

import pytest

pytest.importorskip("semantic_kernel", reason="Semantic Kernel is not in every environment")

from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from semantic_kernel.connectors.ai.chat_completion_client_base import ChatCompletionClientBase
from semantic_kernel.connectors.ai.function_choice_behavior import FunctionChoiceBehavior
from semantic_kernel.connectors.ai.prompt_execution_settings import PromptExecutionSettings
from semantic_kernel.contents import ChatHistory, ChatMessageContent, FunctionCallContent, StreamingChatMessageContent
from semantic_kernel.contents.reasoning_content import ReasoningContent
from semantic_kernel.exceptions import ServiceInvalidExecutionSettingsError
from semantic_kernel.functions import KernelArguments, kernel_function
from semantic_kernel.kernel import Kernel

from hubbub_core import FunctionCall
from hubbub_core.models import (
    AssistantMessage,
    ChatCompletionTokenLogprob,
    CreateResult,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    ModelInfo,
    RequestUsage,
    SystemMessage,
    UserMessage,
)
from hubbub_core.models.replay import ReplayChatCompletionClient
from hubbub_registry import adapt
from hubbub_semantic_kernel import HubChatCompletion, HubPromptExecutionSettings

INFO = ModelInfo(vision=False, function_calling=True, json_output=True, family="unknown", structured_output=True)


class Maths:
    """A plugin."""

    @kernel_function(description="Add two numbers")
    def add(self, a: int, b: int) -> int:
        return a + b


def replay(*answers: str | CreateResult) -> ReplayChatCompletionClient:
    return ReplayChatCompletionClient(list(answers), model_info=INFO)


def asks(*arguments: str, name: str = "maths-add", thought: str | None = None) -> CreateResult:
    calls = [FunctionCall(id=str(number), name=name, arguments=text) for number, text in enumerate(arguments)]
    return CreateResult(
        finish_reason="function_calls", content=calls, usage=RequestUsage(3, 4), cached=False, thought=thought
    )


def history() -> ChatHistory:
    found = ChatHistory(system_message="Be brief.")
    found.add_user_message("Hello?")
    return found


def kernel(client: ReplayChatCompletionClient) -> Kernel:
    made = Kernel(services=HubChatCompletion(client))
    made.add_plugin(Maths(), "maths")
    return made


def asked(client: ReplayChatCompletionClient, index: int = 0) -> Any:
    return client.create_calls[index]


async def test_adapt_dresses_a_client_as_a_service() -> None:
    client = replay("Hi.")

    service = adapt(client, to="semantic_kernel.connectors.ai.chat_completion_client_base.ChatCompletionClientBase")

    assert isinstance(service, ChatCompletionClientBase)
    reply = await service.get_chat_message_content(history(), HubPromptExecutionSettings())
    assert reply is not None
    assert (reply.content, reply.finish_reason) == ("Hi.", "stop")
    assert asked(client)["messages"] == [
        SystemMessage(content="Be brief."),
        UserMessage(content="Hello?", source="user"),
    ]


async def test_a_reply_keeps_usage_thought_finish_reason_and_logprobs() -> None:
    result = CreateResult(
        finish_reason="length",
        content="Hi",
        usage=RequestUsage(3, 4),
        cached=True,
        thought="Greet.",
        logprobs=[ChatCompletionTokenLogprob(token="Hi", logprob=-0.5)],
    )

    (reply,) = await HubChatCompletion(replay(result)).get_chat_message_contents(
        history(), HubPromptExecutionSettings()
    )

    usage = reply.metadata["usage"]
    assert (reply.finish_reason, reply.metadata["cached"]) == ("length", True)
    assert (usage.prompt_tokens, usage.completion_tokens) == (3, 4)
    assert [str(item) for item in reply.items if isinstance(item, ReasoningContent)] == ["Greet."]
    assert reply.metadata["logprobs"][0]["token"] == "Hi"
    assert isinstance(reply.inner_content, CreateResult)


async def test_a_stream_adds_up_to_the_reply() -> None:
    service = HubChatCompletion(
        replay(
            CreateResult(
                finish_reason="stop", content="Hi to you", usage=RequestUsage(0, 3), cached=False, thought="Greet."
            )
        )
    )

    pieces = [
        piece
        async for piece in service.get_streaming_chat_message_content(history(), HubPromptExecutionSettings())
        if piece is not None
    ]

    assert [str(piece) for piece in pieces[:3]] == ["Hi ", "to ", "you"]
    whole: StreamingChatMessageContent = pieces[0]
    for piece in pieces[1:]:
        whole = whole + piece
    assert (whole.content, whole.finish_reason, whole.metadata["usage"].completion_tokens) == ("Hi to you", "stop", 3)
    assert [str(item) for item in whole.items if isinstance(item, ReasoningContent)] == ["Greet."]


class Thinking(ReplayChatCompletionClient):
    """Streams these pieces, as clients do whose models send their reasoning apart."""

    def __init__(self, pieces: list[str], whole: CreateResult) -> None:
        super().__init__([whole], model_info=INFO)
        self.pieces = pieces
        self.whole = whole

    async def create_stream(self, *args: Any, **kwargs: Any) -> AsyncGenerator[str | CreateResult, None]:
        for piece in self.pieces:
            yield piece
        yield self.whole


@given(
    st.text().filter(lambda text: "</think>" not in text),
    st.text().filter(bool),
    st.sets(st.integers(0, 60), max_size=8),
)
def test_a_thought_in_a_stream_is_told_from_the_text(thought: str, text: str, cuts: set[int]) -> None:
    tagged = f"<think>{thought}</think>{text}"
    places = [0, *sorted(cut for cut in cuts if cut < len(tagged)), len(tagged)]
    pieces = [tagged[start:end] for start, end in itertools.pairwise(places)]
    reply = CreateResult(
        finish_reason="stop", content=text, usage=RequestUsage(0, 1), cached=False, thought=thought or None
    )
    service = HubChatCompletion(Thinking(pieces, reply))

    async def streamed() -> StreamingChatMessageContent:
        stream = service.get_streaming_chat_message_content(history(), HubPromptExecutionSettings())
        shown = [piece async for piece in stream if piece is not None]
        return functools.reduce(lambda whole, piece: whole + piece, shown)

    whole = asyncio.run(streamed())

    assert whole.content == text
    assert "".join(item.text or "" for item in whole.items if isinstance(item, ReasoningContent)) == thought


async def test_a_thought_that_streams_stays_out_of_the_answer_of_an_agent() -> None:
    from semantic_kernel.agents import ChatCompletionAgent

    reply = CreateResult(
        finish_reason="stop", content="Three.", usage=RequestUsage(0, 1), cached=False, thought="Two summands."
    )
    client = Thinking(["<think>Two", " summands.", "</think>Three", "."], reply)
    agent = adapt(ChatCompletionAgent(name="calc", service=HubChatCompletion(client)))

    items: list[Any] = [item async for item in agent.run_stream("1 + 2?")]

    assert [(item.kind, item.content) for item in items[:-1]] == [
        ("thought", "Two"),
        ("thought", " summands."),
        ("text", "Three"),
        ("text", "."),
    ]
    assert items[-1].messages == [AssistantMessage(content="Three.", thought="Two summands.", source="calc")]


@pytest.mark.parametrize(("options", "expected"), [({}, (20, 3)), ({"include_usage": False}, (0, 0))])
async def test_tokens_of_a_stream_are_asked_for(options: dict[str, Any], expected: tuple[int, int]) -> None:
    from openai_server import OpenAIServer, Text
    from semantic_kernel.agents import ChatCompletionAgent

    from hubbub_openai import OpenAIChatCompletionClient

    async with OpenAIServer() as server:
        server.reply(Text("It is three.", usage=(20, 3)))
        client = OpenAIChatCompletionClient(model="gpt-4o", api_key="test", base_url=server.url)
        service = HubChatCompletion(client, extra_create_args=options)
        result = await adapt(ChatCompletionAgent(name="calc", service=service)).run("1 + 2?")
        await client.close()

    assert (result.usage.prompt_tokens, result.usage.completion_tokens) == expected


@pytest.mark.parametrize("streaming", [False, True])
async def test_the_kernel_calls_functions_by_itself(streaming: bool) -> None:
    client = replay(asks('{"a": 1, "b": 2}', '{"a": 3, "b": 4}', thought="Sums."), "3 and 7.")
    settings = HubPromptExecutionSettings(function_choice_behavior=FunctionChoiceBehavior.Auto())
    said = history()
    service = HubChatCompletion(client)

    if streaming:
        stream = service.get_streaming_chat_message_contents(said, settings, kernel=kernel(client))
        answer = "".join([str(piece) async for pieces in stream for piece in pieces if piece.role == "assistant"])
    else:
        answer = str((await service.get_chat_message_contents(said, settings, kernel=kernel(client)))[0])

    assert answer == "3 and 7."
    assert asked(client)["tool_choice"] == "auto"
    assert [tool["name"] for tool in asked(client)["tools"]] == ["maths-add"]
    assert set(asked(client)["tools"][0]["parameters"]["properties"]) == {"a", "b"}
    assert asked(client, 1)["messages"][2:] == [
        AssistantMessage(
            content=[
                FunctionCall(id="0", name="maths-add", arguments='{"a": 1, "b": 2}'),
                FunctionCall(id="1", name="maths-add", arguments='{"a": 3, "b": 4}'),
            ],
            thought="Sums.",
            source="assistant",
        ),
        FunctionExecutionResultMessage(
            content=[
                FunctionExecutionResult(content="3", name="maths-add", call_id="0"),
                FunctionExecutionResult(content="7", name="maths-add", call_id="1"),
            ]
        ),
    ]


@pytest.mark.parametrize("streaming", [False, True])
async def test_calls_are_handed_over_where_the_caller_makes_them(streaming: bool) -> None:
    client = replay(asks('{"a": 1, "b": 2}'))
    settings = HubPromptExecutionSettings(function_choice_behavior=FunctionChoiceBehavior.Auto(auto_invoke=False))
    service = HubChatCompletion(client)

    replies: list[ChatMessageContent] = []
    if streaming:
        async for pieces in service.get_streaming_chat_message_contents(history(), settings, kernel=kernel(client)):
            replies += pieces
    else:
        replies += await service.get_chat_message_contents(history(), settings, kernel=kernel(client))

    (call,) = [item for reply in replies for item in reply.items if isinstance(item, FunctionCallContent)]
    assert (call.id, call.plugin_name, call.function_name, call.arguments) == ("0", "maths", "add", '{"a": 1, "b": 2}')
    assert replies[-1].finish_reason == "tool_calls"
    assert len(client.create_calls) == 1


@pytest.mark.parametrize(
    ("behavior", "choice"),
    [
        (FunctionChoiceBehavior.Required(auto_invoke=False), "required"),
        (FunctionChoiceBehavior.NoneInvoke(), "none"),
    ],
)
async def test_the_choice_reaches_the_model(behavior: FunctionChoiceBehavior, choice: str) -> None:
    client = replay("x")

    await HubChatCompletion(client).get_chat_message_contents(
        history(), HubPromptExecutionSettings(function_choice_behavior=behavior), kernel=kernel(client)
    )

    assert (asked(client)["tool_choice"], len(asked(client)["tools"])) == (choice, 1)


async def test_after_the_last_allowed_round_no_functions_are_offered() -> None:
    client = replay(asks('{"a": 1, "b": 2}'), "3.")
    settings = HubPromptExecutionSettings(function_choice_behavior=FunctionChoiceBehavior.Required())

    (reply,) = await HubChatCompletion(client).get_chat_message_contents(history(), settings, kernel=kernel(client))

    assert str(reply) == "3."
    assert list(asked(client, 1)["tools"]) == []


async def test_options_of_any_settings_reach_the_client() -> None:
    client = replay("x")
    service = HubChatCompletion(client, extra_create_args={"seed": 1, "temperature": 0.9})

    await service.get_chat_message_contents(history(), PromptExecutionSettings(temperature=0.1))

    assert asked(client)["extra_create_args"] == {"seed": 1, "temperature": 0.1}
    assert asked(client)["json_output"] is None


class Sum(BaseModel):
    total: int


@pytest.mark.parametrize(
    ("wanted", "expected"), [(Sum, Sum), ({"type": "json_object"}, True), ({"type": "text"}, None)]
)
async def test_response_formats_reach_the_client(wanted: Any, expected: Any) -> None:
    client = replay("{}")

    await HubChatCompletion(client).get_chat_message_contents(
        history(), HubPromptExecutionSettings(response_format=wanted)
    )

    assert asked(client)["json_output"] is expected


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"response_format": {"type": "json_schema"}}, "response_format .* cannot be converted: give a pydantic class"),
        ({"tools": [{"type": "web_search"}]}, "the tool .*web_search.* cannot be converted: models of the hub take"),
        (
            {"tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "f"},
            "tool_choice 'f' cannot be converted; it may be auto, required, none",
        ),
    ],
)
async def test_settings_that_cannot_be_converted_are_refused(settings: dict[str, Any], error: str) -> None:
    with pytest.raises(ValueError, match=error):
        await HubChatCompletion(replay("x")).get_chat_message_contents(
            history(), HubPromptExecutionSettings(**settings)
        )


async def test_functions_for_a_model_that_cannot_call_them_are_refused() -> None:
    client = ReplayChatCompletionClient(["x"])
    settings = HubPromptExecutionSettings(function_choice_behavior=FunctionChoiceBehavior.Auto())

    with pytest.raises(ValueError, match="cannot call functions, but is offered maths-add"):
        await HubChatCompletion(client).get_chat_message_contents(history(), settings, kernel=kernel(client))


async def test_functions_without_a_kernel_are_semantic_kernels_error() -> None:
    settings = HubPromptExecutionSettings(function_choice_behavior=FunctionChoiceBehavior.Auto())

    with pytest.raises(ServiceInvalidExecutionSettingsError, match="kernel is required"):
        await HubChatCompletion(replay("x")).get_chat_message_contents(history(), settings)


async def test_a_prompt_function_asks_the_hubs_model() -> None:
    client = replay("Bees hum.")

    result = await kernel(client).invoke_prompt("Write on {{$topic}}", arguments=KernelArguments(topic="bees"))

    assert str(result) == "Bees hum."
    assert asked(client)["messages"] == [UserMessage(content="Write on bees", source="user")]


async def test_cancelling_a_call_cancels_the_clients_request() -> None:
    started, cancelled = asyncio.Event(), asyncio.Event()

    class Waiting(ReplayChatCompletionClient):
        async def create(self, *args: Any, **kwargs: Any) -> CreateResult:
            started.set()
            try:
                return await asyncio.Future()
            finally:
                cancelled.set()

    service = HubChatCompletion(Waiting([]))
    task = asyncio.create_task(service.get_chat_message_contents(history(), HubPromptExecutionSettings()))
    await started.wait()

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert cancelled.is_set()


async def test_leaving_a_stream_closes_the_clients() -> None:
    closed = asyncio.Event()

    class Endless(ReplayChatCompletionClient):
        async def create_stream(self, *args: Any, **kwargs: Any) -> AsyncGenerator[str | CreateResult, None]:
            try:
                while True:
                    yield "word "
            finally:
                closed.set()

    service = HubChatCompletion(Endless([]))
    stream = service._inner_get_streaming_chat_message_contents(history(), HubPromptExecutionSettings())
    await anext(stream)

    await stream.aclose()

    assert closed.is_set()


def test_a_dump_holds_no_client_and_the_service_is_named() -> None:
    service = HubChatCompletion(replay(), ai_model_id="small", service_id="chat")

    assert set(service.model_dump()) == {"ai_model_id", "service_id", "instruction_role"}
    assert "model_client" not in repr(service)
    assert (service.ai_model_id, service.service_id) == ("small", "chat")
    assert HubChatCompletion(replay()).service_id == "hubbub"
