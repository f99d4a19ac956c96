"""One turn of an agent, whole or not at all: what an unfinished one has added to the context is taken back."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self

from hubbub_agentchat.messages import BaseChatMessage, HandoffMessage
from hubbub_core import CancellationToken
from hubbub_core.model_context import (
    BufferedChatCompletionContext,
    ChatCompletionContext,
    HeadAndTailChatCompletionContext,
    TokenLimitedChatCompletionContext,
    UnboundedChatCompletionContext,
)
from hubbub_core.models import LLMMessage

_APPENDING: Final = frozenset(
    {
        BufferedChatCompletionContext,
        HeadAndTailChatCompletionContext,
        TokenLimitedChatCompletionContext,
        UnboundedChatCompletionContext,
    }
)
"""Contexts whose list only grows at its end, so that its length is all there is to remember of it."""

_STATE: Final = ("add_message", "clear", "save_state", "load_state")
"""What a context overrides that keeps something else than the list of the base class."""


class Turn:
    """While the block runs, an agent answers; left without `complete`, the context is as it was before.

    A team gives the messages of a failed or cancelled turn again, and so does a caller who tries once more. An agent
    that had kept them would read them twice, and a call without a result makes a model refuse the conversation.

    Args:
        context: The agent's.
    """

    __slots__ = ("_completed", "_context", "_length", "_messages", "_state")

    def __init__(self, context: ChatCompletionContext) -> None:
        self._context = context
        self._completed = False
        self._length: int | None = None
        self._messages: list[LLMMessage] = []
        self._state: Mapping[str, Any] | None = None

    async def __aenter__(self) -> Self:
        context = self._context
        kind = type(context)
        if kind in _APPENDING:
            self._length = len(context._messages)
        elif all(getattr(kind, name) is getattr(ChatCompletionContext, name) for name in _STATE):
            self._messages = list(context._messages)
        else:
            self._state = await context.save_state()
        return self

    def complete(self, cancellation_token: CancellationToken) -> None:
        """Keep what the turn has added. Call it right before the response is yielded.

        Raises:
            asyncio.CancelledError: The token is cancelled, so that the caller will not take the response.
        """
        if cancellation_token.is_cancelled():
            raise asyncio.CancelledError("the cancellation token is cancelled")
        self._completed = True

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._completed:
            return
        if self._length is not None:
            del self._context._messages[self._length :]
        elif self._state is not None:
            await self._context.load_state(self._state)
        else:
            self._context._messages = self._messages


async def add_to_context(context: ChatCompletionContext, messages: Sequence[BaseChatMessage]) -> None:
    """Add what others said to the conversation; what a handoff brings along comes before it (N-144)."""
    for message in messages:
        if isinstance(message, HandoffMessage):
            for handed in message.context:
                await context.add_message(handed)
        await context.add_message(message.to_model_message())
