"""What runs a task, and what comes out of it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

from pydantic import BaseModel, SerializeAsAny

from hubbub_agentchat.messages import BaseAgentEvent, BaseChatMessage
from hubbub_core import CancellationToken


class TaskResult(BaseModel):
    """The result of a run."""

    messages: Sequence[SerializeAsAny[BaseAgentEvent | BaseChatMessage]]
    """What the run produced, in order, the task's own messages first. Streamed chunks are not among them."""

    stop_reason: str | None = None
    """Why the run ended, if something ended it."""


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
