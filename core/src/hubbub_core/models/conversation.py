"""Conversations of other frameworks as the hub has them: what is the same whatever their messages are made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hubbub_core._image import Image
from hubbub_core._types import FunctionCall
from hubbub_core.models._types import AssistantMessage, FunctionExecutionResultMessage, LLMMessage

__all__ = ["assistant_message", "joined_results", "user_content"]


def assistant_message(
    text: str, calls: Sequence[FunctionCall], thoughts: Iterable[str], *, source: str
) -> AssistantMessage:
    """Put together what a model said: text beside calls is the end of the thought (spec: newer N-288).

    Args:
        text: What it said aloud.
        calls: The functions that it calls.
        thoughts: Its reasoning, in pieces that newlines join; None of them makes no thought.
        source: Who says it.
    """
    told = [*thoughts, text] if calls and text else list(thoughts)
    return AssistantMessage(content=list(calls) or text, thought="\n".join(told) if told else None, source=source)


def joined_results(messages: Iterable[LLMMessage]) -> list[LLMMessage]:
    """Return the messages with the function results that follow one another as one message.

    Frameworks keep each result in a message of its own; the hub has the results of one reply together.
    """
    joined: list[LLMMessage] = []
    for message in messages:
        last = joined[-1] if joined else None
        if not isinstance(message, FunctionExecutionResultMessage):
            joined.append(message)
        elif isinstance(last, FunctionExecutionResultMessage):
            last.content.extend(message.content)
        else:
            joined.append(FunctionExecutionResultMessage(content=list(message.content)))  # a copy, for it may grow
    return joined


def user_content(parts: Sequence[str | Image]) -> str | list[str | Image]:
    """Return the parts of a user's message as its content: a text alone is not a list, and no part is no text."""
    if not parts:
        return ""
    first = parts[0]
    return first if len(parts) == 1 and isinstance(first, str) else list(parts)
