"""The hub's model client as a LlamaIndex LLM."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from llama_index.core.base.llms.types import ThinkingBlock
from llama_index.core.llms import LLM, ChatMessage
from llama_index.core.prompts import PromptTemplate
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel

from hubbub_core import FunctionCall
from hubbub_core.models import (
    ChatCompletionTokenLogprob,
    CreateResult,
    ModelInfo,
    RequestUsage,
    SystemMessage,
    UserMessage,
)
from hubbub_core.models.replay import ReplayChatCompletionClient
from hubbub_llama_index import HubLLM
from hubbub_registry import adapt

INFO = ModelInfo(vision=False, function_calling=True, json_output=False, family="unknown", structured_output=False)
ASK = [ChatMessage(role="system", content="Be brief."), ChatMessage(role="user", content="Hello?")]


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


ADD = FunctionTool.from_defaults(add)


def replay(*answers: str | CreateResult) -> ReplayChatCompletionClient:
    return ReplayChatCompletionClient(list(answers), model_info=INFO)


def llm(*answers: str | CreateResult) -> HubLLM:
    return HubLLM(model_client=replay(*answers))


def calls(*arguments: str) -> CreateResult:
    asked = [FunctionCall(id=str(number), name="add", arguments=text) for number, text in enumerate(arguments)]
    return CreateResult(finish_reason="function_calls", content=asked, usage=RequestUsage(3, 4), cached=False)


async def test_adapt_dresses_a_client_as_an_llm() -> None:
    client = replay("Hi.")

    model = adapt(client, to="llama_index.core.llms.llm.LLM")

    assert isinstance(model, LLM)
    assert (await model.achat(ASK)).message.content == "Hi."
    assert client.create_calls[0]["messages"] == [
        SystemMessage(content="Be brief."),
        UserMessage(content="Hello?", source="user"),
    ]


async def test_a_reply_keeps_usage_finish_reason_thought_and_logprobs() -> None:
    result = CreateResult(
        finish_reason="length",
        content="Hi",
        usage=RequestUsage(3, 4),
        cached=False,
        thought="Greet.",
        logprobs=[ChatCompletionTokenLogprob(token="Hi", logprob=-0.5)],
    )

    response = await llm(result).achat(ASK)

    assert response.raw == {
        "finish_reason": "length",
        "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
        "cached": False,
    }
    assert response.additional_kwargs["total_tokens"] == 7
    assert response.message.blocks[0] == ThinkingBlock(content="Greet.")
    assert response.logprobs is not None
    assert [(token.token, token.logprob) for token in response.logprobs[0]] == [("Hi", -0.5)]


async def test_a_stream_grows_and_ends_with_the_whole_reply() -> None:
    responses = [response async for response in await llm("Hi to you").astream_chat(ASK)]

    assert [(response.delta, response.message.content) for response in responses] == [
        ("Hi ", "Hi "),
        ("to ", "Hi to "),
        ("you", "Hi to you"),
        ("", "Hi to you"),
    ]
    assert responses[-1].raw["finish_reason"] == "stop"


def test_the_synchronous_methods_work_without_a_loop() -> None:
    model = llm("one", "two x", "three", "four x")

    assert model.chat(ASK).message.content == "one"
    assert [response.delta for response in model.stream_chat(ASK)] == ["two ", "x", ""]
    assert model.complete("?").text == "three"
    assert [response.text for response in model.stream_complete("?")] == ["four ", "four x", "four x"]
    model.close()


async def test_the_synchronous_methods_work_while_a_loop_runs() -> None:
    model = llm("one", "two")

    assert model.chat(ASK).message.content == "one"
    assert [response.delta for response in model.stream_chat(ASK)] == ["two", ""]
    model.close()


async def test_completions_are_asked_as_one_user_message() -> None:
    client = replay("one", "two x")
    model = HubLLM(model_client=client)

    assert (await model.acomplete("Why?")).text == "one"
    assert [response.delta async for response in await model.astream_complete("Why?")] == ["two ", "x", ""]
    assert client.create_calls[1]["messages"] == [UserMessage(content="Why?", source="user")]


def test_the_thread_ends_with_the_llm() -> None:
    def threads() -> list[str]:
        return [thread.name for thread in threading.enumerate() if thread.name == "hubbub-blocking"]

    model = llm("one", "two")
    model.chat(ASK)
    assert len(threads()) == 1
    model.close()
    assert threads() == []
    model.chat(ASK)
    assert len(threads()) == 1

    del model
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

    model = HubLLM(model_client=Endless([]))
    stream = model.stream_chat(ASK)
    next(stream)

    stream.close()

    assert closed.is_set()
    model.close()


async def test_cancelling_a_call_cancels_the_clients_request() -> None:
    started, cancelled = asyncio.Event(), asyncio.Event()

    class Waiting(ReplayChatCompletionClient):
        async def create(self, *args: Any, **kwargs: Any) -> CreateResult:
            started.set()
            try:
                return await asyncio.Future()
            finally:
                cancelled.set()

    task = asyncio.create_task(HubLLM(model_client=Waiting([])).achat(ASK))
    await started.wait()

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert cancelled.is_set()


async def test_tools_reach_the_client_with_their_schema() -> None:
    client = replay(calls('{"a": 1, "b": 2}'))
    model = HubLLM(model_client=client)

    response = await model.achat_with_tools([ADD], user_msg="1+2?", tool_required=True)

    (selection,) = model.get_tool_calls_from_response(response)
    assert (selection.tool_id, selection.tool_name, selection.tool_kwargs) == ("0", "add", {"a": 1, "b": 2})
    request = client.create_calls[0]
    assert request["tool_choice"] == "required"
    assert [tool.schema["name"] for tool in request["tools"]] == ["add"]
    assert set(request["tools"][0].schema["parameters"]["properties"]) == {"a", "b"}


async def test_a_tool_can_be_forced_by_name() -> None:
    client = replay(calls('{"a": 1, "b": 2}'))

    await HubLLM(model_client=client).achat_with_tools([ADD], user_msg="1+2?", tool_choice="add")

    assert client.create_calls[0]["tool_choice"].name == "add"


async def test_an_unknown_forced_tool_is_named() -> None:
    with pytest.raises(ValueError, match="tool_choice 'mul' names no tool of this call; its tools: add"):
        await llm("x").achat_with_tools([ADD], user_msg="1+2?", tool_choice="mul")


async def test_parallel_calls_come_only_where_they_are_allowed() -> None:
    model = llm(calls("{}", "{}"), calls("{}", "{}"))

    one = await model.achat_with_tools([ADD], user_msg="?")
    two = await model.achat_with_tools([ADD], user_msg="?", allow_parallel_tool_calls=True)

    assert len(model.get_tool_calls_from_response(one)) == 1
    assert len(model.get_tool_calls_from_response(two)) == 2


@pytest.mark.parametrize(
    ("arguments", "text"), [('{"a": ', "add with arguments that are not JSON"), ("[1]", "must be a JSON object")]
)
async def test_arguments_that_are_no_object_are_refused(arguments: str, text: str) -> None:
    model = llm(calls(arguments))
    response = await model.achat_with_tools([ADD], user_msg="?")

    with pytest.raises(ValueError, match=text):
        model.get_tool_calls_from_response(response)


async def test_a_reply_without_calls_is_an_error_only_where_one_is_expected() -> None:
    model = llm("No.")
    response = await model.achat(ASK)

    assert model.get_tool_calls_from_response(response, error_on_no_tool_call=False) == []
    with pytest.raises(ValueError, match=r"expected at least one tool call, but the model answered: 'No\.'"):
        model.get_tool_calls_from_response(response)


async def test_a_completion_that_is_a_call_is_not_lost() -> None:
    with pytest.raises(ValueError, match=r'answered a completion with calls: \["add"\]'):
        await llm(calls("{}")).acomplete("?")


async def test_options_reach_the_client() -> None:
    client = replay("x")
    model = HubLLM(model_client=client, extra_create_args={"temperature": 0.1, "seed": 1})

    await model.achat(ASK, temperature=0.9, json_output=True)

    assert client.create_calls[0]["extra_create_args"] == {"temperature": 0.9, "seed": 1}
    assert client.create_calls[0]["json_output"] is True


def test_metadata_come_from_the_client() -> None:
    assert llm().metadata.is_function_calling_model
    assert llm().metadata.context_window == 10_000
    assert HubLLM(model_client=replay(), context_window=77).metadata.context_window == 77
    assert not HubLLM(model_client=ReplayChatCompletionClient([])).metadata.is_function_calling_model


def test_a_dump_holds_no_client() -> None:
    assert "model_client" not in llm().to_dict()
    assert "model_client" not in repr(llm())


def test_structured_prediction_runs_on_the_hubs_model() -> None:
    class Sum(BaseModel):
        """A sum."""

        total: int

    result = CreateResult(
        finish_reason="function_calls",
        content=[FunctionCall(id="1", name="Sum", arguments='{"total": 3}')],
        usage=RequestUsage(1, 1),
        cached=False,
    )
    model = llm(result)

    assert model.structured_predict(Sum, PromptTemplate("Add {x}"), x="1 and 2") == Sum(total=3)
    model.close()


async def test_structured_prediction_streams_the_whole_answer() -> None:
    class Sum(BaseModel):
        """The sum."""

        total: int

    call = CreateResult(
        finish_reason="function_calls",
        content=[FunctionCall(id="1", name="Sum", arguments='{"total": 3}')],
        usage=RequestUsage(3, 4),
        cached=False,
    )

    stream = await llm(call).astream_structured_predict(Sum, PromptTemplate("Add {x}"), x="1 and 2")

    assert [answer async for answer in stream][-1] == Sum(total=3)


async def test_a_synchronous_call_from_its_own_thread_is_refused_instead_of_waiting_for_ever() -> None:
    class Nested(ReplayChatCompletionClient):
        async def create(self, *args: Any, **kwargs: Any) -> CreateResult:
            return CreateResult(
                finish_reason="stop",
                content=str(model.chat(ASK).message.content),
                usage=RequestUsage(0, 0),
                cached=False,
            )

    model = HubLLM(model_client=Nested([]))

    with pytest.raises(RuntimeError, match="use the asynchronous method"):
        await asyncio.to_thread(model.chat, ASK)
    model.close()
