"""A context that shows as much as the model's window, or a given number of tokens, holds."""

from __future__ import annotations

from bisect import bisect_right
from typing import ClassVar, Self

from pydantic import BaseModel

from hubbub_core.model_context._context import ChatCompletionContext
from hubbub_core.models._model_client import ChatCompletionClient
from hubbub_core.models._types import FunctionExecutionResultMessage, LLMMessage
from hubbub_core.tools._base import ToolSchema
from hubbub_registry import Component, ComponentModel


class TokenLimitedChatCompletionContextConfig(BaseModel):
    """Configuration of a `TokenLimitedChatCompletionContext`."""

    model_client: ComponentModel

    token_limit: int | None = None

    tool_schema: list[ToolSchema] | None = None

    initial_messages: list[LLMMessage] | None = None


class TokenLimitedChatCompletionContext(ChatCompletionContext, Component[TokenLimitedChatCompletionContextConfig]):
    """Shows what fits; what does not is taken out of the middle. Experimental.

    Args:
        model_client: Counts the tokens.
        token_limit: The most tokens to show; without it, what the model's window leaves.
        tool_schema: Tools that are sent along and take up tokens, too.
        initial_messages: What is there at the beginning.

    Raises:
        ValueError: The limit is not positive.
    """

    component_provider_override: ClassVar[str] = "hubbub_core.model_context.TokenLimitedChatCompletionContext"
    component_config_schema = TokenLimitedChatCompletionContextConfig
    _only_appends = True

    def __init__(
        self,
        model_client: ChatCompletionClient,
        *,
        token_limit: int | None = None,
        tool_schema: list[ToolSchema] | None = None,
        initial_messages: list[LLMMessage] | None = None,
    ) -> None:
        super().__init__(initial_messages)
        if token_limit is not None and token_limit <= 0:
            raise ValueError("token_limit must be greater than 0.")
        self._model_client = model_client
        self._token_limit = token_limit
        self._tool_schema = tool_schema or []

    async def get_messages(self) -> list[LLMMessage]:
        """Return what fits. Nothing is removed from the context itself (N-058)."""
        count = len(self._messages)
        if not self._fits(self._messages):
            # Fewer messages never take more tokens, so the most that fit are found without trying every number.
            count = bisect_right(range(count), 0, key=lambda kept: 0 if self._fits(self._ends(kept)) else 1) - 1
        messages = self._ends(max(count, 0))
        if messages and isinstance(messages[0], FunctionExecutionResultMessage):
            messages = messages[1:]
        return messages

    def _ends(self, kept: int) -> list[LLMMessage]:
        """Return what is left of the messages when all but `kept` were taken out of the middle, one by one."""
        return [*self._messages[: (kept + 1) // 2], *self._messages[len(self._messages) - kept // 2 :]]

    def _fits(self, messages: list[LLMMessage]) -> bool:
        if self._token_limit is None:
            return self._model_client.remaining_tokens(messages, tools=self._tool_schema) >= 0
        return self._model_client.count_tokens(messages, tools=self._tool_schema) <= self._token_limit

    def _to_config(self) -> TokenLimitedChatCompletionContextConfig:
        return TokenLimitedChatCompletionContextConfig(
            model_client=self._model_client.dump_component(),
            token_limit=self._token_limit,
            tool_schema=self._tool_schema,
            initial_messages=self._initial_messages,
        )

    @classmethod
    def _from_config(cls, config: TokenLimitedChatCompletionContextConfig) -> Self:
        return cls(
            model_client=ChatCompletionClient.load_component(config.model_client),
            token_limit=config.token_limit,
            tool_schema=config.tool_schema,
            initial_messages=config.initial_messages,
        )
