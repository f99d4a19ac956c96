"""The conversation of an assistant agent at the service, whichever of its APIs keeps it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import Field

from hubbub_agentchat.state import BaseState
from hubbub_core.models import LLMMessage

from ._errors import endpoint_errors, shown_url
from ._function_tools import FunctionOutput
from ._model_answer import ModelAnswer, Piece

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from openai import AsyncOpenAI

    from hubbub_core import CancellationToken
    from hubbub_core.tools import ToolSchema


class OpenAIAssistantAgentState(BaseState):
    """State of an `OpenAIAssistantAgent`: what to find again at the service (newer N-246)."""

    type: str = "OpenAIAssistantAgentState"
    assistant_id: str | None = None
    thread_id: str | None = None
    """The conversation, or with Assistants the thread."""

    initial_message_ids: list[str] = Field(default_factory=list)
    """What was in the thread before; a reset leaves it there."""

    vector_store_id: str | None = None
    """The store that the agent made."""

    uploaded_file_ids: list[str] = Field(default_factory=list)
    """All files that the agent uploaded."""

    code_file_ids: list[str] = Field(default_factory=list)
    """Those of them that are for the code interpreter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AssistantSetup:
    """What an assistant is told and may do: the arguments of the agent."""

    client: AsyncOpenAI
    name: str
    description: str
    model: str
    instructions: str
    builtin: tuple[str, ...] = ()
    """`code_interpreter` and `file_search`, as far as they are wanted."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    response_format: Any = None
    temperature: float | None = None
    top_p: float | None = None
    code_file_ids: tuple[str, ...] = ()
    """Files for the code interpreter that were there before."""
    vector_store_ids: tuple[str, ...] = ()
    """Vector stores that were there before."""

    def errors(self) -> AbstractContextManager[None]:
        """Turn failures of the connection into `ModelEndpointError` for a block."""
        return endpoint_errors(shown_url(str(self.client.base_url)), self.model)


class Threads(Protocol):
    """One thread at the service. It keeps its identifiers in the agent's state."""

    async def open(self, state: OpenAIAssistantAgentState, functions: Sequence[ToolSchema], *, resumed: bool) -> None:
        """Find or make the assistant and the thread.

        Unless the state was `resumed`, which knows it, note in it what the thread holds already.
        """

    async def add(self, state: OpenAIAssistantAgentState, message: LLMMessage) -> None:
        """Append a message to the thread."""

    def run(
        self,
        state: OpenAIAssistantAgentState,
        messages: Sequence[LLMMessage],
        functions: Sequence[ToolSchema],
        *,
        stream: bool,
        token: CancellationToken,
    ) -> AsyncGenerator[Piece, None]:
        """Append messages and let the assistant work; yields pieces of its text, then what came of it."""

    def submit(
        self,
        state: OpenAIAssistantAgentState,
        answer: ModelAnswer,
        outputs: Sequence[FunctionOutput],
        functions: Sequence[ToolSchema],
        *,
        stream: bool,
        token: CancellationToken,
    ) -> AsyncGenerator[Piece, None]:
        """Go on with the results of the functions that an answer called."""

    async def abandon(self, state: OpenAIAssistantAgentState) -> None:
        """See to it that the thread can be used again after a run that did not come to its end."""

    async def clear(self, state: OpenAIAssistantAgentState) -> None:
        """Delete what came into the thread since it was opened."""

    async def files_changed(self, state: OpenAIAssistantAgentState) -> None:
        """Let the thread use exactly the files and the vector store that the state names."""

    async def delete_assistant(self, state: OpenAIAssistantAgentState) -> None:
        """Delete the assistant if it was made here."""
