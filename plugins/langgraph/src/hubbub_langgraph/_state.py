"""A thread of a checkpointer as JSON, and back.

What is saved is the newest checkpoint as the checkpointer holds it, with its pending writes, so that a graph that waits
for an answer still waits after loading. Messages and the few types that LangGraph itself puts into a checkpoint have a
form of their own, marked with `$type`; anything else that is not JSON is refused by name: nothing is pickled, and
loading makes no class that the state names.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from langchain_core.documents import Document
from langchain_core.messages import BaseMessage, ToolMessage, message_to_dict, messages_from_dict
from langgraph.types import Interrupt, Send
from pydantic import BaseModel

from hubbub_core.exchange import AgentChunk, AgentResult, AgentTask, Source
from hubbub_core.models import (
    AssistantMessage,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    SystemMessage,
    UserMessage,
)

from ._mapping import STRUCTURED

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple

_TYPE: Final = "$type"
_FORMAT: Final = 1
# A failed task's error: the task runs again after loading, as it does after a restart.
_ERROR: Final = "__error__"
_EXCHANGE: Final[dict[str, type[BaseModel]]] = {
    cls.__name__: cls
    for cls in (
        AgentChunk,
        AgentResult,
        AgentTask,
        AssistantMessage,
        FunctionExecutionResult,
        FunctionExecutionResultMessage,
        Source,
        SystemMessage,
        UserMessage,
    )
}


async def save_thread(
    saver: BaseCheckpointSaver[Any], thread: str, graph: str, checkpoint: str | None = None
) -> dict[str, Any]:
    """Return a thread's newest checkpoints as JSON; empty when the thread has none.

    Args:
        saver: The checkpointer.
        thread: Id of the thread.
        graph: The graph's name, for errors.
        checkpoint: Id of the newest checkpoint that counts; None for the thread's.

    Raises:
        ValueError: A value in the state is not JSON; the error says where it is.
    """
    newest: dict[str, CheckpointTuple] = {}
    async for found in saver.alist({"configurable": {"thread_id": thread}}):
        namespace = found.config["configurable"].get("checkpoint_ns", "")
        if checkpoint is not None and found.checkpoint["id"] > checkpoint:
            continue
        if namespace not in newest or found.checkpoint["id"] > newest[namespace].checkpoint["id"]:
            newest[namespace] = found
    if "" not in newest:
        return {}
    root = newest[""].checkpoint["id"]
    checkpoints = [
        _encode_checkpoint(namespace, found, graph)
        for namespace, found in sorted(newest.items())
        # `node:id` is one call of a subgraph: of use only while that call belongs to the newest checkpoint.
        if ":" not in namespace or found.metadata.get("parents", {}).get("") == root
    ]
    return {"format": _FORMAT, "checkpoints": checkpoints}


def decode_thread(state: Mapping[str, Any], graph: str) -> list[dict[str, Any]]:
    """Read what `save_thread` returned.

    Raises:
        ValueError: It is not such a state.
    """
    if state.get("format") != _FORMAT:
        raise ValueError(
            f"the state for graph {graph!r} has format {state.get('format')!r}; this version reads {_FORMAT}"
        )
    try:
        return [{key: _decode(value) for key, value in saved.items()} for saved in state["checkpoints"]]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"the state for graph {graph!r} is damaged: {type(error).__name__}: {error}") from error


async def restore_thread(saver: BaseCheckpointSaver[Any], thread: str, checkpoints: list[dict[str, Any]]) -> None:
    """Put decoded checkpoints in the place of whatever the thread holds."""
    await saver.adelete_thread(thread)
    for saved in checkpoints:
        config: RunnableConfig = {"configurable": {"thread_id": thread, "checkpoint_ns": saved["namespace"]}}
        checkpoint = saved["checkpoint"]
        metadata = {**saved["metadata"], **({"thread_id": thread} if "thread_id" in saved["metadata"] else {})}
        config = await saver.aput(config, checkpoint, metadata, checkpoint["channel_versions"])  # type: ignore[arg-type] # a TypedDict, read back as a dict
        writes: dict[str, list[tuple[str, Any]]] = {}
        for task, channel, value in saved["writes"]:
            writes.setdefault(task, []).append((channel, value))
        for task, values in writes.items():
            await saver.aput_writes(config, values, task)


def _encode_checkpoint(namespace: str, found: CheckpointTuple, graph: str) -> dict[str, Any]:
    where = f"state of graph {graph!r}" + (f", subgraph {namespace.partition(':')[0]!r}" if namespace else "")
    checkpoint = {
        key: {name: _encode(_plain(name, item), f"{where}: {name}") for name, item in value.items()}
        if key == "channel_values" and isinstance(value, dict)
        else _encode(value, f"{where}: {key}")
        for key, value in found.checkpoint.items()
    }
    return {
        "namespace": namespace,
        "checkpoint": checkpoint,
        "metadata": _encode(dict(found.metadata), f"{where}: metadata"),
        "writes": [
            [task, channel, _encode(_plain(channel, value), f"{where}: {channel}")]
            for task, channel, value in found.pending_writes or []
            if channel != _ERROR
        ],
    }


def _plain(channel: str, value: Any) -> Any:
    """Return the data of what an agent with a response format made: it is an output, which each run makes anew."""
    return value.model_dump(mode="json") if channel == STRUCTURED and isinstance(value, BaseModel) else value


def _encode(value: Any, where: str) -> Any:
    if value is None or type(value) in (bool, int):
        return value
    if isinstance(value, str) and not isinstance(value, Enum):
        return str(value)
    if type(value) is float and math.isfinite(value):
        return value
    if type(value) is list:
        return [_encode(item, f"{where}[{position}]") for position, item in enumerate(value)]
    if type(value) is dict:
        if _TYPE not in value and all(type(key) is str for key in value):
            return {key: _encode(item, f"{where}.{key}") for key, item in value.items()}
        items = [[_encode(key, where), _encode(item, f"{where}[{key!r}]")] for key, item in value.items()]
        return {_TYPE: "dict", "items": items}
    if type(value) in (tuple, set, frozenset):
        items = [_encode(item, f"{where}[{position}]") for position, item in enumerate(value)]
        return {_TYPE: type(value).__name__, "items": items}
    if isinstance(value, ToolMessage) and value.artifact is not None:
        # By itself: as a part of the message, its documents would become dicts.
        bare = value.model_copy(update={"artifact": None})
        return {**_encode(bare, where), "artifact": _encode(value.artifact, f"{where}.artifact")}
    if isinstance(value, BaseMessage):
        return {_TYPE: "message", "message": _encode(message_to_dict(value), where)}
    if isinstance(value, Document):
        fields = {"page_content": value.page_content, "metadata": value.metadata, "id": value.id}
        return {_TYPE: "document", "document": _encode(fields, where)}
    if isinstance(value, Interrupt):
        asked = {"value": value.value, "id": value.id}
        schema = getattr(value, "response_schema", None)  # since langgraph 1.2
        return {
            _TYPE: "interrupt",
            "interrupt": _encode(asked | ({"response_schema": schema} if schema else {}), where),
        }
    if isinstance(value, Send) and getattr(value, "timeout", None) is None:
        return {_TYPE: "send", "node": value.node, "arg": _encode(value.arg, f"{where}.{value.node}")}
    if type(value) in _EXCHANGE.values():
        return {_TYPE: "exchange", "class": type(value).__name__, "value": value.model_dump(mode="json")}
    shown = repr(value) if isinstance(value, float) else f"a {type(value).__module__}.{type(value).__qualname__}"
    raise ValueError(
        f"{where} is {shown}, which is not JSON; keep messages, documents and JSON values in the graph's state, or "
        "leave the state to a persistent checkpointer"
    )


def _decode(value: Any) -> Any:
    if isinstance(value, list):
        return [_decode(item) for item in value]
    if not isinstance(value, dict):
        return value
    match value.get(_TYPE):
        case None:
            return {key: _decode(item) for key, item in value.items()}
        case "dict":
            return {_decode(key): _decode(item) for key, item in value["items"]}
        case "tuple":
            return tuple(_decode(value["items"]))
        case "set":
            return set(_decode(value["items"]))
        case "frozenset":
            return frozenset(_decode(value["items"]))
        case "message":
            message = messages_from_dict([_decode(value["message"])])[0]
            if "artifact" not in value:
                return message
            return message.model_copy(update={"artifact": _decode(value["artifact"])})
        case "document":
            return Document(**_decode(value["document"]))
        case "interrupt":
            return Interrupt(**_decode(value["interrupt"]))
        case "send":
            return Send(value["node"], _decode(value["arg"]))
        case "exchange":
            return _EXCHANGE[value["class"]].model_validate(value["value"])
        case unknown:
            raise ValueError(f"the state holds a value of the unknown type {unknown!r}")
