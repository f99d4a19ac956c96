"""Executors that are stopped after the test, and looks at the processes of this machine."""

from __future__ import annotations

import asyncio
import os
import venv
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from hubbub_core import CancellationToken
from hubbub_core.code_executor import CodeBlock
from hubbub_local_executor import CommandLineCodeResult, LocalCommandLineCodeExecutor

Make = Callable[..., LocalCommandLineCodeExecutor]


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Make]:
    """Make executors, by default in the folder `coding` of the test."""
    made: list[LocalCommandLineCodeExecutor] = []

    def make_one(**options: object) -> LocalCommandLineCodeExecutor:
        with pytest.warns(UserWarning, match="without a sandbox"):
            executor = LocalCommandLineCodeExecutor(**{"work_dir": tmp_path / "coding", **options})  # type: ignore[arg-type] # the options are those of the executor, by name
        made.append(executor)
        return executor

    yield make_one
    for executor in made:
        await executor.stop()


async def execute(executor: LocalCommandLineCodeExecutor, *blocks: tuple[str, str]) -> CommandLineCodeResult:
    """Run blocks, each a language and code."""
    return await executor.execute_code_blocks(
        [CodeBlock(language=language, code=code) for language, code in blocks], CancellationToken()
    )


@pytest.fixture
def run() -> Callable[..., object]:
    return execute


def is_running(pid: int) -> bool:
    """Tell whether a process exists and is no zombie, which only waits to be reaped by whoever inherited it."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        # The state follows the name, which is in brackets and may hold spaces.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        # No /proc, so no way to tell a zombie; or it ended between the two looks.
        return not Path("/proc").exists()


@pytest.fixture
def running() -> Callable[[int], bool]:
    return is_running


async def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Wait for a condition of the world outside, which nothing announces."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 # no event comes from outside this process
            await asyncio.sleep(0.02)


@pytest.fixture
def wait_until() -> Callable[..., object]:
    return until


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """A fresh virtual environment with pip, as the documents make it."""
    builder = venv.EnvBuilder(with_pip=True)
    folder = tmp_path_factory.mktemp("environment") / ".venv"
    builder.create(folder)
    return builder.ensure_directories(str(folder))
