"""Agents made from a function: the way to get results out of a runtime."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, Protocol, TypeVar

from ._agent_id import AgentId
from ._agent_instantiation import AgentInstantiationContext
from ._agent_runtime import AgentRuntime
from ._agent_type import AgentType
from ._base_agent import BaseAgent, bind_subscriptions
from ._cancellation_token import CancellationToken
from ._handled_types import member_types, resolve_hints
from ._message_context import MessageContext
from ._serialization import try_get_known_serializers_for_type
from ._subscription import Subscription
from ._topic import TopicId
from ._type_prefix_subscription import TypePrefixSubscription
from .exceptions import CantHandleException

T = TypeVar("T")
UnknownTypePolicy = Literal["error", "warn", "ignore"]


class ClosureContext(Protocol):
    """What a closure can do: it is the first argument of its calls."""

    @property
    def id(self) -> AgentId:
        """The closure agent's address."""
        ...

    async def send_message(
        self,
        message: Any,
        recipient: AgentId,
        *,
        cancellation_token: CancellationToken | None = None,
        message_id: str | None = None,
    ) -> Any:
        """Send a message to an agent and return its reply."""
        ...

    async def publish_message(
        self, message: Any, topic_id: TopicId, *, cancellation_token: CancellationToken | None = None
    ) -> None:
        """Publish a message to a topic."""
        ...


Closure = Callable[[ClosureContext, T, MessageContext], Awaitable[Any]]
"""`async def closure(agent: ClosureContext, message: T, ctx: MessageContext)`."""


def _message_types(closure: Closure[Any]) -> tuple[Any, ...]:
    name = getattr(closure, "__qualname__", repr(closure))
    parameters = list(inspect.signature(closure).parameters)
    if len(parameters) != 3:
        raise AssertionError(f"a closure takes (agent, message, ctx); {name} takes ({', '.join(parameters)})")
    # A callable object or a partial keeps its hints on the function inside.
    hinted = closure if inspect.isroutine(closure) else type(closure).__call__
    hints = resolve_hints(hinted)
    message = parameters[1]
    if message not in hints:
        raise AssertionError(f"annotate the parameter {message!r} of closure {name} with the message types it takes")
    return member_types(hints[message], f"the message of closure {name}")


class ClosureAgent(BaseAgent, ClosureContext):
    """An agent that hands its messages to a function (spec: 001 L1957).

    Args:
        description: One line on what the agent does.
        closure: The function. Its message types are those its second parameter is annotated with; `Any` takes all.
        unknown_type_policy: What becomes of other messages: `error` raises CantHandleException, `warn` warns and drops
            the message, `ignore` calls the closure anyway.

    Raises:
        RuntimeError: It is not made by a factory of a runtime.
        AssertionError: The closure's signature is not as described.
    """

    def __init__(
        self,
        description: str,
        closure: Closure[T],
        *,
        unknown_type_policy: UnknownTypePolicy = "warn",
    ) -> None:
        if not AgentInstantiationContext.is_in_factory_call():
            raise RuntimeError("a ClosureAgent is made in a factory of a runtime: use ClosureAgent.register_closure()")
        super().__init__(description)
        self._closure: Closure[Any] = closure
        self._message_types = _message_types(closure)
        self._unknown_type_policy = unknown_type_policy

    async def on_message_impl(self, message: Any, ctx: MessageContext) -> Any:
        """Call the closure."""
        if (
            self._unknown_type_policy != "ignore"
            and type(message) not in self._message_types
            and Any not in self._message_types
        ):
            expected = ", ".join(getattr(each, "__name__", str(each)) for each in self._message_types)
            text = f"closure agent {self.id} takes {expected}, but got a {type(message).__name__}"
            if self._unknown_type_policy == "error":
                raise CantHandleException(text)
            warnings.warn(f"{text}; the message is dropped", stacklevel=1)
            return None
        return await self._closure(self, message, ctx)

    async def save_state(self) -> Mapping[str, Any]:
        """Return `{}`: a closure agent has no state."""
        return {}

    async def load_state(self, state: Mapping[str, Any]) -> None:
        """Do nothing."""

    @classmethod
    async def register_closure(
        cls,
        runtime: AgentRuntime,
        type: str,
        closure: Closure[T],
        *,
        unknown_type_policy: UnknownTypePolicy = "warn",
        skip_direct_message_subscription: bool = False,
        description: str = "",
        subscriptions: Callable[[], list[Subscription] | Awaitable[list[Subscription]]] | None = None,
    ) -> AgentType:
        """Register a function as an agent type.

        Args:
            runtime: Where to register.
            type: The agent type.
            closure: The function.
            unknown_type_policy: See the class.
            skip_direct_message_subscription: Leave out the subscription to topic types that start with `type:`.
            description: One line on what the agent does.
            subscriptions: Makes the subscriptions; `DefaultSubscription()` inside finds its agent type.

        Raises:
            AssertionError: The closure's signature is not as described.
            ValueError: The type exists already, or a subscription does.
        """
        message_types = _message_types(closure)

        def make() -> ClosureAgent:
            return ClosureAgent(description, closure, unknown_type_policy=unknown_type_policy)

        agent_type = await runtime.register_factory(AgentType(type), make, expected_class=ClosureAgent)
        if subscriptions is not None:
            for subscription in await bind_subscriptions(subscriptions, agent_type):
                await runtime.add_subscription(subscription)
        if not skip_direct_message_subscription:
            await runtime.add_subscription(TypePrefixSubscription(f"{agent_type.type}:", agent_type))
        for message_type in message_types:
            runtime.add_message_serializer(try_get_known_serializers_for_type(message_type))
        return agent_type
