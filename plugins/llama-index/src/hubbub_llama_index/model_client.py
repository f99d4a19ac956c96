"""A LlamaIndex LLM as a model client of the hub."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any, ClassVar, Final, NamedTuple, Self

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, MessageRole
from llama_index.core.llms.custom import CustomLLM
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.llms.llm import LLM
from llama_index.core.output_parsers.pydantic import PydanticOutputParser
from llama_index.core.tools import BaseTool as ForeignTool
from llama_index.core.utils import get_tokenizer
from pydantic import BaseModel

from hubbub_core import Image
from hubbub_core.exchange import message_text
from hubbub_core.hub.objects import load_object, object_config
from hubbub_core.models import (
    AssistantMessage,
    ChatCompletionClient,
    CreateResult,
    FinishReasons,
    LLMMessage,
    ModelFamily,
    ModelInfo,
    RequestUsage,
    UserMessage,
)
from hubbub_core.models.foreign import ForeignChatCompletionClient, ToolChoice, schema_of
from hubbub_core.models.thoughts import ThoughtTagger
from hubbub_core.tools import Tool, ToolSchema
from hubbub_registry import Component

from ._choice import answer_tool, check_can_require, chosen_tools, foreign_tool_of
from ._messages import from_chat_message, to_chat_messages
from ._reply import finish_reason_of, logprobs_of, usage_of
from .config import LlamaIndexChatCompletionClientConfig
from .llm import HubLLM

_PER_MESSAGE: Final = 3
_PER_IMAGE: Final = 765  # what OpenAI counts for a picture of 1024 x 1024


class _Request(NamedTuple):
    messages: list[ChatMessage]
    tools: list[ForeignTool]
    options: dict[str, Any]
    answer: str | None = None
    """Name of the tool whose arguments are the structured answer."""
    parser: PydanticOutputParser[Any] | None = None
    """Reads the structured answer of a model that cannot call tools out of its text."""


class LlamaIndexChatCompletionClient(
    ForeignChatCompletionClient[_Request], Component[LlamaIndexChatCompletionClientConfig]
):
    """Any LLM of LlamaIndex as a model client of the hub.

    Options in `extra_create_args` are keyword arguments of the LLM's own chat methods. With `tool_choice="none"` the
    model is given no tools; with a tool as `tool_choice` it is given that one alone and has to call it, which is what
    all of LlamaIndex's classes can do. A pydantic class as `json_output` is one more tool, which the model has to call
    if it calls no other; its arguments are the answer. A model without tools is shown the class's schema, and its text
    is checked against it. The result's content is JSON text either way.

    A `CustomLLM`, synchronous underneath, runs in a thread. A thread cannot be stopped: when the call is cancelled,
    what it answers is dropped.

    Args:
        llm: The model. It is not changed, and not closed.
        model_info: What it can do. Without it: tools if it calls functions, structured output, no images and no JSON
            mode, which LlamaIndex's classes do not tell.

    Raises:
        TypeError: It is no LLM of LlamaIndex.
        ValueError: `model_info` lacks a field.
    """

    component_type: ClassVar[str] = "model"
    component_provider_override: ClassVar[str] = "hubbub_llama_index.LlamaIndexChatCompletionClient"
    component_config_schema = LlamaIndexChatCompletionClientConfig

    def __init__(self, llm: LLM, *, model_info: ModelInfo | None = None) -> None:
        if not isinstance(llm, LLM):
            raise TypeError(f"expected an LLM of llama_index.core, not a {type(llm).__name__}")
        super().__init__(_info_of(llm) if model_info is None else model_info, model_name=type(llm).__name__)
        self._llm = llm
        self._source: LlamaIndexChatCompletionClientConfig | None = None

    @property
    def llm(self) -> LLM:
        """The LLM itself."""
        return self._llm

    async def _ask(self, request: _Request) -> CreateResult:
        response = await self._chat(request)
        return self._result(response, request, finish_reason_of(response), usage_of(response))

    def count_tokens(self, messages: Sequence[LLMMessage], *, tools: Sequence[Tool | ToolSchema] = []) -> int:
        """Return about how many tokens the messages and tools take up, by LlamaIndex's tokenizer.

        That is the one of `llama_index.core.set_global_tokenizer`, or OpenAI's, whose table LlamaIndex brings along: no
        connection is opened.
        """
        encode = get_tokenizer()
        total = 0
        for message in messages:
            total += _PER_MESSAGE + len(encode(message_text(message)))
            if isinstance(message, AssistantMessage):
                total += len(encode(message.thought or ""))
                if not isinstance(message.content, str):
                    total += sum(len(encode(call.name + call.arguments)) for call in message.content)
            elif isinstance(message, UserMessage):
                total += sum(_PER_IMAGE for part in message.content if isinstance(part, Image))
        return total + sum(len(encode(json.dumps(schema_of(tool)))) for tool in tools)

    def _window(self) -> int:
        """Return the tokens of the context window, which every LLM of LlamaIndex tells."""
        return self._llm.metadata.context_window

    def _request(
        self,
        messages: Sequence[LLMMessage],
        tools: Sequence[Tool | ToolSchema],
        tool_choice: ToolChoice,
        json_output: bool | type[BaseModel] | None,
        extra_create_args: Mapping[str, Any],
    ) -> _Request:
        chosen = chosen_tools(tools, tool_choice)
        required = bool(chosen) and tool_choice not in ("auto", "none")
        chat_messages, options = to_chat_messages(messages), dict(extra_create_args)
        answer: str | None = None
        parser: PydanticOutputParser[Any] | None = None
        foreign = [foreign_tool_of(tool) for tool in chosen]
        if isinstance(json_output, type):
            if self._model_info["function_calling"]:
                if not required:
                    # Without one, the model could answer with text that is not of the schema.
                    foreign.append(answer_tool(json_output, foreign))
                    answer, required = foreign[-1].metadata.name, True
            else:
                parser = PydanticOutputParser(json_output)
                told = ChatMessage(role=MessageRole.USER, content=parser.get_format_string(escape_json=False).strip())
                chat_messages.append(told)
        elif json_output:
            raise ValueError(
                "LlamaIndex's LLMs have no JSON mode in common; pass a pydantic class as json_output, or the option of "
                "your LLM in extra_create_args"
            )
        if foreign:
            options = {"allow_parallel_tool_calls": True, **options}
            if required:
                check_can_require(self._llm)
                options["tool_required"] = True
        return _Request(chat_messages, foreign, options, answer, parser)

    async def _chat(self, request: _Request) -> ChatResponse:
        llm = self._llm
        if request.tools:
            assert isinstance(llm, FunctionCallingLLM)  # `_request` has looked
            return await llm.achat_with_tools(request.tools, chat_history=request.messages, **request.options)
        if _is_synchronous(llm):
            return await asyncio.to_thread(llm.chat, request.messages, **request.options)
        return await llm.achat(request.messages, **request.options)

    async def _ask_streaming(self, request: _Request, emit: Callable[[str], None]) -> CreateResult:
        last: ChatResponse | None = None
        reason: FinishReasons | None = None
        usage: RequestUsage | None = None
        tagger = ThoughtTagger()
        stream = await self._stream(request)
        try:
            async for response in stream:
                # The services tell these in different pieces: why it stopped before the last one, the tokens after it.
                last, reason, usage = response, finish_reason_of(response) or reason, usage_of(response) or usage
                # The hub's own models stream their reasoning as text; what LlamaIndex shows of it at the end once more
                # comes after that text, and so is left out.
                thought = response.additional_kwargs.get("thinking_delta") or ""
                # What a model says beside its structured answer is not part of it.
                text = response.delta if request.answer is None and request.parser is None else None
                if shown := tagger.feed(thought, text or ""):
                    emit(shown)
        finally:
            aclose = getattr(stream, "aclose", None)
            if aclose is not None:
                await aclose()
        if closing := tagger.end():
            emit(closing)
        if last is None:
            raise ValueError(f"the stream of {type(self._llm).__name__} ended without an answer")
        result = self._result(last, request, reason, usage)
        if not tagger.has_text and isinstance(result.content, str) and result.content:
            emit(result.content)  # a structured answer, as it was checked
        return result

    async def _stream(self, request: _Request) -> Any:
        llm = self._llm
        if request.tools:
            assert isinstance(llm, FunctionCallingLLM)  # `_request` has looked
            return await llm.astream_chat_with_tools(request.tools, chat_history=request.messages, **request.options)
        if _is_synchronous(llm):
            return _from_thread(lambda: llm.stream_chat(request.messages, **request.options))
        return await llm.astream_chat(request.messages, **request.options)

    def _result(
        self,
        response: ChatResponse,
        request: _Request,
        reason: FinishReasons | None,
        usage: RequestUsage | None,
    ) -> CreateResult:
        if usage is not None:
            self._count(usage)
        message = from_chat_message(response.message)
        if not isinstance(message, AssistantMessage):
            raise ValueError(
                f"{type(self._llm).__name__} answered with a message of the {response.message.role.value}, not of the "
                "assistant"
            )
        content = message.content
        thought = message.thought
        if isinstance(content, list) and reason in (None, "stop"):
            reason = "function_calls"  # some services tell a call as any other end
        if request.answer is not None and isinstance(content, list):
            others = [call for call in content if call.name != request.answer]
            # Where it calls tools at the same time, those come first, and it will answer again with their results.
            content = others or content[0].arguments
            reason = "function_calls" if others else "stop"
        if request.parser is not None and isinstance(content, str):
            content = _parsed(request.parser, content)
        return CreateResult(
            finish_reason=reason or "unknown",
            content=content,
            usage=usage or RequestUsage(prompt_tokens=0, completion_tokens=0),
            cached=isinstance(response.raw, Mapping) and response.raw.get("cached") is True,
            logprobs=logprobs_of(response),
            thought=thought,
        )

    def _to_config(self) -> LlamaIndexChatCompletionClientConfig:
        return object_config(self._source, f"the {type(self._llm).__name__}", "llm")

    @classmethod
    def _from_config(cls, config: LlamaIndexChatCompletionClientConfig) -> Self:
        # LlamaIndex's own class is abstract, which a type checker does not take for a class that is asked for.
        kind: Any = LLM
        client = cls(load_object(config.llm, kind, "a LlamaIndex LLM"), model_info=config.model_info)
        client._source = config
        return client


def from_llm(llm: LLM, **options: Any) -> ChatCompletionClient:
    """Make a model client of the hub from a LlamaIndex LLM.

    A `HubLLM` without options of its own is the client that it dresses.

    Args:
        llm: The LLM.
        **options: `model_info` of `LlamaIndexChatCompletionClient`.
    """
    if isinstance(llm, HubLLM) and not (options or llm.extra_create_args):
        return llm.model_client
    return LlamaIndexChatCompletionClient(llm, **options)


def _info_of(llm: LLM) -> ModelInfo:
    # A HubLLM with options of its own passes everything on, images too.
    if isinstance(llm, HubLLM):
        return {**llm.model_client.model_info, "structured_output": True, "json_output": False}
    return ModelInfo(
        vision=False,
        function_calling=isinstance(llm, FunctionCallingLLM) and llm.metadata.is_function_calling_model,
        json_output=False,
        family=ModelFamily.UNKNOWN,
        structured_output=True,
        multiple_system_messages=True,
    )


def _parsed(parser: PydanticOutputParser[Any], text: str) -> str:
    answer: BaseModel = parser.parse(text)
    return answer.model_dump_json()


def _is_synchronous(llm: LLM) -> bool:
    """Tell whether the asynchronous methods would only block the event loop."""
    # The class's attribute itself: LlamaIndex decorates its methods, and the decoration is new at each access.
    return isinstance(llm, CustomLLM) and inspect.getattr_static(llm, "achat") is vars(CustomLLM)["achat"]


async def _from_thread(start: Callable[[], Any]) -> AsyncGenerator[ChatResponse, None]:
    done: Any = object()
    pieces = await asyncio.to_thread(start)
    while (piece := await asyncio.to_thread(next, pieces, done)) is not done:
        yield piece
