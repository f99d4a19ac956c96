"""The guide for applications of AutoGen 0.2 (spec: 002 S2-036..078; 004 S4-071..091, 171)."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from chat_scripts import asked, calling, contents, kinds, replay, said

from hubbub_agentchat.agents import AssistantAgent, BaseChatAgent, CodeExecutorAgent, UserProxyAgent
from hubbub_agentchat.base import Response
from hubbub_agentchat.conditions import MaxMessageTermination, TextMentionTermination
from hubbub_agentchat.messages import BaseAgentEvent, BaseChatMessage, MultiModalMessage, TextMessage
from hubbub_agentchat.migration import convert_to_v02_history, convert_to_v04_history
from hubbub_agentchat.teams import RoundRobinGroupChat, SelectorGroupChat
from hubbub_agentchat.ui import Console
from hubbub_core import CancellationToken, Image, InMemoryStore
from hubbub_core.model_context import BufferedChatCompletionContext
from hubbub_core.models import ChatCompletionClient, UserMessage
from hubbub_core.models.cache import ChatCompletionCache
from hubbub_core.models.replay import ReplayChatCompletionClient
from hubbub_local_executor import LocalCommandLineCodeExecutor

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
HELLO = [TextMessage(content="Hello!", source="user")]


def text(content: str, source: str = "user") -> TextMessage:
    return TextMessage(content=content, source=source)


async def test_model_is_loaded_by_its_short_name() -> None:
    config = {"provider": "OpenAIChatCompletionClient", "config": {"model": "gpt-4o", "api_key": "sk-xxx"}}

    client = ChatCompletionClient.load_component(config)

    assert client.model_info["function_calling"] is True
    await client.close()


async def test_second_answer_to_the_same_question_comes_from_the_cache() -> None:
    inner = replay("Paris.", "never")
    inner.set_cached_bool_value(False)
    cached = ChatCompletionCache(inner, InMemoryStore())
    question = [UserMessage(content="Capital of France?", source="user")]

    answers = [await cached.create(question), await cached.create(question)]

    assert [(answer.content, answer.cached) for answer in answers] == [("Paris.", False), ("Paris.", True)]
    assert len(inner.create_calls) == 1


async def test_agent_is_asked_directly() -> None:
    agent = AssistantAgent("assistant", replay("Hi."), system_message="You are a helpful assistant.")

    response = await agent.on_messages(HELLO, CancellationToken())

    assert isinstance(response, Response)
    assert said([response.chat_message]) == ["assistant: Hi."]


async def test_cancelled_token_ends_the_call() -> None:
    asking = asyncio.Event()

    class Slow(ReplayChatCompletionClient):
        async def create(self, *args: Any, **kwargs: Any) -> Any:
            asking.set()
            await asyncio.Event().wait()

    token = CancellationToken()
    call = asyncio.create_task(AssistantAgent("assistant", Slow([])).on_messages(HELLO, token))
    await asking.wait()
    token.cancel()

    with pytest.raises(asyncio.CancelledError):
        await call


async def test_picture_from_a_file_is_part_of_the_question(tmp_path: Path) -> None:
    (tmp_path / "test.png").write_bytes(base64.b64decode(PNG))
    model = replay("A pixel.")
    message = MultiModalMessage(
        content=["Describe the content of this image", Image.from_file(tmp_path / "test.png")], source="user"
    )

    await AssistantAgent("assistant", model).on_messages([message], CancellationToken())

    assert asked(model)[-1].content == message.content


class CustomAgent(BaseChatAgent):
    """The guide's replacement of `register_reply`."""

    async def on_messages(self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken) -> Response:
        return Response(chat_message=text("Custom reply", self.name))

    async def on_reset(self, cancellation_token: CancellationToken) -> None:
        pass

    @property
    def produced_message_types(self) -> Sequence[type[BaseChatMessage]]:
        return (TextMessage,)


async def test_custom_agent_stands_wherever_an_assistant_does() -> None:
    agent = CustomAgent(name="custom_agent", description="Always the same.")

    response = await agent.on_messages(HELLO, CancellationToken())
    result = await RoundRobinGroupChat([agent, AssistantAgent("assistant", replay("Hm."))], max_turns=2).run(task="Hi.")

    assert agent.produced_message_types == (TextMessage,)
    assert response.chat_message.to_text() == "Custom reply"
    assert said(result.messages) == ["user: Hi.", "custom_agent: Custom reply", "assistant: Hm."]


async def test_saved_state_takes_a_conversation_back(tmp_path: Path) -> None:
    model = replay("Hi.", "A joke.", "Another joke.")
    agent = AssistantAgent("assistant", model, system_message=None)
    path = tmp_path / "assistant_state.json"
    await agent.on_messages(HELLO, CancellationToken())
    path.write_text(json.dumps(await agent.save_state()))
    state = json.loads(path.read_text())
    await agent.on_messages([text("Tell me a joke.")], CancellationToken())

    await agent.load_state(state)
    await agent.on_messages([text("Tell me a joke.")], CancellationToken())

    assert contents(asked(model)) == ["Hello!", "Hi.", "Tell me a joke."]


SCRIPT = """Here it is:
```python
print('Hello, world!')
```
"""


@pytest.mark.filterwarnings("ignore:LocalCommandLineCodeExecutor runs code on this machine")
async def test_assistant_and_executor_write_and_run_a_script(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = replay(SCRIPT, "It works. TERMINATE")
    assistant = AssistantAgent("assistant", model, system_message="Write all code in python.")
    async with LocalCommandLineCodeExecutor(work_dir=tmp_path / "coding") as executor:
        with pytest.warns(UserWarning, match="No approval function"):
            runner = CodeExecutorAgent("code_executor", code_executor=executor)
        condition = TextMentionTermination("TERMINATE") | MaxMessageTermination(10)
        team = RoundRobinGroupChat([assistant, runner], termination_condition=condition)

        result = await Console(team.run_stream(task="Write a python script to print 'Hello, world!'"))

    spoken = [message for message in result.messages if isinstance(message, BaseChatMessage)]
    assert [message.source for message in spoken] == ["user", "assistant", "code_executor", "assistant"]
    assert "Hello, world!" in spoken[2].to_text()
    assert "Hello, world!" in str(asked(model)[-1].content)
    assert "Hello, world!" in capsys.readouterr().out


def get_weather(city: str) -> str:
    """Get the weather for a city."""
    return f"The weather in {city} is 72 degree and sunny."


@pytest.mark.parametrize("reflect", [True, False])
async def test_chatbot_with_a_tool_talks_until_the_user_exits(reflect: bool) -> None:
    model = replay(calling("get_weather", '{"city": "Oslo"}'), *(["Sunny."] if reflect else []), "You are welcome.")
    agent = AssistantAgent("assistant", model, tools=[get_weather], reflect_on_tool_use=reflect, system_message=None)
    shown: list[str] = []

    for typed in ("Weather in Oslo?", "Thanks!", "exit"):
        if typed == "exit":
            break
        response = await agent.on_messages([text(typed)], CancellationToken())
        shown.append(response.chat_message.to_text())

    first = "Sunny." if reflect else "The weather in Oslo is 72 degree and sunny."
    assert shown == [first, "You are welcome."]
    assert contents(asked(model))[0] == "Weather in Oslo?"


async def test_writer_and_critic_resume_and_are_resumed_in_another_process(tmp_path: Path) -> None:
    models: list[ReplayChatCompletionClient] = []

    def create_team(*stories: str) -> RoundRobinGroupChat:
        models.append(replay(*stories))
        writer = AssistantAgent("writer", models[-1], description="A writer.", system_message="You are a writer.")
        critic = AssistantAgent("critic", replay("APPROVE", "APPROVE"), description="A critic.")
        condition = TextMentionTermination("APPROVE")
        return RoundRobinGroupChat([writer, critic], termination_condition=condition, max_turns=12)

    team = create_team("A robot found a friend.", "The friend was the sea.")
    await Console(team.run_stream(task="Write a short story about a robot that discovers it has feelings."))
    await Console(team.run_stream(task="Continue the story."))
    path = tmp_path / "group_chat_state.json"
    path.write_text(json.dumps(await team.save_state()))
    fresh = create_team("一个机器人找到了朋友。")
    await fresh.load_state(json.loads(path.read_text()))

    result = await Console(fresh.run_stream(task="Translate the story into Chinese."))

    assert said(result.messages)[1:] == ["writer: 一个机器人找到了朋友。", "critic: APPROVE"]
    known = contents(asked(models[1]))
    assert "A robot found a friend." in known
    assert "The friend was the sea." in known


def search_web_tool(query: str) -> str:
    """Find information on the web."""
    if "2006-2007" in query:
        return "Udonis Haslem: 844 points, Dwayne Wade: 1397 points, James Posey: 550 points"
    if "2007-2008" in query:
        return "The number of total rebounds for Dwayne Wade in the Miami Heat season 2007-2008 is 214."
    return "No data found."


def percentage_change_tool(start: float, end: float) -> float:
    """Compute a change in percent."""
    return ((end - start) / start) * 100


async def test_selector_function_returns_to_the_planner_after_each_specialist() -> None:
    chooser = replay("WebSearchAgent", "DataAnalystAgent", "PlanningAgent")
    planner = AssistantAgent(
        "PlanningAgent",
        replay("WebSearchAgent: find the points.", "DataAnalystAgent: compute the change.", "It grew. TERMINATE"),
        description="Plans; the first to be asked.",
    )
    searcher = AssistantAgent(
        "WebSearchAgent", replay(calling("search_web_tool", '{"query": "2006-2007"}')), tools=[search_web_tool]
    )
    analyst = AssistantAgent(
        "DataAnalystAgent",
        replay(calling("percentage_change_tool", '{"start": 200, "end": 398}')),
        tools=[percentage_change_tool],
    )
    seen: list[int] = []

    def planner_after_others(messages: Sequence[BaseAgentEvent | BaseChatMessage]) -> str | None:
        seen.append(len(messages))
        return None if messages[-1].source == planner.name else planner.name

    team = SelectorGroupChat(
        [planner, searcher, analyst],
        model_client=chooser,
        termination_condition=TextMentionTermination("TERMINATE") | MaxMessageTermination(max_messages=25),
        selector_func=planner_after_others,
    )

    result = await Console(team.run_stream(task="Who was the Miami Heat player with the highest points?"))

    spoken = [message for message in result.messages if isinstance(message, BaseChatMessage)]
    assert [message.source for message in spoken] == [
        "user",
        "PlanningAgent",
        "WebSearchAgent",
        "PlanningAgent",
        "DataAnalystAgent",
        "PlanningAgent",
    ]
    assert "Dwayne Wade: 1397 points" in spoken[2].to_text()
    assert spoken[4].to_text() == "99.0"
    assert (seen[0], len(chooser.create_calls)) == (1, 2)


class CountingAgent(BaseChatAgent):
    """Says the next number."""

    @property
    def produced_message_types(self) -> Sequence[type[BaseChatMessage]]:
        return (TextMessage,)

    async def on_messages(self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken) -> Response:
        last = int(messages[-1].to_text()) if messages else 0
        return Response(chat_message=text(str(last + 1), self.name))

    async def on_reset(self, cancellation_token: CancellationToken) -> None:
        pass


class NestedCountingAgent(BaseChatAgent):
    """Has a team count, and says what it said last."""

    def __init__(self, name: str, counting_team: RoundRobinGroupChat) -> None:
        super().__init__(name, description="An agent that counts numbers.")
        self._team = counting_team

    @property
    def produced_message_types(self) -> Sequence[type[BaseChatMessage]]:
        return (TextMessage,)

    async def on_messages(self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken) -> Response:
        result = await self._team.run(task=list(messages), cancellation_token=cancellation_token)
        last = result.messages[-1]
        assert isinstance(last, TextMessage)
        return Response(chat_message=last, inner_messages=result.messages[len(messages) : -1])

    async def on_reset(self, cancellation_token: CancellationToken) -> None:
        await self._team.reset()


async def test_nested_team_counts_out_of_sight() -> None:
    counters = [CountingAgent(f"counting_agent_{number}", "Counts.") for number in (1, 2)]
    agent = NestedCountingAgent("nested_counting_agent", RoundRobinGroupChat(counters, max_turns=5))

    response = await agent.on_messages([text("1")], CancellationToken())
    await agent.on_reset(CancellationToken())

    assert said(response.inner_messages or []) == [
        "counting_agent_1: 2",
        "counting_agent_2: 3",
        "counting_agent_1: 4",
        "counting_agent_2: 5",
    ]
    assert said([response.chat_message]) == ["counting_agent_1: 6"]
    assert (await CountingAgent("c", "Counts.").on_messages([], CancellationToken())).chat_message.to_text() == "1"


async def test_chatbot_remembers_only_its_last_messages() -> None:
    model = replay(*map(str, range(8)))
    agent = AssistantAgent(
        "assistant", model, system_message=None, model_context=BufferedChatCompletionContext(buffer_size=10)
    )

    for number in range(8):
        await agent.on_messages([text(f"q{number}")], CancellationToken())

    assert contents(asked(model))[0] == "2"  # an answer: the ninth and older ones are gone
    assert len(asked(model)) == 10


async def test_two_assistants_and_a_user_go_on_from_a_saved_state() -> None:
    def create_team(*answers: str) -> tuple[RoundRobinGroupChat, ReplayChatCompletionClient]:
        model = replay(*answers)
        members = [
            AssistantAgent("first", model),
            AssistantAgent("second", replay(*["I see."] * 8)),
            UserProxyAgent("user_proxy", input_func=lambda prompt: "Go on."),
        ]
        return RoundRobinGroupChat(members, max_turns=10), model

    team, _ = create_team(*map(str, range(4)))
    first = await team.run(task="Hello, everyone!")
    fresh, model = create_team(*map(str, range(4)))
    await fresh.load_state(json.loads(json.dumps(await team.save_state())))

    second = await fresh.run(task="Continue the conversation.")

    assert first.stop_reason == second.stop_reason == "Maximum number of turns 10 reached."
    assert "Hello, everyone!" in contents(asked(model, 0))
    assert second.messages[1].source == "second"


async def test_what_a_run_said_can_be_read_by_code_for_0_2() -> None:
    model = replay(calling("get_weather", '{"city": "Oslo"}'), "Sunny.")
    agent = AssistantAgent("assistant", model, tools=[get_weather], reflect_on_tool_use=True)
    result = await agent.run(task="Weather in Oslo?")

    history = convert_to_v02_history(result.messages)

    assert [(entry["role"], entry["content"]) for entry in history] == [
        ("user", "Weather in Oslo?"),
        ("assistant", None),
        ("tool", "The weather in Oslo is 72 degree and sunny."),
        ("assistant", "Sunny."),
    ]
    assert kinds(convert_to_v04_history(history)) == kinds(result.messages)


async def test_stream_can_be_cancelled_between_its_items() -> None:
    token = CancellationToken()
    team = RoundRobinGroupChat([CountingAgent(name, "Counts.") for name in ("first", "second")])
    heard: list[str] = []

    async def listen() -> None:
        async for item in team.run_stream(task="1", cancellation_token=token):
            assert isinstance(item, TextMessage)
            heard.append(item.content)
            if len(heard) == 3:
                token.cancel()

    with pytest.raises(asyncio.CancelledError):
        await listen()

    assert heard == ["1", "2", "3"]
