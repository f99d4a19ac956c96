"""What importing the plugin costs, and what it declares."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys

import pytest

import hubbub_langgraph
from hubbub_langgraph import plugin
from hubbub_registry import find_component


def loaded_by(statement: str) -> set[str]:
    """Run a statement in a fresh interpreter and return the modules it loaded."""
    code = f"import json, sys\n{statement}\nprint(json.dumps(sorted(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(run.stdout))


def test_importing_package_and_plugin_loads_neither_framework_nor_pydantic() -> None:
    loaded = loaded_by("import hubbub_langgraph, hubbub_langgraph.plugin")

    assert not {"langgraph", "langchain_core", "pydantic", "hubbub_core"} & loaded


def test_all_public_names_are_served() -> None:
    assert {name for name in dir(hubbub_langgraph) if name in hubbub_langgraph.__all__} == set(hubbub_langgraph.__all__)
    for name in hubbub_langgraph.__all__:
        assert getattr(hubbub_langgraph, name).__name__ == name


def test_a_name_that_is_not_offered_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"^hubbub_langgraph offers no 'nothing'$"):
        _ = hubbub_langgraph.nothing


def test_declared_names_lead_to_code() -> None:
    for adapter in plugin.hubbub_adapters():
        module, _, name = adapter.by.rpartition(".")
        assert callable(getattr(importlib.import_module(module), name))
        for source in adapter.sources:
            module, _, name = source.rpartition(".")
            assert f"{getattr(importlib.import_module(module), name).__module__}.{name}" == source


def test_the_component_is_found_by_name_and_provider() -> None:
    spec = find_component("langgraph")

    assert spec == find_component("hubbub_langgraph.LangGraphAgent") == plugin.hubbub_components()[0]
    assert spec.capabilities == ("code",)
