"""What a plugin declares: components, adapters, commands, checks, and the hooks that hand them over.

A declaration is data. Every reference to code is a dotted name in a string, so that importing a plugin's `plugin.py`
costs nothing and no framework is loaded before one of its components is built.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pluggy

PROJECT_NAME = "hubbub"
"""Entry-point group of plugins, and the project name that pluggy matches hooks by."""

hookspec = pluggy.HookspecMarker(PROJECT_NAME)
hookimpl = pluggy.HookimplMarker(PROJECT_NAME)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentSpec:
    """A component that can be built from configuration.

    Args:
        kind: What it is: `"agent"`, `"model"`, `"tool"`, `"workbench"`, `"team"`, ... A plugin may use one of its own.
        provider: Dotted name of the class, as written into configurations: `"hubbub_mcp.McpWorkbench"`.
        name: What people type: `"mcp_workbench"`. Unique among all installed plugins.
        summary: One line for listings.
        aliases: Other provider strings that load it, such as those of the documents
            (`"autogen_ext.tools.mcp.McpWorkbench"`) and short names.
        needs: What must be there to use it, a line each: `"extra hubbub-llama-index[bm25]"`, `"key OPENAI_API_KEY"`.
        capabilities: What loading it asks the caller to grant: `"code"`, `"process"`.
    """

    kind: str
    provider: str
    name: str
    summary: str
    aliases: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterSpec:
    """A function that turns a foreign object into a hub object, or a hub object into a foreign one.

    Args:
        source: Dotted name of the type that is adapted, or all the names it had across the supported range. Matched
            against the names of `type(obj).__mro__`, so nothing is imported to decide.
        to: What comes out: a hub kind (`"agent"`, `"tool"`, `"model"`, `"workbench"`) or the dotted name of a foreign
            type (`"llama_index.core.llms.llm.LLM"`).
        by: Dotted name of the function, `"hubbub_langgraph.agent.from_graph"`. Called as `by(obj, **options)`.
        summary: One line for listings.
    """

    source: str | tuple[str, ...]
    to: str
    by: str
    summary: str = ""

    @property
    def sources(self) -> tuple[str, ...]:
        """`source` as a tuple."""
        return (self.source,) if isinstance(self.source, str) else self.source


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandSpec:
    """A subcommand of `hubbub`.

    Args:
        name: The word after `hubbub`.
        summary: One line for `hubbub --help`.
        by: Dotted name of a function `configure(parser: argparse.ArgumentParser)` which adds the arguments and returns
            what runs the command, a `Callable[[argparse.Namespace], int]` whose result is the exit status. Called only
            when the command is chosen.
    """

    name: str
    summary: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckSpec:
    """Something that has to hold on this machine for a plugin to work.

    Args:
        name: What it is called in reports: `"nltk_data"`.
        summary: One line on what it looks at.
        by: Dotted name of a function without parameters that looks and returns the `Problem`s, none where all is well.
            Called only by `hubbub plugins doctor` and `hubbub plugins list --check`, in a process of the plugin's own.
            It changes nothing and opens no connection.
    """

    name: str
    summary: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What a check found.

    Args:
        found: What is wrong, and where: the file, the program, the versions.
        remedy: What to do about it, a command in backticks where there is one.
        optional: Only some uses of the plugin need it, so it is told as a note and leaves the plugin whole.
    """

    found: str
    remedy: str
    optional: bool = False


@hookspec
def hubbub_components() -> Sequence[ComponentSpec]:  # type: ignore[empty-body] # a hook specification has no body
    """Return the components that this plugin offers."""


@hookspec
def hubbub_adapters() -> Sequence[AdapterSpec]:  # type: ignore[empty-body] # a hook specification has no body
    """Return the adapters that this plugin offers."""


@hookspec
def hubbub_commands() -> Sequence[CommandSpec]:  # type: ignore[empty-body] # a hook specification has no body
    """Return the subcommands that this plugin adds to `hubbub`."""


@hookspec
def hubbub_checks() -> Sequence[CheckSpec]:  # type: ignore[empty-body] # a hook specification has no body
    """Return what has to hold on this machine for this plugin to work."""
