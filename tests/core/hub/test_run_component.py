"""`hubbub run` of an agent or team file: its talk where it belongs, grants, a human, and a state to go on from."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SPOKEN = """\
---------- writer ----------
Leaves fall.
---------- critic ----------
More colour.
---------- writer ----------
Gold leaves
fall.
---------- critic ----------
APPROVE
"""


def replay(*answers: str) -> dict[str, Any]:
    return {
        "provider": "autogen_ext.models.replay.ReplayChatCompletionClient",
        "component_type": "model",
        "config": {"chat_completions": list(answers)},
    }


def assistant(name: str, *answers: str, **config: Any) -> dict[str, Any]:
    return {
        "provider": "autogen_agentchat.agents.AssistantAgent",
        "component_type": "agent",
        "version": 1,
        "component_version": 2,
        "config": {"name": name, "model_client": replay(*answers), "description": f"The {name}.", **config},
    }


def team(*participants: dict[str, Any], **config: Any) -> dict[str, Any]:
    approved = {"provider": "autogen_agentchat.conditions.TextMentionTermination", "config": {"text": "APPROVE"}}
    return {
        "provider": "autogen_agentchat.teams.RoundRobinGroupChat",
        "component_type": "team",
        "version": 1,
        "config": {"participants": list(participants), "termination_condition": approved, **config},
    }


def human(name: str = "human") -> dict[str, Any]:
    return {"provider": "autogen_agentchat.agents.UserProxyAgent", "config": {"name": name}}


def writer_and_critic(**config: Any) -> dict[str, Any]:
    return team(
        assistant("writer", "Leaves fall.", "Gold leaves\nfall.", model_client_stream=True),
        assistant("critic", "More colour.", "APPROVE"),
        **config,
    )


def write(path: Path, document: object) -> Path:
    path.write_text(json.dumps(document))
    return path


def hubbub(*arguments: str | Path, typed: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hubbub_registry", *map(str, arguments)],
        capture_output=True,
        text=True,
        input=typed,
        timeout=60,
        env=os.environ,
        check=False,
    )


def problem_of(done: subprocess.CompletedProcess[str]) -> str:
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("hubbub: ")]
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    return line.removeprefix("hubbub: ")


def test_what_a_team_says_goes_to_standard_output_and_progress_to_standard_error(tmp_path: Path) -> None:
    done = hubbub("run", write(tmp_path / "team.json", writer_and_critic()), "--task", "Autumn.")

    assert (done.returncode, done.stdout) == (0, SPOKEN)
    first, *_, why, last = done.stderr.splitlines()
    assert (first, why) == ("team RoundRobinGroupChat", "stopped: Text 'APPROVE' mentioned")
    assert last.startswith("RoundRobinGroupChat: done after ")


def test_what_an_agent_answers_goes_to_standard_output_as_it_is(tmp_path: Path) -> None:
    document = assistant("writer", "Leaves\nfall.", model_client_stream=True)

    done = hubbub("run", write(tmp_path / "agent.json", document), "--task", "Autumn.")

    assert (done.returncode, done.stdout) == (0, "Leaves\nfall.\n")
    assert done.stderr.splitlines()[0] == "agent writer"


def test_yaml_and_an_agent_of_another_framework_run_too(tmp_path: Path) -> None:
    (tmp_path / "gulls.md").write_text("# Gulls\n\nGulls nest on cliffs.\n")
    path = tmp_path / "agent.yaml"
    path.write_text(f"provider: llama_index_retriever\nconfig: {{folder: {tmp_path}, top_k: 1}}\n")

    done = hubbub("run", path, "--task", "Where do gulls nest?")

    assert done.returncode == 0, done.stderr
    assert "Gulls nest on cliffs." in done.stdout


def test_talk_is_written_to_a_file_and_shown_beside_standard_output(tmp_path: Path) -> None:
    path = write(tmp_path / "team.json", writer_and_critic())

    done = hubbub("run", path, "--task", "Autumn.", "--output", tmp_path / "out.txt")

    assert (done.returncode, done.stdout) == (0, "")
    assert (tmp_path / "out.txt").read_text() == SPOKEN
    assert "critic ----------\nMore colour." in done.stderr


def test_json_prints_one_event_a_line(tmp_path: Path) -> None:
    done = hubbub("run", write(tmp_path / "team.json", writer_and_critic()), "--task", "Autumn.", "--json")

    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events[0] == {
        "event": "started",
        "kind": "team",
        "name": "RoundRobinGroupChat",
        "grants": [],
        "resumed": False,
    }
    assert [event["event"] for event in events[-2:]] == ["result", "agent_finished"]
    assert [message["content"] for message in events[-2]["result"]["messages"]][-1] == "APPROVE"


def test_human_is_asked_on_standard_error_and_answers_from_standard_input(tmp_path: Path) -> None:
    document = team(assistant("writer", "One.", "Two."), human())

    done = hubbub("run", write(tmp_path / "team.json", document), "--task", "Go.", typed="Again.\nAPPROVE\n")

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1::2] == ["One.", "Again.", "Two.", "APPROVE"]
    assert done.stderr.splitlines()[1:3] == ["human: Enter your response: "] * 2


def test_end_of_input_ends_the_run_and_keeps_the_state(tmp_path: Path) -> None:
    path = write(tmp_path / "team.json", team(assistant("writer", "One.", "Two."), human()))

    done = hubbub("run", path, "--task", "Go.", "--state", tmp_path / "state.json", typed="Again.\n")

    assert problem_of(done) == "the input ended while agent 'human' was asked for an answer"
    assert done.stdout.splitlines()[1::2] == ["One.", "Again.", "Two."]
    assert "Again." in (tmp_path / "state.json").read_text()


def test_saved_state_is_gone_on_from_without_a_task(tmp_path: Path) -> None:
    path = write(tmp_path / "team.json", writer_and_critic(max_turns=1))
    state = tmp_path / "state.json"

    runs = [hubbub("run", path, "--state", state, *task) for task in (["--task", "Autumn."], [])]

    assert [run.returncode for run in runs] == [0, 0]
    assert [run.stdout for run in runs] == [
        "---------- writer ----------\nLeaves fall.\n",
        "---------- critic ----------\nMore colour.\n",
    ]
    assert runs[1].stderr.splitlines()[0] == "team RoundRobinGroupChat, resumed"
    saved = json.loads(state.read_text())
    assert (saved["type"], list(saved["agent_states"])) == (
        "TeamState",
        ["writer", "critic", "RoundRobinGroupChatManager"],
    )


def test_interrupt_saves_the_state_and_ends_with_130(tmp_path: Path) -> None:
    path = write(tmp_path / "team.json", team(assistant("writer", "One.", "Two."), human()))
    state = tmp_path / "state.json"
    process = subprocess.Popen(
        [sys.executable, "-m", "hubbub_registry", "run", str(path), "--task", "Go.", "--state", str(state)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    told = ""
    while not told.endswith("Enter your response: "):
        piece = process.stderr.read(1)
        assert piece, f"it ended without asking: {told}"
        told += piece

    process.send_signal(signal.SIGINT)
    spoken, errors = process.communicate(timeout=30)

    assert process.returncode == 130
    assert "Traceback" not in errors
    assert "Fatal" not in errors
    assert errors.splitlines()[-2:] == [f"saved {state}", "hubbub: interrupted"]
    assert spoken == "---------- writer ----------\nOne.\n"
    resumed = hubbub("run", path, "--state", state, "--task", "More.", typed="APPROVE\n" * 2)
    assert resumed.returncode == 0
    assert "APPROVE" in resumed.stdout


def test_timeout_saves_the_state_and_ends_with_one_line(tmp_path: Path) -> None:
    path = write(tmp_path / "team.json", team(assistant("writer", "One.", "Two."), human()))
    state = tmp_path / "state.json"
    process = subprocess.Popen(
        [sys.executable, "-m", "hubbub_registry", "run", path, "--task", "Go.", "--state", state, "--timeout", "1"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert process.stdin is not None

    process.wait(timeout=30)  # its input stays open
    errors = process.stderr.read()
    process.communicate()

    assert process.returncode == 2
    assert errors.splitlines()[-1] == "hubbub: no answer after 1 seconds; --timeout SECONDS allows more"
    assert "One." in state.read_text()


def test_failed_run_leaves_an_earlier_state_as_it_was(tmp_path: Path) -> None:
    path = write(tmp_path / "team.json", writer_and_critic(max_turns=1))
    state = tmp_path / "state.json"
    hubbub("run", path, "--task", "Autumn.", "--state", state)
    before = state.read_bytes()
    # The critic's model has nothing to say any more.
    write(path, team(assistant("writer"), assistant("critic"), max_turns=1))

    done = hubbub("run", path, "--state", state)

    problem = problem_of(done)
    assert problem.startswith("agent 'RoundRobinGroupChat' failed: No more mock responses available")
    assert problem.endswith("This happened in the turn of 'critic'.")
    assert state.read_bytes() == before
    assert sorted(found.name for found in tmp_path.iterdir()) == ["state.json", "team.json"]


@pytest.mark.parametrize("other", [{"name": "package", "version": "1.0"}, {"provider": "AssistantAgent", "config": {}}])
def test_a_file_that_is_no_state_of_the_agent_is_refused_and_left_as_it_was(
    tmp_path: Path, other: dict[str, Any]
) -> None:
    path = write(tmp_path / "agent.json", assistant("writer", "Leaves fall."))
    state = write(tmp_path / "other.json", other)
    before = state.read_bytes()

    done = hubbub("run", path, "--task", "Autumn.", "--state", state)

    said = "other.json: holds no state of agent 'writer', which has type, version, llm_context; it has "
    assert problem_of(done).endswith(said + ", ".join(other))
    assert done.stdout == ""
    assert state.read_bytes() == before


CODE_TOOL = {
    "provider": "autogen_core.tools.FunctionTool",
    "config": {
        "source_code": "def add(a: int, b: int) -> int:\n    return a + b\n",
        "name": "add",
        "description": "Adds.",
        "global_imports": [],
        "has_cancellation_support": False,
    },
}


def calculator() -> dict[str, Any]:
    document = assistant("calculator")
    call = {"id": "1", "name": "add", "arguments": '{"a": 2, "b": 3}'}
    document["config"] |= {
        "tools": [CODE_TOOL],
        "model_client": {
            "provider": "replay",
            "config": {
                "chat_completions": [
                    {
                        "finish_reason": "function_calls",
                        "content": [call],
                        "usage": {"prompt_tokens": 0, "completion_tokens": 0},
                        "cached": False,
                    }
                ],
                "model_info": {
                    "vision": False,
                    "function_calling": True,
                    "json_output": False,
                    "family": "unknown",
                    "structured_output": False,
                },
            },
        },
    }
    return document


def test_code_in_a_file_runs_only_when_allowed(tmp_path: Path) -> None:
    path = write(tmp_path / "agent.json", calculator())

    refused, granted = hubbub("run", path, "--task", "2 + 3"), hubbub("run", path, "--task", "2 + 3", "--allow", "code")

    assert problem_of(refused).endswith(
        "asks for the capability 'code'; if you trust it, run it with `--allow code`",
    )
    assert granted.returncode == 0, granted.stderr
    assert granted.stdout == "5\n"
    warned, started, *_ = granted.stderr.splitlines()
    assert warned.startswith("warning: ")
    assert started == "agent calculator, granted: code"
    assert "calculator: tool call: add({" in granted.stderr


def test_model_option_replaces_every_model_of_the_file(tmp_path: Path) -> None:
    document = writer_and_critic(max_turns=2)
    for participant in document["config"]["participants"]:
        # Of a plugin that nobody has installed: it need not be there when another model takes its place.
        participant["config"]["model_client"]["provider"] = "hubbub_elsewhere.ElsewhereChatCompletionClient"
    path = write(tmp_path / "team.json", document)

    refused = hubbub("run", path, "--task", "Autumn.")
    done = hubbub("run", path, "--task", "Autumn.", "--model", "extractive")

    assert "config.participants[0].config.model_client.provider: component" in problem_of(refused)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("no language model wrote this") >= 2


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["TEAM"], "--task TEXT is needed: what is to be done; only a saved --state goes on without one"),
        (["TEAM", "--state", "NEW"], "--task TEXT is needed"),
        (["TEAM", "--task", " "], "--task is empty"),
        (["TEAM", "--task", "x", "--set", "a=b"], "--set is for hub files; an agent or team file has no variables"),
        (["TEAM", "--task", "x", "--state", "/nowhere/s.json"], "there is no folder /nowhere"),
        (
            ["TEAM", "--task", "x", "--state", "TEAM"],
            "/TEAM: Invalid state format. The expected state format has changed since v0.4.9.",
        ),
        (["TEAM", "--task", "x", "--state", "TEXT"], "holds no state: "),
        (["TEAM", "--task", "x", "--state", "."], "--state .: is a folder; name a file"),
        (["TEAM", "--task", "x", "--output", "."], "--output .: is a folder; name a file"),
        (["HUMAN", "--task", "x", "--model", "extractive"], "--model: there is no model in it to replace"),
        (["CONDITION", "--task", "x"], "is a termination, not an agent or team that can be given a task"),
        (["MODEL", "--task", "x"], "is a model, not an agent or team that can be given a task"),
        (["UNKNOWN", "--task", "x"], "provider: component 'hubbub_nobody.Team'"),
        (["BROKEN", "--task", "x"], "config.participants"),
        (["TEXT", "--task", "x"], "neither a hub file, which begins with `hub: 1`, nor an agent or team file"),
        (["RUNTIME", "--task", "x", "--allow", "code"], "is an agent of the runtime, which needs a hub file"),
        (["HUB"], "--task TEXT is needed: what the hub is asked to do"),
        (["HUB", "--task", "x", "--state", "NEW"], "--state is for agent and team files"),
        (["HUB", "--task", "x", "--allow", "code"], "a hub file has its own list, `grants`"),
    ],
)
def test_bad_input_is_one_line_and_status_2(tmp_path: Path, arguments: list[str], problem: str) -> None:
    (tmp_path / "agents.py").write_text("from hubbub_core import RoutedAgent\nclass Agent(RoutedAgent): pass\n")
    (tmp_path / "TEXT").write_text("just words")
    (tmp_path / "HUB").write_text("hub: 1\nname: h\nagents: {}\nentry: {topic: t}\nresult: {topic: r}\n")
    write(tmp_path / "TEAM", writer_and_critic())
    write(tmp_path / "HUMAN", human())
    write(tmp_path / "MODEL", replay("hello"))
    write(tmp_path / "CONDITION", {"provider": "MaxMessageTermination", "config": {"max_messages": 1}})
    write(tmp_path / "UNKNOWN", {"provider": "hubbub_nobody.Team", "config": {}})
    write(tmp_path / "BROKEN", {"provider": "RoundRobinGroupChat", "config": {}})
    write(
        tmp_path / "RUNTIME",
        {
            "provider": "python_agent",
            "config": {"agent": f"{tmp_path}/agents.py:Agent", "arguments": {"description": "d"}},
        },
    )

    done = hubbub("run", *(str(tmp_path / word) if word.isupper() else word for word in arguments))

    assert problem in problem_of(done)
    assert done.stdout == ""


def test_help_teaches_both_kinds_of_file() -> None:
    done = hubbub("run", "--help")

    assert done.returncode == 0
    for words in ("hub files:", "agent and team files:", "--state team.state", "--allow code"):
        assert words in done.stdout
