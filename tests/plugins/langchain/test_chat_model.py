"""The hub's model client as a LangChain chat model."""

from __future__ import annotations

import asyncio
import gc
import itertools
import threading
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.caches import InMemoryCache
from langchain_core.exceptions import OutputParserException
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, SystemMessage, ToolMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import Runnable
from langchain_core.tools import tool
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from hubbub_core import CancellationToken, FunctionCall
from hubbub_core import models as hub
from hubbub_core.models import ChatCompletionTokenLogprob, CreateResult, ModelInfo, RequestUsage
from hubbub_core.models.replay import ReplayChatCompletionClient
from hubbub_core.tools import FunctionTool
from hubbub_langchain import HubChatModel
from hubbub_registry import adapt

FOREIGN = "langchain_core.language_models.chat_models.BaseChatModel"
INFO = ModelInfo(vision=False, function_calling=True, json_output=False, family="unknown", structured_output=False)
ABLE = ModelInfo(vision=True, function_calling=True, json_output=True, family="unknown", structured_output=True)
ASK = [SystemMessage("Be brief."), HumanMessage("Hello?")]


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


class Sum(BaseModel):
    """A sum."""

    total: int = Field(description="What it comes to")


def replay(*answers: str | CreateResult, info: ModelInfo = INFO) -> ReplayChatCompletionClient:
    return ReplayChatCompletionClient(list(answers), model_info=info)


def model(*answers: str | CreateResult, info: ModelInfo = INFO) -> HubChatModel:
    return HubChatModel(model_client=replay(*answers, info=info))


def reply(content: str | list[FunctionCall], **fields: Any) -> CreateResult:
    reason = "stop" if isinstance(content, str) else "function_calls"
    return CreateResult(
        **{"finish_reason": reason, "content": content, "usage": RequestUsage(3, 4), "cached": False, **fields}
    )


def calls(*arguments: str, name: str = "add") -> CreateResult:
    return reply([FunctionCall(id=str(number), name=name, arguments=text) for number, text in enumerate(arguments)])


async def streamed(chat_model: Runnable[Any, Any], **options: Any) -> AIMessageChunk:
    chunks = [chunk async for chunk in chat_model.astream(ASK, **options)]
    whole = chunks[0] + chunks[1:]
    assert isinstance(whole, AIMessageChunk)
    return whole


class PiecesClient(ReplayChatCompletionClient):
    """Streams the given pieces and the result."""

    def __init__(self, *pieces: str | CreateResult) -> None:
        super().__init__([], model_info=INFO)
        self.pieces = pieces
        self.taken: list[str | CreateResult] = []

    async def create_stream(self, *args: Any, **kwargs: Any) -> AsyncGenerator[str | CreateResult, None]:
        for piece in self.pieces:
            self.taken.append(piece)
            yield piece


async def test_adapt_dresses_a_client_as_a_chat_model() -> None:
    client = replay("Hi.")

    chat_model = adapt(client, to=FOREIGN)

    assert isinstance(chat_model, BaseChatModel)
    message = await chat_model.ainvoke(ASK)
    assert (message.content, message.name) == ("Hi.", None)
    assert client.create_calls[0]["messages"] == [
        hub.SystemMessage(content="Be brief."),
        hub.UserMessage(content="Hello?", source="user"),
    ]


async def test_a_reply_keeps_usage_finish_reason_thought_and_logprobs() -> None:
    logprobs = [ChatCompletionTokenLogprob(token="Hi", logprob=-0.5)]

    message = await model(reply("Hi", finish_reason="length", thought="Greet.", logprobs=logprobs)).ainvoke(ASK)

    assert message.usage_metadata == {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}
    assert message.response_metadata == {
        "finish_reason": "length",
        "logprobs": {"content": [logprobs[0].model_dump()]},
        "model_name": "hubbub",
    }
    assert [block["type"] for block in message.content_blocks] == ["reasoning", "text"]


async def test_a_stream_adds_up_to_the_reply() -> None:
    chat_model = model(reply("Hi to you"), reply("Hi to you"))

    chunks = [chunk async for chunk in chat_model.astream(ASK)]
    whole = chunks[0] + chunks[1:]

    assert [chunk.content for chunk in chunks] == ["Hi ", "to ", "you", ""]
    whole_reply = await chat_model.ainvoke(ASK)
    for field in ("content", "usage_metadata", "response_metadata", "tool_calls"):
        assert getattr(whole, field) == getattr(whole_reply, field)


async def test_a_streamed_thought_is_reasoning_and_not_text() -> None:
    client = PiecesClient("<th", "ink>Let me", " see</thi", "nk>H", "i", reply("Hi", thought="Let me see"))

    whole = await streamed(HubChatModel(model_client=client))

    assert (whole.content, whole.additional_kwargs) == ("Hi", {"reasoning_content": "Let me see"})


@pytest.mark.parametrize(
    "pieces", [("<th", "e end>"), ("a <think>b</think>",), ("<thin",), ("<think>", "a</think", "> b")]
)
async def test_nothing_of_a_streamed_text_is_lost(pieces: tuple[str, ...]) -> None:
    text = "".join(pieces)

    whole = await streamed(HubChatModel(model_client=PiecesClient(*pieces, reply(text))))

    thought = whole.additional_kwargs.get("reasoning_content", "")
    assert whole.content == (text if not thought else " b")
    assert thought in ("", "a")


@settings(deadline=None)  # the first example imports what the others have
@given(text=st.text(alphabet="abc<>/think", max_size=30), cuts=st.lists(st.integers(0, 30), max_size=6), data=st.data())
def test_stop_cuts_a_stream_where_it_cuts_the_whole(text: str, cuts: list[int], data: st.DataObject) -> None:
    stop = data.draw(st.lists(st.text(alphabet="abc<", min_size=1, max_size=3), max_size=2))
    text = "x" + text  # not a thought
    edges = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    pieces = [text[start:end] for start, end in itertools.pairwise(edges)]

    whole = asyncio.run(streamed(HubChatModel(model_client=PiecesClient(*pieces, reply(text))), stop=stop))
    at_once = asyncio.run(model(reply(text)).ainvoke(ASK, stop=stop))

    assert whole.content == at_once.content
    assert all(sequence not in at_once.text for sequence in stop)
    assert text.startswith(str(at_once.content))


async def test_a_stream_is_left_at_a_stop_sequence() -> None:
    client = PiecesClient("one T", "WO three", " four", reply("one TWO three four", finish_reason="length"))

    whole = await streamed(HubChatModel(model_client=client), stop=["TWO"])

    assert (whole.content, whole.response_metadata["finish_reason"]) == ("one ", "stop")
    assert client.taken == ["one T", "WO three"]


async def test_calls_are_the_same_streamed_and_at_once() -> None:
    result = calls('{"a": 1, "b": 2}', '{"a": 3, "b": 4}').model_copy(update={"thought": "I add."})
    chat_model = model(result, result)

    at_once, whole = await chat_model.ainvoke(ASK), await streamed(chat_model)

    assert [(call["id"], call["name"], call["args"]) for call in at_once.tool_calls] == [
        ("0", "add", {"a": 1, "b": 2}),
        ("1", "add", {"a": 3, "b": 4}),
    ]
    assert (whole.tool_calls, whole.content) == (at_once.tool_calls, "I add.")
    assert at_once.response_metadata["finish_reason"] == "tool_calls"


async def test_text_that_streamed_before_calls_comes_once() -> None:
    result = calls('{"a": 1, "b": 2}').model_copy(update={"thought": "I add."})

    whole = await streamed(HubChatModel(model_client=PiecesClient("I ", "add.", result)))

    assert whole.content == "I add."


async def test_arguments_that_are_no_json_are_invalid_calls() -> None:
    message = await model(calls("{oops")).ainvoke(ASK)

    assert message.tool_calls == []
    assert [(call["name"], call["args"]) for call in message.invalid_tool_calls] == [("add", "{oops")]


def test_the_synchronous_methods_work_without_a_loop() -> None:
    chat_model = model("one", "two x")

    assert chat_model.invoke(ASK).content == "one"
    assert [chunk.content for chunk in chat_model.stream(ASK)] == ["two ", "x", ""]
    chat_model.close()


async def test_the_synchronous_methods_work_while_a_loop_runs() -> None:
    chat_model = model("one", "two")

    assert chat_model.invoke(ASK).content == "one"
    assert [chunk.content for chunk in chat_model.stream(ASK)] == ["two", ""]
    chat_model.close()


async def test_synchronous_calls_use_the_loop_they_are_given() -> None:
    loops: list[Any] = []

    class Noting(ReplayChatCompletionClient):
        async def create(self, *args: Any, **kwargs: Any) -> CreateResult:
            loops.append(asyncio.get_running_loop())
            return await super().create(*args, **kwargs)

    chat_model = HubChatModel(model_client=Noting(["one", "two"]), loop=asyncio.get_running_loop())

    assert (await asyncio.to_thread(chat_model.invoke, ASK)).content == "one"
    assert loops == [asyncio.get_running_loop()]
    with pytest.raises(RuntimeError, match=r"use the asynchronous method"):
        chat_model.invoke(ASK)


def test_a_loop_that_has_ended_is_an_error_and_no_endless_wait() -> None:
    async def make() -> HubChatModel:
        return HubChatModel(model_client=replay("x"), loop=asyncio.get_running_loop())

    chat_model = asyncio.run(make())

    with pytest.raises(RuntimeError, match=r"^the event loop that synchronous calls of the hub were to run in has"):
        chat_model.invoke(ASK)


def test_the_thread_ends_with_the_model() -> None:
    def threads() -> list[str]:
        return [thread.name for thread in threading.enumerate() if thread.name == "hubbub-blocking"]

    chat_model = model("one", "two")
    chat_model.invoke(ASK)
    assert len(threads()) == 1
    chat_model.close()
    assert threads() == []
    chat_model.invoke(ASK)
    assert len(threads()) == 1

    del chat_model
    gc.collect()

    assert threads() == []


def test_leaving_a_synchronous_stream_closes_the_clients() -> None:
    closed = threading.Event()

    class Endless(ReplayChatCompletionClient):
        async def create_stream(self, *args: Any, **kwargs: Any) -> AsyncGenerator[str | CreateResult, None]:
            try:
                while True:
                    yield "word "
            finally:
                closed.set()

    chat_model = HubChatModel(model_client=Endless([]))
    stream = chat_model.stream(ASK)
    next(stream)

    stream.close()  # type: ignore[attr-defined] # a generator, typed as an iterator

    assert closed.is_set()
    chat_model.close()


async def test_cancelling_a_call_cancels_the_clients_request() -> None:
    started, cancelled = asyncio.Event(), asyncio.Event()

    class Waiting(ReplayChatCompletionClient):
        async def create(self, *args: Any, **kwargs: Any) -> CreateResult:
            started.set()
            try:
                return await asyncio.Future()
            finally:
                cancelled.set()

    task = asyncio.create_task(HubChatModel(model_client=Waiting([])).ainvoke(ASK))
    await started.wait()

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert cancelled.is_set()


async def test_a_token_reaches_the_client() -> None:
    token, other = CancellationToken(), CancellationToken()
    client = replay("x", "y")
    chat_model = HubChatModel(model_client=client, cancellation_token=token)

    await chat_model.ainvoke(ASK)
    await chat_model.bind(cancellation_token=other).ainvoke(ASK)

    assert [call["cancellation_token"] for call in client.create_calls] == [token, other]


async def test_tools_reach_the_client_with_their_schema() -> None:
    client = replay(calls('{"a": 1, "b": 2}'))
    chat_model = HubChatModel(model_client=client)

    message = await chat_model.bind_tools([add, Sum], tool_choice="any").ainvoke(ASK)

    request = client.create_calls[0]
    assert [schema["name"] for schema in request["tools"]] == ["add", "Sum"]
    assert request["tools"][0]["parameters"]["required"] == ["a", "b"]
    assert request["tool_choice"] == "required"
    assert request["extra_create_args"] == {}
    assert isinstance(message, AIMessage)
    assert message.tool_calls[0]["args"] == {"a": 1, "b": 2}


async def test_a_tool_of_the_hub_keeps_its_own_schema() -> None:
    def shout(text: str) -> str:
        return text.upper()

    source = FunctionTool(shout, "Shouts.", strict=True)
    client = replay("x")
    dressed = adapt(source, to="langchain_core.tools.base.BaseTool")

    await HubChatModel(model_client=client).bind_tools([dressed]).ainvoke(ASK)
    await HubChatModel(model_client=replay("x")).bind_tools([source]).ainvoke(ASK)

    assert client.create_calls[0]["tools"] == [source.schema]


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [
        ("auto", "auto"),
        ("none", "none"),
        (False, "none"),
        ("any", "required"),
        ("required", "required"),
        (True, "required"),
        ("add", "tool add"),
        ({"type": "function", "function": {"name": "add"}}, "tool add"),
    ],
)
async def test_every_form_of_tool_choice_reaches_the_client(choice: Any, wanted: str) -> None:
    client = replay(calls("{}"))

    await HubChatModel(model_client=client).bind_tools([add], tool_choice=choice).ainvoke(ASK)

    given = client.create_calls[0]["tool_choice"]
    assert (given if isinstance(given, str) else f"tool {given.schema['name']}") == wanted


def test_a_choice_that_names_no_tool_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^tool_choice 'mul' names no tool of this call; its tools: add$"):
        model().bind_tools([add], tool_choice="mul")
    with pytest.raises(ValueError, match=r"^tool_choice \{'type': 'x'\} is in no form"):
        model().bind_tools([add], tool_choice={"type": "x"})


def test_a_vendors_own_tool_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"^the tool 'web_search' is one of a vendor's own"):
        model().bind_tools([{"type": "web_search"}])


async def test_options_reach_the_client() -> None:
    client = replay("x")
    chat_model = HubChatModel(model_client=client, extra_create_args={"temperature": 0.1, "seed": 1})

    await chat_model.ainvoke(ASK, temperature=0.9, json_output=True)

    assert client.create_calls[0]["extra_create_args"] == {"temperature": 0.9, "seed": 1}
    assert client.create_calls[0]["json_output"] is True


def test_options_that_langchains_models_take_when_they_are_made_are_the_clients() -> None:
    client = replay("one", "two")
    options: dict[str, Any] = {"temperature": 0.5, "max_tokens": 7, "extra_create_args": {"seed": 1}}
    chat_model = HubChatModel(model_client=client, **options)

    chat_model.invoke(ASK)
    chat_model.invoke(ASK, temperature=0.9, model="other")

    assert [call["extra_create_args"] for call in client.create_calls] == [
        {"seed": 1, "temperature": 0.5, "max_tokens": 7},
        {"seed": 1, "temperature": 0.9, "max_tokens": 7, "model": "other"},
    ]
    assert chat_model._get_ls_params() == {
        "ls_provider": "hubbub",
        "ls_model_type": "chat",
        "ls_model_name": "hubbub",
        "ls_temperature": 0.5,
        "ls_max_tokens": 7,
    }
    assert chat_model._get_ls_params(model="other")["ls_model_name"] == "other"


async def test_the_model_of_one_call_is_named_in_its_reply() -> None:
    chat_model = model("one", "two")

    at_once = await chat_model.ainvoke(ASK, model="other")
    whole = await streamed(chat_model, model="other")

    assert (at_once.response_metadata["model_name"], whole.response_metadata["model_name"]) == ("other", "other")


async def test_stop_sequences_of_the_model_are_obeyed_unless_a_call_has_its_own() -> None:
    chat_model = HubChatModel(model_client=replay("a b c", "a b c", "a b c"), stop=["b"])

    assert (await chat_model.ainvoke(ASK)).content == "a "
    assert (await streamed(chat_model)).content == "a "
    assert (await chat_model.ainvoke(ASK, stop=["c"])).content == "a b "


class MeteredClient(PiecesClient):
    """Tells the tokens of a stream where it is asked to, as clients of OpenAI's service do."""

    asked: bool | None = None

    async def create_stream(
        self, *args: Any, include_usage: bool | None = None, **kwargs: Any
    ) -> AsyncGenerator[str | CreateResult, None]:
        self.asked = include_usage
        yield reply("Hi.", usage=RequestUsage(3, 4) if include_usage else RequestUsage(0, 0))


async def test_a_client_that_tells_the_tokens_of_a_stream_when_asked_is_asked() -> None:
    client = MeteredClient()

    whole = await streamed(HubChatModel(model_client=client))

    assert whole.usage_metadata == {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}


@pytest.mark.parametrize(
    ("option", "asked"), [({"include_usage": False}, False), ({"stream_options": {"include_usage": False}}, None)]
)
async def test_whoever_says_whether_to_ask_for_the_tokens_is_heard(option: dict[str, Any], asked: bool | None) -> None:
    client = MeteredClient()

    await streamed(HubChatModel(model_client=client, extra_create_args=option))

    assert client.asked is asked


async def test_a_model_made_to_stream_streams_where_it_is_only_invoked() -> None:
    client = replay("a b c")

    message = await HubChatModel(model_client=client, streaming=True).ainvoke(ASK)

    assert message.content == "a b c"
    assert len(client.create_calls) == 1


@pytest.mark.parametrize(
    ("response_format", "fields"),
    [
        ({"type": "json_object"}, None),
        (Sum, ["total"]),
        ({"type": "json_schema", "json_schema": {"name": "Sum", "schema": Sum.model_json_schema()}}, ["total"]),
    ],
    ids=["object", "class", "schema"],
)
async def test_the_response_format_of_agents_is_the_hubs_json_output(response_format: Any, fields: Any) -> None:
    client = replay("{}", info=ABLE)

    await HubChatModel(model_client=client).ainvoke(ASK, response_format=response_format)

    given = client.create_calls[0]["json_output"]
    assert (None if given is True else list(given.model_fields)) == fields
    assert client.create_calls[0]["extra_create_args"] == {}


async def test_a_response_format_of_no_known_form_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^response_format 'xml' is in no form that LangChain's agents use$"):
        await model("x").ainvoke(ASK, response_format="xml")


async def test_structured_output_is_the_clients_where_it_has_one() -> None:
    client = replay('{"total": 3}', info=ABLE)

    assert await HubChatModel(model_client=client).with_structured_output(Sum).ainvoke(ASK) == Sum(total=3)
    assert client.create_calls[0]["json_output"] is Sum


async def test_structured_output_is_a_call_where_the_client_has_tools_only() -> None:
    client = replay(calls('{"total": 3}', name="Sum"))

    assert await HubChatModel(model_client=client).with_structured_output(Sum).ainvoke(ASK) == Sum(total=3)
    assert client.create_calls[0]["tool_choice"] == "required"
    assert client.create_calls[0]["tools"][0]["description"] == "A sum."


async def test_structured_output_is_json_mode_where_the_client_has_nothing_else() -> None:
    only_json = ModelInfo(
        vision=False, function_calling=False, json_output=True, family="unknown", structured_output=False
    )
    client = replay('{"total": 3}', info=only_json)

    assert await HubChatModel(model_client=client).with_structured_output(Sum).ainvoke(ASK) == Sum(total=3)
    assert client.create_calls[0]["json_output"] is True


class SumDict(TypedDict):
    """A sum."""

    total: int


@pytest.mark.parametrize("schema", [SumDict, Sum.model_json_schema()], ids=["TypedDict", "JSON schema"])
@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
async def test_a_schema_that_is_no_class_gives_a_dict(schema: Any, method: Any) -> None:
    name = "SumDict" if schema is SumDict else "Sum"
    result = '{"total": 3}' if method == "json_schema" else calls('{"total": 3}', name=name)

    structured = model(result, info=ABLE).with_structured_output(schema, method=method)

    assert await structured.ainvoke(ASK) == {"total": 3}


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
async def test_what_cannot_be_parsed_is_raised_or_told(method: Any) -> None:
    bad: str | CreateResult = "no JSON" if method == "json_schema" else calls('{"total": "many"}', name="Sum")

    with pytest.raises((OutputParserException, ValueError)):
        await model(bad, info=ABLE).with_structured_output(Sum, method=method).ainvoke(ASK)
    raw = model(bad, info=ABLE).with_structured_output(Sum, method=method, include_raw=True)
    told: Any = await raw.ainvoke(ASK)
    assert told["parsed"] is None
    assert isinstance(told["parsing_error"], Exception)
    assert isinstance(told["raw"], AIMessage)


def test_a_client_that_can_do_nothing_of_it_says_so() -> None:
    with pytest.raises(ValueError, match=r"^the client ReplayChatCompletionClient can neither structured output, nor"):
        HubChatModel(model_client=ReplayChatCompletionClient([])).with_structured_output(Sum)
    with pytest.raises(ValueError, match=r"^method is 'json_schema', 'function_calling' or 'json_mode', not 'magic'$"):
        model().with_structured_output(Sum, method="magic")  # type: ignore[arg-type] # what is tested


async def test_a_conversation_with_tools_comes_to_the_client_as_its_own() -> None:
    client = replay("3")
    asked = [
        HumanMessage("1+2?"),
        AIMessage("", tool_calls=[{"name": "add", "args": {"a": 1, "b": 2}, "id": "c", "type": "tool_call"}]),
        ToolMessage("3", tool_call_id="c", name="add"),
    ]

    await HubChatModel(model_client=client, source="bot").ainvoke(asked)

    assert client.create_calls[0]["messages"][1:] == [
        hub.AssistantMessage(
            content=[FunctionCall(id="c", name="add", arguments='{"a": 1, "b": 2}')], thought=None, source="bot"
        ),
        hub.FunctionExecutionResultMessage(
            content=[hub.FunctionExecutionResult(content="3", name="add", call_id="c", is_error=False)]
        ),
    ]


async def test_it_runs_in_a_chain() -> None:
    chain = ChatPromptTemplate.from_messages([("user", "{word}?")]) | model("Yes.")

    assert (await chain.ainvoke({"word": "really"})).content == "Yes."


async def test_a_cache_of_langchain_tells_models_apart() -> None:
    cache = InMemoryCache()
    first = HubChatModel(model_client=replay("one"), cache=cache)
    second = HubChatModel(model_client=replay("two"), cache=cache)

    assert [(await chat_model.ainvoke(ASK)).content for chat_model in (first, second, first)] == ["one", "two", "one"]


def test_its_profile_says_what_the_client_can_do() -> None:
    assert model(info=ABLE).profile == {"image_inputs": True, "tool_calling": True, "structured_output": True}
    assert HubChatModel(model_client=replay(), profile={"max_input_tokens": 9}).profile == {"max_input_tokens": 9}


def test_a_dump_holds_no_client() -> None:
    chat_model = HubChatModel(model_client=replay(), cancellation_token=CancellationToken())

    assert {"model_client", "cancellation_token", "loop"}.isdisjoint(chat_model.model_dump())
    assert "Replay" not in repr(chat_model)


def test_there_and_back_a_client_is_itself() -> None:
    client = replay()

    assert adapt(adapt(client, to=FOREIGN)) is client


async def test_errors_of_the_client_arrive_as_themselves() -> None:
    class Failing(ReplayChatCompletionClient):
        async def create(self, *args: Any, **kwargs: Any) -> CreateResult:
            raise ConnectionError("no route")

    with pytest.raises(ConnectionError, match=r"^no route$"):
        await HubChatModel(model_client=Failing([])).ainvoke(ASK)
