"""The chat agent with a thread, files and tools at the service."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any, Final, Literal
from uuid import uuid4

import openai
from openai import AsyncOpenAI

from hubbub_agentchat.agents import BaseChatAgent
from hubbub_agentchat.base import Response
from hubbub_agentchat.messages import (
    BaseAgentEvent,
    BaseChatMessage,
    ModelClientStreamingChunkEvent,
    TextMessage,
)
from hubbub_core import CancellationToken
from hubbub_core.tools import BaseTool

from ._agent_events import answer_events, code_events, execution_event, request_event
from ._answer import sum_usage
from ._assistant_threads import AssistantThreads
from ._chat_messages import model_messages, refuse_model_client
from ._errors import endpoint_errors, shown_url
from ._function_tools import FunctionTools, hub_tool
from ._linked import linked
from ._response_items import CodeRun, ModelAnswer, ResponseFailedError
from ._response_threads import ResponseThreads
from ._threads import AssistantSetup, OpenAIAssistantAgentState, Threads

_BUILTIN: Final = ("code_interpreter", "file_search")
_MAX_ROUNDS: Final = 50
"""Rounds of function calls after which a run is given up."""


class OpenAIAssistantAgent(BaseChatAgent):
    """An assistant with a thread at the service, its code interpreter, its file search, and tools of the hub.

    OpenAI shut the Assistants API down on 2026-08-26. The thread is a conversation and each run a response, of the
    APIs that took its place; nothing else changes. With `backend="assistants"` it is an assistant and a thread, on
    servers that still have them.

    Nothing is made at the service before the first message or file. What the agent makes there stays until it is
    deleted by `delete_uploaded_files`, `delete_vector_store` and `delete_assistant`.

    Args:
        name: A Python identifier, unique within a team.
        description: What teams read about the agent.
        client: The SDK's client, `AsyncOpenAI` or `AsyncAzureOpenAI`. Closing the agent does not close it.
        model: The model.
        instructions: What the model is told first.
        tools: `"code_interpreter"`, `"file_search"`, tools of the hub and functions.
        assistant_id: An assistant that exists, for `backend="assistants"`; otherwise only kept.
        thread_id: A conversation (`conv_...`) or thread to go on with. A thread of the Assistants API does not exist
            any more at OpenAI: the agent warns and begins a new conversation.
        metadata: Up to 16 texts that the service keeps with what the agent makes.
        response_format: `"auto"`, or a dict with type `text`, `json_object` or `json_schema`.
        temperature: None leaves it to the service.
        tool_resources: Files and vector stores that exist: `{"code_interpreter": {"file_ids": [...]}, "file_search":
            {"vector_store_ids": [...]}}`.
        top_p: None leaves it to the service.
        backend: `"responses"`, or `"assistants"` for a server that still has them.

    Raises:
        ValueError: A tool is unsupported or two have one name, `client` is a model client of the hub, or the installed
            SDK has no Assistants API.
    """

    def __init__(
        self,
        name: str,
        description: str,
        client: AsyncOpenAI,
        model: str,
        instructions: str,
        tools: Iterable[Literal["code_interpreter", "file_search"] | BaseTool[Any, Any] | Callable[..., Any]]
        | None = None,
        assistant_id: str | None = None,
        thread_id: str | None = None,
        metadata: dict[str, str] | None = None,
        response_format: Any = None,
        temperature: float | None = None,
        tool_resources: Mapping[str, Any] | None = None,
        top_p: float | None = None,
        *,
        backend: Literal["responses", "assistants"] = "responses",
    ) -> None:
        super().__init__(name, description)
        refuse_model_client(client, type(self).__name__)
        builtin: list[str] = []
        hub_tools: list[BaseTool[Any, Any]] = []
        for tool in tools or ():
            if not isinstance(tool, str):
                hub_tools.append(hub_tool(tool))
            elif tool not in _BUILTIN:
                raise ValueError(f"Unsupported tool type: {tool}. By name there are {', '.join(_BUILTIN)}.")
            elif tool not in builtin:
                builtin.append(tool)
        resources = tool_resources or {}
        self._client = client
        self._functions = FunctionTools(hub_tools)
        self._setup = AssistantSetup(
            client=client,
            name=name,
            description=description,
            model=model,
            instructions=instructions,
            builtin=tuple(builtin),
            metadata=metadata or {},
            response_format=response_format,
            temperature=temperature,
            top_p=top_p,
            code_file_ids=tuple((resources.get("code_interpreter") or {}).get("file_ids") or ()),
            vector_store_ids=tuple((resources.get("file_search") or {}).get("vector_store_ids") or ()),
        )
        if backend not in ("responses", "assistants"):
            raise ValueError(f"backend is 'responses' or 'assistants', not {backend!r}")
        self._backend = backend
        self._threads: Threads = (
            AssistantThreads(self._setup) if backend == "assistants" else ResponseThreads(self._setup)
        )
        self._state = OpenAIAssistantAgentState(assistant_id=assistant_id, thread_id=thread_id)
        self._opened = False
        self._resumed = False

    @property
    def produced_message_types(self) -> Sequence[type[BaseChatMessage]]:
        """`TextMessage`."""
        return (TextMessage,)

    @property
    def threads(self) -> Any:
        """The SDK's resource of threads: `client.conversations`, with Assistants `client.beta.threads`."""
        return self._client.beta.threads if self._backend == "assistants" else self._client.conversations

    @property
    def messages(self) -> Any:
        """The SDK's resource of messages: `client.conversations.items`, or `client.beta.threads.messages`."""
        return self.threads.messages if self._backend == "assistants" else self._client.conversations.items

    @property
    def runs(self) -> Any:
        """The SDK's resource of runs: `client.responses`, or `client.beta.threads.runs`."""
        return self.threads.runs if self._backend == "assistants" else self._client.responses

    async def _ensure_open(self, token: CancellationToken) -> None:
        if not self._opened:
            schemas = await self._functions.schemas()
            await linked(self._threads.open(self._state, schemas, resumed=self._resumed), token)
            self._opened = True

    async def on_messages(self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken) -> Response:
        """Append the messages to the thread and let the assistant answer.

        Raises:
            ValueError: The answer has no text.
            ResponseFailedError: The service failed, or the model did not stop calling functions.
            ModelEndpointError: The endpoint cannot be reached, breaks off, or sends what is no answer.
            openai.APIStatusError: The endpoint refuses the request.
            asyncio.CancelledError: The token was cancelled.
        """
        async with aclosing(self._answer(messages, cancellation_token, stream=False)) as items:
            async for item in items:
                if isinstance(item, Response):
                    return item
        raise AssertionError("the answer ends with a Response")

    async def on_messages_stream(
        self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken
    ) -> AsyncGenerator[BaseAgentEvent | BaseChatMessage | Response, None]:
        """Do as `on_messages`; yields pieces of text, code, calls and results as they arise, the `Response` last."""
        async with aclosing(self._answer(messages, cancellation_token, stream=True)) as items:
            async for item in items:
                yield item

    async def _answer(
        self, messages: Sequence[BaseChatMessage], token: CancellationToken, *, stream: bool
    ) -> AsyncGenerator[BaseAgentEvent | BaseChatMessage | Response, None]:
        await self._ensure_open(token)
        inner: list[BaseAgentEvent | BaseChatMessage] = []
        answers: list[ModelAnswer] = []
        message_id = str(uuid4())
        finished = False
        try:
            async with aclosing(self._run(messages, answers, token, stream=stream)) as events:
                async for event in events:
                    if isinstance(event, str):
                        yield ModelClientStreamingChunkEvent(
                            content=event, source=self.name, full_message_id=message_id
                        )
                    else:
                        inner.append(event)
                        yield event
            finished = True
        finally:
            if not finished:
                await self._threads.abandon(self._state)
        last = answers[-1]
        if not last.text:
            raise ValueError(f"assistant {self.name!r} answered without a text")
        message = TextMessage(
            content=last.text,
            source=self.name,
            models_usage=sum_usage(*(answer.usage for answer in answers)),
            metadata=last.metadata(),
            id=message_id,
        )
        yield Response(chat_message=message, inner_messages=inner)

    async def _run(
        self, messages: Sequence[BaseChatMessage], answers: list[ModelAnswer], token: CancellationToken, *, stream: bool
    ) -> AsyncGenerator[str | BaseAgentEvent, None]:
        schemas = await self._functions.schemas()
        given = [message for each in messages for message in model_messages(each)]
        asked = self._threads.run(self._state, given, schemas, stream=stream, token=token)
        for _ in range(_MAX_ROUNDS):
            async with aclosing(asked) as pieces:
                async for piece in pieces:
                    if isinstance(piece, ModelAnswer):
                        answers.append(piece)
                    elif isinstance(piece, CodeRun):
                        for event in code_events(piece, self.name):
                            yield event
                    else:
                        yield piece
            answer = answers[-1]
            for event in answer_events(answer, self.name):
                yield event
            if not answer.calls:
                return
            yield request_event(answer, self.name)
            results = await self._functions.call(answer.calls, token)
            yield execution_event(results, self.name)
            asked = self._threads.submit(self._state, answer, results, schemas, stream=stream, token=token)
        await asked.aclose()
        raise ResponseFailedError(f"model {self._setup.model!r} still calls functions after {_MAX_ROUNDS} rounds")

    async def handle_incoming_message(self, message: BaseChatMessage, cancellation_token: CancellationToken) -> None:
        """Append a message of any class to the thread, without an answer (newer N-246)."""
        await self._ensure_open(cancellation_token)
        for each in model_messages(message):
            await linked(self._threads.add(self._state, each), cancellation_token)

    async def handle_text_message(self, content: str, cancellation_token: CancellationToken) -> None:
        """Append a text of the user to the thread, without an answer (spec: 000 L23084)."""
        await self.handle_incoming_message(TextMessage(content=content, source="user"), cancellation_token)

    async def on_reset(self, cancellation_token: CancellationToken) -> None:
        """Delete what came into the thread since the agent opened it; what was there before stays (000 L23098)."""
        if self._opened:
            await linked(self._threads.clear(self._state), cancellation_token)

    async def on_upload_for_code_interpreter(
        self, file_paths: str | Iterable[str], cancellation_token: CancellationToken
    ) -> None:
        """Upload files that the code interpreter can read from now on.

        Raises:
            ValueError: The agent has no tool `code_interpreter`.
            OSError: A file cannot be read.
        """
        self._need("code_interpreter")
        await self._ensure_open(cancellation_token)
        file_ids = await self._upload(file_paths, cancellation_token)
        self._state.code_file_ids.extend(file_ids)
        await linked(self._threads.files_changed(self._state), cancellation_token)

    async def on_upload_for_file_search(
        self, file_paths: str | Iterable[str], cancellation_token: CancellationToken
    ) -> None:
        """Upload files to the agent's vector store, which is made with the first ones, and wait until it has read them.

        Raises:
            ValueError: The agent has no tool `file_search`.
            OSError: A file cannot be read.
            ResponseFailedError: The store could not read all files.
        """
        self._need("file_search")
        await self._ensure_open(cancellation_token)
        file_ids = await self._upload(file_paths, cancellation_token)
        stores = self._client.vector_stores
        with self._errors():
            if self._state.vector_store_id is None:
                made = await linked(stores.create(name=self.name), cancellation_token)
                self._state.vector_store_id = made.id
                await linked(self._threads.files_changed(self._state), cancellation_token)
            batch = await linked(
                stores.file_batches.create_and_poll(self._state.vector_store_id, file_ids=file_ids), cancellation_token
            )
        if batch.status != "completed" or batch.file_counts.failed:
            raise ResponseFailedError(
                f"vector store {batch.vector_store_id} could not read {batch.file_counts.failed} of "
                f"{batch.file_counts.total} files (batch {batch.id}: {batch.status})"
            )

    def _need(self, tool: str) -> None:
        if tool not in self._setup.builtin:
            raise ValueError(f"agent {self.name!r} could not use the files: its tools have no {tool!r}")

    def _errors(self) -> Any:
        return endpoint_errors(shown_url(str(self._client.base_url)), self._setup.model)

    async def _upload(self, file_paths: str | Iterable[str], token: CancellationToken) -> list[str]:
        paths = [Path(file_paths)] if isinstance(file_paths, (str, Path)) else [Path(path) for path in file_paths]
        made: list[str] = []
        for path in paths:
            with self._errors():
                file = await linked(self._client.files.create(file=path, purpose="assistants"), token)
            made.append(file.id)
            self._state.uploaded_file_ids.append(file.id)
        return made

    async def delete_uploaded_files(self, cancellation_token: CancellationToken) -> None:
        """Delete the files that this agent uploaded; those that are gone already count as deleted."""
        state = self._state
        had_code_files = bool(state.code_file_ids)
        while state.uploaded_file_ids:
            file_id = state.uploaded_file_ids[-1]
            try:
                with self._errors():
                    await linked(self._client.files.delete(file_id), cancellation_token)
            except openai.NotFoundError:
                pass
            state.uploaded_file_ids.remove(file_id)
            if file_id in state.code_file_ids:
                state.code_file_ids.remove(file_id)
        if had_code_files and self._opened:
            await linked(self._threads.files_changed(state), cancellation_token)

    async def delete_vector_store(self, cancellation_token: CancellationToken) -> None:
        """Delete the vector store that this agent made, if it made one."""
        store_id = self._state.vector_store_id
        if store_id is None:
            return
        try:
            with self._errors():
                await linked(self._client.vector_stores.delete(store_id), cancellation_token)
        except openai.NotFoundError:
            pass
        self._state.vector_store_id = None
        if self._opened:
            await linked(self._threads.files_changed(self._state), cancellation_token)

    async def delete_assistant(self, cancellation_token: CancellationToken) -> None:
        """Delete the assistant if this agent made it; on Responses there is none at the service."""
        await linked(self._threads.delete_assistant(self._state), cancellation_token)
        if self._backend == "assistants" and self._state.assistant_id is None:
            self._opened = False

    async def save_state(self) -> Mapping[str, Any]:
        """Return what leads back to the thread, the files and the vector store."""
        return self._state.model_dump()

    async def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on with the thread, files and vector store of another agent."""
        self._state = OpenAIAssistantAgentState.model_validate(state)
        self._opened = False
        self._resumed = self._state.thread_id is not None
