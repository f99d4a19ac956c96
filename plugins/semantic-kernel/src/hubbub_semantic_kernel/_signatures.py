"""What a method of a class can be told."""

from __future__ import annotations

import inspect
from functools import lru_cache


@lru_cache(maxsize=256)
def takes(owner: type, method: str, parameter: str) -> bool:
    """Say whether a method names a parameter; one that takes anything by `**kwargs` does not."""
    return parameter in inspect.signature(getattr(owner, method)).parameters
