"""The real `mcp-server-git` from the package index, in an environment of its own: the briefing's source of commits."""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path

import pytest

from hubbub_core import CancellationToken
from hubbub_core.exchange import AgentContext, AgentResult, AgentTask
from hubbub_mcp import McpAgent, McpCall, McpWorkbench, StdioServerParams

PACKAGE = "mcp-server-git==2026.10.19"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository of three commits, the newest last."""
    folder = tmp_path / "repository"
    identity = {"NAME": "Ada", "EMAIL": "ada@example.org", "DATE": "2026-01-02T03:04:05Z"}
    environment = {f"GIT_{who}_{key}": value for who in ("AUTHOR", "COMMITTER") for key, value in identity.items()}
    environment |= {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True, env=environment)
    for message in ("Plant a tree\n\nIt is an apple tree.", "Water the tree", "Pick 'the' apples"):
        subprocess.run(
            ["git", "-C", str(folder), "commit", "--quiet", "--allow-empty", "-m", message], check=True, env=environment
        )
    return folder


def _newest(repository: Path, count: int) -> list[str]:
    command = ["git", "-C", str(repository), "log", "--format=%h %s", "--abbrev=7", f"--max-count={count}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def _processes_of(repository: Path) -> list[str]:
    """Return the command lines that name the repository."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = file.read_bytes().decode(errors="replace").split("\0")
        except OSError:  # it ended meanwhile
            continue
        if str(repository) in words:
            found.append(" ".join(words))
    return found


def _server(repository: Path) -> StdioServerParams:
    return StdioServerParams(
        command="uvx",
        args=["--from", PACKAGE, "mcp-server-git", "--repository", str(repository)],
        read_timeout_seconds=60,
        start_timeout_seconds=300,
    )


async def test_the_newest_commits_become_sources_titled_by_hash_and_subject(repository: Path) -> None:
    call = McpCall(
        tool="git_log",
        arguments={"repo_path": str(repository), "max_count": 2},
        split=r"(?m)^(?=Commit: )",
        title=r"Commit: '?(\w{7})(?s:.*?)Message: '?([^\n]*)",
    )
    workbench = McpWorkbench(_server(repository))
    agent = McpAgent("git", workbench, calls=[call], owns=True)
    context = AgentContext(cancellation_token=CancellationToken(), name="git")

    *_, result = [item async for item in agent.run(AgentTask.from_text("What is new?"), context)]
    await agent.close()

    assert isinstance(result, AgentResult)
    assert [source.title for source in result.sources] == _newest(repository, 2)
    assert "Pick 'the' apples" in result.text()
    assert "Author: Ada" in result.sources[0].content
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="reads /proc, which this system has not")
async def test_uvx_and_the_server_it_starts_both_end(repository: Path) -> None:
    workbench = McpWorkbench(_server(repository))
    await workbench.start()
    assert len(_processes_of(repository)) == 2

    await workbench.stop()

    assert _processes_of(repository) == []


async def test_a_repository_that_is_none_is_one_error_of_the_agent(repository: Path, tmp_path: Path) -> None:
    outside = tmp_path / "elsewhere"
    agent = McpAgent(
        "git",
        McpWorkbench(_server(repository)),
        calls=[McpCall(tool="git_log", arguments={"repo_path": str(outside)})],
        owns=True,
    )

    with pytest.raises(RuntimeError, match=r"agent 'git': its call of tool 'git_log' failed: .*outside the allowed"):
        async for _ in agent.run(
            AgentTask.from_text("?"), AgentContext(cancellation_token=CancellationToken(), name="git")
        ):
            pass

    await agent.close()
