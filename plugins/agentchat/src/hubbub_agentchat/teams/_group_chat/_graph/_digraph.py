"""The directed graph of a flow: nodes, edges with conditions, and what makes a graph runnable."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Literal, Self, TypeAlias

from pydantic import BaseModel, Field, PrivateAttr, model_validator
from pydantic.json_schema import SkipJsonSchema

from hubbub_agentchat.messages import BaseChatMessage

Activation: TypeAlias = Literal["all", "any"]
EdgeCondition: TypeAlias = Callable[[BaseChatMessage], bool]
"""Given the answer of the edge's source, tells whether the edge is followed."""


class DiGraphEdge(BaseModel):
    """A way from one node to another.

    Raises:
        ValueError: The condition is a coroutine function.
    """

    target: str
    """Name of the node that it leads to."""

    condition: str | SkipJsonSchema[EdgeCondition] | None = None
    """A text that the source's answer has to contain. A function given here is kept as `condition_function`."""

    condition_function: SkipJsonSchema[EdgeCondition | None] = Field(default=None, exclude=True)
    """A function that decides. Functions are not part of a configuration."""

    activation_group: str = ""
    """Edges to one target with one group name activate it together. By default the target's name."""

    activation_condition: Activation = "all"
    """Whether the target waits for every edge of the group or runs at the first one."""

    @model_validator(mode="after")
    def _normalise(self) -> Self:
        if callable(self.condition):
            self.condition_function = self.condition
            self.condition = None
        if inspect.iscoroutinefunction(self.condition_function):
            raise ValueError(
                f"The condition of the edge to {self.target!r} is a coroutine function, which would count as always "
                "true. Pass a plain function that returns a bool."
            )
        if not self.activation_group:
            self.activation_group = self.target
        return self

    @property
    def is_conditional(self) -> bool:
        """Whether following the edge depends on the answer."""
        return self.condition is not None or self.condition_function is not None

    def check_condition(self, message: BaseChatMessage) -> bool:
        """Tell whether the edge is followed after this answer of its source; always without a condition."""
        if self.condition_function is not None:
            return bool(self.condition_function(message))
        if isinstance(self.condition, str):
            return self.condition in message.to_model_text()
        return True


class DiGraphNode(BaseModel):
    """A participant's place in the graph."""

    name: str
    """The participant's name."""

    edges: list[DiGraphEdge] = Field(default_factory=list)
    """The ways out of it."""

    activation: Activation = "all"
    """Kept for the files that have it; what activates a node is said by the edges that lead to it (N-205)."""


class DiGraph(BaseModel):
    """Nodes by name. Begins where no edge leads, or at `default_start_node`."""

    nodes: dict[str, DiGraphNode]
    default_start_node: str | None = None

    _has_cycles: bool | None = PrivateAttr(default=None)

    def get_parents(self) -> dict[str, list[str]]:
        """Return, for every node, the nodes with an edge to it; a node with two such edges is listed twice."""
        parents: dict[str, list[str]] = {name: [] for name in self.nodes}
        for name, edge in self._edges():
            parents.setdefault(edge.target, []).append(name)
        return parents

    def get_start_nodes(self) -> set[str]:
        """Return the default start node alone, or without one all nodes that no edge leads to."""
        if self.default_start_node is not None:
            return {self.default_start_node}
        return {name for name, parents in self.get_parents().items() if not parents}

    def get_leaf_nodes(self) -> set[str]:
        """Return the nodes that no edge leads out of."""
        return {name for name, node in self.nodes.items() if not node.edges}

    def get_remaining_map(self) -> dict[str, dict[str, int]]:
        """Return how many edges lead to each target in each of its activation groups: `{"C": {"C": 2}}`."""
        counts: dict[str, dict[str, int]] = {}
        for _, edge in self._edges():
            groups = counts.setdefault(edge.target, {})
            groups[edge.activation_group] = groups.get(edge.activation_group, 0) + 1
        return counts

    def has_cycles_with_exit(self) -> bool:
        """Tell whether there are cycles, all of them with a conditional edge leaving one of their nodes.

        Raises:
            ValueError: A cycle has none, so that nothing could ever end it; the text names its nodes.
        """
        endless = find_cycle(
            {
                name: [edge.target for edge in node.edges]
                for name, node in self.nodes.items()
                if not any(edge.is_conditional for edge in node.edges)
            }
        )
        if endless is not None:
            raise ValueError(f"Cycle detected without exit condition: {' -> '.join(endless)}")
        targets = {name: [edge.target for edge in node.edges] for name, node in self.nodes.items()}
        return find_cycle(targets) is not None

    def get_has_cycles(self) -> bool:
        """Return what `has_cycles_with_exit` says, remembered from the first time or the last validation.

        Raises:
            ValueError: A cycle has no exit.
        """
        if self._has_cycles is None:
            self._has_cycles = self.has_cycles_with_exit()
        return self._has_cycles

    def graph_validate(self) -> None:
        """Refuse a graph that cannot be run.

        Raises:
            ValueError: There are no nodes, start nodes or leaves, an edge or the default start leads to an unknown
                node, a node has conditional and unconditional edges, a cycle has no exit, or edges of one activation
                group differ in their condition.
        """
        if not self.nodes:
            raise ValueError("Graph has no nodes.")
        known = f"The nodes are {list(self.nodes)}."
        if self.default_start_node is not None and self.default_start_node not in self.nodes:
            raise ValueError(f"The default start node {self.default_start_node!r} is not in the graph. {known}")
        for name, edge in self._edges():
            if edge.target not in self.nodes:
                raise ValueError(
                    f"An edge of node {name!r} leads to {edge.target!r}, which is not in the graph. {known}"
                )
        if not self.get_start_nodes():
            raise ValueError("Graph must have at least one start node")
        if not self.get_leaf_nodes():
            raise ValueError("Graph must have at least one leaf node")
        for name, node in self.nodes.items():
            if len({edge.is_conditional for edge in node.edges}) > 1:
                raise ValueError(f"Node '{name}' has a mix of conditional and unconditional edges.")
        self._validate_activation_conditions()
        self._has_cycles = self.has_cycles_with_exit()

    def _validate_activation_conditions(self) -> None:
        first: dict[tuple[str, str], tuple[Activation, str]] = {}
        for name, edge in self._edges():
            key = edge.target, edge.activation_group
            condition, source = first.setdefault(key, (edge.activation_condition, name))
            if condition != edge.activation_condition:
                raise ValueError(
                    f"Conflicting activation conditions for target '{edge.target}' group '{edge.activation_group}': "
                    f"'{condition}' (from node '{source}') and '{edge.activation_condition}' (from node '{name}')"
                )

    def _edges(self) -> Iterable[tuple[str, DiGraphEdge]]:
        return ((name, edge) for name, node in self.nodes.items() for edge in node.edges)


def find_cycle(targets: Mapping[str, list[str]]) -> list[str] | None:
    """Return the nodes of a cycle, closed with the first one, or None. Targets that are no keys have no way out."""
    done: set[str] = set()
    for start in targets:
        # A stack of our own: a chain of a thousand nodes is deeper than the interpreter recurses.
        path: list[str] = []
        on_path: set[str] = set()
        pending = [(start, False)]
        while pending:
            name, left = pending.pop()
            if left:
                path.pop()
                on_path.discard(name)
                done.add(name)
            elif name in on_path:
                return [*path[path.index(name) :], name]
            elif name not in done and name in targets:
                path.append(name)
                on_path.add(name)
                pending.append((name, True))
                pending.extend((target, False) for target in reversed(targets[name]))
    return None
