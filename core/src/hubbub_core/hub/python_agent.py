"""An agent written directly on `RoutedAgent`, taken from a Python file by a hub file."""

from __future__ import annotations

import inspect
from typing import Any, Self

from pydantic import BaseModel, Field

from hubbub_core._base_agent import BaseAgent
from hubbub_registry import Component, ComponentBase, ComponentLoader

from .source import SourceError, load_attribute


class PythonAgentConfig(BaseModel):
    """Configuration of `PythonAgent`."""

    agent: str
    """`FILE.py:CLASS`, or a function that returns the agent."""

    arguments: dict[str, Any] = Field(default_factory=dict)
    """Keyword arguments; a nested component (`provider` and `config`) is built first."""


class PythonAgent(ComponentBase[PythonAgentConfig], Component[PythonAgentConfig]):
    """Builds the agent that a Python file defines; needs the capability `code`.

    The built object is the file's own agent, not a `PythonAgent`.
    """

    component_type = "agent"
    component_config_schema = PythonAgentConfig
    component_provider_override = "hubbub_core.hub.PythonAgent"

    def _to_config(self) -> PythonAgentConfig:
        raise TypeError("the agent of a Python file is not dumped; its file and arguments are its configuration")

    @classmethod
    def _from_config(cls, config: PythonAgentConfig) -> Self:
        factory = load_attribute(config.agent, what="an agent")
        if not callable(factory):
            raise SourceError(config.agent, "is neither a class nor a function")
        arguments = {name: _built(value) for name, value in config.arguments.items()}
        try:
            inspect.signature(factory).bind(**arguments)
        except TypeError as error:
            raise SourceError(config.agent, f"{error}; it is called as {factory.__name__}(**arguments)") from None
        agent = factory(**arguments)
        if not isinstance(agent, BaseAgent):
            raise SourceError(config.agent, f"made a {type(agent).__name__}, which is not a RoutedAgent")
        return agent  # type: ignore[return-value] # the file's agent stands for the component


def _built(value: Any) -> Any:
    if isinstance(value, dict) and "provider" in value and "config" in value:
        return ComponentLoader.load_component(value, object)
    return value
