"""How a task becomes a graph's input, and what a graph returns becomes a result's messages."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias, get_args, get_origin, get_type_hints

from langchain_core.documents import Document
from langchain_core.messages import BaseMessage
from langgraph.pregel import Pregel
from pydantic import JsonValue, TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python

from hubbub_core.exchange import AgentResult, AgentTask, Source
from hubbub_core.models import (
    LLMMessage,
)
from hubbub_core.passages import passages_text
from hubbub_langchain.annotations import alternatives, shown
from hubbub_langchain.answers import HUB_MESSAGES, answer_messages
from hubbub_langchain.documents import documents_in, sources_of
from hubbub_langchain.messages import to_langchain

Graph: TypeAlias = Pregel[Any, Any, Any, Any]
Input: TypeAlias = str | Callable[[AgentTask], Any] | None
Output: TypeAlias = str | Callable[[Any], Any] | None
BuildInput: TypeAlias = Callable[[AgentTask, Sequence[LLMMessage]], Any]
"""Takes the task and those of its messages that the graph does not know yet; returns the graph's input."""

_Form: TypeAlias = Literal["text", "messages", "hub messages", "task", "mapping"]
_EXTRAS = ("sources", "metadata")
STRUCTURED: Final = "structured_response"
"""Key in which LangChain's agents keep what they make when they are given a response format."""
_METADATA: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])


def input_builder(graph: Graph, name: str, wanted: Input) -> BuildInput:
    """Decide, once, how tasks are given to a graph.

    Args:
        graph: The graph; its input schema decides where `wanted` does not.
        name: The graph's name, for errors.
        wanted: A function of the task, or the key that takes the task's text.

    Raises:
        ValueError: The schema leaves it open, or has no such key.
    """
    if callable(wanted):
        return lambda task, _: wanted(task)
    fields, root = _input_schema(graph)
    if fields is None:
        if wanted is not None:
            return lambda task, _: {wanted: task.text()}
        form = _form(root)
        if form is None:
            raise ValueError(
                f"graph {name!r} takes {shown(root)}, which a task does not become by itself; "
                "pass input=, a function of the AgentTask that returns it"
            )
        root_form: _Form = form
        return lambda task, new: _value(root_form, task, new, root)
    key = wanted
    if key is None:
        key = "messages" if "messages" in fields else next(iter(fields), None) if len(fields) == 1 else None
    if key is None or key not in fields:
        keys = ", ".join(fields)
        problem = f"has no input key {key!r}; it takes {keys}" if key else f"takes {keys}, none of them 'messages'"
        raise ValueError(
            f"graph {name!r} {problem}; pass input=, the key for the task's text or a function of the AgentTask"
        )
    form = _form(fields[key])
    if form is None and key != "messages":
        raise ValueError(
            f"the input key {key!r} of graph {name!r} takes {shown(fields[key])}, which a task does not become by "
            "itself; pass input=, a function of the AgentTask that returns the whole input"
        )
    field_form: _Form = form or "messages"
    return lambda task, new: {key: _value(field_form, task, new, fields[key])}


def check_output(graph: Graph, name: str, wanted: Output, topic: str | None) -> None:
    """Refuse, before anything runs, a graph whose result could not be read.

    Raises:
        ValueError: The graph has no such output key, or several and none is chosen.
    """
    channels = graph.output_channels
    if isinstance(channels, str):
        return
    keys = ", ".join(channels)
    if topic is not None and topic not in channels:
        raise ValueError(f"graph {name!r} has no output key {topic!r} to name a topic; it returns {keys}")
    if callable(wanted):
        return
    if wanted is not None and wanted not in channels:
        raise ValueError(f"graph {name!r} has no output key {wanted!r}; it returns {keys}")
    if (
        wanted is None
        and "messages" not in channels
        and len([key for key in channels if key not in (*_EXTRAS, topic)]) != 1
    ):
        raise ValueError(
            f"graph {name!r} returns {keys}, none of them 'messages'; pass output=, the key of the answer or a "
            "function of the result"
        )


def takes_messages(graph: Graph) -> bool:
    """Tell whether the conversation is kept in the graph's key `messages`."""
    return "messages" in graph.channels


def read_output(name: str, wanted: Output, final: Any, fresh: Sequence[Any], topic: str | None = None) -> AgentResult:
    """Read what a graph returned.

    Args:
        name: Author of messages that name none, and the graph's name in errors.
        wanted: As given to the adapter: a key, a function of what the graph returned, or None.
        final: What the graph returned.
        fresh: The messages that the run added, of all that the graph returned.
        topic: Key that names the topic of the result.

    Raises:
        ValueError: There is no such key, or the value has no form in the hub.
    """
    value = final
    if callable(wanted):
        value = wanted(final)
    elif isinstance(final, Mapping):
        key = wanted or _only_key(name, final, topic)
        if key is not None and key not in final:
            raise ValueError(f"graph {name!r} returned no {key!r}; it returned {', '.join(final) or 'nothing'}")
        value = None if key is None else final[key]
        if key == "messages" and isinstance(value, list | tuple):
            value = fresh
    elif isinstance(final, list):
        value = fresh
    if isinstance(value, AgentResult):
        result = value
    elif found := sources_of(documents_in(value)):
        result = AgentResult.from_text(passages_text(found), source=name, sources=found)
    else:
        result = AgentResult(messages=answer_messages(value, source=name, owner=f"graph {name!r}"))
    if isinstance(final, Mapping):
        update: dict[str, Any] = {
            "sources": [*result.sources, *_sources(name, final.get("sources"))],
            "metadata": {**_metadata(final.get("metadata")), **_structured(name, final, value), **result.metadata},
        }
        if topic is not None and result.topic is None:
            update["topic"] = _topic(name, topic, final.get(topic))
        result = result.model_copy(update=update)
    return result


def new_messages(messages: Sequence[Any], known: Sequence[Any]) -> list[Any]:
    """Return the messages that are not among the known ones; one that was rewritten in place is new."""
    # What a graph leaves alone stays the same object, so a long conversation costs one look-up per message.
    untouched = {id(message): message for message in known}
    changed = [message for message in messages if untouched.pop(id(message), None) is None]
    if not changed:
        return []
    left = list(untouched.values())
    by_id = {message.id: message for message in left if getattr(message, "id", None) is not None}
    found = []
    for message in changed:
        before = by_id.get(getattr(message, "id", None))
        if before is not None:
            if before != message:
                found.append(message)
            continue
        # Without ids, equal messages are told apart by their number: each known one excuses one.
        index = next((i for i, old in enumerate(left) if old == message), None)
        if index is None:
            found.append(message)
        else:
            del left[index]
    return found


def _only_key(name: str, final: Mapping[str, Any], topic: str | None) -> str | None:
    if "messages" in final:
        return "messages"
    keys = [key for key in final if key not in (*_EXTRAS, topic)]
    if len(keys) > 1:
        raise ValueError(
            f"graph {name!r} returned {', '.join(keys)}; pass output=, the key of the answer or a function of the "
            "result"
        )
    return keys[0] if keys else None


def _structured(name: str, final: Mapping[str, Any], answer: Any) -> dict[str, JsonValue]:
    """Return what LangChain's agents make beside their last message when they are given a response format."""
    found = final.get(STRUCTURED)
    if found is None or found is answer:
        return {}
    try:
        return {STRUCTURED: to_jsonable_python(found)}
    except ValueError as error:  # PydanticSerializationError is one
        raise ValueError(f"{STRUCTURED!r} of graph {name!r} is not JSON: {error}") from error


def _sources(name: str, found: Any) -> list[Source]:
    if found is None:
        return []
    if not isinstance(found, list | tuple):
        raise ValueError(
            f"'sources' of graph {name!r} is of type {type(found).__name__}; it takes a list of Source, documents or "
            "dicts"
        )
    sources = []
    for position, item in enumerate(found):
        if isinstance(item, Document):
            sources += sources_of([item])
            continue
        try:
            sources.append(Source(content=item) if isinstance(item, str) else Source.model_validate(item))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in ("sources", position, *first["loc"]))
            raise ValueError(f"{where} of graph {name!r} is no source: {first['msg']}") from error
    return sources


def _topic(name: str, key: str, found: Any) -> str | None:
    if found is None or isinstance(found, str):
        return found or None
    raise ValueError(
        f"{key!r} of graph {name!r} is of type {type(found).__name__}; it takes the name of a topic, or None"
    )


def _metadata(found: Any) -> dict[str, JsonValue]:
    # The key is a common one, and what a graph keeps there may be meant for itself: only JSON is taken over.
    try:
        return _METADATA.validate_python(found)
    except ValidationError:
        return {}


def _value(form: _Form, task: AgentTask, new: Sequence[LLMMessage], annotation: Any) -> Any:
    match form:
        case "text":
            return task.text()
        case "task":
            return task
        case "hub messages":
            return list(new)
        case "messages":
            return to_langchain(new)
    kind = next(member for member in alternatives(annotation) if _is_mapping(member))
    content = {"messages": _value(_form(_hints(kind).get("messages")) or "messages", task, new, None)}
    # A TypedDict is a dict; a dataclass or pydantic model is made.
    return content if issubclass(get_origin(kind) or kind, dict) else kind(**content)


def _input_schema(graph: Graph) -> tuple[dict[str, Any] | None, Any]:
    """Return the fields of a graph's input with their types, or None and the type of the whole."""
    builder = getattr(graph, "builder", None)
    if builder is not None:
        names = list(builder.schemas[builder.input_schema])
        if names == ["__root__"]:
            return None, builder.input_schema
        hints = _hints(builder.input_schema)
        return {name: hints.get(name, Any) for name in names}, None
    channels = graph.input_channels
    if isinstance(channels, str):
        return None, _resolved(graph, _update_type(graph, channels))
    return {name: _update_type(graph, name) for name in channels}, None


def _update_type(graph: Graph, channel: str) -> Any:
    return getattr(graph.channels[channel], "UpdateType", Any)


def _resolved(graph: Graph, annotation: Any) -> Any:
    """Resolve an entry point's annotation, which LangGraph keeps as text if the module postpones annotations."""
    if not isinstance(annotation, str):
        return annotation
    for node in graph.nodes.values():
        for attribute in ("afunc", "func"):
            function = inspect.unwrap(getattr(node.bound, attribute, None) or _nothing)
            function = getattr(function, "func", function)  # a synchronous function is wrapped in a partial
            parameters = [name for name in inspect.signature(function).parameters if name != "return"]
            if parameters and parameters[0] in _hints(function):
                return _hints(function)[parameters[0]]
    return annotation


def _nothing() -> None:
    """Stand in for a function that a node does not have."""


def _hints(annotated: Any) -> dict[str, Any]:
    try:
        return get_type_hints(annotated, include_extras=True)
    except (TypeError, NameError, AttributeError):
        return {}


def _form(annotation: Any) -> _Form | None:
    """Tell in which form a type takes a task; None when it takes none."""
    members = alternatives(annotation)
    if Any in members or str in members or inspect.Parameter.empty in members:
        return "text"
    for member in members:
        if isinstance(member, type) and issubclass(member, AgentTask):
            return "task"
        origin = get_origin(member) or member
        if _is_mapping(member):
            return "mapping"
        if isinstance(origin, type) and issubclass(origin, Sequence) and origin is not tuple:
            items = alternatives(get_args(member)[0]) if get_args(member) else [Any]
            if any(item in HUB_MESSAGES for item in items):
                return "hub messages"
            if Any in items or any(isinstance(item, type) and issubclass(item, BaseMessage) for item in items):
                return "messages"
    return None


def _is_mapping(member: Any) -> bool:
    return (get_origin(member) or member) is dict or (isinstance(member, type) and "messages" in _hints(member))
