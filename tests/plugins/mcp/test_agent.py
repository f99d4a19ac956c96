"""`McpAgent`: declared calls without a model, a tool loop with one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from hubbub_core import AdaptedAgent, CancellationToken, FunctionCall
from hubbub_core.exchange import AgentAdapter, AgentChunk, AgentContext, AgentResult, AgentTask, Source
from hubbub_core.models import AssistantMessage, CreateResult, FunctionExecutionResultMessage, ModelInfo, RequestUsage
from hubbub_core.models.replay import ReplayChatCompletionClient
from hubbub_core.tools import FunctionTool, StaticWorkbench, Workbench
from hubbub_mcp import McpAgent, McpCall, McpServerError, McpWorkbench, StdioServerParams
from hubbub_registry import CapabilityError, ComponentLoader, allow, bound

Odd = Callable[..., StdioServerParams]


def _log(topic: str) -> str:
    """Return three entries."""
    return f"Entries on {topic}:\nid: aaa1\nfirst green apple\nid: bbb2\nsecond red brick\nid: ccc3\nthird red apple"


def _boom() -> str:
    """Fail."""
    raise ValueError("no cheese")


def _static() -> StaticWorkbench:
    return StaticWorkbench([FunctionTool(_log, "Entries.", name="log"), FunctionTool(_boom, "Fail.", name="boom")])


def _context(token: CancellationToken | None = None) -> AgentContext:
    return AgentContext(cancellation_token=token or CancellationToken(), name="git")


async def _run(agent: McpAgent, task: str | AgentTask) -> tuple[list[AgentChunk], AgentResult]:
    items = [item async for item in agent.run(AgentTask.from_text(task) if isinstance(task, str) else task, _context())]
    result = items.pop()
    assert isinstance(result, AgentResult)
    return [item for item in items if isinstance(item, AgentChunk)], result


def _model(*replies: str | list[FunctionCall], function_calling: bool = True) -> ReplayChatCompletionClient:
    info: ModelInfo = {
        "vision": False,
        "function_calling": function_calling,
        "json_output": False,
        "family": "unknown",
        "structured_output": False,
    }
    completions: list[str | CreateResult] = [
        reply
        if isinstance(reply, str)
        else CreateResult(
            content=reply,
            finish_reason="function_calls",
            usage=RequestUsage(prompt_tokens=3, completion_tokens=2),
            cached=False,
        )
        for reply in replies
    ]
    return ReplayChatCompletionClient(completions, model_info=info)


def _asks(name: str, arguments: str = "{}", call_id: str = "1") -> list[FunctionCall]:
    return [FunctionCall(id=call_id, name=name, arguments=arguments)]


SPLIT = {"split": r"(?m)^(?=id: )", "title": r"id: (\w+)\n(\w+)"}


async def test_declared_calls_answer_with_text_and_a_source_per_piece() -> None:
    call = McpCall(tool="log", arguments={"topic": "all of {task}"}, **SPLIT)
    chunks, result = await _run(McpAgent("git", _static(), calls=[call]), "fruit")

    assert [(chunk.kind, chunk.content) for chunk in chunks] == [
        ("tool_call", 'log({"topic": "all of fruit"})'),
        ("tool_result", _log("all of fruit")),
    ]
    requested, executed = (chunk.metadata for chunk in chunks)
    assert (requested["name"], requested["arguments"]) == ("log", '{"topic": "all of fruit"}')
    assert executed == {"name": "log", "call_id": requested["call_id"], "is_error": False}
    assert result.sources == [
        Source(content="id: aaa1\nfirst green apple", title="aaa1 first", metadata={"tool": "log"}),
        Source(content="id: bbb2\nsecond red brick", title="bbb2 second", metadata={"tool": "log"}),
        Source(content="id: ccc3\nthird red apple", title="ccc3 third", metadata={"tool": "log"}),
    ]
    assert result.text() == "\n\n".join(source.content for source in result.sources)
    assert result.messages == [AssistantMessage(content=result.text(), source="git")]


async def test_pieces_are_kept_in_order_up_to_the_limit_or_ranked_by_the_task() -> None:
    newest = McpCall(tool="log", arguments={"topic": "x"}, limit=1, **SPLIT)
    best = McpCall(tool="log", arguments={"topic": "x"}, limit=2, rank=True, **SPLIT)

    _, in_order = await _run(McpAgent("git", _static(), calls=[newest]), "which red apple?")
    _, by_rank = await _run(McpAgent("git", _static(), calls=[best]), "which red apple?")

    assert [source.title for source in in_order.sources] == ["aaa1 first"]
    assert [source.title for source in by_rank.sources] == ["ccc3 third", "aaa1 first"]
    assert by_rank.sources[0].score > by_rank.sources[1].score > 0  # type: ignore[operator] # ranked ones have a score


async def test_a_result_as_text_is_part_of_the_answer_and_no_source() -> None:
    calls = [McpCall.model_validate({"tool": "log", "arguments": {"topic": "x"}, "as": "text"})]

    _, result = await _run(McpAgent("git", _static(), calls=calls), "anything")

    assert (result.sources, result.text()) == ([], _log("x"))


async def test_a_call_without_a_finding_says_so() -> None:
    calls = [McpCall(tool="log", arguments={"topic": "x"}, title="no such line")]

    _, result = await _run(McpAgent("git", _static(), calls=calls), "anything")

    assert (result.sources, result.text()) == ([], "log found nothing.")


async def test_a_model_that_cannot_call_functions_leaves_the_declared_calls_to_be_made() -> None:
    model = _model("never asked", function_calling=False)
    agent = McpAgent("git", _static(), model, calls=[McpCall(tool="log", arguments={"topic": "x"})])

    _, result = await _run(agent, "anything")

    assert result.text() == _log("x")
    assert model.create_calls == []


async def test_a_declared_call_that_fails_ends_the_run_with_its_text() -> None:
    with pytest.raises(RuntimeError, match=r"^agent 'git': its call of tool 'boom' failed: no cheese$"):
        await _run(McpAgent("git", _static(), calls=[McpCall(tool="boom")]), "anything")


async def test_a_declared_call_of_an_unknown_tool_names_the_near_one() -> None:
    with pytest.raises(RuntimeError, match=r"'lgo' failed: the workbench has no such tool; did you mean 'log'\?"):
        await _run(McpAgent("git", _static(), calls=[McpCall(tool="lgo")]), "anything")


def test_an_agent_without_model_and_calls_is_refused() -> None:
    with pytest.raises(ValueError, match="agent 'git' has nothing to do: give it `calls`, or a `model`"):
        McpAgent("git", _static())


def test_a_pattern_that_is_none_is_refused_with_the_reason() -> None:
    with pytest.raises(ValidationError, match=r"'\(' is no regular expression: missing \)"):
        McpCall(tool="log", split="(")


async def test_a_model_calls_tools_until_it_answers() -> None:
    model = _model(_asks("log", '{"topic": "pears"}'), "There are three.")
    agent = McpAgent("git", _static(), model, system_message="Be short.")
    task = AgentTask.from_text("How many?", sources=[Source(content="an apple", title="notes")])

    chunks, result = await _run(agent, task)

    assert [(chunk.kind, chunk.content) for chunk in chunks if chunk.kind != "text"] == [
        ("tool_call", 'log({"topic": "pears"})'),
        ("tool_result", _log("pears")),
    ]
    assert [chunk.metadata for chunk in chunks if chunk.kind != "text"] == [
        {"name": "log", "call_id": "1", "arguments": '{"topic": "pears"}'},
        {"name": "log", "call_id": "1", "is_error": False},
    ]
    assert "".join(chunk.content for chunk in chunks if chunk.kind == "text") == "There are three."
    assert result.text() == "There are three."
    assert [type(message).__name__ for message in result.messages] == [
        "AssistantMessage",
        "FunctionExecutionResultMessage",
        "AssistantMessage",
    ]
    assert [source.content for source in result.sources] == [_log("pears")]
    first = [getattr(message, "content", None) for message in model.create_calls[0]["messages"]]
    assert first == ["Be short.", "How many?\n\n[1] notes\nan apple"]
    assert [tool["name"] for tool in model.create_calls[0]["tools"]] == ["log", "boom"]


async def test_what_goes_wrong_in_a_call_is_told_to_the_model() -> None:
    model = _model(_asks("boom"), _asks("log", "{"), _asks("nope", "[1]"), "I give up.")

    _, result = await _run(McpAgent("git", _static(), model), "Try.")

    told = [message.content[0] for message in result.messages if isinstance(message, FunctionExecutionResultMessage)]
    assert [item.is_error for item in told] == [True, True, True]
    assert told[0].content == "no cheese"
    assert told[1].content.startswith("Error: the arguments are no JSON: ")
    assert told[2].content == "Error: the arguments are no JSON object"
    assert result.text() == "I give up."


async def test_the_last_turn_offers_no_tools_so_that_the_loop_ends() -> None:
    model = _model(_asks("log", '{"topic": "a"}'), _asks("log", '{"topic": "b"}'), "Enough.")

    _, result = await _run(McpAgent("git", _static(), model, max_tool_iterations=2), "Go on.")

    assert [len(call["tools"]) for call in model.create_calls] == [2, 2, 0]
    assert result.text() == "Enough."


async def test_the_conversation_is_kept_and_saved() -> None:
    agent = McpAgent("git", _static(), _model("First.", "Second."))
    await _run(agent, "One?")
    state = json.loads(json.dumps(await agent.save_state()))
    model = _model("Second.")
    restored = McpAgent("git", _static(), model)
    await restored.load_state(state)

    await _run(restored, "Two?")

    asked = [getattr(message, "content", None) for message in model.create_calls[0]["messages"]]
    assert asked == ["One?", "First.", "Two?"]


async def test_progress_of_the_start_arrives_as_status_chunks(odd: Odd, tmp_path: Path) -> None:
    import os

    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    workbench = McpWorkbench(odd("slow", str(fifo)))
    agent = McpAgent("git", workbench, calls=[McpCall(tool="act", arguments={"n": 4})], owns=True)
    items = agent.run(AgentTask.from_text("go"), _context())

    first = await anext(items)
    await asyncio.to_thread(fifo.write_text, "x")
    rest = [item async for item in items]

    assert first == AgentChunk(content="Downloading the server (1.0MiB)", source="git", kind="status")
    assert isinstance(rest[-1], AgentResult)
    assert rest[-1].text() == '{"n": 4}'
    await agent.close()
    assert workbench.is_idle
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_server_that_dies_ends_the_run_and_the_next_run_starts_it_again(odd: Odd) -> None:
    agent = McpAgent("git", McpWorkbench(odd("dies")), calls=[McpCall(tool="act")], owns=True)

    for _ in range(2):
        with pytest.raises(McpServerError, match="exited with status 7; its last output: out of cheese"):
            await _run(agent, "go")

    await agent.close()


async def test_a_cancelled_token_ends_the_start_of_the_server(odd: Odd, tmp_path: Path) -> None:
    import os

    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    token = CancellationToken()
    agent = McpAgent("git", McpWorkbench(odd("slow", str(fifo))), calls=[McpCall(tool="act")])
    items = agent.run(AgentTask.from_text("go"), _context(token))
    await anext(items)

    token.cancel()
    with pytest.raises(asyncio.CancelledError):
        await anext(items)

    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_it_runs_as_an_adapted_agent() -> None:
    calls = [McpCall(tool="log", arguments={"topic": "{task}"})]
    adapted = AdaptedAgent(lambda: McpAgent("git", _static(), calls=calls), name="git")

    result = await adapted.run("plums")

    assert isinstance(McpAgent("git", _static(), calls=calls), AgentAdapter)
    assert result.text() == _log("plums")


def test_it_loads_from_configuration_and_dumps_to_it(odd: Odd) -> None:
    config = {
        "name": "git",
        "workbench": McpWorkbench(odd("plain")).dump_component().model_dump(exclude_none=True),
        "calls": [{"tool": "act", "arguments": {"n": 1}, "as": "text", "rank": False}],
    }

    with pytest.raises(CapabilityError):
        ComponentLoader.load_component({"provider": "mcp_agent", "config": config}, McpAgent)
    with allow("process"):
        agent = ComponentLoader.load_component({"provider": "mcp_agent", "config": config}, McpAgent)

    dumped = agent.dump_component()
    assert (dumped.provider, dumped.component_type) == ("hubbub_mcp.McpAgent", "agent")
    assert dumped.config["calls"] == [{"tool": "act", "arguments": {"n": 1}, "as": "text", "rank": False}]
    with allow("process"):
        assert McpAgent.load_component(dumped).dump_component() == dumped


async def test_a_shared_workbench_outlives_the_agents_that_use_it(odd: Odd) -> None:
    shared = McpWorkbench(odd("plain"))
    config: dict[str, Any] = {
        "workbench": {"provider": "ref:shared.server", "config": {}},
        "calls": [{"tool": "act", "arguments": {"n": 1}}],
    }
    with bound({"shared.server": shared}):
        agent = ComponentLoader.load_component({"provider": "mcp_agent", "config": config}, McpAgent)

    _, result = await _run(agent, "go")
    await agent.close()

    assert result.text() == '{"n": 1}'
    assert shared.is_connected
    await shared.stop()


async def test_an_agent_that_was_never_asked_closes_quietly(odd: Odd) -> None:
    workbench: Workbench = McpWorkbench(odd("plain"))

    await McpAgent("git", workbench, calls=[McpCall(tool="act")], owns=True).close()

    assert asyncio.all_tasks() == {asyncio.current_task()}
