"""Graphs that stop to ask: what they ask for, and how the next task answers."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from langgraph.types import Command

from hubbub_core.exchange import AgentTask
from hubbub_registry import HubbubError

if TYPE_CHECKING:
    from langgraph.types import Interrupt
    from pydantic import JsonValue

RESUME = "resume"
"""Key of a task's metadata with the answer to an interrupt, where the task's text is not the answer."""


class UnansweredInterruptError(HubbubError, RuntimeError):
    """A graph stopped to ask, and keeps nothing that an answer could continue from."""

    def __init__(self, graph: str, question: str) -> None:
        self.graph = graph
        self.question = question
        super().__init__(
            f"graph {graph!r} stopped with an interrupt ({question}), but has no checkpointer to continue from; "
            "compile it with checkpointer=InMemorySaver() or another one"
        )


def question(interrupts: Sequence[Interrupt[Any]], waiting: Sequence[str]) -> str:
    """Return what a stopped graph asks, as text.

    Args:
        interrupts: What its nodes passed to `interrupt()`.
        waiting: The nodes that come next; they speak for a breakpoint, which passes nothing.

    Raises:
        ValueError: A value is not JSON.
    """
    if not interrupts:
        return f"stopped at {', '.join(waiting)}" if waiting else "stopped at a breakpoint"
    return "\n".join(
        value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for value in (_json(interrupt) for interrupt in interrupts)
    )


def described(interrupts: Sequence[Interrupt[Any]]) -> list[JsonValue]:
    """Return the interrupts for a result's metadata: `[{"id": "...", "value": ...}]`."""
    return [{"id": interrupt.id, "value": _json(interrupt)} for interrupt in interrupts]


def answer(graph: str, interrupts: Sequence[Interrupt[Any]], task: AgentTask) -> Command[Any]:
    """Return the command that continues a graph with a task as the answer.

    The answer is `metadata["resume"]` of the task where there is one, else its text. Several questions are answered by
    a list, in their order, or by some of their ids; as a text that is JSON.

    Raises:
        ValueError: Several interrupts wait, and the task does not say which answer is whose.
    """
    value: JsonValue = task.metadata[RESUME] if RESUME in task.metadata else task.text()
    ids = list(dict.fromkeys(interrupt.id for interrupt in interrupts))
    if len(ids) < 2:
        return Command(resume=value)
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            value = json.loads(value)
    if isinstance(value, list) and len(value) == len(ids):
        return Command(resume=dict(zip(ids, value, strict=True)))
    if isinstance(value, Mapping) and value and set(value) <= set(ids):
        return Command(resume=value)
    raise ValueError(
        f"graph {graph!r} waits for {len(ids)} answers; give them as a JSON list in the order of the questions, or as "
        f'{{id: answer}} with the ids {", ".join(sorted(ids))}, in the task\'s text or its metadata "{RESUME}"'
    )


def _json(interrupt: Interrupt[Any]) -> JsonValue:
    try:
        value: JsonValue = json.loads(json.dumps(interrupt.value))
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"an interrupt holds a {type(interrupt.value).__name__} that is not JSON ({error}); "
            "pass text or JSON values to interrupt()"
        ) from error
    return value
