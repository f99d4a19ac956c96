"""An agent or a team as a tool (N-230)."""

from __future__ import annotations

from abc import ABC
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Annotated, Any

from pydantic import BaseModel, Field

from hubbub_agentchat.agents import BaseChatAgent
from hubbub_agentchat.base import TaskResult, Team
from hubbub_agentchat.messages import BaseAgentEvent, BaseChatMessage
from hubbub_core import CancellationToken
from hubbub_core.tools import BaseStreamTool


class TaskRunnerToolArgs(BaseModel):
    """Arguments of `TaskRunnerTool`."""

    task: Annotated[str, Field(description="The task to be executed.")]


class TaskRunnerTool(BaseStreamTool[TaskRunnerToolArgs, BaseAgentEvent | BaseChatMessage, TaskResult], ABC):
    """Runs an agent or a team on one argument, the task. Its messages are streamed, its state is the tool's.

    The runner keeps its conversation from call to call, so calls must not overlap: switch parallel tool calls off in
    the model client.

    Args:
        task_runner: The agent or team.
        name: What the model calls it.
        description: What the model is told about it.
        return_value_as_last_message: Whether the model reads only the last message, not all of them.
    """

    def __init__(
        self,
        task_runner: BaseChatAgent | Team,
        name: str,
        description: str,
        return_value_as_last_message: bool,
    ) -> None:
        self._task_runner = task_runner
        self._return_value_as_last_message = return_value_as_last_message
        super().__init__(
            args_type=TaskRunnerToolArgs, return_type=TaskResult, name=name, description=description, strict=True
        )

    async def run(self, args: TaskRunnerToolArgs, cancellation_token: CancellationToken) -> TaskResult:
        return await self._task_runner.run(task=args.task, cancellation_token=cancellation_token)

    async def run_stream(
        self, args: TaskRunnerToolArgs, cancellation_token: CancellationToken
    ) -> AsyncGenerator[BaseAgentEvent | BaseChatMessage | TaskResult, None]:
        # Closed with the tool, so that an abandoned call does not leave the runner at work.
        stream = self._task_runner.run_stream(task=args.task, cancellation_token=cancellation_token)
        async with aclosing(stream) as items:
            async for item in items:
                yield item

    def return_value_as_string(self, value: TaskResult) -> str:
        """Return what the model reads: every chat message that is not the user's, or only the last message's text.

        Raises:
            ValueError: Only the last message is wanted, and it is not a chat message.
        """
        if self._return_value_as_last_message:
            last = value.messages[-1] if value.messages else None
            if not isinstance(last, BaseChatMessage):
                raise ValueError(f"The last message of tool {self.name!r} is not a chat message: {last!r}")
            return last.to_model_text()
        return "\n\n".join(
            f"{message.source}: {message.to_model_text()}"
            for message in value.messages
            if isinstance(message, BaseChatMessage) and message.source != "user"
        )

    async def save_state_json(self) -> Mapping[str, Any]:
        return await self._task_runner.save_state()

    async def load_state_json(self, state: Mapping[str, Any]) -> None:
        await self._task_runner.load_state(state)
