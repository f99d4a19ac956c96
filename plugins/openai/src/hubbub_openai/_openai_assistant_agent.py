"""The chat agent with a thread, files and tools at the service."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any, Final, Literal
from uuid import uuid4

from openai import AsyncOpenAI
from pydantic import BaseModel

from hubbub_agentchat.base import Response
from hubbub_agentchat.messages import (
    BaseAgentEvent,
    BaseChatMessage,
    TextMessage,
)
from hubbub_core import CancellationToken
from hubbub_core.tools import BaseTool

from ._agent_events import execution_event, request_event
from ._answer import sum_usage
from ._assistant_files import AssistantFiles, readable_paths
from ._assistant_threads import AssistantThreads
from ._chat_messages import model_messages, refuse_model_client
from ._errors import ResponseFailedError
from ._function_tools import FunctionTools, hub_tool
from ._linked import linked
from ._model_answer import ModelAnswer
from ._response_threads import ResponseThreads
from ._service_agent import ServiceAgent
from ._threads import AssistantSetup, OpenAIAssistantAgentState, Threads

_BUILTIN: Final = ("code_interpreter", "file_search")
_MAX_ROUNDS: Final = 50
"""Rounds of function calls after which a run is given up."""


class OpenAIAssistantAgent(ServiceAgent):
    """An assistant with a thread at the service, its code interpreter, its file search, and tools of the hub.

    OpenAI shut the Assistants API down on 2026-08-26. The thread is a conversation and each run a response, of the
    APIs that took its place; nothing else changes. With `backend="assistants"` it is an assistant and a thread, on
    servers that still have them.

    Nothing is made at the service before the first message or file. What the agent makes there stays until it is
    deleted by `delete_uploaded_files`, `delete_vector_store` and `delete_assistant`.

    Errors are raised: those of the SDK as they are, `ModelEndpointError` for connections, `ResponseFailedError` when
    the model failed or did not stop calling functions, `ValueError` for an answer without a text.

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
        response_format: `"auto"`, or a dict (or the SDK's object) with type `text`, `json_object` or `json_schema`.
        temperature: None leaves it to the service.
        tool_resources: Files and vector stores that exist: `{"code_interpreter": {"file_ids": [...]}, "file_search":
            {"vector_store_ids": [...]}}`, or the SDK's `ToolResources`.
        top_p: None leaves it to the service.
        backend: `"responses"`, or `"assistants"` for a server that still has them.

    Raises:
        ValueError: A tool or resource is unsupported, two tools have one name, `client` is a model client of the hub,
            or the installed SDK has no Assistants API.
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
        tool_resources: Mapping[str, Any] | BaseModel | None = None,
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
        code_file_ids, vector_store_ids = _resources(tool_resources)
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
            response_format=_plain(response_format),
            temperature=temperature,
            top_p=top_p,
            code_file_ids=code_file_ids,
            vector_store_ids=vector_store_ids,
        )
        if backend not in ("responses", "assistants"):
            raise ValueError(f"backend is 'responses' or 'assistants', not {backend!r}")
        self._backend = backend
        self._threads: Threads = (
            AssistantThreads(self._setup) if backend == "assistants" else ResponseThreads(self._setup)
        )
        self._files = AssistantFiles(self._setup)
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

    async def _answer(
        self, messages: Sequence[BaseChatMessage], token: CancellationToken, *, stream: bool
    ) -> AsyncGenerator[BaseAgentEvent | BaseChatMessage | Response, None]:
        await self._ensure_open(token)
        inner: list[BaseAgentEvent | BaseChatMessage] = []
        answers: list[ModelAnswer] = []
        message_id = str(uuid4())
        finished = False
        try:
            run = self._run(messages, answers, token, stream=stream)
            async with aclosing(self._told(run, inner, message_id)) as events:
                async for event in events:
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
            async with aclosing(self._events(asked, answers)) as events:
                async for event in events:
                    yield event
            answer = answers[-1]
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
        """Delete what came into the thread since an agent first opened it; what was there before stays (000 L23098)."""
        if self._resumed:
            await self._ensure_open(cancellation_token)
        if self._opened:
            await linked(self._threads.clear(self._state), cancellation_token)

    async def on_upload_for_code_interpreter(
        self, file_paths: str | Iterable[str], cancellation_token: CancellationToken
    ) -> None:
        """Upload files that the code interpreter can read from now on.

        Raises:
            ValueError: The agent has no tool `code_interpreter`.
            OSError: A file cannot be read; none was uploaded.
        """
        paths = self._paths(file_paths, "code_interpreter")
        if not paths:
            return
        await self._ensure_open(cancellation_token)
        file_ids = await self._files.upload(self._state, paths, cancellation_token)
        self._state.code_file_ids.extend(file_ids)
        await self._files_changed(cancellation_token)

    async def on_upload_for_file_search(
        self, file_paths: str | Iterable[str], cancellation_token: CancellationToken
    ) -> None:
        """Upload files to the agent's vector store, which is made with the first ones, and wait until it has read them.

        Raises:
            ValueError: The agent has no tool `file_search`.
            OSError: A file cannot be read; none was uploaded.
            ResponseFailedError: The store could not read all files.
        """
        paths = self._paths(file_paths, "file_search")
        if not paths:
            return
        await self._ensure_open(cancellation_token)
        file_ids = await self._files.upload(self._state, paths, cancellation_token)
        if self._state.vector_store_id is None:
            await self._files.make_store(self._state, cancellation_token)
            await self._files_changed(cancellation_token)
        await self._files.add_to_store(self._state, file_ids, cancellation_token)

    def _paths(self, file_paths: str | Iterable[str], tool: str) -> list[Path]:
        if tool not in self._setup.builtin:
            raise ValueError(f"agent {self.name!r} could not use the files: its tools have no {tool!r}")
        return readable_paths(file_paths)

    async def _files_changed(self, token: CancellationToken) -> None:
        if self._opened:
            await linked(self._threads.files_changed(self._state), token)

    async def delete_uploaded_files(self, cancellation_token: CancellationToken) -> None:
        """Delete the files that this agent uploaded; those that are gone already count as deleted."""
        had_code_files = bool(self._state.code_file_ids)
        await self._files.delete_files(self._state, cancellation_token)
        if had_code_files:
            await self._files_changed(cancellation_token)

    async def delete_vector_store(self, cancellation_token: CancellationToken) -> None:
        """Delete the vector store that this agent made, if it made one."""
        if self._state.vector_store_id is not None:
            await self._files.delete_store(self._state, cancellation_token)
            await self._files_changed(cancellation_token)

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


def _plain(value: Any) -> Any:
    """Return what the SDK has an object for as a dict."""
    return value.model_dump(by_alias=True, exclude_none=True) if isinstance(value, BaseModel) else value


def _resources(tool_resources: Mapping[str, Any] | BaseModel | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the files for the code interpreter and the vector stores for the file search.

    Raises:
        ValueError: There is something else.
    """
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for tool, given in (_plain(tool_resources) or {}).items():
        for kind, ids in (_plain(given) or {}).items():
            found[tool, kind] = tuple(ids or ())
    known = (found.pop(("code_interpreter", "file_ids"), ()), found.pop(("file_search", "vector_store_ids"), ()))
    left = [f"{tool}.{kind}" for (tool, kind), ids in found.items() if ids]
    if left:
        raise ValueError(
            f"tool_resources has {', '.join(left)}; there are code_interpreter.file_ids and "
            "file_search.vector_store_ids (client.vector_stores.create makes a store)"
        )
    return known
