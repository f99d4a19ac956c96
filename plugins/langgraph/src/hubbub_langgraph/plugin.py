"""What hubbub-langgraph declares."""

from __future__ import annotations

from hubbub_registry import AdapterSpec, ComponentSpec, hookimpl

# The same names from langgraph 1.0 to 1.2. Entry points of the functional API are plain Pregel objects.
_GRAPHS = ("langgraph.graph.state.CompiledStateGraph", "langgraph.pregel.main.Pregel")


@hookimpl
def hubbub_components() -> list[ComponentSpec]:
    return [
        ComponentSpec(
            kind="agent",
            provider="hubbub_langgraph.LangGraphAgent",
            name="langgraph",
            summary="A LangGraph graph from a Python file",
            capabilities=("code",),
        )
    ]


@hookimpl
def hubbub_adapters() -> list[AdapterSpec]:
    return [
        AdapterSpec(
            source=_GRAPHS,
            to="agent",
            by="hubbub_langgraph.agent.from_graph",
            summary="Compiled LangGraph graphs and functional entry points become agents",
        ),
        AdapterSpec(
            source="langgraph.graph.state.StateGraph",
            to="agent",
            by="hubbub_langgraph.agent.refuse_uncompiled",
            summary="A StateGraph has to be compiled first",
        ),
    ]
