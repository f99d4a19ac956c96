"""Retrievers and query engines as adapters: one question in, an answer with its passages out."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, AsyncIterator
from typing import TYPE_CHECKING, Any, Final

from hubbub_core.exchange import AgentChunk, AgentContext, AgentResult, AgentTask
from hubbub_core.models import UserMessage
from hubbub_core.passages import json_object, passages_text
from hubbub_core.running import stream_work

from ._emit import Emit
from ._meter import Meter, metered
from ._passages import sources_from_nodes

if TYPE_CHECKING:
    from llama_index.core.base.base_query_engine import BaseQueryEngine
    from llama_index.core.base.base_retriever import BaseRetriever
    from llama_index.core.schema import NodeWithScore

_NOTHING: Final = "Empty Response"
"""What LlamaIndex's synthesizers answer when they have nothing to say."""


class RetrieverAdapter:
    """Runs a LlamaIndex retriever.

    One that is synchronous underneath runs in a thread. A thread cannot be stopped: when the task is cancelled, what
    it finds is dropped.
    """

    def __init__(self, retriever: BaseRetriever) -> None:
        self._retriever = retriever
        self.label = f"LlamaIndex retriever {type(retriever).__name__}"

    def run(self, task: AgentTask, context: AgentContext) -> AsyncGenerator[AgentChunk | AgentResult, None]:
        """Answer with the passages: listed in the text, whole in the sources."""

        async def work(emit: Emit) -> AgentResult:
            query = query_of(task, context)
            sources = sources_from_nodes(await retrieve(self._retriever, query))
            text = passages_text(sources) or f"No passage found for: {query}"
            return AgentResult.from_text(text, source=context.name, sources=sources)

        return stream_work(work, context.cancellation_token)


class QueryEngineAdapter:
    """Runs a LlamaIndex query engine."""

    def __init__(self, engine: BaseQueryEngine) -> None:
        self._engine = engine
        self.label = f"LlamaIndex query engine {type(engine).__name__}"

    def run(self, task: AgentTask, context: AgentContext) -> AsyncGenerator[AgentChunk | AgentResult, None]:
        """Answer with the engine's text, streamed when the engine streams, and its passages as sources."""

        async def work(emit: Emit) -> AgentResult:
            with metered() as meter:
                return await answer(emit, meter)

        async def answer(emit: Emit, meter: Meter) -> AgentResult:
            response: Any = await self._query(query_of(task, context))
            text = ""
            if (pieces := tokens(response)) is not None:
                async for token in pieces:
                    text += token
                    if token:
                        emit(AgentChunk(content=token, source=context.name))
            elif getattr(response, "response", None) is not None:
                text = str(response)  # an engine without an answer would give the word "None"
            if text == _NOTHING and meter.error is not None:
                raise meter.error  # LlamaIndex takes a ValueError of the model for an answer that does not fit
            return AgentResult(
                messages=[meter.answer(text, context.name)],
                source=context.name,
                sources=sources_from_nodes(response.source_nodes),
                usage=meter.usage,
                finish_reason=meter.reason,
                metadata=json_object(getattr(response, "metadata", None)),
            )

        return stream_work(work, context.cancellation_token)

    async def _query(self, query: str) -> Any:
        from llama_index.core.query_engine import CustomQueryEngine

        engine = self._engine
        if isinstance(engine, CustomQueryEngine) and type(engine).acustom_query is CustomQueryEngine.acustom_query:
            return await asyncio.to_thread(engine.query, query)
        return await engine.aquery(query)


async def retrieve(retriever: BaseRetriever, query: str) -> list[NodeWithScore]:
    """Return what a retriever finds; one that is synchronous underneath runs in a thread."""
    from llama_index.core.base.base_retriever import BaseRetriever

    if type(retriever)._aretrieve is BaseRetriever._aretrieve:
        return await asyncio.to_thread(retriever.retrieve, query)
    return await retriever.aretrieve(query)


def query_of(task: AgentTask, context: AgentContext) -> str:
    """Return the task's newest text.

    Raises:
        ValueError: There is none, or an image beside it.
    """
    query = task.text().strip()
    newest = next((message for message in reversed(task.messages) if isinstance(message, UserMessage)), None)
    if newest is not None and not isinstance(newest.content, str):
        for part in newest.content:
            if not isinstance(part, str):
                raise ValueError(f"agent {context.name!r} answers questions in text, not an image")
    if not query:
        raise ValueError(f"agent {context.name!r} answers questions, but the task has no text")
    return query


def tokens(response: Any) -> AsyncIterator[str] | None:
    """Return the pieces of a streaming response; None for a whole one."""
    if inspect.isgenerator(pieces := getattr(response, "response_gen", None)):
        return _from_thread(pieces)
    stream = getattr(response, "async_response_gen", None)
    return stream() if stream is not None else None


async def _from_thread(pieces: Any) -> AsyncGenerator[str, None]:
    done = object()
    while (piece := await asyncio.to_thread(next, pieces, done)) is not done:
        yield str(piece)
