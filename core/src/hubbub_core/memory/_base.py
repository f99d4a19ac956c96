"""What an agent knows beyond the conversation, and how that gets into the conversation."""

from __future__ import annotations

import base64
from abc import ABC, abstractmethod
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict, field_serializer, model_validator

from hubbub_core._image import Image
from hubbub_registry import ComponentBase

if TYPE_CHECKING:
    from hubbub_core._cancellation_token import CancellationToken
    from hubbub_core.model_context._context import ChatCompletionContext

# JSON has no bytes; a data URI cannot be taken for any other text.
_BYTES_PREFIX = "data:application/octet-stream;base64,"


class MemoryMimeType(str, Enum):  # noqa: UP042 # a member's text must stay what Enum makes of it
    """The kinds of content that memories know by name; any other string is allowed."""

    TEXT = "text/plain"
    JSON = "application/json"
    MARKDOWN = "text/markdown"
    IMAGE = "image/*"
    BINARY = "application/octet-stream"


class MemoryContent(BaseModel):
    """One thing that is remembered.

    In JSON an image is `{"data": "<PNG as base64>"}` and bytes are a data URI; both are restored.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    content: str | bytes | dict[str, Any] | Image
    """Text, bytes, JSON data or an image."""

    mime_type: MemoryMimeType | str
    """What kind of content it is."""

    metadata: dict[str, Any] | None = None
    """Whatever belongs to it: an id, a score, a source."""

    @field_serializer("mime_type")
    def serialize_mime_type(self, mime_type: MemoryMimeType | str) -> str:
        """Write the kind as a plain string."""
        return mime_type.value if isinstance(mime_type, MemoryMimeType) else mime_type

    @field_serializer("content", when_used="json")
    def _serialize_content(self, content: str | bytes | dict[str, Any] | Image) -> Any:
        if isinstance(content, bytes):
            return _BYTES_PREFIX + base64.b64encode(content).decode("ascii")
        return {"data": content.to_base64()} if isinstance(content, Image) else content

    @model_validator(mode="before")
    @classmethod
    def _restore_content(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        content, mime_type = data.get("content"), data.get("mime_type")
        if isinstance(content, str) and content.startswith(_BYTES_PREFIX):
            return {**data, "content": base64.b64decode(content.removeprefix(_BYTES_PREFIX))}
        kind = mime_type.value if isinstance(mime_type, MemoryMimeType) else mime_type
        if (
            isinstance(kind, str)
            and kind.startswith("image/")
            and isinstance(content, dict)
            and set(content) == {"data"}
        ):
            return {**data, "content": Image.from_base64(content["data"])}
        return data


class MemoryQueryResult(BaseModel):
    """What a memory found."""

    results: list[MemoryContent]


class UpdateContextResult(BaseModel):
    """What a memory added to a context."""

    memories: MemoryQueryResult


class Memory(ABC, ComponentBase[BaseModel]):
    """Keeps contents and puts those into a context that matter there. Which ones, each memory decides."""

    component_type: ClassVar[str] = "memory"

    @abstractmethod
    async def update_context(self, model_context: ChatCompletionContext) -> UpdateContextResult:
        """Add to `model_context` what matters there, and return what was added."""

    @abstractmethod
    async def query(
        self,
        query: str | MemoryContent,
        cancellation_token: CancellationToken | None = None,
        **kwargs: Any,
    ) -> MemoryQueryResult:
        """Return what fits the query."""

    @abstractmethod
    async def add(self, content: MemoryContent, cancellation_token: CancellationToken | None = None) -> None:
        """Remember something."""

    @abstractmethod
    async def clear(self) -> None:
        """Forget everything."""

    @abstractmethod
    async def close(self) -> None:
        """Release what the memory holds on to."""
