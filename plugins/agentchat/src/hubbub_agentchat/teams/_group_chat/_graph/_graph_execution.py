"""How far a run has come in a graph: who is at work, who is next, what the others still wait for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, Field

from hubbub_agentchat.messages import BaseChatMessage
from hubbub_agentchat.teams._group_chat._graph._digraph import DiGraph


class GraphExecutionState(BaseModel):
    """The part of a flow's state that is about its graph (N-216)."""

    remaining: dict[str, dict[str, int]] = Field(default_factory=dict)
    """By target and activation group: how many edges have still to fire."""

    enqueued_any: dict[str, dict[str, bool]] = Field(default_factory=dict)
    """By target and activation group: whether a group that needs any edge has fired."""

    ready: list[str] = Field(default_factory=list)
    """Who has to run: first whoever was at work and has not answered, then who is next."""


class GraphExecution:
    """Follows a run through a graph.

    A round runs until each of its nodes has answered. A round that is cut off is taken up again by those who have not
    answered, before anybody whom the others have made ready: what a run does depends on the answers alone, not on where
    it was interrupted.

    Invariant: a node is in `_ready` if and only if it begins the run, or one of its groups has fired: one of "all"
    edges with 0 remaining, or one of "any" with its flag set. So the groups to arm again need no list of their own.

    Args:
        graph: A valid graph; later changes of it have no effect.
    """

    def __init__(self, graph: DiGraph) -> None:
        self._edges = {name: tuple(node.edges) for name, node in graph.nodes.items()}
        starts = graph.get_start_nodes()
        self._starts = [name for name in graph.nodes if name in starts]
        self._counts = graph.get_remaining_map()
        self.restart()

    def restart(self) -> None:
        """Go back to the start nodes."""
        self._remaining = {target: dict(groups) for target, groups in self._counts.items()}
        self._enqueued_any = {target: dict.fromkeys(groups, False) for target, groups in self._counts.items()}
        self._ready = list(self._starts)
        self._at_work: list[str] = []

    @property
    def complete(self) -> bool:
        """Whether nobody is at work and nobody is next."""
        return not self._at_work and not self._ready

    def is_at_work(self, name: str) -> bool:
        """Tell whether a node is of the current round and has not answered."""
        return name in self._at_work

    def next_round(self) -> list[str]:
        """Return who runs now: the rest of the current round, else all who are ready."""
        if not self._at_work:
            self._at_work, self._ready = self._ready, []
            for name in self._at_work:
                self._arm_fired_groups(name)
        return list(self._at_work)

    def answered(self, name: str, message: BaseChatMessage) -> None:
        """Follow the edges of a node that has answered.

        Raises:
            Exception: What a condition raised; nothing has changed then.
        """
        followed = [edge for edge in self._edges[name] if edge.check_condition(message)]
        self._at_work.remove(name)
        for edge in followed:
            target, group = edge.target, edge.activation_group
            if edge.activation_condition == "any":
                self._enqueued_any[target][group] = True
            else:
                # Not below 0: one edge may fire twice, in a loop, before another one has fired once.
                self._remaining[target][group] = max(0, self._remaining[target][group] - 1)
                if self._remaining[target][group]:
                    continue
            if target not in self._ready:
                self._ready.append(target)

    def dump(self) -> GraphExecutionState:
        """Return the state as data."""
        return GraphExecutionState(
            remaining={target: dict(groups) for target, groups in self._remaining.items()},
            enqueued_any={target: dict(groups) for target, groups in self._enqueued_any.items()},
            ready=[*self._at_work, *self._ready],
        )

    def load(self, state: GraphExecutionState) -> None:
        """Replace the state. One with nobody ready begins at the start nodes.

        Raises:
            ValueError: The state is of another graph.
        """
        _require_known(state.ready, self._edges, "node")
        remaining = {
            target: {group: max(0, count) for group, count in groups.items()}
            for target, groups in _merged(self._counts, state.remaining).items()
        }
        unfired = {target: dict.fromkeys(groups, False) for target, groups in self._counts.items()}
        enqueued_any = _merged(unfired, state.enqueued_any)
        self.restart()
        if not state.ready:
            return
        self._remaining, self._enqueued_any = remaining, enqueued_any
        ready = [name for name in dict.fromkeys(state.ready) if self._has_fired(name)]
        # No group has activated the others any more, so they begin the run or were at work; and so was who is listed
        # twice, once for a round to come. Those who begin a run are a whole round, too.
        self._at_work = [
            name for name in dict.fromkeys(state.ready) if name not in ready or state.ready.count(name) > 1
        ]
        self._ready = ready

    def _has_fired(self, name: str) -> bool:
        return 0 in self._remaining.get(name, {}).values() or any(self._enqueued_any.get(name, {}).values())

    def _arm_fired_groups(self, name: str) -> None:
        for group, count in self._remaining.get(name, {}).items():
            if count == 0:
                self._remaining[name][group] = self._counts[name][group]
        for group in self._enqueued_any.get(name, {}):
            self._enqueued_any[name][group] = False


def _merged(
    fresh: Mapping[str, Mapping[str, Any]], saved: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Return the saved values over the fresh ones, which stand for what an older release has not saved."""
    merged = {target: dict(groups) for target, groups in fresh.items()}
    for target, groups in saved.items():
        if groups:
            _require_known([target], fresh, "target")
            _require_known(groups, fresh[target], f"activation group of {target!r}")
            merged[target].update(groups)
    return merged


def _require_known(names: Iterable[str], known: Mapping[str, Any], what: str) -> None:
    for name in names:
        if name not in known:
            raise ValueError(
                f"The saved state names {name!r} as {what}, which this graph has not; it has {list(known)}. "
                "Load it in a flow of the graph that saved it."
            )
