"""Errors of hub files."""

from __future__ import annotations

from pathlib import Path

from hubbub_registry import HubbubError


class HubFileError(HubbubError, ValueError):
    """A hub file cannot be read, or something in it is wrong.

    Args:
        path: The hub file.
        problem: What is wrong, in one line.
        where: Path within the file, `agents.librarian.config.top_k`; empty for the file as a whole.
    """

    def __init__(self, path: Path | str, problem: str, where: str = "") -> None:
        self.path = Path(path)
        self.where = where
        self.problem = problem
        super().__init__(f"{path}: {where}: {problem}" if where else f"{path}: {problem}")


class HubRunError(HubbubError, RuntimeError):
    """A hub's run ended without its result."""


class AgentFailedError(HubRunError):
    """An agent of the hub raised.

    Args:
        agent: Name of the agent.
        error: What it raised; also the cause.
    """

    def __init__(self, agent: str, error: BaseException) -> None:
        self.agent = agent
        self.error = error
        text = " ".join(str(error).split()) or type(error).__name__
        super().__init__(f"agent {agent!r} failed: {text}")
