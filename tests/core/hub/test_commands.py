"""`hubbub run`, `graph` and `schema`: output where it belongs, one line for every error, and the right exit status."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

AGENTS = '''
import asyncio, sys
from hubbub_core import AgentChunk, AgentResult, AgentTask, MessageContext, RoutedAgent, TopicId, message_handler

class Writer(RoutedAgent):
    """Streams its answer in pieces."""

    def __init__(self):
        super().__init__("writes")

    @message_handler
    async def on_task(self, message: AgentTask, ctx: MessageContext) -> None:
        topic, text = TopicId("answer", self.id.key), ""
        for piece in ("# ", message.text(), "\\n\\n", "Zürich\\n"):
            text += piece
            await self.publish_message(AgentChunk(content=piece, source="writer"), topic)
        await self.publish_message(AgentResult.from_text(text, source="writer"), topic)

class Waiting(RoutedAgent):
    def __init__(self):
        super().__init__("waits")

    @message_handler
    async def on_task(self, message: AgentTask, ctx: MessageContext) -> None:
        print("waiting", file=sys.stderr, flush=True)
        await asyncio.Event().wait()
'''
HUB = """\
hub: 1
name: sample
grants: [code]
agents:
  writer:
    component: python_agent
    subscriptions: [task]
    publishes: answer
    config: {agent: "${hub:dir}/agents.py:Writer"}
entry: {topic: task}
result: {topic: answer}
"""


def hubbub(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hubbub_registry", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environment},
        check=False,
    )


@pytest.fixture
def hub_file(tmp_path: Path) -> Path:
    (tmp_path / "agents.py").write_text(AGENTS)
    path = tmp_path / "hub.yaml"
    path.write_text(HUB)
    return path


def test_answer_goes_to_standard_output_and_progress_to_standard_error(hub_file: Path) -> None:
    done = hubbub("run", hub_file, "--task", "Towns")

    assert (done.returncode, done.stdout) == (0, "# Towns\n\nZürich\n")
    assert done.stderr.splitlines()[0] == "hub sample: agents writer, granted: code"
    assert "writer: working on AgentTask" in done.stderr


def test_output_is_written_to_a_file_and_not_to_standard_output(hub_file: Path, tmp_path: Path) -> None:
    done = hubbub("run", hub_file, "--task", "Towns", "--output", tmp_path / "out.md")

    assert (done.returncode, done.stdout) == (0, "")
    assert (tmp_path / "out.md").read_text(encoding="utf-8") == "# Towns\n\nZürich\n"


def test_json_prints_one_event_a_line(hub_file: Path) -> None:
    done = hubbub("run", hub_file, "--task", "Towns", "--json")

    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert (events[0]["event"], events[-1]["event"]) == ("started", "result")
    assert events[-1]["result"]["messages"][-1]["content"] == "# Towns\n\nZürich\n"


def test_result_may_be_rendered_as_json(hub_file: Path) -> None:
    hub_file.write_text(HUB.replace("topic: answer}", "topic: answer, renderer: json}"))

    done = hubbub("run", hub_file, "--task", "Towns")

    assert json.loads(done.stdout)["source"] == "writer"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["nowhere.yaml", "--task", "x"], "nowhere.yaml: no such file"),
        (["HUB", "--task", " "], "--task is empty"),
        (["HUB", "--task", "x", "--set", "town"], "--set town: write it as NAME=VALUE"),
        (["HUB", "--task", "x", "--set", "town=Oslo"], "--set town: the file declares no such variable"),
        (["HUB", "--task", "x", "--model", "extractiv"], "extractive"),
        (["HUB", "--task", "x", "--model", "python_agent"], "'python_agent' is a agent, not a model"),
        (
            ["HUB", "--task", "x", "--model", "openai"],
            "--model openai: 'openai' needs a model ID; write --model openai:ID",
        ),
        (["HUB", "--task", "x", "--output", "/nowhere/out.md"], "there is no folder /nowhere"),
        (["HUB", "--task", "x", "--output", "."], "--output .: is a folder; name a file"),
    ],
)
def test_bad_input_is_one_line_and_status_2(hub_file: Path, arguments: list[str], problem: str) -> None:
    done = hubbub("run", *(str(hub_file) if word == "HUB" else word for word in arguments))

    errors = [line for line in done.stderr.splitlines() if line.startswith("hubbub")]
    assert done.returncode == 2
    assert problem in errors[-1]
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_timeout_ends_the_run_with_one_line(hub_file: Path) -> None:
    hub_file.write_text(HUB.replace("Writer", "Waiting"))

    done = hubbub("run", hub_file, "--task", "x", "--timeout", "1")

    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == "hubbub: no answer after 1 seconds; --timeout SECONDS allows more"


def test_default_timeout_is_told_in_seconds(hub_file: Path) -> None:
    hub_file.write_text(HUB.replace("Writer", "Waiting"))
    program = f"""
import sys
from hubbub_core.hub import run_command
from hubbub_registry.cli import main
run_command.HUB_SECONDS = 1.0  # 600 seconds are too long for a test
sys.exit(main(["run", {str(hub_file)!r}, "--task", "x"]))
"""

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == "hubbub: no answer after 1 seconds; --timeout SECONDS allows more"


def test_failed_run_leaves_an_earlier_output_as_it_was(hub_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.md"
    out.write_text("earlier")
    hub_file.write_text(HUB.replace("Writer", "Waiting"))

    hubbub("run", hub_file, "--task", "x", "--timeout", "1", "--output", out)

    assert out.read_text() == "earlier"
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["agents.py", "hub.yaml", "out.md"]


def test_interrupt_ends_with_130_and_no_traceback(hub_file: Path) -> None:
    hub_file.write_text(HUB.replace("Writer", "Waiting"))
    process = subprocess.Popen(
        [sys.executable, "-m", "hubbub_registry", "run", str(hub_file), "--task", "x"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    while "waiting" not in process.stderr.readline():
        assert process.poll() is None

    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)

    assert process.returncode == 130
    assert "Traceback" not in errors


def test_graph_draws_agents_and_topics_without_running_anything(hub_file: Path) -> None:
    (hub_file.parent / "agents.py").unlink()

    done = hubbub("graph", hub_file)

    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "---",
        'title: "sample"',
        "---",
        "flowchart LR",
        '  topic_3a_task(["task (entry)"])',
        '  agent_3a_writer["writer: python_agent"]',
        '  topic_3a_answer(["answer (result)"])',
        "  topic_3a_task --> agent_3a_writer",
        "  agent_3a_writer --> topic_3a_answer",
    ]


def test_schema_knows_the_components_of_the_installed_plugins() -> None:
    done = hubbub("schema")

    schema = json.loads(done.stdout)
    names = schema["$defs"]["AgentEntry"]["properties"]["component"]["anyOf"][0]["enum"]
    assert {"python_agent", "langgraph", "llama_index_retriever", "mcp_agent"} <= set(names)


def test_validate_grants_and_starts_nothing(hub_file: Path) -> None:
    (hub_file.parent / "agents.py").write_text("raise SystemExit('ran')\n")

    done = hubbub("components", "validate", hub_file)

    assert done.returncode == 0, done.stderr
