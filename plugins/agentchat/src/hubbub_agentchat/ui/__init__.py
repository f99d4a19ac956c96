"""Runs on the terminal."""

from hubbub_agentchat.ui._console import Console, UserInputManager
from hubbub_agentchat.ui._tool_approval import ConsoleToolApproval

__all__ = ["Console", "ConsoleToolApproval", "UserInputManager"]
