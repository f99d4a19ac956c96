"""Load plugins, each inside a guard of its own: one that fails is named and stops nothing else."""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import TypeVar

import pluggy

from . import specs
from ._distributions import GROUP, PluginRecord
from .errors import PluginError
from .specs import PROJECT_NAME, AdapterSpec, CheckSpec, CommandSpec, ComponentSpec

_HOOKS = ("hubbub_components", "hubbub_adapters", "hubbub_commands", "hubbub_checks")

Declared = TypeVar("Declared", ComponentSpec, AdapterSpec, CommandSpec, CheckSpec)


@dataclass(frozen=True, slots=True)
class LoadedPlugin:
    """A plugin and what it declared; one that is not loaded declares nothing."""

    record: PluginRecord
    components: tuple[ComponentSpec, ...] = ()
    adapters: tuple[AdapterSpec, ...] = ()
    commands: tuple[CommandSpec, ...] = ()
    checks: tuple[CheckSpec, ...] = ()
    traceback: str | None = None
    """Of what made it fail."""


class PluginLoader:
    """Loads plugins one by one into one pluggy manager."""

    def __init__(self) -> None:
        self._manager = pluggy.PluginManager(PROJECT_NAME)
        # Before any plugin is registered, so that pluggy checks each hook's arguments at once.
        self._manager.add_hookspecs(specs)

    def load(self, record: PluginRecord) -> LoadedPlugin:
        """Import a plugin and call its hooks; whatever goes wrong becomes the state `failed`."""
        if record.state != "discovered":
            return LoadedPlugin(record)
        try:
            plugin = EntryPoint(record.name, record.module, GROUP).load()
        # SystemExit too: a plugin that ends the process while it is imported must not end the hub.
        except (Exception, SystemExit) as error:
            return _failed(record, f"importing {record.module} raised {_told(error)}", error)
        return self.register(record, plugin)

    def register(self, record: PluginRecord, plugin: object) -> LoadedPlugin:
        """Register an imported plugin and call its hooks."""
        try:
            hash(plugin)  # pluggy keeps plugins in sets; one that has no hash would break its calls for all others
            problem = _wrong_hooks(plugin)
            if problem is not None:
                return _failed(record, problem)
            self._manager.register(plugin, name=record.name)
        except Exception as error:  # PluginValidationError, ValueError for a module registered twice, ...
            return _failed(record, f"registering {record.module} raised {_told(error)}", error)
        loaded = self._declared(record, plugin)
        if loaded.record.state == "failed":
            self._manager.unregister(plugin)
        return loaded

    def _declared(self, record: PluginRecord, plugin: object) -> LoadedPlugin:
        results: dict[str, object] = {}
        others = [other for other in self._manager.get_plugins() if other is not plugin]
        for hook in _HOOKS:
            try:
                # Alone, because one implementation that raises ends pluggy's call for all of them.
                returned = self._manager.subset_hook_caller(hook, others)()
                results[hook] = [item for part in returned for item in _sequence(part)]
            except (Exception, SystemExit) as error:
                return _failed(record, f"its hook {hook} raised {_told(error)}", error)
        try:
            components = _typed(results["hubbub_components"], ComponentSpec, "hubbub_components")
            adapters = _typed(results["hubbub_adapters"], AdapterSpec, "hubbub_adapters")
            commands = _typed(results["hubbub_commands"], CommandSpec, "hubbub_commands")
            checks = _typed(results["hubbub_checks"], CheckSpec, "hubbub_checks")
            _check_components(components)
        except (TypeError, ValueError) as error:
            return _failed(record, str(error))
        return LoadedPlugin(record.with_state("loaded"), components, adapters, commands, checks)


def own_plugin(loader: PluginLoader, plugin: object, name: str) -> LoadedPlugin:
    """Load a plugin that the program hands over itself.

    Raises:
        PluginError: It cannot be loaded.
    """
    module = plugin.__name__ if isinstance(plugin, ModuleType) else type(plugin).__qualname__
    loaded = loader.register(PluginRecord(name, module, "", "", "", "discovered"), plugin)
    if loaded.record.state != "loaded":
        raise PluginError(name, loaded.record.problem or "it does not load")
    return loaded


def _wrong_hooks(plugin: object) -> str | None:
    for name in sorted(vars(plugin)) if hasattr(plugin, "__dict__") else ():
        value = getattr(plugin, name, None)
        if not callable(value):
            continue
        marked = getattr(value, f"{PROJECT_NAME}_impl", None) is not None
        if marked and name not in _HOOKS:
            near = get_close_matches(name, _HOOKS, n=1)
            meant = f"did you mean {near[0]}?" if near else f"there are {', '.join(_HOOKS)}"
            return f"it implements a hook {name}, which hubbub_registry does not specify; {meant}"
        if not marked and name in _HOOKS and not hasattr(value, f"{PROJECT_NAME}_spec"):
            return f"its function {name} lacks @hookimpl, so nobody would call it"
    return None


def _sequence(value: object) -> Iterable[object]:
    if isinstance(value, str | bytes | dict) or not isinstance(value, Iterable):
        raise TypeError(f"it returned {value!r:.80}, not a list of specifications")
    return value


def _typed(values: object, wanted: type[Declared], hook: str) -> tuple[Declared, ...]:
    typed: list[Declared] = []
    for value in _sequence(values):
        if not isinstance(value, wanted):
            raise TypeError(f"its hook {hook} returned {value!r:.80}, which is no {wanted.__name__}")
        typed.append(value)
    return tuple(typed)


def _check_components(components: Sequence[ComponentSpec]) -> None:
    claimed: dict[str, ComponentSpec] = {}
    for spec in components:
        for field in ("aliases", "needs", "capabilities"):
            if not isinstance(getattr(spec, field), tuple):
                raise TypeError(f"component {spec.name!r}: {field} should be a tuple of strings")
        if "." not in spec.provider:
            raise ValueError(f"component {spec.name!r}: provider {spec.provider!r} is no dotted name")
        for name in {spec.name, spec.provider, *spec.aliases}:
            if claimed.setdefault(name, spec) is not spec:
                raise ValueError(f"it declares the component name {name!r} twice")


def _told(error: BaseException) -> str:
    """The error in one line, with the place where the plugin's own code raised it."""
    text = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(": ")
    frames = traceback.extract_tb(error.__traceback__)
    place = frames[-1] if frames else None
    ours = place is not None and os.path.dirname(place.filename) == os.path.dirname(__file__)
    if place is None or ours or "importlib" in place.filename:
        return text
    return f"{text} ({place.filename}:{place.lineno})"


def _failed(record: PluginRecord, problem: str, error: BaseException | None = None) -> LoadedPlugin:
    upgrade = f"`pip install --upgrade {record.distribution}`, or " if record.distribution else ""
    remedy = f"{upgrade}`hubbub plugins disable {record.name}`"
    told = None if error is None else "".join(traceback.format_exception(error))
    return LoadedPlugin(record.with_state("failed", problem, remedy), traceback=told)
