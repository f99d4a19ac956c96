"""SocietyOfMindAgent: what its team is given, what its model is asked, what is left after a turn."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hubbub_agentchat.agents import AssistantAgent, SocietyOfMindAgent
from hubbub_agentchat.base import Response, TaskResult
from hubbub_agentchat.conditions import MaxMessageTermination, TextMentionTermination
from hubbub_agentchat.messages import HandoffMessage, ModelClientStreamingChunkEvent, TextMessage
from hubbub_agentchat.state import SocietyOfMindAgentState
from hubbub_agentchat.teams import RoundRobinGroupChat, Swarm
from hubbub_core import CancellationToken
from hubbub_core.model_context import BufferedChatCompletionContext
from hubbub_core.models import AssistantMessage, LLMMessage, ModelInfo, RequestUsage, SystemMessage, UserMessage
from hubbub_core.models.replay import ReplayChatCompletionClient

INFO = ModelInfo(vision=False, function_calling=True, json_output=True, family="unknown", structured_output=True)


def writer(*answers: str, **options: Any) -> AssistantAgent:
    return AssistantAgent("writer", ReplayChatCompletionClient(list(answers)), system_message=None, **options)


def prompts(agent: AssistantAgent) -> list[list[Any]]:
    client: Any = agent._model_client
    return [[message.content for message in call["messages"]] for call in client.create_calls]


async def society(
    inner: AssistantAgent, *answers: str, info: ModelInfo = INFO, **options: Any
) -> tuple[SocietyOfMindAgent, ReplayChatCompletionClient]:
    client = ReplayChatCompletionClient(list(answers), model_info=info)
    return SocietyOfMindAgent("society", RoundRobinGroupChat([inner], max_turns=1), client, **options), client


async def test_model_answers_from_what_the_team_said_and_inner_messages_are_streamed_only() -> None:
    agent, client = await society(writer("draft"), "final")

    items: list[Any] = [item async for item in agent.on_messages_stream([text("Write.")], CancellationToken())]

    assert [type(item).__name__ for item in items] == ["TextMessage", "Response"]
    assert items[0].to_text() == "draft"
    response = items[-1]
    assert isinstance(response, Response)
    assert response.inner_messages == []
    assert (response.chat_message.to_text(), response.chat_message.source) == ("final", "society")
    assert response.chat_message.models_usage == client.actual_usage()
    assert client.create_calls[0]["messages"] == [
        UserMessage(content=SocietyOfMindAgent.DEFAULT_INSTRUCTION, source="user"),
        UserMessage(content="draft", source="writer"),
        UserMessage(content=SocietyOfMindAgent.DEFAULT_RESPONSE_PROMPT, source="user"),
    ]


async def test_prompts_are_system_messages_for_a_model_that_takes_several() -> None:
    info = ModelInfo(**{**INFO, "multiple_system_messages": True})
    agent, client = await society(writer("draft"), "final", info=info, instruction="In:", response_prompt="Out:")

    await agent.run(task="Write.")

    first, _, last = client.create_calls[0]["messages"]
    assert (first, last) == (SystemMessage(content="In:"), SystemMessage(content="Out:"))


async def test_earlier_messages_reach_the_team_first_in_the_next_turn_and_the_team_starts_anew() -> None:
    inner = writer("one", "two")
    agent, _ = await society(inner, "answer one", "answer two")

    await agent.run(task="first")
    assert await agent.model_context.get_messages() == [UserMessage(content="first", source="user")]
    await agent.run(task="second")

    assert prompts(inner) == [["first"], ["first", "This is what was said before.", "second"]]
    assert [message.content for message in await agent.model_context.get_messages()] == ["first", "second"]


async def test_context_of_the_application_bounds_what_is_remembered() -> None:
    inner = writer("one", "two", "three")
    agent, _ = await society(inner, "1", "2", "3", model_context=BufferedChatCompletionContext(1))

    for task in ("first", "second", "third"):
        await agent.run(task=task)

    assert prompts(inner)[-1] == ["second", "This is what was said before.", "third"]


async def test_team_that_says_nothing_gives_no_response_without_asking_the_model() -> None:
    team = RoundRobinGroupChat([writer("never")], termination_condition=MaxMessageTermination(1))
    client = ReplayChatCompletionClient([])
    agent = SocietyOfMindAgent("society", team, client)

    result = await agent.run(task="go")

    assert result.messages[-1].to_text() == "No response."
    assert client.create_calls == []


async def test_called_without_messages_it_runs_the_team_without_a_task() -> None:
    inner = writer("from nothing")
    agent, _ = await society(inner, "final")

    response = await agent.on_messages([], CancellationToken())

    assert response.chat_message.to_text() == "final"
    assert prompts(inner) == [[]]


async def test_run_has_task_and_answer_and_the_usage_of_the_team_too() -> None:
    agent, client = await society(writer("a draft"), "final")

    result = await agent.run(task="Write.")

    assert [message.to_text() for message in result.messages] == ["Write.", "final"]
    assert result.usage_by_source == {"writer": RequestUsage(1, 2), "society": client.actual_usage()}


async def test_society_of_writer_and_editor_speaks_in_an_outer_team() -> None:
    one = AssistantAgent("assistant1", ReplayChatCompletionClient(["A story."]))
    two = AssistantAgent("assistant2", ReplayChatCompletionClient(["APPROVE"]))
    inner = RoundRobinGroupChat([one, two], termination_condition=TextMentionTermination("APPROVE"))
    society_agent = SocietyOfMindAgent("society_of_mind", inner, ReplayChatCompletionClient(["The story."]))
    three = AssistantAgent("assistant3", ReplayChatCompletionClient(["La historia."]), system_message=None)
    team = RoundRobinGroupChat([society_agent, three], max_turns=2)

    items: list[Any] = [item async for item in team.run_stream(task="Write a short story with a surprising ending.")]

    assert [item.source for item in items[:-1]] == ["user", "assistant1", "assistant2", "society_of_mind", "assistant3"]
    assert isinstance(items[-1], TaskResult)
    assert prompts(three) == [["Write a short story with a surprising ending.", "The story."]]


async def test_chunks_of_the_team_are_streamed() -> None:
    agent, _ = await society(writer("a draft", model_client_stream=True), "final")

    items = [item async for item in agent.run_stream(task="Write.", output_task_messages=False)]

    assert [item.content for item in items if isinstance(item, ModelClientStreamingChunkEvent)] == ["a ", "draft"]


async def test_handoff_to_it_is_no_handoff_within_a_swarm_of_its_own() -> None:
    inner = writer("draft", "better draft")
    agent = SocietyOfMindAgent(
        "society",
        Swarm([inner], max_turns=1),
        ReplayChatCompletionClient(["a", "b"]),
    )
    handoff = HandoffMessage(
        content="Yours.", source="boss", target="society", context=[UserMessage(content="a fact", source="x")]
    )

    await agent.on_messages([handoff], CancellationToken())
    await agent.on_messages([text("again")], CancellationToken())

    assert prompts(inner) == [["a fact", "Yours."], ["a fact", "Yours.", "This is what was said before.", "again"]]


async def test_failed_turn_leaves_nothing_in_context_or_team_so_that_a_retry_reads_once() -> None:
    inner = writer("one", "two")
    agent, client = await society(inner)

    with pytest.raises(ValueError, match="No more mock responses"):
        await agent.run(task="go")
    client.chat_completions.append("final")
    result = await agent.run(task="go")

    assert result.messages[-1].to_text() == "final"
    assert prompts(inner) == [["go"], ["go"]]


async def test_cancelled_turn_ends_the_team_and_resets_it() -> None:
    asked = asyncio.Event()

    class Stuck(ReplayChatCompletionClient):
        async def create(self, *args: Any, **kwargs: Any) -> Any:
            if not asked.is_set():
                asked.set()
                await asyncio.Event().wait()
            return await super().create(*args, **kwargs)

    stuck = Stuck(["draft"])
    inner = AssistantAgent("writer", stuck, system_message=None)
    agent, _ = await society(inner, "final")
    token = CancellationToken()

    running = asyncio.create_task(agent.run(task="go", cancellation_token=token))
    await asked.wait()
    token.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert await agent.model_context.get_messages() == []
    assert (await agent.run(task="again")).messages[-1].to_text() == "final"
    assert prompts(inner) == [["again"]]


async def test_state_holds_team_and_context_and_reset_clears_both() -> None:
    inner = writer("one", "two", "three")
    agent, _ = await society(inner, "1", "2", "3")
    await agent.run(task="first")

    state = await agent.save_state()
    other_inner = writer("elsewhere")
    other, _ = await society(other_inner, "x")
    await other.load_state(state)
    await other.run(task="second")
    await agent.on_reset(CancellationToken())
    await agent.run(task="third")

    assert SocietyOfMindAgentState.model_validate(state).type == "SocietyOfMindAgentState"
    assert set(state["inner_team_state"]["agent_states"]) == {"writer", "RoundRobinGroupChatManager"}
    assert prompts(other_inner) == [["first", "This is what was said before.", "second"]]
    assert prompts(inner)[-1] == ["third"]


async def test_state_of_the_documents_without_a_context_loads() -> None:
    agent, _ = await society(writer("one"), "1")
    state = dict(await agent.save_state())
    del state["llm_context"]

    await agent.load_state(state)

    assert await agent.model_context.get_messages() == []


async def test_configuration_round_trip_and_defaults_for_what_is_missing() -> None:
    context: list[LLMMessage] = [AssistantMessage(content="earlier", source="x")]
    agent, _ = await society(
        writer("one"), "1", instruction="In:", model_context=BufferedChatCompletionContext(3, initial_messages=context)
    )

    model = agent.dump_component()
    model.provider = "autogen_agentchat.agents.SocietyOfMindAgent"
    loaded = SocietyOfMindAgent.load_component(model)
    bare = SocietyOfMindAgent.load_component(
        {**model.model_dump(), "config": {key: model.config[key] for key in ("name", "team", "model_client")}}
    )

    assert loaded.dump_component().config == model.config
    assert model.config["instruction"] == "In:"
    config = bare.dump_component().config
    assert config["description"] == "An agent that uses an inner team of agents to generate responses."
    assert config["instruction"] == SocietyOfMindAgent.DEFAULT_INSTRUCTION
    assert config["response_prompt"] == SocietyOfMindAgent.DEFAULT_RESPONSE_PROMPT
    assert list(bare.produced_message_types) == [TextMessage]


def text(content: str) -> TextMessage:
    return TextMessage(content=content, source="user")
