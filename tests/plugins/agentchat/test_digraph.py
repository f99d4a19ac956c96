"""DiGraph and its builder: shapes, questions to a graph, and what is refused."""

from __future__ import annotations

import re
from typing import Any

import pytest
from agentchat_agents import Scripted

from hubbub_agentchat.messages import BaseChatMessage, StructuredMessage, TextMessage
from hubbub_agentchat.state import BaseState
from hubbub_agentchat.teams import DiGraph, DiGraphBuilder, DiGraphEdge, DiGraphNode


def text(content: str) -> TextMessage:
    return TextMessage(content=content, source="A")


def graph(*edges: str | tuple[str, str | None], start: str | None = None) -> DiGraph:
    """Return the graph of edges like `A B`, or `("A B", "condition")`."""
    nodes: dict[str, DiGraphNode] = {}
    for edge in edges:
        ends, condition = edge if isinstance(edge, tuple) else (edge, None)
        names = ends.split()
        for name in names:
            nodes.setdefault(name, DiGraphNode(name=name))
        if len(names) > 1:
            nodes[names[0]].edges.append(DiGraphEdge(target=names[1], condition=condition))
    return DiGraph(nodes=nodes, default_start_node=start)


def test_edge_without_condition_is_always_followed_and_its_group_is_its_target() -> None:
    edge = DiGraphEdge(target="B")

    assert edge.check_condition(text("whatever"))
    assert (edge.condition, edge.condition_function) == (None, None)
    assert (edge.activation_group, edge.activation_condition) == ("B", "all")


def test_text_condition_is_searched_in_the_text_that_models_read() -> None:
    edge = DiGraphEdge(target="B", condition="APPROVE")

    assert edge.check_condition(text("I APPROVE."))
    assert not edge.check_condition(text("approve"))
    structured = StructuredMessage[BaseState](content=BaseState(version="APPROVE"), source="A")
    assert edge.check_condition(structured)


def test_empty_text_as_condition_is_a_condition_that_always_holds() -> None:
    assert DiGraphEdge(target="B", condition="").check_condition(text("x"))
    graph(("A B", ""), ("B A", ""), ("B C", "")).model_copy(update={"default_start_node": "A"}).graph_validate()


def test_function_as_condition_moves_to_its_own_field_and_is_not_dumped() -> None:
    edge = DiGraphEdge(target="B", condition=lambda message: message.to_text() == "go")

    assert edge.condition is None
    assert edge.condition_function is not None
    assert (edge.check_condition(text("go")), edge.check_condition(text("stop"))) == (True, False)
    assert edge.model_dump() == {
        "target": "B",
        "condition": None,
        "activation_group": "B",
        "activation_condition": "all",
    }
    assert DiGraphEdge.model_validate(edge.model_dump()).check_condition(text("stop"))


def test_coroutine_function_as_condition_is_refused() -> None:
    async def always(message: BaseChatMessage) -> bool:
        return False

    condition: Any = always
    with pytest.raises(ValueError, match="condition of the edge to 'B' is a coroutine function"):
        DiGraphEdge(target="B", condition=condition)


def test_schema_of_a_graph_is_one_of_json() -> None:
    schema = DiGraph.model_json_schema()

    edge = schema["$defs"]["DiGraphEdge"]["properties"]
    assert sorted(edge) == ["activation_condition", "activation_group", "condition", "target"]
    assert [kind["type"] for kind in edge["condition"]["anyOf"]] == ["string", "null"]


def test_parents_starts_and_leaves() -> None:
    found = graph("A B", "A C", "B D", "C D", "E")

    assert found.get_parents() == {"A": [], "B": ["A"], "C": ["A"], "D": ["B", "C"], "E": []}
    assert found.get_start_nodes() == {"A", "E"}
    assert found.get_leaf_nodes() == {"D", "E"}


def test_default_start_node_is_the_only_start() -> None:
    assert graph("A B", "E", start="B").get_start_nodes() == {"B"}


def test_remaining_map_counts_edges_by_target_and_group() -> None:
    found = graph("A C", "B C")
    found.nodes["C"].edges.append(DiGraphEdge(target="C", condition="loop", activation_group="again"))

    assert found.get_remaining_map() == {"C": {"C": 2, "again": 1}}


def test_cycles_with_an_exit_and_without_any_cycle() -> None:
    assert not graph("A B", "B C").has_cycles_with_exit()
    assert graph("A B", ("B A", "loop"), ("B C", "exit")).has_cycles_with_exit()


def test_an_edge_that_leaves_any_node_of_the_cycle_on_a_condition_is_its_exit() -> None:
    found = graph("A B", "B C", ("C A", "again"), ("C D", "done"), start="A")

    found.graph_validate()

    assert found.get_has_cycles()


def test_cycle_without_an_exit_is_named() -> None:
    with pytest.raises(ValueError, match=r"^Cycle detected without exit condition: A -> B -> C -> A$"):
        graph("A B", "B C", "C A").has_cycles_with_exit()


def test_cycle_without_an_exit_is_found_in_any_part_of_a_graph_and_behind_one_that_has_an_exit() -> None:
    with pytest.raises(ValueError, match=r"Y -> Z -> Y$"):
        graph("A B", ("B A", "loop"), ("B C", "exit"), "Y Z", "Z Y").has_cycles_with_exit()
    with pytest.raises(ValueError, match=r"B -> C -> B$"):
        # Seen from A, both cycles through B have been entered before the one without an exit is found.
        graph(("A B", "x"), ("A D", "x"), "B C", "C B", "C A").has_cycles_with_exit()


def test_whether_there_are_cycles_is_remembered_until_the_next_validation() -> None:
    found = graph("A B", "B C", start="A")
    assert not found.get_has_cycles()

    found.nodes["B"].edges[:] = [DiGraphEdge(target="A", condition="x"), DiGraphEdge(target="C", condition="y")]

    assert not found.get_has_cycles()
    found.graph_validate()
    assert found.get_has_cycles()


def test_chain_of_many_thousand_nodes_is_validated() -> None:
    graph(*(f"N{number} N{number + 1}" for number in range(5000))).graph_validate()


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (DiGraph(nodes={}), "Graph has no nodes."),
        (graph(("A B", "x"), ("B A", "y")), "Graph must have at least one start node"),
        (graph("A B", ("B B", "x")), "Graph must have at least one leaf node"),
        (graph("A B", ("A C", "x")), "Node 'A' has a mix of conditional and unconditional edges."),
        (graph("A B", "B C", "C B", "D"), "Cycle detected without exit condition: B -> C -> B"),
        (graph("A B", start="Z"), "The default start node 'Z' is not in the graph. The nodes are ['A', 'B']."),
        (
            DiGraph(nodes={"A": DiGraphNode(name="A", edges=[DiGraphEdge(target="Z")])}),
            "An edge of node 'A' leads to 'Z', which is not in the graph. The nodes are ['A'].",
        ),
    ],
)
def test_graph_that_cannot_be_run_is_refused(found: DiGraph, text: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        found.graph_validate()


def test_edges_of_one_group_that_differ_in_their_condition_are_refused() -> None:
    found = graph("A C", "B C")
    found.nodes["B"].edges[0].activation_condition = "any"

    text = "Conflicting activation conditions for target 'C' group 'C': 'all' (from node 'A') and 'any' (from node 'B')"
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        found.graph_validate()


def test_builder_makes_nodes_edges_and_participants_from_agents_and_names() -> None:
    a, b, c = Scripted("A"), Scripted("B"), Scripted("C")
    builder = DiGraphBuilder()

    built = (
        builder.add_node(a)
        .add_node(b, activation="any")
        .add_node(c)
        .add_edge(a, b)
        .add_edge("A", "C", activation_group="side", activation_condition="any")
        .build()
    )

    assert built.model_dump() == {
        "nodes": {
            "A": {
                "name": "A",
                "edges": [
                    {"target": "B", "condition": None, "activation_group": "B", "activation_condition": "all"},
                    {"target": "C", "condition": None, "activation_group": "side", "activation_condition": "any"},
                ],
                "activation": "all",
            },
            "B": {"name": "B", "edges": [], "activation": "any"},
            "C": {"name": "C", "edges": [], "activation": "all"},
        },
        "default_start_node": None,
    }
    assert builder.get_participants() == [a, b, c]
    assert (list(builder.nodes), builder.agents) == (["A", "B", "C"], {"A": a, "B": b, "C": c})


def test_agent_whose_name_is_there_already_is_ignored() -> None:
    first, second = Scripted("A"), Scripted("A")
    builder = DiGraphBuilder().add_node(first).add_node(second, activation="any")

    assert builder.get_participants() == [first]
    assert builder.nodes["A"].activation == "all"


def test_builder_refuses_nodes_that_were_not_added() -> None:
    builder = DiGraphBuilder().add_node(Scripted("A"))

    with pytest.raises(ValueError, match=r"^Source node 'B' must be added before adding an edge\.$"):
        builder.add_edge(Scripted("B"), "A")
    with pytest.raises(ValueError, match=r"^Target node 'B' must be added before adding an edge\.$"):
        builder.add_edge("A", "B")
    with pytest.raises(ValueError, match="'B' must be added"):
        builder.set_entry_point("B")


def test_conditional_edges_from_a_table_are_deprecated_and_still_made() -> None:
    builder = DiGraphBuilder().add_node(Scripted("A")).add_node(Scripted("B")).add_node(Scripted("C"))

    with pytest.warns(DeprecationWarning, match="add_edge"):
        builder.add_conditional_edges("A", {"yes": "B", "no": builder.agents["C"]})

    assert [(edge.condition, edge.target) for edge in builder.nodes["A"].edges] == [("yes", "B"), ("no", "C")]


def test_entry_point_is_the_default_start_node() -> None:
    builder = DiGraphBuilder().add_node(Scripted("A")).add_node(Scripted("B"))

    assert builder.set_entry_point(builder.agents["B"]).build().default_start_node == "B"


def test_building_validates_and_what_is_built_does_not_change_any_more() -> None:
    builder = DiGraphBuilder()
    with pytest.raises(ValueError, match="Graph has no nodes"):
        builder.build()

    built = builder.add_node(Scripted("A")).add_node(Scripted("B")).build()
    builder.add_edge("A", "B")

    assert built.nodes["A"].edges == []
