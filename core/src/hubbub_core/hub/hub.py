"""A hub: the agents of a hub file in one runtime, given a task."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from pathlib import Path
from typing import Any, TypeGuard

from pydantic import ValidationError

from hubbub_core._adapted import AdaptedAgent, ExchangeAgent
from hubbub_core._agent_id import AgentId
from hubbub_core._base_agent import BaseAgent
from hubbub_core._cancellation_token import CancellationToken
from hubbub_core._message_context import MessageContext
from hubbub_core._routed_agent import RoutedAgent, message_handler
from hubbub_core._single_threaded_agent_runtime import SingleThreadedAgentRuntime
from hubbub_core._topic import TopicId
from hubbub_core._type_subscription import TypeSubscription
from hubbub_core.exchange import AgentAdapter, AgentChunk, AgentResult, AgentTask
from hubbub_core.progress import Progress
from hubbub_registry import (
    ComponentLoader,
    HubbubError,
    adapt,
    allow,
    bound,
    find_component,
    registry,
    validate_component,
)

from .errors import AgentFailedError, HubFileError, HubRunError
from .events import AgentFinished, AgentStarted, ChunkArrived, HubEvent, HubStarted, PartProgress, ResultArrived
from .parts import Parts, end
from .reading import read_hub_file
from .schema import AgentEntry, ComponentEntry, HubFile

COLLECTOR = "hubbub_collector"
"""Agent type that reads chunks and results for the caller of a run."""


class Hub:
    """The agents, models, tools and shared parts of a hub file.

    Args:
        file: What the file holds, placeholders filled in (`read_hub_file`).
        path: The file itself, for errors.
        model: `NAME:ID` in place of the model `default`.
    """

    def __init__(self, file: HubFile, path: Path, *, model: str | None = None) -> None:
        self.file = file
        self.path = path
        self._model = model

    @classmethod
    def from_file(cls, path: Path, *, settings: Mapping[str, str] | None = None, model: str | None = None) -> Hub:
        """Read a hub file.

        Args:
            path: YAML or JSON.
            settings: Values for the variables under `set`.
            model: `NAME:ID` in place of the model `default`: `openai:gpt-4o-mini`, `extractive`.

        Raises:
            HubFileError: Something in the file is missing or wrong.
        """
        return cls(read_hub_file(path, settings), path, model=model)

    @classmethod
    def validate_file(cls, path: Path) -> list[str]:
        """Return what is wrong with a hub file, a line each; nothing is granted, built or started."""
        try:
            cls.from_file(path).check()
        except HubbubError as error:
            return [str(error)]
        return []

    def check(self) -> None:
        """Check that every component is known, every configuration fits, and the task reaches an agent.

        Raises:
            HubFileError: The first thing that is wrong.
        """
        for section in ("models", "tools", "shared", "agents"):
            for name, entry in getattr(self.file, section).items():
                self._check_component(section, name, entry)
        topic = self.file.entry.topic
        heard = sorted({heard for agent in self.file.agents.values() for heard in agent.subscriptions})
        if topic not in heard:
            problem = f"no agent subscribes to {topic!r}; agents subscribe to {', '.join(heard) or 'nothing'}"
            raise HubFileError(self.path, problem, "entry.topic")
        said = {agent.publishes for agent in self.file.agents.values()}
        if None not in said and self.file.result.topic not in said:
            problem = f"no agent publishes to {self.file.result.topic!r}"
            raise HubFileError(self.path, problem, "result.topic")

    def _check_component(self, section: str, name: str, entry: ComponentEntry) -> None:
        where = f"{section}.{name}"
        try:
            spec = find_component(entry.component)
        except HubbubError as error:
            raise HubFileError(self.path, str(error), f"{where}.component") from error
        if section == "models" and spec.kind != "model":
            raise HubFileError(self.path, f"{entry.component!r} is a {spec.kind}, not a model", f"{where}.component")
        document = {"provider": spec.provider, "config": entry.config}
        for place, problem in validate_component(registry(), document, (section, name)):
            # In a hub file the provider is written as `component`.
            raise HubFileError(self.path, problem, place.replace(f"{where}.provider", f"{where}.component"))

    async def run(
        self, task: str, *, cancellation_token: CancellationToken | None = None
    ) -> AsyncGenerator[HubEvent, None]:
        """Give the hub a task and follow its work.

        The run ends when no message is queued or handled any more. Whatever way it ends, the parts it started are
        stopped before this generator ends; closing the generator ends the run.

        Yields:
            Events as they happen; every `ResultArrived` is an answer.

        Raises:
            AgentFailedError: An agent raised; the run is stopped there.
            HubRunError: The hub became idle without a result.
            HubbubError: A part cannot be built or started.
        """
        events: asyncio.Queue[HubEvent | None] = asyncio.Queue()
        token = cancellation_token or CancellationToken()
        run = _Run(self, events.put_nowait, token)
        driver = asyncio.create_task(run.drive(task), name=f"hub {self.file.name}")
        driver.add_done_callback(lambda _: events.put_nowait(None))
        try:
            while (event := await events.get()) is not None:
                yield event
        finally:
            if not driver.done():
                token.cancel()
                driver.cancel()
            await asyncio.wait([driver])
        if driver.cancelled():
            raise asyncio.CancelledError(f"the run of hub {self.file.name!r} was cancelled")
        driver.result()

    def make_parts(self) -> Parts:
        """Make the hub's parts, with `--model` in the place of the model `default`."""
        parts = Parts(self.path, self.file)
        if self._model is not None:
            parts.replace("models.default", load_model(self._model))
        return parts


class _Run:
    """One run of a hub."""

    def __init__(self, hub: Hub, tell: Callable[[HubEvent], None], token: CancellationToken) -> None:
        self._hub = hub
        self._file = hub.file
        self._tell = tell
        self._token = token
        self._results = 0
        self._adapted: list[tuple[str, Any]] = []
        self._failed: asyncio.Future[AgentFailedError] = asyncio.get_running_loop().create_future()
        self._loop = asyncio.get_running_loop()

    async def drive(self, task: str) -> None:
        self._tell(HubStarted(self._file.name, tuple(self._file.agents), tuple(self._file.grants)))
        with allow(*self._file.grants):
            parts = self._hub.make_parts()
            runtime = SingleThreadedAgentRuntime()
            try:
                await parts.start(self._progress)
                await self._register(runtime, parts)
                await self._deliver(runtime, task)
            finally:
                # Handlers that still run hold parts, so they end first.
                self._token.cancel()
                try:
                    await runtime.close()
                finally:
                    for name, built in self._adapted:
                        await end(name, built)
                    await parts.stop()
        if not self._results:
            topic = self._file.result.topic
            raise HubRunError(
                f"hub {self._file.name!r} came to rest without a result: nothing was published to {topic!r}"
            )

    async def _register(self, runtime: SingleThreadedAgentRuntime, parts: Parts) -> None:
        for name, entry in self._file.agents.items():
            await runtime.register_factory(name, self._factory(name, entry, parts))
            for topic in entry.subscriptions:
                await runtime.add_subscription(TypeSubscription(topic, name))
        await _Collector.register(runtime, COLLECTOR, lambda: _Collector(self._chunk, self._result))
        await runtime.add_subscription(TypeSubscription(self._file.result.topic, COLLECTOR))
        runtime.add_observer(_Watcher(self._tell, self._fail))

    def _factory(self, name: str, entry: AgentEntry, parts: Parts) -> Callable[[], BaseAgent]:
        def build() -> BaseAgent:
            # The runtime may call this from a task that was started outside the hub's own blocks.
            with allow(*self._file.grants), bound(parts):
                try:
                    built = ComponentLoader.load_component(
                        {"provider": entry.component, "config": entry.config}, object
                    )
                    agent = as_agent(built, entry.summary or name, entry.publishes)
                    if agent is not built and not is_adapter(built):
                        # The runtime closes agents and their adapters; what was adapted, such as a team, is left open.
                        self._adapted.append((name, built))
                    return agent
                except Exception as error:
                    self._fail(name, error)
                    raise

        return build

    async def _deliver(self, runtime: SingleThreadedAgentRuntime, task: str) -> None:
        runtime.start()
        for key in self._file.entry.keys:
            await runtime.publish_message(
                AgentTask.from_text(task, reply_to=self._file.result.topic),
                TopicId(self._file.entry.topic, key),
                cancellation_token=self._token,
            )
        idle = asyncio.ensure_future(runtime.stop_when_idle())
        try:
            waiting: list[asyncio.Future[Any]] = [idle, self._failed]
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if self._failed.done():
                raise self._failed.result()
            await idle
        finally:
            idle.cancel()
            await asyncio.wait([idle])

    def _fail(self, agent: str, error: BaseException) -> None:
        if not self._failed.done():
            failure = AgentFailedError(agent, error)
            failure.__cause__ = error
            self._failed.set_result(failure)

    def _progress(self, part: str, report: Progress) -> None:
        event = PartProgress(part, report.text, report.done, report.total)
        # Parts work in threads too; the loop's own thread keeps the order of events.
        self._loop.call_soon_threadsafe(self._tell, event)

    def _chunk(self, sender: AgentId | None, chunk: AgentChunk) -> None:
        agent, key = (sender.type, sender.key) if sender is not None else (chunk.source, "default")
        self._tell(ChunkArrived(agent, key, chunk))

    def _result(self, sender: AgentId | None, result: AgentResult) -> None:
        self._results += 1
        agent, key = (sender.type, sender.key) if sender is not None else (result.source, "default")
        self._tell(ResultArrived(agent, key, result))


class _Collector(RoutedAgent):
    """Hands what is published on the result topic to the run."""

    def __init__(
        self,
        on_chunk: Callable[[AgentId | None, AgentChunk], None],
        on_result: Callable[[AgentId | None, AgentResult], None],
    ) -> None:
        super().__init__("Reads the hub's chunks and results")
        self._on_chunk = on_chunk
        self._on_result = on_result

    @message_handler
    async def on_chunk(self, message: AgentChunk, ctx: MessageContext) -> None:
        self._on_chunk(ctx.sender, message)

    @message_handler
    async def on_result(self, message: AgentResult, ctx: MessageContext) -> None:
        self._on_result(ctx.sender, message)


class _Watcher:
    """Observes deliveries: who works, and who failed."""

    def __init__(self, tell: Callable[[HubEvent], None], fail: Callable[[str, BaseException], None]) -> None:
        self._tell = tell
        self._fail = fail
        self._began: dict[tuple[int, AgentId], float] = {}

    def delivery_started(self, agent_id: AgentId, message: Any, context: MessageContext) -> None:
        if agent_id.type == COLLECTOR:
            return
        # All recipients of one published message share its context.
        self._began[id(context), agent_id] = time.perf_counter()
        self._tell(AgentStarted(agent_id.type, agent_id.key, type(message).__name__))

    def delivery_finished(
        self, agent_id: AgentId, message: Any, context: MessageContext, error: BaseException | None
    ) -> None:
        if agent_id.type == COLLECTOR:
            return
        seconds = time.perf_counter() - self._began.pop((id(context), agent_id))
        self._tell(AgentFinished(agent_id.type, agent_id.key, seconds))
        # The error of a request belongs to whoever asked, who may well handle it.
        if error is not None and not context.is_rpc and not isinstance(error, asyncio.CancelledError):
            self._fail(agent_id.type, error)


def as_agent(built: Any, description: str, publishes: str | None) -> BaseAgent:
    """Turn what an agent component built into an agent of the runtime.

    Args:
        built: An agent of the runtime, an `AgentAdapter`, an `AdaptedAgent`, or anything a plugin adapts to one.
        description: Used where the agent has none of its own.
        publishes: Topic type of its results.
    """
    if isinstance(built, BaseAgent):
        return built
    if not isinstance(built, AdaptedAgent) and not is_adapter(built):
        built = adapt(built, to="agent")
    if isinstance(built, BaseAgent):
        return built
    adapter = built.new_adapter() if isinstance(built, AdaptedAgent) else built
    return ExchangeAgent(adapter, description, publishes)


def is_adapter(built: Any) -> TypeGuard[AgentAdapter]:
    """Tell whether what a component built implements `AgentAdapter`."""
    # Teams and graphs have a `run` too; an adapter is what declares itself one, or takes a task and a context.
    if not isinstance(built, AgentAdapter):
        return False
    parameters = list(inspect.signature(built.run).parameters)
    return parameters[:2] == ["task", "context"]


def load_model(model: str) -> Any:
    """Build a model client from `NAME:ID`, such as `openai:gpt-4o-mini`; some components need no ID.

    Raises:
        HubbubError: The component is unknown or is not a model, or what it needs (a key, say) is missing.
    """
    name, _, model_id = model.partition(":")
    spec = find_component(name)
    if spec.kind != "model":
        raise ModelError(
            model, f"{name!r} is a {spec.kind}, not a model; `hubbub components list --kind model` has them"
        )
    from_model_id = getattr(registry().component_class(spec.provider)[0], "from_model_id", None)
    if not model_id:
        try:
            return ComponentLoader.load_component({"provider": spec.provider, "config": {}}, object)
        except ValidationError as error:
            if from_model_id is None:
                raise
            raise ModelError(model, f"{name!r} needs a model ID; write --model {name}:ID") from error
    if from_model_id is None:
        raise ModelError(model, f"{name!r} takes no model ID; write --model {name}")
    try:
        return from_model_id(model_id)
    except HubbubError:
        raise
    except ValueError as error:
        raise ModelError(model, str(error)) from error


class ModelError(HubbubError, ValueError):
    """`--model` names no usable model."""

    def __init__(self, model: str, problem: str) -> None:
        self.model = model
        super().__init__(f"--model {model}: {problem}")
