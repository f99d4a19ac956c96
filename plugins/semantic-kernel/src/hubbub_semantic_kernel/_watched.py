"""What OpenAI's and Azure's service tell of a run and agents of Semantic Kernel keep to themselves."""

from __future__ import annotations

import asyncio
import contextlib
import warnings
from collections.abc import Awaitable, Callable
from importlib import import_module
from types import TracebackType
from typing import Any, Final, Self

from semantic_kernel.agents.agent import Agent
from semantic_kernel.contents.annotation_content import AnnotationContent
from semantic_kernel.exceptions.agent_exceptions import AgentInvokeException

from hubbub_core.models import FinishReasons, RequestUsage

from ._kinds import ASSISTANT, AZURE_AI, RESPONSES, is_a
from .messages import usage_of

_STREAMS: Final = ("beta.threads.runs.stream", "beta.threads.runs.submit_tool_outputs_stream")
_AWAITED: Final = ("responses.create", "responses.retrieve", "agents.runs.stream")
_OPENAI_CONTENTS: Final = "semantic_kernel.agents.open_ai.assistant_content_generation"
_AZURE_CONTENTS: Final = "semantic_kernel.agents.azure_ai.agent_content_generation"
_BROKEN_OFF: Final = ("failed", "cancelled", "expired")
_OVER: Final = (*_BROKEN_OFF, "completed", "incomplete")
_CANCEL_SECONDS: Final = 5.0
_LOOK_SECONDS: Final = 0.2

Look = Callable[[Any], None]


class Watch:
    """Follows one run of an agent; of other agents than those of OpenAI and Azure there is nothing to see.

    Args:
        agent: The agent; it is not changed.
    """

    def __init__(self, agent: Agent) -> None:
        self.name = agent.name
        self._client: Any = None
        self._run: Any = None
        self._failure: str | None = None
        self._working = False
        self._unanswered: list[str] = []
        self.agent = agent
        """The agent to invoke."""
        self.usage: RequestUsage | None = None
        """The tokens of the whole run; None where nobody told."""
        self.reason: FinishReasons | None = None
        """Why the answer ends where it does, where that is not known otherwise."""
        self.annotations: list[AnnotationContent] = []
        """Where the answer comes from; in a stream, Semantic Kernel leaves it out."""
        self.refusal = ""
        """What the model said in place of an answer; Semantic Kernel leaves it out."""
        self._azure = is_a(agent, AZURE_AI)
        if self._azure or is_a(agent, ASSISTANT) or is_a(agent, RESPONSES):
            owner: Any = agent
            self._client = owner.client
            self.agent = agent.model_copy(update={"client": _Client(owner.client, self._look)})

    def check(self) -> None:
        """Raise what the service has told and Semantic Kernel has not.

        Raises:
            AgentInvokeException: The run has broken off, or ended without an answer.
        """
        if self._failure is not None:
            raise AgentInvokeException(f"the service broke off the run of agent {self.name!r}: {self._failure}")
        if self._working and not self._azure:
            # Azure's client hands over what follows a call in another way, unseen.
            raise AgentInvokeException(f"the stream of agent {self.name!r} ended before its answer")
        if self._unanswered:
            raise AgentInvokeException(
                f"the run of agent {self.name!r} ended with calls of {', '.join(self._unanswered)} and no answer: a "
                "filter ended it, or the limit of its function choice behavior. Semantic Kernel hands over nothing then"
            )

    async def abandon(self) -> None:
        """Cancel the run if the service is still at it; a thread takes no messages while one is active."""
        run = self._run
        if run is None or run.status in _OVER:
            return
        runs = self._client.agents.runs if self._azure else self._client.beta.threads.runs
        look_again = runs.get if self._azure else runs.retrieve
        ids = {"run_id": run.id, "thread_id": run.thread_id}
        # It is over already, or the service is out of reach: whatever ended the run is the error to tell.
        with contextlib.suppress(Exception):
            async with asyncio.timeout(_CANCEL_SECONDS):
                run = await _quiet(lambda: runs.cancel(**ids))
                while run.status not in _OVER:
                    await asyncio.sleep(_LOOK_SECONDS)
                    run = await _quiet(lambda: look_again(**ids))

    def _look(self, item: Any) -> None:
        # Azure's client gives a kind and the data, OpenAI's an object that has them.
        kind, data = item[:2] if isinstance(item, tuple) else (getattr(item, "event", ""), getattr(item, "data", None))
        name = str(getattr(kind, "value", kind))
        if name.startswith("thread.run.") and not name.startswith("thread.run.step."):
            self._run = data
            self._ended(data, data.last_error)
        elif name == "thread.message.completed":
            make = import_module(_AZURE_CONTENTS if self._azure else _OPENAI_CONTENTS).generate_annotation_content
            texts = [part.text for part in data.content if part.type == "text"]
            self.annotations += [make(each) for text in texts for each in text.annotations]
        elif getattr(item, "type", None) == "error":
            self._failure = str(item.message)
        elif getattr(response := getattr(item, "response", item), "object", None) == "response":
            self._ended(response, response.error)
            self._unanswered = [each.name for each in response.output if each.type == "function_call"]
            for part in [part for each in response.output if each.type == "message" for part in each.content]:
                if part.type == "refusal":
                    self.refusal += part.refusal
                else:
                    self.annotations += [AnnotationContent(**each.model_dump()) for each in part.annotations]

    def _ended(self, found: Any, error: Any) -> None:
        """Take what a run or a response tells when it is over."""
        self._working = found.status not in _OVER
        if self._working:
            return
        if found.usage is not None:
            told, before = usage_of(found.usage), self.usage or RequestUsage(0, 0)
            self.usage = RequestUsage(
                before.prompt_tokens + told.prompt_tokens, before.completion_tokens + told.completion_tokens
            )
        if found.status in _BROKEN_OFF:
            self._failure = found.status if error is None else f"{error.code}: {error.message}"
        elif found.status == "incomplete":
            why = getattr(found.incomplete_details, "reason", None)
            self.reason = "content_filter" if why == "content_filter" else "length"


class _Client:
    """A client of OpenAI, or a part of one, whose answers are looked at as they pass by."""

    def __init__(self, part: Any, look: Look, path: str = "") -> None:
        self._part = part
        self._look = look
        self._path = path

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._part, name)
        path = f"{self._path}.{name}".lstrip(".")
        if path in _AWAITED:
            return self._awaited(found)
        if path in _STREAMS:
            return lambda *args, **options: _Events(found(*args, **options), self._look)
        if any(whole.startswith(f"{path}.") for whole in (*_AWAITED, *_STREAMS)):
            return _Client(found, self._look, path)
        return found

    def _awaited(self, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def awaited(*args: Any, **options: Any) -> Any:
            answer = await call(*args, **options)
            if hasattr(answer, "__aenter__"):
                return _Events(answer, self._look)
            self._look(answer)
            return answer

        return awaited


class _Events:
    """A stream of events, entered as the one that it stands for."""

    def __init__(self, manager: Any, look: Look) -> None:
        self._manager = manager
        self._stream: Any = None
        self._look = look

    async def __aenter__(self) -> Self:
        self._stream = await self._manager.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> Any:
        return await self._manager.__aexit__(kind, exc, traceback)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        event = await anext(self._stream)
        self._look(event)
        return event


async def _quiet(call: Callable[[], Awaitable[Any]]) -> Any:
    # The SDK warns at the call that the service is going to end, which whoever has such an agent was told already.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        made = call()
    return await made
