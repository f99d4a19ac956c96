"""What a run has used, per agent and in all, and what that costs at the application's prices."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from hubbub_agentchat.messages import BaseAgentEvent, BaseChatMessage
from hubbub_core.models import RequestUsage


@dataclass(frozen=True, slots=True)
class Price:
    """What a model costs, in the currency of the application."""

    prompt: float
    """For a million tokens of prompts."""

    completion: float
    """For a million tokens of completions."""

    def of(self, usage: RequestUsage) -> float:
        """Return what the usage costs."""
        return (usage.prompt_tokens * self.prompt + usage.completion_tokens * self.completion) / 1_000_000


PriceFunction: TypeAlias = Callable[[str, RequestUsage], float]
"""Given the name of an agent and what it has used, returns what that costs."""


class UsageTally:
    """Adds up usage by source."""

    __slots__ = ("by_source",)

    def __init__(self, messages: Iterable[BaseAgentEvent | BaseChatMessage] = ()) -> None:
        self.by_source: dict[str, RequestUsage] = {}
        for message in messages:
            self.add_message(message)

    def add_message(self, message: BaseAgentEvent | BaseChatMessage) -> None:
        """Add what the message reports, if anything."""
        if message.models_usage is not None:
            self.add(message.source, message.models_usage)

    def add(self, source: str, usage: RequestUsage) -> None:
        """Add what a source has used."""
        so_far = self.by_source.get(source)
        if so_far is None:
            self.by_source[source] = RequestUsage(usage.prompt_tokens, usage.completion_tokens)
        else:
            so_far.prompt_tokens += usage.prompt_tokens
            so_far.completion_tokens += usage.completion_tokens

    def total(self) -> RequestUsage | None:
        """Return the sum; None when nobody has reported anything."""
        if not self.by_source:
            return None
        return RequestUsage(
            sum(usage.prompt_tokens for usage in self.by_source.values()),
            sum(usage.completion_tokens for usage in self.by_source.values()),
        )


def costs(
    usage_by_source: Mapping[str, RequestUsage], prices: Price | Mapping[str, Price] | PriceFunction
) -> dict[str, float]:
    """Return what each source costs.

    Raises:
        ValueError: A table has no price for a source.
    """
    if isinstance(prices, Price):
        return {source: prices.of(usage) for source, usage in usage_by_source.items()}
    if isinstance(prices, Mapping):
        missing = sorted(set(usage_by_source) - set(prices))
        if missing:
            raise ValueError(f"no price for {', '.join(missing)}: give one for each agent that used a model")
        return {source: prices[source].of(usage) for source, usage in usage_by_source.items()}
    return {source: prices(source, usage) for source, usage in usage_by_source.items()}
