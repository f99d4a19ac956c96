"""LangGraph graphs as agents of the hub. Importing this package loads neither LangGraph nor pydantic."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .agent import LangGraphAgent as LangGraphAgent
    from .agent import from_graph as from_graph
    from .config import LangGraphAgentConfig as LangGraphAgentConfig
    from .hub_access import GraphHub as GraphHub
    from .hub_access import get_hub as get_hub
    from .interrupts import UnansweredInterruptError as UnansweredInterruptError

__all__ = [
    "GraphHub",
    "LangGraphAgent",
    "LangGraphAgentConfig",
    "UnansweredInterruptError",
    "from_graph",
    "get_hub",
]

_LAZY = {
    "GraphHub": ".hub_access",
    "LangGraphAgent": ".agent",
    "LangGraphAgentConfig": ".config",
    "UnansweredInterruptError": ".interrupts",
    "from_graph": ".agent",
    "get_hub": ".hub_access",
}


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"{__name__} offers no {name!r}", name=name)
    value = globals()[name] = getattr(import_module(_LAZY[name], __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
