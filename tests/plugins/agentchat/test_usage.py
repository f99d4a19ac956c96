"""Usage and cost of runs: of an agent, of a team, of teams in teams, streamed or not."""

from __future__ import annotations

from typing import Any

import pytest

from hubbub_agentchat.agents import AssistantAgent
from hubbub_agentchat.base import Price, TaskResult
from hubbub_agentchat.messages import TextMessage
from hubbub_agentchat.teams import RoundRobinGroupChat, SelectorGroupChat
from hubbub_agentchat.tools import AgentTool
from hubbub_core import FunctionCall
from hubbub_core.models import CreateResult, ModelInfo, RequestUsage
from hubbub_core.models.replay import ReplayChatCompletionClient
from hubbub_registry import adapt

INFO = ModelInfo(vision=False, function_calling=True, json_output=True, family="unknown", structured_output=True)


def agent(name: str, *answers: str | CreateResult, **options: Any) -> tuple[AssistantAgent, ReplayChatCompletionClient]:
    client = ReplayChatCompletionClient(list(answers), model_info=INFO)
    return AssistantAgent(name, client, system_message=None, **options), client


def call(name: str, arguments: str = "{}") -> CreateResult:
    return CreateResult(
        finish_reason="function_calls",
        content=[FunctionCall(id="1", name=name, arguments=arguments)],
        usage=RequestUsage(0, 5),
        cached=False,
    )


def ping() -> str:
    """Ping."""
    return "pong"


@pytest.mark.parametrize("stream", [False, True])
async def test_every_model_call_of_an_agent_counts(stream: bool) -> None:
    helper, client = agent(
        "helper",
        call("ping"),
        call("ping"),
        "all done",
        tools=[ping],
        max_tool_iterations=5,
        model_client_stream=stream,
    )

    ran = await helper.run(task="go")

    assert ran.usage == client.total_usage()
    assert ran.usage_by_source == {"helper": client.total_usage()}


async def test_run_and_run_stream_agree_and_messages_of_the_task_are_not_counted() -> None:
    task = TextMessage(content="go", source="earlier", models_usage=RequestUsage(1000, 1000))
    one, one_client = agent("helper", "yes")
    two, _ = agent("helper", "yes")

    ran = await one.run(task=task)
    streamed = [item async for item in two.run_stream(task=task)][-1]
    team, _ = agent("helper", "yes")
    of_team = await RoundRobinGroupChat([team], max_turns=1).run(task=task)

    assert isinstance(streamed, TaskResult)
    assert ran.usage == streamed.usage == of_team.usage == one_client.total_usage()
    assert "earlier" not in (of_team.usage_by_source or {})


async def test_usage_of_a_team_is_told_per_agent_and_per_run() -> None:
    (a, a_client), (b, b_client) = agent("a", "one", "three"), agent("b", "two words", "four")
    team = RoundRobinGroupChat([a, b], max_turns=2)

    first = await team.run(task="go")
    after_first = (a_client.total_usage(), b_client.total_usage())
    second = await team.run(task="on")

    assert first.usage_by_source == {"a": after_first[0], "b": after_first[1]}
    assert first.usage == RequestUsage(
        after_first[0].prompt_tokens + after_first[1].prompt_tokens,
        after_first[0].completion_tokens + after_first[1].completion_tokens,
    )
    assert second.usage_by_source == {"a": a_client.actual_usage(), "b": b_client.actual_usage()}


@pytest.mark.parametrize("streaming", [False, True])
async def test_selection_of_speakers_counts_also_in_an_inner_team(streaming: bool) -> None:
    (a, a_client), (b, _), (outer, outer_client) = agent("a", "from a"), agent("b", "from b"), agent("outer", "end")
    selector = ReplayChatCompletionClient(["nobody at all", "a"], model_info=INFO)
    inner = SelectorGroupChat([a, b], selector, name="inner", max_turns=1, model_client_streaming=streaming)
    team = RoundRobinGroupChat([inner, outer], max_turns=2)

    result = await team.run(task="go")

    assert len(selector.create_calls) == 2
    assert result.usage_by_source == {
        "a": a_client.total_usage(),
        "SelectorGroupChatManager": selector.total_usage(),
        "outer": outer_client.total_usage(),
    }


async def test_agent_as_a_tool_counts_under_its_own_name() -> None:
    inner, inner_client = agent("inner", "inner answer")
    main, main_client = agent("main", call("inner", '{"task": "do"}'), tools=[AgentTool(inner)])

    result = await main.run(task="go")

    assert result.usage_by_source == {"main": main_client.total_usage(), "inner": inner_client.total_usage()}


async def test_adapted_team_reports_it_to_the_hub() -> None:
    a, client = agent("a", "from a")

    result = await adapt(RoundRobinGroupChat([a], max_turns=1), to="agent").run("go")

    assert result.usage == client.total_usage()


def result_of(**usage: RequestUsage) -> TaskResult:
    return TaskResult(messages=[], usage_by_source=usage)


USED = result_of(a=RequestUsage(1_000_000, 500_000), b=RequestUsage(2_000_000, 0))


@pytest.mark.parametrize(
    ("prices", "by_source"),
    [
        (Price(prompt=2, completion=10), {"a": 7.0, "b": 4.0}),
        ({"a": Price(1, 2), "b": Price(3, 4), "c": Price(5, 6)}, {"a": 2.0, "b": 6.0}),
        (lambda source, usage: usage.completion_tokens * 0.5 if source == "a" else 1.0, {"a": 250_000.0, "b": 1.0}),
    ],
)
def test_cost_is_computed_from_prices_of_the_application(prices: Any, by_source: dict[str, float]) -> None:
    priced = USED.with_cost(prices)

    assert priced.cost_by_source == pytest.approx(by_source)
    assert priced.cost == pytest.approx(sum(by_source.values()))
    assert USED.cost is None


def test_agent_without_a_price_is_an_error_that_names_it() -> None:
    with pytest.raises(ValueError, match="no price for b: give one for each agent"):
        USED.with_cost({"a": Price(1, 2)})


async def test_dump_has_the_documented_fields_only_unless_others_are_set_and_loads() -> None:
    silent = TaskResult(messages=[], stop_reason="done")
    priced = USED.with_cost(Price(1, 1))

    assert silent.model_dump() == {"messages": [], "stop_reason": "done"}
    assert silent.model_dump_json() == '{"messages":[],"stop_reason":"done"}'
    assert set(USED.model_dump()) == {"messages", "stop_reason", "usage_by_source"}
    assert TaskResult.model_validate_json(priced.model_dump_json()) == priced
    assert TaskResult.model_validate({"messages": []}).usage is None
