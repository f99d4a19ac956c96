"""Builds the graph of a flow step by step, from agents."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Self

from hubbub_agentchat.base import ChatAgent
from hubbub_agentchat.teams._group_chat._graph._digraph import (
    Activation,
    DiGraph,
    DiGraphEdge,
    DiGraphNode,
    EdgeCondition,
)


class DiGraphBuilder:
    """Collects nodes and edges; every step returns the builder.

    ```
    builder = DiGraphBuilder()
    builder.add_node(writer).add_node(critic).add_node(printer)
    builder.add_edge(writer, critic)
    builder.add_edge(critic, writer, condition="REVISE").add_edge(critic, printer, condition="APPROVE")
    builder.set_entry_point(writer)
    flow = GraphFlow(builder.get_participants(), builder.build(), max_turns=20)
    ```
    """

    def __init__(self) -> None:
        self.nodes: dict[str, DiGraphNode] = {}
        self.agents: dict[str, ChatAgent] = {}
        self._default_start_node: str | None = None

    def add_node(self, agent: ChatAgent, activation: Activation = "all") -> Self:
        """Add an agent as a node. One whose name is there already is ignored."""
        if agent.name not in self.nodes:
            self.nodes[agent.name] = DiGraphNode(name=agent.name, activation=activation)
            self.agents[agent.name] = agent
        return self

    def add_edge(
        self,
        source: str | ChatAgent,
        target: str | ChatAgent,
        condition: str | EdgeCondition | None = None,
        activation_group: str | None = None,
        activation_condition: Activation | None = None,
    ) -> Self:
        """Add a way from one node to another.

        Args:
            source: The node that it leaves, as agent or by name.
            target: The node that it leads to.
            condition: A text that the source's answer has to contain, or a function that decides from the answer.
            activation_group: Edges to one target with one group name activate it together; by default its name.
            activation_condition: Whether the target waits for "all" edges of the group, as by default, or for "any".

        Raises:
            ValueError: Source or target was not added, or the condition is a coroutine function.
        """
        source_name, target_name = _name(source), _name(target)
        if source_name not in self.nodes:
            raise ValueError(f"Source node '{source_name}' must be added before adding an edge.")
        if target_name not in self.nodes:
            raise ValueError(f"Target node '{target_name}' must be added before adding an edge.")
        edge = DiGraphEdge(
            target=target_name,
            condition=condition,
            activation_group=activation_group or "",
            activation_condition=activation_condition or "all",
        )
        self.nodes[source_name].edges.append(edge)
        return self

    def add_conditional_edges(
        self, source: str | ChatAgent, condition_to_target: Mapping[str, str | ChatAgent]
    ) -> Self:
        """Add a conditional edge per text. Deprecated: call `add_edge` with a condition for each.

        Raises:
            ValueError: Source or target was not added.
        """
        warnings.warn(
            "add_conditional_edges is deprecated; call add_edge with a condition for each target.",
            DeprecationWarning,
            stacklevel=2,
        )
        for condition, target in condition_to_target.items():
            self.add_edge(source, target, condition)
        return self

    def set_entry_point(self, name: str | ChatAgent) -> Self:
        """Make a node the only one that a run begins with.

        Raises:
            ValueError: The node was not added.
        """
        node_name = _name(name)
        if node_name not in self.nodes:
            raise ValueError(f"Start node '{node_name}' must be added before setting as entry point.")
        self._default_start_node = node_name
        return self

    def build(self) -> DiGraph:
        """Return the graph; the builder can be used further without changing it.

        Raises:
            ValueError: The graph cannot be run; see `DiGraph.graph_validate`.
        """
        nodes = {name: node.model_copy(update={"edges": list(node.edges)}) for name, node in self.nodes.items()}
        graph = DiGraph(nodes=nodes, default_start_node=self._default_start_node)
        graph.graph_validate()
        return graph

    def get_participants(self) -> list[ChatAgent]:
        """Return the agents, in the order in which they were added."""
        return list(self.agents.values())


def _name(node: str | ChatAgent) -> str:
    return node if isinstance(node, str) else node.name
