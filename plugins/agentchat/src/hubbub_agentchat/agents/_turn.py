"""One turn of an agent, whole or not at all: what an unfinished one has added to the context is taken back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from types import TracebackType
from typing import Self

from hubbub_agentchat.base import Response
from hubbub_agentchat.messages import BaseAgentEvent, BaseChatMessage, HandoffMessage
from hubbub_core import CancellationToken
from hubbub_core.model_context import ChatCompletionContext, ContextMark


class Turn:
    """While the block runs, an agent answers; left without `complete`, the context is as it was before.

    A team gives the messages of a failed or cancelled turn again, and so does a caller who tries once more. An agent
    that had kept them would read them twice, and a call without a result makes a model refuse the conversation.

    Args:
        context: The agent's.
    """

    __slots__ = ("_completed", "_context", "_mark")

    _mark: ContextMark

    def __init__(self, context: ChatCompletionContext) -> None:
        self._context = context
        self._completed = False

    async def __aenter__(self) -> Self:
        self._mark = await self._context.mark()
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
        if not self._completed:
            await self._context.rollback(self._mark)


async def final_response(stream: AsyncGenerator[BaseAgentEvent | BaseChatMessage | Response, None]) -> Response:
    """Run a stream of `on_messages_stream` to its end and return the response, for `on_messages`."""
    async with aclosing(stream) as items:
        async for item in items:
            if isinstance(item, Response):
                return item
    raise AssertionError("on_messages_stream ends with a Response")


async def add_to_context(context: ChatCompletionContext, messages: Sequence[BaseChatMessage]) -> None:
    """Add what others said to the conversation; what a handoff brings along comes before it (N-144)."""
    for message in messages:
        if isinstance(message, HandoffMessage):
            for handed in message.context:
                await context.add_message(handed)
        await context.add_message(message.to_model_message())
