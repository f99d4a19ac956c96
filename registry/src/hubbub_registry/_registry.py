"""The registry: what the installed plugins declared, looked up by name, provider and alias."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from threading import RLock
from typing import TYPE_CHECKING, Any, NamedTuple

from . import _settings
from ._component import defined_component, defined_providers
from ._distributions import Installed, PluginRecord, normalized
from ._names import distribution_of, hubbub_name, install_hint, is_known_name
from .errors import ComponentConflictError, PluginError, UnknownComponentError, UnknownPluginError

if TYPE_CHECKING:
    from ._plugins import LoadedPlugin, PluginLoader
    from .specs import AdapterSpec, CommandSpec, ComponentSpec


class Entry(NamedTuple):
    """A component and the plugin that declared it."""

    plugin: str
    spec: ComponentSpec


class Registry:
    """Knows the installed plugins and what they declare.

    Making one reads nothing. Metadata are read once, on first use; plugins are loaded when something is looked up that
    needs them, and a component's own module is imported when the component is built. Safe to use from several threads.
    """

    def __init__(self) -> None:
        self._lock = RLock()
        self._installed: Installed | None = None
        self._loader: PluginLoader | None = None
        self._plugins: dict[str, LoadedPlugin] | None = None
        self._loading = False
        self._index: dict[str, list[Entry]] | None = None

    # -- plugins

    @property
    def installed(self) -> Installed:
        """The installed distributions, read on first use."""
        with self._lock:
            if self._installed is None:
                self._installed = Installed()
            return self._installed

    def discovered(self) -> list[PluginRecord]:
        """List the installed plugins as their metadata tell, importing none of them."""
        return self.installed.plugins()

    def record(self, name: str) -> PluginRecord:
        """Return an installed plugin by its name or its distribution's, importing nothing.

        Raises:
            UnknownPluginError: There is none.
        """
        records = self.discovered()
        spelled = normalized(name)
        for record in records:
            if spelled in (normalized(record.name), normalized(record.distribution)):
                return record
        names = [record.name for record in records]
        wanted = spelled.removeprefix("hubbub-")
        near = get_close_matches(wanted, names, n=3)
        install = install_hint(f"hubbub_{wanted}") if not near and wanted.replace("-", "_").isidentifier() else None
        raise UnknownPluginError(name, near=near, install=install)

    def plugins(self) -> list[LoadedPlugin]:
        """Load the plugins that are neither disabled nor incompatible, and list all with their states."""
        return list(self._load().values())

    def failures(self) -> list[PluginRecord]:
        """List the plugins that could not be loaded: failed and incompatible."""
        return [p.record for p in self.plugins() if p.record.state in ("failed", "incompatible")]

    def register(self, plugin: object, name: str) -> None:
        """Add a plugin of the program's own, a module or an object with hooks, as tests and applications do.

        Raises:
            PluginError: It cannot be loaded, or the name is taken.
        """
        from ._plugins import own_plugin

        with self._lock:
            loaded_plugins = self._load()
            if name in loaded_plugins:
                raise PluginError(name, "a plugin of this name is there already; choose another name")
            loaded_plugins[name] = own_plugin(self._plugin_loader(), plugin, name)
            self._index = None

    def _plugin_loader(self) -> PluginLoader:
        from ._plugins import PluginLoader

        if self._loader is None:
            self._loader = PluginLoader()
        return self._loader

    def _load(self) -> dict[str, LoadedPlugin]:
        with self._lock:
            if self._plugins is None:
                if self._loading:
                    raise RuntimeError("a plugin asks the registry what there is while it is being loaded")
                self._loading = True
                try:
                    loader = self._plugin_loader()
                    self._plugins = {record.name: loader.load(record) for record in self.discovered()}
                finally:
                    self._loading = False
            return self._plugins

    # -- what they declare

    def components(self, kind: str | None = None) -> list[Entry]:
        """List the declared components, all or those of a kind, sorted by name."""
        entries = [Entry(p.record.name, spec) for p in self.plugins() for spec in p.components]
        return sorted((e for e in entries if kind in (None, e.spec.kind)), key=lambda e: (e.spec.name, e.plugin))

    def adapters(self) -> list[tuple[str, AdapterSpec]]:
        """List the declared adapters, each with its plugin's name, in the plugins' order."""
        return [(p.record.name, spec) for p in self.plugins() for spec in p.adapters]

    def commands(self) -> list[tuple[str, CommandSpec]]:
        """List the declared subcommands, each with its plugin's name."""
        return [(p.record.name, spec) for p in self.plugins() for spec in p.commands]

    def conflicts(self) -> Mapping[str, list[Entry]]:
        """Return the component names that more than one plugin claims."""
        return {name: entries for name, entries in self._indexed().items() if len(entries) > 1}

    def _indexed(self) -> dict[str, list[Entry]]:
        with self._lock:
            if self._index is None:
                index: dict[str, list[Entry]] = {}
                for entry in self.components():
                    for name in {entry.spec.name, entry.spec.provider, *entry.spec.aliases}:
                        index.setdefault(name, []).append(entry)
                self._index = index
            return self._index

    def find(self, name: str) -> Entry | None:
        """Return the component of this name, provider or alias, or None.

        A provider of the documents is looked up under its name in Hubbub too.

        Raises:
            ComponentConflictError: Two plugins claim the name.
        """
        index = self._indexed()
        for candidate in (name, hubbub_name(name)):
            entries = index.get(candidate, []) if candidate else []
            if len(entries) > 1:
                raise ComponentConflictError(name, [(e.plugin, e.spec.provider) for e in entries])
            if entries:
                return entries[0]
        return None

    def get(self, name: str) -> Entry:
        """Return the component of this name, provider or alias.

        Raises:
            UnknownComponentError: Nobody declares it; a ValueError with near matches and what to install.
            ComponentConflictError: Two plugins claim the name.
        """
        entry = self.find(name)
        if entry is None:
            raise self._unknown(name)
        return entry

    def component_class(self, provider: str) -> tuple[Any, ComponentSpec | None]:
        """Return the class that a provider names, importing only what a plugin declared, and its declaration.

        Raises:
            UnknownComponentError: Nobody declared or defined it.
            ComponentConflictError: Two plugins claim the name.
            ComponentUnavailableError: The declared class cannot be imported.
        """
        cls = defined_component(provider)
        # Also for a class that is defined already: its declaration says which capabilities loading it takes.
        entry = self._find_for(provider, cls)
        if cls is not None:
            return cls, entry.spec if entry else None
        if entry is not None:
            return self.import_component(entry), entry.spec
        cls = defined_component(hubbub_name(provider) or provider)
        if cls is None:
            raise self._unknown(provider)
        return cls, None

    def _find_for(self, provider: str, cls: type[Any] | None) -> Entry | None:
        try:
            return self.find(provider)
        except ComponentConflictError:
            # A class that the program itself defined under this name is meant, whoever else claims the name.
            if cls is None:
                raise
            return None

    def import_component(self, entry: Entry) -> Any:
        """Import what a component's declaration names.

        Raises:
            ComponentUnavailableError: It cannot be imported.
        """
        from ._dotted import import_dotted

        spec = entry.spec
        cls = defined_component(spec.provider)
        if cls is not None:
            return cls
        return import_dotted(
            spec.provider,
            f"component {spec.name!r} of plugin {entry.plugin}",
            needs=spec.needs,
            distribution=self.distribution(entry.plugin),
        )

    def distribution(self, plugin: str) -> str:
        """Return the distribution of a plugin; empty for one that the program registered."""
        return self._load()[plugin].record.distribution

    def _unknown(self, name: str) -> UnknownComponentError:
        known = {*self._indexed(), *defined_providers()}
        # A name that is known to be somebody's is no slip of the pen.
        near = [] if is_known_name(name) else get_close_matches(name, known, n=3, cutoff=0.72)
        if not near:
            # People remember the class, not the package it is in.
            last = name.rsplit(".", 1)[-1]
            near = sorted(full for full in known if full.rsplit(".", 1)[-1].lower() == last.lower())[:3]
        distribution = distribution_of(name)
        for loaded in self.plugins():
            if distribution is not None and loaded.record.distribution == distribution:
                record = loaded.record
                if record.state == "loaded":
                    return UnknownComponentError(
                        name,
                        near=near,
                        note=f" is not among what the installed {distribution} {record.version} declares",
                    )
                return UnknownComponentError(
                    name,
                    note=f" is of plugin {record.name}, which is {record.state}: {record.problem}; {record.remedy}",
                )
        install = install_hint(name)
        disabled = [loaded.record.name for loaded in self.plugins() if _was_disabled(loaded.record)]
        return UnknownComponentError(name, near=near, install=install, disabled=disabled)


def _was_disabled(record: PluginRecord) -> bool:
    """Tell whether the user disabled a plugin, for good and not for one call."""
    return record.state == "disabled" and _settings.chosen_plugins() is None


_registry: Registry | None = None
_registry_lock = RLock()


def registry() -> Registry:
    """Return the registry of this process."""
    global _registry
    with _registry_lock:
        if _registry is None:
            _registry = Registry()
        return _registry


def find_component(name: str) -> ComponentSpec:
    """Return the declaration of a component by its name, provider or alias.

    Raises:
        UnknownComponentError: Nobody declares it.
        ComponentConflictError: Two plugins claim the name.
    """
    return registry().get(name).spec
