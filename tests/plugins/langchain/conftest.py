"""What the tests share: a LangChain chat model that plays a script and records what it was asked."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

import pytest
from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.utils.function_calling import convert_to_openai_tool


class ScriptedModel(BaseChatModel):
    """Answers with its script, message by message, as a model of a service would: with tools, pieces and usage."""

    script: list[AIMessage]
    asked: list[tuple[list[BaseMessage], dict[str, Any]]]

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Sequence[Any], *, tool_choice: str | None = None, **kwargs: Any) -> Runnable[Any, Any]:
        choice = {} if tool_choice is None else {"tool_choice": tool_choice}
        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools], **choice, **kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        self.asked.append((messages, kwargs))
        return ChatResult(generations=[ChatGeneration(message=self.script.pop(0))])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        self.asked.append((messages, kwargs))
        reply = self.script.pop(0)
        thought = reply.additional_kwargs.get("reasoning_content", "")
        for piece in re.findall(r"\S+\s*", thought):
            yield ChatGenerationChunk(
                message=AIMessageChunk(content="", additional_kwargs={"reasoning_content": piece})
            )
        for piece in re.findall(r"\S+\s*", str(reply.content)):
            yield ChatGenerationChunk(message=AIMessageChunk(content=piece))
        calls = [(call["name"], json.dumps(call["args"]), call["id"]) for call in reply.tool_calls]
        calls += [(call["name"] or "", call["args"] or "", call["id"]) for call in reply.invalid_tool_calls]
        for index, (name, arguments, call_id) in enumerate(calls):
            for piece, first in ((arguments[:4], True), (arguments[4:], False)):
                chunk = {"name": name if first else None, "args": piece, "id": call_id if first else None}
                yield ChatGenerationChunk(
                    message=AIMessageChunk(
                        content="", tool_call_chunks=[{**chunk, "index": index, "type": "tool_call_chunk"}]
                    )
                )
        yield ChatGenerationChunk(
            message=AIMessageChunk(
                content="", usage_metadata=reply.usage_metadata, response_metadata=reply.response_metadata
            )
        )

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        for chunk in self._stream(messages, **kwargs):
            yield chunk


@pytest.fixture
def scripted() -> Callable[..., ScriptedModel]:
    """Make a model that plays the given messages or texts."""

    def make(*script: AIMessage | str) -> ScriptedModel:
        replies = [AIMessage(content=reply) if isinstance(reply, str) else reply for reply in script]
        return ScriptedModel(script=replies, asked=[])

    return make
