"""The declaration: what it names exists, under all of its names, and nothing is loaded to say so."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import hubbub_agentchat
from hubbub_agentchat.plugin import hubbub_adapters, hubbub_components
from hubbub_registry import ComponentSpec, find_component, is_component_class

PACKAGES = ["agents", "base", "conditions", "exchange", "messages", "state", "teams", "tools", "ui", "utils"]
README = Path(__file__).parents[3] / "plugins" / "agentchat" / "README.md"


def named(dotted: str) -> object:
    module, _, name = dotted.rpartition(".")
    return getattr(import_module(module), name)


@pytest.mark.parametrize("spec", hubbub_components(), ids=lambda spec: spec.name)
def test_every_declared_component_exists_dumps_that_provider_and_is_found_by_its_names(spec: ComponentSpec) -> None:
    cls = named(spec.provider)

    assert isinstance(cls, type)
    assert is_component_class(cls)
    assert cls.component_provider_override == spec.provider
    assert cls.component_type == spec.kind
    for name in (spec.provider, spec.name, *spec.aliases):
        assert find_component(name).provider == spec.provider


@pytest.mark.parametrize("package", ["agents", "base", "conditions", "messages", "teams", "tools"])
def test_every_public_component_is_declared(package: str) -> None:
    module = import_module(f"hubbub_agentchat.{package}")
    public = {
        f"hubbub_agentchat.{package}.{name}" for name in module.__all__ if is_component_class(getattr(module, name))
    }

    declared = {spec.provider for spec in hubbub_components()}

    assert public <= declared


def test_adapters_name_functions_and_types_that_exist() -> None:
    for spec in hubbub_adapters():
        assert callable(named(spec.by))
        for source in spec.sources:
            cls = named(source)
            assert isinstance(cls, type)
            assert f"{cls.__module__}.{cls.__qualname__}" == source


@pytest.mark.parametrize("package", PACKAGES)
def test_all_is_what_the_module_offers(package: str) -> None:
    module = import_module(f"hubbub_agentchat.{package}")

    assert module.__all__ == sorted(module.__all__, key=lambda name: (not name.isupper(), name))
    assert all(hasattr(module, name) for name in module.__all__)


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="hubbub_agentchat offers no 'nope'"):
        _ = hubbub_agentchat.nope


def test_readme_program_prints_what_the_readme_says() -> None:
    text = README.read_text(encoding="utf-8")
    program = text.split("```python\n", 1)[1].split("```", 1)[0]
    expected = text.split("and prints:\n\n```\n", 1)[1].split("```", 1)[0]

    ran = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True)

    assert ran.stdout == expected
