"""A run of a component file: an agent or team as `dump_component()` writes it, given a task."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hubbub_core._adapted import AdaptedAgent
from hubbub_core._base_agent import BaseAgent
from hubbub_core._cancellation_token import CancellationToken
from hubbub_core.exchange import AgentResult, AgentTask
from hubbub_registry import (
    CapabilityError,
    ComponentLoader,
    HubbubError,
    NoAdapterError,
    adapt,
    allow,
    bound,
    find_component,
    registry,
    validate_component,
)

from .errors import AgentFailedError, HubFileError, HubRunError, one_line
from .events import AgentFinished, ChunkArrived, HubEvent, ResultArrived, RunStarted
from .hub import is_adapter, load_model
from .parts import end

MODEL = "models.default"
"""Name under which `--model` is bound in the place of the file's own models."""

_SESSION = "default"


class ComponentRun:
    """An agent or team of a component file.

    Args:
        path: The file, for errors.
        document: What it holds: `provider`, `config` and the rest of a component model.
        grants: Capabilities that loading and running it have.
        model: `NAME:ID` in place of every model of the file.
        cancellation_token: Ends runs.

    Raises:
        HubFileError: A component is unknown, a configuration does not fit, the file has no model to replace.
        HubbubError: What `model` names cannot be built.
    """

    def __init__(
        self,
        path: Path,
        document: Mapping[str, Any],
        *,
        grants: Sequence[str] = (),
        model: str | None = None,
        cancellation_token: CancellationToken | None = None,
    ) -> None:
        self.path = path
        self.grants = tuple(grants)
        self.token = cancellation_token or CancellationToken()
        self._parts: dict[str, Any] = {}
        self._document: Any = dict(document)
        if model is not None:
            self._document = _with_model(self._document)
            if self._document == document:
                raise HubFileError(path, "--model: there is no model in it to replace")
            self._parts[MODEL] = load_model(model)
        for place, problem in validate_component(registry(), self._document):
            raise HubFileError(path, problem, place)
        self.kind = find_component(self._document["provider"]).kind
        self._built: Any = None
        self._agent: AdaptedAgent | None = None

    @property
    def agent(self) -> AdaptedAgent:
        """The agent or team, built on first use.

        Raises:
            HubFileError: It cannot be built, asks for what was not granted, or is nothing that a task can be given to.
        """
        if self._agent is None:
            with allow(*self.grants), bound(self._parts):
                self._agent = self._load()
        return self._agent

    def _load(self) -> AdaptedAgent:
        try:
            built = self._built = ComponentLoader.load_component(self._document, object)
        except CapabilityError as error:
            remedy = f"if you trust it, run it with `--allow {error.capability}`"
            raise HubFileError(
                self.path, f"{error.why} asks for the capability {error.capability!r}; {remedy}"
            ) from error
        except Exception as error:
            raise HubFileError(self.path, one_line(error)) from error
        provider = self._document["provider"]
        if isinstance(built, AdaptedAgent):
            return built
        if is_adapter(built):
            name = str(self._document.get("label") or getattr(built, "name", "") or type(built).__name__)
            return AdaptedAgent(lambda: built, name=name)
        if isinstance(built, BaseAgent):
            problem = f"{provider} is an agent of the runtime, which needs a hub file to say what it listens to"
            raise HubFileError(self.path, problem)
        try:
            adapted: AdaptedAgent = adapt(built, to="agent")
        except NoAdapterError as error:
            problem = f"{provider} is a {self.kind}, not an agent or team that can be given a task"
            raise HubFileError(self.path, problem) from error
        return adapted

    async def load_state(self, path: Path) -> None:
        """Take up the state that `save_state` wrote.

        Raises:
            HubFileError: The file cannot be read, or holds no state.
        """
        state = _read_state(path)
        try:
            await self.agent.load_state({_SESSION: state})
        except Exception as error:
            raise HubFileError(path, one_line(error)) from error
        kept = (await self.agent.save_state()).get(_SESSION)
        # Agents read what they know of a file and ignore the rest; at its end the run would write over the file.
        # The state of another class may do, such as that of an agent that kept none when it was saved.
        if kept and state.get("type") != kept.get("type") and not state.keys() <= kept.keys():
            problem = f"holds no state of {self.kind} {self.agent.name!r}, which has {', '.join(kept)}"
            raise HubFileError(path, f"{problem}; it has {', '.join(state)}")

    async def state(self) -> str | None:
        """Return the state as JSON text, in the shape that the agent's or team's own `save_state` has.

        Returns:
            None when there is nothing to save: it was not run, or keeps no state.
        """
        state = (await self.agent.save_state()).get(_SESSION)
        return json.dumps(state, ensure_ascii=False, indent=2) + "\n" if state else None

    async def run(self, task: str | None, *, resumed: bool = False) -> AsyncGenerator[HubEvent, None]:
        """Run it with a task, or go on with the one it has.

        Yields:
            Events as they happen; `ResultArrived` is the last but one.

        Raises:
            AgentFailedError: It raised.
            asyncio.CancelledError: The token was cancelled.
        """
        agent = self.agent
        yield RunStarted(self.kind, agent.name, self.grants, resumed)
        began = time.perf_counter()
        given = AgentTask() if task is None else AgentTask.from_text(task)
        with allow(*self.grants), bound(self._parts):
            stream = agent.run_stream(given, cancellation_token=self.token)
            try:
                async with contextlib.aclosing(stream) as items:
                    async for item in items:
                        if isinstance(item, AgentResult):
                            yield ResultArrived(agent.name, _SESSION, item)
                        else:
                            yield ChunkArrived(item.source, _SESSION, item)
            except HubbubError:
                raise
            except Exception as error:
                # A team's error only passes on what an agent raised, with a traceback as its text.
                cause = error.__cause__ if isinstance(error, RuntimeError) and error.__cause__ else error
                raise AgentFailedError(agent.name, cause) from error
        yield AgentFinished(agent.name, _SESSION, time.perf_counter() - began)

    async def close(self) -> None:
        """Release what it holds."""
        # An adapter leaves open what it was made of, which is the run's own here.
        for part in (self._agent, self._built, *self._parts.values()):
            await end(self.path.name, part)


class InputEndedError(HubRunError):
    """The human's input ended while an agent waited for it."""

    def __init__(self, agent: str) -> None:
        self.agent = agent
        super().__init__(f"the input ended while agent {agent!r} was asked for an answer")


def _read_state(path: Path) -> dict[str, Any]:
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise HubFileError(path, f"holds no state: {one_line(error)}") from error
    if not isinstance(state, dict):
        raise HubFileError(path, "holds no state: that is a JSON object")
    return state


def _with_model(value: Any) -> Any:
    """Return a configuration with a reference in the place of each model, the outermost where they are nested."""
    if isinstance(value, list):
        return [_with_model(item) for item in value]
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("provider"), str) and "config" in value and _is_model(value):
        return {"provider": f"ref:{MODEL}", "config": {}}
    return {key: _with_model(item) for key, item in value.items()}


def _is_model(document: Mapping[str, Any]) -> bool:
    if document.get("component_type") == "model":
        return True  # also one of a plugin that is not installed here
    try:
        return find_component(document["provider"]).kind == "model"
    except HubbubError:
        return False
