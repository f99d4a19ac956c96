"""An agent that asks a human."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ClassVar, Self, TypeAlias, cast

from pydantic import BaseModel

from hubbub_agentchat._cancel_scope import CancelScope
from hubbub_agentchat.agents._base_chat_agent import BaseChatAgent
from hubbub_agentchat.agents._turn import final_response
from hubbub_agentchat.base import Response
from hubbub_agentchat.messages import (
    BaseAgentEvent,
    BaseChatMessage,
    HandoffMessage,
    TextMessage,
    UserInputRequestedEvent,
)
from hubbub_agentchat.messages._ids import new_message_id
from hubbub_core import CancellationToken
from hubbub_core.blocking import call_in_thread
from hubbub_core.user_input import InputRequest, user_input
from hubbub_registry import Component

SyncInputFunc: TypeAlias = Callable[[str], str]
"""Given a prompt, returns what the user says. Runs in a thread."""
AsyncInputFunc: TypeAlias = Callable[[str, CancellationToken | None], Awaitable[str]]
"""Given a prompt and a token, returns what the user says."""
InputFuncType: TypeAlias = SyncInputFunc | AsyncInputFunc


class UserProxyAgentConfig(BaseModel):
    """Configuration of `UserProxyAgent`. An input function is not part of it."""

    name: str
    description: str = "A human user"
    input_func: str | None = None


class UserProxyAgent(BaseChatAgent, Component[UserProxyAgentConfig]):
    """An agent that can represent a human user through an input function.

    A team waits at this agent until the user has answered. For slow answers end the run with a `HandoffTermination` or
    `SourceMatchTermination` instead, save the state, and run again with the answer.

    It answers with a `TextMessage`; when the last message is a `HandoffMessage` to it, with a `HandoffMessage` back.

    Args:
        name: The agent's name.
        description: What teams read about the user.
        input_func: Asked for the user's text; synchronous with the prompt, or asynchronous with prompt and token. By
            default whoever runs the agent answers (`hubbub_core.user_input.answer_with`), else a line is read from the
            terminal. Not part of a configuration.
    """

    component_type: ClassVar[str] = "agent"
    component_provider_override = "hubbub_agentchat.agents.UserProxyAgent"
    component_config_schema = UserProxyAgentConfig

    class InputRequestContext:
        """Tells an input function which request it serves. Cannot be instantiated."""

        _request_id: ClassVar[ContextVar[str]] = ContextVar("hubbub_agentchat_input_request")

        def __init__(self) -> None:
            raise RuntimeError("InputRequestContext cannot be instantiated; it is a static class.")

        @classmethod
        @contextmanager
        def populate_context(cls, request_id: str) -> Generator[None, Any, None]:
            """Set the request for the block."""
            token = cls._request_id.set(request_id)
            try:
                yield
            finally:
                cls._request_id.reset(token)

        @classmethod
        def request_id(cls) -> str:
            """Return the id of the request that the running input function serves.

            Raises:
                RuntimeError: No input function is running.
            """
            try:
                return cls._request_id.get()
            except LookupError:
                raise RuntimeError(
                    "InputRequestContext.request_id() must be called within the input function of a UserProxyAgent."
                ) from None

    def __init__(
        self, name: str, *, description: str = "A human user", input_func: InputFuncType | None = None
    ) -> None:
        super().__init__(name=name, description=description)
        self._input_func: InputFuncType = input_func or input
        self._may_ask_runner = input_func is None
        self._is_async = inspect.iscoroutinefunction(self._input_func) or inspect.iscoroutinefunction(
            getattr(self._input_func, "__call__", None)  # noqa: B004 # the method itself is looked at, not whether it is there
        )

    @property
    def produced_message_types(self) -> Sequence[type[BaseChatMessage]]:
        return (TextMessage, HandoffMessage)

    async def on_messages(self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken) -> Response:
        return await final_response(self.on_messages_stream(messages, cancellation_token))

    async def on_messages_stream(
        self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken
    ) -> AsyncGenerator[BaseAgentEvent | BaseChatMessage | Response, None]:
        """Ask the user. Yields a `UserInputRequestedEvent` before the input function is called.

        Raises:
            RuntimeError: The last message hands off to somebody else, or the input function failed.
            asyncio.CancelledError: The token was cancelled; a synchronous input function is left waiting.
        """
        handoff = self._handoff(messages)
        prompt = "Enter your response: "
        if handoff is not None:
            prompt = f"Handoff received from {handoff.source}. {prompt}"
        request_id = new_message_id()
        event = UserInputRequestedEvent(request_id=request_id, source=self.name)
        yield event
        with self.InputRequestContext.populate_context(request_id):
            text = await self._ask(InputRequest(prompt, self.name, request_id), cancellation_token)
        answer: BaseChatMessage
        if handoff is not None:
            answer = HandoffMessage(content=text, target=handoff.source, source=self.name)
        else:
            answer = TextMessage(content=text, source=self.name)
        yield Response(chat_message=answer, inner_messages=[event])

    async def on_reset(self, cancellation_token: CancellationToken | None = None) -> None:
        """Do nothing: there is no state."""

    def _handoff(self, messages: Sequence[BaseChatMessage]) -> HandoffMessage | None:
        if not messages or not isinstance(messages[-1], HandoffMessage):
            return None
        if messages[-1].target != self.name:
            raise RuntimeError(
                f"Handoff message target does not match agent name: it is for {messages[-1].target!r}, "
                f"this is {self.name!r}."
            )
        return messages[-1]

    async def _ask(self, request: InputRequest, cancellation_token: CancellationToken) -> str:
        ask_runner = user_input() if self._may_ask_runner else None
        try:
            with CancelScope(cancellation_token):
                if ask_runner is not None:
                    return await ask_runner(request)
                if self._is_async:
                    return await cast("AsyncInputFunc", self._input_func)(request.prompt, cancellation_token)
                return await call_in_thread(cast("SyncInputFunc", self._input_func), request.prompt)
        except Exception as exc:
            raise RuntimeError(f"Failed to get user input: {exc}") from exc

    def _to_config(self) -> UserProxyAgentConfig:
        return UserProxyAgentConfig(name=self.name, description=self.description, input_func=None)

    @classmethod
    def _from_config(cls, config: UserProxyAgentConfig) -> Self:
        return cls(name=config.name, description=config.description, input_func=None)
