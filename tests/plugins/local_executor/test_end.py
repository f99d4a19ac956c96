"""Time-outs, cancellation and stop end a block with everything it has started."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hubbub_core import CancellationToken
from hubbub_core.code_executor import CodeBlock
from hubbub_local_executor import LocalCommandLineCodeExecutor

Make = Callable[..., LocalCommandLineCodeExecutor]
Run = Callable[..., Any]
Running = Callable[[int], bool]

# A tree of processes that says who it is, once all of it is there, and then does nothing for long.
TREE = """
echo before
sh -c 'sleep 600 & echo $! > grandchild.tmp; echo $$ > child; mv grandchild.tmp grandchild; wait' &
while [ ! -e grandchild ]; do sleep 0.01; done
echo $$ > leader.tmp; mv leader.tmp leader
wait
"""

STUBBORN = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("stubborn", flush=True)
open("leader.tmp", "w").write(str(os.getpid()))
os.rename("leader.tmp", "leader")
time.sleep(600)
"""


def pids(folder: Path, *names: str) -> list[int]:
    return [int((folder / name).read_text()) for name in names]


async def start_tree(
    executor: LocalCommandLineCodeExecutor, token: CancellationToken, wait_until: Run, *before: CodeBlock
) -> tuple[asyncio.Task[Any], list[int]]:
    call = asyncio.create_task(executor.execute_code_blocks([*before, CodeBlock(TREE, "bash")], token))
    await wait_until((executor.work_dir / "leader").exists)
    return call, pids(executor.work_dir, "leader", "child", "grandchild")


async def test_timeout_ends_the_whole_group_and_keeps_what_was_printed(
    make: Make, run: Run, running: Running, tmp_path: Path
) -> None:
    executor = make(timeout=3)

    result = await run(executor, ("sh", "echo earlier"), ("bash", TREE), ("sh", "echo never"))

    assert (result.exit_code, result.output) == (124, "earlier\nbefore\nTimeout")
    assert not any(running(pid) for pid in pids(tmp_path / "coding", "leader", "child", "grandchild"))
    assert sorted(path.name for path in executor.work_dir.iterdir()) == ["child", "grandchild", "leader"]


async def test_timeout_is_for_each_block(make: Make, run: Run) -> None:
    result = await run(make(timeout=2), *[("sh", "sleep 0.8; echo x")] * 3)

    assert (result.exit_code, result.output) == (0, "x\nx\nx\n")


async def test_a_process_that_ignores_sigterm_is_killed_within_a_bounded_time(
    make: Make, run: Run, running: Running
) -> None:
    executor = make(timeout=2)

    begin = time.monotonic()
    result = await run(executor, ("python", STUBBORN))

    assert (result.exit_code, result.output) == (124, "stubborn\nTimeout")
    assert time.monotonic() - begin < 10
    assert not running(*pids(executor.work_dir, "leader"))


async def test_last_words_after_sigterm_are_kept(make: Make, run: Run) -> None:
    code = "import signal, sys, time\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit('bye'))\ntime.sleep(600)"

    result = await run(make(timeout=2), ("python", code))

    assert (result.exit_code, result.output) == (124, "bye\nTimeout")


async def test_token_ends_the_whole_group_and_the_call_returns(make: Make, running: Running, wait_until: Run) -> None:
    executor, token = make(), CancellationToken()
    call, tree = await start_tree(executor, token, wait_until, CodeBlock("print('earlier')", "python"))
    assert all(running(pid) for pid in tree)

    token.cancel()
    result = await call

    assert (result.exit_code, result.output) == (125, "earlier\nbefore\nCancelled")
    assert result.code_file is not None
    assert result.code_file.endswith(".py")
    assert not any(running(pid) for pid in tree)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_cancelled_token_starts_nothing(make: Make) -> None:
    executor, token = make(), CancellationToken()
    token.cancel()

    result = await executor.execute_code_blocks([CodeBlock("open('ran', 'w')", "python")], token)

    assert (result.exit_code, result.output, result.code_file) == (125, "Cancelled", None)
    assert not (executor.work_dir / "ran").exists()


async def test_an_executor_works_on_after_a_cancellation(make: Make, run: Run, wait_until: Run) -> None:
    executor, token = make(), CancellationToken()
    call, _ = await start_tree(executor, token, wait_until)
    token.cancel()
    await call

    assert (await run(executor, ("sh", "echo again"))).output == "again\n"


async def test_token_of_one_call_leaves_the_others_alone(make: Make, run: Run, wait_until: Run) -> None:
    executor, token = make(), CancellationToken()
    call, _ = await start_tree(executor, token, wait_until)
    os.mkfifo(executor.work_dir / "fifo")
    other = asyncio.create_task(run(executor, ("sh", "touch here; cat fifo")))
    await wait_until((executor.work_dir / "here").exists)

    token.cancel()
    await call
    await asyncio.to_thread((executor.work_dir / "fifo").write_text, "fine")

    assert (await other).output == "fine"


async def test_a_token_keeps_nothing_of_calls_that_are_over(make: Make) -> None:
    executor, token = make(), CancellationToken()
    for _ in range(3):
        await executor.execute_code_blocks([CodeBlock("true", "sh")], token)
    await asyncio.sleep(0)

    assert token._callbacks == {}


async def test_cancelling_the_calling_task_ends_the_group_and_travels_on(
    make: Make, running: Running, wait_until: Run
) -> None:
    executor = make()
    call, tree = await start_tree(executor, CancellationToken(), wait_until)

    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call

    assert not any(running(pid) for pid in tree)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert not list(executor.work_dir.glob("tmp_code*"))


async def test_a_deadline_of_the_caller_is_a_timeout_error(make: Make, run: Run) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await run(make(), ("sh", "sleep 600"))


async def test_a_second_cancellation_kills_at_once(make: Make, running: Running, wait_until: Run) -> None:
    executor = make()
    call = asyncio.create_task(executor.execute_code_blocks([CodeBlock(STUBBORN, "python")], CancellationToken()))
    await wait_until((executor.work_dir / "leader").exists)
    [leader] = pids(executor.work_dir, "leader")

    call.cancel()
    # Into the grace that SIGTERM gives.
    for _ in range(3):
        await asyncio.sleep(0)
    assert running(leader)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call

    await wait_until(lambda: not running(leader))


# In the background.


async def test_a_block_is_over_when_its_program_exits(make: Make, run: Run, running: Running) -> None:
    """A server that one block starts is there for the next, and ends with the executor."""
    executor = make()

    begin = time.monotonic()
    result = await run(executor, ("bash", "sleep 600 & echo $! > pid; echo started"))
    elapsed = time.monotonic() - begin

    assert (result.exit_code, result.output) == (0, "started\n")
    assert elapsed < 10
    [background] = pids(executor.work_dir, "pid")
    assert running(background)
    assert (await run(executor, ("bash", "kill -0 $(cat pid) && echo there"))).output == "there\n"

    await executor.stop()

    assert not running(background)


async def test_stop_ends_calls_as_their_token_would(make: Make, running: Running, wait_until: Run) -> None:
    executor = make()
    call, tree = await start_tree(executor, CancellationToken(), wait_until)

    await executor.stop()

    assert (await call).exit_code == 125
    assert not any(running(pid) for pid in tree)


async def test_nothing_outlives_an_executor_that_nobody_stops(
    make: Make, run: Run, running: Running, wait_until: Run
) -> None:
    with pytest.warns(UserWarning, match="sandbox"):
        executor = LocalCommandLineCodeExecutor()
    await run(executor, ("bash", "sleep 600 > /dev/null 2>&1 & echo $! > pid"))
    folder = executor.work_dir
    [background] = pids(folder, "pid")
    assert running(background)

    del executor
    gc.collect()

    await wait_until(lambda: not running(background))
    assert not folder.exists()


PROGRAM = """
import asyncio, sys, warnings
warnings.simplefilter("ignore")
from hubbub_core import CancellationToken
from hubbub_core.code_executor import CodeBlock
from hubbub_local_executor import LocalCommandLineCodeExecutor

executor = LocalCommandLineCodeExecutor(work_dir=sys.argv[1])

async def main():
    call = asyncio.create_task(executor.execute_code_blocks([CodeBlock(sys.argv[2], "bash")], CancellationToken()))
    while not (executor.work_dir / "leader").exists():
        await asyncio.sleep(0.02)
    {rest}

asyncio.run(main())
"""


@pytest.mark.parametrize(
    "rest", ["return", "raise SystemExit(0)", "asyncio.get_running_loop().stop()"], ids=["return", "exit", "loop"]
)
async def test_a_program_that_ends_leaves_no_process(
    rest: str, tmp_path: Path, running: Running, wait_until: Run
) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        textwrap.dedent(PROGRAM).replace("{rest}", rest),
        str(tmp_path),
        TREE,
        stderr=subprocess.DEVNULL,
    )
    await process.wait()

    for pid in pids(tmp_path, "leader", "child", "grandchild"):
        await wait_until(lambda pid=pid: not running(pid))
