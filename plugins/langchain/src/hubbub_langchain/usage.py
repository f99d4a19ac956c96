"""Counts the tokens of one run: of every chat model inside it, and of messages that say what they cost.

Public: hubbub-langgraph builds on it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGeneration, LLMResult

from hubbub_core.models import RequestUsage

from .messages import usage_of


class UsageMeter(BaseCallbackHandler):
    """A callback of a run that adds up its usage; a message is counted once, wherever it shows up."""

    run_inline = True  # a plain sum: not worth a thread

    def __init__(self) -> None:
        self.usage = RequestUsage(prompt_tokens=0, completion_tokens=0)
        self._counted: set[str] = set()

    def count(self, message: object) -> None:
        """Add what one message cost."""
        if not isinstance(message, BaseMessage) or message.id in self._counted:
            return
        if message.id is not None:
            self._counted.add(message.id)
        usage = usage_of(message)
        if usage is not None:
            self.usage.prompt_tokens += usage.prompt_tokens
            self.usage.completion_tokens += usage.completion_tokens

    def count_all(self, messages: Iterable[object]) -> None:
        """Add what messages cost."""
        for message in messages:
            self.count(message)

    def on_llm_end(self, response: LLMResult, **kwargs: Any) -> None:
        for choices in response.generations:
            for choice in choices:
                if isinstance(choice, ChatGeneration):
                    self.count(choice.message)
