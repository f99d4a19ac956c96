"""What a graph streams while it runs, as chunks of the exchange."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, ToolMessage
from pydantic import JsonValue

from hubbub_core.exchange import AgentChunk, ChunkKind
from hubbub_langchain.answers import call_chunks
from hubbub_langchain.messages import text_and_reasoning


class ChunkReader:
    """Reads the stream of one run.

    Tokens of chat models arrive as text and thoughts; calls, whose arguments stream in pieces, once they are complete.
    A node that has finished is a status.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        # Message id -> what has streamed of a message with function calls, and the place it belongs to.
        self._calling: dict[str | None, tuple[AIMessageChunk, dict[str, JsonValue]]] = {}

    def message(self, namespace: tuple[str, ...], message: object, facts: Mapping[str, Any]) -> Iterator[AgentChunk]:
        """Read an item of the stream mode `messages`."""
        place = _place(namespace, facts.get("langgraph_node"))
        if isinstance(message, AIMessage):
            text, thought = text_and_reasoning(message)
            if thought:
                yield self._chunk(thought, "thought", place)
            if text:
                yield self._chunk(text, "text", place)
            if not isinstance(message, AIMessageChunk):
                yield from call_chunks(message, self._source, place)
            elif message.tool_call_chunks or message.id in self._calling:
                streamed = self._calling.get(message.id)
                self._calling[message.id] = (message if streamed is None else streamed[0] + message, place)
        elif isinstance(message, ToolMessage):
            yield from self._complete_calls()
            about: dict[str, JsonValue] = {
                "name": message.name or "",
                "call_id": message.tool_call_id,
                "is_error": message.status == "error",
            }
            yield self._chunk(_text(message), "tool_result", {**place, **about})

    def update(self, namespace: tuple[str, ...], update: Mapping[str, Any]) -> Iterator[AgentChunk]:
        """Read an item of the stream mode `updates`: the nodes that have finished."""
        yield from self._complete_calls()
        for node in update:
            if not node.startswith("__"):
                yield self._chunk(f"{node} finished", "status", _place(namespace, node))

    def custom(self, namespace: tuple[str, ...], value: object) -> Iterator[AgentChunk]:
        """Read what a node wrote with a stream writer: text is text, a chunk itself, anything else a status."""
        if isinstance(value, AgentChunk):
            yield value
        elif isinstance(value, str):
            yield self._chunk(value, "text", _place(namespace, None))
        else:
            place = _place(namespace, None)
            try:
                content = json.dumps(value, ensure_ascii=False)
                place["value"] = json.loads(content)
            except (TypeError, ValueError):
                content = str(value)
            yield self._chunk(content, "status", place)

    def _complete_calls(self) -> Iterator[AgentChunk]:
        calling, self._calling = self._calling, {}
        for message, place in calling.values():
            yield from call_chunks(message, self._source, place)

    def _chunk(self, content: str, kind: ChunkKind, metadata: dict[str, JsonValue]) -> AgentChunk:
        return AgentChunk(content=content, source=self._source, kind=kind, metadata=metadata)


def _place(namespace: tuple[str, ...], node: object) -> dict[str, JsonValue]:
    place: dict[str, JsonValue] = {}
    if isinstance(node, str):
        place["node"] = node
    if namespace:
        # `planner:5f2c...` is the node `planner` of the outer graph and the id of its run.
        place["within"] = [part.partition(":")[0] for part in namespace]
    return place


def _text(message: BaseMessage) -> str:
    return text_and_reasoning(message)[0]
