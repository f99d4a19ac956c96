"""What is missing or breaks in a hub's parts is named in one line, and nothing is left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ODD_SERVER = Path(__file__).resolve().parents[2] / "plugins" / "mcp" / "servers" / "odd.py"

HUB = """\
hub: 1
name: sample
grants: [process]
tools:
  server:
    component: mcp_workbench
    config:
      server_params: {{type: StdioServerParams, command: "{command}", args: [{arguments}], read_timeout_seconds: 30}}
agents:
  caller:
    component: {component}
    subscriptions: [task]
    publishes: answer
    config: {config}
entry: {{topic: task}}
result: {{topic: answer}}
"""
CALLER = '{workbench: "${tools:server}", calls: [{tool: act}]}'


def hubbub(folder: Path, *words: str, **fields: str) -> subprocess.CompletedProcess[str]:
    defaults = {"command": sys.executable, "arguments": "", "component": "mcp_agent", "config": CALLER}
    (folder / "hub.yaml").write_text(HUB.format_map(defaults | fields))
    return subprocess.run(
        [sys.executable, "-m", "hubbub_registry", "run", str(folder / "hub.yaml"), "--task", "x", *words],
        capture_output=True,
        text=True,
        timeout=90,
        env=os.environ,
        check=False,
    )


def problem_of(done: subprocess.CompletedProcess[str]) -> str:
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("hubbub: ")]
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    return line


def test_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    problem = problem_of(hubbub(tmp_path, command="no-such-server"))

    assert "tools.server: " in problem
    assert "no-such-server" in problem


def test_server_that_does_not_start_is_named_with_its_last_words(tmp_path: Path) -> None:
    problem = problem_of(hubbub(tmp_path, arguments=f'"{ODD_SERVER}", starting, "no licence found"'))

    assert "tools.server: MCP server `" in problem
    assert "no licence found" in problem


def test_server_that_dies_midway_ends_the_run_and_names_the_agent(tmp_path: Path) -> None:
    problem = problem_of(hubbub(tmp_path, arguments=f'"{ODD_SERVER}", dies'))

    assert "agent 'caller' failed: " in problem
    assert "status 7" in problem


def test_server_that_never_answers_counts_against_the_timeout(tmp_path: Path) -> None:
    problem = problem_of(hubbub(tmp_path, "--timeout", "3", arguments=f'"{ODD_SERVER}", mute'))

    assert problem == "hubbub: no answer after 3 seconds; --timeout SECONDS allows more"


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"component": "mcp_agnt"}, "agents.caller.component: "),
        ({"component": "hubbub_chromadb.ChromaDBVectorMemory"}, "pip install hubbub-chromadb"),
        ({"component": "autogen_ext.agents.web_surfer.MultimodalWebSurfer"}, "pip install hubbub-web-surfer"),
        (
            {"config": '{workbench: "${tools:server}", max_tool_iterations: many}'},
            "agents.caller.config.max_tool_iterations: Input should be a valid integer",
        ),
        ({"config": '{workbench: "${tools:sever}"}'}, "did you mean 'server'?"),
    ],
)
def test_wrong_entry_is_named_with_its_place_before_anything_starts(
    tmp_path: Path, fields: dict[str, str], problem: str
) -> None:
    done = hubbub(tmp_path, command="no-such-server", **fields)

    assert problem in problem_of(done)
    assert "hub sample" not in done.stderr


def test_near_matches_are_offered_for_an_unknown_component(tmp_path: Path) -> None:
    assert "mcp_agent" in problem_of(hubbub(tmp_path, component="mcp_agnt")).split("mcp_agnt", 1)[1]


def test_broken_plugin_is_named_once_and_stops_nothing_else(tmp_path: Path) -> None:
    site = tmp_path / "site"
    info = site / "hubbub_broken-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: hubbub-broken\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[hubbub]\nbroken = hubbub_broken_plugin\n")
    (site / "hubbub_broken_plugin.py").write_text("raise RuntimeError('the moon is full')\n")
    (tmp_path / "agents.py").write_text(
        "from hubbub_core import AgentResult, AgentTask, MessageContext, RoutedAgent, TopicId, message_handler\n"
        "class Echo(RoutedAgent):\n"
        "    def __init__(self):\n"
        "        super().__init__('echo')\n"
        "    @message_handler\n"
        "    async def on_task(self, message: AgentTask, ctx: MessageContext) -> None:\n"
        "        result = AgentResult.from_text(message.text(), source='echo')\n"
        "        await self.publish_message(result, TopicId('answer', 'default'))\n"
    )
    (tmp_path / "hub.yaml").write_text(
        "hub: 1\nname: echo\ngrants: [code]\nagents:\n  echo:\n    component: python_agent\n    subscriptions: [task]\n"
        '    config: {agent: "${hub:dir}/agents.py:Echo"}\nentry: {topic: task}\nresult: {topic: answer}\n'
    )

    done = subprocess.run(
        [sys.executable, "-m", "hubbub_registry", "run", str(tmp_path / "hub.yaml"), "--task", "hello"],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(site)},
        check=False,
    )

    named = [line for line in done.stderr.splitlines() if "broken" in line]
    assert (done.returncode, done.stdout) == (0, "hello\n")
    assert len(named) == 1
    assert "the moon is full" in named[0]
