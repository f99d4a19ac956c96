"""Chat agents, teams, termination conditions and their messages, on the Hubbub runtime.

The parts are submodules: `agents`, `teams`, `conditions`, `messages`, `tools`, `base`, `state`, `ui`, `utils`,
`exchange`, `migration`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    __version__: str

TRACE_LOGGER_NAME: Final = "hubbub_agentchat"
"""Name of the logger for debugging."""

EVENT_LOGGER_NAME: Final = "hubbub_agentchat.events"
"""Name of the logger for structured events."""

__all__ = ["EVENT_LOGGER_NAME", "TRACE_LOGGER_NAME", "__version__"]


def __getattr__(name: str) -> object:
    if name != "__version__":
        raise AttributeError(f"{__name__} offers no {name!r}", name=name)
    from importlib.metadata import version

    found = globals()[name] = version("hubbub-agentchat")
    return found
