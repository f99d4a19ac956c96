"""A model that follows plain rules: no language model, no key, no network, the same answer every time.

It reads a request as a language model does, its instructions, the conversation and the tools on offer, and decides:

1. Its instructions name tools in backquotes. Each one that is on offer is called once a turn, in that order.
2. An argument is the newest `name: value`, a line of its own, that anybody said or a tool returned. `question` is what
   the user asked. Without a value there is no call: the answer says what is missing.
3. The answer is what the tools returned in this turn, one `name: value` a line.
4. If the instructions ask for CONFIRMED or DISPUTED, it compares these values with what others said before.

So every word of its answers is a rule's, or comes from a tool. Whatever it is not told to do, it does not do.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel

from hubbub_core import CancellationToken, FunctionCall
from hubbub_core.models import (
    AssistantMessage,
    ChatCompletionClient,
    CreateResult,
    FunctionExecutionResultMessage,
    LLMMessage,
    ModelCapabilities,
    ModelInfo,
    RequestUsage,
    SystemMessage,
    UserMessage,
)
from hubbub_core.tools import Tool, ToolSchema

from .texts import plain_name, plain_result

_TOOL_NAME = re.compile(r"`(\w+)`")
_VALUE = re.compile(r"^([a-z_]+): (.+)$", re.MULTILINE)


class RulesModel(ChatCompletionClient):
    """A model client of the hub that decides by the rules above. Tokens are counted as words."""

    def __init__(self) -> None:
        self._last = self._total = RequestUsage(0, 0)
        self._calls = 0

    async def create(
        self,
        messages: Sequence[LLMMessage],
        *,
        tools: Sequence[Tool | ToolSchema] = [],
        tool_choice: Tool | Literal["auto", "required", "none"] = "auto",
        json_output: bool | type[BaseModel] | None = None,
        extra_create_args: Mapping[str, Any] = {},
        cancellation_token: CancellationToken | None = None,
    ) -> CreateResult:
        """Return a call or an answer. `tool_choice` counts when it is `"none"`.

        Raises:
            ValueError: JSON is asked for.
            asyncio.CancelledError: The token was cancelled.
        """
        if json_output:
            raise ValueError("the rules write `name: value` lines and no JSON; leave json_output out")
        if cancellation_token is not None and cancellation_token.is_cancelled():
            raise asyncio.CancelledError("the request to the model was cancelled")
        offered = [] if tool_choice == "none" else [tool if isinstance(tool, dict) else tool.schema for tool in tools]
        decision = decide(messages, offered)
        self._last = RequestUsage(self.count_tokens(messages, tools=tools), len(str(decision).split()))
        self._total = RequestUsage(
            self._total.prompt_tokens + self._last.prompt_tokens,
            self._total.completion_tokens + self._last.completion_tokens,
        )
        if isinstance(decision, str):
            return CreateResult(finish_reason="stop", content=decision, usage=self._last, cached=False)
        self._calls += 1
        name, arguments = decision
        call = FunctionCall(id=f"call_{self._calls}", name=name, arguments=json.dumps(arguments))
        return CreateResult(finish_reason="function_calls", content=[call], usage=self._last, cached=False)

    async def create_stream(
        self,
        messages: Sequence[LLMMessage],
        *,
        tools: Sequence[Tool | ToolSchema] = [],
        tool_choice: Tool | Literal["auto", "required", "none"] = "auto",
        json_output: bool | type[BaseModel] | None = None,
        extra_create_args: Mapping[str, Any] = {},
        cancellation_token: CancellationToken | None = None,
    ) -> AsyncGenerator[str | CreateResult, None]:
        """Yield the answer as one piece, then the result."""
        result = await self.create(
            messages,
            tools=tools,
            tool_choice=tool_choice,
            json_output=json_output,
            cancellation_token=cancellation_token,
        )
        if isinstance(result.content, str):
            yield result.content
        yield result

    async def close(self) -> None:
        """Do nothing."""

    def actual_usage(self) -> RequestUsage:
        """Return the words of the last request."""
        return self._last

    def total_usage(self) -> RequestUsage:
        """Return the words of all requests."""
        return self._total

    def count_tokens(self, messages: Sequence[LLMMessage], *, tools: Sequence[Tool | ToolSchema] = []) -> int:
        """Return the number of words in the messages."""
        return sum(len(text.split()) for message in messages for text in _texts(message))

    def remaining_tokens(self, messages: Sequence[LLMMessage], *, tools: Sequence[Tool | ToolSchema] = []) -> int:
        """Return what is left of `sys.maxsize` words: there is no window."""
        return sys.maxsize - self.count_tokens(messages, tools=tools)

    @property
    def capabilities(self) -> ModelCapabilities:
        """Text and tools."""
        return ModelCapabilities(vision=False, function_calling=True, json_output=False)

    @property
    def model_info(self) -> ModelInfo:
        """Text and tools, of an unknown family."""
        return ModelInfo(
            vision=False, function_calling=True, json_output=False, family="unknown", structured_output=False
        )


def decide(messages: Sequence[LLMMessage], tools: Sequence[ToolSchema]) -> tuple[str, dict[str, Any]] | str:
    """Return the next call, as a name and its arguments, or the answer."""
    instructions = "\n".join(message.content for message in messages if isinstance(message, SystemMessage))
    # A turn is what came after the last message that somebody else wrote.
    start = max((at + 1 for at, message in enumerate(messages) if isinstance(message, UserMessage)), default=0)
    said = dict(_values(messages[:start]))
    turn = messages[start:]
    returned = dict(_values(turn))
    question = next((text for message in messages if isinstance(message, UserMessage) for text in _texts(message)), "")
    known = {"question": question, **said, **returned}
    called = {plain_name(call.name) for message in turn for call in _calls(message)}
    offered = {plain_name(tool["name"]): tool for tool in tools}
    lines = [f"{name}: {value}" for name, value in returned.items()]
    # A tool that failed returned no values; what it said instead is all there is to report.
    lines += [text for message in turn for text in _results(message) if not _VALUE.search(text)]
    for name in dict.fromkeys(_TOOL_NAME.findall(instructions)):
        if name not in offered or name in called:
            continue
        schema: Mapping[str, Any] = offered[name].get("parameters", {})
        wanted = schema.get("properties", {})
        missing = [parameter for parameter in schema.get("required", wanted) if parameter not in known]
        if missing:
            return "\n".join([*lines, f"I cannot call {name}: nobody has said {' or '.join(missing)}."])
        arguments = {p: _typed(known[p], about.get("type")) for p, about in wanted.items() if p in known}
        return offered[name]["name"], arguments
    if "CONFIRMED" in instructions:
        lines.append(_verdict(said, returned))
    return "\n".join(lines) or "No tool of mine says anything about this."


def _verdict(said: Mapping[str, str], returned: Mapping[str, str]) -> str:
    common = [name for name in returned if name in said]
    other = [f"{name} was {said[name]}, I get {returned[name]}" for name in common if said[name] != returned[name]]
    if other or not common:
        return f"DISPUTED: {'; '.join(other) or 'I have no value to compare.'}"
    return "CONFIRMED"


def _values(messages: Sequence[LLMMessage]) -> Iterator[tuple[str, str]]:
    for message in messages:
        if isinstance(message, UserMessage | FunctionExecutionResultMessage):
            for text in _results(message) or _texts(message):
                yield from _VALUE.findall(text)


def _texts(message: LLMMessage) -> list[str]:
    if isinstance(message, FunctionExecutionResultMessage):
        return [result.content for result in message.content]
    if isinstance(message.content, str):
        return [message.content]
    return [part for part in message.content if isinstance(part, str)]


def _results(message: LLMMessage) -> list[str]:
    if not isinstance(message, FunctionExecutionResultMessage):
        return []
    return [plain_result(result.content) for result in message.content]


def _calls(message: LLMMessage) -> list[FunctionCall]:
    if isinstance(message, AssistantMessage) and not isinstance(message.content, str):
        return message.content
    return []


def _typed(value: str, kind: object) -> str | int | float:
    try:
        return int(value) if kind == "integer" else float(value) if kind == "number" else value
    except ValueError:
        return value  # the tool refuses it, and says what it takes
