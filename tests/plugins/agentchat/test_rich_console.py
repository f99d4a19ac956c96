"""RichConsole: a panel for each message, the contract of Console."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from chat_scripts import PNG

from hubbub_agentchat.agents import AssistantAgent, UserProxyAgent
from hubbub_agentchat.base import Response, TaskResult
from hubbub_agentchat.conditions import TextMentionTermination
from hubbub_agentchat.messages import MultiModalMessage, TextMessage
from hubbub_agentchat.teams import RoundRobinGroupChat
from hubbub_agentchat.ui import RichConsole, UserInputManager
from hubbub_core import Image
from hubbub_core.models import RequestUsage
from hubbub_core.models.replay import ReplayChatCompletionClient


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")


async def stream(*items: Any) -> AsyncGenerator[Any, None]:
    for item in items:
        yield item


async def test_each_message_is_a_panel_titled_with_its_source(capsys: pytest.CaptureFixture[str]) -> None:
    result = TaskResult(messages=[], stop_reason="done")

    returned = await RichConsole(
        stream(
            TextMessage(content="Write.", source="user"),
            TextMessage(content="plan", source="MagenticOneOrchestrator"),
            TextMessage(content="[red]no markup[/red]", source="writer"),
            result,
        )
    )

    assert returned is result
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == [
        "                              ╭─ user ─╮",
        "                              │ Write. │",
        "                              ╰────────╯",
        "     ╭─ MagenticOneOrchestrator ─╮",
        "     │ plan                      │",
        "     ╰───────────────────────────╯",
        "╭─────── writer ───────╮",
        "│ [red]no markup[/red] │",
        "╰──────────────────────╯",
    ]


async def test_pieces_are_not_shown_but_their_message_is(capsys: pytest.CaptureFixture[str]) -> None:
    agent = AssistantAgent("helper", ReplayChatCompletionClient(["one two three"]), model_client_stream=True)

    await RichConsole(agent.run_stream(task="go"))

    assert re.findall(r"│ (\w[^│]*?) +│", capsys.readouterr().out) == ["go", "one two three"]


async def test_stats_stand_below_messages_and_in_a_summary(capsys: pytest.CaptureFixture[str]) -> None:
    used = TextMessage(content="Here is a long line.", source="writer", models_usage=RequestUsage(3, 4))

    await RichConsole(stream(Response(chat_message=used, inner_messages=[])), output_stats=True)

    out = capsys.readouterr().out
    assert "Prompt tokens: 3" in out
    summary = re.findall(r"│ (.*?) +│", out)[1:]
    assert summary[:-1] == ["Number of inner messages: 0", "Total prompt tokens: 3", "Total completion tokens: 4"]
    assert re.fullmatch(r"Duration: \d+\.\d\d seconds", summary[-1])


async def test_picture_is_written_only_where_the_terminal_shows_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM_PROGRAM", "iTerm.app")
    message = MultiModalMessage(content=["Look:", Image.from_base64(PNG)], source="user")
    outputs: list[str] = []
    for hidden in (False, True):
        await RichConsole(stream(message, TaskResult(messages=[])), no_inline_images=hidden)
        outputs.append(capsys.readouterr().out)

    assert ["\033]1337;File=inline=1:" in output for output in outputs] == [True, False]
    assert all("<image>" in output for output in outputs)


async def test_user_is_asked_once_everything_before_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[str] = []

    def answer(prompt: str) -> str:
        seen.append(capsys.readouterr().out)
        return "APPROVE"

    manager = UserInputManager(answer)
    team = RoundRobinGroupChat(
        [
            AssistantAgent("writer", ReplayChatCompletionClient(["Leaves fall."])),
            UserProxyAgent("user", input_func=manager.get_wrapped_callback()),
        ],
        termination_condition=TextMentionTermination("APPROVE"),
    )

    await RichConsole(team.run_stream(task="Write."), user_input_manager=manager)

    assert "Leaves fall." in seen[0]


async def test_stream_without_a_result_is_refused() -> None:
    with pytest.raises(ValueError, match=r"No TaskResult or Response was processed\."):
        await RichConsole(stream(TextMessage(content="x", source="a")))


def test_rich_is_imported_only_for_it_and_missed_by_name() -> None:
    code = (
        "import sys; sys.modules['rich.align'] = None\n"
        "from hubbub_agentchat.ui import Console\n"
        "assert 'rich' not in sys.modules\n"
        "import hubbub_agentchat.ui as ui\n"
        "try: ui.RichConsole\n"
        "except ImportError as error: print(error)\n"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.stdout == "RichConsole needs the package rich; `pip install hubbub-agentchat[rich]` installs it\n"
