"""The example as a newcomer runs it: four frameworks, four shared tools, one confirmed answer, no key."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from openai_server import running_process

ROOT = Path(__file__).resolve().parents[3]
DOCS = ROOT / "docs"
COMMAND = [sys.executable, "-m", "examples.mix"]
KEYS = ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID")

needs_frameworks = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("semantic_kernel", "langgraph", "llama_index")),
    reason="needs LangGraph, LlamaIndex and Semantic Kernel in one environment",
)


@dataclass
class Turn:
    """What one member of the team did when it was its turn."""

    member: str
    calls: list[tuple[str, str, str]] = field(default_factory=list)
    """Tool, what it is made with, arguments."""
    says: list[str] = field(default_factory=list)

    def values(self) -> dict[str, str]:
        return dict(line.split(": ", 1) for line in self.says if ": " in line)


def turns(out: str) -> list[Turn]:
    """Read what the example prints, up to its summary."""
    found: list[Turn] = []
    for line in out.split("\nTools shared\n")[0].splitlines()[1:]:
        if call := re.fullmatch(r"  calls (\w+) \((.+?)\) with (.+)", line):
            found[-1].calls.append((call[1], call[2], call[3]))
            said = False
        elif line == "  says":
            said = True
        elif line.startswith("    ") and said:
            found[-1].says.append(line.strip())
        elif line and not line.startswith(" "):
            found.append(Turn(line))
            said = False
    return found


def environment(**variables: str) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in KEYS} | variables


def mix(
    *arguments: str, command: Sequence[str] = COMMAND, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*command, *arguments],
        cwd=ROOT,
        env=env or environment(),
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


@pytest.fixture(scope="session")
def done() -> subprocess.CompletedProcess[str]:
    """The command of the README, run once for all tests that look at it."""
    return mix()


@pytest.fixture
def garden(tmp_path: Path) -> Path:
    folder = tmp_path / "garden"
    folder.mkdir()
    (folder / "pears.md").write_text("# Pears\n\nPear trees are pruned in February, before the sap rises.\n")
    (folder / "bees.md").write_text("# Bees\n\n" + "Bees visit the lavender from June on. " * 50)
    return folder


def true_values(docs: Path, page: str) -> dict[str, str]:
    """Return what the team has to find, from the files alone."""
    counts = {path.name: len(path.read_text(encoding="utf-8").split()) for path in docs.glob("**/*.md")}
    words = counts[page]
    return {
        "page": page,
        "words": str(words),
        "lines": str(len((docs / page).read_text(encoding="utf-8").splitlines())),
        "minutes": f"{words / 200:.1f}",
        "percent": f"{words / sum(counts.values()) * 100:.1f}",
    }


@needs_frameworks
def test_all_four_speak_in_turn_and_the_editor_confirms(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, done.stderr
    user, *members = turns(done.stdout)
    assert (user.member, user.says) == ("user", ["How long does it take to read what the documents say about plugins?"])
    assert [turn.member for turn in members] == [
        "scout (LangGraph)",
        "reader (Semantic Kernel)",
        "timer (LlamaIndex)",
        "editor (OpenAI)",
    ]
    assert all(turn.says for turn in members)
    assert members[-1].says[-1] == "CONFIRMED"
    assert done.stdout.endswith("\nStopped: Text 'CONFIRMED' mentioned\n")
    assert done.stdout.startswith("The model: plain rules, no language model.\n")


@needs_frameworks
def test_each_tool_is_called_by_two_frameworks_and_none_by_its_own(done: subprocess.CompletedProcess[str]) -> None:
    callers: dict[tuple[str, str], set[str]] = {}
    for turn in turns(done.stdout):
        for tool, maker, _ in turn.calls:
            callers.setdefault((tool, maker), set()).add(turn.member.partition(" (")[2].rstrip(")"))

    assert callers == {
        ("search_docs", "LlamaIndex"): {"LangGraph", "OpenAI"},
        ("measure_page", "MCP"): {"Semantic Kernel", "OpenAI"},
        ("reading_time", "Semantic Kernel"): {"LlamaIndex", "OpenAI"},
        ("share_of_docs", "Hubbub"): {"LlamaIndex", "OpenAI"},
    }


@needs_frameworks
def test_figures_are_true_and_went_from_one_to_the_next(done: subprocess.CompletedProcess[str]) -> None:
    _, scout, reader, timer, editor = turns(done.stdout)
    truth = true_values(DOCS, "plugins.md")

    assert scout.values()["page"] == "plugins.md"
    assert truth["page"] in reader.calls[0][2]
    assert {name: reader.values()[name] for name in ("words", "lines")} == {n: truth[n] for n in ("words", "lines")}
    assert all(truth["words"] in arguments for _, _, arguments in timer.calls)
    assert timer.values() == {name: truth[name] for name in ("minutes", "percent")}
    assert {name: editor.values()[name] for name in truth} == truth


@needs_frameworks
def test_readme_shows_the_summary_that_comes(done: subprocess.CompletedProcess[str]) -> None:
    readme = (ROOT / "examples" / "mix" / "README.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```text\n(Tools shared.*?)```", readme, re.DOTALL)

    assert done.stdout.endswith(shown)


# Reports every address that the process connects to, and every name it looks up, then runs the example.
WATCHED = """
import runpy, sys

def watch(event, arguments):
    if event == "socket.connect":
        print("connects", arguments[1][0] if isinstance(arguments[1], tuple) else "file", file=sys.stderr)
    elif event == "socket.getaddrinfo":
        print("connects", arguments[0], file=sys.stderr)

sys.addaudithook(watch)
sys.argv[0] = "examples.mix"
runpy.run_module("examples.mix", run_name="__main__", alter_sys=True)
"""


@needs_frameworks
def test_without_a_model_nothing_leaves_this_machine_even_where_there_is_a_key(garden: Path) -> None:
    """A run that costs money is asked for by `--model`."""
    done = mix(
        *("When do bees visit the lavender?", "--docs", str(garden)),
        command=[sys.executable, "-c", WATCHED],
        env=environment(
            OPENAI_API_KEY="test-key",
            OPENAI_BASE_URL="http://192.0.2.1:1/v1",
            HTTPS_PROXY="http://192.0.2.1:1",
            HTTP_PROXY="http://192.0.2.1:1",
        ),
    )

    assert done.returncode == 0, done.stderr
    addresses = {line.split()[1] for line in done.stderr.splitlines() if line.startswith("connects ")}
    assert addresses == {"127.0.0.1"}
    editor = turns(done.stdout)[-1].values()
    truth = true_values(garden, "bees.md")
    assert {name: editor[name] for name in truth} == truth


@needs_frameworks
def test_question_that_the_documents_do_not_speak_about_is_not_confirmed(garden: Path) -> None:
    done = mix("Quantum chromodynamics?", "--docs", str(garden))

    assert done.returncode == 1, done.stderr
    assert turns(done.stdout)[-1].says == [
        "Nothing in the documents speaks of this.",
        "I cannot call measure_page: nobody has said page.",
    ]
    assert "Stopped: Maximum number of messages 9 reached" in done.stdout


def script(path: Path, replies: list[Any]) -> Path:
    path.write_text(json.dumps(replies))
    return path


@needs_frameworks
def test_with_a_key_the_same_team_asks_the_service_at_the_given_address(garden: Path, tmp_path: Path) -> None:
    words = true_values(garden, "bees.md")["words"]
    replies = [
        {"calls": [["search_docs", {"question": "lavender"}]]},
        "It is bees.md.",
        {"calls": [["tools-measure_page", {"page": "bees.md"}]]},
        f"It has {words} words.",
        {"calls": [["reading_time", {"words": int(words)}]]},
        "That is soon read.",
        {"calls": [["measure_page", {"page": "bees.md"}]]},
        "I count the same. CONFIRMED",
    ]
    record = tmp_path / "requests.jsonl"
    with running_process("--replies", str(script(tmp_path / "replies.json", replies)), "--record", str(record)) as url:
        done = mix(
            *("When do bees visit the lavender?", "--docs", str(garden), "--model", "openai:gpt-4o-mini"),
            env=environment(OPENAI_API_KEY="test-key", OPENAI_BASE_URL=url, NO_PROXY="127.0.0.1"),
        )

    assert done.returncode == 0, done.stderr
    requests = [json.loads(line) for line in record.read_text().splitlines()]
    assert [request["path"] for request in requests] == ["/v1/chat/completions"] * 6 + ["/v1/responses"] * 2
    assert {request["body"]["model"] for request in requests} == {"gpt-4o-mini"}
    assert [turn.says for turn in turns(done.stdout)[1:]] == [
        ["It is bees.md."],
        [f"It has {words} words."],
        ["That is soon read."],
        ["I count the same. CONFIRMED"],
    ]
    (output,) = requests[-1]["body"]["input"]
    assert f"words: {words}" in output["output"]
    assert "test-key" not in done.stdout + done.stderr


def page_servers(folder: Path) -> Iterator[int]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes()
            except OSError:  # it ended meanwhile
                continue
            if b"page_server.py" in command and str(folder).encode() in command:
                yield int(entry.name)


@needs_frameworks
@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="needs /proc to see processes")
def test_interrupt_while_a_model_thinks_leaves_no_process(garden: Path, tmp_path: Path) -> None:
    record = tmp_path / "requests.jsonl"
    replies = script(tmp_path / "replies.json", [{"stall": ""}])
    with running_process("--replies", str(replies), "--record", str(record)) as url:
        process = subprocess.Popen(
            [*COMMAND, "Bees?", "--docs", str(garden), "--model", "openai:gpt-4o-mini"],
            cwd=ROOT,
            env=environment(OPENAI_API_KEY="test-key", OPENAI_BASE_URL=url, NO_PROXY="127.0.0.1"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        while not record.exists():
            assert process.poll() is None
            time.sleep(0.01)  # another process's request cannot be awaited
        assert list(page_servers(garden))

        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)

    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert list(page_servers(garden)) == []


@pytest.mark.parametrize(
    ("arguments", "variables", "problem"),
    [
        (["--docs", "/nowhere/at/all"], {}, "--docs /nowhere/at/all: there is no such folder"),
        (["--model", "openai:gpt-4o-mini"], {}, "OPENAI_API_KEY"),
        (["--model", "nobody:knows"], {}, "component 'nobody'"),
        pytest.param(
            ["--model", "openai:gpt-4o-mini"],
            {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"},
            "http://127.0.0.1:9/v1",
            marks=needs_frameworks,
        ),
    ],
)
def test_what_cannot_work_ends_in_one_line_and_status_2(
    arguments: list[str], variables: dict[str, str], problem: str
) -> None:
    done = mix(*arguments, env=environment(**variables))

    assert done.returncode == 2
    assert problem in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_missing_framework_is_named_with_what_to_install() -> None:
    run = "runpy.run_module('examples.mix', run_name='__main__')"

    done = mix(command=[sys.executable, "-c", f"import runpy, sys; sys.modules['semantic_kernel'] = None; {run}"])

    assert done.returncode == 2
    line = done.stderr.splitlines()[-1]
    assert line.startswith("mix: ")
    assert "semantic_kernel" in line
    assert line.endswith("`pip install 'hubbub[langgraph,llama-index,mcp,openai,semantic-kernel]'`")


def test_help_shows_how_to_run_it_and_what_the_rules_are() -> None:
    done = mix("--help")

    assert done.returncode == 0
    for text in (
        "python -m examples.mix\n",
        "--docs",
        "--model openai:gpt-4o-mini",
        "no language model",
        "Exit status",
    ):
        assert text in done.stdout
