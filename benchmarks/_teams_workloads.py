"""The workloads of `teams.py`: run by it in a fresh process per side, prints one line of JSON.

    python _teams_workloads.py SIDE GROUP SCALE

`hubbub` and `autogen` run one and the same code, whose packages have the same names. `agent_framework` and `langgraph`
do what comes nearest in their own terms; where they do less (no model, no history, no termination), the name of the
workload says so at the place where it is reported. Models are replaced by ones that answer at once.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import logging
import resource
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

TURNS = (10, 100, 1000)
CHUNKS = 10_000
ANSWER = "The leaves are falling, one after the other."
TRIVIAL, ASSISTANT, BOUNDED = "trivial agents", "AssistantAgent", "AssistantAgent, bounded context"
CHUNK, ALONE = "chunk through a team", "single agent, turn {}"


def team(kind: str, turns: int) -> str:
    """Return the name of a team's workload."""
    return f"team of {kind}, {turns:,} turns"


async def clocked(count: int, work: Callable[[], Awaitable[Any]]) -> float:
    """Return how many microseconds each of so many steps takes."""
    gc.collect()
    begun = time.perf_counter()
    await work()
    return (time.perf_counter() - begun) / count * 1e6


def repeats(turns: int, scale: float) -> int:
    """Return how often a short run is repeated: one run of ten turns is too short for the clock."""
    return max(1, int(scale * 300 / turns))


async def alone(turn: Callable[[], Awaitable[Any]], scale: float) -> dict[str, float]:
    """Give one agent turn after turn; returns what a turn costs early and late in the conversation."""
    last = max(200, int(1000 * scale))
    spent: list[float] = []
    gc.collect()
    for _ in range(last):
        begun = time.perf_counter()
        await turn()
        spent.append(time.perf_counter() - begun)
    # The middle of fifty turns: a collection or another process hits single ones.
    early, late = sorted(spent[75:125])[25], sorted(spent[-50:])[25]
    return {ALONE.format(100): early * 1e6, ALONE.format("1,000"): late * 1e6}


async def agentchat(chat: str, core: str, group: str, scale: float) -> dict[str, float]:
    """Run a group on `hubbub_agentchat` or `autogen_agentchat`."""
    agents, base, messages, teams = (
        importlib.import_module(f"{chat}.{name}") for name in ("agents", "base", "messages", "teams")
    )
    models = importlib.import_module(f"{core}.models")
    contexts = importlib.import_module(f"{core}.model_context")
    token = importlib.import_module(core).CancellationToken
    usage = models.RequestUsage(prompt_tokens=0, completion_tokens=0)

    class Constant(models.ChatCompletionClient):  # type: ignore[misc, name-defined] # the module is known at run time
        component_type, component_config_schema = "model", None

        def __init__(self, pieces: int = 1) -> None:
            self.pieces = pieces

        async def create(self, *args: Any, **kwargs: Any) -> Any:
            return models.CreateResult(finish_reason="stop", content=ANSWER, usage=usage, cached=False)

        async def create_stream(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
            for _ in range(self.pieces):
                yield "leaf "
            yield models.CreateResult(finish_reason="stop", content="leaf " * self.pieces, usage=usage, cached=False)

        def actual_usage(self) -> Any:
            return usage

        total_usage = actual_usage

        def count_tokens(self, *args: Any, **kwargs: Any) -> int:
            return 0

        remaining_tokens = count_tokens

        async def close(self) -> None:
            pass

        @property
        def model_info(self) -> Any:
            return {
                "vision": False,
                "function_calling": True,
                "json_output": False,
                "family": "unknown",
                "structured_output": False,
            }

        capabilities = model_info

    class Trivial(agents.BaseChatAgent):  # type: ignore[misc, name-defined] # the module is known at run time
        produced_message_types = (messages.TextMessage,)

        async def on_messages(self, given: Any, cancellation_token: Any) -> Any:
            return base.Response(chat_message=messages.TextMessage(content=ANSWER, source=self.name))

        async def on_reset(self, cancellation_token: Any) -> None:
            pass

    def member(kind: str, name: str) -> Any:
        if kind == TRIVIAL:
            return Trivial(name, "An agent.")
        bounded = {"model_context": contexts.BufferedChatCompletionContext(20)} if kind == BOUNDED else {}
        return agents.AssistantAgent(name, Constant(), **bounded)

    figures: dict[str, float] = {}
    if group == "turns":
        for kind in (TRIVIAL, ASSISTANT, BOUNDED):
            for turns in TURNS:
                times = repeats(turns, scale)
                made = [
                    teams.RoundRobinGroupChat([member(kind, "a"), member(kind, "b")], max_turns=turns)
                    for _ in range(times + 1)
                ]
                await made.pop().run(task="Go.")

                async def run_all(made: list[Any] = made) -> None:
                    for each in made:
                        await each.run(task="Go.")

                figures[team(kind, turns)] = await clocked(times * turns, run_all)
    elif group == "stream":
        count = int(CHUNKS * scale)
        writer = agents.AssistantAgent("writer", Constant(count), model_client_stream=True)
        one = teams.RoundRobinGroupChat([writer], max_turns=1)

        async def follow() -> None:
            seen = [item async for item in one.run_stream(task="Go.")]
            assert len(seen) == count + 3  # the task, the whole message and the result

        figures[CHUNK] = await clocked(count, follow)
    else:
        agent = agents.AssistantAgent("writer", Constant())
        given = [messages.TextMessage(content="Go on.", source="user")]
        figures = await alone(lambda: agent.on_messages(given, token()), scale)
    return figures


async def agent_framework(group: str, scale: float) -> dict[str, float]:
    """Run a group on agent-framework: executors that pass a number on, and its round-robin group chat."""
    # By name: the type checker does not see the peers' environments.
    af: Any = importlib.import_module("agent_framework")
    group_chat: Any = importlib.import_module("agent_framework.orchestrations").GroupChatBuilder

    class Constant(af.BaseChatClient):  # type: ignore[misc] # the module is known at run time
        def __init__(self, pieces: int = 1) -> None:
            super().__init__()
            self.pieces = pieces

        def _inner_get_response(self, *, messages: Any, stream: bool, options: Any, **kwargs: Any) -> Any:
            if stream:
                return self._build_response_stream(self._updates())

            async def answer() -> Any:
                return af.ChatResponse(messages=[af.Message(role="assistant", contents=[ANSWER])], response_id="1")

            return answer()

        async def _updates(self) -> AsyncIterator[Any]:
            for _ in range(self.pieces):
                yield af.ChatResponseUpdate(role="assistant", contents=[af.Content.from_text("leaf ")])

    class Pass(af.Executor):  # type: ignore[misc] # the module is known at run time
        def __init__(self, name: str) -> None:
            super().__init__(id=name)

        async def take(self, number: int, ctx: Any) -> None:
            if number > 0:
                await ctx.send_message(number - 1)

        # The library reads annotations, and those of this module are texts.
        take.__annotations__.update(number=int, ctx=af.WorkflowContext[int])
        take = af.handler(take)

    def numbers(turns: int) -> Any:
        a, b = Pass("a"), Pass("b")
        builder = af.WorkflowBuilder(max_iterations=turns + 10, start_executor=a)
        return builder.add_edge(a, b).add_edge(b, a).build(), turns - 1

    def chat(turns: int) -> Any:
        names = ["a", "b"]
        members = [af.Agent(client=Constant(), name=name, description="An agent.") for name in names]
        builder = group_chat(
            participants=members, selection_func=lambda state: names[state.current_round % 2], max_rounds=turns
        )
        workflow = builder.build()
        # Its own limit is a hundred steps, two or three of which make a turn.
        workflow._runner._max_iterations = turns * 4 + 10
        return workflow, "Go."

    figures: dict[str, float] = {}
    if group == "turns":
        for kind, make in ((TRIVIAL, numbers), (ASSISTANT, chat)):
            for turns in TURNS:
                times = repeats(turns, scale)
                made = [make(turns) for _ in range(times + 1)]
                first, task = made.pop()
                await first.run(task)

                async def run_all(made: list[Any] = made) -> None:
                    for workflow, task in made:
                        await workflow.run(task)

                figures[team(kind, turns)] = await clocked(times * turns, run_all)
    elif group == "stream":
        count = int(CHUNKS * scale)
        writer = af.Agent(client=Constant(count), name="writer")
        workflow = af.WorkflowBuilder(start_executor=writer, output_from="all").build()
        seen = 0

        async def follow() -> None:
            nonlocal seen
            async for event in workflow.run("Go.", stream=True):
                seen += event.type in ("output", "intermediate")

        figures[CHUNK] = await clocked(count, follow)
        assert seen >= count, seen
    else:
        agent = af.Agent(client=Constant(), name="writer")
        session = agent.create_session()
        figures = await alone(lambda: agent.run("Go on.", session=session), scale)
    return figures


async def langgraph(group: str, scale: float) -> dict[str, float]:
    """Run a group on langgraph: two nodes in a loop, with a list as state and with messages."""
    import operator
    from typing import Annotated, TypedDict

    graphs: Any = importlib.import_module("langgraph.graph")
    message: Any = importlib.import_module("langchain_core.messages").AIMessage
    saver: Any = importlib.import_module("langgraph.checkpoint.memory").InMemorySaver
    stream_writer: Any = importlib.import_module("langgraph.config").get_stream_writer

    class Said(TypedDict):
        said: Annotated[list[str], operator.add]

    # The annotations of this module are texts, and the library reads them.
    Said.__annotations__ = {"said": Annotated[list[str], operator.add]}

    async def say(state: Any) -> Any:
        return {"said": [ANSWER]}

    async def answer(state: Any) -> Any:
        return {"messages": [message(ANSWER)]}

    def loop(state: Any, node: Any, key: str, turns: int) -> Any:
        def onward(other: str) -> Callable[[Any], str]:
            return lambda now: graphs.END if len(now[key]) >= turns + 1 else other

        graph = graphs.StateGraph(state)
        graph.add_node("a", node).add_node("b", node).add_edge(graphs.START, "a")
        graph.add_conditional_edges("a", onward("b"), ["b", graphs.END]).add_conditional_edges(
            "b", onward("a"), ["a", graphs.END]
        )
        return graph.compile(), {key: ["Go."] if key == "said" else [("user", "Go.")]}, {"recursion_limit": turns + 10}

    figures: dict[str, float] = {}
    if group == "turns":
        for kind, state, node, key in (
            (TRIVIAL, Said, say, "said"),
            (ASSISTANT, graphs.MessagesState, answer, "messages"),
        ):
            for turns in TURNS:
                times = repeats(turns, scale)
                graph, task, config = loop(state, node, key, turns)
                await graph.ainvoke(task, config)

                async def run_all(graph: Any = graph, task: Any = task, config: Any = config, n: int = times) -> None:
                    for _ in range(n):
                        found = await graph.ainvoke(task, config)
                    assert len(next(iter(found.values()))) == config["recursion_limit"] - 9

                figures[team(kind, turns)] = await clocked(times * turns, run_all)
    elif group == "stream":
        count = int(CHUNKS * scale)

        async def write(state: Any) -> Any:
            writer = stream_writer()
            for _ in range(count):
                writer("leaf ")
            return {"said": [ANSWER]}

        graph = (
            graphs.StateGraph(Said).add_node("a", write).add_edge(graphs.START, "a").add_edge("a", graphs.END).compile()
        )
        seen = 0

        async def follow() -> None:
            nonlocal seen
            async for _ in graph.astream({"said": ["Go."]}, stream_mode="custom"):
                seen += 1

        figures[CHUNK] = await clocked(count, follow)
        assert seen == count, seen
    else:
        graph = (
            graphs.StateGraph(graphs.MessagesState)
            .add_node("a", answer)
            .add_edge(graphs.START, "a")
            .add_edge("a", graphs.END)
        )
        agent = graph.compile(checkpointer=saver())
        thread = {"configurable": {"thread_id": "1"}}
        figures = await alone(lambda: agent.ainvoke({"messages": [("user", "Go on.")]}, thread), scale)
    return figures


async def main() -> None:
    """Run what the command line names."""
    side, group, scale = sys.argv[1], sys.argv[2], float(sys.argv[3])
    if side in ("hubbub", "autogen"):
        figures = await agentchat(f"{side}_agentchat", f"{side}_core", group, scale)
    else:
        figures = await {"agent_framework": agent_framework, "langgraph": langgraph}[side](group, scale)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    print(json.dumps(figures | ({"peak memory of the turns, MB": peak} if group == "turns" else {})))


logging.disable()  # agent-framework warns of its own limits
asyncio.run(main())
