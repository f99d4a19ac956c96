"""What a Runnable yields and returns, as chunks and messages of the exchange."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.runnables.utils import AddableDict

from hubbub_core.exchange import AgentChunk, AgentResult, Source
from hubbub_core.models import (
    AssistantMessage,
)
from hubbub_core.passages import passages_text

from .answers import answer_messages, call_chunks
from .documents import documents_in, sources_behind, sources_of
from .messages import finish_reason_of, text_and_reasoning

Output: TypeAlias = str | Callable[[Any], Any] | None

# What LangChain's own chains call their answer, in the order they are looked for.
_ANSWERS = ("answer", "output", "result", "messages", "text")


class Collector:
    """Takes what a Runnable streams: tells what of it to show, and puts it together again."""

    def __init__(self, name: str, output: Output) -> None:
        self._name = name
        self._output = output
        self._pieces: list[Any] = []
        self._grown = ""

    def feed(self, piece: Any) -> Iterator[AgentChunk]:
        """Take the next piece; yields the text, the thought and the whole calls in it."""
        self._pieces.append(piece)
        shown = piece
        if isinstance(piece, Mapping):
            key = self._output if isinstance(self._output, str) else next((k for k in _ANSWERS if k in piece), None)
            shown = piece.get(key) if key is not None else None
        if callable(self._output):
            return
        if isinstance(shown, str) and isinstance(piece, Mapping) and not isinstance(piece, AddableDict):
            shown = self._growth(shown)
        if isinstance(shown, str) and shown:
            yield AgentChunk(content=shown, source=self._name)
        elif isinstance(shown, AIMessage):
            text, thought = text_and_reasoning(shown)
            if thought:
                yield AgentChunk(content=thought, source=self._name, kind="thought")
            if text:
                yield AgentChunk(content=text, source=self._name)

    def _growth(self, text: str) -> str:
        """Return what is new in a text that a parser yields as a whole each time."""
        known, self._grown = self._grown, text
        return text.removeprefix(known) if text.startswith(known) else ""

    def calls(self, final: Any) -> Iterator[AgentChunk]:
        """Yield the calls of the answer, whose arguments streamed in pieces."""
        if isinstance(final, AIMessage):
            yield from call_chunks(final, self._name)

    def final(self) -> Any:
        """Return the whole, as `ainvoke` would have returned it."""
        return _joined(self._pieces)


def _joined(pieces: Sequence[Any]) -> Any:
    """Add pieces up as LangChain does, in a time that does not grow with the square of their number."""
    if len(pieces) < 2:
        return pieces[0] if pieces else None
    if all(isinstance(piece, str) for piece in pieces):
        return "".join(pieces)
    if all(isinstance(piece, AIMessageChunk) for piece in pieces):
        return pieces[0] + pieces[1:]
    if all(isinstance(piece, AddableDict) for piece in pieces):
        keys = dict.fromkeys(key for piece in pieces for key in piece)
        return {key: _joined([piece[key] for piece in pieces if key in piece]) for key in keys}
    total = pieces[0]
    for piece in pieces[1:]:
        try:
            total = total + piece
        except TypeError:
            total = piece  # it does not add up: each piece is the newest state of the whole
    return total


def read_answer(name: str, output: Output, final: Any) -> AgentResult:
    """Read what a Runnable returned.

    Args:
        name: Author of messages that name none, and the agent's name in errors.
        output: The key of the answer, a function of the whole, or None.
        final: What it returned: text, messages of LangChain or the hub, documents, an `AgentResult`, JSON, or a mapping
            that has one of these as its answer. Documents beside the answer are sources.

    Raises:
        ValueError: There is no such key, or the answer has no form in the hub.
    """
    value, sources = final, _sources_beside(final)
    if callable(output):
        value = output(final)
    elif isinstance(final, Mapping):
        value = final[_answer_key(name, output, final)]
    elif output is not None:
        raise ValueError(f"{name!r} returned a {type(final).__name__}, which has no key {output!r}; pass no output=")
    if isinstance(value, AgentResult):
        return value.model_copy(update={"sources": [*value.sources, *sources]})
    if documents := documents_in(value):
        found = sources_of(documents)
        return AgentResult.from_text(passages_text(found), source=name, sources=found)
    messages = answer_messages(value, source=name, owner=repr(name))
    said = [value] if isinstance(value, BaseMessage) else list(value) if isinstance(value, list | tuple) else []
    cited = [source for message in said for source in sources_behind(message)]
    reason = next((reason for reason in map(finish_reason_of, reversed(said)) if reason is not None), "stop")
    if messages and isinstance(messages[-1], AssistantMessage) and not isinstance(messages[-1].content, str):
        reason = "function_calls"
    return AgentResult(messages=messages, sources=[*sources, *cited], finish_reason=reason)


def _answer_key(name: str, output: str | None, final: Mapping[str, Any]) -> str:
    keys = ", ".join(sorted(map(str, final))) or "nothing"  # parallel branches end in any order
    if output is not None:
        if output not in final:
            raise ValueError(f"{name!r} returned no {output!r}; it returned {keys}")
        return output
    key = next((key for key in _ANSWERS if key in final), next(iter(final)) if len(final) == 1 else None)
    if key is None:
        raise ValueError(
            f"{name!r} returned {keys}; pass output=, the key of the answer or a function of what it returns"
        )
    return key


def _sources_beside(final: Any) -> list[Source]:
    if not isinstance(final, Mapping):
        return []
    return [source for value in final.values() for source in sources_of(documents_in(value))]
