"""The thread of a session: what of it is kept, and how it goes to JSON and back."""

from __future__ import annotations

import json
from collections.abc import AsyncIterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from semantic_kernel.agents.agent import AgentThread
from semantic_kernel.agents.chat_completion.chat_completion_agent import ChatHistoryAgentThread
from semantic_kernel.contents.chat_message_content import ChatMessageContent
from semantic_kernel.contents.function_result_content import FunctionResultContent

from ._kinds import LocalThread, ThreadFactory, keeps_messages
from .messages import value_text


@dataclass(frozen=True, slots=True)
class Saved:
    """What is left of a thread between two runs."""

    id: str | None
    messages: tuple[ChatMessageContent, ...] | None = None
    """The conversation, where the thread keeps it and no server does."""

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON: `{"thread_id": "...", "messages": [...]}`."""
        state: dict[str, Any] = {"thread_id": self.id}
        if self.messages is not None:
            state["messages"] = [_dump(message) for message in self.messages]
        return state

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Saved:
        """Read what `to_json` returned.

        Raises:
            ValueError: It is something else.
        """
        if not isinstance(state.get("thread_id"), str | None) or not isinstance(state.get("messages"), list | None):
            raise ValueError(f"not the state of a Semantic Kernel agent: it has {sorted(state)}")
        messages = state.get("messages")
        return cls(
            id=state.get("thread_id"),
            messages=None if messages is None else tuple(map(ChatMessageContent.model_validate, messages)),
        )


Mark = int | Saved | None
"""Where a thread stands: the number of messages of a `LocalThread`, else what is kept of it; None without a thread."""


async def save(thread: AgentThread) -> Saved:
    """Return what has to be kept of a thread."""
    if not keeps_messages(thread):
        return Saved(thread.id)
    found: Any = thread
    messages: AsyncIterable[ChatMessageContent] = found.get_messages()
    return Saved(thread.id, tuple([message async for message in messages]))


async def mark(thread: AgentThread | None) -> Mark:
    """Return what takes a thread back to where it is now."""
    if thread is None:
        return None
    return len(thread) if isinstance(thread, LocalThread) else await save(thread)


async def last_message(thread: ChatHistoryAgentThread) -> ChatMessageContent | None:
    """Return the newest message of a thread."""
    if isinstance(thread, LocalThread):
        return thread.history.messages[-1] if thread.history.messages else None
    last = None
    async for message in thread.get_messages():
        last = message
    return last


async def restore(saved: Saved, factory: ThreadFactory | None, agent: str) -> AgentThread:
    """Make the thread again.

    Raises:
        ValueError: Only a factory could, and there is none.
    """
    if factory is None and saved.messages is None:
        raise ValueError(
            f"thread {saved.id!r} of agent {agent!r} cannot be made again: pass thread=lambda thread_id: ... to "
            "adapt(), which returns the agent's thread of that id"
        )
    thread = ChatHistoryAgentThread(thread_id=saved.id) if factory is None else factory(saved.id)
    for message in saved.messages or ():
        await thread.on_new_message(message)
    return thread


def _dump(message: ChatMessageContent) -> dict[str, Any]:
    # Metadata may hold anything (arguments of the kernel, objects of a vendor); of it, what is JSON is kept. What tells
    # a piece's place in a stream means nothing for the whole that was put together of them.
    pieces = {"choice_index", "function_invoke_attempt"}
    dumped = message.model_dump(
        mode="json",
        exclude_none=True,
        exclude={"metadata": True, **dict.fromkeys(pieces, True), "items": {"__all__": {"metadata", *pieces}}},
    )
    dumped["metadata"] = _json_only(message.metadata)
    for item, shown in zip(message.items, dumped["items"], strict=True):
        shown["metadata"] = _json_only(item.metadata)
        if isinstance(item, FunctionResultContent):
            # Semantic Kernel would write an object's repr.
            shown["result"] = value_text(item.result)
    return dumped


def _json_only(metadata: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in metadata.items() if _is_json(value)}


def _is_json(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(isinstance(key, str) for key in value) and all(map(_is_json, value.values()))
    if isinstance(value, Sequence) and not isinstance(value, str):
        return isinstance(value, list) and all(map(_is_json, value))
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return False
    return True
