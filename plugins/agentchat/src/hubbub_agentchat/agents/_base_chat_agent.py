"""The base of all chat agents: runs tasks over `on_messages` and `on_messages_stream`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, ClassVar

from pydantic import BaseModel

from hubbub_agentchat._cancel_scope import CancelScope
from hubbub_agentchat._ownership import Closeable, close_all
from hubbub_agentchat.base import ChatAgent, Response, TaskResult
from hubbub_agentchat.base._usage import UsageTally
from hubbub_agentchat.messages import BaseAgentEvent, BaseChatMessage, ModelClientStreamingChunkEvent, TextMessage
from hubbub_agentchat.state import BaseState
from hubbub_core import (
    CancellationToken,
    trace_create_agent_span,
    trace_invoke_agent_span,
    trace_invoke_agent_stream,
)
from hubbub_registry import ComponentBase


class BaseChatAgent(ChatAgent, ABC, ComponentBase[BaseModel]):
    """Base class for a chat agent.

    A subclass implements `on_messages`, `on_reset` and `produced_message_types`, and `on_messages_stream` if it has
    something to show on the way. An agent keeps its state between calls and is given only new messages. It is not made
    for concurrent calls.

    Args:
        name: A Python identifier, unique within a team.
        description: What the agent does; teams choose speakers by it.

    Raises:
        ValueError: `name` is not a Python identifier.
    """

    component_type: ClassVar[str] = "agent"

    # Set by `_from_config`. Of the class, for agents that do not call this constructor.
    _owned: Sequence[Closeable] = ()

    def __init__(self, name: str, description: str) -> None:
        with trace_create_agent_span(agent_name=name, agent_description=description):
            if not name.isidentifier():
                raise ValueError(f"The agent name must be a valid Python identifier. Got {name!r}.")
            self._name = name
            self._description = description

    @property
    def name(self) -> str:
        return self._name

    @property
    def description(self) -> str:
        return self._description

    @property
    @abstractmethod
    def produced_message_types(self) -> Sequence[type[BaseChatMessage]]:
        """The types of the chat message in this agent's responses."""

    @abstractmethod
    async def on_messages(self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken) -> Response:
        """Answer new messages: those since the last call, never the whole conversation."""

    async def on_messages_stream(
        self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken
    ) -> AsyncGenerator[BaseAgentEvent | BaseChatMessage | Response, None]:
        """Answer new messages and yield what happens as it arises; the last item is the `Response`.

        This one calls `on_messages` and yields the response's inner messages before it.
        """
        response = await self.on_messages(messages, cancellation_token)
        for inner in response.inner_messages or ():
            yield inner
        yield response

    async def run(
        self,
        *,
        task: str | BaseChatMessage | Sequence[BaseChatMessage] | None = None,
        cancellation_token: CancellationToken | None = None,
        output_task_messages: bool = True,
    ) -> TaskResult:
        """Run a task and return its messages: the task's, the inner ones, the answer.

        Args:
            task: A text (from `user`), a message or several. None goes on without new messages.
            cancellation_token: Ends the run at once.
            output_task_messages: Whether the task's own messages are part of the result.

        Raises:
            ValueError: The task is an empty list or holds something else than chat messages.
            asyncio.CancelledError: The token was cancelled.
        """
        incoming = task_messages(task)
        token = cancellation_token or CancellationToken()
        with trace_invoke_agent_span(agent_name=self.name, agent_description=self.description), CancelScope(token):
            response = await self.on_messages(incoming, token)
        produced: list[BaseAgentEvent | BaseChatMessage] = list(incoming) if output_task_messages else []
        produced.extend(response.inner_messages or ())
        produced.append(response.chat_message)
        return TaskResult.of_run(produced, UsageTally([*(response.inner_messages or ()), response.chat_message]))

    async def run_stream(
        self,
        *,
        task: str | BaseChatMessage | Sequence[BaseChatMessage] | None = None,
        cancellation_token: CancellationToken | None = None,
        output_task_messages: bool = True,
    ) -> AsyncGenerator[BaseAgentEvent | BaseChatMessage | TaskResult, None]:
        """Run a task and yield its messages as they arise; the last item is the `TaskResult`.

        Streamed chunks are yielded and are not part of the result. Args and errors are those of `run`.
        """
        incoming = task_messages(task)
        token = cancellation_token or CancellationToken()
        produced: list[BaseAgentEvent | BaseChatMessage] = []
        tally = UsageTally()
        if output_task_messages:
            for message in incoming:
                produced.append(message)
                yield message
        traced = trace_invoke_agent_stream(
            self.on_messages_stream(incoming, token), self.name, agent_description=self.description
        )
        async with aclosing(traced) as stream:
            while True:
                try:
                    # Only a caller who gave a token can cancel it: without one the scope is not needed.
                    if cancellation_token is None:
                        item = await anext(stream)
                    else:
                        with CancelScope(token):
                            item = await anext(stream)
                except StopAsyncIteration:
                    break
                if isinstance(item, Response):
                    produced.append(item.chat_message)
                    tally.add_message(item.chat_message)
                    yield item.chat_message
                    yield TaskResult.of_run(produced, tally)
                    return
                if not isinstance(item, ModelClientStreamingChunkEvent):
                    produced.append(item)
                    tally.add_message(item)
                yield item
        raise RuntimeError(
            f"Agent {self.name!r} did not produce a final response. Its on_messages_stream must yield a Response last."
        )

    @abstractmethod
    async def on_reset(self, cancellation_token: CancellationToken) -> None:
        """Go back to the state after construction."""

    async def on_pause(self, cancellation_token: CancellationToken) -> None:
        """Do nothing. Called while the agent may be answering messages."""

    async def on_resume(self, cancellation_token: CancellationToken) -> None:
        """Do nothing. Called while the agent may be answering messages."""

    async def save_state(self) -> Mapping[str, Any]:
        """Return an empty state, for agents that keep none."""
        return BaseState().model_dump()

    async def load_state(self, state: Mapping[str, Any]) -> None:
        """Check the form of a state and do nothing with it, for agents that keep none."""
        BaseState.model_validate(state)

    async def close(self) -> None:
        """Close the model and the memories that the agent has built from its configuration.

        What it was given belongs to the giver, who may have given it to others too, and stays open; so does what a hub
        shares (`ref:NAME`). An agent that holds something else overrides this.
        """
        owned, self._owned = self._owned, ()
        await close_all(owned)


def task_messages(task: str | BaseChatMessage | Sequence[BaseChatMessage] | None) -> list[BaseChatMessage]:
    """Return the messages of a task.

    Raises:
        ValueError: The list is empty or holds something else than chat messages.
    """
    if task is None:
        return []
    if isinstance(task, str):
        return [TextMessage(content=task, source="user")]
    if isinstance(task, BaseChatMessage):
        return [task]
    if not task:
        raise ValueError("Task list cannot be empty.")
    for message in task:
        if not isinstance(message, BaseChatMessage):
            raise ValueError(f"Invalid message type in sequence: {type(message).__name__} is not a BaseChatMessage.")
    return list(task)
