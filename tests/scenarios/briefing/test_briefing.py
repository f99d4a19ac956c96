"""The briefing: four agents of four kinds answer a task from documents and commits, from one command."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from openai_server import running_process

ROOT = Path(__file__).resolve().parents[3]
BRIEFING = ROOT / "examples" / "briefing" / "hub.yaml"
COMMAND = [sys.executable, "-m", "hubbub_registry", "run", str(BRIEFING)]

pytestmark = pytest.mark.usefixtures("git_server")


@pytest.fixture(scope="session")
def git_server() -> None:
    """Skip where the MCP server of the example can neither be found nor be downloaded."""
    line = next(line for line in BRIEFING.read_text().splitlines() if "mcp-server-git==" in line)
    requirement = line.split("--from,")[1].split(",")[0].strip()
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv is None:
        pytest.skip("needs uv on PATH")
    tried = subprocess.run(
        [uv, "tool", "run", "--from", requirement, "mcp-server-git", "--help"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if tried.returncode:
        pytest.skip(f"needs {requirement}, which uv cannot get: {tried.stderr.strip()[-300:]}")


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repository")
    identity = {"GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "a@b.c"}
    identity |= {"GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "a@b.c"}
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    for subject in ("Plant the pear tree", "Prune the hedge: it's overdue"):
        (folder / "log").write_text(subject)
        subprocess.run(["git", "add", "."], cwd=folder, check=True)
        subprocess.run(["git", "commit", "-qm", subject], cwd=folder, env={**os.environ, **identity}, check=True)
    return folder


@pytest.fixture
def garden(tmp_path: Path) -> Path:
    folder = tmp_path / "garden"
    folder.mkdir()
    (folder / "pears.md").write_text("# Pears\n\n## Care\n\nPear trees are pruned in February, before the sap rises.\n")
    (folder / "bees.txt").write_text("Bees visit the lavender from June on. The hive stands behind the shed.\n")
    return folder


def briefing(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **environment},
        check=False,
    )


def settings(docs: Path, repository: Path) -> list[str]:
    return ["--set", f"docs={docs}", "--set", f"repository={repository}"]


def test_briefing_quotes_passages_names_sources_and_lists_commits(garden: Path, repository: Path) -> None:
    done = briefing("--task", "When are pear trees pruned?", *settings(garden, repository))

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("# Briefing: When are pear trees pruned?\n\n## Answer\n")
    assert "no language model wrote this" in done.stdout
    assert "> Pear trees are pruned in February, before the sap rises." in done.stdout
    assert "> [1] pears.md > Pears > Care" in done.stdout
    commits = done.stdout.split("## Newest commits\n\n")[1].splitlines()
    assert [line[10:] for line in commits] == ["Prune the hedge: it's overdue", "Plant the pear tree"]


def test_every_agent_takes_part_and_is_shown(garden: Path, repository: Path) -> None:
    done = briefing("--task", "When are pear trees pruned?", *settings(garden, repository), "--json")

    events = [json.loads(line) for line in done.stdout.splitlines()]
    workers = {event["agent"] for event in events if event["event"] == "agent_finished"}
    assert workers == {"planner", "librarian", "historian", "editor"}
    assert events[-1]["event"] == "agent_finished" or events[-1]["event"] == "result"
    (result,) = [event["result"] for event in events if event["event"] == "result"]
    assert {source["metadata"]["found_by"] for source in result["sources"]} == {"librarian", "historian"}


def test_another_task_gets_another_answer(garden: Path, repository: Path) -> None:
    done = briefing("--task", "Where does the hive stand?", *settings(garden, repository))

    assert "> The hive stands behind the shed." in done.stdout
    assert "February" not in done.stdout


def test_task_that_the_documents_do_not_speak_about_is_answered_so(garden: Path, repository: Path) -> None:
    done = briefing("--task", "Quantum chromodynamics?", *settings(garden, repository))

    assert done.returncode == 0, done.stderr
    assert "Nothing in the documents speaks about this." in done.stdout
    assert "Plant the pear tree" in done.stdout


def test_default_folder_is_the_projects_own_documents_and_the_readme_shows_what_comes() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("needs the git checkout that holds this file")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```text\n(# Briefing.*?)\n\.\.\.\n```", readme, re.DOTALL)

    done = briefing("--task", "How does Hubbub find plugins?")

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(shown)


def test_same_hub_runs_on_a_model_behind_the_openai_wire_format(garden: Path, repository: Path, tmp_path: Path) -> None:
    record = tmp_path / "requests.jsonl"
    with running_process("--record", str(record)) as url:
        done = briefing(
            *("--task", "When are pear trees pruned?", "--model", "openai:gpt-4o-mini"),
            *settings(garden, repository),
            OPENAI_API_KEY="test-key",
            OPENAI_BASE_URL=url,
        )

    assert done.returncode == 0, done.stderr
    (request,) = [json.loads(line) for line in record.read_text().splitlines()]
    body = json.dumps(request)
    assert "gpt-4o-mini" in body
    assert "Pear trees are pruned in February" in body
    assert "no language model" not in done.stdout
    assert "test-key" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "environment", "problem"),
    [
        (["--model", "openai:gpt-4o-mini"], {"OPENAI_API_KEY": ""}, "OPENAI_API_KEY"),
        (
            ["--model", "openai:gpt-4o-mini"],
            {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"},
            "http://127.0.0.1:9/v1",
        ),
        (["--set", "passages=many"], {}, "variable 'passages' is of type integer, got 'many'"),
        (["--set", "docs=/nowhere/at/all"], {}, "/nowhere/at/all"),
        (["--set", "repository=/nowhere/at/all"], {}, "tools.git: MCP server `uvx"),
    ],
)
def test_what_cannot_work_ends_in_one_line_and_status_2(
    arguments: list[str], environment: dict[str, str], problem: str, garden: Path, repository: Path
) -> None:
    done = briefing("--task", "When are pear trees pruned?", *settings(garden, repository), *arguments, **environment)

    (line,) = [line for line in done.stderr.splitlines() if line.startswith("hubbub: ")]
    assert problem in line
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_folder_without_documents_is_named(repository: Path, tmp_path: Path) -> None:
    done = briefing("--task", "x", *settings(tmp_path, repository))

    assert done.returncode == 2
    assert f"hubbub: shared.library: docs folder {tmp_path} holds no *.md, *.txt, *.rst file" in done.stderr


def servers(marker: str) -> Iterator[int]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if marker.encode() in (entry / "cmdline").read_bytes():
                    yield int(entry.name)
            except OSError:  # it ended meanwhile
                continue


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="needs /proc to see processes")
def test_interrupt_in_the_middle_leaves_no_process_and_no_file(garden: Path, repository: Path, tmp_path: Path) -> None:
    for number in range(2000):
        (garden / f"note{number}.md").write_text(f"# Note {number}\n\n" + "Pear trees and hedges need care. " * 50)
    out = tmp_path / "briefing.md"
    process = subprocess.Popen(
        [*COMMAND, "--task", "Pears?", *settings(garden, repository), "--output", str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    while "indexing" not in process.stderr.readline():
        assert process.poll() is None
    while not list(servers(f"--repository\0{repository}")):
        assert process.poll() is None
        time.sleep(0.01)  # another process's start cannot be awaited

    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)

    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert not out.exists()
    assert list(servers(f"--repository\0{repository}")) == []


def test_indexing_many_files_shows_progress(garden: Path, repository: Path) -> None:
    for number in range(1000):
        (garden / f"note{number}.md").write_text(f"# Note {number}\n\n" + f"Plant {number} needs water. " * 20)

    done = briefing("--task", "When are pear trees pruned?", *settings(garden, repository))

    assert done.returncode == 0, done.stderr
    assert "shared.library: indexing 1002/1002" in done.stderr
    assert "> Pear trees are pruned in February" in done.stdout
