"""Read chat completions, whole and streamed."""

from __future__ import annotations

import warnings
from typing import Any, Final

from hubbub_core import FunctionCall
from hubbub_core.models import ChatCompletionTokenLogprob, CreateResult, RequestUsage
from hubbub_core.models.thoughts import ThoughtTagger

from . import _answer

_EMPTY_CHUNKS_BEFORE_WARNING: Final = 10


def is_completion(answer: Any) -> bool:
    """Tell whether a server sent a completion; some send an error, a page or nothing with status 200."""
    choices = getattr(answer, "choices", None)
    return isinstance(choices, list) and bool(choices) and getattr(choices[0], "message", None) is not None


def read_completion(completion: Any, family: str, usage: RequestUsage) -> CreateResult:
    """Read a whole completion.

    Args:
        completion: What the SDK returned.
        family: The model's family.
        usage: The tokens used.

    Raises:
        ValueError: The answer is of a kind that is not supported.
    """
    choice = completion.choices[0]
    if len(completion.choices) > 1:
        warnings.warn("the server sent several choices; only the first one is used", stacklevel=3)
    message = choice.message
    _refuse_function_call(message)
    return _answer.make_result(
        text=_answer.text_of(message.content) or _answer.text_of(getattr(message, "refusal", None)),
        reasoning=_answer.reasoning_of(message),
        calls=[_read_call(call) for call in message.tool_calls or ()],
        family=family,
        reason=choice.finish_reason,
        usage=usage,
        logprobs=_answer.logprobs(choice),
    )


def _read_call(call: Any) -> FunctionCall:
    function = getattr(call, "function", None)
    if function is None:
        raise ValueError(f"the model called a tool of type {call.type!r}; only functions are supported")
    return _answer.function_call(call.id, function.name, function.arguments)


def _refuse_function_call(message: Any) -> None:
    if getattr(message, "function_call", None) is not None:
        raise ValueError("the model answered with the legacy field `function_call`, which is not supported")


class _PartialCall:
    __slots__ = ("arguments", "call_id", "index", "name")

    def __init__(self, index: int | None) -> None:
        self.index = index
        self.call_id = ""
        self.name = ""
        self.arguments = ""


class StreamedAnswer:
    """The answer so far. Feed it every chunk; it returns the pieces of text to show, and at the end the result."""

    def __init__(self, family: str) -> None:
        self._family = family
        self._content: list[str] = []
        self._reasoning: list[str] = []
        self._shown = ThoughtTagger()
        self._calls: list[_PartialCall] = []
        self._logprobs: list[ChatCompletionTokenLogprob] = []
        self._finish_reason: str | None = None
        self._empty = 0
        self._warned_choices = False
        self.usage = RequestUsage(prompt_tokens=0, completion_tokens=0)
        self.model: str | None = None
        """The model that the server says it used."""

    def feed(self, chunk: Any) -> str:
        """Take the next chunk and return the text it adds, thoughts wrapped by `<think>` and `</think>`; may be empty.

        Raises:
            ValueError: The answer is of a kind that is not supported.
        """
        self.model = getattr(chunk, "model", None) or self.model
        if getattr(chunk, "usage", None) is not None:
            self.usage = _answer.usage(chunk.usage)
        choice = self._first_choice(chunk)
        if choice is None:
            return ""
        if choice.finish_reason:
            self._finish_reason = choice.finish_reason
        self._logprobs.extend(_answer.logprobs(choice) or ())
        delta = choice.delta
        if delta is None:
            return ""
        _refuse_function_call(delta)
        reasoning = _answer.reasoning_of(delta)
        text = _answer.text_of(delta.content) or _answer.text_of(getattr(delta, "refusal", None))
        self._reasoning.append(reasoning)
        self._content.append(text)
        for part in delta.tool_calls or ():
            self._feed_call(part)
        return self._shown.feed(reasoning, text)

    def end_of_thought(self) -> str:
        """Return what closes the thought in the shown text, once; empty when none is open."""
        return self._shown.end()

    def result(self) -> CreateResult:
        """Return the whole answer. Call it once, after the last chunk."""
        if self._finish_reason is None:
            warnings.warn("the server ended its stream without a finish reason; the answer may be cut", stacklevel=3)
        return _answer.make_result(
            text="".join(self._content),
            reasoning="".join(self._reasoning),
            calls=[_answer.function_call(call.call_id, call.name, call.arguments) for call in self._calls],
            family=self._family,
            reason=self._finish_reason,
            usage=self.usage,
            logprobs=self._logprobs or None,
        )

    def _first_choice(self, chunk: Any) -> Any:
        choices = chunk.choices or []
        if not choices:
            if getattr(chunk, "usage", None) is None:
                self._empty += 1
                if self._empty == _EMPTY_CHUNKS_BEFORE_WARNING:
                    warnings.warn(
                        f"the server sent {self._empty} empty chunks in a row; they are skipped", stacklevel=4
                    )
            return None
        self._empty = 0
        first = [choice for choice in choices if not getattr(choice, "index", 0)]
        if len(first) < len(choices) and not self._warned_choices:
            self._warned_choices = True
            warnings.warn("the server sent several choices; only the first one is used", stacklevel=4)
        return first[0] if first else None

    def _feed_call(self, part: Any) -> None:
        index = getattr(part, "index", None)
        call_id = getattr(part, "id", None) or ""
        call = next((call for call in reversed(self._calls) if index is None or call.index == index), None)
        # Some servers give every call the index 0, or none: a new id is a new call all the same.
        if call is None or (call_id and call.call_id and call.call_id != call_id):
            call = _PartialCall(index)
            self._calls.append(call)
        call.call_id = call.call_id or call_id
        function = getattr(part, "function", None)
        if function is None:
            return
        # Some servers repeat the name in every part; none sends it in pieces.
        call.name = call.name or getattr(function, "name", None) or ""
        call.arguments += _answer.arguments_text(getattr(function, "arguments", None))
