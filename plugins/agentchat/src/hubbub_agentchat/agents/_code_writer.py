"""The model of a code executor agent: writes code, sees what came out, tries again, and sums it up."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel

from hubbub_agentchat.agents._assistant_model import ModelCaller
from hubbub_agentchat.agents._turn import add_to_context
from hubbub_agentchat.base import Response
from hubbub_agentchat.messages import (
    BaseAgentEvent,
    BaseChatMessage,
    CodeExecutionEvent,
    CodeGenerationEvent,
    ModelClientStreamingChunkEvent,
    TextMessage,
    ThoughtEvent,
)
from hubbub_agentchat.messages._ids import new_message_id
from hubbub_core import CancellationToken
from hubbub_core.code_executor import CodeBlock, CodeResult
from hubbub_core.model_context import ChatCompletionContext
from hubbub_core.models import (
    AssistantMessage,
    ChatCompletionClient,
    CreateResult,
    RequestUsage,
    SystemMessage,
    UserMessage,
)

_RETRY_QUESTION: Final = (
    "The last execution of the code failed:\n{output}\n\n"
    "Shall it be tried again with other code? Answer with `retry`, whether to try again, and `reason`: what went wrong "
    "and, if it is to be tried again, how to correct it."
)


class RetryDecision(BaseModel):
    """What the model answers when it is asked about a failed execution."""

    reason: str
    retry: bool


@dataclass(frozen=True, slots=True)
class _Text:
    """A text of the model, on its way to become an event or the answer."""

    content: str
    usage: RequestUsage
    id: str


class CodeWriter:
    """Answers by code.

    Args:
        name: The agent's name, source of everything.
        client: The model.
        context: Where the conversation is.
        system_messages: Put before it.
        stream: Whether pieces of the model's text are yielded.
        find: Returns the blocks in a text.
        execute: Runs blocks.
        retries: How often other code may be tried after a failure.
    """

    def __init__(
        self,
        name: str,
        client: ChatCompletionClient,
        context: ChatCompletionContext,
        system_messages: Sequence[SystemMessage],
        *,
        stream: bool,
        find: Callable[[str], list[CodeBlock]],
        execute: Callable[[list[CodeBlock], CancellationToken], Awaitable[CodeResult]],
        retries: int,
    ) -> None:
        self._name = name
        self._client = client
        self._context = context
        self._model = ModelCaller(name, client, context, system_messages, stream=stream, json_output=None)
        self._find = find
        self._execute = execute
        self._retries = retries

    async def answer(
        self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken
    ) -> AsyncGenerator[BaseAgentEvent | BaseChatMessage | Response, None]:
        """Answer new messages; yields what happens, the `Response` last.

        Raises:
            RuntimeError: The model answered with something else than text, or its stream is malformed.
            Exception: What running the code raised.
        """
        inner: list[BaseAgentEvent | BaseChatMessage] = []
        spent = RequestUsage(0, 0)
        await add_to_context(self._context, messages)
        for attempt in range(self._retries + 1):
            message_id = new_message_id()
            async with aclosing(self._ask(inner, message_id, cancellation_token)) as asked:
                async for item in asked:
                    if isinstance(item, _Text):
                        reply = item
                    else:
                        yield item
            blocks = self._find(reply.content)
            if not blocks:
                yield self._response(reply, spent, inner)
                return
            generated = CodeGenerationEvent(
                id=reply.id,
                retry_attempt=attempt,
                content=reply.content,
                code_blocks=blocks,
                source=self._name,
                models_usage=reply.usage,
            )
            inner.append(generated)
            yield generated

            result = await self._execute(blocks, cancellation_token)
            await self._context.add_message(UserMessage(content=result.output, source=self._name))
            executed = CodeExecutionEvent(retry_attempt=attempt, result=result, source=self._name)
            inner.append(executed)
            yield executed
            if result.exit_code == 0 or attempt == self._retries:
                break
            decision, usage = await self._decide(result, cancellation_token)
            if not decision.retry:
                spent = usage  # no message of its own: it goes with the answer
                break
            proposed = CodeGenerationEvent(
                retry_attempt=attempt + 1,
                content=f"Attempt number: {attempt + 1}\nProposed correction: {decision.reason}",
                code_blocks=[],
                source=self._name,
                models_usage=usage,
            )
            inner.append(proposed)
            yield proposed

        async with aclosing(self._ask(inner, new_message_id(), cancellation_token)) as asked:
            async for item in asked:
                if isinstance(item, _Text):
                    yield self._response(item, spent, inner)
                else:
                    yield item

    async def _ask(
        self,
        inner: list[BaseAgentEvent | BaseChatMessage],
        message_id: str,
        cancellation_token: CancellationToken,
    ) -> AsyncGenerator[ModelClientStreamingChunkEvent | ThoughtEvent | _Text, None]:
        """Have the model answer, and put the answer into the context; yields pieces, its thought, the text last."""
        reply: CreateResult | None = None
        async with aclosing(self._model.ask([], "auto", message_id, cancellation_token)) as asked:
            async for piece in asked:
                if isinstance(piece, CreateResult):
                    reply = piece
                else:
                    yield piece
        assert reply is not None  # ask() raises otherwise
        if not isinstance(reply.content, str):
            raise RuntimeError(f"The model of {self._name!r} asked for tool calls, but was offered no tools.")
        if reply.thought:
            thought = ThoughtEvent(content=reply.thought, source=self._name, id=message_id)
            message_id = new_message_id()
            inner.append(thought)
            yield thought
        await self._context.add_message(
            AssistantMessage(content=reply.content, source=self._name, thought=reply.thought)
        )
        yield _Text(reply.content, reply.usage, message_id)

    def _response(self, reply: _Text, spent: RequestUsage, inner: list[BaseAgentEvent | BaseChatMessage]) -> Response:
        usage = RequestUsage(
            reply.usage.prompt_tokens + spent.prompt_tokens, reply.usage.completion_tokens + spent.completion_tokens
        )
        answer = TextMessage(content=reply.content, source=self._name, models_usage=usage, id=reply.id)
        return Response(chat_message=answer, inner_messages=inner)

    async def _decide(
        self, result: CodeResult, cancellation_token: CancellationToken
    ) -> tuple[RetryDecision, RequestUsage]:
        question = UserMessage(content=_RETRY_QUESTION.format(output=result.output), source=self._name)
        reply = await self._client.create(
            [*await self._model.prompt(), question], json_output=RetryDecision, cancellation_token=cancellation_token
        )
        if not isinstance(reply.content, str):
            raise RuntimeError(f"The model of {self._name!r} asked for tool calls, but was asked for a decision.")
        return RetryDecision.model_validate_json(reply.content), reply.usage
