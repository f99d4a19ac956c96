"""What an agent asks of a runtime."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, overload, runtime_checkable

from ._agent import Agent
from ._agent_id import AgentId
from ._agent_metadata import AgentMetadata
from ._agent_type import AgentType
from ._cancellation_token import CancellationToken
from ._subscription import Subscription
from ._topic import TopicId

if TYPE_CHECKING:
    from ._serialization import MessageSerializer

T = TypeVar("T", bound=Agent)


@runtime_checkable
class AgentRuntime(Protocol):
    """Delivers messages, and makes and keeps the agents they are for (spec: 001 L1190)."""

    async def send_message(
        self,
        message: Any,
        recipient: AgentId,
        *,
        sender: AgentId | None = None,
        cancellation_token: CancellationToken | None = None,
        message_id: str | None = None,
    ) -> Any:
        """Send a message to an agent and return its reply.

        Args:
            message: What to send.
            recipient: Which agent; it is made if it does not exist yet.
            sender: Which agent sends; None from outside agents.
            cancellation_token: Cancels the wait and the handler.
            message_id: Unique id; made when somebody asks for it if None.

        Raises:
            CantHandleException: The recipient cannot handle the message.
            UndeliverableException: The message cannot be delivered.
            Exception: Whatever the recipient raised.
        """
        ...

    async def publish_message(
        self,
        message: Any,
        topic_id: TopicId,
        *,
        sender: AgentId | None = None,
        cancellation_token: CancellationToken | None = None,
        message_id: str | None = None,
    ) -> None:
        """Hand a message to the runtime for all agents subscribed to a topic, except the sender.

        Returns before it is delivered; there are no replies.

        Raises:
            UndeliverableException: The message cannot be delivered.
        """
        ...

    async def register_factory(
        self,
        type: str | AgentType,
        agent_factory: Callable[[], T | Awaitable[T]],
        *,
        expected_class: type[T] | None = None,
    ) -> AgentType:
        """Register a factory under an agent type, without subscriptions; `Agent.register` is the usual way.

        Args:
            type: The agent type; unique.
            agent_factory: Makes an agent; `AgentInstantiationContext` works inside.
            expected_class: What the factory has to make; None for no check.

        Raises:
            ValueError: The type exists already.
        """
        ...

    async def register_agent_instance(self, agent_instance: Agent, agent_id: AgentId) -> AgentId:
        """Register an agent that exists already, without subscriptions; `Agent.register_instance` is the usual way.

        Raises:
            ValueError: The id exists already, its type has a factory, or other instances are of another class.
        """
        ...

    async def try_get_underlying_agent_instance(self, id: AgentId, type: type[T] = Agent) -> T:  # type: ignore[assignment] # the documented default is the protocol itself
        """Return the agent's object. Discouraged: send messages instead.

        Raises:
            LookupError: No such agent.
            NotAccessibleError: The object is out of reach, for example remote.
            TypeError: The object is of another class.
        """
        ...

    @overload
    async def get(self, id: AgentId, /, *, lazy: bool = ...) -> AgentId: ...
    @overload
    async def get(self, type: AgentType | str, /, key: str = ..., *, lazy: bool = ...) -> AgentId: ...
    async def get(
        self, id_or_type: AgentId | AgentType | str, /, key: str = "default", *, lazy: bool = True
    ) -> AgentId:
        """Return the id of an agent; unless `lazy`, make the agent if it does not exist yet.

        Raises:
            LookupError: The agent is to be made and its type is unknown.
        """
        ...

    async def save_state(self) -> Mapping[str, Any]:
        """Return the state of the runtime and the agents it hosts, as JSON values. Only `load_state` understands it."""
        ...

    async def load_state(self, state: Mapping[str, Any]) -> None:
        """Take up what `save_state` returned."""
        ...

    async def agent_metadata(self, agent: AgentId) -> AgentMetadata:
        """Return an agent's type, key and description."""
        ...

    async def agent_save_state(self, agent: AgentId) -> Mapping[str, Any]:
        """Return the state of one agent, as JSON values."""
        ...

    async def agent_load_state(self, agent: AgentId, state: Mapping[str, Any]) -> None:
        """Give one agent back what `agent_save_state` returned."""
        ...

    async def add_subscription(self, subscription: Subscription) -> None:
        """Add a subscription, honoured by messages published from now on.

        Raises:
            ValueError: An equal subscription exists already.
        """
        ...

    async def remove_subscription(self, id: str) -> None:
        """Remove a subscription.

        Raises:
            LookupError: No subscription has this id.
        """
        ...

    def add_message_serializer(self, serializer: MessageSerializer[Any] | Sequence[MessageSerializer[Any]]) -> None:
        """Add serializers; one for a class that has one of the same content type already is ignored."""
        ...
