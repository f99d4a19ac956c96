"""The pieces of a reply of the hub's client as LangChain's models stream theirs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.messages import AIMessageChunk
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk

from hubbub_core.models import CreateResult

from ._stream_text import cut_at_stop
from .messages import REASONING_KEY, response_metadata, usage_metadata


def text_chunk(text: str, kind: str) -> ChatGenerationChunk:
    """Return a piece of the text, or of the reasoning."""
    if kind == "text":
        return ChatGenerationChunk(message=AIMessageChunk(content=text))
    return ChatGenerationChunk(message=AIMessageChunk(content="", additional_kwargs={REASONING_KEY: text}))


def last_chunk(result: CreateResult, shown: set[str], stop: Sequence[str], name: str) -> ChatGenerationChunk:
    """Return the chunk that ends a stream: the calls, and what of the reply the client did not stream."""
    text, thought, metadata = "", "", response_metadata(result)
    if isinstance(result.content, str):
        if "thought" not in shown:
            thought = result.thought or ""
        if "text" not in shown:
            text = cut_at_stop(result.content, stop)
            if text != result.content:
                metadata["finish_reason"] = "stop"
    elif not shown:
        text = result.thought or ""
    calls = [] if isinstance(result.content, str) else result.content
    message = AIMessageChunk(
        content=text,
        additional_kwargs={REASONING_KEY: thought} if thought else {},
        tool_call_chunks=[
            tool_call_chunk(name=call.name, args=call.arguments or "{}", id=call.id, index=index)
            for index, call in enumerate(calls)
        ],
        usage_metadata=usage_metadata(result),
    )
    return final_chunk(message, {**metadata, "model_name": name})


def final_chunk(message: AIMessageChunk, metadata: dict[str, Any]) -> ChatGenerationChunk:
    """Return the chunk after which nothing comes."""
    message.response_metadata = metadata
    message.chunk_position = "last"
    return ChatGenerationChunk(message=message)
