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


class PartFailedError(HubRunError):
    """A model, tool or shared part of the hub cannot be built or started.

    Args:
        part: `shared.library`.
        error: What it raised; also the cause.
    """

    def __init__(self, part: str, error: BaseException) -> None:
        self.part = part
        self.error = error
        super().__init__(f"{part}: {one_line(error)}")


class AgentFailedError(HubRunError):
    """An agent of the hub raised.

    Args:
        agent: Name of the agent.
        error: What it raised; also the cause.
    """

    def __init__(self, agent: str, error: BaseException) -> None:
        self.agent = agent
        self.error = error
        text = one_line(error, but=f"in agent {agent!r} ")
        # Some agents name themselves.
        super().__init__(f"agent {agent!r} failed: {text.removeprefix(f'agent {agent!r}: ')}")


def one_line(error: BaseException, *, but: str | None = None) -> str:
    """Return an error's text and notes in one line; its type where it has no text.

    Args:
        error: The error.
        but: How a note begins that the reader is told anyway.
    """
    notes = [note for note in getattr(error, "__notes__", ()) if but is None or not note.startswith(but)]
    return " ".join(" ".join([str(error) or type(error).__name__, *notes]).split())
