"""Hub files are read whole or refused in one line that names the place."""

from __future__ import annotations

from pathlib import Path

import pytest

from hubbub_core.hub.errors import HubFileError
from hubbub_core.hub.reading import read_hub_file

HUB = """\
hub: 1
name: sample
set:
  folder: {{type: path, default: notes}}
  count: {{type: integer, default: 3}}
  town: {{default: Oslo}}
models:
  default: {{component: extractive}}
agents:
  reader:
    component: python_agent
    subscriptions: [task]
    publishes: answer
    config: {config}
entry: {{topic: task}}
result: {{topic: answer}}
"""


def write(folder: Path, config: str = "{}") -> Path:
    path = folder / "hub.yaml"
    path.write_text(HUB.format(config=config))
    return path


def config_of(tmp_path: Path, config: str, **settings: str) -> object:
    return read_hub_file(write(tmp_path, config), settings).agents["reader"].config["value"]


def test_whole_placeholder_keeps_the_type_of_its_variable(tmp_path: Path) -> None:
    assert config_of(tmp_path, '{value: "${set:count}"}') == 3


def test_placeholder_within_text_is_filled_in(tmp_path: Path) -> None:
    assert config_of(tmp_path, '{value: "in ${set:town}, ${set:count} times"}', town="Bergen") == "in Bergen, 3 times"


def test_default_of_a_path_is_relative_to_the_file(tmp_path: Path) -> None:
    assert config_of(tmp_path, '{value: "${set:folder}"}') == str(tmp_path / "notes")


def test_path_that_is_set_is_relative_to_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)

    assert config_of(tmp_path, '{value: "${set:folder}"}', folder="mine") == str(elsewhere / "mine")


def test_environment_reference_stays_until_the_component_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOWN_KEY", "secret")

    assert config_of(tmp_path, '{value: "${env:TOWN_KEY}"}') == "${env:TOWN_KEY}"


def test_reference_becomes_a_component_that_loads_as_the_shared_object(tmp_path: Path) -> None:
    found = config_of(tmp_path, '{value: "${models:default}"}')

    assert found == {"provider": "ref:models.default", "config": {}}


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ('{value: "${set:twon}"}', "agents.reader.config.value: no variable 'twon' here; did you mean 'town'?"),
        ('{value: "${models:big}"}', "agents.reader.config.value: no models 'big' here; the file has default"),
        ('{value: "a ${models:default}"}', "agents.reader.config.value: ${models:default} must be the whole value"),
        ('{value: "${home:x}"}', "agents.reader.config.value: unknown placeholder ${home:x}; there are ${set:NAME}"),
        ('{list: ["${set:nope}"]}', "agents.reader.config.list.0: no variable 'nope' here"),
    ],
)
def test_placeholder_that_leads_nowhere_is_named_with_its_place(tmp_path: Path, config: str, problem: str) -> None:
    path = write(tmp_path, config)

    with pytest.raises(HubFileError) as caught:
        read_hub_file(path)

    assert str(caught.value).startswith(f"{path}: {problem}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"count": "many"}, "set.count: variable 'count' is of type integer, got 'many'"),
        ({"colour": "red"}, "--set colour: the file declares no such variable; it has folder, count, town"),
    ],
)
def test_wrong_setting_is_refused(tmp_path: Path, settings: dict[str, str], problem: str) -> None:
    path = write(tmp_path)

    with pytest.raises(HubFileError) as caught:
        read_hub_file(path, settings)

    assert str(caught.value) == f"{path}: {problem}"


def test_variable_without_default_must_be_set(tmp_path: Path) -> None:
    path = write(tmp_path)
    path.write_text(path.read_text().replace("town: {default: Oslo}", "town: {}"))

    with pytest.raises(HubFileError, match=r"set\.town: variable 'town' must be set: --set town=VALUE"):
        read_hub_file(path)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("name: sample", "nmae: sample", "name: is required (and 1 more)"),
        ("entry:", "entrey: 1\nentry:", "entrey: unknown key; did you mean 'entry'?"),
        ("hub: 1", "hub: 7", "hub: format version 7 is not known; this Hubbub reads version 1"),
        ("subscriptions: [task]", "subscriptions: task", "agents.reader.subscriptions: Input should be a valid list"),
        ("hub: 1", "bub: 1", "not a hub file; one begins with `hub: 1`"),
        ("name: sample", "name: [sample", "not valid YAML at line 3"),
        (
            "name: sample",
            "name: sample\nname: other",
            "not valid YAML at line 3, column 1: the key 'name' stands twice",
        ),
    ],
)
def test_broken_file_is_refused_in_one_line(tmp_path: Path, old: str, new: str, problem: str) -> None:
    path = write(tmp_path)
    path.write_text(path.read_text().replace(old, new))

    with pytest.raises(HubFileError) as caught:
        read_hub_file(path)

    assert str(caught.value).startswith(f"{path}: {problem}")
    assert "\n" not in str(caught.value)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(HubFileError, match=r"nowhere\.yaml: no such file"):
        read_hub_file(tmp_path / "nowhere.yaml")
