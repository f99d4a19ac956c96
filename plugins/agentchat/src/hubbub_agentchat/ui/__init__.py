"""Runs on the terminal."""

from hubbub_agentchat.ui._console import Console, UserInputManager

__all__ = ["Console", "UserInputManager"]
