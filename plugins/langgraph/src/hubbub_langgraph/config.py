"""The configuration of a graph in a hub file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langgraph.graph import StateGraph
from langgraph.pregel import Pregel
from pydantic import BaseModel, ConfigDict, Field

from hubbub_core.hub.objects import load_object
from hubbub_core.hub.source import SourceError
from hubbub_core.models import ChatCompletionClient
from hubbub_registry import ComponentModel

if TYPE_CHECKING:
    from ._mapping import Graph


class LangGraphAgentConfig(BaseModel):
    """Configuration of `LangGraphAgent`."""

    model_config = ConfigDict(extra="forbid")

    graph: str
    """`FILE.py:ATTRIBUTE`: a compiled graph, or a function that returns one; it may take the hub's model as `model`."""

    model: ComponentModel | None = None
    """Model client of the hub, for the function and for the graph's nodes (`get_hub().model`)."""

    input: str | None = None
    """Key of the graph's input that takes the task's text. Without it, `messages` takes the conversation."""

    output: str | None = None
    """Key of the graph's result that holds the answer. Without it, the new `messages` are the answer."""

    topic: str | None = None
    """Key of the graph's result that names the topic the result is published to."""

    config: dict[str, Any] = Field(default_factory=dict)
    """LangGraph's configuration of each run: `recursion_limit`, `tags`, `configurable`, ..."""

    context: dict[str, Any] | None = None
    """Static context of each run, for graphs with a `context_schema`."""

    name: str | None = None
    """Author of the graph's messages, and its name in errors; the graph's own name without it."""

    description: str = ""
    """One line on what the agent does."""


def load_graph(reference: str, model: ChatCompletionClient | None) -> Graph:
    """Load the graph that `FILE.py:ATTRIBUTE` names; a function is called, with the model if it takes one.

    Raises:
        CapabilityError: The caller did not grant `code`.
        SourceError: A ValueError: there is no such file or attribute, or it is no graph and makes none.
    """
    kinds: Any = (Pregel, StateGraph)  # a StateGraph is looked for to say what is missing
    found: Any = load_object(reference, kinds, "a compiled LangGraph graph", offers={"model": model})
    if isinstance(found, StateGraph):
        raise SourceError(reference, "is a StateGraph that is not compiled; call .compile()")
    graph: Graph = found
    return graph
