"""From the exchange's task to the messages of chat agents, and from what they say to chunks and a result."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from pydantic import JsonValue, TypeAdapter, ValidationError

from hubbub_agentchat.base import TaskResult
from hubbub_agentchat.messages import (
    BaseAgentEvent,
    BaseChatMessage,
    HandoffMessage,
    MemoryQueryEvent,
    ModelClientStreamingChunkEvent,
    MultiModalMessage,
    StopMessage,
    StructuredMessage,
    TextMessage,
    ThoughtEvent,
    ToolCallExecutionEvent,
    ToolCallRequestEvent,
    ToolCallSummaryMessage,
    UserInputRequestedEvent,
)
from hubbub_core.exchange import AgentChunk, AgentResult, AgentTask, Source, message_text
from hubbub_core.models import (
    AssistantMessage,
    FunctionExecutionResultMessage,
    LLMMessage,
    RequestUsage,
    UserMessage,
)
from hubbub_core.passages import source_from, with_sources
from hubbub_core.user_input import REQUEST_ID

HANDOFF, HANDOFF_CONTEXT, STOP = "handoff", "handoff_context", "stop"
"""Keys of a result's metadata: the target and the context of its handoff, and whether it is a request to stop."""

FINISH_REASON, SOURCES, TASK = "finish_reason", "sources", "task"
"""Keys of metadata for what a result has fields of its own for, and for core's note of a chain's first task."""

_SOURCES = TypeAdapter(list[Source])


def chat_messages(task: AgentTask, target: str) -> list[BaseChatMessage]:
    """Return a task as chat messages for the agent or team `target`.

    Texts and images become messages of their authors; thoughts stay with who had them, as between chat agents. Where
    there is more (instructions, tool calls and results), what stands before the last message goes along as the context
    of a handoff, which holds model messages as they are. The last message is completed with the passages that were
    found for the task, and has the task's metadata.
    """
    messages = with_sources(task)
    if not messages:
        return []
    *earlier, last = messages
    about = texts({key: value for key, value in task.metadata.items() if key != TASK})
    if all(_is_said(message) for message in messages):
        return [*map(_said, earlier), _said(last, about)]
    return [
        HandoffMessage(
            content=message_text(last),
            source=getattr(last, "source", None) or "user",
            target=target,
            context=earlier if _is_said(last) else messages,
            metadata=about,
        ),
    ]


def texts(metadata: Mapping[str, JsonValue]) -> dict[str, str]:
    """Return metadata of the exchange as that of a chat message, which holds texts; anything else becomes JSON."""
    return {
        key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for key, value in metadata.items()
    }


def _is_said(message: LLMMessage) -> bool:
    if isinstance(message, UserMessage):
        return True
    return isinstance(message, AssistantMessage) and isinstance(message.content, str)


def _said(message: LLMMessage, metadata: Mapping[str, str] | None = None) -> BaseChatMessage:
    assert isinstance(message, (UserMessage, AssistantMessage))
    about = dict(metadata or {})
    if isinstance(message, UserMessage) and not isinstance(message.content, str):
        return MultiModalMessage(content=message.content, source=message.source, metadata=about)
    return TextMessage(content=message_text(message), source=message.source, metadata=about)


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
            about = {"message_id": item.id}
            yield AgentChunk(content=item.content, source=item.source, kind="thought", metadata=about)
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
    """Return the result of a run: all that was said, with its thoughts, tool calls and their results among it.

    The last message's metadata goes along, and in it what only chat agents know: `handoff` is the target of a handoff
    and `handoff_context` what it brings, `stop` a request to stop, `structured_response` the content of a structured
    message, `stop_reason` why a team stopped. The result's passages are the task's, then those that memories found and
    those that messages have in their metadata, as `answer` puts them there.
    """
    said = _Said()
    sources = list(task.sources)
    for item in result.messages:
        said.add(item)
        sources += [source for source in _sources(item) if source not in sources]
    last = next((item for item in reversed(result.messages) if isinstance(item, BaseChatMessage)), None)
    metadata = {} if last is None else _metadata(last)
    reason = metadata.pop(FINISH_REASON, "stop")
    if result.stop_reason is not None:
        metadata["stop_reason"] = result.stop_reason
    return AgentResult(
        messages=said.all(),
        source=name,
        sources=sources,
        usage=result.usage or RequestUsage(0, 0),
        finish_reason=str(reason),
        metadata=metadata,
    )


class _Said:
    """Collects what was said as messages of a model."""

    def __init__(self) -> None:
        self._messages: list[LLMMessage] = []
        # By author: what goes with the next message that can hold a thought.
        self._thoughts: dict[str, str] = {}

    def add(self, item: BaseAgentEvent | BaseChatMessage) -> None:
        author = item.source
        if isinstance(item, ThoughtEvent):
            earlier = self._thoughts.get(author)
            self._thoughts[author] = item.content if earlier is None else f"{earlier}\n{item.content}"
        elif isinstance(item, ToolCallRequestEvent):
            self._say(AssistantMessage(content=item.content, source=author))
        elif isinstance(item, ToolCallExecutionEvent):
            self._messages.append(FunctionExecutionResultMessage(content=item.content))
        elif isinstance(item, BaseChatMessage):
            if isinstance(item, ToolCallSummaryMessage):
                self._add_unseen(item)
            heard = item.to_model_message()
            if isinstance(heard.content, str):
                self._say(AssistantMessage(content=item.to_model_text(), source=author))
            else:
                self._leave_thought(author)
                self._messages.append(heard)

    def all(self) -> list[LLMMessage]:
        for author in list(self._thoughts):
            self._leave_thought(author)
        return self._messages

    def _say(self, message: AssistantMessage) -> None:
        message.thought = self._thoughts.pop(message.source, None)
        self._messages.append(message)

    def _leave_thought(self, author: str) -> None:
        if author in self._thoughts:
            self._say(AssistantMessage(content="", source=author))

    def _add_unseen(self, summary: ToolCallSummaryMessage) -> None:
        """Add the calls and results of a summary that no event has told before."""
        requested: set[str] = set()
        executed: set[str] = set()
        for message in self._messages:
            if isinstance(message, FunctionExecutionResultMessage):
                executed.update(result.call_id for result in message.content)
            elif isinstance(message, AssistantMessage) and not isinstance(message.content, str):
                requested.update(call.id for call in message.content)
        if calls := [call for call in summary.tool_calls if call.id not in requested]:
            self._say(AssistantMessage(content=calls, source=summary.source))
        if results := [result for result in summary.results if result.call_id not in executed]:
            self._messages.append(FunctionExecutionResultMessage(content=results))


def _metadata(message: BaseChatMessage) -> dict[str, JsonValue]:
    about: dict[str, JsonValue] = {key: value for key, value in message.metadata.items() if key != TASK}
    if _sources(message):
        del about[SOURCES]
    if isinstance(message, StructuredMessage):
        about["structured_response"] = message.content.model_dump(mode="json")
    elif isinstance(message, StopMessage):
        about[STOP] = True
    elif isinstance(message, HandoffMessage):
        about[HANDOFF] = message.target
        if message.context:
            about[HANDOFF_CONTEXT] = [each.model_dump(mode="json") for each in message.context]
    return about


def _sources(item: BaseAgentEvent | BaseChatMessage) -> Sequence[Source]:
    if isinstance(item, MemoryQueryEvent):
        return [source_from(found.content, found.metadata) for found in item.content if isinstance(found.content, str)]
    given = item.metadata.get(SOURCES) if isinstance(item, BaseChatMessage) else None
    if given is None:
        return ()
    try:
        return _SOURCES.validate_json(given)
    except ValidationError:
        return ()  # the application's own entry of this name
