"""A model client that quotes: no language model, no key, no network, the same answer every time.

It finds the sentences of its prompt that match the question best and quotes them with their sources.

What it expects of a prompt, which is also what language models understand well:

- The last user message is the question. If it holds a line `Question: ...`, the question is what follows there, up to
  the next marker or the end. If it holds marked passages, the question is what stands before the first of them.
- Passages come from all other user messages, from results of functions, and from the last user message itself. A
  system message counts only as far as it holds marked passages; the assistant's own messages do not count.
- A marker is a line of its own before a passage, which reaches to the next marker:

      [1] docs/guide.md
      The server listens on port 8080.

      [2] docs/faq.md
      ...

      Question: Which port does the server listen on?

  Numbered markers, `[1] title`, are the form to prefer. Where a message has none, `[title]` and `Source: title` are
  markers too. A text without a marker is quoted under the name of the agent that sent it, if it is not `user`.

The answer has the form of the prompt, each quoted sentence as a Markdown quote below the marker of its source:

    Quoted from the given passages by matching words; no language model wrote this.

    [1] docs/guide.md
    > The server listens on port 8080.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, NamedTuple, Self

from pydantic import BaseModel, Field

from hubbub_core._image import Image
from hubbub_core.models._call_log import log_call, log_stream_end, log_stream_start
from hubbub_core.models._function_words import STOP_WORDS
from hubbub_core.models._model_client import ChatCompletionClient
from hubbub_core.models._model_info import ModelCapabilities, ModelFamily, ModelInfo
from hubbub_core.models._passages import EXTRACTIVE_NOTICE, NO_PASSAGE, Passage, split_prompt
from hubbub_core.models._ranking import Quote, choose
from hubbub_core.models._types import (
    CreateResult,
    FunctionExecutionResultMessage,
    LLMMessage,
    RequestUsage,
    SystemMessage,
    UserMessage,
)
from hubbub_core.models._words import count_words
from hubbub_registry import Component

if TYPE_CHECKING:
    from hubbub_core._cancellation_token import CancellationToken
    from hubbub_core.tools._base import Tool, ToolSchema

__all__ = [
    "EXTRACTIVE_NOTICE",
    "NO_PASSAGE",
    "ExtractiveChatCompletionClient",
    "ExtractiveChatCompletionClientConfig",
]


# Characters that are read in about ten milliseconds; up to so many, a thread would cost more than it saves.
_SHORT: Final = 8_192


class ExtractiveChatCompletionClientConfig(BaseModel):
    """Configuration of an `ExtractiveChatCompletionClient`."""

    max_sentences: int = Field(default=5, ge=1)
    """The most sentences, items, table rows and blocks of code to quote."""

    announce: bool = True
    """Whether the answer begins with a line that says that it is quoted. Switch it off where the document around the
    answer says so."""

    stop_words: list[str] | None = None
    """Words that do not count, in small letters. By default function words of English, German, French and Spanish."""


class ExtractiveChatCompletionClient(ChatCompletionClient, Component[ExtractiveChatCompletionClientConfig]):
    """Answers by quoting the sentences of the prompt that match the question best. It is not a language model.

    See the module's text for the form of prompts and answers. A long prompt is read in a thread, so that it holds up
    nobody else. Tokens are counted as words between white space. Extra
    arguments such as a temperature mean nothing here and are ignored.

    Args:
        max_sentences: The most sentences, items, table rows and blocks of code to quote.
        announce: Whether the answer begins with a line that says that it is quoted.
        stop_words: Words that do not count; by default function words of a few languages.

    Raises:
        ValueError: `max_sentences` is not positive.
    """

    component_provider_override: ClassVar[str] = "hubbub_core.models.extractive.ExtractiveChatCompletionClient"
    component_config_schema = ExtractiveChatCompletionClientConfig

    def __init__(
        self,
        *,
        max_sentences: int = 5,
        announce: bool = True,
        stop_words: Sequence[str] | None = None,
    ) -> None:
        if max_sentences < 1:
            raise ValueError(f"max_sentences must be greater than 0, but is {max_sentences}")
        self._max_sentences = max_sentences
        self._announce = announce
        self._stop_words = STOP_WORDS if stop_words is None else frozenset(stop_words)
        self._last_usage = RequestUsage(0, 0)
        self._total_usage = RequestUsage(0, 0)

    @property
    def model(self) -> str:
        """The name of the "model": `extractive`."""
        return "extractive"

    async def create(
        self,
        messages: Sequence[LLMMessage],
        *,
        tools: Sequence[Tool | ToolSchema] = [],
        tool_choice: Tool | Literal["auto", "required", "none"] = "auto",
        json_output: bool | type[BaseModel] | None = None,
        extra_create_args: Mapping[str, Any] = {},
        cancellation_token: CancellationToken | None = None,
    ) -> CreateResult:
        """Return the quotes.

        Raises:
            ValueError: Tools, JSON or images are asked for, or there is no user message.
            asyncio.CancelledError: The token was cancelled.
        """
        pieces, usage = await self._answer(messages, tools, tool_choice, json_output, cancellation_token)
        result = self._result("".join(pieces), usage)
        log_call(messages, result)
        return result

    async def create_stream(
        self,
        messages: Sequence[LLMMessage],
        *,
        tools: Sequence[Tool | ToolSchema] = [],
        tool_choice: Tool | Literal["auto", "required", "none"] = "auto",
        json_output: bool | type[BaseModel] | None = None,
        extra_create_args: Mapping[str, Any] = {},
        cancellation_token: CancellationToken | None = None,
    ) -> AsyncGenerator[str | CreateResult, None]:
        """Yield the quotes sentence by sentence, then the whole result.

        Raises:
            ValueError: Tools, JSON or images are asked for, or there is no user message.
            asyncio.CancelledError: The token was cancelled.
        """
        pieces, usage = await self._answer(messages, tools, tool_choice, json_output, cancellation_token)
        log_stream_start(messages)
        for piece in pieces:
            yield piece
            # Lets others run, among them who cancels.
            await asyncio.sleep(0)
            _check(cancellation_token)
        result = self._result("".join(pieces), usage)
        log_stream_end(result)
        yield result

    async def close(self) -> None:
        """Do nothing."""

    def actual_usage(self) -> RequestUsage:
        """Return the usage of the last request, in words."""
        return self._last_usage

    def total_usage(self) -> RequestUsage:
        """Return the usage of all requests, in words."""
        return self._total_usage

    def count_tokens(
        self,
        messages: Sequence[LLMMessage],
        *,
        tools: Sequence[Tool | ToolSchema] = [],
    ) -> int:
        """Return the number of words in the messages and in the tools' schemas."""
        return count_words(messages, tools)

    def remaining_tokens(
        self,
        messages: Sequence[LLMMessage],
        *,
        tools: Sequence[Tool | ToolSchema] = [],
    ) -> int:
        """Return what is left of `sys.maxsize` words: there is no window."""
        return sys.maxsize - self.count_tokens(messages, tools=tools)

    @property
    def capabilities(self) -> ModelCapabilities:
        """Nothing but text."""
        return ModelCapabilities(vision=False, function_calling=False, json_output=False)

    @property
    def model_info(self) -> ModelInfo:
        """Nothing but text, of an unknown family."""
        return ModelInfo(
            vision=False,
            function_calling=False,
            json_output=False,
            family=ModelFamily.UNKNOWN,
            structured_output=False,
            multiple_system_messages=True,
        )

    async def _answer(
        self,
        messages: Sequence[LLMMessage],
        tools: Sequence[Tool | ToolSchema],
        tool_choice: Tool | Literal["auto", "required", "none"],
        json_output: bool | type[BaseModel] | None,
        cancellation_token: CancellationToken | None,
    ) -> tuple[list[str], RequestUsage]:
        _check(cancellation_token)
        if tools and tool_choice != "none":
            raise ValueError(
                "the extractive model quotes its prompt and calls no tools; use a language model for tools"
            )
        if json_output:
            raise ValueError("the extractive model quotes its prompt and writes no JSON; leave json_output out")
        prompt = _texts(messages)
        abandoned = threading.Event()
        work = partial(self._quote, prompt, messages, abandoned)
        if sum(map(len, (prompt.question, *prompt.system, *(text for _, text in prompt.earlier)))) <= _SHORT:
            return work()
        # Reading a long prompt takes long enough to hold up everything else on the event loop.
        future = asyncio.get_running_loop().run_in_executor(None, work)
        if cancellation_token is not None:
            cancellation_token.link_future(future)
        try:
            return await future
        finally:
            abandoned.set()

    def _quote(
        self, prompt: _Prompt, messages: Sequence[LLMMessage], abandoned: threading.Event
    ) -> tuple[list[str], RequestUsage]:
        def go_on() -> None:
            if abandoned.is_set():
                raise InterruptedError("nobody waits for the answer any more")

        question, passages = split_prompt(prompt.question, prompt.earlier, prompt.system)
        quotes = choose(question, passages, self._max_sentences, self._stop_words, go_on)
        pieces = list(_pieces(quotes, passages, self._announce))
        return pieces, RequestUsage(count_words(messages), len("".join(pieces).split()))

    def _result(self, text: str, usage: RequestUsage) -> CreateResult:
        self._last_usage = usage
        self._total_usage = RequestUsage(
            self._total_usage.prompt_tokens + usage.prompt_tokens,
            self._total_usage.completion_tokens + usage.completion_tokens,
        )
        return CreateResult(finish_reason="stop", content=text, usage=usage, cached=False)

    def _to_config(self) -> ExtractiveChatCompletionClientConfig:
        return ExtractiveChatCompletionClientConfig(
            max_sentences=self._max_sentences,
            announce=self._announce,
            stop_words=None if self._stop_words is STOP_WORDS else sorted(self._stop_words),
        )

    @classmethod
    def _from_config(cls, config: ExtractiveChatCompletionClientConfig) -> Self:
        return cls(max_sentences=config.max_sentences, announce=config.announce, stop_words=config.stop_words)


class _Prompt(NamedTuple):
    """The texts of a prompt."""

    question: str
    """The last user message."""

    earlier: list[tuple[str, str]]
    """Marker and text of the messages before it."""

    system: list[str]


def _texts(messages: Sequence[LLMMessage]) -> _Prompt:
    users = [number for number, message in enumerate(messages) if isinstance(message, UserMessage)]
    if not users:
        raise ValueError("the prompt has no user message; the extractive model takes its question from the last one")
    earlier: list[tuple[str, str]] = []
    system: list[str] = []
    question = ""
    for number, message in enumerate(messages):
        if isinstance(message, SystemMessage):
            system.append(message.content)
        elif isinstance(message, FunctionExecutionResultMessage):
            earlier += [(f"[{result.name}]", result.content) for result in message.content if not result.is_error]
        elif isinstance(message, UserMessage):
            text = _text_of(message)
            if number == users[-1]:
                question = text
            else:
                earlier.append(("" if message.source == "user" else f"[{message.source}]", text))
    return _Prompt(question, earlier, system)


def _text_of(message: UserMessage) -> str:
    if isinstance(message.content, str):
        return message.content
    if any(isinstance(part, Image) for part in message.content):
        raise ValueError("Model does not support vision and image was provided; the extractive model reads text only")
    return "\n".join(part for part in message.content if isinstance(part, str))


def _pieces(quotes: Sequence[Quote], passages: Sequence[Passage], announce: bool) -> Iterator[str]:
    """Return the answer piece by piece: sources by their best quote, the quotes of one in the order of its text."""
    if announce:
        yield EXTRACTIVE_NOTICE + "\n\n"
    if not quotes:
        yield NO_PASSAGE
        return
    by_passage: dict[int, list[Quote]] = {}
    for quote in quotes:
        by_passage.setdefault(quote.passage, []).append(quote)
    separator = ""
    for number, found in by_passage.items():
        head = separator + (f"{passages[number].marker}\n" if passages[number].marker else "")
        frame = ""
        found.sort(key=lambda quote: quote.position)
        for place, quote in enumerate(found):
            unit = quote.unit
            text = f"{unit.frame}\n{unit.text}" if unit.frame and unit.frame != frame else unit.text
            frame = unit.frame
            # An empty quoted line keeps a sentence, a table and code apart; rows of one table belong together.
            gap = "" if not place or (unit.frame and text == unit.text) else ">\n"
            quoted = "\n".join(f"> {line}".rstrip() for line in text.split("\n"))
            yield (head if not place else "\n" + gap) + quoted
        separator = "\n\n"


def _check(token: CancellationToken | None) -> None:
    if token is not None and token.is_cancelled():
        raise asyncio.CancelledError("the request to the model was cancelled")
