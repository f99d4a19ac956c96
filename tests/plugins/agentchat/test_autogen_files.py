"""Configurations and states that AutoGen itself wrote load, and teams go on from them.

The files in `data` were dumped by the releases they are named after, with replayed models; the prose in them (component
descriptions, long prompts) was cut.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
from chat_scripts import said

from hubbub_agentchat.base import ChatAgent, Team, TerminationCondition
from hubbub_registry import ComponentLoader, allow

DATA = Path(__file__).parent / "data"
FILES = {path.stem.removeprefix("autogen-"): json.loads(path.read_text()) for path in sorted(DATA.glob("*.json"))}
CONFIGS = [(release, name) for release, file in FILES.items() for name in file["config"]]
STATES = [(release, name) for release, file in FILES.items() for name in file["state"]]

# What happens next in a run that goes on from the state without a task.
GOES_ON = {
    "round robin": ["c: no", "w: one", "c: APPROVE"],
    "selector": ["w: one", "c: x"],
    "swarm": ["bob: hi", "bob: again"],
    "graph flow": ["y: yes", "z: zz"],
    "magentic one": ["MagenticOneOrchestrator: do", "w: w1", "MagenticOneOrchestrator: final"],
    "nested": ["o: o1"],
    "society of mind": ["som: answer"],
}


def load(release: str, name: str) -> Any:
    with allow("code"), warnings.catch_warnings():
        # Releases before 0.5 did not know structured output; that code in a file is run is a warning, too.
        warnings.simplefilter("ignore", UserWarning)
        return ComponentLoader.load_component(FILES[release]["config"][name], expected=object)


def differences(theirs: Any, ours: Any, path: str = "") -> dict[str, Any]:
    """Return what differs, by path; fields that only we write are no difference."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        found: dict[str, Any] = {}
        for key in theirs:
            found |= differences(theirs[key], ours.get(key, "missing"), f"{path}/{key}")
        return found
    if isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        found = {}
        for number, (one, other) in enumerate(zip(theirs, ours, strict=True)):
            found |= differences(one, other, f"{path}/{number}")
        return found
    return {} if theirs == ours else {path: ours}


@pytest.mark.parametrize(("release", "name"), CONFIGS)
def test_component_that_autogen_dumped_loads(release: str, name: str) -> None:
    loaded = load(release, name)

    assert type(loaded).__name__ == FILES[release]["config"][name]["label"]
    assert isinstance(loaded, (ChatAgent, Team, TerminationCondition))


@pytest.mark.parametrize("name", FILES["0.7.5"]["config"])
def test_component_of_the_last_release_is_dumped_again_as_it_was_under_our_names(name: str) -> None:
    theirs = FILES["0.7.5"]["config"][name]

    ours = json.loads(load("0.7.5", name).dump_component().model_dump_json(exclude_none=True))

    for path, value in differences(theirs, ours).items():
        assert path.endswith("/provider") and value.startswith("hubbub_")  # noqa: PT018 # one claim


@pytest.mark.parametrize(("release", "name"), [state for state in STATES if state[0] == "0.7.5"])
async def test_state_of_the_last_release_is_saved_again_as_it_was(release: str, name: str) -> None:
    theirs = FILES[release]["state"][name]
    loaded = load(release, name)

    await loaded.load_state(theirs)

    assert differences(theirs, json.loads(json.dumps(await loaded.save_state()))) == {}


@pytest.mark.parametrize(
    ("release", "name"), [state for state in STATES if state[1] in GOES_ON and state != ("0.5.7", "graph flow")]
)
async def test_team_goes_on_from_the_state_that_autogen_saved(release: str, name: str) -> None:
    loaded = load(release, name)

    await loaded.load_state(FILES[release]["state"][name])
    result = await loaded.run()

    lines = [line for line in said(result.messages) if not line.startswith("RoundRobinGroupChatManager")]
    assert lines == GOES_ON[name]


async def test_flow_of_autogen_0_5_whose_progress_was_kept_otherwise_keeps_its_messages_and_begins_anew() -> None:
    flow = load("0.5.7", "graph flow")
    await flow.load_state(FILES["0.5.7"]["state"]["graph flow"])

    saved = await flow.save_state()

    manager = saved["agent_states"]["GraphManager"]
    assert (manager["ready"], len(manager["message_thread"])) == (["x"], 2)


async def test_summary_that_autogen_0_4_saved_without_its_calls_comes_back() -> None:
    team = load("0.4.9", "function tool")

    await team.load_state(FILES["0.4.9"]["state"]["function tool"])

    thread = (await team.save_state())["agent_states"]["RoundRobinGroupChatManager"]["message_thread"]
    assert (thread[-1]["type"], thread[-1]["content"], thread[-1]["tool_calls"]) == (
        "ToolCallSummaryMessage",
        "pong",
        [],
    )


@pytest.mark.parametrize("model_info", [None, {"vision": False, "function_calling": True, "json_output": True}])
async def test_team_with_an_openai_model_loads_and_keeps_the_model(
    model_info: dict[str, Any] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The document's team (spec: 000 L9402), and its form for a local server (L830): model info of four fields.
    pytest.importorskip("hubbub_openai")
    monkeypatch.setenv("OPENAI_API_KEY", "not a key")
    data = json.loads(json.dumps(FILES["0.4.9"]["config"]["round robin"]))
    config: dict[str, Any] = {"model": "gpt-4o-mini"}
    if model_info is not None:
        config = {
            "model": "local",
            "base_url": "http://127.0.0.1:1/v1",
            "model_info": {**model_info, "family": "unknown"},
        }
    for participant in data["config"]["participants"]:
        participant["config"]["model_client"] = {
            "provider": "autogen_ext.models.openai.OpenAIChatCompletionClient",
            "component_type": "model",
            "version": 1,
            "component_version": 1,
            "label": "OpenAIChatCompletionClient",
            "config": config,
        }

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of the field that is missing
        team = Team.load_component(data)
    dumped = json.loads(team.dump_component().model_dump_json(exclude_none=True))

    client = dumped["config"]["participants"][0]["config"]["model_client"]
    assert (client["provider"], client["config"]) == ("hubbub_openai.OpenAIChatCompletionClient", config)
