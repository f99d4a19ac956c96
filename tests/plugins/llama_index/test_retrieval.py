"""Retrievers and query engines as agents."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.query_engine import CustomQueryEngine, RetrieverQueryEngine
from llama_index.core.response_synthesizers import get_response_synthesizer
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode
from llama_index.retrievers.bm25 import BM25Retriever

from hubbub_core import AdaptedAgent, AgentId, CancellationToken, Image, SingleThreadedAgentRuntime
from hubbub_core.exchange import AgentChunk, AgentResult, AgentTask
from hubbub_core.models import AssistantMessage, CreateResult, RequestUsage, UserMessage
from hubbub_core.models.replay import ReplayChatCompletionClient
from hubbub_llama_index import HubLLM, from_query_engine, from_retriever
from hubbub_registry import adapt

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
STORKS = TextNode(id_="n1", text="Storks nest on chimneys.", metadata={"file_name": "birds.md", "page": 3})
TRAINS = TextNode(id_="n2", text="Trains run on rails.", metadata={"title": "Rail", "url": "https://example.org/rail"})


class OneThread(BaseRetriever):
    """A synchronous retriever that notes its thread."""

    thread = 0

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        self.thread = threading.get_ident()
        return [NodeWithScore(node=TRAINS, score=0.5)] if "train" in query_bundle.query_str else []


class Waiting(BaseRetriever):
    """An asynchronous retriever that never finds anything, and notes that it was cancelled."""

    def __init__(self) -> None:
        super().__init__()
        self.started = asyncio.Event()
        self.cancelled = False

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        raise AssertionError("the asynchronous method is there")

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        self.started.set()
        try:
            return await asyncio.Future()
        except asyncio.CancelledError:
            self.cancelled = True
            raise


async def test_a_retriever_is_adapted_and_answers_with_its_passages() -> None:
    agent = adapt(BM25Retriever(nodes=[STORKS, TRAINS], similarity_top_k=1))

    result = await agent.run("Where do storks nest?")

    assert result.text() == "[1] birds.md\nStorks nest on chimneys."
    assert [(source.title, source.uri, source.metadata) for source in result.sources] == [
        ("birds.md", None, {"file_name": "birds.md", "page": 3, "node_id": "n1"})
    ]


async def test_a_synchronous_retriever_does_not_run_in_the_loop() -> None:
    retriever = OneThread()

    result = await from_retriever(retriever).run("train")

    assert retriever.thread != threading.get_ident()
    assert (result.sources[0].uri, result.sources[0].score) == ("https://example.org/rail", 0.5)


async def test_no_passage_is_said() -> None:
    result = await from_retriever(OneThread()).run("storks")

    assert (result.text(), result.sources) == ("No passage found for: storks", [])


async def test_cancelling_reaches_the_retriever() -> None:
    retriever, token = Waiting(), CancellationToken()
    task = asyncio.create_task(from_retriever(retriever).run("storks", cancellation_token=token))
    await retriever.started.wait()

    token.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert retriever.cancelled


async def test_leaving_the_stream_ends_the_run() -> None:
    retriever = Waiting()
    stream = from_retriever(retriever).run_stream("storks")
    task = asyncio.ensure_future(anext(stream))
    await retriever.started.wait()

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert retriever.cancelled


async def test_it_serves_in_the_runtime() -> None:
    runtime = SingleThreadedAgentRuntime()
    await from_retriever(OneThread()).register(runtime, "library")
    runtime.start()

    result = await runtime.send_message(AgentTask.from_text("train"), AgentId("library", "default"))

    assert isinstance(result, AgentResult)
    assert (result.source, result.sources[0].content) == ("library", "Trains run on rails.")
    await runtime.stop_when_idle()


def query_engine(*answers: str, streaming: bool = False) -> RetrieverQueryEngine:
    llm = HubLLM(model_client=ReplayChatCompletionClient(list(answers)))
    return RetrieverQueryEngine(
        retriever=OneThread(), response_synthesizer=get_response_synthesizer(llm=llm, streaming=streaming)
    )


async def test_a_query_engine_answers_on_the_hubs_model_with_its_sources() -> None:
    result = await adapt(query_engine("On rails.")).run("Where do trains run?")

    assert result.text() == "On rails."
    assert [source.title for source in result.sources] == ["Rail"]


async def test_a_streaming_query_engine_streams() -> None:
    items = [
        item async for item in from_query_engine(query_engine("On long rails.", streaming=True)).run_stream("train")
    ]

    chunks = [item.content for item in items if isinstance(item, AgentChunk)]
    assert chunks == ["On ", "long ", "rails."]
    assert isinstance(items[-1], AgentResult)
    assert items[-1].text() == "On long rails."


async def test_an_engine_that_is_synchronous_underneath_runs_in_a_thread() -> None:
    class Engine(CustomQueryEngine):
        def custom_query(self, query_str: str) -> str:
            return str(threading.get_ident())

    result = await from_query_engine(Engine()).run("where?")

    assert result.text() not in ("", str(threading.get_ident()))


async def test_an_error_of_the_engine_arrives_as_itself() -> None:
    class Engine(CustomQueryEngine):
        def custom_query(self, query_str: str) -> Any:
            raise LookupError("no such book")

    with pytest.raises(LookupError, match="no such book"):
        await from_query_engine(Engine()).run("where?")


async def test_a_question_without_text_is_refused() -> None:
    with pytest.raises(ValueError, match="agent 'query_engine' answers questions, but the task has no text"):
        await from_query_engine(query_engine("x")).run("")


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "streaming"])
async def test_an_error_of_the_model_arrives_as_itself_and_names_the_agent(streaming: bool) -> None:
    """LlamaIndex's synthesizers pass over a ValueError and answer `Empty Response`."""
    with pytest.raises(ValueError, match="No more mock responses available") as caught:
        await from_query_engine(query_engine(streaming=streaming), name="library").run("Where do trains run?")

    assert caught.value.__notes__ == ["in agent 'library' (LlamaIndex query engine RetrieverQueryEngine)"]


async def test_the_models_tokens_reasoning_and_finish_reason_are_in_the_result() -> None:
    reply = CreateResult(
        finish_reason="length", content="On chimneys", thought="Storks.", usage=RequestUsage(3, 2), cached=False
    )
    client = ReplayChatCompletionClient([reply])
    engine = RetrieverQueryEngine(
        BM25Retriever(nodes=[STORKS, TRAINS], similarity_top_k=1),
        get_response_synthesizer(llm=HubLLM(model_client=client)),
    )

    result = await from_query_engine(engine).run("Where do storks nest?")

    assert result.messages == [AssistantMessage(content="On chimneys", thought="Storks.", source="query_engine")]
    assert (result.usage, result.finish_reason) == (client.total_usage(), "length")


@pytest.mark.parametrize("make", [lambda: from_retriever(OneThread()), lambda: from_query_engine(query_engine("x"))])
async def test_a_question_with_an_image_is_refused(make: Callable[[], AdaptedAgent]) -> None:
    image = Image.from_base64(PIXEL)

    with pytest.raises(ValueError, match=r"agent '.*' answers questions in text, not an image"):
        await make().run(UserMessage(content=["What is that?", image], source="user"))
