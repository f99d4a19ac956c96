"""What importing the plugin costs, and what it declares. All but the last two run without Semantic Kernel."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys

import pytest

pytest.importorskip("hubbub_semantic_kernel", reason="Semantic Kernel is not in every environment")

import hubbub_semantic_kernel
from hubbub_registry import find_component
from hubbub_semantic_kernel import plugin


def loaded_by(statement: str) -> set[str]:
    """Run a statement in a fresh interpreter and return the modules it loaded."""
    code = f"import json, sys\n{statement}\nprint(json.dumps(sorted(sys.modules)))"
    run = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(run.stdout))


def test_importing_package_and_plugin_loads_neither_framework_nor_pydantic() -> None:
    statement = (
        "import hubbub_semantic_kernel, hubbub_semantic_kernel.plugin as p; p.hubbub_components(); p.hubbub_adapters()"
    )

    loaded = loaded_by(statement)

    assert not {"semantic_kernel", "openai", "numpy", "pydantic", "hubbub_core"} & loaded


def test_the_component_and_its_configuration_load_without_the_framework() -> None:
    loaded = loaded_by("from hubbub_semantic_kernel import SemanticKernelAgent as a; a.component_config_schema")

    assert "semantic_kernel" not in loaded


def test_a_name_that_is_not_offered_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"^hubbub_semantic_kernel offers no 'nothing'$"):
        _ = hubbub_semantic_kernel.nothing


def test_the_component_is_found_by_name_and_provider() -> None:
    spec = find_component("semantic_kernel_agent")

    assert spec == find_component("hubbub_semantic_kernel.SemanticKernelAgent") == plugin.hubbub_components()[0]


def test_all_public_names_are_served() -> None:
    pytest.importorskip("semantic_kernel", reason="the names come from modules that import semantic-kernel")

    for name in hubbub_semantic_kernel.__all__:
        assert getattr(hubbub_semantic_kernel, name).__name__ == name
    assert set(hubbub_semantic_kernel.__all__) <= set(dir(hubbub_semantic_kernel))


def test_declared_names_lead_to_code() -> None:
    pytest.importorskip("semantic_kernel", reason="the names are those of classes in semantic-kernel")

    for adapter in plugin.hubbub_adapters():
        module, _, name = adapter.by.rpartition(".")
        assert callable(getattr(importlib.import_module(module), name))
        for source in (*adapter.sources, *([adapter.to] if "." in adapter.to else [])):
            module, _, name = source.rpartition(".")
            assert f"{getattr(importlib.import_module(module), name).__module__}.{name}" == source
