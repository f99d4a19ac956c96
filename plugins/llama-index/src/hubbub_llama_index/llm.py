"""The hub's model client dressed as a LlamaIndex LLM."""

from __future__ import annotations

import json
import warnings
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from typing import Any

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    CompletionResponse,
    CompletionResponseAsyncGen,
    CompletionResponseGen,
    LLMMetadata,
    LogProb,
    MessageRole,
)
from llama_index.core.constants import DEFAULT_CONTEXT_WINDOW, DEFAULT_NUM_OUTPUTS
from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.llms.llm import LLM, ToolSelection
from llama_index.core.tools import BaseTool as ForeignTool
from pydantic import ConfigDict, Field, PrivateAttr

from hubbub_core.blocking import LoopThread
from hubbub_core.models import ChatCompletionClient, CreateResult
from hubbub_core.tools import Tool

from ._messages import calls_of, from_chat_messages, from_create_result, tool_arguments
from ._meter import note_error, unmetered
from .tools import LlamaIndexTool

_OPTIONS = ("tools", "tool_choice", "json_output", "cancellation_token")


class HubLLM(FunctionCallingLLM):
    """Any model client of the hub as a function-calling LLM of LlamaIndex.

    Keyword arguments of the chat and complete methods that the hub's protocol knows (`tools`, `tool_choice`,
    `json_output`, `cancellation_token`) are handed on as such; all others are `extra_create_args` of the client. Usage
    and finish reason are in `raw`, the token counts also in `additional_kwargs`. Cancelling an asynchronous call
    cancels the client's request.

    The synchronous methods run the client in a thread with an event loop of its own, so they work inside a running
    loop too, which they block meanwhile. A client that keeps connections should be used either way, not both.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    # Left out of dumps: a client may hold a key, and LlamaIndex hands its dumps to every event handler.
    model_client: ChatCompletionClient = Field(exclude=True, repr=False)
    """The client. Whoever made it closes it."""

    model_name: str = "hubbub"
    """What LlamaIndex shows; the hub's clients have no name in common."""

    context_window: int | None = None
    """Tokens of prompt and answer; None asks the client, and takes LlamaIndex's default when it does not know."""

    num_output: int = DEFAULT_NUM_OUTPUTS
    """Tokens that LlamaIndex leaves for the answer when it packs a prompt."""

    extra_create_args: dict[str, Any] = Field(default_factory=dict)
    """Options of the client for every call, such as `temperature`."""

    _thread: LoopThread = PrivateAttr(default_factory=LoopThread)
    _asked_window: int | None = PrivateAttr(default=None)

    @classmethod
    def class_name(cls) -> str:
        return "HubLLM"

    @property
    def metadata(self) -> LLMMetadata:
        info = self.model_client.model_info
        return LLMMetadata(
            context_window=self.context_window or self._window(),
            num_output=self.num_output,
            is_chat_model=True,
            is_function_calling_model=bool(info["function_calling"]),
            model_name=self.model_name,
            system_role=MessageRole.SYSTEM,
        )

    def close(self) -> None:
        """End the thread of the synchronous methods. The client stays open."""
        self._thread.close()

    @llm_chat_callback()
    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        return await self._chat(messages, kwargs)

    @llm_chat_callback()
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        return self._thread.call(self._chat(messages, kwargs))

    @llm_chat_callback()
    async def astream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseAsyncGen:
        return self._stream(messages, kwargs)

    @llm_chat_callback()
    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        return self._thread.iterate(self._stream(messages, kwargs))

    @llm_completion_callback()
    async def acomplete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        return _completion(await self._chat(_prompt(prompt), kwargs))

    @llm_completion_callback()
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        return _completion(self._thread.call(self._chat(_prompt(prompt), kwargs)))

    @llm_completion_callback()
    async def astream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseAsyncGen:
        async def completions() -> AsyncGenerator[CompletionResponse, None]:
            async for response in self._stream(_prompt(prompt), kwargs):
                yield _completion(response)

        return completions()

    @llm_completion_callback()
    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseGen:
        def completions() -> Generator[CompletionResponse, None, None]:
            for response in self._thread.iterate(self._stream(_prompt(prompt), kwargs)):
                yield _completion(response)

        return completions()

    def get_tool_calls_from_response(
        self, response: ChatResponse, error_on_no_tool_call: bool = True, **kwargs: Any
    ) -> list[ToolSelection]:
        """Return the calls that a reply asks for.

        Raises:
            ValueError: There is none and `error_on_no_tool_call` is set, or arguments are no JSON object.
        """
        calls = calls_of(response.message)
        if not calls and error_on_no_tool_call:
            raise ValueError(f"expected at least one tool call, but the model answered: {response.message.content!r}")
        return [ToolSelection(tool_id=call.id, tool_name=call.name, tool_kwargs=tool_arguments(call)) for call in calls]

    def _prepare_chat_with_tools(
        self,
        tools: Sequence[ForeignTool],
        user_msg: str | ChatMessage | None = None,
        chat_history: list[ChatMessage] | None = None,
        verbose: bool = False,
        allow_parallel_tool_calls: bool = False,
        tool_required: bool = False,
        **kwargs: Any,
    ) -> dict[str, Any]:
        messages = list(chat_history or [])
        if user_msg is not None:
            messages.append(
                ChatMessage(role=MessageRole.USER, content=user_msg) if isinstance(user_msg, str) else user_msg
            )
        hub_tools = [LlamaIndexTool(tool) for tool in tools]
        choice = kwargs.pop("tool_choice", None) or ("required" if tool_required and hub_tools else "auto")
        return {"messages": messages, "tools": hub_tools, "tool_choice": choice, **kwargs}

    def _validate_chat_with_tools_response(
        self,
        response: ChatResponse,
        tools: Sequence[ForeignTool],
        allow_parallel_tool_calls: bool = False,
        **kwargs: Any,
    ) -> ChatResponse:
        from llama_index.core.base.llms.types import ToolCallBlock

        # The hub's protocol has no switch for parallel calls, so all but the first are left out here.
        calls = [block for block in response.message.blocks if isinstance(block, ToolCallBlock)]
        if not allow_parallel_tool_calls and len(calls) > 1:
            kept = [block for block in response.message.blocks if block not in calls[1:]]
            message = response.message.model_copy(update={"blocks": kept})
            return response.model_copy(update={"message": message})
        return response

    async def _chat(self, messages: Sequence[ChatMessage], options: Mapping[str, Any]) -> ChatResponse:
        try:
            with unmetered():
                result = await self.model_client.create(from_chat_messages(messages), **self._arguments(options))
        except Exception as error:
            note_error(error)  # LlamaIndex tells its listeners of the errors of streams only
            raise
        return _response(result)

    async def _stream(
        self, messages: Sequence[ChatMessage], options: Mapping[str, Any]
    ) -> AsyncGenerator[ChatResponse, None]:
        stream = self.model_client.create_stream(from_chat_messages(messages), **self._arguments(options))
        text = ""
        try:
            while (piece := await _next(stream)) is not None:
                if isinstance(piece, CreateResult):
                    yield _response(piece, delta="")
                else:
                    text += piece
                    message = ChatMessage(role=MessageRole.ASSISTANT, content=text)
                    yield ChatResponse(message=message, delta=piece)
        finally:
            await stream.aclose()

    def _arguments(self, options: Mapping[str, Any]) -> dict[str, Any]:
        arguments = {name: options[name] for name in _OPTIONS if options.get(name) is not None}
        extra = {name: value for name, value in options.items() if name not in _OPTIONS}
        arguments["extra_create_args"] = {**self.extra_create_args, **extra}
        choice = arguments.get("tool_choice")
        if isinstance(choice, str) and choice not in ("auto", "required", "none"):
            arguments["tool_choice"] = _tool_named(choice, arguments.get("tools", ()))
        return arguments

    def _window(self) -> int:
        # Asked once: LlamaIndex looks at the metadata several times per run, and the window does not change.
        if self._asked_window is None:
            try:
                with warnings.catch_warnings():
                    # How well the client counts tokens says nothing about no tokens.
                    warnings.simplefilter("ignore")
                    self._asked_window = max(self.model_client.remaining_tokens([]), 1)
            except (KeyError, NotImplementedError, ValueError):
                # Clients of models that nobody described cannot tell.
                self._asked_window = DEFAULT_CONTEXT_WINDOW
        return self._asked_window


def from_model_client(client: ChatCompletionClient, **options: Any) -> LLM:
    """Dress a model client of the hub as a LlamaIndex LLM.

    A `LlamaIndexChatCompletionClient` without further options is the LLM that it wraps.

    Args:
        client: The client; whoever made it closes it.
        **options: Other fields of `HubLLM`, such as `context_window`.
    """
    from .model_client import LlamaIndexChatCompletionClient

    if isinstance(client, LlamaIndexChatCompletionClient) and not options:
        return client.llm
    return HubLLM(model_client=client, **options)


async def _next(stream: AsyncGenerator[str | CreateResult, None]) -> str | CreateResult | None:
    # Piece by piece: within a generator, the block would reach into whatever its reader does between the pieces.
    with unmetered():
        return await anext(stream, None)


def _prompt(prompt: str) -> list[ChatMessage]:
    return [ChatMessage(role=MessageRole.USER, content=prompt)]


def _tool_named(name: str, tools: Sequence[Tool]) -> Tool:
    for tool in tools:
        if tool.name == name:
            return tool
    known = ", ".join(tool.name for tool in tools) or "there are none"
    raise ValueError(f"tool_choice {name!r} names no tool of this call; its tools: {known}")


def _response(result: CreateResult, delta: str | None = None) -> ChatResponse:
    usage = {
        "prompt_tokens": result.usage.prompt_tokens,
        "completion_tokens": result.usage.completion_tokens,
        "total_tokens": result.usage.prompt_tokens + result.usage.completion_tokens,
    }
    about: dict[str, Any] = dict(usage)
    if result.thought is not None and isinstance(result.content, str):
        about["thinking_delta"] = result.thought
    logprobs = None
    if result.logprobs is not None:
        logprobs = [
            [LogProb(token=token.token, logprob=token.logprob, bytes=token.bytes or [])] for token in result.logprobs
        ]
    message = from_create_result(result)
    if calls := calls_of(message):
        # Where LlamaIndex's structured output looks while it streams; everything else reads the blocks.
        message.additional_kwargs["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in calls
        ]
    return ChatResponse(
        message=message,
        delta=delta,
        raw={"finish_reason": result.finish_reason, "usage": usage, "cached": result.cached},
        logprobs=logprobs,
        additional_kwargs=about,
    )


def _completion(response: ChatResponse) -> CompletionResponse:
    calls = calls_of(response.message)
    if calls:
        # A completion is text; calls without tools to call would be lost without a word.
        raise ValueError(f"the model answered a completion with calls: {json.dumps([call.name for call in calls])}")
    return CompletionResponse(
        text=response.message.content or "",
        delta=response.delta,
        raw=response.raw,
        logprobs=response.logprobs,
        additional_kwargs=response.additional_kwargs,
    )
