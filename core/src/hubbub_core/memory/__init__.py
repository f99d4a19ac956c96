"""Memories: what an agent knows beyond the conversation."""

from hubbub_core.memory._base import Memory, MemoryContent, MemoryMimeType, MemoryQueryResult, UpdateContextResult
from hubbub_core.memory._list_memory import ListMemory

__all__ = [
    "ListMemory",
    "Memory",
    "MemoryContent",
    "MemoryMimeType",
    "MemoryQueryResult",
    "UpdateContextResult",
]
