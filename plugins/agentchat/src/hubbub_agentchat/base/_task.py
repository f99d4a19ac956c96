"""What runs a task, and what comes out of it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, Final, Protocol

from pydantic import BaseModel, SerializeAsAny, SerializerFunctionWrapHandler, model_serializer

from hubbub_agentchat.base._usage import Price, PriceFunction, UsageTally, costs
from hubbub_agentchat.messages import BaseAgentEvent, BaseChatMessage
from hubbub_core import CancellationToken
from hubbub_core.models import RequestUsage

_OPTIONAL: Final = ("usage", "usage_by_source", "cost", "cost_by_source")
"""Fields that the documents do not have. A dump holds them only when they are set."""


class TaskResult(BaseModel):
    """The result of a run."""

    messages: Sequence[SerializeAsAny[BaseAgentEvent | BaseChatMessage]]
    """What the run produced, in order, the task's own messages first. Streamed chunks are not among them."""

    stop_reason: str | None = None
    """Why the run ended, if something ended it."""

    usage: RequestUsage | None = None
    """Tokens that the run's model calls used; None when no model reported any.

    Those of inner teams, and of the model that selects a team's speakers, are included; those of the task are not.
    """

    usage_by_source: dict[str, RequestUsage] | None = None
    """The same by the name of the agent, or manager, that made the calls."""

    cost: float | None = None
    """What the run cost; see `with_cost`."""

    cost_by_source: dict[str, float] | None = None
    """The same by the name of the agent or manager."""

    @classmethod
    def of_run(
        cls,
        messages: Sequence[BaseAgentEvent | BaseChatMessage],
        tally: UsageTally,
        stop_reason: str | None = None,
    ) -> TaskResult:
        """Return the result of a run that used what was tallied."""
        return cls(
            messages=messages,
            stop_reason=stop_reason,
            usage=tally.total(),
            usage_by_source=tally.by_source or None,
        )

    def with_cost(self, prices: Price | Mapping[str, Price] | PriceFunction) -> TaskResult:
        """Return the result with `cost` and `cost_by_source` set.

        Args:
            prices: One price for all, a price per agent, or a function of agent and usage.

        Raises:
            ValueError: An agent has used a model, and there is no price for it.
        """
        found = costs(self.usage_by_source or {}, prices)
        return self.model_copy(update={"cost": sum(found.values()), "cost_by_source": found})

    @model_serializer(mode="wrap")
    def _without_unset(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        dumped: dict[str, Any] = handler(self)
        for name in _OPTIONAL:
            if dumped.get(name) is None:
                dumped.pop(name, None)
        return dumped


class TaskRunner(Protocol):
    """Runs tasks: an agent or a team. It keeps its state: the next call goes on from where the last one ended."""

    async def run(
        self,
        *,
        task: str | BaseChatMessage | Sequence[BaseChatMessage] | None = None,
        cancellation_token: CancellationToken | None = None,
        output_task_messages: bool = True,
    ) -> TaskResult:
        """Run a task and return the result.

        Args:
            task: What to do: a text, a message or several. None goes on with the current task.
            cancellation_token: Ends the run at once.
            output_task_messages: Whether the task's own messages are part of the result (N-112).

        Raises:
            asyncio.CancelledError: The token was cancelled.
        """
        ...

    def run_stream(
        self,
        *,
        task: str | BaseChatMessage | Sequence[BaseChatMessage] | None = None,
        cancellation_token: CancellationToken | None = None,
        output_task_messages: bool = True,
    ) -> AsyncGenerator[BaseAgentEvent | BaseChatMessage | TaskResult, None]:
        """Run a task and yield what it produces as it arises; the last item is the `TaskResult`.

        Args and errors are those of `run`. Closing the generator early ends the run.
        """
        ...
