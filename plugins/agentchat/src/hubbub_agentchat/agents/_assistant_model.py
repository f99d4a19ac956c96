"""Model calls of an assistant agent: the prompt from its context, the reply whole or in pieces."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, Literal

from pydantic import BaseModel

from hubbub_agentchat.messages import ModelClientStreamingChunkEvent
from hubbub_agentchat.utils import remove_images
from hubbub_core import CancellationToken
from hubbub_core.model_context import ChatCompletionContext, UnboundedChatCompletionContext
from hubbub_core.models import ChatCompletionClient, CreateResult, LLMMessage, SystemMessage, UserMessage
from hubbub_core.tools import ToolSchema


class ModelCaller:
    """Asks one agent's model.

    Args:
        name: The agent's name, source of the chunks.
        client: The model.
        context: Where the conversation is.
        system_messages: Put before it.
        stream: Whether pieces are asked for.
        json_output: Class of the reply, if it has one.
    """

    def __init__(
        self,
        name: str,
        client: ChatCompletionClient,
        context: ChatCompletionContext,
        system_messages: Sequence[SystemMessage],
        *,
        stream: bool,
        json_output: type[BaseModel] | None,
    ) -> None:
        self._name = name
        self._client = client
        self._context = context
        self._system_messages: list[LLMMessage] = list(system_messages)
        self._stream = stream
        self._json_output = json_output
        # The last message known to stand behind text only, and how many messages that are: a growing context is then
        # searched for images once per message, not once per message and call.
        self._plain: tuple[int, LLMMessage] | None = None

    async def ask(
        self,
        tools: Sequence[ToolSchema],
        tool_choice: Literal["auto", "none"],
        full_message_id: str,
        cancellation_token: CancellationToken,
    ) -> AsyncGenerator[ModelClientStreamingChunkEvent | CreateResult, None]:
        """Ask the model; yields its pieces if it streams, then the whole reply.

        Raises:
            RuntimeError: The client's stream holds something else than texts and a result, or no result.
        """
        messages = await self.prompt()
        # Named only when it is not the default: clients written for AutoGen 0.4 do not know the parameter.
        choice: dict[str, Any] = {} if tool_choice == "auto" else {"tool_choice": tool_choice}
        if not self._stream:
            yield await self._client.create(
                messages, tools=tools, json_output=self._json_output, cancellation_token=cancellation_token, **choice
            )
            return
        stream = self._client.create_stream(
            messages, tools=tools, json_output=self._json_output, cancellation_token=cancellation_token, **choice
        )
        source = self._name
        async with aclosing(stream) as pieces:
            async for piece in pieces:
                if isinstance(piece, str):
                    yield ModelClientStreamingChunkEvent(content=piece, source=source, full_message_id=full_message_id)
                elif isinstance(piece, CreateResult):
                    yield piece
                    return
                else:
                    raise RuntimeError(f"Invalid chunk type: {type(piece)}")
        raise RuntimeError("No final model result in streaming mode.")

    async def prompt(self) -> list[LLMMessage]:
        messages = await self._context.get_messages()
        if type(self._context) is UnboundedChatCompletionContext:
            # Already a list made for this call; copying a long conversation once more would be felt in every turn.
            messages[:0] = self._system_messages
        else:
            messages = self._system_messages + messages
        if self._client.model_info["vision"]:
            return messages
        start = 0
        if self._plain is not None:
            count, last = self._plain
            if len(messages) >= count and messages[count - 1] is last:
                start = count
        if any(isinstance(message, UserMessage) and type(message.content) is list for message in messages[start:]):
            return remove_images(messages)
        if messages:
            self._plain = (len(messages), messages[-1])
        return messages
