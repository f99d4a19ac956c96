"""What all conditions that are not combinations share: reached once, then refusing until reset."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from hubbub_agentchat.base import TerminatedException, TerminationCondition
from hubbub_agentchat.messages import BaseAgentEvent, BaseChatMessage, StopMessage


class SingleCondition(TerminationCondition):
    """Base of the built-in conditions: a subclass says in `_reason` why to stop, and forgets in `_forget`."""

    def __init__(self) -> None:
        self._terminated = False

    @property
    def terminated(self) -> bool:
        return self._terminated

    async def __call__(self, messages: Sequence[BaseAgentEvent | BaseChatMessage]) -> StopMessage | None:
        if self._terminated:
            raise TerminatedException("Termination condition has already been reached")
        reason = await self._reason(messages)
        if reason is None:
            return None
        self._terminated = True
        return StopMessage(content=reason, source=type(self).__name__)

    async def reset(self) -> None:
        self._terminated = False
        self._forget()

    @abstractmethod
    async def _reason(self, messages: Sequence[BaseAgentEvent | BaseChatMessage]) -> str | None:
        """Return the content of the stop message when the condition is reached by these messages."""

    def _forget(self) -> None:
        """Drop what was counted or noted since the last reset."""
