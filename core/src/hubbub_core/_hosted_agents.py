"""The agents that live in a runtime: registered types, their instances, and how an instance is made."""

from __future__ import annotations

import asyncio
import inspect
import warnings
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any

from . import _event_log as event_log
from ._agent import Agent
from ._agent_id import AgentId
from ._agent_instantiation import INSTANTIATION
from ._base_agent import BaseAgent
from .exceptions import AgentHasNoInstanceError, UnknownAgentTypeError

if TYPE_CHECKING:
    from ._agent_runtime import AgentRuntime

AgentFactory = Callable[[], "Agent | Awaitable[Agent]"]
"""Makes an agent; asynchronous factories return an awaitable."""


class HostedType:
    """One registered agent type and its instances by key."""

    __slots__ = ("expected_class", "factory", "in_making", "instance_class", "instances", "known_class", "name")

    def __init__(self, name: str, factory: AgentFactory | None, expected_class: type[Any] | None) -> None:
        self.name = name
        self.factory = factory
        """None for a type that consists of registered instances only."""
        self.expected_class = expected_class
        self.instance_class: type[Any] | None = None
        self.known_class: type[Any] | None = None
        """What the factory made last and need not be looked at again: asking for a protocol's class takes its time."""
        self.instances: dict[str, Agent] = {}
        self.in_making: dict[str, AgentInMaking] = {}
        """Agents whose asynchronous factory is still at work: everybody who needs one waits for the same."""


class AgentInMaking:
    """An agent that takes waiting to make, and those who wait for it, in the order they came.

    It stays in the making until all of them were let go: who comes later must not overtake who waited.
    """

    __slots__ = ("task", "waiters")

    def __init__(self) -> None:
        self.task: asyncio.Task[None] | None = None
        self.waiters: list[asyncio.Future[Agent]] = []

    async def wait(self) -> Agent:
        """Wait for the agent. Whoever gives up leaves it to the others and to later messages."""
        waiter: asyncio.Future[Agent] = asyncio.get_running_loop().create_future()
        self.waiters.append(waiter)
        return await waiter

    def release(self, agent: Agent) -> bool:
        """Let everybody go who waits; return whether there was somebody."""
        waiters, self.waiters = self.waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(agent)
        return bool(waiters)

    def fail(self, error: BaseException) -> None:
        """Give everybody who waits the factory's error."""
        for waiter in self.waiters:
            if not waiter.done():
                if isinstance(error, asyncio.CancelledError):
                    waiter.cancel()
                else:
                    waiter.set_exception(error)


class HostedAgents:
    """All agent types and agents of a runtime. An agent is made at most once per id, by the first who needs it."""

    def __init__(self, runtime: AgentRuntime) -> None:
        self._runtime = runtime
        self.types: dict[str, HostedType] = {}

    def add_type(self, name: str, factory: Callable[..., Any], expected_class: type[Any] | None) -> None:
        """Register a factory.

        Raises:
            ValueError: The type exists already, or the factory takes arguments.
        """
        if name in self.types:
            raise ValueError(f"Agent with type {name!r} already exists.")
        required = _required_arguments(factory)
        if len(required) == 2:
            factory = _without_arguments(name, factory)
        elif required:
            raise ValueError(
                f"the factory of agent type {name!r} is called without arguments, but takes ({', '.join(required)});"
                " read the runtime and the id from AgentInstantiationContext"
            )
        self.types[name] = HostedType(name, factory, expected_class)

    async def add_instance(self, agent: Agent, agent_id: AgentId) -> None:
        """Register an agent that exists already.

        Raises:
            ValueError: The id exists, its type has a factory, or other instances are of another class.
            RuntimeError: The agent is bound elsewhere.
        """
        hosted = self.types.get(agent_id.type)
        if hosted is not None:
            if hosted.factory is not None:
                raise ValueError(
                    f"agent type {agent_id.type!r} has a factory: factories and instances cannot share a type"
                )
            if agent_id.key in hosted.instances:
                raise ValueError(f"Agent with id {agent_id} already exists.")
            if hosted.instance_class is not type(agent):
                expected = hosted.instance_class.__name__ if hosted.instance_class is not None else "another class"
                raise ValueError(
                    f"Agent instances must be of the same object type: {agent_id.type!r} has instances of {expected},"
                    f" not {type(agent).__name__}"
                )
        await agent.bind_id_and_runtime(agent_id, self._runtime)
        hosted = self.types.setdefault(agent_id.type, HostedType(agent_id.type, None, None))
        hosted.instance_class = type(agent)
        hosted.instances[agent_id.key] = agent

    def hosted_type(self, agent_type: str) -> HostedType:
        """Return a registered type.

        Raises:
            UnknownAgentTypeError: It is not registered.
        """
        hosted = self.types.get(agent_type)
        if hosted is None:
            raise UnknownAgentTypeError(agent_type, tuple(self.types))
        return hosted

    def get_nowait(self, agent_id: AgentId) -> Agent | None:
        """Return an agent, made if its factory is synchronous; None if making it takes waiting.

        Raises:
            UnknownAgentTypeError: Its type is not registered.
            AgentHasNoInstanceError: Its type has instances only, and not this one.
            Exception: Whatever the factory raised.
        """
        hosted = self.hosted_type(agent_id.type)
        key = agent_id.key
        agent = hosted.instances.get(key)
        if agent is not None or key in hosted.in_making:
            return agent
        if hosted.factory is None:
            raise AgentHasNoInstanceError(str(agent_id))
        token = INSTANTIATION.set((self._runtime, agent_id))
        try:
            made: Any = hosted.factory()
            if type(made) is not hosted.known_class:
                if isinstance(made, Awaitable):
                    self._finish_making(hosted, agent_id, made)
                    return None
                self._check_class(hosted, made)
                if isinstance(made, BaseAgent):
                    hosted.known_class = type(made)
        except Exception as exc:
            event_log.log_construction_error(agent_id, exc)
            raise
        finally:
            INSTANTIATION.reset(token)
        # Other agents are told of their id, and so are those that the factory made for another id, or for none.
        if type(made) is not hosted.known_class or getattr(made, "_id", None) is not agent_id:
            self._finish_making(hosted, agent_id, _already(made))
            return None
        new: Agent = made
        hosted.instances[key] = new
        return new

    async def get(self, agent_id: AgentId) -> Agent:
        """Return an agent, made if it does not exist yet; errors as `get_nowait`."""
        agent = self.get_nowait(agent_id)
        if agent is None:
            agent = await self.types[agent_id.type].in_making[agent_id.key].wait()
        return agent

    def existing(self) -> Iterator[tuple[AgentId, Agent]]:
        """Iterate over a snapshot of all agents made so far."""
        for hosted in list(self.types.values()):
            for key, agent in list(hosted.instances.items()):
                yield AgentId(hosted.name, key), agent

    def in_making(self) -> list[asyncio.Task[None]]:
        """Return the tasks of the running asynchronous factories."""
        return [making.task for hosted in self.types.values() for making in hosted.in_making.values() if making.task]

    def _finish_making(self, hosted: HostedType, agent_id: AgentId, product: Awaitable[Agent]) -> None:
        making = hosted.in_making[agent_id.key] = AgentInMaking()

        async def make() -> None:
            INSTANTIATION.set((self._runtime, agent_id))
            try:
                agent = await product
                self._check_class(hosted, agent)
                # Binding is refused if the factory handed out an agent that lives elsewhere already.
                await agent.bind_id_and_runtime(agent_id, self._runtime)
                # Those let go run before this goes on; more may have come by then.
                while making.release(agent):  # noqa: ASYNC110 # nothing is polled: one round of the loop is what it takes
                    await asyncio.sleep(0)
                hosted.instances[agent_id.key] = agent
            except GeneratorExit:
                raise
            except BaseException as exc:
                if isinstance(exc, Exception):
                    event_log.log_construction_error(agent_id, exc)
                making.fail(exc)
                # Those who wait have it; only what ends the task or the program goes on.
                if isinstance(exc, (asyncio.CancelledError, KeyboardInterrupt, SystemExit)):
                    raise
            finally:
                del hosted.in_making[agent_id.key]

        making.task = asyncio.get_running_loop().create_task(make())

    @staticmethod
    def _check_class(hosted: HostedType, agent: Any) -> None:
        expected = hosted.expected_class
        if expected is not None and not isinstance(agent, expected):
            raise ValueError(
                f"the factory of agent type {hosted.name!r} made a {type(agent).__name__}; expected a"
                f" {expected.__name__}"
            )


def _without_arguments(name: str, factory: Callable[[Any, AgentId], Any]) -> Callable[[], Any]:
    warnings.warn(
        f"the factory of agent type {name!r} takes (runtime, agent_id): such factories are deprecated, use"
        " AgentInstantiationContext inside a factory without arguments",
        DeprecationWarning,
        stacklevel=4,
    )

    def call() -> Any:
        instantiation = INSTANTIATION.get()
        assert instantiation is not None  # factories are only called with it set
        return factory(*instantiation)

    return call


async def _already(agent: Agent) -> Agent:
    return agent


def _required_arguments(factory: Callable[..., Any]) -> list[str]:
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError):
        # Some built-in callables show no signature; calling them is the only way to know.
        return []
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [each.name for each in parameters if each.default is each.empty and each.kind not in variadic]
