"""Azure's services in the hub.

Every name is imported on first access: importing this package loads neither azure-identity nor pydantic.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._token_provider import AzureTokenProvider as AzureTokenProvider
    from ._token_provider import TokenProviderConfig as TokenProviderConfig

__all__ = [
    "AzureTokenProvider",
    "TokenProviderConfig",
]

_LAZY = {
    "AzureTokenProvider": "._token_provider",  # imports pydantic; azure-identity when one is made
    "TokenProviderConfig": "._token_provider",
}


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"{__name__} offers no {name!r}", name=name)
    value = globals()[name] = getattr(import_module(_LAZY[name], __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
