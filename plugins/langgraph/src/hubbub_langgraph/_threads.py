"""What a checkpointer keeps of a session, and where the next run of its graph begins."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from langchain_core.messages import AIMessage, BaseMessage, FunctionMessage, ToolMessage

from hubbub_core.exchange import message_text
from hubbub_core.models import LLMMessage
from hubbub_langchain.messages import text_and_reasoning

from ._mapping import takes_messages

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.types import Interrupt, StateSnapshot

    from ._mapping import Graph

_START = "__start__"
# Checkpointer -> beginning of thread ids -> names of the agents that use them.
_USERS: WeakKeyDictionary[BaseCheckpointSaver[Any], dict[object, list[str]]] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Thread:
    """What a checkpointer keeps of a session, as far as the next run has to know it."""

    messages: Sequence[Any] = ()
    """The conversation, when the graph keeps it in `messages`."""

    interrupts: tuple[Interrupt[Any], ...] = ()
    waiting: tuple[str, ...] = ()
    """Nodes before which a breakpoint stopped the graph."""

    told: Sequence[Any] = ()
    """Messages of a step that has not ended yet, which the result with the question held already."""

    checkpoint: str | None = None
    """Id of the checkpoint to begin from; None for the newest one."""


def note_user(saver: BaseCheckpointSaver[Any], prefix: object, agent: str) -> None:
    """Warn, once, when an agent keeps its conversations where another one keeps its own.

    Args:
        saver: The checkpointer.
        prefix: What the agent's thread ids begin with.
        agent: The agent's name.
    """
    users = _USERS.setdefault(saver, {}).setdefault(prefix, [])
    if agent in users:
        return
    users.append(agent)
    if len(users) > 1:
        warnings.warn(
            f"the agents {users[0]!r} and {agent!r} share a checkpointer, so where their keys are the same they share "
            f'a conversation; give each threads of its own: config={{"configurable": {{"thread_id": "{agent}"}}}}',
            UserWarning,
            stacklevel=2,
        )


async def read_thread(graph: Graph, thread_id: str, *, broken: bool) -> Thread:
    """Return what a thread holds for the next run.

    A run that failed or was cancelled leaves its half behind, such as calls without their results, which no model
    takes. So the next one begins where that one began.

    Args:
        graph: The graph.
        thread_id: The thread.
        broken: Whether the last run is known not to have ended; a checkpointer cannot tell every case.
    """
    config: RunnableConfig = {"configurable": {"thread_id": thread_id}}
    snapshot = await graph.aget_state(config)
    if (broken or _is_broken(graph, snapshot)) and (begun := await _beginning(graph, snapshot)) is not None:
        return Thread(_kept(graph, begun), checkpoint=_id(begun))
    interrupts = _open(snapshot)
    waiting = () if interrupts or not _at_breakpoint(graph, snapshot) else snapshot.next
    return Thread(_kept(graph, snapshot), interrupts, tuple(waiting))


def not_told(messages: Sequence[Any], told: Sequence[Any]) -> list[Any]:
    """Return the messages without those that were told. A step that goes on gives its messages new ids."""
    left = [_unnumbered(message) for message in told]
    found = []
    for message in messages:
        bare = _unnumbered(message) if left else message
        if bare in left:
            left.remove(bare)
        else:
            found.append(message)
    return found


def messages_in(state: Any) -> list[Any]:
    """Return the messages of a state, an input or a returned list."""
    found = state.get("messages") if isinstance(state, Mapping) else state
    return list(found) if isinstance(found, list | tuple) else []


def unsaid(messages: Sequence[LLMMessage], kept: Sequence[Any]) -> Sequence[LLMMessage]:
    """Return the messages that follow the conversation which the thread keeps; all of them when they do not repeat it.

    Compared by what was said: function calls stay within the agent that made them, and an answer comes back as a user's
    message where another agent passes it on.
    """
    if len(messages) < 2 or not kept:
        return messages
    said = [text for text in map(_said_in_graph, kept) if text]
    position = 0
    for index, message in enumerate(messages):
        text = "" if message.type == "FunctionExecutionResultMessage" else _compact(message_text(message))
        if not text:
            continue
        if position == len(said):
            return messages[index:]
        if text != said[position]:
            return messages
        position += 1
    return messages


def _unnumbered(message: Any) -> Any:
    return message.model_copy(update={"id": None}) if isinstance(message, BaseMessage) else message


def _kept(graph: Graph, snapshot: StateSnapshot) -> Sequence[Any]:
    return messages_in(snapshot.values) if takes_messages(graph) else ()


def _open(snapshot: StateSnapshot) -> tuple[Interrupt[Any], ...]:
    """Return the questions that nobody has answered; up to langgraph 1.1, `interrupts` has the answered ones, too."""
    return tuple(interrupt for task in snapshot.tasks if task.result is None for interrupt in task.interrupts)


def _is_broken(graph: Graph, snapshot: StateSnapshot) -> bool:
    if any(task.error is not None for task in snapshot.tasks):
        return True
    return bool(snapshot.next) and not _open(snapshot) and not _at_breakpoint(graph, snapshot)


def _at_breakpoint(graph: Graph, snapshot: StateSnapshot) -> bool:
    names = [task.name for task in snapshot.tasks]
    before, after = graph.interrupt_before_nodes, graph.interrupt_after_nodes
    stops = before == "*" or bool(after) or any(name in before for name in names)
    return bool(names) and _START not in names and stops and all(task.error is None for task in snapshot.tasks)


async def _beginning(graph: Graph, snapshot: StateSnapshot) -> StateSnapshot | None:
    """Return the checkpoint that a run began with, which has its input and nothing of what it did.

    A graph that begins there with another input forgets the one that is in it. None where there is no such checkpoint:
    the run has left nothing, or the graph is a hand-made Pregel, whose input is among its state.
    """
    if _START not in graph.channels:
        return None
    while snapshot.next or snapshot.interrupts:
        if (snapshot.metadata or {}).get("source") == "input":
            return snapshot
        if snapshot.parent_config is None:
            return None
        snapshot = await graph.aget_state(snapshot.parent_config)
    # The checkpointer kept no more of that run than its end: this is what was before it.
    return snapshot if _id(snapshot) is not None else None


def _id(snapshot: StateSnapshot) -> str | None:
    found: str | None = snapshot.config.get("configurable", {}).get("checkpoint_id")
    return found


def _said_in_graph(message: Any) -> str:
    if not isinstance(message, BaseMessage) or isinstance(message, ToolMessage | FunctionMessage):
        return ""
    if isinstance(message, AIMessage) and (message.tool_calls or message.invalid_tool_calls):
        return ""
    return _compact(text_and_reasoning(message)[0])


def _compact(text: str) -> str:
    return "".join(text.split())
