"""The messages that go to a model and the result that comes back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, Field

from hubbub_core._image import Image
from hubbub_core._types import FunctionCall


class SystemMessage(BaseModel):
    """Instructions of the developer for the model.

    Models of OpenAI that know a "developer" role take this message too: the service converts it.
    """

    content: str
    """The instructions."""

    type: Literal["SystemMessage"] = "SystemMessage"


class UserMessage(BaseModel):
    """Input of end users, or data that is handed to the model."""

    content: str | list[str | Image]
    """Text, or a list of texts and images."""

    source: str
    """Name of the agent or user that sent it."""

    type: Literal["UserMessage"] = "UserMessage"


class AssistantMessage(BaseModel):
    """What the model said earlier."""

    content: str | list[FunctionCall]
    """Text, or the calls that the model asked for."""

    thought: str | None = None
    """The reasoning of a reasoning model, or the text that came along with function calls."""

    source: str
    """Name of the agent that sent it."""

    type: Literal["AssistantMessage"] = "AssistantMessage"


class FunctionExecutionResult(BaseModel):
    """What one function call returned."""

    content: str
    """The output as text."""

    name: str
    """Name of the function that was called."""

    call_id: str
    """Id of the call. May be empty for models that give none."""

    is_error: bool | None = None
    """Whether the call failed, if known."""


class FunctionExecutionResultMessage(BaseModel):
    """The results of the function calls of one model reply, in the order of the calls."""

    content: list[FunctionExecutionResult]

    type: Literal["FunctionExecutionResultMessage"] = "FunctionExecutionResultMessage"


LLMMessage: TypeAlias = Annotated[
    SystemMessage | UserMessage | AssistantMessage | FunctionExecutionResultMessage,
    Field(discriminator="type"),
]
"""Any message of a model's input. Which one is told by the field `type`, whose value is the class name."""


@dataclass
class RequestUsage:
    """Tokens that one request, or several, used."""

    prompt_tokens: int
    completion_tokens: int


FinishReasons: TypeAlias = Literal["stop", "length", "function_calls", "content_filter", "unknown"]
"""Why a model stopped."""


@dataclass
class TopLogprob:
    """Log probability of one alternative to a token."""

    logprob: float
    bytes: list[int] | None = None


class ChatCompletionTokenLogprob(BaseModel):
    token: str
    logprob: float
    top_logprobs: list[TopLogprob] | None = None
    bytes: list[int] | None = None


class CreateResult(BaseModel):
    """The reply of a model."""

    finish_reason: FinishReasons
    """Why the model stopped."""

    content: str | list[FunctionCall]
    """Text, or the calls that the model asks for."""

    usage: RequestUsage
    """Tokens of prompt and completion. Zero where the service does not tell."""

    cached: bool
    """Whether the reply came from a cache."""

    logprobs: list[ChatCompletionTokenLogprob] | None = None
    """Log probabilities of the tokens, if they were asked for."""

    thought: str | None = None
    """The reasoning of a reasoning model, or the text that came along with function calls."""
