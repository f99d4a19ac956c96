"""The examples in the reference of the agents (spec: 000-part2 sections 7, 14; 004 S4-045..070)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any, Literal, Self

import pytest
from chat_scripts import asked, calling, contents, kinds, replay, response_of, said
from pydantic import BaseModel

from hubbub_agentchat.agents import (
    ApprovalRequest,
    ApprovalResponse,
    AssistantAgent,
    BaseChatAgent,
    CodeExecutorAgent,
    SocietyOfMindAgent,
    UserProxyAgent,
)
from hubbub_agentchat.base import ChatAgent, Response
from hubbub_agentchat.conditions import TextMentionTermination
from hubbub_agentchat.messages import (
    BaseAgentEvent,
    BaseChatMessage,
    ModelClientStreamingChunkEvent,
    TextMessage,
)
from hubbub_agentchat.teams import RoundRobinGroupChat
from hubbub_agentchat.ui import Console
from hubbub_core import CancellationToken
from hubbub_core.memory import ListMemory, MemoryContent
from hubbub_core.model_context import BufferedChatCompletionContext, UnboundedChatCompletionContext
from hubbub_core.models import AssistantMessage, CreateResult, LLMMessage, ModelFamily, ModelInfo, RequestUsage
from hubbub_core.models.replay import ReplayChatCompletionClient
from hubbub_core.tools import FunctionTool
from hubbub_local_executor import LocalCommandLineCodeExecutor
from hubbub_registry import Component


def ask(content: str) -> list[TextMessage]:
    return [TextMessage(content=content, source="user")]


async def test_assistant_answers_a_question() -> None:
    agent = AssistantAgent(name="assistant", model_client=replay("Paris."))

    response = await agent.on_messages(ask("What is the capital of France?"), CancellationToken())

    assert said([response.chat_message]) == ["assistant: Paris."]


async def test_assistant_streams_tokens() -> None:
    agent = AssistantAgent(name="assistant", model_client=replay("The capital is Paris."), model_client_stream=True)

    items = [item async for item in agent.on_messages_stream(ask("Name the capital of France."), CancellationToken())]

    pieces = [item for item in items if isinstance(item, ModelClientStreamingChunkEvent)]
    response = response_of(items)
    assert len(pieces) == len(items) - 1
    assert {(piece.source, piece.models_usage) for piece in pieces} == {("assistant", None)}
    assert response.chat_message.to_text() == "".join(piece.content for piece in pieces)
    assert response.inner_messages == []


async def get_current_time() -> str:
    """Get the current time."""
    return "The current time is 12:00 PM."


async def test_assistant_with_a_tool_on_the_console(capsys: pytest.CaptureFixture[str]) -> None:
    agent = AssistantAgent("assistant", replay(calling("get_current_time")), tools=[get_current_time])

    response = await Console(agent.on_messages_stream(ask("What is the current time?"), CancellationToken()))

    assert response.chat_message.to_text() == "The current time is 12:00 PM."
    assert capsys.readouterr().out.endswith("---------- assistant ----------\nThe current time is 12:00 PM.\n")


def sentiment_analysis(text: str) -> str:
    """Given a text, return the sentiment."""
    return "happy" if "happy" in text else "sad" if "sad" in text else "neutral"


class Sentiment(BaseModel):
    thoughts: str
    response: Literal["happy", "sad", "neutral"]


async def test_tool_and_structured_answer_together(capsys: pytest.CaptureFixture[str]) -> None:
    answer = Sentiment(thoughts="The user says so.", response="happy").model_dump_json()
    tool = FunctionTool(sentiment_analysis, description="Sentiment Analysis", strict=True)
    agent = AssistantAgent(
        name="assistant",
        model_client=replay(calling("sentiment_analysis", '{"text":"I am happy today!"}'), answer),
        tools=[tool],
        system_message="Use the tool to analyze sentiment.",
        reflect_on_tool_use=True,
        output_content_type=Sentiment,
    )

    await Console(agent.on_messages_stream(ask("I am happy today!"), CancellationToken()))

    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("[FunctionCall(id='1', arguments=")
    assert lines[3].startswith("[FunctionExecutionResult(content='happy', name='sentiment_analysis'")
    assert Sentiment.model_validate_json(lines[5]).response == "happy"


async def test_bounded_context_forgets_the_first_exchange() -> None:
    model = replay("Blue.", "Because.", "I do not know.")
    agent = AssistantAgent(
        "assistant", model, system_message=None, model_context=BufferedChatCompletionContext(buffer_size=2)
    )

    for question in ("Name two cities.", "My favorite color is blue.", "Did you say my favorite color?"):
        await agent.on_messages(ask(question), CancellationToken())

    assert contents(asked(model)) == ["Because.", "Did you say my favorite color?"]


async def test_facts_in_memory_reach_the_model() -> None:
    memory = ListMemory()
    for fact in ("User likes pizza.", "User dislikes cheese."):
        await memory.add(MemoryContent(content=fact, mime_type="text/plain"))
    model = replay("Pizza without cheese.")

    result = await AssistantAgent("assistant", model, memory=[memory]).run(task="What is a good dinner idea?")

    given = "\n".join(map(str, contents(asked(model))))
    assert "User likes pizza." in given
    assert "User dislikes cheese." in given
    assert kinds(result.messages) == ["TextMessage", "MemoryQueryEvent", "TextMessage"]


async def test_model_without_system_messages_gets_none() -> None:
    model = ReplayChatCompletionClient(["Paris."])
    agent = AssistantAgent("assistant", model, system_message=None)

    await agent.on_messages(ask("What is the capital of France?"), CancellationToken())

    assert [message.type for message in asked(model)] == ["UserMessage"]


class ReasoningModelContext(UnboundedChatCompletionContext):
    """Leaves out what the model thought."""

    async def get_messages(self) -> list[LLMMessage]:
        messages = await super().get_messages()
        return [
            message.model_copy(update={"thought": None}) if isinstance(message, AssistantMessage) else message
            for message in messages
        ]


async def test_thoughts_of_a_reasoning_model_are_told_and_kept_from_it() -> None:
    info = ModelInfo(
        vision=False, function_calling=False, json_output=False, family=ModelFamily.R1, structured_output=False
    )
    thinking = CreateResult(
        finish_reason="stop", content="4", usage=RequestUsage(0, 0), cached=False, thought="Two and two."
    )
    model = ReplayChatCompletionClient([thinking, "6"], model_info=info)
    agent = AssistantAgent("reasoning_agent", model, model_context=ReasoningModelContext())

    first = await agent.run(task="2 + 2?")
    await agent.run(task="And 2 more?")

    (answer,) = [message for message in asked(model) if isinstance(message, AssistantMessage)]
    assert kinds(first.messages) == ["TextMessage", "ThoughtEvent", "TextMessage"]
    assert (answer.content, answer.thought) == ("4", None)


CODE = """Here is some code:

```python
print('Hello world')
```
"""


@pytest.mark.filterwarnings("ignore:LocalCommandLineCodeExecutor runs code on this machine")
@pytest.mark.parametrize(("source", "ran"), [("coder", True), ("stranger", False)])
async def test_code_of_the_chosen_sources_is_run(tmp_path: Path, source: str, ran: bool) -> None:
    async def approve(request: ApprovalRequest) -> ApprovalResponse:
        return ApprovalResponse(approved=True, reason="Harmless.")

    async with LocalCommandLineCodeExecutor(work_dir=tmp_path) as executor:
        agent = CodeExecutorAgent("code_executor", executor, sources=["coder"], approval_func=approve)
        message = TextMessage(content=CODE, source=source)
        response = await agent.on_messages([message], CancellationToken())

    assert ("Hello world" in response.chat_message.to_text()) is ran


async def test_society_of_mind_writes_and_another_agent_translates() -> None:
    inner_models = replay("A story.", "A better story."), replay("Too short.", "APPROVE")
    inner_team = RoundRobinGroupChat(
        [AssistantAgent("assistant1", inner_models[0]), AssistantAgent("assistant2", inner_models[1])],
        termination_condition=TextMentionTermination("APPROVE"),
    )
    speaker, translator = replay("The story: a better story."), replay("La historia.")
    society = SocietyOfMindAgent("society_of_mind", team=inner_team, model_client=speaker)
    team = RoundRobinGroupChat([society, AssistantAgent("assistant3", translator)], max_turns=2)

    result = await Console(team.run_stream(task="Write a short story with a surprising ending."))

    spoken = [message for message in result.messages if message.source in ("society_of_mind", "assistant3")]
    assert said(spoken) == ["society_of_mind: The story: a better story.", "assistant3: La historia."]
    assert "A better story." in "\n".join(map(str, contents(asked(speaker))))
    assert contents(asked(translator))[-1] == "The story: a better story."


async def test_user_proxy_returns_what_was_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builtins.input", lambda prompt: "Ada")
    agent = UserProxyAgent("user_proxy")

    response = await asyncio.create_task(agent.on_messages(ask("What is your name? "), CancellationToken()))

    assert response.chat_message.to_text() == "Ada"


async def test_user_proxy_is_given_up_by_a_timer() -> None:
    token = CancellationToken()

    async def never(prompt: str, cancellation_token: CancellationToken | None) -> str:
        await asyncio.Event().wait()
        raise AssertionError("never")

    agent = UserProxyAgent("user_proxy", input_func=never)
    timer = asyncio.create_task(asyncio.sleep(0))
    timer.add_done_callback(lambda _: token.cancel())

    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(agent.on_messages(ask("What is your name? "), token))


class CountDownAgent(BaseChatAgent):
    """The custom agent of the guide: built on its stream."""

    def __init__(self, name: str, count: int = 3) -> None:
        super().__init__(name, "A simple agent that counts down.")
        self._count = count

    @property
    def produced_message_types(self) -> Sequence[type[BaseChatMessage]]:
        return (TextMessage,)

    async def on_messages(self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken) -> Response:
        async for item in self.on_messages_stream(messages, cancellation_token):
            if isinstance(item, Response):
                return item
        raise AssertionError("the stream ends with a response")

    async def on_messages_stream(
        self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken
    ) -> AsyncGenerator[BaseAgentEvent | BaseChatMessage | Response, None]:
        inner: list[BaseAgentEvent | BaseChatMessage] = []
        for number in range(self._count, 0, -1):
            inner.append(TextMessage(content=f"{number}...", source=self.name))
            yield inner[-1]
        yield Response(chat_message=TextMessage(content="Done!", source=self.name), inner_messages=inner)

    async def on_reset(self, cancellation_token: CancellationToken) -> None:
        pass


async def test_custom_agent_counts_down_in_its_stream() -> None:
    agent = CountDownAgent("countdown")

    items = [item async for item in agent.on_messages_stream([], CancellationToken())]
    response = await agent.on_messages([], CancellationToken())

    assert said(items[:-1]) == ["countdown: 3...", "countdown: 2...", "countdown: 1..."]
    assert response_of(items).chat_message.to_text() == "Done!"
    assert said(response.inner_messages or []) == said(items[:-1])


class EchoServiceConfig(BaseModel):
    name: str
    description: str = "An agent that provides assistance with ability to use tools."
    model: str = "echo-1"
    system_message: str | None = None


class EchoServiceAgent(BaseChatAgent, Component[EchoServiceConfig]):
    """The guide's agent around a vendor's own SDK; the service here answers with what it was asked."""

    component_config_schema = EchoServiceConfig
    component_provider_override = "guide.EchoServiceAgent"

    def __init__(self, config: EchoServiceConfig) -> None:
        super().__init__(config.name, config.description)
        self._config = config
        self._context = UnboundedChatCompletionContext()

    @property
    def produced_message_types(self) -> Sequence[type[BaseChatMessage]]:
        return (TextMessage,)

    async def on_messages(self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken) -> Response:
        for message in messages:
            await self._context.add_message(message.to_model_message())
        history = await self._context.get_messages()
        answer = f"{self._config.model} heard {len(history)}: {history[-1].content}"
        await self._context.add_message(AssistantMessage(content=answer, source=self.name))
        return Response(chat_message=TextMessage(content=answer, source=self.name))

    async def on_reset(self, cancellation_token: CancellationToken) -> None:
        await self._context.clear()

    def _to_config(self) -> EchoServiceConfig:
        return self._config

    @classmethod
    def _from_config(cls, config: EchoServiceConfig) -> Self:
        return cls(config)


async def test_custom_agent_works_in_a_team_and_goes_through_a_configuration() -> None:
    agent = EchoServiceAgent(EchoServiceConfig(name="echo", system_message="Echo."))
    critic = AssistantAgent("critic", replay("APPROVE"))
    team = RoundRobinGroupChat([agent, critic], termination_condition=TextMentionTermination("APPROVE"))
    result = await team.run(task="Hi.")
    await agent.on_reset(CancellationToken())

    loaded: Any = ChatAgent.load_component(agent.dump_component().model_dump(mode="json"))

    assert said(result.messages)[1:] == ["echo: echo-1 heard 1: Hi.", "critic: APPROVE"]
    assert isinstance(loaded, EchoServiceAgent)
    assert loaded.dump_component() == agent.dump_component()
    assert (await agent.run(task="Again.")).messages[-1].to_text() == "echo-1 heard 1: Again."


async def test_chat_agents_work_side_by_side_as_a_mixture() -> None:
    """A mixture of agents on chat agents (spec: 003 S3-068)."""
    workers = [AssistantAgent(f"worker_{name}", replay(name)) for name in "ab"]

    responses = await asyncio.gather(*(worker.on_messages(ask("Go."), CancellationToken()) for worker in workers))

    combined = "Combined: " + " | ".join(response.chat_message.to_text() for response in responses)
    assert combined == "Combined: a | b"
