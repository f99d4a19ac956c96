"""The installed plugins as their distributions' metadata tell them; nothing is imported."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from importlib.metadata import Distribution, distributions
from typing import Literal

from . import _settings

GROUP = "hubbub"
"""Entry-point group of plugins."""

State = Literal["discovered", "disabled", "incompatible", "failed", "loaded"]


@dataclass(frozen=True, slots=True)
class PluginRecord:
    """One plugin and what is known of it.

    Invariant: `problem` and `remedy` are None for `discovered` and `loaded`.
    """

    name: str
    """Name of the entry point."""
    module: str
    """What the entry point names: `hubbub_mcp.plugin`."""
    distribution: str
    """Name of the distribution that announces it; empty for a plugin that the program registered itself."""
    version: str
    summary: str
    state: State
    problem: str | None = None
    """Why it is disabled, incompatible or failed."""
    remedy: str | None = None
    """What to do about it."""

    def with_state(self, state: State, problem: str | None = None, remedy: str | None = None) -> PluginRecord:
        """Return this record in another state."""
        return replace(self, state=state, problem=problem, remedy=remedy)


def normalized(name: str) -> str:
    """Return a distribution's name in the form that compares: `Hubbub_MCP` -> `hubbub-mcp`."""
    return re.sub(r"[-_.]+", "-", name).lower()


class Installed:
    """A snapshot of the installed distributions, taken once: each folder is listed and each metadata file read once."""

    def __init__(self) -> None:
        self._by_name: dict[str, Distribution] = {}
        # (distribution's key, entry-point name, entry-point value), of distributions that announce a plugin only
        self._announced: list[tuple[str, str, str]] = []
        self._malformed: dict[str, str] = {}
        for distribution in distributions():
            key = _key(distribution)
            # The first on sys.path is the one that imports find.
            if key is None or key in self._by_name:
                continue
            self._by_name[key] = distribution
            text = distribution.read_text("entry_points.txt")
            # Parsing is what costs with hundreds of distributions, so only a file that names the group is parsed.
            if text and re.search(rf"^\s*\[\s*{GROUP}\s*\]", text, re.MULTILINE):
                try:
                    entries = [(entry.name, entry.value) for entry in distribution.entry_points.select(group=GROUP)]
                except Exception as error:  # whatever a malformed file makes the parser raise
                    self._malformed[key] = f"its entry_points.txt cannot be read ({type(error).__name__}: {error})"
                    entries = [(key, "")]
                self._announced += [(key, name, value) for name, value in entries]

    def version(self, name: str) -> str | None:
        """Return the version of an installed distribution, or None."""
        distribution = self._by_name.get(normalized(name))
        return None if distribution is None else distribution.version

    def requires(self, name: str) -> list[str]:
        """Return the `Requires-Dist` lines of an installed distribution."""
        distribution = self._by_name.get(normalized(name))
        return [] if distribution is None else list(distribution.requires or ())

    def announces_plugin(self, name: str) -> bool:
        """Tell whether a distribution announces a plugin."""
        return any(key == normalized(name) for key, _, _ in self._announced)

    def plugins(self) -> list[PluginRecord]:
        """List the plugins with the state that metadata tell: discovered, disabled, incompatible or failed.

        Sorted by name. Two distributions that announce one name are one failed record: neither is taken silently.

        Raises:
            SettingsError: The file of disabled plugins cannot be read.
        """
        chosen = _settings.chosen_plugins()
        disabled = _settings.disabled_plugins() if chosen is None else frozenset()
        found: dict[str, PluginRecord] = {}
        for key, name, value in sorted(self._announced, key=lambda item: (item[1], item[0])):
            metadata = self._by_name[key].metadata
            record = PluginRecord(
                name=name,
                module=value,
                distribution=metadata["Name"] or key,
                version=metadata["Version"] or "",
                summary=metadata["Summary"] or "",
                state="discovered",
            )
            if name in found:
                other = found[name].distribution
                found[name] = found[name].with_state(
                    "failed",
                    f"the distributions {other} and {record.distribution} both announce a plugin {name!r}",
                    f"`pip uninstall {other}` or `pip uninstall {record.distribution}`",
                )
            else:
                found[name] = self._judged(record, chosen, disabled)
        for name in sorted((chosen or frozenset()) - found.keys()):
            found[name] = PluginRecord(name, "", "", "", "", "discovered").with_state(
                "failed",
                "HUBBUB_PLUGINS names it, but no installed distribution announces it",
                "`hubbub plugins list` shows what is installed",
            )
        return [found[name] for name in sorted(found)]

    def _judged(self, record: PluginRecord, chosen: frozenset[str] | None, disabled: frozenset[str]) -> PluginRecord:
        if chosen is not None and record.name not in chosen:
            return record.with_state("disabled", "HUBBUB_PLUGINS does not name it", "unset HUBBUB_PLUGINS, or name it")
        if problem := self._malformed.get(normalized(record.distribution)):
            return record.with_state("failed", problem, f"`pip install --force-reinstall {record.distribution}`")
        if record.name in disabled:
            return record.with_state(
                "disabled", "it was disabled by its user", f"`hubbub plugins enable {record.name}`"
            )
        from ._compat import incompatibility

        wrong = incompatibility(record.distribution, self)
        return record if wrong is None else record.with_state("incompatible", wrong.problem, wrong.remedy)


def _key(distribution: Distribution) -> str | None:
    # The folder's name tells the distribution's without reading METADATA; `_path` is where importlib keeps it, and
    # what lacks it (an importer of another kind) is asked properly.
    path = getattr(distribution, "_path", None)
    stem = getattr(path, "stem", "")
    name = stem.partition("-")[0] if stem else distribution.metadata["Name"]
    return normalized(name) if name else None
