"""The base of agents: identity, sending, registration. It handles no message itself."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar, final

from ._agent import Agent
from ._agent_id import AgentId
from ._agent_instantiation import INSTANTIATION
from ._agent_metadata import AgentMetadata
from ._agent_type import AgentType
from ._cancellation_token import CancellationToken
from ._message_context import MessageContext
from ._serialization import MessageSerializer, try_get_known_serializers_for_type
from ._subscription import Subscription
from ._subscription_context import SubscriptionInstantiationContext
from ._topic import TopicId
from ._type_prefix_subscription import TypePrefixSubscription
from ._type_subscription import TypeSubscription

if TYPE_CHECKING:
    from ._agent_runtime import AgentRuntime

AgentT = TypeVar("AgentT", bound="BaseAgent")
UnboundSubscription = Callable[[], "list[Subscription] | Awaitable[list[Subscription]]"]
"""Makes subscriptions for the agent type that `SubscriptionInstantiationContext` names."""


async def bind_subscriptions(unbound: UnboundSubscription, agent_type: AgentType) -> list[Subscription]:
    """Make the subscriptions of an agent type."""
    with SubscriptionInstantiationContext.populate_context(agent_type):
        subscriptions = unbound()
        return await subscriptions if isawaitable(subscriptions) else subscriptions


class BaseAgent(ABC, Agent):
    """An agent with an identity; subclasses implement `on_message_impl` (spec: 001 L1447).

    Made by a factory, it knows its id and runtime from the constructor on; made elsewhere, from `register_instance` on.

    Args:
        description: One line on what the agent does.

    Raises:
        ValueError: The description is not text.
    """

    _class_subscriptions: ClassVar[tuple[UnboundSubscription, ...]] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # Subscriptions of a class are its own: a subclass does not inherit them (spec: newer N-019).
        cls._class_subscriptions = ()

    def __init__(self, description: str) -> None:
        if not isinstance(description, str):
            raise ValueError(f"the description of an agent is text, not {description!r}")
        self._description = description
        instantiation = INSTANTIATION.get()
        if instantiation is not None:
            self._runtime, self._id = instantiation

    @property
    def metadata(self) -> AgentMetadata:
        """Type, key and description."""
        return AgentMetadata(type=self.id.type, key=self.id.key, description=self._description)

    @property
    def type(self) -> str:
        """The agent type."""
        return self.id.type

    @property
    def id(self) -> AgentId:
        """The agent's address.

        Raises:
            RuntimeError: The agent is in no runtime yet.
        """
        try:
            return self._id
        except AttributeError:
            raise RuntimeError(self._unbound_text()) from None

    @property
    def runtime(self) -> AgentRuntime:
        """The runtime that the agent lives in.

        Raises:
            RuntimeError: The agent is in no runtime yet.
        """
        try:
            return self._runtime
        except AttributeError:
            raise RuntimeError(self._unbound_text()) from None

    def _unbound_text(self) -> str:
        return (
            f"this {type(self).__name__} is in no runtime yet, so it has no id: register a factory that makes it, or"
            " call `await agent.register_instance(runtime, agent_id)`"
        )

    async def bind_id_and_runtime(self, id: AgentId, runtime: AgentRuntime) -> None:
        """Attach the agent to a runtime under an id.

        Raises:
            RuntimeError: It is attached already, elsewhere or under another id.
        """
        bound_id: AgentId = getattr(self, "_id", id)
        if bound_id != id:
            raise RuntimeError(f"agent {bound_id} cannot be bound to {id}: it is already bound to a different id")
        if getattr(self, "_runtime", runtime) is not runtime:
            raise RuntimeError(f"agent {bound_id} is already bound to a different runtime")
        self._id = id
        self._runtime = runtime

    # Not `async def`: the coroutine of on_message_impl is handed on, one less to go through for each message.
    @final
    def on_message(self, message: Any, ctx: MessageContext) -> Coroutine[Any, Any, Any]:
        """Handle a message. Called by the runtime; subclasses implement `on_message_impl`."""
        return self.on_message_impl(message, ctx)

    @abstractmethod
    async def on_message_impl(self, message: Any, ctx: MessageContext) -> Any:
        """Handle a message and return the reply, or None.

        Raises:
            CantHandleException: The agent cannot handle this message.
        """

    # Not `async def` for the same reason: what it hands on is to be awaited as it is.
    def send_message(
        self,
        message: Any,
        recipient: AgentId,
        *,
        cancellation_token: CancellationToken | None = None,
        message_id: str | None = None,
    ) -> Coroutine[Any, Any, Any]:
        """Send a message to an agent, this one included, and return its reply; see `AgentRuntime.send_message`."""
        return self.runtime.send_message(
            message,
            recipient,
            sender=self.id,
            cancellation_token=cancellation_token,
            message_id=message_id,
        )

    async def publish_message(
        self, message: Any, topic_id: TopicId, *, cancellation_token: CancellationToken | None = None
    ) -> None:
        """Publish a message to all agents subscribed to a topic, except this one."""
        await self.runtime.publish_message(message, topic_id, sender=self.id, cancellation_token=cancellation_token)

    async def save_state(self) -> Mapping[str, Any]:
        """Return the agent's state as JSON values; a subclass with a state overrides this."""
        warnings.warn(f"{type(self).__name__} does not implement save_state: nothing is saved", stacklevel=2)
        return {}

    async def load_state(self, state: Mapping[str, Any]) -> None:
        """Take up what `save_state` returned; a subclass with a state overrides this."""
        warnings.warn(f"{type(self).__name__} does not implement load_state: nothing is loaded", stacklevel=2)

    async def close(self) -> None:
        """Release what the agent holds; nothing unless a subclass says otherwise."""

    @classmethod
    async def register(
        cls,
        runtime: AgentRuntime,
        type: str | AgentType,
        factory: Callable[[], Self | Awaitable[Self]],
        *,
        skip_class_subscriptions: bool = False,
        skip_direct_message_subscription: bool = False,
    ) -> AgentType:
        """Register a factory for agents of this class, with the class's subscriptions.

        Args:
            runtime: Where to register.
            type: The agent type; unique in the runtime.
            factory: Makes an agent, called once per key; may be asynchronous, may be the class itself.
            skip_class_subscriptions: Leave out what `type_subscription` and `default_subscription` declared.
            skip_direct_message_subscription: Leave out the subscription to topic types that start with `type:`.

        Raises:
            ValueError: The type exists already, the factory takes arguments, a subscription exists already, or a
                handler's message type cannot be serialized.
        """
        serializers = _serializers(cls)
        agent_type = await runtime.register_factory(
            type if isinstance(type, AgentType) else AgentType(type), factory, expected_class=cls
        )
        if not skip_class_subscriptions:
            for subscription in await cls._bind_class_subscriptions(agent_type):
                await runtime.add_subscription(subscription)
        if not skip_direct_message_subscription:
            await runtime.add_subscription(TypePrefixSubscription(f"{agent_type.type}:", agent_type))
        runtime.add_message_serializer(serializers)
        return agent_type

    async def register_instance(
        self,
        runtime: AgentRuntime,
        agent_id: AgentId,
        *,
        skip_class_subscriptions: bool = True,
        skip_direct_message_subscription: bool = False,
    ) -> AgentId:
        """Register this very object under an id, subscribed to the topic type that is the id's key.

        Args:
            runtime: Where to register.
            agent_id: The agent's id from now on.
            skip_class_subscriptions: Leave out what the class's decorators declared. Their topics address agents by
                source, so with them each source needs an instance of its own (spec: newer N-015).
            skip_direct_message_subscription: Leave out the subscription to topic types that start with `type:`.

        Raises:
            ValueError: The id exists already, its type has a factory, or other instances are of another class.
        """
        serializers = _serializers(type(self))
        agent_id = await runtime.register_agent_instance(self, agent_id)
        await _subscribe_once(runtime, TypeSubscription(agent_id.key, agent_id.type))
        if not skip_class_subscriptions:
            for subscription in await self._bind_class_subscriptions(AgentType(agent_id.type)):
                await _subscribe_once(runtime, subscription)
        if not skip_direct_message_subscription:
            await _subscribe_once(runtime, TypePrefixSubscription(f"{agent_id.type}:", agent_id.type))
        runtime.add_message_serializer(serializers)
        return agent_id

    @classmethod
    def _handled_types(cls) -> tuple[Any, ...]:
        """Return the message types that agents of this class handle, to register their serializers."""
        return ()

    @classmethod
    def _add_class_subscription(cls, unbound: UnboundSubscription) -> None:
        cls._class_subscriptions = (*cls._class_subscriptions, unbound)

    @classmethod
    async def _bind_class_subscriptions(cls, agent_type: AgentType) -> list[Subscription]:
        return [
            subscription
            for unbound in cls._class_subscriptions
            for subscription in await bind_subscriptions(unbound, agent_type)
        ]


def _serializers(cls: type[BaseAgent]) -> list[MessageSerializer[Any]]:
    """Return serializers for all the message types of a class, so that a gap shows at registration."""
    serializers: list[MessageSerializer[Any]] = []
    for message_type in cls._handled_types():
        known = try_get_known_serializers_for_type(message_type)
        if not known:
            raise ValueError(
                f"No serializers found for type {message_type!r}, which {cls.__name__} handles. Messages are"
                " dataclasses, pydantic models or protobuf messages"
            )
        serializers.extend(known)
    return serializers


async def _subscribe_once(runtime: AgentRuntime, subscription: Subscription) -> None:
    # Another instance of the same agent type may have brought the same rule.
    try:
        await runtime.add_subscription(subscription)
    except ValueError:
        pass
