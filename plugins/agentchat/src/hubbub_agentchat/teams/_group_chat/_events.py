"""The messages of the group chat protocol. Writers of custom managers need them (N-191)."""

from __future__ import annotations

import traceback as traceback_module

from pydantic import BaseModel, PrivateAttr, SerializeAsAny

from hubbub_agentchat.base import Response, TaskResult
from hubbub_agentchat.messages import BaseAgentEvent, BaseChatMessage, StopMessage


class SerializableException(BaseModel):
    """An exception as data."""

    error_type: str
    """Name of its class."""

    error_message: str
    traceback: str | None = None

    # The exception itself, where it has not left the process: the cause of what the caller of a run gets.
    _exception: BaseException | None = PrivateAttr(default=None)

    @classmethod
    def from_exception(cls, exc: BaseException) -> SerializableException:
        """Describe an exception."""
        text = "".join(traceback_module.format_exception(exc))
        described = cls(error_type=type(exc).__name__, error_message=str(exc), traceback=text)
        described._exception = exc
        return described

    @property
    def exception(self) -> BaseException | None:
        """The exception itself; None when it came from another process."""
        return self._exception

    def __str__(self) -> str:
        text = f"{self.error_type}: {self.error_message}"
        return text if self.traceback is None else f"{text}\nTraceback:\n{self.traceback}"


class GroupChatStart(BaseModel):
    """A run begins."""

    messages: list[SerializeAsAny[BaseChatMessage]] | None = None
    """The task."""

    output_task_messages: bool = True


class GroupChatAgentResponse(BaseModel):
    """A participant has answered."""

    response: Response
    name: str


class GroupChatTeamResponse(BaseModel):
    """An inner team has finished its run."""

    result: TaskResult
    name: str


class GroupChatRequestPublish(BaseModel):
    """It is the participant's turn."""


class GroupChatMessage(BaseModel):
    """A message for the output."""

    message: SerializeAsAny[BaseAgentEvent | BaseChatMessage]


class GroupChatTermination(BaseModel):
    """A run ends."""

    message: StopMessage
    """Why."""

    error: SerializableException | None = None
    """What it failed with."""


class GroupChatReset(BaseModel):
    """Back to the state after construction."""


class GroupChatPause(BaseModel):
    """A pause begins."""


class GroupChatResume(BaseModel):
    """A pause ends."""


class GroupChatError(BaseModel):
    """A participant failed."""

    error: SerializableException
    name: str = ""
    """The participant's name."""
