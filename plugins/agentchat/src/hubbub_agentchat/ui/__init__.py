"""Runs on the terminal."""

from typing import TYPE_CHECKING

from hubbub_agentchat.ui._console import Console, UserInputManager
from hubbub_agentchat.ui._tool_approval import ConsoleToolApproval

if TYPE_CHECKING:
    from hubbub_agentchat.ui._rich_console import RichConsole

__all__ = ["Console", "ConsoleToolApproval", "RichConsole", "UserInputManager"]


def __getattr__(name: str) -> object:
    if name != "RichConsole":
        raise AttributeError(f"{__name__} offers no {name!r}", name=name)
    from hubbub_agentchat.ui import _rich_console  # needs an extra

    found = globals()[name] = _rich_console.RichConsole
    return found
