"""Threads on Conversations and Responses, which took the place of the Assistants API."""

from __future__ import annotations

import warnings
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from hubbub_core.models import LLMMessage

from ._ask_response import ask_response
from ._function_tools import FunctionOutput, response_function
from ._model_answer import ModelAnswer, Piece
from ._response_items import Item, message_item
from ._threads import AssistantSetup, OpenAIAssistantAgentState

if TYPE_CHECKING:
    from hubbub_core import CancellationToken
    from hubbub_core.tools import ToolSchema

_UNFINISHED = "Error: the call was not finished"


class ResponseThreads:
    """A thread that is a conversation, and runs that are responses. An assistant is no object of the service here."""

    def __init__(self, setup: AssistantSetup) -> None:
        self._setup = setup
        self._client = setup.client
        self._open_calls: list[str] = []
        self._unsure = False

    async def open(self, state: OpenAIAssistantAgentState, functions: Sequence[ToolSchema], *, resumed: bool) -> None:
        """Find or make the conversation.

        Raises:
            openai.NotFoundError: The service has no conversation of this name.
        """
        if state.thread_id is not None and state.thread_id.startswith("thread_"):
            warnings.warn(
                f"thread {state.thread_id!r} was one of the Assistants API, which no longer exists at OpenAI; the "
                "agent begins a new conversation (a server that still has it: backend='assistants')",
                UserWarning,
                stacklevel=2,
            )
            state.thread_id = None
        if state.thread_id is None:
            with self._setup.errors():
                made = await self._client.conversations.create(metadata=dict(self._setup.metadata))
            state.thread_id = made.id
            state.initial_message_ids = []
            self._open_calls = []
        else:
            items = await self._items(state)
            if not resumed:
                state.initial_message_ids = [item.id for item in items]

    async def _items(self, state: OpenAIAssistantAgentState) -> list[Any]:
        """Return all items, oldest first, and note calls that nobody answered: the service insists on it."""
        assert state.thread_id is not None
        with self._setup.errors():
            listed = self._client.conversations.items.list(state.thread_id, order="asc", limit=100)
            items: list[Any] = [item async for item in listed]
        answered = {item.call_id for item in items if item.type == "function_call_output"}
        called = [item.call_id for item in items if item.type == "function_call"]
        self._open_calls = [call_id for call_id in called if call_id not in answered]
        return items

    async def add(self, state: OpenAIAssistantAgentState, message: LLMMessage) -> None:
        """Append a message to the conversation."""
        assert state.thread_id is not None
        items: Any = message_item(message)
        with self._setup.errors():
            await self._client.conversations.items.create(state.thread_id, items=items)

    async def run(
        self,
        state: OpenAIAssistantAgentState,
        messages: Sequence[LLMMessage],
        functions: Sequence[ToolSchema],
        *,
        stream: bool,
        token: CancellationToken,
    ) -> AsyncGenerator[Piece, None]:
        """Ask for a response to the conversation and the messages, which become part of it."""
        if self._unsure:
            await self._items(state)
            self._unsure = False
        items: list[Item] = [
            {"type": "function_call_output", "call_id": call_id, "output": _UNFINISHED} for call_id in self._open_calls
        ]
        for message in messages:
            items.extend(message_item(message))
        async with aclosing(self._ask(state, items, functions, stream=stream, token=token)) as asked:
            async for piece in asked:
                yield piece
        self._open_calls = []

    async def submit(
        self,
        state: OpenAIAssistantAgentState,
        answer: ModelAnswer,
        outputs: Sequence[FunctionOutput],
        functions: Sequence[ToolSchema],
        *,
        stream: bool,
        token: CancellationToken,
    ) -> AsyncGenerator[Piece, None]:
        """Ask for the next response, with the results."""
        items = [output.item() for output in outputs]
        async with aclosing(self._ask(state, items, functions, stream=stream, token=token)) as asked:
            async for piece in asked:
                yield piece

    def _ask(
        self,
        state: OpenAIAssistantAgentState,
        items: list[Item],
        functions: Sequence[ToolSchema],
        *,
        stream: bool,
        token: CancellationToken,
    ) -> AsyncGenerator[Piece, None]:
        setup = self._setup
        request: dict[str, Any] = {
            "model": setup.model,
            "conversation": state.thread_id,
            "instructions": setup.instructions,
        }
        if items:
            request["input"] = items
        tools = self._builtin(state) + [response_function(schema) for schema in functions]
        if tools:
            request["tools"] = tools
        if "code_interpreter" in setup.builtin:
            # Otherwise the service keeps to itself what the code printed.
            request["include"] = ["code_interpreter_call.outputs"]
        text_format = _text_format(setup.response_format)
        if text_format is not None:
            request["text"] = {"format": text_format}
        for name in ("temperature", "top_p"):
            if getattr(setup, name) is not None:
                request[name] = getattr(setup, name)
        return ask_response(self._client, request, stream=stream, token=token)

    def _builtin(self, state: OpenAIAssistantAgentState) -> list[dict[str, Any]]:
        tools: list[dict[str, Any]] = []
        if "code_interpreter" in self._setup.builtin:
            container: dict[str, Any] = {"type": "auto"}
            file_ids = [*self._setup.code_file_ids, *state.code_file_ids]
            if file_ids:
                container["file_ids"] = file_ids
            tools.append({"type": "code_interpreter", "container": container})
        if "file_search" in self._setup.builtin:
            own = [state.vector_store_id] if state.vector_store_id else []
            stores = [*self._setup.vector_store_ids, *own]
            # The service takes no search in nothing: the tool is there from the first upload on.
            if stores:
                tools.append({"type": "file_search", "vector_store_ids": stores})
        return tools

    async def abandon(self, state: OpenAIAssistantAgentState) -> None:
        """Have the next run look for calls that nobody answered; closing the request has ended the response."""
        self._unsure = True

    async def clear(self, state: OpenAIAssistantAgentState) -> None:
        """Delete what is new in the conversation."""
        assert state.thread_id is not None
        kept = set(state.initial_message_ids)
        for item in await self._items(state):
            if item.id not in kept:
                with self._setup.errors():
                    await self._client.conversations.items.delete(item.id, conversation_id=state.thread_id)
        await self._items(state)
        self._unsure = False

    async def files_changed(self, state: OpenAIAssistantAgentState) -> None:
        """Do nothing: every request names the files."""

    async def delete_assistant(self, state: OpenAIAssistantAgentState) -> None:
        """Do nothing: there is none at the service."""


def _text_format(response_format: Any) -> dict[str, Any] | None:
    """Return the form of the answer as Responses have it; None for what they do anyway.

    Raises:
        ValueError: It is not one of the documented forms.
    """
    if response_format is None or response_format == "auto":
        return None
    if isinstance(response_format, dict):
        kind = response_format.get("type")
        if kind in ("text", "json_object"):
            return {"type": kind}
        if kind == "json_schema":
            return {"type": kind, **response_format["json_schema"]}
    raise ValueError(
        f"response_format is 'auto' or a dict with type text, json_object or json_schema, not {response_format!r}"
    )
