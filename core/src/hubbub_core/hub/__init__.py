"""Hub files: a hub of agents described in one YAML file, and what runs it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .component_run import ComponentRun as ComponentRun
    from .component_run import InputEndedError as InputEndedError
    from .errors import AgentFailedError as AgentFailedError
    from .errors import HubFileError as HubFileError
    from .errors import HubRunError as HubRunError
    from .errors import PartFailedError as PartFailedError
    from .events import AgentFinished as AgentFinished
    from .events import AgentStarted as AgentStarted
    from .events import ChunkArrived as ChunkArrived
    from .events import HubEvent as HubEvent
    from .events import HubStarted as HubStarted
    from .events import PartProgress as PartProgress
    from .events import ResultArrived as ResultArrived
    from .events import RunStarted as RunStarted
    from .hub import Hub as Hub
    from .hub import load_model as load_model
    from .python_agent import PythonAgent as PythonAgent
    from .schema import HubFile as HubFile
    from .source import SourceError as SourceError
    from .source import load_attribute as load_attribute

__all__ = [
    "AgentFailedError",
    "AgentFinished",
    "AgentStarted",
    "ChunkArrived",
    "ComponentRun",
    "Hub",
    "HubEvent",
    "HubFile",
    "HubFileError",
    "HubRunError",
    "HubStarted",
    "InputEndedError",
    "PartFailedError",
    "PartProgress",
    "PythonAgent",
    "ResultArrived",
    "RunStarted",
    "SourceError",
    "load_attribute",
    "load_model",
]

_LAZY = {
    "AgentFailedError": ".errors",
    "AgentFinished": ".events",
    "AgentStarted": ".events",
    "ChunkArrived": ".events",
    "ComponentRun": ".component_run",
    "Hub": ".hub",
    "HubEvent": ".events",
    "HubFile": ".schema",
    "HubFileError": ".errors",
    "HubRunError": ".errors",
    "HubStarted": ".events",
    "InputEndedError": ".component_run",
    "PartFailedError": ".errors",
    "PartProgress": ".events",
    "PythonAgent": ".python_agent",
    "ResultArrived": ".events",
    "RunStarted": ".events",
    "SourceError": ".source",
    "load_attribute": ".source",
    "load_model": ".hub",
}


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"{__name__} offers no {name!r}", name=name)
    value = globals()[name] = getattr(import_module(_LAZY[name], __name__), name)
    return value
