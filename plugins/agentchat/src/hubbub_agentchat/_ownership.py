"""What a component has built from its own configuration: it closes that, and leaves open what it was given."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Protocol, runtime_checkable

from hubbub_registry import ComponentModel


@runtime_checkable
class Closeable(Protocol):
    """An agent, a team, a model client, a memory, an adapter that says how."""

    async def close(self) -> None: ...


def built_from(*parts: tuple[ComponentModel | None, Closeable | None]) -> list[Closeable]:
    """Return the parts that a configuration has brought into being.

    Args:
        parts: A part's configuration, and the part. One with provider `ref:NAME` is shared and not among the returned.
    """
    return [
        part
        for model, part in parts
        if model is not None and part is not None and not model.provider.startswith("ref:")
    ]


async def close_all(parts: Sequence[Closeable]) -> None:
    """Close parts one after another, also those behind one that fails.

    Raises:
        Exception: What closing a part raised; of several the last, with the earlier ones as its context.
    """
    async with AsyncExitStack() as stack:
        for part in reversed(parts):
            stack.push_async_callback(part.close)
