"""Console and UserInputManager: what is printed, in which order, and who waits for whom."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from chat_scripts import PNG

from hubbub_agentchat.agents import AssistantAgent, UserProxyAgent
from hubbub_agentchat.base import Response, TaskResult
from hubbub_agentchat.conditions import TextMentionTermination
from hubbub_agentchat.messages import ModelClientStreamingChunkEvent, MultiModalMessage, TextMessage, ThoughtEvent
from hubbub_agentchat.teams import RoundRobinGroupChat
from hubbub_agentchat.ui import Console, UserInputManager
from hubbub_core import CancellationToken, Image
from hubbub_core.models import RequestUsage
from hubbub_core.models.replay import ReplayChatCompletionClient


async def stream(*items: Any) -> AsyncGenerator[Any, None]:
    for item in items:
        yield item


def text(content: str, source: str = "a", **fields: Any) -> TextMessage:
    return TextMessage(content=content, source=source, **fields)


async def test_each_item_has_a_header_with_class_and_source(capsys: pytest.CaptureFixture[str]) -> None:
    result = TaskResult(messages=[text("hi", "user")], stop_reason="done")

    returned = await Console(stream(text("hi", "user"), ThoughtEvent(content="hm", source="a"), text("yes"), result))

    assert returned is result
    assert capsys.readouterr().out == (
        "---------- TextMessage (user) ----------\nhi\n"
        "---------- ThoughtEvent (a) ----------\nhm\n"
        "---------- TextMessage (a) ----------\nyes\n"
    )


async def test_response_is_headed_by_its_source(capsys: pytest.CaptureFixture[str]) -> None:
    await Console(stream(Response(chat_message=text("yes"))))

    assert capsys.readouterr().out == "---------- a ----------\nyes\n"


async def test_chunks_share_one_header_and_their_message_is_not_printed_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    agent = AssistantAgent("helper", ReplayChatCompletionClient(["one two three"]), model_client_stream=True)

    await Console(agent.run_stream(task="go"))

    assert capsys.readouterr().out == (
        "---------- TextMessage (user) ----------\ngo\n"
        "---------- ModelClientStreamingChunkEvent (helper) ----------\none two three\n"
    )


async def test_chunks_without_an_id_stand_for_the_next_message_of_their_source(
    capsys: pytest.CaptureFixture[str],
) -> None:
    chunks = [ModelClientStreamingChunkEvent(content=part, source="a") for part in ("x", "y")]

    await Console(stream(*chunks, Response(chat_message=text("xy"))))

    assert capsys.readouterr().out == "---------- ModelClientStreamingChunkEvent (a) ----------\nxy\n"


async def test_chunks_of_two_speakers_at_once_stay_apart(capsys: pytest.CaptureFixture[str]) -> None:
    first, second = text("ab", "a"), text("cd", "b")

    def chunk(content: str, of: TextMessage) -> ModelClientStreamingChunkEvent:
        return ModelClientStreamingChunkEvent(content=content, source=of.source, full_message_id=of.id)

    await Console(
        stream(chunk("a", first), chunk("c", second), chunk("b", first), first, second, TaskResult(messages=[]))
    )

    assert capsys.readouterr().out == (
        "---------- ModelClientStreamingChunkEvent (a) ----------\na\n"
        "---------- ModelClientStreamingChunkEvent (b) ----------\nc\n"
        "---------- ModelClientStreamingChunkEvent (a) ----------\nb\n"
    )


async def test_statistics_of_a_team(capsys: pytest.CaptureFixture[str]) -> None:
    answer = text("yes", models_usage=RequestUsage(28, 99))
    result = TaskResult(messages=[text("hi", "user"), answer], stop_reason="Text 'yes' mentioned")

    await Console(stream(text("hi", "user"), answer, result), output_stats=True)

    out = capsys.readouterr().out
    assert re.sub(r"\d+\.\d\d seconds", "S seconds", out) == (
        "---------- TextMessage (user) ----------\nhi\n"
        "---------- TextMessage (a) ----------\nyes\n[Prompt tokens: 28, Completion tokens: 99]\n"
        "---------- Summary ----------\n"
        "Number of messages: 2\nFinish reason: Text 'yes' mentioned\n"
        "Total prompt tokens: 28\nTotal completion tokens: 99\nDuration: S seconds\n"
    )


async def test_statistics_of_an_agent_count_inner_messages(capsys: pytest.CaptureFixture[str]) -> None:
    thought = ThoughtEvent(content="hm", source="a", models_usage=RequestUsage(1, 2))
    response = Response(chat_message=text("yes", models_usage=RequestUsage(3, 4)), inner_messages=[thought])

    await Console(stream(thought, response), output_stats=True)

    out = capsys.readouterr().out
    assert "Number of inner messages: 1\n" in out
    assert "Finish reason" not in out
    assert "Total prompt tokens: 4\nTotal completion tokens: 6\n" in out


async def test_image_is_shown_by_iterm_unless_switched_off(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    message = MultiModalMessage(content=["look", Image.from_base64(PNG)], source="a")
    monkeypatch.setenv("TERM_PROGRAM", "iTerm.app")

    await Console(stream(message, TaskResult(messages=[])))
    shown = capsys.readouterr().out
    await Console(stream(message, TaskResult(messages=[])), no_inline_images=True)

    assert "\033]1337;File=inline=1:" in shown
    assert capsys.readouterr().out == "---------- MultiModalMessage (a) ----------\nlook\n<image>\n"


async def test_stream_without_a_result_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"^No TaskResult or Response was processed\.$"):
        await Console(stream(text("x")))


async def test_user_is_asked_after_everything_before_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[str] = []

    def answer(prompt: str) -> str:
        seen.append(capsys.readouterr().out)
        return "APPROVE"

    manager = UserInputManager(answer)
    team = RoundRobinGroupChat(
        [
            AssistantAgent("helper", ReplayChatCompletionClient(["A poem."])),
            UserProxyAgent("user_proxy", input_func=manager.get_wrapped_callback()),
        ],
        termination_condition=TextMentionTermination("APPROVE"),
    )

    async with asyncio.timeout(10):
        await Console(team.run_stream(task="Write."), user_input_manager=manager)

    assert seen == [
        "---------- TextMessage (user) ----------\nWrite.\n---------- TextMessage (helper) ----------\nA poem.\n"
    ]
    assert capsys.readouterr().out == "---------- TextMessage (user_proxy) ----------\nAPPROVE\n"


@pytest.mark.parametrize("shown_first", [True, False])
async def test_manager_does_not_hang_whichever_comes_first(shown_first: bool) -> None:
    async def answer(prompt: str, cancellation_token: CancellationToken | None) -> str:
        return prompt

    manager = UserInputManager(answer)
    ask = manager.get_wrapped_callback()

    async def asking() -> str:
        with UserProxyAgent.InputRequestContext.populate_context("r1"):
            return await ask("prompt", None)

    if shown_first:
        manager.notify_event_received("r1")
    task = asyncio.create_task(asking())
    await asyncio.sleep(0)
    assert task.done() == shown_first
    if not shown_first:
        manager.notify_event_received("r1")

    async with asyncio.timeout(5):
        assert await task == "prompt"


async def test_cancelled_console_ends_the_run() -> None:
    ended = asyncio.Event()
    started = asyncio.Event()

    async def hang(prompt: str, cancellation_token: CancellationToken | None) -> str:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return "never"

    team = RoundRobinGroupChat([UserProxyAgent("user_proxy", input_func=hang)])
    running = asyncio.create_task(Console(team.run_stream(task="go")))
    await started.wait()
    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert ended.is_set()
