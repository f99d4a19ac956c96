"""A LangChain chat model as a model client of the hub."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.fake_chat_models import FakeListChatModel, GenericFakeChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, SystemMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import RunnableLambda
from PIL import Image as PILImage
from pydantic import BaseModel, ConfigDict

from hubbub_core import EVENT_LOGGER_NAME, CancellationToken, FunctionCall, Image
from hubbub_core import models as hub
from hubbub_core.models import ChatCompletionClient, CreateResult, ModelInfo, RequestUsage
from hubbub_core.models.replay import ReplayChatCompletionClient
from hubbub_core.tools import FunctionTool, ToolSchema
from hubbub_langchain import HubChatModel, LangChainChatCompletionClient
from hubbub_registry import adapt

ASK: list[hub.LLMMessage] = [hub.SystemMessage(content="Be brief."), hub.UserMessage(content="Hello?", source="user")]
USAGE = {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}


def add(a: int, b: int) -> int:
    return a + b


ADD = FunctionTool(add, "Add two numbers")


class Sum(BaseModel):
    """A sum."""

    total: int


def call(name: str = "add", call_id: str = "1", **arguments: Any) -> dict[str, Any]:
    return {"name": name, "args": arguments, "id": call_id, "type": "tool_call"}


def saying(content: str = "", *calls: dict[str, Any], **fields: Any) -> AIMessage:
    return AIMessage(**{"content": content, "tool_calls": list(calls), "usage_metadata": USAGE, **fields})


async def streamed(client: ChatCompletionClient, **options: Any) -> tuple[list[str], CreateResult]:
    items = [item async for item in client.create_stream(ASK, **options)]
    result = items.pop()
    assert isinstance(result, CreateResult)
    return [item for item in items if isinstance(item, str)], result


async def test_adapt_makes_a_client_of_a_chat_model(scripted: Callable[..., Any]) -> None:
    model = scripted("Hi.")

    client = adapt(model)

    assert isinstance(client, LangChainChatCompletionClient)
    assert isinstance(client, ChatCompletionClient)
    assert (await client.create(ASK)).content == "Hi."
    assert model.asked == [([SystemMessage("Be brief."), HumanMessage("Hello?", name="user")], {})]


async def test_a_fake_of_langchain_itself_answers_and_streams() -> None:
    client = adapt(GenericFakeChatModel(messages=iter(["Hi to you", "Hi to you"])))

    assert (await client.create(ASK)).content == "Hi to you"
    pieces, result = await streamed(client)
    assert ("".join(pieces), result.content) == ("Hi to you", "Hi to you")


async def test_a_reply_keeps_usage_finish_reason_thought_and_logprobs(scripted: Callable[..., Any]) -> None:
    logprobs = {"content": [{"token": "Hi", "logprob": -0.5, "bytes": [72, 105], "top_logprobs": [{"logprob": -1}]}]}
    reply = saying(
        "Hi",
        additional_kwargs={"reasoning_content": "Greet."},
        response_metadata={"finish_reason": "length", "logprobs": logprobs},
    )

    result = await adapt(scripted(reply)).create(ASK)

    assert result == CreateResult(
        finish_reason="length",
        content="Hi",
        usage=RequestUsage(3, 4),
        cached=False,
        thought="Greet.",
        logprobs=[
            hub.ChatCompletionTokenLogprob(
                token="Hi", logprob=-0.5, bytes=[72, 105], top_logprobs=[hub.TopLogprob(logprob=-1)]
            )
        ],
    )


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ({"finish_reason": "stop"}, "stop"),
        ({"stop_reason": "end_turn"}, "stop"),
        ({"stop_reason": "max_tokens"}, "length"),
        ({"done_reason": "load"}, "unknown"),
        ({}, "unknown"),
    ],
)
async def test_the_finish_reason_is_one_of_the_hubs(scripted: Any, metadata: dict[str, Any], reason: str) -> None:
    result = await adapt(scripted(saying("x", response_metadata=metadata))).create(ASK)

    assert result.finish_reason == reason


async def test_a_refusal_is_the_text(scripted: Callable[..., Any]) -> None:
    reply = saying("", additional_kwargs={"refusal": "No."}, response_metadata={"finish_reason": "refusal"})

    result = await adapt(scripted(reply)).create(ASK)

    assert (result.content, result.finish_reason) == ("No.", "content_filter")


async def test_a_stream_ends_with_the_same_result(scripted: Callable[..., Any]) -> None:
    reply = saying(
        "Hi to you",
        additional_kwargs={"reasoning_content": "Greet them."},
        response_metadata={"finish_reason": "stop"},
    )
    client = adapt(scripted(reply, reply))

    pieces, result = await streamed(client)

    assert pieces == ["<think>Greet ", "them.", "</think>Hi ", "to ", "you"]
    assert result == await client.create(ASK)
    assert client.total_usage() == client.actual_usage() == RequestUsage(6, 8)


async def test_reasoning_is_streamed_once_and_what_follows_the_text_is_left_to_the_result() -> None:
    """A second pair of tags would be text to whoever reads the stream, a `HubChatModel` on this client among them."""

    class Rethinking(GenericFakeChatModel):
        def _stream(self, *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
            for thought, text in [("Greet.", "Hi "), ("Go on.", ""), ("", "you")]:
                chunk = AIMessageChunk(content=text, additional_kwargs={"reasoning_content": thought})
                yield ChatGenerationChunk(message=chunk)

    client = adapt(Rethinking(messages=iter([])))

    pieces, result = await streamed(client)
    read = [chunk async for chunk in HubChatModel(model_client=client).astream("Hello?")]

    assert pieces == ["<think>Greet.</think>Hi ", "you"]
    assert (result.content, result.thought) == ("Hi you", "Greet.Go on.")
    assert "".join(str(chunk.content) for chunk in read) == "Hi you"


async def test_tools_reach_the_model_and_its_calls_come_back(scripted: Callable[..., Any]) -> None:
    reply = saying("I add.", call(a=1, b=2), call(call_id="2", a=3, b=4))
    model = scripted(reply, reply)
    client = adapt(model)

    result = await client.create(ASK, tools=[ADD])
    pieces, whole = await streamed(client, tools=[ADD])

    assert result.content == [
        FunctionCall(id="1", name="add", arguments='{"a": 1, "b": 2}'),
        FunctionCall(id="2", name="add", arguments='{"a": 3, "b": 4}'),
    ]
    assert (result.thought, result.finish_reason) == ("I add.", "function_calls")
    assert (pieces, whole) == (["I ", "add."], result)
    (tool,) = model.asked[0][1]["tools"]
    assert (tool["function"]["name"], tool["function"]["parameters"]) == ("add", ADD.schema["parameters"])
    assert "tool_choice" not in model.asked[0][1]


async def test_arguments_that_were_cut_off_stay_as_the_model_wrote_them(scripted: Callable[..., Any]) -> None:
    """LangChain completes them, and a tool would run with half of what the model meant."""
    reply = saying(
        invalid_tool_calls=[{"name": "add", "args": '{"a": 1, "b"', "id": "1", "error": None}],
        response_metadata={"finish_reason": "length"},
    )
    client = adapt(scripted(reply, reply))

    _, result = await streamed(client, tools=[ADD])

    assert result.content == [FunctionCall(id="1", name="add", arguments='{"a": 1, "b"')]
    assert result == await client.create(ASK, tools=[ADD])


@pytest.mark.parametrize(("choice", "wanted"), [("auto", None), ("required", "any"), (ADD, "add")])
async def test_the_tool_choice_reaches_the_model(scripted: Any, choice: Any, wanted: str | None) -> None:
    model = scripted("x")

    await adapt(model).create(ASK, tools=[ADD], tool_choice=choice)

    assert model.asked[0][1].get("tool_choice") == wanted


async def test_without_a_choice_the_model_gets_no_tools(scripted: Callable[..., Any]) -> None:
    model = scripted("x")

    await adapt(model).create(ASK, tools=[ADD], tool_choice="none")

    assert model.asked[0][1] == {}


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"tool_choice": ADD}, "tool_choice references 'add' but it's not in the provided tools"),
        ({"tool_choice": "required"}, "tool_choice 'required' specified but no tools provided"),
        ({"tools": [ADD], "tool_choice": "some"}, "tool_choice is 'auto', 'required', 'none' or a Tool, not 'some'"),
        ({"tools": [ADD, ADD]}, "two tools are named 'add'; the model could not tell them apart"),
        ({"json_output": "yes"}, "json_output must be a boolean or a Pydantic model class, got 'yes'"),
        ({"json_output": True}, "Model does not support JSON output. Set model_info['json_output'] if it does."),
        (
            {"json_output": True, "tools": [ADD]},
            "LangChain's models take no JSON mode together with tools; pass a pydantic class as json_output",
        ),
    ],
)
async def test_options_that_do_not_fit_are_refused(scripted: Any, options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 # compared whole below
        await adapt(scripted("x")).create(ASK, **options)

    assert str(caught.value) == problem


async def test_a_model_without_tools_says_so() -> None:
    client = adapt(FakeListChatModel(responses=["x"]))

    assert client.model_info["function_calling"] is False
    with pytest.raises(ValueError, match=r"^Model does not support function calling"):
        await client.create(ASK, tools=[ADD])
    with pytest.raises(ValueError, match=r"^Model does not support structured output"):
        await client.create(ASK, json_output=Sum)
    able = LangChainChatCompletionClient(
        FakeListChatModel(responses=["x"]),
        model_info=ModelInfo(
            vision=False, function_calling=True, json_output=True, family="unknown", structured_output=True
        ),
    )
    with pytest.raises(ValueError, match=r"^FakeListChatModel does not bind tools, so it cannot call any$"):
        await able.create(ASK, tools=[ADD])
    with pytest.raises(ValueError, match=r"^FakeListChatModel has no structured output$"):
        await able.create(ASK, json_output=Sum)
    with pytest.raises(ValueError, match=r"^FakeListChatModel has no JSON mode of its own"):
        await able.create(ASK, json_output=True)


async def test_structured_output_by_a_call_is_text_of_json(scripted: Callable[..., Any]) -> None:
    reply = saying("", call("Sum", total=3))
    model = scripted(reply, reply)
    client = adapt(model)

    result = await client.create(ASK, json_output=Sum)
    pieces, whole = await streamed(client, json_output=Sum)

    assert (result.content, result.finish_reason) == ('{"total": 3}', "stop")
    assert (pieces, whole) == (['{"total": 3}'], result)
    assert model.asked[0][1]["tool_choice"] == "any"


async def test_structured_output_of_the_models_own_is_used() -> None:
    replayed = ReplayChatCompletionClient(
        ['{"total": 3}', '{"total": 4}'],
        model_info=ModelInfo(
            vision=False, function_calling=True, json_output=True, family="unknown", structured_output=True
        ),
    )
    client = LangChainChatCompletionClient(HubChatModel(model_client=replayed))

    assert (await client.create(ASK, json_output=Sum)).content == '{"total": 3}'
    pieces, result = await streamed(client, json_output=Sum)
    assert ("".join(pieces), result.content) == ('{"total": 4}', '{"total": 4}')
    assert [request["json_output"] for request in replayed.create_calls] == [Sum, Sum]


async def test_json_mode_is_the_models_own() -> None:
    info = ModelInfo(vision=False, function_calling=True, json_output=True, family="unknown", structured_output=True)
    replayed = ReplayChatCompletionClient(['{"any": 1}'], model_info=info)
    client = LangChainChatCompletionClient(HubChatModel(model_client=replayed), model_info=info)

    assert (await client.create(ASK, json_output=True)).content == '{"any": 1}'
    assert replayed.create_calls[0]["json_output"] is True


async def test_structured_output_and_tools_go_together(scripted: Callable[..., Any]) -> None:
    model = scripted(
        saying("", call(a=1, b=2)),
        saying("", call("Sum", total=0), call(call_id="2", a=1, b=2)),
        saying("", call("Sum", total=3)),
    )
    client = adapt(model)

    results = [await client.create(ASK, tools=[ADD], json_output=Sum) for _ in range(3)]

    assert [result.content for result in results] == [
        [FunctionCall(id="1", name="add", arguments='{"a": 1, "b": 2}')],
        [FunctionCall(id="2", name="add", arguments='{"a": 1, "b": 2}')],
        '{"total": 3}',
    ]
    assert [tool["function"]["name"] for tool in model.asked[0][1]["tools"]] == ["add", "Sum"]
    assert model.asked[0][1]["tool_choice"] == "any"


async def test_a_structured_output_of_unknown_form_is_refused() -> None:
    class Own(GenericFakeChatModel):
        def with_structured_output(self, schema: Any, *, include_raw: bool = False, **kwargs: Any) -> Any:
            return RunnableLambda(lambda _: schema)

    client = adapt(Own(messages=iter([])))

    with pytest.raises(
        ValueError, match=r"^with_structured_output of Own returns a RunnableLambda, not the model and a"
    ):
        await client.create(ASK, json_output=Sum)


async def test_options_reach_the_model(scripted: Callable[..., Any]) -> None:
    model = scripted("x", "y")
    client = adapt(model)

    await client.create(ASK, extra_create_args={"temperature": 0.5, "config": {"tags": ["t"]}})
    await streamed(client, extra_create_args={"temperature": 0.7})

    assert [options for _, options in model.asked] == [{"temperature": 0.5}, {"temperature": 0.7}]


class Waiting(BaseChatModel):
    """Waits for ever; says when it began and when it ended."""

    started: asyncio.Event
    ended: asyncio.Event

    model_config = ConfigDict(arbitrary_types_allowed=True)

    @property
    def _llm_type(self) -> str:
        return "waiting"

    def _generate(self, *args: Any, **kwargs: Any) -> ChatResult:
        raise AssertionError("asynchronous only")

    async def _agenerate(self, *args: Any, **kwargs: Any) -> ChatResult:
        self.started.set()
        try:
            return await asyncio.Future()
        finally:
            self.ended.set()

    async def _astream(self, *args: Any, **kwargs: Any) -> AsyncIterator[ChatGenerationChunk]:
        await self._agenerate()
        yield ChatGenerationChunk(message=AIMessage(content=""))


@pytest.mark.parametrize("method", ["create", "create_stream"])
async def test_cancelling_the_token_cancels_the_model(method: str) -> None:
    model = Waiting(started=asyncio.Event(), ended=asyncio.Event())
    client, token = LangChainChatCompletionClient(model), CancellationToken()

    async def ask() -> None:
        if method == "create":
            await client.create(ASK, cancellation_token=token)
        else:
            _ = [item async for item in client.create_stream(ASK, cancellation_token=token)]

    task = asyncio.create_task(ask())
    await model.started.wait()
    token.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert model.ended.is_set()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_leaving_a_stream_ends_the_models(scripted: Callable[..., Any]) -> None:
    model = Waiting(started=asyncio.Event(), ended=asyncio.Event())
    stream = LangChainChatCompletionClient(model).create_stream(ASK)
    first = asyncio.ensure_future(anext(stream))
    await model.started.wait()

    first.cancel()
    await asyncio.wait([first])
    await stream.aclose()

    assert model.ended.is_set()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_errors_of_the_model_arrive_as_themselves() -> None:
    class Failing(GenericFakeChatModel):
        def _generate(self, *args: Any, **kwargs: Any) -> ChatResult:
            raise ConnectionError("no route")

    client = adapt(Failing(messages=iter([])))

    with pytest.raises(ConnectionError, match=r"^no route$"):
        await client.create(ASK)
    with pytest.raises(ConnectionError, match=r"^no route$"):
        await streamed(client)


async def test_what_the_hub_cannot_carry_is_refused_by_name(scripted: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match=r"^an AIMessage holds a content block of type 'hologram'"):
        await adapt(scripted(AIMessage([{"type": "hologram"}]))).create(ASK)


async def test_images_need_a_model_that_sees(scripted: Callable[..., Any]) -> None:
    picture = hub.UserMessage(content=[Image.from_pil(PILImage.new("RGB", (1, 1)))], source="user")
    model = scripted("A dot.")
    sees = ModelInfo(vision=True, function_calling=True, json_output=False, family="x", structured_output=False)

    with pytest.raises(ValueError, match=r"^Model does not support vision and image was provided"):
        await adapt(model).create([picture])
    assert (await adapt(model, model_info=sees).create([picture])).content == "A dot."
    assert model.asked[0][0][0].content[0]["type"] == "image"


def test_the_profile_tells_what_the_model_can_do(scripted: Callable[..., Any]) -> None:
    model = scripted()
    client = adapt(model.model_copy(update={"profile": {"image_inputs": True, "max_input_tokens": 1000}}))

    assert client.model_info["vision"] is True
    assert client.capabilities == {"vision": True, "function_calling": True, "json_output": False}
    assert client.remaining_tokens([]) == 1000


def test_an_unknown_window_is_one_warning(scripted: Callable[..., Any]) -> None:
    client = adapt(scripted())

    with pytest.warns(
        UserWarning, match=r"^the context window of ScriptedModel is not known; it is taken to be 128,000"
    ):
        assert client.remaining_tokens([]) == 128_000
    assert client.remaining_tokens(ASK) < 128_000
    assert adapt(scripted(), context_window=50).remaining_tokens([]) == 50
    with pytest.raises(ValueError, match=r"^context_window must be positive, not 0$"):
        adapt(scripted(), context_window=0)


@settings(deadline=None)  # the first example imports what the others have
@given(st.lists(st.text(min_size=1, max_size=40), max_size=4))
def test_tokens_grow_with_what_is_said(texts: list[str]) -> None:
    client = adapt(FakeListChatModel(responses=[]))
    messages = [hub.UserMessage(content=text, source="u") for text in texts]
    schema: ToolSchema = ADD.schema

    counts = [client.count_tokens(messages[:end]) for end in range(len(messages) + 1)]

    assert counts == sorted(set(counts))
    assert client.count_tokens(messages, tools=[ADD]) == client.count_tokens(messages, tools=[schema]) > counts[-1]


async def test_calls_and_streams_are_logged(scripted: Callable[..., Any], caplog: pytest.LogCaptureFixture) -> None:
    client = adapt(scripted(saying("x"), saying("y")))

    with caplog.at_level(logging.INFO, logger=EVENT_LOGGER_NAME):
        await client.create(ASK)
        await streamed(client)

    events = [json.loads(record.getMessage()) for record in caplog.records]
    assert [event["type"] for event in events] == ["LLMCall", "LLMStreamStart", "LLMStreamEnd"]
    assert (events[0]["prompt_tokens"], events[2]["completion_tokens"]) == (3, 4)


def test_a_model_that_was_passed_as_an_object_is_not_dumped(scripted: Callable[..., Any]) -> None:
    with pytest.raises(NotImplementedError, match=r"^This component does not support dumping to config: the ScriptedM"):
        adapt(scripted()).dump_component()


def test_what_is_no_chat_model_is_refused() -> None:
    with pytest.raises(TypeError, match=r"^expected a chat model of langchain_core, not a RunnableLambda$"):
        LangChainChatCompletionClient(RunnableLambda(add))  # type: ignore[arg-type] # what is tested
    with pytest.raises(ValueError, match=r"Missing required field 'vision'"):
        LangChainChatCompletionClient(FakeListChatModel(responses=[]), model_info=cast("ModelInfo", {}))


def test_there_and_back_a_model_is_itself(scripted: Callable[..., Any]) -> None:
    model = scripted()

    assert adapt(adapt(model), to="langchain_core.language_models.chat_models.BaseChatModel") is model


_TEXT = st.text(max_size=20)
_CALLS = st.lists(
    st.builds(
        FunctionCall,
        id=st.text(min_size=1, max_size=5),
        name=st.text(alphabet="abc", min_size=1),
        arguments=st.dictionaries(_TEXT, st.integers() | _TEXT, max_size=2).map(
            lambda value: json.dumps(value, ensure_ascii=False)
        ),
    ),
    min_size=1,
    max_size=3,
)


@settings(deadline=None)  # the first example imports what the others have
@given(
    content=_TEXT | _CALLS,
    thought=st.none() | st.text(min_size=1, max_size=20),
    tokens=st.integers(0, 10**6),
    reason=st.sampled_from(["stop", "length", "content_filter", "unknown"]),
)
def test_a_reply_survives_both_dresses(content: Any, thought: str | None, tokens: int, reason: Any) -> None:
    result = CreateResult(
        finish_reason=reason if isinstance(content, str) else "function_calls",
        content=content,
        usage=RequestUsage(3, tokens),  # the replaying client counts the prompt itself
        cached=False,
        thought=thought,
    )
    model = HubChatModel(model_client=ReplayChatCompletionClient([result, result]))
    client = LangChainChatCompletionClient(model)

    returned = asyncio.run(client.create(ASK))
    _, last = asyncio.run(streamed(client))

    assert returned == last == result
