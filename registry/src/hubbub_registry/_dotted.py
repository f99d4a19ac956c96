"""Turn a declared dotted name into the object it names. Only declared names come here, never a configuration's."""

from __future__ import annotations

import sys
from importlib import import_module

from .errors import ComponentUnavailableError


def import_dotted(name: str, what: str, needs: tuple[str, ...] = (), distribution: str = "") -> object:
    """Import `package.module.attribute`.

    Args:
        name: The dotted name, as a specification declares it.
        what: What the error calls it: `"component 'mcp_workbench' of plugin mcp"`.
        needs: What must be there to use it, for the error.
        distribution: The distribution that declares it, for the error.

    Raises:
        ComponentUnavailableError: An ImportError: something on the way cannot be imported, or the name is not there.
    """
    first, *rest = name.split(".")
    done = first
    try:
        value: object = import_module(first)
        for part in rest:
            try:
                value = getattr(value, part)
            except AttributeError:
                if not hasattr(value, "__path__"):
                    raise
                value = _submodule(done, part)
            done = f"{done}.{part}"
    except (ImportError, AttributeError) as error:
        hint = f"; it needs {' and '.join(needs)}" if needs else ""
        if not needs and distribution:
            hint = f"; `pip install --upgrade --force-reinstall {distribution}` mends its installation"
        raise ComponentUnavailableError(f"{what} cannot be imported: {error}{hint}", provider=name) from error
    return value


def _submodule(package: str, name: str) -> object:
    try:
        return import_module(f"{package}.{name}")
    except ModuleNotFoundError as error:
        # Not the submodule itself, but something that it imports: that is what has to be told.
        if error.name != f"{package}.{name}":
            raise
        raise AttributeError(f"{package} offers no {name!r}") from error


def loaded_type(name: str) -> type | None:
    """Return the type that a dotted name means among the modules that are imported already, or None."""
    parts = name.split(".")
    for end in range(len(parts) - 1, 0, -1):
        module = sys.modules.get(".".join(parts[:end]))
        if module is None:
            continue
        value: object = module
        for part in parts[end:]:
            # vars, not getattr: a lazy package would import what is asked for.
            value = getattr(value, "__dict__", {}).get(part)
        return value if isinstance(value, type) else None
    return None
