"""A memory that is a list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import BaseModel, Field

from hubbub_core.memory._base import Memory, MemoryContent, MemoryQueryResult, UpdateContextResult
from hubbub_core.models._types import SystemMessage
from hubbub_registry import Component

if TYPE_CHECKING:
    from hubbub_core._cancellation_token import CancellationToken
    from hubbub_core.model_context._context import ChatCompletionContext


class ListMemoryConfig(BaseModel):
    """Configuration of a `ListMemory`, its contents included."""

    name: str | None = None

    memory_contents: list[MemoryContent] = Field(default_factory=list)


class ListMemory(Memory, Component[ListMemoryConfig]):
    """Remembers everything in the order it was added, and adds all of it to a context.

    Args:
        name: What it is called; `default_list_memory` by default.
        memory_contents: What is remembered from the beginning.
    """

    component_provider_override: ClassVar[str] = "hubbub_core.memory.ListMemory"
    component_config_schema = ListMemoryConfig

    def __init__(self, name: str | None = None, memory_contents: list[MemoryContent] | None = None) -> None:
        self._name = name or "default_list_memory"
        self._contents: list[MemoryContent] = list(memory_contents or [])

    @property
    def name(self) -> str:
        """What the memory is called."""
        return self._name

    @property
    def content(self) -> list[MemoryContent]:
        """What is remembered, oldest first. May be changed and assigned."""
        return self._contents

    @content.setter
    def content(self, value: list[MemoryContent]) -> None:
        self._contents = value

    async def update_context(self, model_context: ChatCompletionContext) -> UpdateContextResult:
        """Add one `SystemMessage` with a heading and all contents, numbered from 1; nothing if there are none."""
        if self._contents:
            lines = [f"{number}. {memory.content!s}" for number, memory in enumerate(self._contents, 1)]
            text = "\nRelevant memory content (in chronological order):\n" + "\n".join(lines) + "\n"
            await model_context.add_message(SystemMessage(content=text))
        return UpdateContextResult(memories=MemoryQueryResult(results=list(self._contents)))

    async def query(
        self,
        query: str | MemoryContent = "",
        cancellation_token: CancellationToken | None = None,
        **kwargs: Any,
    ) -> MemoryQueryResult:
        """Return everything, oldest first; the query is ignored."""
        return MemoryQueryResult(results=list(self._contents))

    async def add(self, content: MemoryContent, cancellation_token: CancellationToken | None = None) -> None:
        """Add at the end."""
        self._contents.append(content)

    async def clear(self) -> None:
        """Forget everything."""
        self._contents = []

    async def close(self) -> None:
        """Do nothing."""

    def _to_config(self) -> ListMemoryConfig:
        return ListMemoryConfig(name=self._name, memory_contents=self._contents)

    @classmethod
    def _from_config(cls, config: ListMemoryConfig) -> Self:
        return cls(name=config.name, memory_contents=config.memory_contents)
