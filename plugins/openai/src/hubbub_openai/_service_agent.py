"""What the two chat agents share: how the answer of a model at the service becomes that of a chat agent."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from hubbub_agentchat.agents import BaseChatAgent
from hubbub_agentchat.base import Response
from hubbub_agentchat.messages import BaseAgentEvent, BaseChatMessage, ModelClientStreamingChunkEvent
from hubbub_core import CancellationToken

from ._agent_events import step_events
from ._model_answer import ModelAnswer, Piece


class ServiceAgent(BaseChatAgent):
    """A chat agent whose conversation the service keeps."""

    @abstractmethod
    def _answer(
        self, messages: Sequence[BaseChatMessage], token: CancellationToken, *, stream: bool
    ) -> AsyncGenerator[BaseAgentEvent | BaseChatMessage | Response, None]:
        """Answer new messages; the last item is the `Response`."""

    async def on_messages(self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken) -> Response:
        """Answer new messages, without asking the service for a stream. Errors are those of the class.

        Raises:
            asyncio.CancelledError: The token was cancelled. The HTTP request is aborted and running tools are ended.
        """
        async with aclosing(self._answer(messages, cancellation_token, stream=False)) as items:
            async for item in items:
                if isinstance(item, Response):
                    return item
        raise AssertionError("the answer ends with a Response")

    def on_messages_stream(
        self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken
    ) -> AsyncGenerator[BaseAgentEvent | BaseChatMessage | Response, None]:
        """Answer new messages; yields pieces of text, thoughts, calls and results as they arise, the `Response` last.

        Raises:
            asyncio.CancelledError: The token was cancelled. The HTTP request is aborted and running tools are ended.
        """
        return self._answer(messages, cancellation_token, stream=True)

    async def _events(
        self, pieces: AsyncGenerator[Piece, None], answers: list[ModelAnswer]
    ) -> AsyncGenerator[str | BaseAgentEvent, None]:
        """Yield the texts of one answer and the events on its way, and append it to `answers`."""
        async with aclosing(pieces) as asked:
            async for piece in asked:
                if isinstance(piece, str):
                    yield piece
                    continue
                if isinstance(piece, ModelAnswer):
                    answers.append(piece)
                for event in step_events(piece, self.name):
                    yield event

    async def _told(
        self,
        events: AsyncGenerator[str | BaseAgentEvent, None],
        inner: list[BaseAgentEvent | BaseChatMessage],
        message_id: str,
    ) -> AsyncGenerator[BaseAgentEvent, None]:
        """Yield events as they arise, texts as chunks of the message that they will be; all but these go to `inner`."""
        async with aclosing(events) as items:
            async for event in items:
                if isinstance(event, str):
                    yield ModelClientStreamingChunkEvent(content=event, source=self.name, full_message_id=message_id)
                else:
                    inner.append(event)
                    yield event
