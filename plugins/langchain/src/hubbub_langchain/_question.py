"""How a task becomes a Runnable's input."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ForwardRef, Literal, TypeAlias, get_args, get_origin, get_type_hints

from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable, RunnableBinding, RunnableSequence
from pydantic import BaseModel

from hubbub_core.exchange import AgentTask
from hubbub_core.models import LLMMessage
from hubbub_core.passages import passages_text

from .annotations import alternatives, shown
from .messages import to_langchain

Input: TypeAlias = str | Callable[[AgentTask], Any] | None
Form: TypeAlias = Literal["messages", "text", "context", "task"]

_ROOT = "root"
"""The one field of a schema that says: the input is no mapping."""

_CONTEXT = "context"
"""The variable that LangChain's own chains put passages into."""


@dataclass(frozen=True, slots=True)
class Question:
    """Makes a Runnable's input of a task; decided once, from the Runnable's schema."""

    build: Callable[[AgentTask, Sequence[LLMMessage]], Any]
    """Takes the task, and the conversation up to it."""

    takes_conversation: bool
    """Whether the Runnable is given messages, so that it can know what was said before."""


def question_for(runnable: Runnable[Any, Any], name: str, wanted: Input) -> Question:
    """Decide how tasks are given to a Runnable.

    Args:
        runnable: Its input schema decides where `wanted` does not.
        name: The agent's name, for errors.
        wanted: A function of the task, or the key that takes the task's text.

    Raises:
        ValueError: The schema leaves it open, or has no such key.
    """
    if callable(wanted):
        return Question(lambda task, _: wanted(task), takes_conversation=False)
    schema = _schema(runnable)
    fields = {} if schema is None else schema.model_fields
    if schema is None or set(fields) <= {_ROOT}:
        if wanted is not None:
            return Question(lambda task, _: {wanted: task.text()}, takes_conversation=False)
        root = _resolved(runnable, fields[_ROOT].annotation) if fields else Any
        form = _form(root)
        if form is None:
            raise ValueError(
                f"{name!r} takes {shown(root)}, which a task does not become by itself; pass input=, a function of "
                "the AgentTask that returns it"
            )
        return Question(lambda task, said: _value(form, task, said), takes_conversation=form == "messages")
    forms = _field_forms(name, {key: field.annotation for key, field in fields.items()}, _required(schema), wanted)
    split = "messages" in forms.values() and "text" in forms.values()

    def build(task: AgentTask, said: Sequence[LLMMessage]) -> dict[str, Any]:
        # Where the question has a place of its own, the messages are what was said before it.
        earlier = said[:-1] if split else said
        return {key: _value(form, task, earlier) for key, form in forms.items()}

    return Question(build, takes_conversation="messages" in forms.values())


def _field_forms(name: str, annotations: dict[str, Any], required: set[str], wanted: str | None) -> dict[str, Form]:
    keys = ", ".join(annotations)
    if wanted is not None and wanted not in annotations:
        raise ValueError(
            f"{name!r} has no input key {wanted!r}; it takes {keys}; pass input=, one of them or a function of the "
            "AgentTask"
        )
    forms: dict[str, Form] = {key: "messages" for key, kind in annotations.items() if _form(kind) == "messages"}
    texts = [key for key in annotations if key not in forms and (key in required or key == wanted)]
    if wanted is not None:
        forms.pop(wanted, None)
        forms[wanted] = "text"
    elif len(texts) == 1 and not (forms and texts == [_CONTEXT]):
        forms[texts[0]] = "text"
    elif len(texts) == 2 and _CONTEXT in texts:
        forms[next(key for key in texts if key != _CONTEXT)] = "text"
    if _CONTEXT in texts:
        forms.setdefault(_CONTEXT, "context")
    missing = [key for key in texts if key not in forms]
    several = [key for key, form in forms.items() if form == "messages"]
    if missing or len(several) > 1 or not forms:
        raise ValueError(
            f"{name!r} takes {keys}, which a task does not fill by itself; pass input=, a function of the AgentTask "
            "that returns the whole input"
        )
    return forms


def _value(form: Form, task: AgentTask, said: Sequence[LLMMessage]) -> Any:
    match form:
        case "text":
            return task.text()
        case "task":
            return task
        case "context":
            return passages_text(task.sources)
        case "messages":
            return to_langchain(said)


def _schema(runnable: Runnable[Any, Any]) -> type[BaseModel] | None:
    """Return the schema of a Runnable's input; None where it has none that could be read."""
    try:
        schema: Any = runnable.get_input_schema()
    except Exception:  # a Runnable of somebody's own may have a type that pydantic cannot take
        return None
    return schema if isinstance(schema, type) and issubclass(schema, BaseModel) else None


def _resolved(runnable: Any, annotation: Any) -> Any:
    """Resolve the annotation of a function, which LangChain keeps as text if its module postpones annotations."""
    if not isinstance(annotation, str | ForwardRef):
        return annotation
    while isinstance(runnable, RunnableSequence | RunnableBinding):
        runnable = runnable.first if isinstance(runnable, RunnableSequence) else runnable.bound
    function = getattr(runnable, "func", None) or getattr(runnable, "afunc", None)
    try:
        hints = get_type_hints(inspect.unwrap(function), include_extras=True) if callable(function) else {}
    except (AttributeError, NameError, TypeError):
        return annotation
    return next((hint for parameter, hint in hints.items() if parameter != "return"), annotation)


def _required(schema: type[BaseModel]) -> set[str]:
    return {key for key, field in schema.model_fields.items() if field.is_required()}


def _form(annotation: Any) -> Form | None:
    """Tell in which form a type takes a task; None when it takes none."""
    members = alternatives(annotation)
    for member in members:
        origin = get_origin(member) or member
        if isinstance(member, type) and issubclass(member, AgentTask):
            return "task"
        if isinstance(origin, type) and issubclass(origin, Sequence) and origin not in (str, bytes, tuple):
            items = [item for part in get_args(member) for item in alternatives(part)]
            if any(isinstance(item, type) and issubclass(item, BaseMessage) for item in items):
                return "messages"
    return "text" if Any in members or str in members else None
