"""Workflows that stop to ask a human: what they ask, and how the next task answers."""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from pydantic import JsonValue
from pydantic_core import to_jsonable_python

from hubbub_core.exchange import AgentTask
from hubbub_core.passages import json_object

if TYPE_CHECKING:
    from llama_index.core.workflow import Event, HumanResponseEvent, Workflow

RESUME: Final = "resume"
"""Key of a task's metadata with the answer to a question, where the task's text is not the answer."""

Respond = Callable[[Mapping[str, JsonValue], JsonValue], "Event"]
"""Makes the event that answers a question, from the question's fields and the answer: text, or any JSON."""


@dataclass(frozen=True, slots=True)
class Question:
    """An `InputRequiredEvent` of a workflow."""

    id: str
    fields: dict[str, JsonValue]

    @classmethod
    def of(cls, event: Any) -> Question:
        """Make a question of the event."""
        return cls(uuid.uuid4().hex, event_fields(event))

    @property
    def value(self) -> JsonValue:
        """What is asked, for a program."""
        return self.prompt if set(self.fields) == {"prefix"} else dict(self.fields)

    @property
    def prompt(self) -> str:
        """What is asked, for a human; the field that LlamaIndex's examples name so, else all of them."""
        prefix = self.fields.get("prefix")
        if isinstance(prefix, str) and prefix:
            return prefix
        return ", ".join(f"{name}: {value}" for name, value in self.fields.items()) or "input is required"


@dataclass(frozen=True, slots=True)
class Paused:
    """A run that waits for answers; JSON throughout."""

    context: dict[str, Any]
    messages: list[dict[str, Any]]
    """The conversation, the run's own part included."""

    questions: list[Question]

    def dump(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return asdict(self)

    @classmethod
    def load(cls, data: Mapping[str, Any] | None) -> Paused | None:
        """Take up what `dump` returned."""
        if data is None:
            return None
        questions = [Question(**question) for question in data["questions"]]
        return cls(data["context"], list(data["messages"]), questions)


def event_fields(event: Any) -> dict[str, JsonValue]:
    """Return what an event holds, as JSON; what JSON does not know becomes text."""
    declared = {name: getattr(event, name) for name in type(event).model_fields}
    free: Mapping[str, Any] = dict(event.items())  # LlamaIndex's events take any further field
    return json_object(to_jsonable_python({**declared, **free}, fallback=str))


def responder(workflow: Workflow) -> Respond:
    """Return what answers this workflow's questions: with the one kind of `HumanResponseEvent` that its steps take.

    A question's own fields come back with the answer, for steps that tell answers apart by them.

    Raises:
        ValueError: Its steps take several kinds.
    """
    from llama_index.core.workflow import HumanResponseEvent

    kinds: set[type[HumanResponseEvent]] = set()
    for step in workflow._get_steps().values():
        accepted = getattr(step, "_step_config").accepted_events  # noqa: B009 # untyped: LlamaIndex sets it on functions
        kinds.update(kind for kind in accepted if issubclass(kind, HumanResponseEvent))
    if len(kinds) > 1:
        names = " and ".join(sorted(kind.__name__ for kind in kinds))
        raise ValueError(
            f"workflow {type(workflow).__name__} takes answers as {names}; pass respond=lambda question, answer: ... "
            "which makes the right one"
        )
    kind = kinds.pop() if kinds else HumanResponseEvent
    required = [name for name, about in kind.model_fields.items() if about.is_required()]
    text_field = required[0] if len(required) == 1 else "response"

    def respond(question: Mapping[str, JsonValue], answer: JsonValue) -> Event:
        echoed = {name: value for name, value in question.items() if name != "prefix"}
        given = answer if isinstance(answer, dict) else {text_field: answer}
        return kind(**{**echoed, **given})

    return respond


def response(respond: Respond, question: Question, answer: JsonValue) -> Event:
    """Return the event that answers a question.

    Raises:
        TypeError: `respond` made something else.
    """
    from llama_index.core.workflow import Event

    made = respond(question.fields, answer)
    if not isinstance(made, Event):
        raise TypeError(f"respond returned {made!r:.80}, not an event of a workflow")
    return made


def answers(name: str, questions: Sequence[Question], task: AgentTask) -> list[JsonValue]:
    """Return a task's answers, one for each question.

    The answer is `metadata["resume"]` of the task where there is one, else its text. Several questions are answered by
    a list, in their order, or by their ids; as a text that is JSON.

    Raises:
        ValueError: Several questions wait, and the task does not answer each.
    """
    given: JsonValue = task.metadata[RESUME] if RESUME in task.metadata else task.text()
    if len(questions) == 1:
        only = questions[0].id
        return [given[only] if isinstance(given, dict) and set(given) == {only} else given]
    ids = [question.id for question in questions]
    if isinstance(given, str):
        with contextlib.suppress(ValueError):
            given = json.loads(given)
    if isinstance(given, list) and len(given) == len(ids):
        return given
    if isinstance(given, dict) and set(given) == set(ids):
        return [given[wanted] for wanted in ids]
    raise ValueError(
        f"agent {name!r} waits for {len(ids)} answers; give them as a JSON list in the order of the questions, or as "
        f'{{id: answer}} with the ids {", ".join(ids)}, in the task\'s text or its metadata "{RESUME}"'
    )
