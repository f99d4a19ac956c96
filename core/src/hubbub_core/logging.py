"""The events that are logged on `EVENT_LOGGER_NAME`. A record's `msg` is the event itself; its text is JSON.

Every event has `kwargs`, the dict that its text is made from. Extra keyword arguments of the constructors land there,
after the documented keys (spec: newer N-041..N-047).
"""

from __future__ import annotations

import json
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hubbub_core._agent_id import AgentId
    from hubbub_core._topic import TopicId

__all__ = [
    "AgentConstructionExceptionEvent",
    "DeliveryStage",
    "LLMCallEvent",
    "LLMStreamEndEvent",
    "LLMStreamStartEvent",
    "MessageDroppedEvent",
    "MessageEvent",
    "MessageHandlerExceptionEvent",
    "MessageKind",
    "ToolCallEvent",
]


class MessageKind(Enum):
    """How a message travels."""

    DIRECT = 1
    PUBLISH = 2
    RESPOND = 3


class DeliveryStage(Enum):
    """Where a message is on its way."""

    SEND = 1
    DELIVER = 2


class _Event:
    __slots__ = ("kwargs",)

    def __init__(self, documented: dict[str, Any], extra: dict[str, Any]) -> None:
        self.kwargs: dict[str, Any] = _in_order(documented, extra)

    def __str__(self) -> str:
        # default: an extra argument that JSON does not know must not break the program that only wanted to log it.
        return json.dumps(self.kwargs, default=str)


class _Usage(_Event):
    __slots__ = ()

    @property
    def prompt_tokens(self) -> int:
        """Tokens of the prompt."""
        return self.kwargs["prompt_tokens"]  # type: ignore[no-any-return] # the constructor took an int

    @property
    def completion_tokens(self) -> int:
        """Tokens of the reply."""
        return self.kwargs["completion_tokens"]  # type: ignore[no-any-return] # the constructor took an int


class LLMCallEvent(_Usage):
    """A model was asked and has answered.

    Args:
        messages: What it was asked, JSON data.
        response: What it answered, JSON data.
        prompt_tokens: Tokens of the prompt.
        completion_tokens: Tokens of the reply.
    """

    __slots__ = ()

    def __init__(
        self,
        *,
        messages: list[dict[str, Any]],
        response: dict[str, Any],
        prompt_tokens: int,
        completion_tokens: int,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            {
                "type": "LLMCall",
                "messages": messages,
                "response": response,
                "prompt_tokens": prompt_tokens,
                "completion_tokens": completion_tokens,
                "agent_id": _current_agent(),
            },
            kwargs,
        )


class LLMStreamStartEvent(_Event):
    """A model has begun to answer in a stream.

    Args:
        messages: What it was asked, JSON data.
    """

    __slots__ = ()

    def __init__(self, *, messages: list[dict[str, Any]], **kwargs: Any) -> None:
        super().__init__({"type": "LLMStreamStart", "messages": messages, "agent_id": _current_agent()}, kwargs)


class LLMStreamEndEvent(_Usage):
    """A model has answered in a stream.

    Args:
        response: What it answered, JSON data.
        prompt_tokens: Tokens of the prompt.
        completion_tokens: Tokens of the reply.
    """

    __slots__ = ()

    def __init__(
        self,
        *,
        response: dict[str, Any],
        prompt_tokens: int,
        completion_tokens: int,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            {
                "type": "LLMStreamEnd",
                "response": response,
                "prompt_tokens": prompt_tokens,
                "completion_tokens": completion_tokens,
                "agent_id": _current_agent(),
            },
            kwargs,
        )


class ToolCallEvent(_Event):
    """A tool has run.

    Args:
        tool_name: Which one.
        arguments: Its arguments, as the model gave them.
        result: Its result as text.
    """

    __slots__ = ()

    def __init__(self, *, tool_name: str, arguments: dict[str, Any], result: str) -> None:
        super().__init__(
            {
                "type": "ToolCall",
                "tool_name": tool_name,
                "arguments": arguments,
                "result": result,
                "agent_id": _current_agent(),
            },
            {},
        )


class MessageEvent(_Event):
    """A message was sent or delivered.

    Args:
        payload: The message as text.
        sender: Who sent it, if an agent did.
        receiver: The agent or topic that it is for.
        kind: How it travels.
        delivery_stage: Where it is on its way.
    """

    __slots__ = ()

    def __init__(
        self,
        *,
        payload: str,
        sender: AgentId | None,
        receiver: AgentId | TopicId | None,
        kind: MessageKind,
        delivery_stage: DeliveryStage,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            {
                "payload": payload,
                "sender": _text(sender),
                "receiver": _text(receiver),
                "kind": str(kind),
                "delivery_stage": str(delivery_stage),
                "type": "Message",
            },
            kwargs,
        )


class MessageDroppedEvent(_Event):
    """An intervention handler dropped a message.

    Args:
        payload: The message as text.
        sender: Who sent it, if an agent did.
        receiver: The agent or topic that it was for.
        kind: How it travelled.
    """

    __slots__ = ()

    def __init__(
        self,
        *,
        payload: str,
        sender: AgentId | None,
        receiver: AgentId | TopicId | None,
        kind: MessageKind,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            {
                "payload": payload,
                "sender": _text(sender),
                "receiver": _text(receiver),
                "kind": str(kind),
                "type": "MessageDropped",
            },
            kwargs,
        )


class MessageHandlerExceptionEvent(_Event):
    """A handler raised.

    Args:
        payload: The message as text.
        handling_agent: Whose handler it was.
        exception: What it raised.
    """

    __slots__ = ()

    def __init__(self, *, payload: str, handling_agent: AgentId, exception: BaseException, **kwargs: Any) -> None:
        super().__init__(
            {
                "payload": payload,
                "handling_agent": str(handling_agent),
                "exception": str(exception),
                "type": "MessageHandlerException",
            },
            kwargs,
        )


class AgentConstructionExceptionEvent(_Event):
    """A factory raised.

    Args:
        agent_id: The agent that was to be made.
        exception: What the factory raised.
    """

    __slots__ = ()

    def __init__(self, *, agent_id: AgentId, exception: BaseException, **kwargs: Any) -> None:
        super().__init__(
            {"agent_id": str(agent_id), "exception": str(exception), "type": "AgentConstructionException"},
            kwargs,
        )


def _in_order(documented: dict[str, Any], extra: dict[str, Any]) -> dict[str, Any]:
    return {**documented, **{key: value for key, value in extra.items() if key not in documented}}


def _text(value: AgentId | TopicId | None) -> str | None:
    return None if value is None else str(value)


def _current_agent() -> str | None:
    from hubbub_core._message_handler_context import CURRENT_AGENT

    return _text(CURRENT_AGENT.get())
