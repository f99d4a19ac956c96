"""From messages of a team to the exchange, and from its chunks and results to what a chat agent says."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import JsonValue, TypeAdapter

from hubbub_agentchat._exchange_messages import FINISH_REASON, HANDOFF, HANDOFF_CONTEXT, SOURCES, STOP, TASK, texts
from hubbub_agentchat.messages import (
    BaseAgentEvent,
    BaseChatMessage,
    HandoffMessage,
    ModelClientStreamingChunkEvent,
    MultiModalMessage,
    StopMessage,
    TextMessage,
    ThoughtEvent,
    ToolCallExecutionEvent,
    ToolCallRequestEvent,
    UserInputRequestedEvent,
)
from hubbub_core import FunctionCall
from hubbub_core.exchange import AgentChunk, AgentResult, message_text
from hubbub_core.models import (
    AssistantMessage,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    LLMMessage,
    UserMessage,
)
from hubbub_core.user_input import REQUEST_ID

_MESSAGES = TypeAdapter(list[LLMMessage])

# What an event has a field of its own for.
_FIELDS = frozenset({"name", "call_id", "arguments", "is_error", "message_id"})


def model_messages(messages: Sequence[BaseChatMessage]) -> list[LLMMessage]:
    """Return chat messages as what a model would be given, contexts of handoffs first."""
    found: list[LLMMessage] = []
    for message in messages:
        if isinstance(message, HandoffMessage):
            found.extend(message.context)
        found.append(message.to_model_message())
    return found


def task_metadata(messages: Sequence[BaseChatMessage]) -> dict[str, JsonValue]:
    """Return what the newest message remembers, as metadata of a task."""
    return dict(messages[-1].metadata) if messages else {}


def answer(result: AgentResult, name: str, message_id: str) -> BaseChatMessage:
    """Return the answer of a result as a chat message.

    Its metadata is the result's, as texts (JSON where it is something else), with the passages in `sources` as JSON
    and a `finish_reason` other than "stop". A result with `handoff` in its metadata is a handoff.
    """
    about = dict(result.metadata)
    about.pop(TASK, None)
    if result.sources:
        about[SOURCES] = [source.model_dump(mode="json") for source in result.sources]
    if result.finish_reason != "stop":
        about[FINISH_REASON] = result.finish_reason
    stop, target = about.get(STOP) is True, about.get(HANDOFF)
    extra: dict[str, Any] = {}
    kind: type[TextMessage | StopMessage | HandoffMessage] = TextMessage
    if isinstance(target, str):
        kind = HandoffMessage
        extra = {"target": target, "context": _MESSAGES.validate_python(about.pop(HANDOFF_CONTEXT, []))}
        del about[HANDOFF]
    elif stop:
        kind = StopMessage
        del about[STOP]
    used = result.usage
    common: dict[str, Any] = {
        "source": name,
        "models_usage": used if used.prompt_tokens or used.completion_tokens else None,
        "metadata": texts(about),
        "id": message_id,
    }
    said = _last_said(result)
    if isinstance(said, UserMessage) and not isinstance(said.content, str) and kind is TextMessage:
        return MultiModalMessage(content=said.content, **common)
    return kind(content="" if said is None else message_text(said), **extra, **common)


def _last_said(result: AgentResult) -> LLMMessage | None:
    return next((message for message in reversed(result.messages) if _says_something(message)), None)


def _says_something(message: LLMMessage) -> bool:
    return bool(message.content if isinstance(message, UserMessage) else message_text(message))


class EventMaker:
    """Makes events of what an agent streams, and of its result what that did not show.

    Args:
        name: Source of the events.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._requested: Counter[str] = Counter()
        self._executed: Counter[str] = Counter()
        # A thought in the making, and the id of its message where the agent told one.
        self._thought = ""
        self._thought_id: JsonValue = None
        # All thoughts that were shown, and how far those of the result have been found in them. Without white space,
        # in which the two may differ.
        self._shown = ""
        self._found = 0

    def of_chunk(self, chunk: AgentChunk) -> Iterator[BaseAgentEvent]:
        """Yield the events of a chunk; what is not said to a team, such as a status, has none."""
        about = chunk.metadata
        if chunk.kind == "thought":
            if about.get("message_id") != self._thought_id:
                yield from self._end_thought()
            self._thought_id = about.get("message_id")
            self._thought += chunk.content
            return
        yield from self._end_thought()
        call_id, request_id = about.get("call_id"), about.get(REQUEST_ID)
        if chunk.kind == "status" and isinstance(request_id, str):
            yield UserInputRequestedEvent(request_id=request_id, source=self._name)
        elif isinstance(tool := about.get("name"), str) and isinstance(call_id, str):
            if chunk.kind == "tool_call":
                self._requested[call_id] += 1
                call = FunctionCall(id=call_id, name=tool, arguments=_json_text(about.get("arguments")))
                yield ToolCallRequestEvent(content=[call], source=self._name, metadata=_rest(about))
            elif chunk.kind == "tool_result":
                self._executed[call_id] += 1
                result = FunctionExecutionResult(
                    content=chunk.content, name=tool, call_id=call_id, is_error=bool(about.get("is_error"))
                )
                yield ToolCallExecutionEvent(content=[result], source=self._name, metadata=_rest(about))

    def text_event(self, chunk: AgentChunk, message_id: str) -> ModelClientStreamingChunkEvent:
        """Return the event of a piece of text."""
        return ModelClientStreamingChunkEvent(
            content=chunk.content, source=self._name, full_message_id=message_id, metadata=_rest(chunk.metadata)
        )

    def of_result(self, result: AgentResult) -> Iterator[BaseAgentEvent | BaseChatMessage]:
        """Yield what no chunk has shown: thoughts, calls, their results, and what was said before the answer."""
        yield from self._end_thought()
        said = _last_said(result)
        for message in result.messages:
            if isinstance(message, FunctionExecutionResultMessage):
                results = [found for found in message.content if not _taken(self._executed, found.call_id)]
                if results:
                    yield ToolCallExecutionEvent(content=results, source=self._name)
                continue
            if isinstance(message, AssistantMessage):
                yield from self._thought_of(message)
                if not isinstance(message.content, str):
                    calls = [call for call in message.content if not _taken(self._requested, call.id)]
                    if calls:
                        yield ToolCallRequestEvent(content=calls, source=self._name)
                    continue
            if message is not said and _says_something(message):
                yield _chat_message(message, getattr(message, "source", "") or self._name)

    def _end_thought(self) -> Iterator[ThoughtEvent]:
        if self._thought:
            thought, self._thought = self._thought, ""
            self._shown += "".join(thought.split())
            yield ThoughtEvent(content=thought, source=self._name)

    def _thought_of(self, message: AssistantMessage) -> Iterator[ThoughtEvent]:
        if not message.thought:
            return
        thought = "".join(message.thought.split())
        at = self._shown.find(thought, self._found)
        if at < 0:
            yield ThoughtEvent(content=message.thought, source=self._name)
        else:
            self._found = at + len(thought)


def _chat_message(message: LLMMessage, source: str) -> BaseChatMessage:
    if isinstance(message, UserMessage) and not isinstance(message.content, str):
        return MultiModalMessage(content=message.content, source=source)
    return TextMessage(content=message_text(message), source=source)


def _taken(shown: Counter[str], call_id: str) -> bool:
    """Tell whether a chunk has shown this one; ids come again where a model counts from one in each reply."""
    if not shown[call_id]:
        return False
    shown[call_id] -= 1
    return True


def _json_text(arguments: JsonValue) -> str:
    if isinstance(arguments, str):
        return arguments or "{}"
    return json.dumps(arguments or {}, ensure_ascii=False)


def _rest(metadata: Mapping[str, JsonValue]) -> dict[str, str]:
    return texts({key: value for key, value in metadata.items() if key not in _FIELDS}) if metadata else {}
