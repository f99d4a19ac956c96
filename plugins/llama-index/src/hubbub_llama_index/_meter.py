"""Counts the tokens of a run: LlamaIndex tells the reply of every model call to whoever listens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING, Any

from hubbub_core.models import AssistantMessage, FinishReasons, RequestUsage

from ._reply import finish_reason_in, finish_reason_of, usage_in, usage_of

if TYPE_CHECKING:
    from llama_index.core.llms import ChatResponse, CompletionResponse


class Meter:
    """The tokens of one run, and why its last model call ended."""

    def __init__(self) -> None:
        self._usage = RequestUsage(prompt_tokens=0, completion_tokens=0)
        self._reason: FinishReasons | None = None
        self._listening = False
        # Class, text and tokens of each reply: a class that does one kind of call by means of the other tells both.
        self._heard: list[tuple[str, str | None, RequestUsage | None]] = []
        self._thought: tuple[str, str] | None = None
        self.error: BaseException | None = None
        """What the last model call raised; None where it has answered since."""

    @property
    def usage(self) -> RequestUsage:
        """The sum."""
        return self._usage

    @property
    def reason(self) -> FinishReasons:
        """`"stop"` where the model did not say, and where its calls were answered by tools."""
        return "stop" if self._reason in (None, "function_calls") else self._reason

    def answer(self, text: str, name: str) -> AssistantMessage:
        """Return an answer with the model's reasoning, which engines leave out of theirs."""
        thought = self._thought[1] if self._thought is not None and self._thought[0] == text.strip() else None
        return AssistantMessage(content=text, thought=thought, source=name)

    def take_response(self, response: ChatResponse | CompletionResponse) -> None:
        """Take the reply of a model; one that was counted already changes nothing."""
        if not self._listening:
            self._add(usage_of(response), finish_reason_of(response))

    def take_raw(self, raw: Any) -> None:
        """Take what an agent keeps of its model's reply, where the model itself told nothing."""
        if not self._listening:
            self._add(usage_in(raw), finish_reason_in(raw))

    def heard(self, response: ChatResponse | CompletionResponse) -> None:
        """Take a reply that LlamaIndex told."""
        from llama_index.core.base.llms.types import CompletionResponse, ThinkingBlock

        self._listening, self.error = True, None
        usage = usage_of(response)
        if isinstance(response, CompletionResponse):
            text: str | None = response.text
        else:
            text = response.message.content
            thoughts = [block.content for block in response.message.blocks if isinstance(block, ThinkingBlock)]
            thought = "\n".join(filter(None, thoughts))
            self._thought = ((text or "").strip(), thought) if thought else None
        for other in self._heard:
            if other[0] != type(response).__name__ and other[1:] == (text, usage):
                self._heard.remove(other)
                return
        self._heard.append((type(response).__name__, text, usage))
        self._add(usage, finish_reason_of(response))

    def _add(self, usage: RequestUsage | None, reason: FinishReasons | None) -> None:
        if usage is not None:
            self._usage = RequestUsage(
                prompt_tokens=self._usage.prompt_tokens + usage.prompt_tokens,
                completion_tokens=self._usage.completion_tokens + usage.completion_tokens,
            )
        self._reason = reason or self._reason


_running: ContextVar[Meter | None] = ContextVar("hubbub_llama_index_meter", default=None)


@contextmanager
def metered() -> Iterator[Meter]:
    """Count the model calls of everything that is started within the block."""
    _listen()
    meter = Meter()
    token = _running.set(meter)
    try:
        yield meter
    finally:
        _running.reset(token)


@contextmanager
def unmetered() -> Iterator[None]:
    """Count no model calls within the block: those by which a model of the hub does what is counted already."""
    token = _running.set(None)
    try:
        yield
    finally:
        _running.reset(token)


def note_error(error: Exception) -> None:
    """Remember what a model call raised, for a run whose framework may pass over it."""
    if (meter := _running.get()) is not None:
        meter.error = error


@cache
def _listen() -> None:
    """Hear of every model call of this process, once; outside of `metered` that changes nothing."""
    from llama_index.core.instrumentation.event_handlers import BaseEventHandler
    from llama_index.core.instrumentation.events.exception import ExceptionEvent
    from llama_index.core.instrumentation.events.llm import LLMChatEndEvent, LLMCompletionEndEvent
    from llama_index_instrumentation import get_dispatcher

    class Listener(BaseEventHandler):
        @classmethod
        def class_name(cls) -> str:
            return "HubbubMeter"

        def handle(self, event: Any, **kwargs: Any) -> None:
            if (meter := _running.get()) is None:
                return
            if isinstance(event, ExceptionEvent):
                meter.error = event.exception
            elif isinstance(event, LLMChatEndEvent | LLMCompletionEndEvent) and event.response is not None:
                meter.heard(event.response)

    get_dispatcher().add_event_handler(Listener())
