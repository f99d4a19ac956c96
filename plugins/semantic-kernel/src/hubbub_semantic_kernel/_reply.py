"""What a service of Semantic Kernel answers, put together to one reply of a model."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from semantic_kernel.contents.chat_message_content import ChatMessageContent
from semantic_kernel.contents.function_call_content import FunctionCallContent
from semantic_kernel.contents.function_result_content import FunctionResultContent
from semantic_kernel.contents.reasoning_content import ReasoningContent
from semantic_kernel.contents.streaming_chat_message_content import StreamingChatMessageContent
from semantic_kernel.contents.text_content import TextContent
from semantic_kernel.contents.utils.author_role import AuthorRole

from hubbub_core import FunctionCall
from hubbub_core.models import ChatCompletionTokenLogprob, CreateResult, FinishReasons, RequestUsage, TopLogprob
from hubbub_core.models.thoughts import parse_r1_content

from ._calls import CallCollector
from .messages import finish_reason, refused, usage_of, value_text


class ReplyCollector:
    """Takes the messages or streamed pieces of one request.

    Where Semantic Kernel calls functions itself, a request is several rounds: the calls of all but the last are done,
    their texts are thoughts, and their tokens add up.

    Args:
        offered: Names of the tools that the caller offered.
    """

    def __init__(self, offered: Sequence[str] = ()) -> None:
        self._offered = {_plain(name): name for name in offered}
        self._calls = CallCollector()
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._earlier: list[str] = []
        self._reason: str | None = None
        self._usage: Any = None
        self._total = RequestUsage(0, 0)
        self._cached = False
        self._logprobs: list[ChatCompletionTokenLogprob] = []
        self._returned: list[str] = []

    def add(self, message: ChatMessageContent) -> str:
        """Take a message or a piece of one, and return the text in it.

        Raises:
            ValueError: It holds a part that the hub has no counterpart for.
        """
        if message.role == AuthorRole.TOOL:
            self._end_round()
            self._returned += [
                value_text(item.result) for item in message.items if isinstance(item, FunctionResultContent)
            ]
            return ""
        whole = not isinstance(message, StreamingChatMessageContent)
        texts = []
        for item in message.items:
            if isinstance(item, TextContent):
                texts.append(item.text)
            elif isinstance(item, ReasoningContent):
                self._reasoning.append(item.text or "")
            elif isinstance(item, FunctionCallContent):
                self._calls.add(item)
            else:
                raise refused(item, message)
        self._returned.clear()
        text = ("\n" if whole else "").join(texts)
        self._text.append(text)
        self._reason = message.finish_reason or self._reason
        # Some services repeat the usage with every piece, growing: the last one of a round counts.
        self._usage = message.metadata.get("usage") or self._usage
        self._logprobs += _logprobs_of(message.metadata.get("logprobs"))
        self._cached = bool(message.metadata.get("cached", self._cached))
        return text

    def result(self, *, split_thought: bool = False) -> CreateResult:
        """Return the reply.

        Args:
            split_thought: Whether to split `<think>...</think>` off the text (spec: newer N-288).
        """
        usage = self._sum()
        calls = [
            FunctionCall(id=call.id, name=self._name(call.name), arguments=call.arguments)
            for call in self._calls.calls()
        ]
        # Where a filter of the kernel ends the request after a call, what the call returned is the answer.
        text, thoughts = "".join(self._text) or "\n".join(self._returned), [*self._earlier]
        if self._reasoning:
            thoughts.append("".join(self._reasoning))
        if calls:
            thoughts += [text] if text else []
            return self._result(calls, thoughts, usage, "function_calls")
        if split_thought and not thoughts:
            thought, text = parse_r1_content(text)
            thoughts += [] if thought is None else [thought]
        return self._result(text, thoughts, usage, finish_reason(self._reason))

    def _result(
        self, content: str | list[FunctionCall], thoughts: list[str], usage: RequestUsage, reason: FinishReasons
    ) -> CreateResult:
        return CreateResult(
            finish_reason=reason,
            content=content,
            usage=usage,
            cached=self._cached,
            logprobs=self._logprobs or None,
            thought="\n".join(thoughts) if thoughts else None,
        )

    def _end_round(self) -> None:
        self._earlier += [part for part in ("".join(self._reasoning), "".join(self._text)) if part]
        self._total, self._usage = self._sum(), None
        self._calls.clear()
        self._logprobs.clear()
        self._text.clear()
        self._reasoning.clear()
        self._reason = None

    def _sum(self) -> RequestUsage:
        if self._usage is None:
            return self._total
        last = usage_of(self._usage)
        return RequestUsage(
            self._total.prompt_tokens + last.prompt_tokens, self._total.completion_tokens + last.completion_tokens
        )

    def _name(self, name: str) -> str:
        # Some connectors (Google's) write plugin and function with an underscore and read it back as a hyphen.
        return name if name in self._offered.values() else self._offered.get(_plain(name), name)


def _logprobs_of(found: Any) -> list[ChatCompletionTokenLogprob]:
    """Return log probabilities as the hub has them, of what a connector or `HubChatCompletion` tells."""
    tokens = getattr(found, "content", found)
    return [_logprob(token) for token in tokens] if isinstance(tokens, list) else []


def _logprob(token: Any) -> ChatCompletionTokenLogprob:
    return ChatCompletionTokenLogprob(
        token=_read(token, "token"),
        logprob=_read(token, "logprob"),
        top_logprobs=[
            TopLogprob(logprob=_read(other, "logprob"), bytes=_read(other, "bytes"))
            for other in _read(token, "top_logprobs") or []
        ]
        or None,
        bytes=_read(token, "bytes"),
    )


def _read(found: Any, name: str) -> Any:
    return found.get(name) if isinstance(found, Mapping) else getattr(found, name, None)


def _plain(name: str) -> str:
    return re.sub(r"[^0-9A-Za-z]", "_", name)
