"""Code blocks run as processes of this machine.

Every name is imported on first access: importing this package loads no pydantic.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._executor import LocalCommandLineCodeExecutor as LocalCommandLineCodeExecutor
    from ._executor import LocalCommandLineCodeExecutorConfig as LocalCommandLineCodeExecutorConfig
    from ._result import CommandLineCodeResult as CommandLineCodeResult

__all__ = [
    "CommandLineCodeResult",
    "LocalCommandLineCodeExecutor",
    "LocalCommandLineCodeExecutorConfig",
]

_LAZY = {
    "CommandLineCodeResult": "._result",  # imports pydantic, with the protocol of executors
    "LocalCommandLineCodeExecutor": "._executor",
    "LocalCommandLineCodeExecutorConfig": "._executor",
}


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"{__name__} offers no {name!r}", name=name)
    value = globals()[name] = getattr(import_module(_LAZY[name], __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
