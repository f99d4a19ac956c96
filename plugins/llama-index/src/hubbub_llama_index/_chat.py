"""Chat engines as adapters: one engine serves every session, each with its own conversation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from hubbub_core.exchange import AgentChunk, AgentContext, AgentResult, AgentTask
from hubbub_core.models import LLMMessage
from hubbub_core.passages import with_sources
from hubbub_core.running import stream_work

from ._emit import Emit
from ._messages import to_chat_messages
from ._meter import Meter, metered
from ._passages import sources_from_nodes, sources_from_tools

if TYPE_CHECKING:
    from llama_index.core.chat_engine.types import BaseChatEngine, StreamingAgentChatResponse
    from llama_index.core.llms import ChatMessage

# By the engine's id, which stays its own as long as an adapter has both. An engine itself need not be hashable.
_turns: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()


class ChatEngineAdapter:
    """Runs a chat engine. The engine holds one conversation, so sessions take turns and bring their own.

    Args:
        engine: The engine, shared by all sessions.
    """

    def __init__(self, engine: BaseChatEngine) -> None:
        self._engine = engine
        self._turn = _turns.setdefault(id(engine), asyncio.Lock())
        self.label = f"LlamaIndex chat engine {type(engine).__name__}"
        self._history: list[ChatMessage] = []

    def run(self, task: AgentTask, context: AgentContext) -> AsyncGenerator[AgentChunk | AgentResult, None]:
        """Continue the session's conversation; the answer is streamed, its passages and tools are the sources."""

        async def work(emit: Emit) -> AgentResult:
            async with self._turn:
                with metered() as meter:
                    return await self._chat(task, context, emit, meter)

        return stream_work(work, context.cancellation_token)

    async def save_state(self) -> Mapping[str, Any]:
        """Return the conversation as JSON."""
        return {"messages": [message.model_dump(mode="json") for message in self._history]}

    async def load_state(self, state: Mapping[str, Any]) -> None:
        """Take up what `save_state` returned."""
        from llama_index.core.llms import ChatMessage

        self._history = [ChatMessage.model_validate(message) for message in state.get("messages", [])]

    async def _chat(self, task: AgentTask, context: AgentContext, emit: Emit, meter: Meter) -> AgentResult:
        from llama_index.core.chat_engine.types import AgentChatResponse

        messages = to_chat_messages(with_sources(task))
        if not messages or not (question := messages[-1].content):
            raise ValueError(f"agent {context.name!r} holds a conversation, but the task has no text")
        for block in messages[-1].blocks:
            if block.block_type != "text":
                raise ValueError(
                    f"agent {context.name!r} is a chat engine, which takes text, not an {block.block_type}"
                )
        self._engine.reset()
        response: Any = await self._engine.astream_chat(question, chat_history=[*self._history, *messages[:-1]])
        if isinstance(response, AgentChatResponse):
            # What a tool answered at once; its own stream would only slow it down word by word.
            text = response.response
        else:
            text = await _read(response, lambda token: emit(AgentChunk(content=token, source=context.name)))
        self._history = list(self._engine.chat_history)
        answer: list[LLMMessage] = [meter.answer(text, context.name)]
        nodes = response.source_nodes
        # Engines list their own retrieval as if it were a tool; its nodes are the passages already.
        tools = [output for output in response.sources if not (nodes and output.tool_name == "retriever")]
        sources = sources_from_nodes(nodes)
        known = {source.content for source in sources}
        sources += [source for source in sources_from_tools(tools) if source.content not in known]
        return AgentResult(
            messages=answer, source=context.name, sources=sources, usage=meter.usage, finish_reason=meter.reason
        )


async def _read(response: StreamingAgentChatResponse, say: Callable[[str], None]) -> str:
    """Read a streaming response to its end, or stop all that writes it."""
    # The engine reads the model's stream in a task of its own, which its response waits for even when it is cancelled.
    writing = response.awrite_response_to_history_task

    async def read() -> str:
        text = ""
        async for token in response.async_response_gen():
            text += token
            if token:
                say(token)
        return text

    reading = asyncio.ensure_future(read())
    try:
        await asyncio.wait({reading})  # leaves it alone when this is cancelled, so that the writing can end first
        return reading.result()
    finally:
        for task in (writing, reading):
            if task is not None:
                task.cancel()
                await asyncio.wait({task})
