"""One run of a workflow: followed to its end, or to the questions that it stops with."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from hubbub_core.exchange import AgentTask
from hubbub_core.user_input import InputRequest, user_input

from ._questions import Paused, Question, Respond, answers, response
from ._recorder import Recorder

if TYPE_CHECKING:
    from llama_index.core.memory import BaseMemory
    from llama_index.core.workflow import Context, Event, Workflow

_TURNS: Final = 50
"""Turns of the event loop after which an event on its way to a step has arrived there; three is what was measured."""

Conversation = Callable[["Context"], Awaitable[list[dict[str, Any]]]]
"""Takes the conversation out of a context, which keeps it in a form that is not JSON."""


class WorkflowRun:
    """Runs a workflow once. Whichever way it is left, none of its steps goes on.

    A question is put to whoever answers for this run (`hubbub_core.user_input.answer_with`). Where nobody does, the run
    stops as soon as all its other steps have ended, and can be resumed with the answers.

    Args:
        workflow: The workflow.
        respond: Makes the events that answer its questions.
        recorder: Takes its other events.
        name: The agent's name in the hub.
        conversation: Takes the conversation out of the context of an agent.
    """

    def __init__(
        self,
        workflow: Workflow,
        respond: Respond,
        recorder: Recorder,
        name: str,
        conversation: Conversation | None = None,
    ) -> None:
        self._workflow = workflow
        self._respond = respond
        self._recorder = recorder
        self._name = name
        self._conversation = conversation
        self._sent: set[str] = set()

    async def start(self, state: Context, arguments: Mapping[str, Any]) -> Any:
        """Run from the beginning and return what the workflow stops with, or `Paused`."""
        return await self._follow(self._workflow.run(ctx=state, **arguments), state)

    async def resume(self, state: Context, paused: Paused, task: AgentTask, memory: BaseMemory | None = None) -> Any:
        """Go on with a task as the answer and return what the workflow stops with, or `Paused`.

        Args:
            state: The context that was saved.
            paused: The run.
            task: The answer.
            memory: The conversation that was taken out of the context of an agent.

        Raises:
            ValueError: Several questions wait, and the task does not answer each.
        """
        given = answers(self._name, paused.questions, task)
        events = [
            response(self._respond, question, answer) for question, answer in zip(paused.questions, given, strict=True)
        ]
        waiting = events if _tells_answers_apart(paused.context) else []
        return await self._follow(self._workflow.run(ctx=state), state, memory, [] if waiting else events, waiting)

    async def _follow(
        self,
        handler: Any,
        state: Context,
        memory: BaseMemory | None = None,
        now: Sequence[Event] = (),
        waiting: Sequence[Event] = (),
    ) -> Any:
        """Read a run's events to the end.

        Args:
            handler: The run.
            state: Its context.
            memory: Put into the context; not before the run, which begins with a copy made by way of JSON.
            now: Answers, which are sent at once.
            waiting: Answers, which are sent when the steps wait for them again.
        """
        from llama_index.core.workflow import InputRequiredEvent
        from workflows.events import InternalDispatchEvent

        questions: list[Question] = []
        paused: Paused | None = None
        try:
            if memory is not None:
                await state.store.set("memory", memory)
            self._send(now, state)
            async for event in handler.stream_events(expose_internal=True):
                if isinstance(event, InputRequiredEvent):
                    question = Question.of(event)
                    if not await self._answered(question, state):
                        questions.append(question)
                elif not isinstance(event, InternalDispatchEvent):
                    self._recorder.take(event)
                elif type(event).__name__ == "UnhandledEvent":  # of newer releases
                    self._check_answer(event)
                # The internal events tell when steps begin and end.
                if paused is not None or not (waiting or questions) or handler.is_done() or not await _settled(state):
                    continue
                if waiting:
                    self._send(waiting, state)
                    waiting = ()
                elif not handler.is_done():
                    paused = Paused(*await self._saved(state, questions[0]), questions)
                    await handler.cancel_run()  # what came before is still to be read
            if paused is not None:
                return paused
            return await handler
        finally:
            cut = not handler.is_done()
            if cut:
                await handler.cancel_run()
            if cut or paused is not None:
                # Read the outcome, which is the cancellation itself, or asyncio reports it as lost.
                with contextlib.suppress(Exception):
                    await handler

    async def _answered(self, question: Question, state: Context) -> bool:
        """Have a question answered in this run; tell whether anybody does."""
        ask = user_input()
        if ask is None:
            return False
        self._recorder.waits(question)
        answer = await ask(InputRequest(prompt=question.prompt, source=self._name, request_id=question.id))
        self._send([response(self._respond, question, answer)], state)
        return True

    def _send(self, events: Sequence[Event], state: Context) -> None:
        for event in events:
            self._sent.add(type(event).__name__)
            state.send_event(event)

    def _check_answer(self, unhandled: Any) -> None:
        """Refuse an answer that no step takes: the run would wait for another one for ever."""
        if unhandled.event_type in self._sent:
            raise ValueError(
                f"no step of agent {self._name!r} waits for the answer, which is of type {unhandled.event_type}; pass "
                "respond=lambda question, answer: ... which makes what they wait for"
            )

    async def _saved(self, state: Context, question: Question) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        from llama_index.core.workflow import JsonSerializer

        messages = [] if self._conversation is None else await self._conversation(state)
        try:
            return json.loads(json.dumps(state.to_dict(serializer=JsonSerializer()))), messages
        except (TypeError, ValueError) as error:
            raise RuntimeError(
                f"agent {self._name!r} asks ({question.prompt}), but cannot wait for the answer, because its state is "
                f"not JSON: {error}; keep text, numbers, lists, dictionaries and pydantic objects in its context, or "
                "answer while it runs, with hubbub_core.user_input.answer_with"
            ) from error


async def _settled(state: Context) -> bool:
    """Tell whether no step runs or is about to: an event takes a few turns of the event loop on its way to a step."""
    for _ in range(_TURNS):
        if await state.running_steps():
            return False
        await asyncio.sleep(0)
    return True


def _tells_answers_apart(saved: Mapping[str, Any]) -> bool:
    """Tell whether steps of a saved run wait for answers with certain fields.

    A saved run does not hold which fields. Its steps say so again when it goes on, and until then LlamaIndex would give
    any of them the first answer.
    """
    workers: Mapping[str, Any] = saved["workers"]
    return any(waiter["has_requirements"] for worker in workers.values() for waiter in worker["collected_waiters"])
