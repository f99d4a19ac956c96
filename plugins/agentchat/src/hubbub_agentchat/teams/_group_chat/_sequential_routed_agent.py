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
        # Asked for only when somebody has it: a coroutine to take it and one to give it back are felt in every turn.
        sequence = self._sequence
        if not sequence.acquire_nowait():
            await sequence.acquire()
        try:
            return await super().on_message_impl(message, ctx)
        finally:
            sequence.release()
