"""Say in an error's notes which agent it came out of; the error itself stays what it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["naming_agent"]


@contextmanager
def naming_agent(what: str, name: str) -> Iterator[None]:
    """Name the agent in a note of whatever error leaves the block. A cancellation is left alone.

    Args:
        what: What runs there, in its framework's words: `"LangGraph graph 'planner'"`.
        name: The agent's name in the hub.
    """
    try:
        yield
    except Exception as error:
        error.add_note(f"in the {what}, which is {name!r} in the hub")
        raise
