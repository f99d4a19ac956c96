"""UserProxyAgent: prompts, answers, handoffs, failures, cancellation."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from hubbub_agentchat.agents import UserProxyAgent
from hubbub_agentchat.base import Response
from hubbub_agentchat.messages import HandoffMessage, TextMessage, UserInputRequestedEvent
from hubbub_agentchat.teams import RoundRobinGroupChat
from hubbub_core import CancellationToken
from hubbub_core.user_input import InputRequest, answer_with

QUESTION = TextMessage(content="What is your name?", source="helper")
HANDOFF = HandoffMessage(content="Your turn.", source="helper", target="user")


async def test_synchronous_input_runs_beside_the_loop_and_knows_its_request() -> None:
    asked: list[Any] = []

    def answer(prompt: str) -> str:
        asked.append((prompt, threading.current_thread() is not threading.main_thread()))
        asked.append(UserProxyAgent.InputRequestContext.request_id())
        return "Ada"

    agent = UserProxyAgent("user", input_func=answer)
    items = [item async for item in agent.on_messages_stream([QUESTION], CancellationToken())]

    event, response = items
    assert isinstance(event, UserInputRequestedEvent)
    assert isinstance(response, Response)
    assert asked == [("Enter your response: ", True), event.request_id]
    assert isinstance(response.chat_message, TextMessage)
    assert (response.chat_message.content, response.chat_message.source) == ("Ada", "user")


async def test_asynchronous_input_gets_prompt_and_token() -> None:
    asked: list[Any] = []

    async def answer(prompt: str, cancellation_token: CancellationToken | None) -> str:
        asked.extend([prompt, cancellation_token])
        return "Ada"

    token = CancellationToken()
    response = await UserProxyAgent("user", input_func=answer).on_messages([QUESTION], token)

    assert response.chat_message.to_text() == "Ada"
    assert asked == ["Enter your response: ", token]


async def test_request_event_is_part_of_the_result_of_a_run() -> None:
    result = await UserProxyAgent("user", input_func=lambda prompt: "yes").run(task="ok?")

    assert [type(message).__name__ for message in result.messages] == [
        "TextMessage",
        "UserInputRequestedEvent",
        "TextMessage",
    ]


async def test_handoff_is_answered_by_a_handoff_back() -> None:
    prompts: list[str] = []

    def answer(prompt: str) -> str:
        prompts.append(prompt)
        return "Paris"

    response = await UserProxyAgent("user", input_func=answer).on_messages([QUESTION, HANDOFF], CancellationToken())

    assert prompts == ["Handoff received from helper. Enter your response: "]
    message = response.chat_message
    assert isinstance(message, HandoffMessage)
    assert (message.content, message.source, message.target) == ("Paris", "user", "helper")


async def test_handoff_to_somebody_else_is_an_error() -> None:
    agent = UserProxyAgent("other", input_func=lambda prompt: "never asked")

    with pytest.raises(RuntimeError, match="it is for 'user', this is 'other'"):
        await agent.on_messages([HANDOFF], CancellationToken())


@pytest.mark.parametrize(
    ("error", "text"),
    [(ValueError("no terminal"), "no terminal"), (StopIteration(), "ran out of answers"), (EOFError("end"), "end")],
)
async def test_failing_input_is_a_runtime_error(error: Exception, text: str) -> None:
    def fail(prompt: str) -> str:
        raise error

    with pytest.raises(RuntimeError, match=rf"^Failed to get user input: .*{text}"):
        await UserProxyAgent("user", input_func=fail).run(task="ok?")


async def test_cancelled_token_ends_the_wait_for_a_blocking_input() -> None:
    asked = threading.Event()
    release = threading.Event()

    def block(prompt: str) -> str:
        asked.set()
        release.wait(10)
        return "too late"

    token = CancellationToken()
    running = asyncio.create_task(
        UserProxyAgent("user", input_func=block).on_messages([QUESTION], token),
    )
    await asyncio.to_thread(asked.wait, 10)
    token.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    release.set()


def test_request_id_outside_an_input_function_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="within the input function"):
        UserProxyAgent.InputRequestContext.request_id()
    with pytest.raises(RuntimeError, match="cannot be instantiated"):
        UserProxyAgent.InputRequestContext()


async def test_reset_takes_no_token_and_configuration_leaves_the_function_out() -> None:
    agent = UserProxyAgent("user", description="Ada herself", input_func=lambda prompt: "x")
    await agent.on_reset()

    model = agent.dump_component()
    loaded = UserProxyAgent.load_component(model)

    assert model.config == {"name": "user", "description": "Ada herself"}
    assert (loaded.name, loaded.description) == ("user", "Ada herself")
    assert list(loaded.produced_message_types) == [TextMessage, HandoffMessage]


async def test_whoever_runs_the_agent_answers_where_it_has_no_input_function() -> None:
    asked: list[InputRequest] = []

    async def answer(request: InputRequest) -> str:
        asked.append(request)
        return "Ada"

    with answer_with(answer):
        result = await RoundRobinGroupChat([UserProxyAgent("user")], max_turns=1).run(task=QUESTION)
        own = await UserProxyAgent("own", input_func=lambda prompt: "Bob").run(task=QUESTION)

    _, event, message = result.messages
    assert isinstance(event, UserInputRequestedEvent)
    assert asked == [InputRequest("Enter your response: ", "user", event.request_id)]
    assert (message.to_text(), own.messages[-1].to_text()) == ("Ada", "Bob")
