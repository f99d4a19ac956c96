"""The task of a run, as a list of messages that the team knows."""

from __future__ import annotations

from collections.abc import Sequence

from hubbub_agentchat.messages import BaseChatMessage, MessageFactory, TextMessage


def checked_task(
    task: str | BaseChatMessage | Sequence[BaseChatMessage] | None, message_factory: MessageFactory
) -> list[BaseChatMessage] | None:
    """Return the messages of a team's task; None for none.

    Raises:
        ValueError: The task is empty, not of chat messages, or of a class that is not registered with the team.
    """
    if task is None:
        return None
    messages: list[BaseChatMessage]
    if isinstance(task, str):
        messages = [TextMessage(content=task, source="user")]
    elif isinstance(task, BaseChatMessage):
        messages = [task]
    elif isinstance(task, list):
        if not task:
            raise ValueError("Task list cannot be empty.")
        for message in task:
            if not isinstance(message, BaseChatMessage):
                raise ValueError("All messages in task list must be valid BaseChatMessage types")
        messages = list(task)
    else:
        raise ValueError("Task must be a string, a BaseChatMessage, or a list of BaseChatMessage.")
    for message in messages:
        if not message_factory.is_registered(type(message)):
            raise ValueError(
                f"Message type {type(message).__name__} is not registered with the team. "
                "Pass it as `custom_message_types=[...]` to the team's constructor."
            )
    return messages
