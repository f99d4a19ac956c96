"""An agent that handles messages of some types strictly one after another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hubbub_agentchat._fifo_lock import FifoLock
from hubbub_core import MessageContext, RoutedAgent


class SequentialRoutedAgent(RoutedAgent):
    """Handles messages of the listed types one after another, in the order of arrival; others at any time (N-190).

    Args:
        description: What the agent does.
        sequential_message_types: The types, exactly; subclasses are not meant.
    """

    def __init__(self, description: str, sequential_message_types: Sequence[type[Any]]) -> None:
        super().__init__(description)
        self._sequential_message_types = frozenset(sequential_message_types)
        self._sequence = FifoLock()

    async def on_message_impl(self, message: Any, ctx: MessageContext) -> Any | None:
        if type(message) not in self._sequential_message_types:
            return await super().on_message_impl(message, ctx)
        async with self._sequence:
            return await super().on_message_impl(message, ctx)
