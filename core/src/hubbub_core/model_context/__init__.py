"""Contexts: what an agent remembers of a conversation, and which part of it a model sees."""

from hubbub_core.model_context._context import ChatCompletionContext, ChatCompletionContextState, ContextMark
from hubbub_core.model_context._token_limited import TokenLimitedChatCompletionContext
from hubbub_core.model_context._windows import (
    BufferedChatCompletionContext,
    HeadAndTailChatCompletionContext,
    UnboundedChatCompletionContext,
)

__all__ = [
    "BufferedChatCompletionContext",
    "ChatCompletionContext",
    "ChatCompletionContextState",
    "ContextMark",
    "HeadAndTailChatCompletionContext",
    "TokenLimitedChatCompletionContext",
    "UnboundedChatCompletionContext",
]
