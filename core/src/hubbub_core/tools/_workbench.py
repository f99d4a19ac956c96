"""A workbench: tools that share something, listed and called through one interface with one type of result."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self, TypeAlias

from pydantic import BaseModel, Field

from hubbub_core._image import Image
from hubbub_core.tools._base import ToolSchema
from hubbub_registry import ComponentBase

if TYPE_CHECKING:
    from hubbub_core._cancellation_token import CancellationToken


class ToolOverride(BaseModel):
    """Another name or description for a tool of a workbench. `None` keeps the tool's own."""

    name: str | None = None
    description: str | None = None


class TextResultContent(BaseModel):
    """Text that a tool returned."""

    type: Literal["TextResultContent"] = "TextResultContent"

    content: str


class ImageResultContent(BaseModel):
    """An image that a tool returned."""

    type: Literal["ImageResultContent"] = "ImageResultContent"

    content: Image


ResultContent: TypeAlias = Annotated[TextResultContent | ImageResultContent, Field(discriminator="type")]
"""One part of a tool's result."""


class ToolResult(BaseModel):
    """What a tool of a workbench returned."""

    type: Literal["ToolResult"] = "ToolResult"

    name: str
    """The name that was asked for."""

    result: list[ResultContent]
    """The parts of the result, in order."""

    is_error: bool = False
    """Whether the tool failed; the result then says why."""

    def to_text(self, replace_image: str | None = None) -> str:
        """Join the parts, a line each.

        Args:
            replace_image: What stands for an image; without it `[Image: <base64>]`.
        """
        parts: list[str] = []
        for part in self.result:
            if isinstance(part, TextResultContent):
                parts.append(part.content)
            elif replace_image is not None:
                parts.append(replace_image)
            else:
                parts.append(f"[Image: {part.content.to_base64()}]")
        return "\n".join(parts)


class Workbench(ABC, ComponentBase[BaseModel]):
    """A set of tools that share state or resources. As an async context manager it is started and stopped.

    The list of tools may change between two calls, so it is asked for before every request to a model.
    """

    component_type: ClassVar[str] = "workbench"

    @abstractmethod
    async def list_tools(self) -> list[ToolSchema]:
        """Return the schemas of the tools that are there now."""

    @abstractmethod
    async def call_tool(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        cancellation_token: CancellationToken | None = None,
        call_id: str | None = None,
    ) -> ToolResult:
        """Call a tool.

        Args:
            name: Which one.
            arguments: Its arguments; `None` means none.
            cancellation_token: Cancels the call.
            call_id: Id of the model's call, for tracing.
        """

    @abstractmethod
    async def start(self) -> None:
        """Acquire what the tools need."""

    @abstractmethod
    async def stop(self) -> None:
        """Release everything."""

    @abstractmethod
    async def reset(self) -> None:
        """Go back to the state after `start`."""

    @abstractmethod
    async def save_state(self) -> Mapping[str, Any]:
        """Return the state as JSON data."""

    @abstractmethod
    async def load_state(self, state: Mapping[str, Any]) -> None:
        """Take over what `save_state` returned."""

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        await self.stop()


class StreamWorkbench(Workbench, ABC):
    """A workbench whose tools may yield what they have so far."""

    @abstractmethod
    def call_tool_stream(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        cancellation_token: CancellationToken | None = None,
        call_id: str | None = None,
    ) -> AsyncGenerator[Any | ToolResult, None]:
        """Call a tool and yield what it yields; the last item is the `ToolResult`."""
