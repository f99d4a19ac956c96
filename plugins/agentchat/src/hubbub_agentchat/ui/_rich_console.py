"""A run on the terminal, a bordered panel for each message; needs the extra `rich`."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Final, Literal, TypeAlias, TypeVar, cast

try:
    from rich.align import Align
    from rich.console import Console as Terminal
    from rich.panel import Panel
    from rich.text import Text
except ImportError as error:
    raise ImportError(
        "RichConsole needs the package rich; `pip install hubbub-agentchat[rich]` installs it", name="rich"
    ) from error

from hubbub_agentchat.base import Response, TaskResult
from hubbub_agentchat.messages import (
    BaseAgentEvent,
    BaseChatMessage,
    ModelClientStreamingChunkEvent,
    MultiModalMessage,
    UserInputRequestedEvent,
)
from hubbub_agentchat.ui._console import UserInputManager
from hubbub_core import Image
from hubbub_core.models import RequestUsage

T = TypeVar("T", bound=TaskResult | Response)
Side: TypeAlias = Literal["left", "center", "right"]

_LOOKS: Final[dict[str, tuple[str, Side]]] = {
    "user": ("bright_green", "right"),
    "MagenticOneOrchestrator": ("bright_blue", "center"),
    "WebSurfer": ("bright_yellow", "left"),
    "FileSurfer": ("bright_cyan", "left"),
    "Coder": ("bright_magenta", "left"),
    "Executor": ("bright_red", "left"),
}
"""Colour and side of the well-known authors."""

_COLOURS: Final = ("cyan", "magenta", "yellow", "blue", "green", "red")
"""Colours of all others, in the order in which they speak."""


async def RichConsole(
    stream: AsyncGenerator[BaseAgentEvent | BaseChatMessage | T, None],
    *,
    no_inline_images: bool = False,
    output_stats: bool = False,
    user_input_manager: UserInputManager | None = None,
) -> T:
    """Print a run as it goes, each message in a panel that is titled with its source, and return its result.

    Pieces of messages are not shown, only the whole ones (N-361).

    Args:
        stream: What `run_stream()` or `on_messages_stream()` returned.
        no_inline_images: Write `<image>` also where the terminal (iTerm2) can show pictures.
        output_stats: Print token usage and a summary.
        user_input_manager: Told about requests for user input once everything before them is printed.

    Returns:
        The last `TaskResult` or `Response`.

    Raises:
        ValueError: The stream held neither.
        Exception: Whatever ended the run.
    """
    panels = _Panels(images=not no_inline_images and os.getenv("TERM_PROGRAM") == "iTerm.app", stats=output_stats)
    result: T | None = None
    async with aclosing(stream) as items:
        async for item in items:
            if isinstance(item, TaskResult):
                reason = f"Finish reason: {item.stop_reason}"
                panels.summary([f"Number of messages: {len(item.messages)}", reason])
                result = cast("T", item)
            elif isinstance(item, Response):
                panels.message(item.chat_message)
                panels.summary([f"Number of inner messages: {len(item.inner_messages or ())}"])
                result = cast("T", item)
            elif isinstance(item, UserInputRequestedEvent):
                if user_input_manager is not None:
                    user_input_manager.notify_event_received(item.request_id)
            elif not isinstance(item, ModelClientStreamingChunkEvent):
                panels.message(item)
    if result is None:
        raise ValueError("No TaskResult or Response was processed.")
    return result


class _Panels:
    """Writes panels and adds up what messages cost.

    Args:
        images: Whether pictures are written as such, below the panel of their message.
        stats: Whether usage is written.
    """

    def __init__(self, *, images: bool, stats: bool) -> None:
        self._terminal = Terminal()
        self._images = images
        self._stats = stats
        self._start = time.perf_counter()
        self._usage = RequestUsage(prompt_tokens=0, completion_tokens=0)
        self._colours: dict[str, str] = {}

    def message(self, message: BaseAgentEvent | BaseChatMessage) -> None:
        """Write a message or event."""
        colour, side = self._look(message.source)
        used = message.models_usage
        below = None
        if used is not None:
            self._usage = RequestUsage(
                self._usage.prompt_tokens + used.prompt_tokens, self._usage.completion_tokens + used.completion_tokens
            )
            if self._stats:
                below = f"Prompt tokens: {used.prompt_tokens}, Completion tokens: {used.completion_tokens}"
        # As Text: what agents say is no markup of rich's.
        panel = Panel(
            Text(message.to_text()),
            title=Text(message.source),
            subtitle=None if below is None else Text(below),
            border_style=colour,
            expand=False,
        )
        self._terminal.print(Align(panel, side))
        if self._images and isinstance(message, MultiModalMessage):
            _write_images([part for part in message.content if isinstance(part, Image)])

    def summary(self, lines: list[str]) -> None:
        """Write what the run cost."""
        if not self._stats:
            return
        lines = [
            *lines,
            f"Total prompt tokens: {self._usage.prompt_tokens}",
            f"Total completion tokens: {self._usage.completion_tokens}",
            f"Duration: {time.perf_counter() - self._start:.2f} seconds",
        ]
        self._terminal.print(Panel(Text("\n".join(lines)), title="Summary", expand=False))

    def _look(self, source: str) -> tuple[str, Side]:
        if source in _LOOKS:
            return _LOOKS[source]
        return self._colours.setdefault(source, _COLOURS[len(self._colours) % len(_COLOURS)]), "left"


def _write_images(images: Sequence[Image]) -> None:
    # Past rich, which would count the bytes as columns.
    for image in images:
        print(f"\033]1337;File=inline=1:{image.to_base64()}\a", file=sys.stdout, flush=True)
