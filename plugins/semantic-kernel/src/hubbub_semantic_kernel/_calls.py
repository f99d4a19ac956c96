"""Function calls that stream in pieces, put together."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from semantic_kernel.contents.function_call_content import FunctionCallContent

from hubbub_core import FunctionCall

from .messages import call_of


@dataclass(slots=True)
class _Slot:
    id: str
    index: int | None
    name: str = ""
    pieces: list[str] = field(default_factory=list)


class CallCollector:
    """Merges the pieces of several calls that stream at the same time (spec: newer N-326).

    A piece belongs to the call of its id; without an id, to the newest call of its index; without either, to the newest
    call of all.
    """

    def __init__(self) -> None:
        self._slots: list[_Slot] = []

    def add(self, item: FunctionCallContent) -> None:
        """Take a piece."""
        slot = self._slot_of(item)
        slot.name = slot.name or (call_of(item).name if item.name or item.function_name else "")
        if isinstance(item.arguments, Mapping):
            slot.pieces.append(json.dumps(dict(item.arguments), ensure_ascii=False))
        elif item.arguments:
            slot.pieces.append(item.arguments)

    def calls(self) -> list[FunctionCall]:
        """Return the calls so far, in the order they began; one without arguments has `{}`."""
        return [FunctionCall(id=s.id, name=s.name, arguments="".join(s.pieces) or "{}") for s in self._slots]

    def clear(self) -> None:
        """Forget all calls."""
        self._slots.clear()

    def _slot_of(self, item: FunctionCallContent) -> _Slot:
        named = item.id or item.call_id or ""
        for slot in reversed(self._slots):
            if named:
                if slot.id == named:
                    return slot
            elif item.index is None or slot.index == item.index:
                return slot
        slot = _Slot(id=named, index=item.index)
        self._slots.append(slot)
        return slot
