"""The message that an assistant agent's turn ends with: a text, a structured message, a summary or a handoff."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence

from pydantic import BaseModel

from hubbub_agentchat.agents._assistant_tools import CallResult
from hubbub_agentchat.base import Handoff
from hubbub_agentchat.messages import (
    BaseChatMessage,
    HandoffMessage,
    StructuredMessage,
    StructuredMessageFactory,
    TextMessage,
    ToolCallSummaryMessage,
)
from hubbub_core import FunctionCall
from hubbub_core.models import (
    AssistantMessage,
    CreateResult,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    LLMMessage,
)


class AnswerMaker:
    """Makes the answers of one agent.

    Args:
        name: The agent's name, their source.
        handoffs: By the names of their tools.
        summary_format: Format of a result in a summary.
        summary_formatter: Used instead of the format.
        content_type: Class of structured answers.
        content_format: How those are written as text.
    """

    def __init__(
        self,
        name: str,
        handoffs: Mapping[str, Handoff],
        *,
        summary_format: str,
        summary_formatter: Callable[[FunctionCall, FunctionExecutionResult], str] | None,
        content_type: type[BaseModel] | None,
        content_format: str | None,
    ) -> None:
        self._name = name
        self._handoffs = handoffs
        self.summary_format = summary_format
        self._summary_formatter = summary_formatter
        self._content_format = content_format
        self.structured: StructuredMessageFactory | None = None
        if content_type is not None:
            self.structured = StructuredMessageFactory(input_model=content_type, format_string=content_format)

    @property
    def types(self) -> list[type[BaseChatMessage]]:
        """The classes of the answers."""
        types: list[type[BaseChatMessage]] = [TextMessage, ToolCallSummaryMessage, HandoffMessage]
        if self.structured is not None:
            types.extend((StructuredMessage, self.structured.StructuredMessage))
        return types

    def from_text(self, reply: CreateResult, text: str, message_id: str) -> BaseChatMessage:
        """Return the model's text as the answer.

        Raises:
            pydantic.ValidationError: It does not fit the class of structured answers.
        """
        factory = self.structured
        if factory is None:
            # Readers want to know of a text that was cut off.
            early = reply.finish_reason in ("length", "content_filter")
            metadata = {"finish_reason": reply.finish_reason} if early else {}
            return TextMessage(
                content=text, source=self._name, models_usage=reply.usage, metadata=metadata, id=message_id
            )
        return factory.StructuredMessage(
            content=factory.ContentModel.model_validate_json(text),
            source=self._name,
            models_usage=reply.usage,
            format_string=self._content_format,
            id=message_id,
        )

    def summary(self, executed: Sequence[CallResult]) -> ToolCallSummaryMessage:
        """Return the results of calls as the answer."""
        lines: list[str] = []
        for call, result in executed:
            if self._summary_formatter is not None:
                lines.append(self._summary_formatter(call, result))
            else:
                lines.append(
                    self.summary_format.format(
                        tool_name=call.name, arguments=call.arguments, result=result.content, is_error=result.is_error
                    )
                )
        return ToolCallSummaryMessage(
            content="\n".join(lines),
            source=self._name,
            tool_calls=[call for call, _ in executed],
            results=[result for _, result in executed],
        )

    def handoff(self, executed: Sequence[CallResult], thought: str | None) -> HandoffMessage | None:
        """Return the message for the first handoff among the calls; None without one."""
        called = [(call, result) for call, result in executed if call.name in self._handoffs]
        if not called:
            return None
        first, result = called[0]
        if len(called) > 1:
            names = [self._handoffs[call.name].name for call, _ in called]
            warnings.warn(
                f"Multiple handoffs detected; only the first is executed: {names}. Disable parallel tool calls in the "
                "model client to avoid it.",
                UserWarning,
                stacklevel=2,
            )
        others = [(call, found) for call, found in executed if call.name not in self._handoffs]
        context: list[LLMMessage] = []
        if others:
            context.append(AssistantMessage(content=[call for call, _ in others], source=self._name, thought=thought))
            context.append(FunctionExecutionResultMessage(content=[found for _, found in others]))
        elif thought:
            context.append(AssistantMessage(content=thought, source=self._name))
        return HandoffMessage(
            content=result.content, target=self._handoffs[first.name].target, source=self._name, context=context
        )
