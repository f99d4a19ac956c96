"""What to call things elsewhere: the documents' package names, and which package to install for a name."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import cast

Table = dict[str, str]


@cache
def _tables() -> dict[str, Table]:
    text = files(__package__).joinpath("_names.toml").read_text(encoding="utf-8")
    return cast("dict[str, Table]", tomllib.loads(text))


def hubbub_name(provider: str) -> str | None:
    """Translate a provider of the documents: `autogen_ext.tools.mcp.McpWorkbench` -> `hubbub_mcp.McpWorkbench`.

    Returns:
        The name in Hubbub, which somebody still has to declare or define, or None when the documents have no such
        package.
    """
    packages = _tables()["packages"]
    parts = provider.split(".")
    for end in range(len(parts) - 1, 0, -1):
        package = packages.get(".".join(parts[:end]))
        if package is not None:
            return ".".join([package, *parts[end:]])
    return None


def is_known_name(name: str) -> bool:
    """Say whether a short name is that of a component, installed or not."""
    return name in _tables()["short"]


def distribution_of(name_or_provider: str) -> str | None:
    """Return the distribution that should declare a component: `hubbub_mcp.McpWorkbench` -> `hubbub-mcp`."""
    name = _tables()["short"].get(name_or_provider) or hubbub_name(name_or_provider) or name_or_provider
    package = name.split(".")[0]
    if not package.startswith("hubbub_") or not package.isidentifier():
        return None
    return package.replace("_", "-")


def adapting_distribution(foreign_type: str) -> str | None:
    """Return the distribution that adapts a foreign type: `langgraph.pregel.main.Pregel` -> `hubbub-langgraph`."""
    package = _tables()["foreign"].get(foreign_type.split(".")[0])
    return None if package is None else package.replace("_", "-")


def commanding_distribution(command: str) -> str | None:
    """Return the distribution that adds a documented subcommand: `run` -> `hubbub-core`."""
    package = _tables()["commands"].get(command)
    return None if package is None else package.replace("_", "-")


def install_hint(name_or_provider: str) -> str | None:
    """Return the command that installs what should declare a component, `pip install hubbub-mcp`.

    Args:
        name_or_provider: A provider of Hubbub or of the documents, a short name of the documents, or the name of a
            distribution or package that begins with `hubbub`.

    Returns:
        The command, or None when the name says nothing about where it comes from.
    """
    distribution = distribution_of(name_or_provider.replace("-", "_"))
    return None if distribution is None else f"pip install {distribution}"


def hub_kinds(module: str, qualname: str) -> str | None:
    """Return the hub kind of a class of Hubbub, or None."""
    return _tables()["kinds"].get(f"{module.split('.')[0]}:{qualname}")
