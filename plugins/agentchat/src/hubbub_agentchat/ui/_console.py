"""A run on the terminal."""

from __future__ import annotations

import asyncio
import inspect
import os
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import TypeAlias, TypeVar, cast

from hubbub_agentchat.agents import UserProxyAgent
from hubbub_agentchat.base import Response, TaskResult
from hubbub_agentchat.messages import (
    BaseAgentEvent,
    BaseChatMessage,
    ModelClientStreamingChunkEvent,
    MultiModalMessage,
    UserInputRequestedEvent,
)
from hubbub_core import CancellationToken
from hubbub_core.blocking import call_in_thread
from hubbub_core.models import RequestUsage

SyncInputFunc: TypeAlias = Callable[[str], str]
AsyncInputFunc: TypeAlias = Callable[[str, CancellationToken | None], Awaitable[str]]

T = TypeVar("T", bound=TaskResult | Response)


class UserInputManager:
    """Makes an input function wait until the console has shown what the user shall answer.

    Args:
        callback: The input function: synchronous with the prompt, or asynchronous with prompt and token.
    """

    def __init__(self, callback: SyncInputFunc | AsyncInputFunc) -> None:
        self._callback = callback
        # Requests that were shown before they were asked, and requests that were asked before they were shown.
        self._shown: set[str] = set()
        self._waiting: dict[str, asyncio.Future[None]] = {}

    def get_wrapped_callback(self) -> AsyncInputFunc:
        """Return the input function for a `UserProxyAgent`."""

        async def ask(prompt: str, cancellation_token: CancellationToken | None) -> str:
            await self._until_shown(UserProxyAgent.InputRequestContext.request_id())
            if inspect.iscoroutinefunction(self._callback):
                return await cast("AsyncInputFunc", self._callback)(prompt, cancellation_token)
            return await call_in_thread(cast("SyncInputFunc", self._callback), prompt)

        return ask

    def notify_event_received(self, request_id: str) -> None:
        """Say that the console has come to the request."""
        waiting = self._waiting.pop(request_id, None)
        if waiting is None:
            self._shown.add(request_id)
        elif not waiting.done():
            waiting.set_result(None)

    async def _until_shown(self, request_id: str) -> None:
        if request_id in self._shown:
            self._shown.discard(request_id)
            return
        waiting = self._waiting[request_id] = asyncio.get_running_loop().create_future()
        try:
            await waiting
        finally:
            self._waiting.pop(request_id, None)


async def Console(
    stream: AsyncGenerator[BaseAgentEvent | BaseChatMessage | T, None],
    *,
    no_inline_images: bool = False,
    output_stats: bool = False,
    user_input_manager: UserInputManager | None = None,
) -> T:
    """Print a run as it goes and return its result.

    Args:
        stream: What `run_stream()` or `on_messages_stream()` returned.
        no_inline_images: Write `<image>` also where the terminal (iTerm2) can show pictures.
        output_stats: Print token usage and a summary. Experimental: it counts what messages report.
        user_input_manager: Told about requests for user input once everything before them is printed.

    Returns:
        The last `TaskResult` or `Response`.

    Raises:
        ValueError: The stream held neither.
        Exception: Whatever ended the run.
    """
    printer = _Printer(
        images=not no_inline_images and os.getenv("TERM_PROGRAM") == "iTerm.app",
        stats=output_stats,
    )
    result: T | None = None
    async with aclosing(stream) as items:
        async for item in items:
            if isinstance(item, TaskResult):
                printer.task_result(item)
                result = cast("T", item)
            elif isinstance(item, Response):
                printer.response(item)
                result = cast("T", item)
            elif isinstance(item, UserInputRequestedEvent):
                printer.end_of_chunks()
                if user_input_manager is not None:
                    user_input_manager.notify_event_received(item.request_id)
            elif isinstance(item, ModelClientStreamingChunkEvent):
                printer.chunk(item)
            else:
                printer.message(item)
    if result is None:
        raise ValueError("No TaskResult or Response was processed.")
    return result


class _Printer:
    """Writes items and adds up what they cost.

    Args:
        images: Whether pictures are written as such.
        stats: Whether usage is written.
    """

    def __init__(self, *, images: bool, stats: bool) -> None:
        self._images = images
        self._stats = stats
        self._start = time.perf_counter()
        self._usage = RequestUsage(prompt_tokens=0, completion_tokens=0)
        # Whose chunks the current line is made of, and which messages came in chunks.
        self._streaming: tuple[str, str | None] | None = None
        self._streamed: set[str | None] = set()

    def chunk(self, chunk: ModelClientStreamingChunkEvent) -> None:
        """Write a piece of a message, under one header for all of its pieces."""
        streaming = (chunk.source, chunk.full_message_id)
        if self._streaming != streaming:
            self.end_of_chunks()
            self._header(f"{type(chunk).__name__} ({chunk.source})")
            self._streaming = streaming
            # Agents of the older interface give no id: the next message of the source then counts as the whole.
            self._streamed.add(chunk.full_message_id or f"source:{chunk.source}")
        print(chunk.content, end="", flush=True)

    def end_of_chunks(self) -> None:
        """Finish the line of chunks, if there is one."""
        if self._streaming is not None:
            self._streaming = None
            print(flush=True)

    def message(self, message: BaseAgentEvent | BaseChatMessage) -> None:
        """Write a message or event, unless it came in chunks."""
        self.end_of_chunks()
        if not self._was_streamed(message):
            self._header(f"{type(message).__name__} ({message.source})")
            print(self._text(message), flush=True)
        self._count(message)

    def response(self, response: Response) -> None:
        """Write an agent's response and the summary."""
        self.end_of_chunks()
        message = response.chat_message
        if not self._was_streamed(message):
            self._header(message.source)
            print(self._text(message), flush=True)
        self._count(message)
        self._summary([f"Number of inner messages: {len(response.inner_messages or ())}"])

    def task_result(self, result: TaskResult) -> None:
        """Write the summary of a run, whose messages were written as they came."""
        self.end_of_chunks()
        self._summary([f"Number of messages: {len(result.messages)}", f"Finish reason: {result.stop_reason}"])

    def _was_streamed(self, message: BaseAgentEvent | BaseChatMessage) -> bool:
        for key in (message.id, f"source:{message.source}"):
            if key in self._streamed:
                self._streamed.discard(key)
                return True
        return False

    def _text(self, message: BaseAgentEvent | BaseChatMessage) -> str:
        return message.to_text(iterm=self._images) if isinstance(message, MultiModalMessage) else message.to_text()

    def _count(self, message: BaseAgentEvent | BaseChatMessage) -> None:
        used = message.models_usage
        if used is None:
            return
        self._usage = RequestUsage(
            self._usage.prompt_tokens + used.prompt_tokens, self._usage.completion_tokens + used.completion_tokens
        )
        if self._stats:
            print(f"[Prompt tokens: {used.prompt_tokens}, Completion tokens: {used.completion_tokens}]", flush=True)

    def _summary(self, lines: list[str]) -> None:
        if not self._stats:
            return
        self._header("Summary")
        print(
            *lines,
            f"Total prompt tokens: {self._usage.prompt_tokens}",
            f"Total completion tokens: {self._usage.completion_tokens}",
            f"Duration: {time.perf_counter() - self._start:.2f} seconds",
            sep="\n",
            flush=True,
        )

    def _header(self, title: str) -> None:
        print(f"{'-' * 10} {title} {'-' * 10}", flush=True)
