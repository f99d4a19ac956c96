"""Threads on the Assistants API, which OpenAI shut down on 2026-08-26 and servers of others still have."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final, TypeVar

import openai

from hubbub_core import FunctionCall
from hubbub_core.models import (
    AssistantMessage,
    FunctionExecutionResultMessage,
    LLMMessage,
    RequestUsage,
    UserMessage,
)

from ._errors import ModelEndpointError, ResponseFailedError, shown_url
from ._function_tools import FunctionOutput
from ._linked import linked, linked_items
from ._model_answer import CodeRun, ModelAnswer, Piece, Step
from ._threads import AssistantSetup, OpenAIAssistantAgentState
from ._tools import normalize_name

if TYPE_CHECKING:
    from hubbub_core import CancellationToken
    from hubbub_core.tools import ToolSchema

_T = TypeVar("_T")
_CANCEL_SECONDS: Final = 5.0
"""How long the service may take to cancel a run that nobody waits for any more."""

_ENDS: Final = ("completed", "incomplete", "requires_action", "failed", "cancelled", "expired")


class AssistantThreads:
    """A thread and an assistant as the Assistants API has them.

    Raises:
        ValueError: The installed SDK no longer has these endpoints.
    """

    def __init__(self, setup: AssistantSetup) -> None:
        self._setup = setup
        self._client = setup.client
        if not hasattr(setup.client.beta, "assistants"):
            raise ValueError(f"openai {openai.__version__} has no Assistants API; leave out backend='assistants'")
        self._created_id: str | None = None
        self._run_id: str | None = None
        self._has_store = False

    async def open(self, state: OpenAIAssistantAgentState, functions: Sequence[ToolSchema], *, resumed: bool) -> None:
        """Find or make the assistant and the thread.

        Raises:
            openai.NotFoundError: The service has no such assistant or thread, or no Assistants API at all.
        """
        beta = self._client.beta
        try:
            with self._setup.errors():
                if state.assistant_id is None:
                    made = await _quiet(lambda: beta.assistants.create(**self._definition(functions)))
                    state.assistant_id = made.id
                    self._created_id = made.id
                else:
                    assistant_id = state.assistant_id
                    await _quiet(lambda: beta.assistants.retrieve(assistant_id))
                if state.thread_id is None:
                    thread = await _quiet(lambda: beta.threads.create())
                    state.thread_id = thread.id
                    state.initial_message_ids = []
                else:
                    self._has_store = state.vector_store_id is not None
                    found = await self._message_ids(state.thread_id)
                    if not resumed:
                        state.initial_message_ids = found
        except openai.NotFoundError as exc:
            exc.add_note("OpenAI shut the Assistants API down on 2026-08-26: leave out backend='assistants' there")
            raise

    def _definition(self, functions: Sequence[ToolSchema]) -> Any:
        setup = self._setup
        tools: list[dict[str, Any]] = [{"type": name} for name in setup.builtin]
        for schema in functions:
            function: dict[str, Any] = {
                "name": schema["name"],
                "description": schema.get("description", ""),
                "parameters": dict(schema.get("parameters", {"type": "object", "properties": {}})),
            }
            if schema.get("strict"):
                function["strict"] = True
            tools.append({"type": "function", "function": function})
        definition: dict[str, Any] = {
            "model": setup.model,
            "name": setup.name,
            "description": setup.description,
            "instructions": setup.instructions,
            "tools": tools,
            "metadata": dict(setup.metadata),
        }
        for name in ("response_format", "temperature", "top_p"):
            if getattr(setup, name) is not None:
                definition[name] = getattr(setup, name)
        resources: dict[str, Any] = {}
        if setup.code_file_ids:
            resources["code_interpreter"] = {"file_ids": list(setup.code_file_ids)}
        if setup.vector_store_ids:
            resources["file_search"] = {"vector_store_ids": list(setup.vector_store_ids)}
        if resources:
            definition["tool_resources"] = resources
        return definition

    async def _message_ids(self, thread_id: str) -> list[str]:
        listed = _quiet(lambda: self._client.beta.threads.messages.list(thread_id, order="asc", limit=100))
        return [message.id async for message in listed]

    async def add(self, state: OpenAIAssistantAgentState, message: LLMMessage) -> None:
        """Append a message to the thread. Threads hold no calls of functions: those of others become texts."""
        thread_id = state.thread_id
        assert thread_id is not None
        messages = self._client.beta.threads.messages
        arguments: Any = _message_arguments(message)
        with self._setup.errors():
            await _quiet(lambda: messages.create(thread_id, **arguments))

    async def run(
        self,
        state: OpenAIAssistantAgentState,
        messages: Sequence[LLMMessage],
        functions: Sequence[ToolSchema],
        *,
        stream: bool,
        token: CancellationToken,
    ) -> AsyncGenerator[Piece, None]:
        """Append the messages and run the assistant on the thread. Always a stream: nothing is polled."""
        for message in messages:
            await self.add(state, message)
        thread_id, assistant_id = state.thread_id, state.assistant_id
        assert thread_id is not None
        assert assistant_id is not None
        runs = self._client.beta.threads.runs
        with self._setup.errors():
            events = await linked(_quiet(lambda: runs.create(thread_id, assistant_id=assistant_id, stream=True)), token)
        async with aclosing(self._read(events, token, show=stream)) as pieces:
            async for piece in pieces:
                yield piece

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
        """Hand the run the outputs that it waits for."""
        thread_id = state.thread_id
        assert thread_id is not None
        told: Any = [{"tool_call_id": each.result.call_id, "output": each.result.content} for each in outputs]
        runs = self._client.beta.threads.runs
        with self._setup.errors():
            events = await linked(
                _quiet(
                    lambda: runs.submit_tool_outputs(
                        answer.response_id, thread_id=thread_id, tool_outputs=told, stream=True
                    )
                ),
                token,
            )
        async with aclosing(self._read(events, token, show=stream)) as pieces:
            async for piece in pieces:
                yield piece

    async def _read(self, events: Any, token: CancellationToken, *, show: bool) -> AsyncGenerator[Piece, None]:
        answer = ModelAnswer()
        texts: list[str] = []
        run: Any = None
        base_url, model = shown_url(str(self._client.base_url)), self._setup.model
        async with aclosing(linked_items(events, token, base_url, model)) as items:
            async for event in items:
                if event.event == "thread.run.created":
                    self._run_id = event.data.id
                elif event.event == "thread.message.delta" and show:
                    for part in event.data.delta.content or ():
                        if part.type == "text" and part.text is not None and part.text.value:
                            yield part.text.value
                elif event.event in ("thread.message.completed", "thread.message.incomplete"):
                    texts.append(_read_message(event.data, answer))
                elif event.event in ("thread.run.step.completed", "thread.run.step.failed"):
                    runs = _read_step(event.data)
                    if runs and show:
                        yield Step(code_runs=runs)
                    else:
                        answer.code_runs.extend(runs)
                elif event.event.removeprefix("thread.run.") in _ENDS:
                    run = event.data
                elif event.event == "error":
                    raise ResponseFailedError(f"the run failed: {event.data.message}")
        if run is None:
            raise ModelEndpointError(base_url, model, "ended its stream before the run was over")
        if texts:
            # A run may say several things on its way; the last one is the answer.
            answer.text = texts[-1]
            answer.thought = "\n".join(texts[:-1])
        _read_run(run, answer)
        if run.status != "requires_action":
            self._run_id = None
        yield answer

    async def abandon(self, state: OpenAIAssistantAgentState) -> None:
        """Cancel the run: a thread takes no message while one is active."""
        run_id, thread_id = self._run_id, state.thread_id
        self._run_id = None
        if run_id is None or thread_id is None:
            return
        runs = self._client.beta.threads.runs
        try:
            async with asyncio.timeout(_CANCEL_SECONDS):
                await _quiet(lambda: runs.cancel(run_id, thread_id=thread_id))
        except (openai.OpenAIError, TimeoutError):
            # It is over already, or the service is out of reach: whatever ended the run is the error to tell.
            pass

    async def clear(self, state: OpenAIAssistantAgentState) -> None:
        """Cancel an active run and delete the messages that are new in the thread."""
        thread_id = state.thread_id
        assert thread_id is not None
        await self.abandon(state)
        messages = self._client.beta.threads.messages
        kept = set(state.initial_message_ids)
        with self._setup.errors():
            for message_id in await self._message_ids(thread_id):
                if message_id not in kept:
                    await self._delete_message(messages, message_id, thread_id)

    async def _delete_message(self, messages: Any, message_id: str, thread_id: str) -> None:
        await _quiet(lambda: messages.delete(message_id, thread_id=thread_id))

    async def files_changed(self, state: OpenAIAssistantAgentState) -> None:
        """Give the thread the files and the store; those of the assistant itself stay with it."""
        thread_id = state.thread_id
        assert thread_id is not None
        resources: Any = {"code_interpreter": {"file_ids": list(state.code_file_ids)}}
        if state.vector_store_id is not None:
            self._has_store = True
            resources["file_search"] = {"vector_store_ids": [state.vector_store_id]}
        elif self._has_store:
            self._has_store = False
            resources["file_search"] = {"vector_store_ids": []}
        threads = self._client.beta.threads
        with self._setup.errors():
            await _quiet(lambda: threads.update(thread_id, tool_resources=resources))

    async def delete_assistant(self, state: OpenAIAssistantAgentState) -> None:
        """Delete the assistant if it was made here."""
        assistant_id = state.assistant_id
        if assistant_id is None or assistant_id != self._created_id:
            return
        with self._setup.errors():
            await _quiet(lambda: self._client.beta.assistants.delete(assistant_id))
        self._created_id = state.assistant_id = None


def _quiet(call: Callable[[], _T]) -> _T:
    """Make a call that the SDK marks as deprecated: whoever asks for this backend knows."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return call()


def _message_arguments(message: LLMMessage) -> dict[str, Any]:
    if isinstance(message, UserMessage):
        content: Any = message.content
        if not isinstance(content, str):
            content = [
                {"type": "text", "text": part} if isinstance(part, str) else part.to_openai_format() for part in content
            ]
        return {"role": "user", "content": content, "metadata": {"sender": message.source}}
    if isinstance(message, AssistantMessage):
        if isinstance(message.content, str):
            text = message.content
        else:
            calls = [f"Called {call.name} with {call.arguments}" for call in message.content]
            text = "\n".join([message.thought, *calls] if message.thought else calls)
        return {"role": "assistant", "content": text, "metadata": {"sender": message.source}}
    if isinstance(message, FunctionExecutionResultMessage):
        text = "\n".join(f"{result.name} returned {result.content}" for result in message.content)
        return {"role": "user", "content": text}
    return {"role": "user", "content": message.content}


def _read_message(message: Any, answer: ModelAnswer) -> str:
    text = ""
    for part in message.content:
        if part.type == "text":
            text += part.text.value
            answer.citations.extend(note.model_dump(mode="json", exclude_none=True) for note in part.text.annotations)
        elif part.type == "refusal":
            text += part.refusal
        else:
            answer.citations.append(part.model_dump(mode="json", exclude_none=True))
    return text


def _read_step(step: Any) -> list[CodeRun]:
    runs: list[CodeRun] = []
    if step.step_details.type != "tool_calls":
        return runs
    for call in step.step_details.tool_calls:
        if call.type == "code_interpreter":
            outputs = [
                output.logs if output.type == "logs" else output.image.file_id
                for output in call.code_interpreter.outputs
            ]
            failed = step.status == "failed"
            runs.append(CodeRun(call.code_interpreter.input, "\n".join(outputs), failed))
    return runs


def _read_run(run: Any, answer: ModelAnswer) -> None:
    if run.status in ("failed", "cancelled", "expired"):
        reason = f"{run.last_error.code}: {run.last_error.message}" if run.last_error else run.status
        raise ResponseFailedError(f"run {run.id} of model {run.model!r} failed: {reason}")
    answer.response_id = run.id
    if run.incomplete_details is not None:
        answer.incomplete = run.incomplete_details.reason
    if run.usage is not None:
        answer.usage = RequestUsage(
            prompt_tokens=run.usage.prompt_tokens, completion_tokens=run.usage.completion_tokens
        )
    if run.status == "requires_action":
        answer.calls = [
            FunctionCall(id=call.id, name=normalize_name(call.function.name), arguments=call.function.arguments or "{}")
            for call in run.required_action.submit_tool_outputs.tool_calls
        ]
