"""The exchange: one task in, chunks while it runs, one result out, whatever framework is behind it.

An adapter implements `AgentAdapter` for one framework. Core turns it into an agent of the runtime (`AdaptedAgent`);
chat teams and hub files build on that, so an adapter knows neither.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from pydantic import BaseModel, Field, JsonValue

from .models import AssistantMessage, FunctionExecutionResultMessage, LLMMessage, RequestUsage, UserMessage

if TYPE_CHECKING:
    from ._agent_id import AgentId
    from ._agent_runtime import AgentRuntime
    from ._cancellation_token import CancellationToken
    from ._topic import TopicId

ChunkKind = Literal["text", "thought", "tool_call", "tool_result", "status"]
"""What a chunk holds: a piece of the answer, of the reasoning, a tool's name and arguments, its result, or progress."""


class Source(BaseModel):
    """Where a passage of a result comes from."""

    content: str
    """The passage itself, as it was found."""

    title: str = ""
    """What to show a reader: a path, a page title, a commit's short hash."""

    uri: str | None = None
    """Where to open it, when it can be opened."""

    score: float | None = None
    """Relevance, higher is better; comparable only within one result."""

    metadata: dict[str, JsonValue] = Field(default_factory=dict)


class AgentTask(BaseModel):
    """What an agent is asked to do."""

    messages: list[LLMMessage] = Field(default_factory=list)
    """The conversation so far, the newest message last."""

    sources: list[Source] = Field(default_factory=list)
    """Passages that earlier agents found for this task."""

    metadata: dict[str, JsonValue] = Field(default_factory=dict)

    reply_to: str | None = None
    """Topic type that chunks, and a result that no other topic was named for, are published to."""

    @classmethod
    def from_text(cls, text: str, *, source: str = "user", **fields: Any) -> AgentTask:
        """Make a task of one user message."""
        return cls(messages=[UserMessage(content=text, source=source)], **fields)

    def text(self) -> str:
        """Return the newest user message's text, or the newest text of anybody; empty when there is none."""
        users = [message for message in self.messages if isinstance(message, UserMessage)]
        for message in reversed(users or self.messages):
            found = message_text(message)
            if found:
                return found
        return ""


class AgentChunk(BaseModel):
    """A piece of a running agent's work, published while it arises."""

    content: str
    source: str
    """Agent type, or the name of a part within the agent."""

    kind: ChunkKind = "text"

    metadata: dict[str, JsonValue] = Field(default_factory=dict)
    """A `tool_call` has `name`, `call_id` and `arguments`, which is JSON text as in a `FunctionCall`; a `tool_result`
    has `name`, `call_id` and `is_error`. Whatever else an adapter knows goes beside."""


class AgentResult(BaseModel):
    """What an agent answers. A result without messages says nothing and is not published."""

    messages: list[LLMMessage] = Field(default_factory=list)
    """The messages that the run added, in order; the last one is the answer. One with images is a `UserMessage`, since
    an `AssistantMessage` has none."""

    source: str = ""
    """Agent type that answers; filled in by the runtime's side when an adapter leaves it empty."""

    sources: list[Source] = Field(default_factory=list)
    usage: RequestUsage = Field(default_factory=lambda: RequestUsage(prompt_tokens=0, completion_tokens=0))
    finish_reason: str = "stop"
    metadata: dict[str, JsonValue] = Field(default_factory=dict)
    """`"task"` is the text of the first task in a chain of agents."""

    topic: str | None = None
    """Topic type that this result is for, in place of the one its agent publishes to: how an agent routes."""

    reply_to: str | None = None
    """Reply topic of the task it answers, so that the next agent of a chain streams to the same place."""

    @classmethod
    def from_text(cls, text: str, *, source: str, **fields: Any) -> AgentResult:
        """Make a result of one assistant message."""
        return cls(messages=[AssistantMessage(content=text, source=source)], source=source, **fields)

    def text(self) -> str:
        """Return the text of the last message that has any; empty when there is none."""
        for message in reversed(self.messages):
            found = message_text(message)
            if found:
                return found
        return ""


def message_text(message: LLMMessage) -> str:
    """Return the text of one message: text parts joined by newlines, images and calls left out."""
    if isinstance(message, FunctionExecutionResultMessage):
        return "\n".join(result.content for result in message.content)
    if isinstance(message.content, str):
        return message.content
    return "\n".join(part for part in message.content if isinstance(part, str))


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentContext:
    """What an adapter knows about the run it serves."""

    cancellation_token: CancellationToken
    """Cancelled when the caller gives up; the adapter stops its framework's run, its tools and its requests."""

    session: str = "default"
    """The agent's key: one conversation, one state."""

    name: str = "agent"
    """The agent's type, to be used as `source` of chunks and messages."""

    agent_id: AgentId | None = None
    """None when the agent runs outside a runtime."""

    runtime: AgentRuntime | None = None
    topic_id: TopicId | None = None
    """The topic the task came from; None for a direct message."""

    metadata: Mapping[str, Any] = field(default_factory=dict)


@runtime_checkable
class AgentAdapter(Protocol):
    """What a framework's plugin implements: one run of one foreign agent.

    `run` is an async generator function (or returns an async iterator): any number of `AgentChunk`, then exactly one
    `AgentResult`, the last item. Errors of the framework travel on as themselves; core adds a note that names the
    agent. When the token in `context` is cancelled, or the iterator is closed, everything the run has started ends
    before `run` returns.

    Optional: `async save_state() -> Mapping[str, Any]` (JSON), `async load_state(state)`, `async close()`, and a text
    `label` that says in such notes what it runs (`"LangGraph graph 'planner'"`; its class's name by default). One
    adapter object serves one agent key, so it may keep the conversation.
    """

    def run(self, task: AgentTask, context: AgentContext) -> AsyncIterator[AgentChunk | AgentResult]:
        """Run the task."""
        ...


def as_task(task: str | LLMMessage | Sequence[LLMMessage] | AgentTask | AgentResult) -> AgentTask:
    """Turn what people pass into a task.

    A result becomes the next agent's task: each of its messages that holds text or images is read as a user message
    from its author, and its sources go along.
    """
    if isinstance(task, AgentTask):
        return task
    if isinstance(task, str):
        return AgentTask.from_text(task)
    if isinstance(task, AgentResult):
        messages: list[LLMMessage] = []
        for message in task.messages:
            if isinstance(message, UserMessage) and not isinstance(message.content, str):
                messages.append(message)
                continue
            text = message_text(message)
            if text and not isinstance(message, FunctionExecutionResultMessage):
                messages.append(
                    UserMessage(content=text, source=getattr(message, "source", "") or task.source or "user")
                )
        return AgentTask(
            messages=messages, sources=list(task.sources), metadata=dict(task.metadata), reply_to=task.reply_to
        )
    if isinstance(task, Sequence):
        return AgentTask(messages=list(task))
    return AgentTask(messages=[task])
