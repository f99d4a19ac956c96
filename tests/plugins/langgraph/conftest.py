"""What the tests of graphs share: a chat model that plays a script, and a short way to a graph."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

import pytest
from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langgraph.graph import START, StateGraph


class ScriptedModel(BaseChatModel):
    """Answers with its script, message by message, and records what it was asked."""

    script: list[AIMessage]
    asked: list[list[BaseMessage]]

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Runnable[Any, AIMessage]:
        return self

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        self.asked.append(messages)
        return ChatResult(generations=[ChatGeneration(message=self.script.pop(0))])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        self.asked.append(messages)
        reply = self.script.pop(0)
        for piece in re.findall(r"\S+\s*", str(reply.content)):
            yield ChatGenerationChunk(message=AIMessageChunk(content=piece))
        for index, call in enumerate(reply.tool_calls):
            arguments = json.dumps(call["args"])
            for piece, name in ((arguments[:4], call["name"]), (arguments[4:], None)):
                chunk = {"name": name, "args": piece, "id": call["id"] if name else None, "index": index}
                yield ChatGenerationChunk(
                    message=AIMessageChunk(content="", tool_call_chunks=[{**chunk, "type": "tool_call_chunk"}])
                )
        yield ChatGenerationChunk(
            message=AIMessageChunk(
                content="", usage_metadata=reply.usage_metadata, response_metadata=reply.response_metadata
            )
        )

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        for chunk in self._stream(messages):
            yield chunk


@pytest.fixture
def scripted() -> Callable[..., ScriptedModel]:
    """Make a model that plays the given messages."""

    def make(*script: AIMessage) -> ScriptedModel:
        return ScriptedModel(script=list(script), asked=[])

    return make


@pytest.fixture
def graph_of() -> Callable[..., Any]:
    """Compile nodes, one after the other, into a graph: `graph_of(State, first, second, checkpointer=...)`."""

    def make(state: Any, *nodes: Callable[..., Any], **options: Any) -> Any:
        builder = StateGraph(state)
        builder.add_sequence(nodes)
        builder.add_edge(START, nodes[0].__name__)
        return builder.compile(**options)

    return make
