"""What chat agents are given, for the service: chat messages, and the client to reach it with."""

from __future__ import annotations

from hubbub_agentchat.messages import BaseChatMessage, BaseTextChatMessage, HandoffMessage
from hubbub_core.models import ChatCompletionClient, LLMMessage

from ._response_items import Item, message_item


def refuse_model_client(client: object, owner: str) -> None:
    """Refuse a model client of the hub where the SDK's client belongs (newer N-246).

    Raises:
        ValueError: It is one.
    """
    if isinstance(client, ChatCompletionClient):
        raise ValueError(
            f"{owner} needs the SDK's own client, `openai.AsyncOpenAI` or `AsyncAzureOpenAI`, not the model client "
            f"{type(client).__name__}"
        )


def model_messages(message: BaseChatMessage) -> list[LLMMessage]:
    """Return what a model is given of a chat message, the context of a handoff first."""
    context = message.context if isinstance(message, HandoffMessage) else []
    return [*context, message.to_model_message()]


def chat_items(message: BaseChatMessage) -> list[Item]:
    """Return a chat message as items (newer N-242): the role is the source where that is the name of one."""
    *context, own = model_messages(message)
    known = isinstance(message, BaseTextChatMessage) and message.source in ("user", "system", "assistant")
    handed = [item for each in context for item in message_item(each)]
    return [*handed, *message_item(own, message.source if known else "user")]
