"""Between the messages of chat agents and those of the exchange."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from pydantic import JsonValue

from hubbub_agentchat.base import TaskResult
from hubbub_agentchat.messages import (
    BaseAgentEvent,
    BaseChatMessage,
    HandoffMessage,
    ModelClientStreamingChunkEvent,
    MultiModalMessage,
    TextMessage,
    ThoughtEvent,
    ToolCallExecutionEvent,
    ToolCallRequestEvent,
    UserInputRequestedEvent,
)
from hubbub_core import FunctionCall
from hubbub_core.exchange import AgentChunk, AgentResult, AgentTask, message_text
from hubbub_core.models import (
    AssistantMessage,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    LLMMessage,
    RequestUsage,
    UserMessage,
)
from hubbub_core.user_input import REQUEST_ID


def chat_messages(task: AgentTask, target: str) -> list[BaseChatMessage]:
    """Return a task as chat messages for the agent or team `target`.

    Texts and images become messages of their authors. Where there is more (instructions, tool calls and results), what
    stands before the last message goes along as the context of a handoff, which holds model messages as they are.
    Passages that were found for the task stand before its last message.
    """
    if not task.messages:
        return []
    *earlier, last = task.messages
    passages = _passages(task)
    if all(_is_said(message) for message in task.messages):
        return [*map(_said, earlier), *passages, _said(last)]
    return [
        *passages,
        HandoffMessage(
            content=message_text(last),
            source=getattr(last, "source", None) or "user",
            target=target,
            context=earlier if _is_said(last) else list(task.messages),
        ),
    ]


def _is_said(message: LLMMessage) -> bool:
    if isinstance(message, UserMessage):
        return True
    return isinstance(message, AssistantMessage) and isinstance(message.content, str)


def _said(message: LLMMessage) -> BaseChatMessage:
    assert isinstance(message, (UserMessage, AssistantMessage))
    if isinstance(message, UserMessage) and not isinstance(message.content, str):
        return MultiModalMessage(content=message.content, source=message.source)
    return TextMessage(content=message_text(message), source=message.source)


def _passages(task: AgentTask) -> list[BaseChatMessage]:
    if not task.sources:
        return []
    parts = [
        f"[{number}] {passage.title or passage.uri or 'passage'}\n{passage.content}"
        for number, passage in enumerate(task.sources, 1)
    ]
    return [TextMessage(content="Passages found for the task:\n\n" + "\n\n".join(parts), source="sources")]


def chunks(item: BaseAgentEvent | BaseChatMessage, streamed: set[str]) -> Iterator[AgentChunk]:
    """Return what a streamed message or event shows on its way.

    Args:
        item: The message or event.
        streamed: Ids of messages that came in pieces, added to here; their whole is not shown again.
    """
    if isinstance(item, ModelClientStreamingChunkEvent):
        about: dict[str, JsonValue] = {}
        if item.full_message_id is not None:
            streamed.add(item.full_message_id)
            about["message_id"] = item.full_message_id
        yield AgentChunk(content=item.content, source=item.source, metadata=about)
    elif isinstance(item, ThoughtEvent):
        if item.id not in streamed:
            yield AgentChunk(content=item.content, source=item.source, kind="thought")
    elif isinstance(item, ToolCallRequestEvent):
        for call in item.content:
            yield AgentChunk(
                content=f"{call.name}({call.arguments})",
                source=item.source,
                kind="tool_call",
                metadata={"name": call.name, "call_id": call.id, "arguments": call.arguments},
            )
    elif isinstance(item, ToolCallExecutionEvent):
        for result in item.content:
            yield AgentChunk(
                content=result.content,
                source=item.source,
                kind="tool_result",
                metadata={"name": result.name, "call_id": result.call_id, "is_error": bool(result.is_error)},
            )
    elif isinstance(item, BaseChatMessage):
        if item.id not in streamed:
            yield AgentChunk(content=item.to_text(), source=item.source, metadata={"message_id": item.id})
    elif isinstance(item, UserInputRequestedEvent):
        yield AgentChunk(
            content="waits for the user",
            source=item.source,
            kind="status",
            metadata={"event": type(item).__name__, REQUEST_ID: item.request_id},
        )
    else:
        yield AgentChunk(
            content=item.to_text(), source=item.source, kind="status", metadata={"event": type(item).__name__}
        )


def agent_result(result: TaskResult, task: AgentTask, name: str) -> AgentResult:
    """Return the result of a run, its tool calls and their results among the messages."""
    messages: list[LLMMessage] = []
    for item in result.messages:
        if isinstance(item, ToolCallRequestEvent):
            messages.append(AssistantMessage(content=item.content, source=item.source))
        elif isinstance(item, ToolCallExecutionEvent):
            messages.append(FunctionExecutionResultMessage(content=item.content))
        elif isinstance(item, BaseChatMessage):
            messages.append(AssistantMessage(content=item.to_model_text(), source=item.source))
    found = AgentResult(
        messages=messages,
        source=name,
        sources=list(task.sources),
        usage=result.usage or RequestUsage(0, 0),
    )
    if result.stop_reason is not None:
        found.metadata["stop_reason"] = result.stop_reason
    last = result.messages[-1] if result.messages else None
    if isinstance(last, HandoffMessage):
        found.metadata["handoff"] = last.target
    return found


def model_messages(messages: Sequence[BaseChatMessage]) -> list[LLMMessage]:
    """Return chat messages as what a model would be given, contexts of handoffs first."""
    found: list[LLMMessage] = []
    for message in messages:
        if isinstance(message, HandoffMessage):
            found.extend(message.context)
        found.append(message.to_model_message())
    return found


def answer(result: AgentResult, name: str, message_id: str) -> TextMessage:
    """Return the answer of a result as a chat message; where it comes from is in `metadata["sources"]`, as JSON."""
    metadata: dict[str, str] = {}
    if result.sources:
        metadata["sources"] = json.dumps([source.model_dump(mode="json") for source in result.sources])
    if result.finish_reason != "stop":
        metadata["finish_reason"] = result.finish_reason
    used = result.usage
    return TextMessage(
        content=result.text(),
        source=name,
        models_usage=used if used.prompt_tokens or used.completion_tokens else None,
        metadata=metadata,
        id=message_id,
    )


class SeenCalls:
    """Makes tool events of an agent's chunks, and of its result's messages what the chunks did not show.

    Args:
        name: Source of the events.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._requested: set[str] = set()
        self._executed: set[str] = set()

    def of_chunk(self, chunk: AgentChunk) -> BaseAgentEvent | None:
        """Return the event of a chunk of a call or result; None for others, or when it does not name the tool."""
        about = chunk.metadata
        tool, call_id = about.get("name"), about.get("call_id")
        if not isinstance(tool, str) or not isinstance(call_id, str):
            return None
        if chunk.kind == "tool_call":
            self._requested.add(call_id)
            call = FunctionCall(id=call_id, name=tool, arguments=str(about.get("arguments") or "{}"))
            return ToolCallRequestEvent(content=[call], source=self._name)
        if chunk.kind == "tool_result":
            self._executed.add(call_id)
            result = FunctionExecutionResult(
                content=chunk.content, name=tool, call_id=call_id, is_error=bool(about.get("is_error"))
            )
            return ToolCallExecutionEvent(content=[result], source=self._name)
        return None

    def of_result(self, result: AgentResult) -> Iterator[BaseAgentEvent]:
        """Yield the events of calls and results that no chunk has shown."""
        for message in result.messages:
            if isinstance(message, AssistantMessage) and not isinstance(message.content, str):
                calls = [call for call in message.content if call.id not in self._requested]
                if calls:
                    yield ToolCallRequestEvent(content=calls, source=self._name)
            elif isinstance(message, FunctionExecutionResultMessage):
                results = [found for found in message.content if found.call_id not in self._executed]
                if results:
                    yield ToolCallExecutionEvent(content=results, source=self._name)
