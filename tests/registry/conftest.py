"""Throw-away distributions: real metadata and modules in a folder, found through sys.path like any installed one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from textwrap import dedent

import pytest

from hubbub_registry import Registry

DECLARES_ONE = """
    from hubbub_registry import ComponentSpec, hookimpl

    @hookimpl
    def hubbub_components():
        return [ComponentSpec(kind="model", provider="{package}.thing.Thing", name="{name}", summary="a thing")]
"""


class Site:
    """A folder of installed distributions."""

    def __init__(self, folder: Path, config: Path) -> None:
        self.folder = folder
        self.config = config

    def distribution(
        self,
        name: str,
        version: str = "1.0",
        *,
        requires: Sequence[str] = (),
        plugin: str | None = None,
        code: str | None = None,
        modules: dict[str, str] | None = None,
    ) -> None:
        """Install a distribution.

        Args:
            name: Its name; its package is the same with underscores.
            version: Its version.
            requires: `Requires-Dist` lines.
            plugin: Name of the plugin that it announces, if any.
            code: Source of its `plugin.py`; by default one that declares a component named like the plugin.
            modules: Further modules of its package, name -> source.
        """
        package = name.replace("-", "_")
        info = self.folder / f"{package}-{version}.dist-info"
        info.mkdir(parents=True)
        lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", f"Summary: the {name} plugin"]
        lines += [f"Requires-Dist: {line}" for line in requires]
        (info / "METADATA").write_text("\n".join(lines) + "\n")
        if plugin is None:
            return
        (info / "entry_points.txt").write_text(f"[hubbub]\n{plugin} = {package}.plugin\n")
        home = self.folder / package
        home.mkdir()
        (home / "__init__.py").write_text("")
        source = dedent(DECLARES_ONE).format(package=package, name=plugin) if code is None else dedent(code)
        (home / "plugin.py").write_text(source)
        for module, text in (modules or {}).items():
            (home / f"{module}.py").write_text(dedent(text))

    def environment(self, plugins: str | None = None) -> dict[str, str]:
        """The environment of a child process that sees these distributions."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HUBBUB_")}
        environment |= {"PYTHONPATH": str(self.folder), "HUBBUB_CONFIG_DIR": str(self.config)}
        if plugins is not None:
            environment["HUBBUB_PLUGINS"] = plugins
        return environment

    def hubbub(self, *words: str, plugins: str | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run the command in a process of its own."""
        return subprocess.run(
            [sys.executable, "-P", "-m", "hubbub_registry", *words],
            env={**self.environment(plugins), **environment},
            capture_output=True,
            text=True,
            timeout=120,
        )

    def python(self, code: str, plugins: str | None = None) -> str:
        """Run code in a fresh interpreter and return what it printed."""
        done = subprocess.run(
            [sys.executable, "-P", "-c", dedent(code)],
            env=self.environment(plugins),
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    folder = tmp_path / "site"
    folder.mkdir()
    return Site(folder, tmp_path / "config")


@pytest.fixture
def here(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Registry]]:
    """Make a registry in this process that sees the distributions of `site`, of which it loads the given plugins."""

    def make(plugins: str) -> Registry:
        monkeypatch.syspath_prepend(str(site.folder))
        monkeypatch.setenv("HUBBUB_CONFIG_DIR", str(site.config))
        monkeypatch.setenv("HUBBUB_PLUGINS", plugins)
        known = Registry()
        monkeypatch.setattr("hubbub_registry._registry._registry", known)
        return known

    yield make
    for name in list(sys.modules):
        if (site.folder / name.partition(".")[0]).is_dir():
            del sys.modules[name]
