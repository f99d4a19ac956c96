"""Runs of teams that are cancelled at every one of their steps, or go on in another process."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Coroutine
from pathlib import Path
from typing import Any, Literal, TypeVar

from hubbub_agentchat.teams import BaseGroupChat
from hubbub_core import CancellationToken

T = TypeVar("T")
R = TypeVar("R")

GO_ON = """
import asyncio, json, sys
import agentchat_agents  # defines the participants' class
from chat_scripts import said
from hubbub_agentchat.teams import BaseGroupChat

async def main() -> None:
    team_json, state = json.load(sys.stdin)
    team = BaseGroupChat.load_component(team_json)
    await team.load_state(state)
    result = await team.run()
    json.dump([said(result.messages), result.stop_reason, await team.save_state()], sys.stdout)

asyncio.run(main())
"""


async def cancelled_at_every_step(
    make: Callable[[], T],
    run: Callable[[T, CancellationToken], Coroutine[Any, Any, R]],
    way: Literal["token", "task"],
) -> AsyncGenerator[tuple[int, T, R | None], None]:
    """Run what `make` returns one step of the loop longer each time before it is cancelled, until it is not any more.

    Yields:
        The number of steps, what was made, and what the run returned: None when it was cancelled. The last steps only
        clean up after a run that has ended.
    """
    for steps in range(400):
        made, token = make(), CancellationToken()
        running = asyncio.create_task(run(made, token))
        for _ in range(steps):
            await asyncio.sleep(0)
        if running.done():
            return
        if way == "token":
            token.cancel()
        else:
            running.cancel()
        returned: R | None = None
        try:
            async with asyncio.timeout(5):
                returned = await running
        except asyncio.CancelledError:
            pass
        yield steps, made, returned
    raise AssertionError("the run does not end by itself")


def go_on_in_another_process(team: BaseGroupChat, state: Any) -> tuple[list[str], str, Any]:
    """Have another process build a team like this one, load a state and run it without a task.

    Returns:
        What was said, why it stopped, and the state then.
    """
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", GO_ON],
        input=json.dumps([team.dump_component().model_dump(), state]),
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(Path(__file__).parent)},
    )
    messages, reason, later = json.loads(ran.stdout)
    return messages, reason, later
