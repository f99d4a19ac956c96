"""Every package keeps the promises that all of them make."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from hubbub_registry import install_hint, registry

ROOT = Path(__file__).resolve().parents[2]
MEMBERS = sorted(path.parent for path in [*ROOT.glob("*/pyproject.toml"), *ROOT.glob("plugins/*/pyproject.toml")])
PACKAGES = sorted(
    path.parent
    for path in [*ROOT.glob("*/src/*/__init__.py"), *ROOT.glob("plugins/*/src/*/__init__.py")]
    if importlib.util.find_spec(path.parent.name) is not None  # a member that is left out of this environment is not
)
PLUGINS = [package for package in PACKAGES if (package / "plugin.py").is_file()]
# LangGraph is built on langchain-core: its messages, tools and models are LangChain's, and are converted in one place.
# The agents of hubbub-openai are documented as chat agents, and need its extra `agentchat`.
BUILT_ON = {"hubbub_langgraph": {"hubbub_langchain"}, "hubbub_openai": {"hubbub_agentchat"}}
FRAMEWORKS = (
    "langgraph", "langchain_core", "llama_index", "openai", "mcp", "semantic_kernel", "azure", "numpy", "pydantic",
    "httpx", "PIL",
)  # fmt: skip


def name(path: Path) -> str:
    return path.name


def modules_after(code: str) -> set[str]:
    """Return the top-level modules that a fresh interpreter has loaded after some code."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules)"], capture_output=True, text=True, check=True
    )
    return {module.split(".")[0] for module in done.stdout.split()}


@pytest.mark.parametrize("package", PACKAGES, ids=name)
def test_package_is_typed(package: Path) -> None:
    assert (package / "py.typed").is_file()


@pytest.mark.parametrize("package", PACKAGES, ids=name)
def test_every_promised_name_is_there(package: Path) -> None:
    module = importlib.import_module(package.name)

    assert [public for public in module.__all__ if not hasattr(module, public)] == []


@pytest.mark.parametrize("package", PACKAGES, ids=name)
def test_all_is_a_literal(package: Path) -> None:
    tree = ast.parse((package / "__init__.py").read_text())
    values = [
        node.value for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    ]

    (names,) = [ast.literal_eval(value) for value in values]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("package", PACKAGES, ids=name)
def test_importing_a_package_loads_no_framework(package: Path) -> None:
    assert modules_after(f"import {package.name}") & set(FRAMEWORKS) == set()


@pytest.mark.parametrize("package", PLUGINS, ids=name)
def test_plugin_module_only_declares(package: Path) -> None:
    code = f"import {package.name}.plugin as plugin\nfor name in dir(plugin):\n"
    code += "    if name.startswith('hubbub_'):\n        assert getattr(plugin, name)(), name"

    assert modules_after(code) & set(FRAMEWORKS) == set()


@pytest.mark.parametrize("member", MEMBERS, ids=name)
def test_published_requirements_are_ranges(member: Path) -> None:
    project = tomllib.loads((member / "pyproject.toml").read_text())["project"]
    extras = project.get("optional-dependencies", {}).values()

    requirements = [*project["dependencies"], *(requirement for extra in extras for requirement in extra)]
    assert [requirement for requirement in requirements if "==" in requirement or ">=" not in requirement] == []


@pytest.mark.parametrize("member", MEMBERS, ids=name)
def test_no_member_requires_another_plugin(member: Path) -> None:
    project = tomllib.loads((member / "pyproject.toml").read_text())["project"]

    built_on = {name.replace("_", "-") for name in BUILT_ON.get(project["name"].replace("-", "_"), ())}
    required = {re.split(r"[^\w-]", requirement)[0] for requirement in project["dependencies"]}
    assert {name for name in required if name.startswith("hubbub-")} <= {"hubbub-core", "hubbub-registry", *built_on}


@pytest.mark.parametrize("package", PACKAGES, ids=name)
def test_imports_point_one_way(package: Path) -> None:
    allowed = {"hubbub_registry": {"hubbub_registry"}}.get(
        package.name, {"hubbub_registry", "hubbub_core", package.name, *BUILT_ON.get(package.name, ())}
    )
    found = set()
    for file in package.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.split(".")[0])
            elif isinstance(node, ast.Import):
                found.update(alias.name.split(".")[0] for alias in node.names)

    assert {module for module in found if module.startswith("hubbub_")} <= allowed


def test_pins_cover_the_environment() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]

    pinned = {pin.split("==")[0] for pin in settings["constraint-dependencies"]}
    assert {"pydantic", "langgraph", "llama-index-core", "mcp", "openai", "pytest"} <= pinned
    assert settings["build-constraint-dependencies"][0].startswith("uv-build==")
    assert settings["link-mode"] == "copy"


def test_no_lock_with_addresses_is_committed() -> None:
    done = subprocess.run(
        ["git", "ls-files", "*.lock", "*lock.json"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip("needs a git checkout")

    assert done.stdout == ""


def test_default_sentence_splitter_of_llama_index_works_here() -> None:
    """nltk refuses hard-linked data files, which is why the environment is made of copies."""
    from llama_index.core.node_parser import SentenceSplitter

    assert SentenceSplitter(chunk_size=64, chunk_overlap=0).split_text("One sentence. Another one.") == [
        "One sentence. Another one."
    ]


def test_short_name_of_every_component_names_what_to_install() -> None:
    entries = [entry for entry in registry().components() if entry.plugin != "core"]

    assert entries
    for entry in entries:
        package = entry.spec.provider.split(".")[0]
        assert install_hint(entry.spec.name) == f"pip install {package.replace('_', '-')}", entry.spec.name
