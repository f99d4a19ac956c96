"""How an adapter hands over what arises while it runs."""

from __future__ import annotations

from collections.abc import Callable

from hubbub_core.exchange import AgentChunk

Emit = Callable[[AgentChunk], None]
"""Hands a chunk to the caller; never suspends."""
