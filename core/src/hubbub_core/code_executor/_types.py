"""A piece of code to run, what came out, and the protocol of whoever runs it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import BaseModel

from hubbub_registry import ComponentBase

if TYPE_CHECKING:
    from hubbub_core._cancellation_token import CancellationToken


@dataclass
class CodeBlock:
    """A piece of code and the language it is in: `CodeBlock(code="print(1)", language="python")`."""

    code: str
    language: str


@dataclass
class CodeResult:
    """Exit code, and what was printed."""

    exit_code: int
    output: str


class CodeExecutor(ABC, ComponentBase[BaseModel]):
    """Runs code. As an async context manager it is started on entry and stopped on exit."""

    component_type: ClassVar[str] = "code_executor"

    @abstractmethod
    async def execute_code_blocks(
        self,
        code_blocks: list[CodeBlock],
        cancellation_token: CancellationToken,
    ) -> CodeResult:
        """Run the blocks one after another.

        Raises:
            ValueError: The blocks are not acceptable, such as a language that the executor does not know.
            asyncio.TimeoutError: The code took too long.
            asyncio.CancelledError: The token was cancelled meanwhile.
        """

    @abstractmethod
    async def start(self) -> None:
        """Acquire what is needed to run code."""

    @abstractmethod
    async def stop(self) -> None:
        """Stop what still runs and release everything."""

    @abstractmethod
    async def restart(self) -> None:
        """Go back to the state after `start`. Called when the agent that owns the executor is reset."""

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
