"""The protocol that every model client implements."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import BaseModel

from hubbub_core.models._model_info import ModelCapabilities, ModelFamily, ModelInfo
from hubbub_core.models._types import CreateResult, LLMMessage, RequestUsage
from hubbub_registry import ComponentBase

if TYPE_CHECKING:
    from hubbub_core._cancellation_token import CancellationToken
    from hubbub_core.tools._base import Tool, ToolSchema


class ChatCompletionClient(ComponentBase[BaseModel], ABC):
    """A chat model, wherever it runs.

    Both `create` and `create_stream` take:

    - `messages`: the conversation.
    - `tools`: what the model may call, as tools or as bare schemas.
    - `tool_choice`: `"auto"` leaves it to the model, `"required"` forces some tool, `"none"` forbids tools, a `Tool`
      forces that one.
    - `json_output`: `None` for plain text, a bool to switch JSON mode on or off (the prompt must then ask for JSON),
      a pydantic class for output in the form of its schema.
    - `extra_create_args`: passed on to the underlying client.
    - `cancellation_token`: cancels the request.
    """

    component_type: ClassVar[str] = "model"

    @abstractmethod
    async def create(
        self,
        messages: Sequence[LLMMessage],
        *,
        tools: Sequence[Tool | ToolSchema] = [],
        tool_choice: Tool | Literal["auto", "required", "none"] = "auto",
        json_output: bool | type[BaseModel] | None = None,
        extra_create_args: Mapping[str, Any] = {},
        cancellation_token: CancellationToken | None = None,
    ) -> CreateResult:
        """Ask the model and return its whole reply.

        Raises:
            ValueError: The messages or options do not fit what the model can do.
            asyncio.CancelledError: The token was cancelled.
        """

    @abstractmethod
    def create_stream(
        self,
        messages: Sequence[LLMMessage],
        *,
        tools: Sequence[Tool | ToolSchema] = [],
        tool_choice: Tool | Literal["auto", "required", "none"] = "auto",
        json_output: bool | type[BaseModel] | None = None,
        extra_create_args: Mapping[str, Any] = {},
        cancellation_token: CancellationToken | None = None,
    ) -> AsyncGenerator[str | CreateResult, None]:
        """Ask the model and yield the pieces of its text as they come, then one `CreateResult` with the whole reply.

        Raises:
            ValueError: The messages or options do not fit what the model can do.
            asyncio.CancelledError: The token was cancelled.
        """

    @abstractmethod
    async def close(self) -> None:
        """Release connections. The client is not used afterwards."""

    @abstractmethod
    def actual_usage(self) -> RequestUsage:
        """Return the tokens that were paid for."""

    @abstractmethod
    def total_usage(self) -> RequestUsage:
        """Return the tokens of all requests."""

    @abstractmethod
    def count_tokens(
        self,
        messages: Sequence[LLMMessage],
        *,
        tools: Sequence[Tool | ToolSchema] = [],
    ) -> int:
        """Return how many tokens the messages and tools take up."""

    @abstractmethod
    def remaining_tokens(
        self,
        messages: Sequence[LLMMessage],
        *,
        tools: Sequence[Tool | ToolSchema] = [],
    ) -> int:
        """Return how many tokens of the model's window the messages and tools leave; negative when too many."""

    @property
    @abstractmethod
    def capabilities(self) -> ModelCapabilities:
        """What the model can do, in the older form. Use `model_info`."""

    @property
    def model_info(self) -> ModelInfo:
        """What the model can do.

        A client that does not define it falls back to its `capabilities`, with a warning and an unknown family (N-056).
        """
        warnings.warn(
            f"{type(self).__name__} does not define model_info; falling back to its capabilities with family 'unknown'",
            UserWarning,
            stacklevel=2,
        )
        capabilities = self.capabilities
        return ModelInfo(
            vision=capabilities["vision"],
            function_calling=capabilities["function_calling"],
            json_output=capabilities["json_output"],
            family=ModelFamily.UNKNOWN,
            structured_output=False,
        )
