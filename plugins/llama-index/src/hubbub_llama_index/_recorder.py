"""The events of a workflow's run as chunks, and the result that they add up to."""

from __future__ import annotations

import json
from collections.abc import Container
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, JsonValue
from pydantic_core import to_jsonable_python

from hubbub_core.exchange import AgentChunk, AgentResult, ChunkKind
from hubbub_core.models import AssistantMessage, LLMMessage
from hubbub_core.passages import json_object
from hubbub_core.user_input import REQUEST_ID

from ._emit import Emit
from ._messages import calls_of, from_chat_message, from_chat_messages
from ._meter import Meter
from ._passages import sources_from_nodes, sources_from_tools
from ._questions import Question, event_fields
from ._react import ReasoningSplitter
from ._retrieval import tokens

if TYPE_CHECKING:
    from llama_index.core.agent.workflow import AgentOutput
    from llama_index.core.llms import ChatMessage


class Recorder:
    """Turns the events of one run into chunks, and remembers what the result needs.

    Args:
        name: Author of the chunks and messages.
        emit: Takes the chunks.
        meter: Counts the run's tokens.
        reasoning: Names of the agents that write their reasoning into their text.
    """

    def __init__(self, name: str, emit: Emit, meter: Meter, reasoning: Container[str] = ()) -> None:
        self._name = name
        self._emit = emit
        self._meter = meter
        self._reasoning = reasoning
        self._splitter: ReasoningSplitter | None = None
        self._outputs: list[Any] = []
        self._said: list[ChatMessage] = []

    def take(self, event: Any) -> None:
        """Take an event of the run's stream."""
        from llama_index.core.agent.workflow import (
            AgentInput,
            AgentOutput,
            AgentSetup,
            AgentStream,
            AgentStreamStructuredOutput,
            ToolCall,
            ToolCallResult,
        )
        from llama_index.core.workflow import StartEvent, StopEvent

        if isinstance(event, AgentStream):
            self._stream(event)
        elif isinstance(event, ToolCallResult):
            output = event.tool_output
            self._outputs.append(output)
            self._said.append(_tool_message(event))
            about: dict[str, JsonValue] = {"name": event.tool_name, "call_id": event.tool_id}
            self._chunk("tool_result", output.content, {**about, "is_error": output.is_error})
        elif isinstance(event, ToolCall):
            arguments = json.dumps(json_object(event.tool_kwargs), ensure_ascii=False)
            about = {"name": event.tool_name, "call_id": event.tool_id, "arguments": arguments}
            self._chunk("tool_call", f"{event.tool_name}({arguments})", about)
        elif isinstance(event, AgentOutput):
            self._end_stream(event.current_agent_name)
            self._meter.take_raw(event.raw)
            self._said.append(_with_calls(event))
        elif not isinstance(event, AgentInput | AgentSetup | AgentStreamStructuredOutput | StartEvent | StopEvent):
            # Written to the stream by a step: only its author knows what it means.
            fields = event_fields(event)
            only = next(iter(fields.values())) if len(fields) == 1 else None
            content = only if isinstance(only, str) else json.dumps(fields, ensure_ascii=False)
            self._chunk("status", content, {"event": type(event).__name__, "value": fields})

    def waits(self, question: Question) -> None:
        """Tell that a human is asked."""
        self._chunk("status", "waits for the user", {"event": "InputRequiredEvent", REQUEST_ID: question.id})

    def asked(self, questions: list[Question]) -> AgentResult:
        """Return the result of a run that stopped to ask."""
        asked = AssistantMessage(content="\n".join(question.prompt for question in questions), source=self._name)
        return AgentResult(
            messages=[*from_chat_messages(self._said, assistant=self._name), asked],
            source=self._name,
            sources=sources_from_tools(self._outputs),
            usage=self._meter.usage,
            finish_reason="interrupt",
            metadata={"interrupts": [{"id": question.id, "value": question.value} for question in questions]},
        )

    async def result(self, output: Any) -> AgentResult:
        """Return the result of a run that ended with an output."""
        from llama_index.core.agent.workflow import AgentOutput

        sources = sources_from_tools(self._outputs)
        metadata: dict[str, JsonValue] = {}
        if isinstance(output, AgentOutput):
            messages = from_chat_messages(self._said, assistant=self._name)
            answer = from_chat_message(output.response, assistant=self._name)
            last = messages[-1] if messages else None
            if isinstance(last, AssistantMessage) and isinstance(last.content, str):
                # The last thing said is the answer as the model wrote it; a ReActAgent has cut its thoughts off since.
                messages.pop()
                answer = _with_thought(answer, last)
            messages.append(answer)
            metadata["agent"] = output.current_agent_name
            if output.structured_response is not None:
                metadata["structured_response"] = json_object(output.structured_response)
        else:
            messages = [await self._message(output)]
            sources = [*sources_from_nodes(getattr(output, "source_nodes", None) or []), *sources]
            if isinstance(about := getattr(output, "metadata", None), dict):
                metadata = json_object(about)
        return AgentResult(
            messages=messages,
            source=self._name,
            sources=sources,
            usage=self._meter.usage,
            finish_reason=self._meter.reason,
            metadata=metadata,
        )

    def _stream(self, event: Any) -> None:
        # AgentWorkflow runs several agents: their own names tell a reader who is speaking.
        about: dict[str, JsonValue] = {"agent": event.current_agent_name}
        if event.delta:
            if event.current_agent_name in self._reasoning:
                if self._splitter is None:
                    self._splitter = ReasoningSplitter()
                self._pieces(self._splitter.take(event.delta), about)
            else:
                self._chunk("text", event.delta, about)
        if thought := getattr(event, "thinking_delta", None):
            self._chunk("thought", thought, about)

    def _end_stream(self, agent: str) -> None:
        if self._splitter is not None:
            self._pieces(self._splitter.end(), {"agent": agent})
            self._splitter = None

    def _pieces(self, pieces: list[tuple[ChunkKind, str]], about: dict[str, JsonValue]) -> None:
        for kind, text in pieces:
            self._chunk(kind, text, about)

    def _chunk(self, kind: ChunkKind, content: str, metadata: dict[str, JsonValue]) -> None:
        self._emit(AgentChunk(content=content, source=self._name, kind=kind, metadata=metadata))

    async def _message(self, output: Any) -> LLMMessage:
        from llama_index.core.llms import ChatMessage, ChatResponse

        if (pieces := tokens(output)) is not None:
            # What a response synthesizer still writes.
            text = ""
            async for piece in pieces:
                text += piece
                if piece:
                    self._chunk("text", piece, {})
            return AssistantMessage(content=text, source=self._name)

        if isinstance(output, ChatResponse):
            self._meter.take_response(output)
            output = output.message
        if isinstance(output, ChatMessage):
            return from_chat_message(output, assistant=self._name)
        return AssistantMessage(content=_text(output), source=self._name)


def _with_thought(answer: LLMMessage, written: AssistantMessage) -> LLMMessage:
    """Return an answer with the reasoning that stands before it in what the model wrote."""
    if not isinstance(answer, AssistantMessage) or not isinstance(answer.content, str) or answer.thought is not None:
        return answer
    text = str(written.content).strip()
    before = text.removesuffix(answer.content.strip()).rstrip()
    thought = before.removesuffix("Answer:").strip() if before != text and before.endswith("Answer:") else ""
    return answer.model_copy(update={"thought": "\n".join(filter(None, [written.thought, thought])) or None})


def _with_calls(event: AgentOutput) -> ChatMessage:
    """Return what an agent said, completed with the calls that a ReActAgent reads out of its text."""
    from llama_index.core.base.llms.types import ToolCallBlock
    from llama_index.core.tools import ToolSelection

    # A copy, because a ReActAgent cuts its thoughts off the message when it has ended.
    response = event.response.model_copy(deep=True)
    if calls_of(response):
        return response
    selected: list[Any] = event.tool_calls
    calls = [
        ToolCallBlock(tool_call_id=call.tool_id, tool_name=call.tool_name, tool_kwargs=call.tool_kwargs)
        # LlamaIndex appends the results of earlier calls to the list of the last output.
        for call in selected
        if isinstance(call, ToolSelection)
    ]
    return response.model_copy(update={"blocks": [*response.blocks, *calls]})


def _tool_message(event: Any) -> ChatMessage:
    from llama_index.core.llms import ChatMessage, MessageRole

    about: dict[str, Any] = {"tool_call_id": event.tool_id, "name": event.tool_name}
    if event.tool_output.is_error:
        about["is_error"] = True
    return ChatMessage(role=MessageRole.TOOL, blocks=list(event.tool_output.blocks), additional_kwargs=about)


def _text(output: Any) -> str:
    if output is None:
        return ""
    if isinstance(output, BaseModel | dict | list):
        return json.dumps(to_jsonable_python(output, fallback=str), ensure_ascii=False)
    return str(output)
