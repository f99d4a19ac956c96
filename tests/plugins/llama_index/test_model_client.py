"""LlamaIndex LLMs as model clients of the hub."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import threading
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    CompletionResponse,
    ImageBlock,
    LLMMetadata,
    LogProb,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from llama_index.core.llms import CustomLLM, MockLLM
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.tools import BaseTool as ForeignTool
from PIL import Image as PILImage
from pydantic import BaseModel, Field

from hubbub_core import EVENT_LOGGER_NAME, CancellationToken, FunctionCall, Image
from hubbub_core.models import (
    AssistantMessage,
    ChatCompletionClient,
    CreateResult,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    LLMMessage,
    ModelFamily,
    ModelInfo,
    RequestUsage,
    SystemMessage,
    UserMessage,
)
from hubbub_core.models.replay import ReplayChatCompletionClient
from hubbub_core.tools import FunctionTool, ToolSchema
from hubbub_llama_index import HubLLM, LlamaIndexChatCompletionClient
from hubbub_registry import CapabilityError, adapt, allow

LLM_TYPE = "llama_index.core.llms.llm.LLM"
INFO = ModelInfo(vision=False, function_calling=True, json_output=False, family="unknown", structured_output=False)
ASK: list[LLMMessage] = [SystemMessage(content="Be brief."), UserMessage(content="Hello?", source="user")]


class Scripted(FunctionCallingLLM):
    """A function-calling LLM of LlamaIndex that gives prepared responses and records what it is asked."""

    responses: list[list[ChatResponse]] = Field(default_factory=list)
    asked: list[dict[str, Any]] = Field(default_factory=list)
    started: Any = None
    ended: Any = None

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(is_chat_model=True, is_function_calling_model=True, context_window=1000)

    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        return (await self._next(messages, kwargs))[-1]

    async def astream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> AsyncGenerator[ChatResponse, None]:
        async def pieces() -> AsyncGenerator[ChatResponse, None]:
            for response in await self._next(messages, kwargs):
                yield response

        return pieces()

    async def _next(self, messages: Sequence[ChatMessage], options: dict[str, Any]) -> list[ChatResponse]:
        self.asked.append({"messages": list(messages), **options})
        if self.started is not None:
            self.started.set()
            try:
                await asyncio.Future()
            finally:
                self.ended.set()
        return self.responses.pop(0)

    def _prepare_chat_with_tools(
        self,
        tools: Sequence[ForeignTool],
        user_msg: str | ChatMessage | None = None,
        chat_history: list[ChatMessage] | None = None,
        verbose: bool = False,
        allow_parallel_tool_calls: bool = False,
        tool_required: bool = False,
        **kwargs: Any,
    ) -> dict[str, Any]:
        return {
            "messages": chat_history,
            "tools": [tool.metadata.to_openai_tool()["function"] for tool in tools],
            "required": tool_required,
            "parallel": allow_parallel_tool_calls,
            **kwargs,
        }

    def chat(self, *args: Any, **kwargs: Any) -> Any:
        raise AssertionError("asked synchronously")

    def stream_chat(self, *args: Any, **kwargs: Any) -> Any:
        raise AssertionError("asked synchronously")

    def complete(self, *args: Any, **kwargs: Any) -> Any:
        raise AssertionError("asked synchronously")

    def stream_complete(self, *args: Any, **kwargs: Any) -> Any:
        raise AssertionError("asked synchronously")

    async def acomplete(self, *args: Any, **kwargs: Any) -> Any:
        raise AssertionError("asked for a completion")

    async def astream_complete(self, *args: Any, **kwargs: Any) -> Any:
        raise AssertionError("asked for a completion")


class Weather(BaseModel):
    """The weather of a place."""

    place: str
    degrees: int


def said(*blocks: Any, **fields: Any) -> list[ChatResponse]:
    return [ChatResponse(message=ChatMessage(role=MessageRole.ASSISTANT, blocks=list(blocks)), **fields)]


def text(content: str, **fields: Any) -> list[ChatResponse]:
    return said(TextBlock(text=content), **fields)


def call(name: str, arguments: dict[str, Any] | str, call_id: str = "1") -> ToolCallBlock:
    return ToolCallBlock(tool_call_id=call_id, tool_name=name, tool_kwargs=arguments)


def scripted(*responses: list[ChatResponse]) -> tuple[Scripted, ChatCompletionClient]:
    llm = Scripted(responses=list(responses))
    client = adapt(llm)
    assert isinstance(client, LlamaIndexChatCompletionClient)
    return llm, client


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


ADD = FunctionTool(add, "Add two numbers")
MUL: ToolSchema = {
    "name": "mul",
    "description": "Multiply",
    "parameters": {"type": "object", "properties": {"a": {"type": "integer", "enum": [1, 2]}}, "required": ["a"]},
}


async def test_messages_reach_the_llm_and_its_answer_comes_back() -> None:
    llm, client = scripted(text("Hi.", raw={"finish_reason": "length", "usage": {"prompt_tokens": 3}}))

    result = await client.create(ASK, extra_create_args={"temperature": 0.5})

    assert result == CreateResult(
        finish_reason="length", content="Hi.", usage=RequestUsage(3, 0), cached=False, thought=None
    )
    (asked,) = llm.asked
    assert [(message.role.value, message.content) for message in asked["messages"]] == [
        ("system", "Be brief."),
        ("user", "Hello?"),
    ]
    assert asked["temperature"] == 0.5
    assert client.total_usage() == RequestUsage(3, 0)


@pytest.mark.parametrize(
    ("response", "reason", "usage"),
    [
        (
            {"raw": SimpleNamespace(choices=[SimpleNamespace(finish_reason="content_filter")], usage=None)},
            "content_filter",
            (0, 0),
        ),
        (
            {"raw": {"stop_reason": "end_turn", "usage": SimpleNamespace(input_tokens=5, output_tokens=6)}},
            "stop",
            (5, 6),
        ),
        (
            {
                "raw": {
                    "finish_reason": SimpleNamespace(name="MAX_TOKENS"),
                    "usage_metadata": {"prompt_token_count": 7, "candidates_token_count": 8},
                }
            },
            "length",
            (7, 8),
        ),
        ({"raw": {"done_reason": "stop", "prompt_eval_count": 1, "eval_count": 2}}, "stop", (1, 2)),
        ({"additional_kwargs": {"prompt_tokens": 3, "completion_tokens": 4}, "raw": {}}, "unknown", (3, 4)),
        ({"raw": {"finish_reason": "pause_turn"}}, "unknown", (0, 0)),
    ],
)
async def test_each_vendors_usage_and_finish_reason_is_found(
    response: dict[str, Any], reason: str, usage: tuple[int, int]
) -> None:
    _, client = scripted(text("x", **response))

    result = await client.create(ASK)

    assert (result.finish_reason, result.usage) == (reason, RequestUsage(*usage))


async def test_calls_thoughts_and_log_probabilities_survive() -> None:
    blocks = [ThinkingBlock(content="Add them."), TextBlock(text="Let me see."), call("add", {"a": 1, "b": 2})]
    likeliest = [LogProb(token="A", logprob=-0.1), LogProb(token="B", logprob=-2.5)]
    _, client = scripted(said(*blocks, logprobs=[likeliest]))

    result = await client.create(ASK, tools=[ADD])

    assert result.content == [FunctionCall(id="1", name="add", arguments='{"a": 1, "b": 2}')]
    assert (result.thought, result.finish_reason) == ("Add them.\nLet me see.", "function_calls")
    assert result.logprobs is not None
    (token,) = result.logprobs
    assert (token.token, token.logprob) == ("A", -0.1)
    assert [top.logprob for top in token.top_logprobs or []] == [-0.1, -2.5]


async def test_tools_and_bare_schemas_are_shown_as_they_are() -> None:
    llm, client = scripted(text("No."))

    await client.create(ASK, tools=[ADD, MUL])

    (asked,) = llm.asked
    shown_add, shown_mul = asked["tools"]
    assert (shown_add["name"], shown_add["description"]) == ("add", "Add two numbers")
    assert shown_add["parameters"]["required"] == ["a", "b"]
    assert shown_mul == MUL
    assert (asked["required"], asked["parallel"]) == (False, True)


@pytest.mark.parametrize(
    ("choice", "names", "required"),
    [("auto", ["add", "mul"], False), ("required", ["add", "mul"], True), (ADD, ["add"], True), ("none", None, None)],
)
async def test_tool_choice_says_what_is_shown_and_required(choice: Any, names: Any, required: Any) -> None:
    llm, client = scripted(text("No."))

    await client.create(ASK, tools=[ADD, MUL], tool_choice=choice)

    (asked,) = llm.asked
    assert [tool["name"] for tool in asked["tools"]] == names if names else "tools" not in asked
    assert asked.get("required") is required


async def test_a_conversation_with_results_goes_to_the_llm_whole() -> None:
    llm, client = scripted(text("3"))
    asked_for = FunctionCall(id="7", name="add", arguments='{"a": 1, "b": 2}')
    result = FunctionExecutionResult(content="3", name="add", call_id="7", is_error=False)

    await client.create(
        [
            *ASK,
            AssistantMessage(content=[asked_for], source="a"),
            FunctionExecutionResultMessage(content=[result]),
        ],
        tools=[ADD],
    )

    *_, calling, answer = llm.asked[0]["messages"]
    assert calling.blocks == [call("add", '{"a": 1, "b": 2}', "7")]
    assert (answer.role, answer.content, answer.additional_kwargs["tool_call_id"]) == (MessageRole.TOOL, "3", "7")


async def test_a_stream_yields_thoughts_and_text_and_ends_with_the_whole() -> None:
    def piece(delta: str, whole: str, **fields: Any) -> ChatResponse:
        blocks = [ThinkingBlock(content="Hm."), TextBlock(text=whole)]
        return ChatResponse(message=ChatMessage(role=MessageRole.ASSISTANT, blocks=blocks), delta=delta, **fields)

    _, client = scripted(
        [
            piece("", "", additional_kwargs={"thinking_delta": "H"}),
            piece("", "", additional_kwargs={"thinking_delta": "m."}),
            piece("Hi ", "Hi "),
            piece("you.", "Hi you.", raw={"choices": [{"finish_reason": "stop"}]}),
            # OpenAI tells the tokens in a piece of its own, after the reason.
            piece("", "Hi you.", raw={"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2}}),
        ]
    )

    *pieces, result = [piece async for piece in client.create_stream(ASK)]

    assert pieces == ["<think>H", "m.", "</think>Hi ", "you."]
    assert result == CreateResult(
        finish_reason="stop", content="Hi you.", usage=RequestUsage(1, 2), cached=False, thought="Hm."
    )
    assert client.actual_usage() == RequestUsage(1, 2)


async def test_structured_output_is_a_call_that_the_model_must_make() -> None:
    answer = {"place": "SF", "degrees": 60}
    llm, client = scripted(said(call("Weather", answer)), said(call("Weather", answer)))

    result = await client.create(ASK, json_output=Weather)
    streamed = [piece async for piece in client.create_stream(ASK, json_output=Weather)]

    assert isinstance(result.content, str)
    assert Weather.model_validate_json(result.content) == Weather(place="SF", degrees=60)
    assert result.finish_reason == "stop"
    assert streamed == [result.content, result]
    assert llm.asked[0]["required"] is True
    assert [(tool["name"], tool["description"]) for tool in llm.asked[0]["tools"]] == [
        ("Weather", "The weather of a place.")
    ]


async def test_calls_come_before_the_structured_answer() -> None:
    _, client = scripted(said(call("add", {"a": 1, "b": 2}), call("Weather", {}, "2")))

    result = await client.create(ASK, tools=[ADD], json_output=Weather)

    assert result.content == [FunctionCall(id="1", name="add", arguments='{"a": 1, "b": 2}')]
    assert result.finish_reason == "function_calls"


class Told(CustomLLM):
    """A local model, as people write them: synchronous, text in and text out."""

    answer: str = "Hi."
    prompts: list[str] = Field(default_factory=list)
    threads: list[int] = Field(default_factory=list)

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata()

    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        self.prompts.append(prompt)
        self.threads.append(threading.get_ident())
        return CompletionResponse(text=self.answer)

    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> Any:
        self.threads.append(threading.get_ident())
        so_far = ""
        for word in self.answer.split(" "):
            so_far += word
            yield CompletionResponse(text=so_far, delta=word)


async def test_a_synchronous_llm_does_not_run_in_the_loop() -> None:
    llm = Told(answer="one two")
    client = adapt(llm)

    result = await client.create(ASK)
    pieces = [piece async for piece in client.create_stream(ASK)]

    assert result.content == "one two"
    assert pieces[:-1] == ["one", "two"]
    assert threading.get_ident() not in llm.threads
    assert len(llm.threads) == 2


async def test_a_model_without_tools_is_told_the_schema_and_its_answer_is_checked() -> None:
    llm = Told(answer='Here: {"place": "SF", "degrees": 60}!')
    client = adapt(llm)

    result = await client.create(ASK, json_output=Weather)

    assert result.content == '{"place":"SF","degrees":60}'
    assert '"degrees"' in llm.prompts[0]
    llm.answer = '{"place": "SF"}'
    with pytest.raises(ValueError, match="degrees"):
        await client.create(ASK, json_output=Weather)


@pytest.mark.parametrize("stream", [False, True])
async def test_cancelling_ends_the_llms_own_call(stream: bool) -> None:
    llm, client = scripted()
    llm.started, llm.ended = asyncio.Event(), asyncio.Event()
    token = CancellationToken()

    async def ask() -> None:
        if not stream:
            await client.create(ASK, cancellation_token=token)
        async for _ in client.create_stream(ASK, cancellation_token=token):
            pass

    running = asyncio.create_task(ask())
    await llm.started.wait()

    token.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert llm.ended.is_set()


async def test_leaving_a_stream_closes_the_llms() -> None:
    closed = asyncio.Event()

    class Endless(Scripted):
        async def astream_chat(self, messages: Any, **kwargs: Any) -> AsyncGenerator[ChatResponse, None]:
            async def pieces() -> AsyncGenerator[ChatResponse, None]:
                try:
                    while True:
                        yield text("word", delta="word")[0]
                        await asyncio.sleep(0)
                finally:
                    closed.set()

            return pieces()

    stream = adapt(Endless()).create_stream(ASK)
    await anext(stream)

    await stream.aclose()

    assert closed.is_set()


async def test_an_error_of_the_llm_arrives_as_itself() -> None:
    class Failing(Scripted):
        async def achat(self, messages: Any, **kwargs: Any) -> ChatResponse:
            raise LookupError("no such model")

    with pytest.raises(LookupError, match="no such model"):
        await adapt(Failing()).create(ASK)


@pytest.mark.parametrize(
    ("llm", "options", "message"),
    [
        (MockLLM(), {"tools": [ADD]}, "Model does not support function calling"),
        (Scripted(), {"tools": [ADD, ADD]}, "two tools are named 'add'"),
        (Scripted(), {"tool_choice": "required"}, "'required' specified but no tools provided"),
        (Scripted(), {"tools": [MUL], "tool_choice": ADD}, "tool_choice references 'add'"),
        (Scripted(), {"tools": [MUL], "tool_choice": "mul"}, "'auto', 'required', 'none' or a Tool, not 'mul'"),
        (Scripted(), {"json_output": True}, "no JSON mode in common"),
        (Scripted(), {"json_output": "Weather"}, "must be a boolean or a Pydantic model class, got 'Weather'"),
        (
            Scripted(),
            {"tools": [{**MUL, "name": "Weather"}], "json_output": Weather},
            "a tool is named 'Weather' like the class of the answer",
        ),
    ],
)
async def test_what_does_not_fit_is_refused_before_the_llm_is_asked(
    llm: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        await adapt(llm).create(ASK, **options)


async def test_an_llm_that_cannot_be_told_to_call_a_tool_is_named() -> None:
    class Older(Scripted):
        def _prepare_chat_with_tools(self, tools: Any, **kwargs: Any) -> dict[str, Any]:  # type: ignore[override] # as older classes have it
            return {}

    with pytest.raises(ValueError, match="Older cannot be told that it has to call a tool"):
        await adapt(Older()).create(ASK, tools=[ADD], tool_choice="required")


async def test_an_image_goes_only_to_a_model_that_is_said_to_see() -> None:
    message = UserMessage(content=["What is it?", Image(PILImage.new("RGB", (2, 2), "red"))], source="user")
    blind = adapt(Scripted())
    llm = Scripted(responses=[text("Red.")])
    seeing = adapt(llm, model_info={**blind.model_info, "vision": True})

    with pytest.raises(ValueError, match="does not support vision"):
        await blind.create([message])
    assert (await seeing.create([message])).content == "Red."
    assert isinstance(llm.asked[0]["messages"][0].blocks[1], ImageBlock)


def test_a_dressed_client_comes_back_as_itself_and_so_does_an_llm() -> None:
    client = ReplayChatCompletionClient(["x"])
    llm = Scripted()

    assert adapt(adapt(client, to=LLM_TYPE)) is client
    assert adapt(adapt(llm), to=LLM_TYPE) is llm


async def test_options_of_a_dressed_client_are_not_lost() -> None:
    inner = ReplayChatCompletionClient(
        [CreateResult(finish_reason="length", content="Hi", usage=RequestUsage(3, 2), cached=True, thought="Hm.")],
        model_info=INFO,
    )
    client = adapt(HubLLM(model_client=inner, extra_create_args={"temperature": 0.2}))

    *pieces, result = [piece async for piece in client.create_stream(ASK, tools=[ADD])]

    assert pieces == ["Hi"]
    assert result == CreateResult(
        finish_reason="length", content="Hi", usage=RequestUsage(3, 2), cached=True, thought="Hm."
    )
    assert inner.create_calls[0]["extra_create_args"] == {"temperature": 0.2}
    assert [tool.name for tool in inner.create_calls[0]["tools"]] == ["add"]


@given(
    st.one_of(
        st.text(min_size=1),
        st.lists(
            st.builds(
                FunctionCall,
                id=st.text(min_size=1, max_size=5),
                name=st.just("add"),
                arguments=st.dictionaries(st.text(max_size=5), st.integers()).map(json.dumps),
            ),
            min_size=1,
            max_size=3,
        ),
    ),
    st.none() | st.text(min_size=1),
    st.sampled_from(["stop", "length", "content_filter"]),
)
def test_a_reply_survives_both_ways(content: Any, thought: str | None, reason: Any) -> None:
    if not isinstance(content, str):
        reason = "function_calls"
    reply = CreateResult(finish_reason=reason, content=content, usage=RequestUsage(3, 2), cached=False, thought=thought)
    inner = ReplayChatCompletionClient([reply], model_info=INFO)
    client = LlamaIndexChatCompletionClient(HubLLM(model_client=inner))

    assert asyncio.run(client.create(ASK, tools=[ADD])) == reply


def test_what_the_model_can_do_comes_from_its_class() -> None:
    assert adapt(Scripted()).model_info == ModelInfo(
        vision=False,
        function_calling=True,
        json_output=False,
        family=ModelFamily.UNKNOWN,
        structured_output=True,
        multiple_system_messages=True,
    )
    assert adapt(MockLLM()).capabilities == {"vision": False, "function_calling": False, "json_output": False}


def test_tokens_are_counted_without_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    client = adapt(Scripted())
    image = UserMessage(content=["a b", Image(PILImage.new("RGB", (2, 2)))], source="user")

    plain = client.count_tokens([UserMessage(content="a b c d", source="user")])

    assert plain == 7
    assert client.remaining_tokens([UserMessage(content="a b c d", source="user")]) == 1000 - 7
    assert client.count_tokens([image]) > 765
    assert client.count_tokens([], tools=[ADD]) > 20


async def test_calls_are_logged_as_events(caplog: pytest.LogCaptureFixture) -> None:
    _, client = scripted(text("Hi."), text("Hi.", delta="Hi."))

    with caplog.at_level(logging.INFO, logger=EVENT_LOGGER_NAME):
        await client.create(ASK)
        async for _ in client.create_stream(ASK):
            pass

    types = [json.loads(str(record.msg))["type"] for record in caplog.records if record.name == EVENT_LOGGER_NAME]
    assert types == ["LLMCall", "LLMStreamStart", "LLMStreamEnd"]


def test_an_llm_is_loaded_from_a_file_and_dumped(tmp_path: Path) -> None:
    file = tmp_path / "models.py"
    file.write_text("from llama_index.core.llms import MockLLM\n\n\ndef make():\n    return MockLLM()\n\n\nother = 3\n")
    model = {"provider": "llama_index_chat_completion_client", "config": {"llm": f"{file}:make"}}

    with pytest.raises(CapabilityError, match="code"):
        ChatCompletionClient.load_component(model)
    with allow("code"):
        client = ChatCompletionClient.load_component(model)
        with pytest.raises(ValueError, match="is of type int, not a LlamaIndex LLM"):
            ChatCompletionClient.load_component({**model, "config": {"llm": f"{file}:other"}})

    assert isinstance(client, LlamaIndexChatCompletionClient)
    assert client.dump_component().config == {"llm": f"{file}:make"}
    with pytest.raises(NotImplementedError, match="MockLLM was passed as an object"):
        adapt(MockLLM()).dump_component()


def test_what_is_no_llm_is_refused() -> None:
    with pytest.raises(TypeError, match=r"expected an LLM of llama_index\.core, not a str"):
        LlamaIndexChatCompletionClient("gpt")  # type: ignore[arg-type] # what the error is for
