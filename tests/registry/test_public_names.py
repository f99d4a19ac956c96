"""What the package offers, and the small parts that others build on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel, Field, ValidationError

import hubbub_registry
from hubbub_registry import (
    ComponentSpec,
    Registry,
    component_schemas,
    describe_validation_error,
    hookimpl,
    install_hint,
)

Make = Callable[[str], Registry]


def test_every_public_name_is_served() -> None:
    missing = [name for name in hubbub_registry.__all__ if getattr(hubbub_registry, name, None) is None]

    assert missing == []
    assert sorted(hubbub_registry.__all__) == hubbub_registry.__all__
    assert set(hubbub_registry.__all__) <= set(dir(hubbub_registry))


def test_an_unknown_name_is_an_attribute_error_naming_it() -> None:
    with pytest.raises(AttributeError, match="hubbub_registry offers no 'Componnent'"):
        _ = hubbub_registry.Componnent


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("hubbub_mcp.McpWorkbench", "pip install hubbub-mcp"),
        ("hubbub-llama-index", "pip install hubbub-llama-index"),
        ("autogen_ext.tools.mcp.McpWorkbench", "pip install hubbub-mcp"),
        ("autogen_ext.code_executors.docker_jupyter.DockerJupyterCodeExecutor", "pip install hubbub-docker-jupyter"),
        ("autogen_core.tools.FunctionTool", "pip install hubbub-core"),
        ("OpenAIChatCompletionClient", "pip install hubbub-openai"),
        ("some_package.Thing", None),
        ("hubbub_x; rm -rf .Thing", None),
    ],
)
def test_install_hints(name: str, command: str | None) -> None:
    assert install_hint(name) == command


class Stdio(BaseModel):
    type: Literal["stdio"]
    command: str


class Http(BaseModel):
    type: Literal["http"]
    url: str


class Config(BaseModel):
    server: Stdio | Http = Field(discriminator="type")
    either: int | list[int] = 0
    names: dict[str, list[int]] = {}


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (
            {"server": {"type": "stdio", "command": 3}},
            "config.server.command: Input should be a valid string, got 3",
        ),
        ({"server": {"type": "stdio"}}, "config.server.command: Field required"),
        (
            {"server": {"type": "http", "url": "u"}, "names": {"a": [1, None]}},
            "config.names.a[1]: Input should be a valid integer, got null",
        ),
        (
            {"server": {"type": "http", "url": "u"}, "either": {}},
            "config.either: Input should be a valid integer or Input should be a valid list, got a mapping",
        ),
    ],
)
def test_a_validation_error_in_one_line_has_the_path_of_the_file(data: dict[str, object], line: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Config.model_validate(data)

    assert describe_validation_error(caught.value, "config", data) == line


def test_component_schemas_fit_into_one_document_and_say_what_cannot_be_imported(
    here: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "schema_parts.py").write_text(
        "from hubbub_registry import Component, ComponentBase\n"
        "from pydantic import BaseModel\n"
        "class Part(BaseModel):\n    x: int\n"
        "class Config(BaseModel):\n    part: Part\n"
        "class A(ComponentBase[Config], Component[Config]):\n"
        "    component_type = 'model'\n    component_config_schema = Config\n"
        "class NoComponent: pass\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))

    class Own:
        @hookimpl
        def hubbub_components(self) -> list[ComponentSpec]:
            return [
                ComponentSpec(kind="model", provider="schema_parts.A", name="a", summary="A.", aliases=("old.A",)),
                ComponentSpec(kind="model", provider="schema_parts.NoComponent", name="b", summary=""),
                ComponentSpec(kind="model", provider="schema_parts.Missing", name="c", summary=""),
            ]

    known = here("none")
    known.register(Own(), "own")

    schemas = component_schemas(known)

    assert list(schemas) == ["a", "b", "c"]
    assert schemas["a"]["properties"]["provider"] == {"enum": ["a", "schema_parts.A", "old.A"]}
    assert schemas["a"]["properties"]["config"]["properties"]["part"] == {"$ref": "#/$defs/a.Part"}
    assert list(schemas["a"]["$defs"]) == ["a.Part"]
    assert "Invalid component class" in schemas["b"]["properties"]["config"]["description"]
    assert "has no attribute 'Missing'" in schemas["c"]["properties"]["config"]["description"]


def test_the_console_script_is_the_module() -> None:
    script = subprocess.run([Path(sys.executable).with_name("hubbub"), "--version"], capture_output=True, text=True)
    module = subprocess.run([sys.executable, "-m", "hubbub_registry", "--version"], capture_output=True, text=True)

    assert (script.returncode, script.stdout) == (0, module.stdout)
