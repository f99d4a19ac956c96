"""The first programs: hello world, the weather agent, a team of one.

spec: 002 S2-006; 003 S3-062..064; 004 S4-065, 066, 086
"""

from __future__ import annotations

import pytest
from chat_scripts import asked, calling, kinds, replay, said
from pydantic import BaseModel, Field

from hubbub_agentchat.agents import AssistantAgent
from hubbub_agentchat.base import TaskResult
from hubbub_agentchat.conditions import TextMentionTermination
from hubbub_agentchat.messages import StructuredMessage
from hubbub_agentchat.teams import RoundRobinGroupChat
from hubbub_agentchat.ui import Console


async def get_weather(city: str) -> str:
    """Get the weather for a given city."""
    return f"The weather in {city} is 73 degrees and Sunny."


async def test_agent_says_hello_world() -> None:
    agent = AssistantAgent("assistant", replay("Hello World!"))

    result = await agent.run(task="Say 'Hello World!'")

    assert isinstance(result, TaskResult)
    assert said(result.messages) == ["user: Say 'Hello World!'", "assistant: Hello World!"]
    assert result.stop_reason is None


async def test_weather_agent_uses_its_tool_and_streams_its_reflection(capsys: pytest.CaptureFixture[str]) -> None:
    model = replay(
        calling("get_weather", '{"city":"New York"}', call_id="call_1"),
        "The current weather in New York is 73 degrees and sunny.",
    )
    agent = AssistantAgent(
        name="weather_agent",
        model_client=model,
        tools=[get_weather],
        system_message="You are a helpful assistant.",
        reflect_on_tool_use=True,
        model_client_stream=True,
    )

    await Console(agent.run_stream(task="What is the weather in New York?"))
    await model.close()

    assert capsys.readouterr().out == (
        "---------- TextMessage (user) ----------\n"
        "What is the weather in New York?\n"
        "---------- ToolCallRequestEvent (weather_agent) ----------\n"
        """[FunctionCall(id='call_1', arguments='{"city":"New York"}', name='get_weather')]\n"""
        "---------- ToolCallExecutionEvent (weather_agent) ----------\n"
        "[FunctionExecutionResult(content='The weather in New York is 73 degrees and Sunny.', name='get_weather', "
        "call_id='call_1', is_error=False)]\n"
        "---------- ModelClientStreamingChunkEvent (weather_agent) ----------\n"
        "The current weather in New York is 73 degrees and sunny.\n"
    )


async def test_team_of_one_streams_its_message_and_then_its_result() -> None:
    team = RoundRobinGroupChat([AssistantAgent("assistant", replay("Hello!"))], max_turns=1)

    items = [item async for item in team.run_stream(task="Say hello.")]

    assert said(items[:-1]) == ["user: Say hello.", "assistant: Hello!"]
    assert isinstance(items[-1], TaskResult)


async def test_team_of_one_with_a_tool_ends_on_its_word() -> None:
    agent = AssistantAgent(
        "weather_agent",
        replay(calling("get_weather", '{"city": "New York"}'), "Sunny, 73 degrees. TERMINATE"),
        tools=[get_weather],
        reflect_on_tool_use=True,
    )
    team = RoundRobinGroupChat([agent], termination_condition=TextMentionTermination("TERMINATE"))

    result = await team.run(task="Ask about the weather in New York.")

    assert kinds(result.messages) == ["TextMessage", "ToolCallRequestEvent", "ToolCallExecutionEvent", "TextMessage"]
    assert result.stop_reason == "Text 'TERMINATE' mentioned"


async def test_function_given_as_a_tool_is_described_by_its_docstring_and_signature() -> None:
    model = replay("It is sunny.")

    await AssistantAgent("assistant", model, tools=[get_weather]).run(task="Weather?")

    (schema,) = model.create_calls[0]["tools"]
    assert (schema["name"], schema["description"]) == ("get_weather", "Get the weather for a given city.")
    assert schema["parameters"]["required"] == ["city"]


class ReasoningStep(BaseModel):
    explanation: str = Field(description="What is done.")
    output: str


class MathReasoning(BaseModel):
    steps: list[ReasoningStep]
    final_answer: str


async def test_nested_structure_is_asked_for_and_returned() -> None:
    answer = MathReasoning(steps=[ReasoningStep(explanation="Subtract 7.", output="8x = -30")], final_answer="-3.75")
    model = replay(answer.model_dump_json())
    agent = AssistantAgent("tutor", model, output_content_type=MathReasoning)

    result = await agent.run(task="Solve 8x + 7 = -23.")

    message = result.messages[-1]
    assert isinstance(message, StructuredMessage)
    assert message.content == answer
    assert model.create_calls[0]["json_output"] is MathReasoning


async def test_agent_told_nothing_else_is_asked_to_say_terminate() -> None:
    model = replay("Done. TERMINATE")

    await AssistantAgent("assistant", model).run(task="Anything.")

    assert asked(model)[0].content == (
        "You are a helpful AI assistant. Solve tasks using your tools. "
        "Reply with TERMINATE when the task has been completed."
    )
