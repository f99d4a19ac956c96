"""The errors of Hubbub: each names the thing and what to do, keeps its parts, and is a built-in error too."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


class HubbubError(Exception):
    """Base of all errors that Hubbub itself raises."""


class SettingsError(HubbubError, ValueError):
    """A settings file or an environment variable of Hubbub cannot be used."""


class PluginError(HubbubError, RuntimeError):
    """A plugin cannot be used: it failed to load, or declares what cannot be."""

    def __init__(self, plugin: str, message: str) -> None:
        self.plugin = plugin
        super().__init__(f"plugin {plugin}: {message}")


class UnknownPluginError(HubbubError, LookupError):
    """No installed distribution announces a plugin of this name."""

    def __init__(self, plugin: str, *, near: Sequence[str] = (), install: str | None = None) -> None:
        self.plugin = plugin
        self.near = tuple(near)
        self.install = install
        remedies = []
        if near:
            remedies.append(f"did you mean {_either(near)}?")
        if install:
            remedies.append(f"`{install}` installs it")
        super().__init__(
            f"no plugin {plugin!r} is installed; {', or '.join(remedies) or '`hubbub plugins list` shows what is'}"
        )


class UnknownComponentError(HubbubError, ValueError):
    """No installed plugin declared this component, and the running program defined none of this name."""

    def __init__(
        self,
        provider: str,
        *,
        near: Sequence[str] = (),
        install: str | None = None,
        note: str | None = None,
        disabled: Sequence[str] = (),
    ) -> None:
        self.provider = provider
        self.near = tuple(near)
        self.install = install
        if note is None:
            # "not in a trusted namespace" is what the documents' programs match on (newer N-034).
            dotted = "." in provider and not provider.startswith(("hubbub_", "autogen_"))
            where = " is not in a trusted namespace: it" if dotted else ""
            note = f"{where} is neither declared by an installed plugin nor defined by this program"
        remedies = []
        if near:
            remedies.append(f"did you mean {_either(near)}?")
        if install:
            remedies.append(f"`{install}` installs what declares it")
        if disabled:
            # What they declare is not known: a disabled plugin is never imported.
            remedies.append(f"`hubbub plugins enable` what declares it, if it is {_either(disabled)}")
        if not remedies:
            remedies.append("`hubbub components list` shows what there is")
        super().__init__(f"component {provider!r}{note}; {', or '.join(remedies)}")


class ComponentConflictError(HubbubError, ValueError):
    """Two plugins claim one component name."""

    def __init__(self, name: str, claims: Iterable[tuple[str, str]]) -> None:
        self.name = name
        self.claims = tuple(claims)
        who = " and ".join(f"plugin {plugin} ({provider})" for plugin, provider in self.claims)
        super().__init__(
            f"component name {name!r} is claimed by {who}; "
            "use the full provider name, or `hubbub plugins disable` one of them"
        )


class ComponentUnavailableError(HubbubError, ImportError):
    """A declared component, adapter or command cannot be imported."""

    def __init__(self, message: str, *, provider: str) -> None:
        self.provider = provider
        super().__init__(message, name=provider)


class MissingVariableError(HubbubError, ValueError):
    """A `${env:NAME}` in a configuration names a variable that is not set."""

    def __init__(self, variable: str, path: str, component: str) -> None:
        self.variable = variable
        self.path = path
        self.component = component
        super().__init__(
            f"environment variable {variable} is not set, but {path} of component {component} refers to it; "
            f"set {variable}, or write another value there"
        )


class UnboundReferenceError(HubbubError, ValueError):
    """A `ref:NAME` provider names nothing that is bound."""

    def __init__(self, name: str, names: Iterable[str]) -> None:
        self.name = name
        self.names = tuple(sorted(names))
        known = ", ".join(self.names) if self.names else "nothing"
        super().__init__(f"reference 'ref:{name}' names nothing that is bound here; bound are: {known}")


class CapabilityError(HubbubError, PermissionError):
    """Something asks for a capability that the caller did not grant."""

    def __init__(self, capability: str, why: str) -> None:
        self.capability = capability
        self.why = why
        super().__init__(
            f"{why} asks for the capability {capability!r}, which is not granted; if you trust it, grant it with "
            f"`load_component(..., allow=[{capability!r}])`, `with allow({capability!r}):` around the load, "
            f"or `grants: [{capability}]` in the hub file"
        )


class NotReadyError(HubbubError, ValueError):
    """An object is of a type that can be adapted, but not in this state; the message says what to do first."""


class NoAdapterError(HubbubError, LookupError):
    """No installed plugin adapts objects of this type."""

    def __init__(self, foreign_type: str, *, to: str | None = None, remedy: str | None = None) -> None:
        self.foreign_type = foreign_type
        self.to = to
        into = f" to {to}" if to else ""
        remedy = remedy or "`hubbub plugins list` shows what is installed"
        super().__init__(f"no installed plugin adapts {foreign_type}{into}; {remedy}")


class AmbiguousAdapterError(HubbubError, LookupError):
    """Two plugins adapt the same type."""

    def __init__(self, foreign_type: str, source: str, plugins: Sequence[str]) -> None:
        self.foreign_type = foreign_type
        self.source = source
        self.plugins = tuple(plugins)
        choices = " or ".join(f"prefer={plugin!r}" for plugin in self.plugins)
        super().__init__(
            f"{foreign_type} is adapted (as {source}) by the plugins {' and '.join(self.plugins)}; "
            f"choose one with adapt(..., {choices})"
        )


def _either(names: Sequence[str]) -> str:
    return " or ".join(repr(name) for name in names)
