"""GraphFlow: who speaks when, in chains, fans, joins and loops; and what goes on after an interruption."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Coroutine
from itertools import pairwise
from typing import Any, Literal

import pytest
from agentchat_agents import Scripted, leisurely
from chat_scripts import said, sources
from team_runs import cancelled_at_every_step, go_on_in_another_process

from hubbub_agentchat.base import TaskResult
from hubbub_agentchat.conditions import MaxMessageTermination, SourceMatchTermination, TextMentionTermination
from hubbub_agentchat.messages import BaseChatMessage, TextMessage
from hubbub_agentchat.teams import BaseGroupChat, DiGraph, DiGraphBuilder, GraphFlow, RoundRobinGroupChat
from hubbub_core import CancellationToken, SingleThreadedAgentRuntime

COMPLETE = "Digraph execution is complete"


def builder(*agents: Scripted | str) -> DiGraphBuilder:
    built = DiGraphBuilder()
    for agent in agents:
        built.add_node(Scripted(agent) if isinstance(agent, str) else agent)
    return built


def flow(built: DiGraphBuilder, **options: Any) -> GraphFlow:
    return GraphFlow(built.get_participants(), built.build(), **options)


def chain(*agents: Scripted | str) -> DiGraphBuilder:
    built = builder(*agents)
    names = list(built.nodes)
    for source, target in pairwise(names):
        built.add_edge(source, target)
    return built


def diamond(*agents: Scripted | str, **join: Any) -> DiGraphBuilder:
    """Return the graph in which B and C follow A, and D joins them."""
    built = builder(*(agents or "ABCD"))
    return built.add_edge("A", "B").add_edge("A", "C").add_edge("B", "D", **join).add_edge("C", "D", **join)


def loop_back() -> DiGraphBuilder:
    built = builder("A", Scripted("B", "loop", "loop", "exit"), "C").add_edge("A", "B").set_entry_point("A")
    return built.add_edge("B", "A", condition="loop").add_edge("B", "C", condition="exit")


def meeting(count: int) -> Callable[[], Any]:
    """Return a line that is said only when `count` agents are about to say it."""
    barrier = asyncio.Barrier(count)

    async def line() -> str:
        async with asyncio.timeout(5):
            await barrier.wait()
        return "met"

    return line


async def test_chain_runs_in_its_order_and_ends_without_a_stop_message() -> None:
    result = await flow(chain("A", "B", "C")).run(task="go")

    assert said(result.messages) == ["user: go", "A: A speaks", "B: B speaks", "C: C speaks"]
    assert all(isinstance(message, TextMessage) for message in result.messages)
    assert result.stop_reason == COMPLETE


async def test_single_node_speaks_once() -> None:
    assert sources((await flow(builder("A")).run(task="go")).messages) == ["user", "A"]


async def test_targets_of_one_node_run_at_the_same_time() -> None:
    line = meeting(2)
    built = builder("A", Scripted("B", line), Scripted("C", line)).add_edge("A", "B").add_edge("A", "C")

    result = await flow(built).run(task="go")

    assert sources(result.messages)[:2] == ["user", "A"]
    assert sorted(sources(result.messages)[2:]) == ["B", "C"]


async def test_all_start_nodes_run_at_the_same_time_and_parts_of_a_graph_side_by_side() -> None:
    first, second = meeting(2), meeting(2)
    built = builder(Scripted("A", first), Scripted("B", second), Scripted("X", first), Scripted("Y", second))

    result = await flow(built.add_edge("A", "B").add_edge("X", "Y")).run(task="go")

    assert [sorted(sources(result.messages)[n : n + 2]) for n in (1, 3)] == [["A", "X"], ["B", "Y"]]
    assert result.stop_reason == COMPLETE


async def test_default_start_node_runs_alone_at_first() -> None:
    built = chain("A", "B").add_node(Scripted("C")).set_entry_point("B")

    assert sources((await flow(built).run(task="go")).messages) == ["user", "B"]


@pytest.mark.parametrize("condition", ["all", "any"])
async def test_join_runs_once_after_both_parents_of_a_round(condition: str) -> None:
    result = await flow(diamond(activation_condition=condition)).run(task="go")

    assert sources(result.messages)[-1] == "D"
    assert sorted(sources(result.messages)) == ["A", "B", "C", "D", "user"]


async def test_join_of_all_waits_for_the_parent_that_is_further_away() -> None:
    built = builder("A", "B", "C", "D").add_edge("A", "B").add_edge("B", "C").add_edge("C", "D").add_edge("A", "D")

    assert sources((await flow(built).run(task="go")).messages) == ["user", "A", "B", "C", "D"]


async def test_join_of_any_runs_for_each_round_in_which_a_parent_finishes() -> None:
    built = builder("A", "B", "C").add_edge("A", "B").add_edge("A", "C", activation_condition="any")
    built.add_edge("B", "C", activation_condition="any")

    found = sources((await flow(built).run(task="go")).messages)

    assert (found[:2], sorted(found[2:4]), found[4:]) == (["user", "A"], ["B", "C"], ["C"])


async def test_join_of_all_stays_silent_when_a_parent_was_not_taken() -> None:
    built = builder(Scripted("A", "b"), "B", "C", "D").add_edge("A", "B", condition="b")
    built.add_edge("A", "C", condition="c").add_edge("B", "D").add_edge("C", "D")

    result = await flow(built).run(task="go")

    assert sources(result.messages) == ["user", "A", "B"]
    assert result.stop_reason == COMPLETE


async def test_node_level_activation_changes_nothing() -> None:
    built = builder("A", "B", "C").add_edge("A", "B").add_edge("A", "C").add_edge("B", "C")
    built.nodes["C"].activation = "any"

    team = flow(built)

    assert sources((await team.run(task="go")).messages) == ["user", "A", "B", "C"]
    assert team.dump_component().config["graph"]["nodes"]["C"]["activation"] == "any"


async def test_only_edges_whose_condition_holds_for_the_answer_are_followed() -> None:
    def branch(answer: str) -> GraphFlow:
        built = builder(Scripted("A", answer), "B", "C").add_edge("A", "B", condition="yes")
        return flow(built.add_edge("A", "C", condition=lambda message: "no" in message.to_model_text()))

    assert sources((await branch("yes").run(task="no")).messages) == ["user", "A", "B"]
    assert sources((await branch("no").run(task="yes")).messages) == ["user", "A", "C"]
    both = sources((await branch("yes and no").run(task="go")).messages)
    assert (both[:2], sorted(both[2:])) == (["user", "A"], ["B", "C"])
    neither = await branch("?").run(task="go")
    assert (sources(neither.messages), neither.stop_reason) == (["user", "A"], COMPLETE)


async def test_loop_back_runs_until_the_exit() -> None:
    result = await flow(loop_back(), max_turns=20).run(task="go")

    assert sources(result.messages) == ["user", "A", "B", "A", "B", "A", "B", "C"]
    assert result.stop_reason == COMPLETE


async def test_self_loop_has_a_group_of_its_own() -> None:
    built = builder("A", Scripted("B", "loop", "loop", "exit"), "C").add_edge("A", "B")
    built.add_edge("B", "B", condition="loop", activation_group="again").add_edge("B", "C", condition="exit")

    result = await flow(built, termination_condition=MaxMessageTermination(20)).run(task="go")

    assert sources(result.messages) == ["user", "A", "B", "B", "B", "C"]


async def test_self_loop_in_the_group_of_another_edge_would_wait_for_it() -> None:
    built = builder("A", Scripted("B", "loop"), "C").add_edge("A", "B")
    built.add_edge("B", "B", condition="loop").add_edge("B", "C", condition="exit")

    assert sources((await flow(built, max_turns=9).run(task="go")).messages) == ["user", "A"]


async def test_two_loops_through_one_node_are_independent() -> None:
    built = builder("A", "B", "C", Scripted("O", "to X", "to Y", "to E"), "X", "Y", "E")
    built.add_edge("A", "B").add_edge("A", "C").add_edge("B", "O").add_edge("C", "O")
    for target in "XYE":
        built.add_edge("O", target, condition=f"to {target}")
    built.add_edge("X", "O", activation_group="from X").add_edge("Y", "O", activation_group="from Y")

    found = sources((await flow(built, max_turns=20).run(task="go")).messages)

    assert (found[:2], sorted(found[2:4]), found[4:]) == (["user", "A"], ["B", "C"], list("OXOYOE"))


async def test_node_that_two_groups_make_ready_in_one_round_runs_once() -> None:
    result = await flow(
        builder("A", "B", "C").add_edge("A", "C", activation_group="1").add_edge("B", "C", activation_group="2")
    ).run(task="go")

    assert sources(result.messages)[3:] == ["C"]


async def test_every_participant_reads_every_answer() -> None:
    a, b, c, listener = Scripted("A"), Scripted("B"), Scripted("C"), Scripted("L")
    built = chain(a, b, c)

    team = GraphFlow([*built.get_participants(), listener], built.build())
    await team.run(task="go")

    assert c.given == [["user: go", "A: A speaks", "B: B speaks"]]
    buffered = (await team.save_state())["agent_states"]["L"]["message_buffer"]
    assert [message["source"] for message in buffered] == ["user", "A", "B", "C"]


async def test_edges_of_the_speaker_are_followed_whatever_source_its_message_or_the_task_names() -> None:
    built = chain(Scripted("A", TextMessage(content="hi", source="alias")), "B")

    result = await flow(built).run(task=TextMessage(content="go", source="A"))

    assert sources(result.messages) == ["A", "alias", "B"]


async def test_completed_flow_starts_again_with_agents_that_keep_their_state() -> None:
    team = flow(diamond(Scripted("A", "first", "second"), "B", "C", "D"))

    first, second = await team.run(task="go"), await team.run(task="go")

    assert (said(first.messages)[1], said(second.messages)[1]) == ("A: first", "A: second")
    assert [len(result.messages) for result in (first, second)] == [5, 5]
    assert second.stop_reason == COMPLETE


async def test_completion_goes_before_condition_and_turn_limit() -> None:
    team = flow(chain("A", "B"), termination_condition=SourceMatchTermination(["B"]), max_turns=2)

    assert (await team.run(task="go")).stop_reason == COMPLETE
    assert (await team.run(task="again")).stop_reason == COMPLETE


async def test_flow_that_a_condition_interrupted_goes_on_with_the_next_node() -> None:
    team = flow(chain("A", "B", "C"), termination_condition=SourceMatchTermination(["A"]))

    first, second = await team.run(task="go"), await team.run()

    assert (sources(first.messages), first.stop_reason) == (["user", "A"], "'A' answered")
    assert (sources(second.messages), second.stop_reason) == (["B", "C"], COMPLETE)


async def test_flow_that_the_turn_limit_interrupted_goes_on_with_a_new_task_too() -> None:
    team = flow(chain("A", "B", "C"), max_turns=1)
    await team.run(task="go")

    result = await team.run(task="and now")

    assert sources(result.messages) == ["user", "B"]
    assert result.stop_reason == "Maximum number of turns 1 reached."


async def test_reset_begins_at_the_start_nodes() -> None:
    team = flow(chain("A", "B", "C"), max_turns=1)
    await team.run(task="go")

    await team.reset()

    assert sources((await team.run(task="go")).messages) == ["user", "A"]


async def test_node_that_failed_is_run_again_with_what_it_had_to_read() -> None:
    b = Scripted("B", ValueError("no"), "fine")
    d = Scripted("D")
    team = flow(diamond("A", b, "C", d))

    with pytest.raises(RuntimeError, match="ValueError: no"):
        await team.run(task="go")
    result = await team.run()

    assert result.stop_reason == COMPLETE
    assert b.given == [["user: go", "A: A speaks", "C: C speaks"]]
    assert sorted(d.given[0]) == ["A: A speaks", "B: fine", "C: C speaks", "user: go"]


async def test_condition_that_raises_ends_the_run_with_its_error() -> None:
    def broken(message: BaseChatMessage) -> bool:
        raise LookupError("broken")

    team = flow(builder("A", "B").add_edge("A", "B", condition=broken))

    with pytest.raises(RuntimeError, match="LookupError: broken") as error:
        await team.run(task="go")
    assert isinstance(error.value.__cause__, LookupError)
    assert error.value.__cause__.__notes__ == ["This happened in a condition of an edge that leaves 'A'."]


async def test_loops_need_something_that_ends_the_run() -> None:
    with pytest.raises(
        ValueError, match=r"^A termination condition is required for cyclic graphs without a maximum turn limit\.$"
    ):
        await flow(loop_back()).run(task="go")


async def test_graph_is_validated_at_the_first_run() -> None:
    agents = [Scripted("A"), Scripted("B")]
    built = builder(*agents).add_edge("A", "B")

    with pytest.raises(ValueError, match=r"^Graph has no nodes\.$"):
        await GraphFlow(agents, DiGraph(nodes={})).run(task="go")
    with pytest.raises(ValueError, match=r"^Node 'B' of the graph is not one of the participants \['A'\]"):
        await GraphFlow(agents[:1], built.build()).run(task="go")


def test_participants_are_agents() -> None:
    inner: Any = RoundRobinGroupChat([Scripted("A")])

    with pytest.raises(TypeError, match=r"must be a ChatAgent\.$"):
        GraphFlow([inner], DiGraph(nodes={}))


async def test_flow_is_a_participant_of_a_team_and_starts_anew_in_each_of_its_turns() -> None:
    outer = RoundRobinGroupChat([flow(chain("A", "B"), name="inner"), Scripted("Z")], max_turns=3)

    assert sources((await outer.run(task="go")).messages) == ["user", "A", "B", "Z", "A", "B"]


async def test_manager_state_is_that_of_the_graph() -> None:
    built = builder("A", "B", "C", "D").add_edge("A", "B").add_edge("A", "C", activation_condition="any")
    team = flow(built.add_edge("B", "D").add_edge("C", "D"), max_turns=1)
    fresh = (await team.save_state())["agent_states"]["GraphManager"]
    await team.run(task="go")
    started = (await team.save_state())["agent_states"]["GraphManager"]

    assert fresh == {
        "message_thread": [],
        "current_turn": 0,
        "remaining": {"B": {"B": 1}, "C": {"C": 1}, "D": {"D": 2}},
        "enqueued_any": {"B": {"B": False}, "C": {"C": False}, "D": {"D": False}},
        "ready": ["A"],
    }
    assert [message["source"] for message in started["message_thread"]] == ["user", "A"]
    assert started["remaining"] == {"B": {"B": 0}, "C": {"C": 1}, "D": {"D": 2}}
    assert started["enqueued_any"] == {"B": {"B": False}, "C": {"C": True}, "D": {"D": False}}
    assert started["ready"] == ["B", "C"]


@pytest.mark.parametrize("turns", range(1, 8))
async def test_flow_saved_after_any_round_goes_on_in_a_fresh_team(turns: int) -> None:
    interrupted = flow(loop_back(), max_turns=turns)
    first = await interrupted.run(task="go")
    state = json.loads(json.dumps(await interrupted.save_state()))
    fresh = flow(loop_back(), max_turns=20)
    await fresh.load_state(state)

    rest = await fresh.run() if turns < 7 else TaskResult(messages=[], stop_reason=first.stop_reason)

    assert sources([*first.messages, *rest.messages]) == ["user", "A", "B", "A", "B", "A", "B", "C"]
    assert rest.stop_reason == COMPLETE


async def saved_when_all_heard(source: str, team: GraphFlow) -> Any:
    """Return the state of a running team as soon as the manager and D have heard a participant."""
    for _ in range(1000):
        state = json.loads(json.dumps(await team.save_state()))
        heard = (state["agent_states"]["GraphManager"]["message_thread"], state["agent_states"]["D"]["message_buffer"])
        if all(source in [message["source"] for message in messages] for messages in heard):
            return state
        await asyncio.sleep(0)
    raise AssertionError(f"nobody heard {source}")


@pytest.mark.parametrize("condition", ["all", "any"])
async def test_flow_saved_while_a_round_runs_goes_on_with_who_has_not_answered(condition: str) -> None:
    """The join runs once, after both, as if nothing had happened: the rest of the round goes before it."""
    stuck, working = asyncio.Event(), asyncio.Event()

    async def wait() -> str:
        working.set()
        await stuck.wait()
        raise AssertionError("it was cancelled")

    team = flow(diamond("A", "B", Scripted("C", wait), "D", activation_condition=condition))
    token = CancellationToken()
    running = asyncio.create_task(team.run(task="go", cancellation_token=token))
    await working.wait()
    state = await saved_when_all_heard("B", team)
    token.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    d = Scripted("D")
    fresh = flow(diamond("A", "B", "C", d, activation_condition=condition))
    await fresh.load_state(state)
    result = await fresh.run()

    assert sources(result.messages) == ["C", "D"]
    assert result.stop_reason == COMPLETE
    assert d.given == [["user: go", "A: A speaks", "B: B speaks", "C: C speaks"]]


async def test_flow_goes_on_in_another_process() -> None:
    team = flow(loop_back(), max_turns=4)
    first = await team.run(task="go")

    messages, reason, _ = go_on_in_another_process(team, await team.save_state())

    assert sources(first.messages) == ["user", "A", "B", "A", "B"]
    assert (messages, reason) == (["A: A speaks", "B: exit", "C: C speaks"], COMPLETE)


async def test_state_of_another_graph_is_refused() -> None:
    state = await flow(chain("A", "B", "C")).save_state()
    other = builder("A", "B", "C").add_edge("A", "B").add_edge("A", "C", activation_group="side")

    with pytest.raises(ValueError, match=r"names 'C' as activation group of 'C', which this graph has not; .*'side'"):
        await flow(other).load_state(state)


async def test_state_with_nobody_ready_begins_at_the_start_nodes() -> None:
    team = flow(chain("A", "B"))
    state: Any = json.loads(json.dumps(await team.save_state()))
    state["agent_states"]["GraphManager"].update(remaining={}, enqueued_any={}, ready=[])
    await team.load_state(state)

    assert sources((await team.run(task="go")).messages) == ["user", "A", "B"]


async def test_configuration_round_trip_loses_functions_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    built = builder("A", "B", "C").add_edge("A", "B", condition="yes").add_edge("A", "C", condition=lambda _: False)
    team = flow(built, name="mine", max_turns=3, termination_condition=TextMentionTermination("END"))

    with caplog.at_level(logging.WARNING, logger="hubbub_agentchat"):
        dumped = team.dump_component()
    loaded = BaseGroupChat.load_component(json.loads(dumped.model_dump_json()))

    assert "The condition of the edge from A to C is a function" in caplog.text
    assert "from A to B" not in caplog.text
    assert isinstance(loaded, GraphFlow)
    assert (loaded.name, loaded.description) == ("mine", "A team of agents")
    assert loaded.dump_component().config == dumped.config
    edges = dumped.config["graph"]["nodes"]["A"]["edges"]
    assert [edge.get("condition") for edge in edges] == ["yes", None]


async def test_file_of_autogen_loads_and_runs() -> None:
    edge = {"target": "B", "condition": None, "activation_group": "B", "activation_condition": "all"}
    agent = {"provider": "agentchat_agents.Scripted", "component_type": "agent", "version": 1}
    text = json.dumps(
        {
            "provider": "autogen_agentchat.teams.GraphFlow",
            "component_type": "team",
            "version": 1,
            "component_version": 1,
            "description": "A team that runs a group chat following a Directed Graph execution pattern.",
            "label": "GraphFlow",
            "config": {
                "name": "GraphFlow",
                "description": "A team of agents",
                "participants": [{**agent, "config": {"name": name, "lines": ["hi"]}} for name in "AB"],
                "termination_condition": {
                    "provider": "autogen_agentchat.conditions.MaxMessageTermination",
                    "component_type": "termination",
                    "version": 1,
                    "config": {"max_messages": 9, "include_agent_event": False},
                },
                "graph": {
                    "nodes": {
                        "A": {"name": "A", "edges": [edge], "activation": "all"},
                        "B": {"name": "B", "edges": [], "activation": "all"},
                    },
                    "default_start_node": None,
                },
            },
        }
    )

    team = BaseGroupChat.load_component(json.loads(text))

    assert isinstance(team, GraphFlow)
    assert said((await team.run(task="go")).messages) == ["user: go", "A: hi", "B: hi"]


@pytest.mark.parametrize("condition", ["all", "any"])
@pytest.mark.parametrize("way", ["token", "task"])
async def test_flow_cancelled_at_any_step_leaves_nothing_and_is_completed_by_the_next_run(
    way: Literal["token", "task"], runtime: SingleThreadedAgentRuntime | None, condition: str
) -> None:
    """Whoever has been heard is not asked again, and the join runs once, after everybody."""

    def make() -> tuple[GraphFlow, list[Scripted]]:
        agents = [leisurely("A", "a"), leisurely("B", "b"), leisurely("C", "c"), leisurely("D", "end")]
        return flow(diamond(*agents, activation_condition=condition), runtime=runtime), agents

    def run(made: tuple[GraphFlow, list[Scripted]], token: CancellationToken) -> Coroutine[Any, Any, TaskResult]:
        return made[0].run(task="go", cancellation_token=token)

    background = asyncio.all_tasks()
    cancelled = 0
    async for steps, (team, agents), ended in cancelled_at_every_step(make, run, way):
        if ended is not None:
            continue
        cancelled += 1
        left = [task for task in asyncio.all_tasks() - background if not task.done()]
        assert runtime is not None or left == [], steps
        if runtime is not None:
            await runtime.stop_when_idle()  # what was said when the run was aborted gets to everybody
            runtime.start()
            background = asyncio.all_tasks()
        if steps % 2:
            fresh = flow(diamond(*agents, activation_condition=condition), runtime=runtime)
            await fresh.load_state(json.loads(json.dumps(await team.save_state())))
            team = fresh
        async with asyncio.timeout(5):
            result = await team.run()

        assert result.stop_reason == COMPLETE, steps
        # More than one turn of D: in the first one it was interrupted, with all of this to read again.
        for given in agents[-1].given:
            assert sorted(set(given) | {"user: go"}) == ["A: a", "B: b", "C: c", "user: go"], steps
            assert len(set(given)) == len(given), steps

    assert cancelled > 15
