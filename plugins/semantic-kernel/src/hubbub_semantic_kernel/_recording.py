"""What an agent of Semantic Kernel says during one run, as chunks and as the messages of a result."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from pydantic import JsonValue
from semantic_kernel.contents.annotation_content import AnnotationContent
from semantic_kernel.contents.chat_message_content import ChatMessageContent
from semantic_kernel.contents.file_reference_content import FileReferenceContent
from semantic_kernel.contents.function_call_content import FunctionCallContent
from semantic_kernel.contents.reasoning_content import ReasoningContent
from semantic_kernel.contents.streaming_annotation_content import StreamingAnnotationContent
from semantic_kernel.contents.streaming_file_reference_content import StreamingFileReferenceContent
from semantic_kernel.contents.streaming_reasoning_content import StreamingReasoningContent
from semantic_kernel.contents.text_content import TextContent
from semantic_kernel.contents.utils.author_role import AuthorRole

from hubbub_core.exchange import AgentChunk, AgentResult, ChunkKind, Source
from hubbub_core.models import (
    AssistantMessage,
    FinishReasons,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    LLMMessage,
    RequestUsage,
)

from ._calls import CallCollector
from .messages import finish_reason, from_chat_message, refused, usage_of

Emit = Callable[[AgentChunk], None]


class Recorder:
    """Records one run: streamed pieces, intermediate messages and whole answers, in the order they come.

    Args:
        name: Source of chunks, and of messages without a name.
        emit: Hands a chunk to the caller; never suspends.
        messages: Where its messages are put, after those of others.
    """

    def __init__(self, name: str, emit: Emit, messages: list[LLMMessage] | None = None) -> None:
        self._name = name
        self._emit = emit
        self._messages: list[LLMMessage] = [] if messages is None else messages
        self._last: LLMMessage | None = None
        self.sources: list[Source] = []
        self._files: list[JsonValue] = []
        self.usage = RequestUsage(0, 0)
        # Kept, so that no other object can have the identity of one that was counted.
        self._counted: list[Any] = []
        self._reason: str | None = None
        # What has streamed of the message that is being written.
        self._text = ""
        self._thought = ""
        self._calls = CallCollector()

    def piece(self, message: ChatMessageContent) -> None:
        """Take a streamed piece of a message."""
        if message.role == AuthorRole.TOOL:
            self.message(message)
            return
        self._note(message)
        for item in message.items:
            if isinstance(item, TextContent):
                self._text += item.text
                self._chunk("text", item.text)
            elif isinstance(item, ReasoningContent):
                self._thought += item.text or ""
                self._chunk("thought", item.text or "")
            elif isinstance(item, FunctionCallContent):
                self._calls.add(item)
            elif not self._attached(item):
                raise refused(item, message)

    def intermediate(self, message: ChatMessageContent) -> None:
        """Take a message on the way to the answer, whose text may have streamed already."""
        # Agents of Responses hand over empty messages too, and reasoning apart: in pieces, then once more as a whole.
        if message.items and all(isinstance(item, ReasoningContent) for item in message.items):
            self._reason_apart(message)
        elif message.items:
            self.message(message)

    def message(self, message: ChatMessageContent) -> None:
        """Take a whole message."""
        if any(message is counted for counted in self._counted):
            # Some agents hand an intermediate message over twice.
            return
        self._counted.append(message)
        self._note(message)
        kept = [item for item in message.items if not self._attached(item)]
        converted = from_chat_message(message.model_copy(update={"items": kept}), assistant=self._name)
        if isinstance(converted, FunctionExecutionResultMessage):
            self._returned(converted)
        elif isinstance(converted, AssistantMessage):
            self._said(converted, kept)
        else:
            self._keep(converted)

    def complete(self, annotations: Iterable[AnnotationContent], refusal: str) -> None:
        """Take what the service told and the messages did not.

        Args:
            annotations: Where the answer comes from.
            refusal: What the model said in place of an answer.
        """
        for annotation in annotations:
            self._attached(annotation)
        if not refusal or self._text:
            return
        if isinstance(self._last, AssistantMessage) and not self._last.content:
            self._messages.remove(self._last)
        self._text = refusal
        self._chunk("text", refusal)

    def streamed(self) -> AssistantMessage | None:
        """Return the message that has streamed since the last whole one; None when nothing has."""
        calls = self._calls.calls()
        if not (self._text or self._thought or calls):
            return None
        thoughts = [self._thought, self._text] if calls else [self._thought]
        return AssistantMessage(
            content=calls or self._text, thought="\n".join(filter(None, thoughts)) or None, source=self._name
        )

    def result(self, *, usage: RequestUsage | None = None, reason: FinishReasons | None = None) -> AgentResult:
        """Return the result of the run.

        Args:
            usage: Its tokens, where they are known otherwise than from the messages.
            reason: Its finish reason, likewise.
        """
        last = self.streamed()
        if last is not None:
            self._messages.append(last)
        elif not self._messages:
            self._messages.append(AssistantMessage(content="", source=self._name))
        answer = self._messages[-1]
        asks = isinstance(answer, AssistantMessage) and not isinstance(answer.content, str)
        reason = reason or ("stop" if self._reason is None else finish_reason(self._reason))
        if isinstance(answer, FunctionExecutionResultMessage):
            # A filter, or the limit of calls, has ended the run: what the function returned is the answer.
            reason = "stop"
        metadata: dict[str, JsonValue] = {"files": self._files} if self._files else {}
        return AgentResult(
            messages=self._messages,
            source=self._name,
            sources=self.sources,
            usage=usage or self.usage,
            finish_reason="function_calls" if asks else reason,
            metadata=metadata,
        )

    def _reason_apart(self, message: ChatMessageContent) -> None:
        for item in message.items:
            text = getattr(item, "text", None) or ""
            if isinstance(item, StreamingReasoningContent) or not self._thought.endswith(text):
                self._thought += text
                self._chunk("thought", text)

    def _said(self, message: AssistantMessage, items: list[Any]) -> None:
        text = "".join(item.text for item in items if isinstance(item, TextContent))
        thought = "".join(item.text or "" for item in items if isinstance(item, ReasoningContent))
        self._chunk("thought", thought.removeprefix(self._thought))
        self._chunk("text", text.removeprefix(self._text))
        if not thought and self._thought:
            message.thought = "\n".join(filter(None, [self._thought, message.thought]))
        self._text = self._thought = ""
        self._calls.clear()
        self._keep(message)
        if not isinstance(message.content, str):
            for call in message.content:
                self._chunk(
                    "tool_call",
                    f"{call.name}({call.arguments})",
                    {"name": call.name, "call_id": call.id, "arguments": call.arguments},
                )

    def _returned(self, message: FunctionExecutionResultMessage) -> None:
        last = self._last
        done: list[FunctionExecutionResult] = message.content
        if isinstance(last, FunctionExecutionResultMessage):
            # Semantic Kernel may hand the results over one by one and merged.
            known = {result.call_id for result in last.content}
            done = [result for result in done if not result.call_id or result.call_id not in known]
            last.content.extend(done)
        else:
            self._keep(message)
        for result in done:
            self._chunk(
                "tool_result",
                result.content,
                {"name": result.name, "call_id": result.call_id, "is_error": bool(result.is_error)},
            )

    def _keep(self, message: LLMMessage) -> None:
        self._last = message
        self._messages.append(message)

    def _note(self, message: ChatMessageContent) -> None:
        """Count the tokens that a message tells, once: a whole message repeats the usage of its pieces."""
        self._reason = message.finish_reason or self._reason
        usage = message.metadata.get("usage")
        if usage is None or any(usage is counted for counted in self._counted):
            return
        self._counted.append(usage)
        found = usage_of(usage)
        self.usage.prompt_tokens += found.prompt_tokens
        self.usage.completion_tokens += found.completion_tokens

    def _attached(self, item: Any) -> bool:
        """Take what belongs beside the text: annotations are sources, files are named in the metadata."""
        if isinstance(item, AnnotationContent | StreamingAnnotationContent):
            source = _source(item)
            if source not in self.sources:
                self.sources.append(source)
            return True
        if isinstance(item, FileReferenceContent | StreamingFileReferenceContent):
            if item.file_id is not None and item.file_id not in self._files:
                self._files.append(item.file_id)
            return True
        return False

    def _chunk(self, kind: ChunkKind, content: str, metadata: dict[str, JsonValue] | None = None) -> None:
        if content or kind == "tool_result":
            self._emit(AgentChunk(content=content, source=self._name, kind=kind, metadata=metadata or {}))


def _source(item: AnnotationContent | StreamingAnnotationContent) -> Source:
    metadata = item.model_dump(mode="json", exclude_none=True, exclude={"metadata", "content_type", "quote", "url"})
    return Source(
        content=item.quote or "",
        title=getattr(item, "title", None) or getattr(item, "filename", None) or item.file_id or "",
        uri=getattr(item, "url", None),
        metadata=json.loads(json.dumps(metadata)),
    )
