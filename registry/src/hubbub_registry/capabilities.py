"""Grants: what a load may do, given by its caller for a block and for everything nested in it."""

from __future__ import annotations

from contextvars import ContextVar, Token
from types import TracebackType

from .errors import CapabilityError

__all__ = ["CapabilityError", "allow", "granted", "require"]

_granted: ContextVar[frozenset[str]] = ContextVar("hubbub_granted", default=frozenset())


class allow:
    """Grant capabilities for a block: `with allow("code", "process"): ...`.

    Blocks add up. A grant holds for the tasks that are created inside the block and for nothing outside it.

    Args:
        capabilities: Names such as `"code"` (run code that a configuration carries) and `"process"` (start a process).
    """

    def __init__(self, *capabilities: str) -> None:
        # A list passed by mistake would otherwise grant nothing, and be found out by an error elsewhere.
        given: tuple[object, ...] = capabilities
        for name in given:
            if not isinstance(name, str) or not name:
                raise TypeError(f"a capability is a non-empty string such as 'code' or 'process', not {name!r}")
        self._capabilities = frozenset(capabilities)
        self._tokens: list[Token[frozenset[str]]] = []

    def __enter__(self) -> None:
        self._tokens.append(_granted.set(_granted.get() | self._capabilities))

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _granted.reset(self._tokens.pop())


def granted() -> frozenset[str]:
    """Return the capabilities that are granted here."""
    return _granted.get()


def require(capability: str, why: str) -> None:
    """Ask for a capability.

    Args:
        capability: Its name.
        why: What asks for it, as the subject of a sentence: `"tool 'add' (it carries source code)"`.

    Raises:
        CapabilityError: It is not granted; a PermissionError that says how to grant it.
    """
    if capability not in _granted.get():
        raise CapabilityError(capability, why)
