"""`adapt`: turn what one framework made into what the hub, or another framework, works with."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ._dotted import import_dotted, loaded_type
from ._names import adapting_distribution, hub_kinds
from ._registry import Registry, registry
from .errors import AmbiguousAdapterError, NoAdapterError

if TYPE_CHECKING:
    from .specs import AdapterSpec

_SAYS_NOTHING = ("builtins.object", "typing.Generic", "typing.Protocol", "abc.ABC")


class Match(NamedTuple):
    """An adapter that fits an object."""

    plugin: str
    source: str
    """The MRO entry that it adapts."""
    spec: AdapterSpec


def adapt(obj: object, to: str | type | None = None, *, prefer: str | None = None, **options: Any) -> Any:
    """Turn an object of some framework into the hub's agent, tool, model or workbench, or into another framework's.

    Types are matched by the names in `type(obj).__mro__`; the earliest that a plugin adapts wins. Without a direct
    adapter to what is wanted, the object is made the hub's own first and goes on from there.

    Args:
        obj: What a framework made, or an object of the hub.
        to: A hub kind (`"agent"`, `"tool"`, `"model"`, `"workbench"`), or a framework's type, itself or by its dotted
            name (`"llama_index.core.llms.llm.LLM"`). By default the kind that the first fitting adapter makes.
        prefer: The plugin to take when two adapt the same type.
        options: Passed to the adapter; with two of them on the way, each gets those that it takes.

    Returns:
        The adapted object; `obj` itself when it is what is asked for already.

    Raises:
        NoAdapterError: No installed plugin adapts it; a LookupError that names the plugin to install.
        AmbiguousAdapterError: Two plugins adapt the same type.
        NotReadyError: The adapter refuses the object in its present state, and says what to do.
        TypeError: An option that no adapter on the way takes, or a `to` that is neither a name nor a type.
    """
    return Adaptation(registry(), to, prefer).adapt(obj, options)


class Adaptation:
    """One request: what is wanted and who is preferred."""

    def __init__(self, known: Registry, to: str | type | None, prefer: str | None) -> None:
        wanted: object = to  # whatever a caller without a type checker passes
        if wanted is not None and not isinstance(wanted, str | type):
            raise TypeError(f"to= is a hub kind such as 'agent', a type or its dotted name, not {wanted!r}")
        self._registry = known
        self._prefer = prefer
        self._wanted_type = to if isinstance(to, type) else None
        if isinstance(to, str) and "." in to:
            # The public name of a type that is imported already leads to its real one.
            self._wanted_type = loaded_type(to)
        self._to = to if isinstance(to, str) else None if to is None else _name(to)
        names = [] if self._to is None else [self._to]
        if self._wanted_type is not None:
            names += [name for name in _mro_names(self._wanted_type) if name not in names]
        self._wanted = names

    def adapt(self, obj: object, options: dict[str, Any]) -> Any:
        """Adapt an object; see `adapt`."""
        if self._is_wanted(obj):
            return obj
        direct = self._match(obj, self._wanted)
        if direct is not None:
            _check_options([direct], options, self._functions([direct]))
            return self._checked(self._call(direct, obj, options))
        # Only now: a chat agent is a component of type "agent", and yet its plugin may adapt it to the hub's agents.
        component_type = _component_type(obj)
        if component_type is not None and self._to in (None, component_type):
            return obj
        if self._to is None:
            raise self._none(obj)
        return self._by_way_of_hub(obj, options)

    def _by_way_of_hub(self, obj: object, options: dict[str, Any]) -> Any:
        tried: list[str] = []
        for first in self._hub_matches(obj):
            function = self._functions([first])[0]
            own = {name: value for name, value in options.items() if _takes(function, name)}
            between = self._call(first, obj, own)
            second = self._match(between, self._wanted)
            tried.append(first.spec.to)
            if second is None:
                continue
            steps = [first, second]
            functions = self._functions(steps)
            _check_options(steps, options, functions)
            rest = {name: value for name, value in options.items() if _takes(functions[1], name)}
            return self._checked(self._call(second, between, rest))
        raise self._none(obj, tried)

    def _match(self, obj: object, wanted: Sequence[str]) -> Match | None:
        """The adapter of the earliest MRO entry; with nothing wanted, any that makes a hub kind."""
        adapters = self._registry.adapters()
        for name in _mro_names(type(obj)):
            matches = [
                Match(plugin, name, spec)
                for plugin, spec in adapters
                if name in spec.sources and (spec.to in wanted if wanted else "." not in spec.to)
            ]
            # The wanted type's own name before those of its bases.
            matches.sort(key=lambda match: wanted.index(match.spec.to) if wanted else 0)
            if matches:
                return self._settled(obj, [m for m in matches if not wanted or m.spec.to == matches[0].spec.to])
        return None

    def _hub_matches(self, obj: object) -> Iterator[Match]:
        """The first steps: one per hub kind, the earliest MRO entry first."""
        kinds: set[str] = set()
        for name in _mro_names(type(obj)):
            here = [
                Match(plugin, name, spec)
                for plugin, spec in self._registry.adapters()
                if name in spec.sources and "." not in spec.to and spec.to not in kinds
            ]
            for kind in dict.fromkeys(match.spec.to for match in here):
                kinds.add(kind)
                yield self._settled(obj, [match for match in here if match.spec.to == kind])

    def _settled(self, obj: object, matches: list[Match]) -> Match:
        plugins = list(dict.fromkeys(match.plugin for match in matches))
        if len(plugins) > 1:
            if self._prefer not in plugins:
                raise AmbiguousAdapterError(_name(type(obj)), matches[0].source, plugins)
            matches = [match for match in matches if match.plugin == self._prefer]
        # One plugin may make several kinds of one type: what it declared first is its default.
        return matches[0]

    def _functions(self, matches: list[Match]) -> list[Any]:
        return [
            import_dotted(
                match.spec.by,
                f"adapter of {match.source} to {match.spec.to} of plugin {match.plugin}",
                distribution=self._registry.distribution(match.plugin),
            )
            for match in matches
        ]

    def _call(self, match: Match, obj: object, options: dict[str, Any]) -> Any:
        return self._functions([match])[0](obj, **options)

    def _is_wanted(self, obj: object) -> bool:
        if self._wanted_type is not None:
            return isinstance(obj, self._wanted_type)
        if self._to is None:
            return _kind_of(obj) is not None
        return _kind_of(obj) == self._to if "." not in self._to else self._to in _mro_names(type(obj))

    def _checked(self, result: object) -> object:
        # A name among the wanted type's bases fits, but only what comes out tells.
        if self._wanted_type is not None and not isinstance(result, self._wanted_type):
            raise NoAdapterError(
                _name(type(result)), to=self._to, remedy="what the nearest adapter makes is of another type"
            )
        return result

    def _none(self, obj: object, tried: Sequence[str] = ()) -> NoAdapterError:
        name = _name(type(obj))
        if isinstance(obj, type):
            return NoAdapterError(f"the class {_name(obj)}", to=self._to, remedy="adapt takes an object, not its class")
        names = _mro_names(type(obj))
        if self._to is not None and tried:
            names = [self._to]  # the object itself is adapted; the way on is what is missing
        return NoAdapterError(name, to=self._to, remedy=self._remedy([*names, *self._wanted]))

    def _remedy(self, names: Sequence[str]) -> str | None:
        records = {loaded.record.distribution: loaded.record for loaded in self._registry.plugins()}
        for name in names:
            distribution = adapting_distribution(name)
            if distribution is None:
                continue
            record = records.get(distribution)
            if record is None:
                return f"`pip install {distribution}` adds what adapts {name.split('.')[0]} objects"
            if record.state != "loaded":
                return f"plugin {record.name} is {record.state}: {record.problem}; {record.remedy}"
            ours = [spec for plugin, spec in self._registry.adapters() if plugin == record.name]
            listed = ", ".join(f"{source} to {spec.to}" for spec in ours for source in spec.sources)
            return f"the installed {distribution} adapts {listed or 'nothing'}"
        return None


def _name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _mro_names(cls: type) -> list[str]:
    """The dotted names of a type and its bases; `object` and the like, which say nothing, are left out."""
    return [name for name in map(_name, cls.__mro__) if name not in _SAYS_NOTHING]


def _kind_of(obj: object) -> str | None:
    for base in type(obj).__mro__:
        kind = hub_kinds(base.__module__, base.__qualname__)
        if kind is not None:
            return kind
    return None


def _component_type(obj: object) -> str | None:
    kind = getattr(type(obj), "component_type", None)
    return kind if isinstance(kind, str) else None


def _takes(function: Any, option: str) -> bool:
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return True
    # The first parameter is the object.
    return any(
        p.kind is p.VAR_KEYWORD or (p.name == option and p.kind is not p.POSITIONAL_ONLY) for p in parameters[1:]
    )


def _check_options(matches: Sequence[Match], options: dict[str, Any], functions: Sequence[Any]) -> None:
    for option in options:
        if not any(_takes(function, option) for function in functions):
            ways = " and ".join(match.spec.by for match in matches)
            raise TypeError(f"{ways} takes no option {option!r}; it is called as {_signatures(functions)}")


def _signatures(functions: Sequence[Any]) -> str:
    return " and ".join(f"{function.__name__}{inspect.signature(function)}" for function in functions)
