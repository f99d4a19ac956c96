"""The runtime of programs that live in one process: life cycle, sending, state."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, overload

from . import _event_log as event_log
from ._agent import Agent
from ._agent_id import AgentId
from ._agent_metadata import AgentMetadata
from ._agent_runtime import AgentRuntime
from ._agent_type import AgentType
from ._cancellation_token import CancellationToken
from ._direct_message import DirectMessage
from ._dispatcher import Dispatcher
from ._envelope import Broadcast, DeliveryContext
from ._hosted_agents import HostedAgents
from ._intervention import InterventionHandler
from ._intervention_chain import InterventionChain
from ._runtime_tracing import runtime_tracing
from ._serialization import MessageSerializer, SerializationRegistry
from ._subscription import Subscription
from ._subscription_index import SubscriptionIndex
from ._topic import TopicId
from ._unhandled_errors import UnhandledErrors
from .exceptions import UndeliverableException
from .observe import DeliveryObserver

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

T = TypeVar("T", bound=Agent)

_POLL_SECONDS = 0.1
"""How often `stop_when` looks at a condition that no message has changed."""


class SingleThreadedAgentRuntime(AgentRuntime):
    """Delivers messages within one event loop (spec: 001 L2325).

    Messages are delivered in the order they were sent or published. Each is handled concurrently with the others: a
    handler that waits holds up nobody, not even other messages to the same agent. One published message is handed to
    all its subscribers, in the order of their subscriptions, before any that waits goes on. Messages are passed by
    reference: sender and recipients share the object, so do not change it.

    Args:
        intervention_handlers: See, change or drop every message; called in this order.
        tracer_provider: Where spans go; None means OpenTelemetry's global provider, if one is set by then. The
            environment variable `AUTOGEN_DISABLE_RUNTIME_TRACING=true` switches them off. What messages say is in them
            only if OpenTelemetry's `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true` asks for it.
        ignore_unhandled_exceptions: Errors of handlers of published messages are logged only. If False, the first also
            stops the delivery, and is raised by `process_next`, `stop`, `stop_when_idle` or `stop_when`, whichever is
            awaited then or next. Errors of handlers of direct messages go to the sender either way.
    """

    def __init__(
        self,
        *,
        intervention_handlers: list[InterventionHandler] | None = None,
        tracer_provider: TracerProvider | None = None,
        ignore_unhandled_exceptions: bool = True,
    ) -> None:
        self._agents = HostedAgents(self)
        self._subscriptions = SubscriptionIndex()
        self._errors = UnhandledErrors(ignore_unhandled_exceptions)
        self._dispatcher = Dispatcher(
            self._agents,
            self._subscriptions,
            InterventionChain(intervention_handlers) if intervention_handlers else None,
            self._errors,
        )
        self._tracing = runtime_tracing(tracer_provider, self._agents)
        if self._tracing is not None:
            self.add_observer(self._tracing)
        self._serializers = SerializationRegistry()
        self._started = False
        self._stopped_before = False

    # Messages.

    @property
    def unprocessed_messages_count(self) -> int:
        """Messages that are queued: their delivery has not begun."""
        return self._dispatcher.queued

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

        Cancelling the token, or the task that waits here, cancels the recipient's handler. Before `start` the message
        is queued, and the wait goes on until it is delivered.

        Args:
            message: What to send.
            recipient: Which agent; it is made if it does not exist yet.
            sender: Which agent sends; None from outside agents.
            cancellation_token: Cancels the wait and the handler.
            message_id: Unique id; made when somebody asks for it if None.

        Raises:
            CantHandleException: The recipient cannot handle the message.
            UndeliverableException: The recipient's type is unknown (then a LookupError too), or the runtime was stopped
                before the message was delivered.
            MessageDroppedException: An intervention handler dropped the message or the reply.
            asyncio.CancelledError: The token was cancelled.
            Exception: Whatever the recipient raised.
        """
        self._agents.hosted_type(recipient.type)
        if self._errors.first is not None or self._stopped_before:
            self._check_accepting(sender)
        context = DeliveryContext(sender, None, True, cancellation_token, message_id)
        envelope = DirectMessage(message, context, recipient)
        if cancellation_token is not None:
            _check_token(cancellation_token)
            envelope.link(cancellation_token, asyncio.get_running_loop())
        if self._tracing is not None:
            self._tracing.submitted("send", recipient, message, context)
        if event_log.listening():
            envelope.logged = True
            event_log.log_sent(message, sender, recipient)
        dispatcher = self._dispatcher
        dispatcher.submit(envelope)
        dispatcher.hasten()
        if envelope.answered:
            return envelope.result()
        # Known while it delivers; to ask asyncio takes a call of the system.
        loop = dispatcher.loop if dispatcher.running else None
        try:
            return await envelope.in_loop(loop or asyncio.get_running_loop())
        except asyncio.CancelledError:
            # The waiting task was cancelled, or the message: either way its handler has nobody to work for.
            envelope.call_off()
            raise

    async def publish_message(
        self,
        message: Any,
        topic_id: TopicId,
        *,
        sender: AgentId | None = None,
        cancellation_token: CancellationToken | None = None,
        message_id: str | None = None,
    ) -> None:
        """Queue a message for all agents subscribed to a topic, except the sender; there are no replies.

        Args:
            message: What to publish.
            topic_id: Whom it is for.
            sender: Which agent publishes; None from outside agents. It does not get the message.
            cancellation_token: Cancels the handlers of this message, and its delivery where that has not begun.
            message_id: Unique id; made when somebody asks for it if None.

        Raises:
            UndeliverableException: The runtime was stopped by an unhandled error.
            asyncio.CancelledError: The token was cancelled already.
        """
        if self._errors.first is not None:
            self._check_accepting(None)
        context = DeliveryContext(sender, topic_id, False, cancellation_token, message_id)
        envelope = Broadcast(message, context, topic_id)
        if cancellation_token is not None:
            _check_token(cancellation_token)
            envelope.link(cancellation_token, asyncio.get_running_loop())
        if self._tracing is not None:
            self._tracing.submitted("publish", topic_id, message, context)
        if event_log.listening():
            envelope.logged = True
            event_log.log_published(message, sender, topic_id)
        self._dispatcher.submit(envelope)

    def _check_accepting(self, sender: AgentId | None) -> None:
        if self._errors.first is not None:
            raise UndeliverableException(
                f"the runtime was stopped by an unhandled error of an event handler: {self._errors.first!r}. Await"
                " stop() or stop_when_idle(), which raises it; then the runtime can be started again"
            ) from self._errors.first
        if sender is not None and self._stopped_before and not self._started:
            # A handler that outlives stop() would wait for ever for somebody to start the runtime again.
            raise UndeliverableException(f"agent {sender} cannot send: the runtime was stopped")

    # Life cycle.

    def start(self) -> None:
        """Begin to deliver messages in the background. Call it in a running event loop; may be called after any stop.

        Raises:
            RuntimeError: The runtime is started already.
        """
        if self._started:
            raise RuntimeError("Runtime is already started")
        self._dispatcher.start()
        self._started = True

    async def process_next(self) -> None:
        """Begin the delivery of one queued message, for runtimes that are not started; waits for one if there is none.

        Returns when its handlers have ended or wait for something.

        Raises:
            Exception: The first unhandled error of an event handler, unless they are ignored. Do not call it again
                after that.
        """
        self._errors.raise_first()
        await self._dispatcher.process_next()
        self._errors.raise_first()

    async def stop(self) -> None:
        """Stop delivering, at once. Running handlers go on; senders of queued messages get an UndeliverableException.

        Raises:
            RuntimeError: The runtime is not started.
            Exception: The first unhandled error of an event handler, unless they are ignored.
        """
        self._check_started()
        self._stop()

    async def stop_when_idle(self) -> None:
        """Wait until every queued and running message is handled, then stop.

        A dropped, cancelled or failed message counts as handled. Messages that handlers send meanwhile are waited for.

        Raises:
            RuntimeError: The runtime is not started, or the caller is a message handler, which would wait for itself.
            Exception: The first unhandled error of an event handler, unless they are ignored.
        """
        self._check_started()
        if self._dispatcher.is_running_handler(asyncio.current_task()):
            raise RuntimeError(
                "stop_when_idle() was awaited in a message handler, which counts as running itself: await it in a task"
                " of its own, or call stop()"
            )
        await self._dispatcher.wait_until_idle()
        self._stop_if_started()

    async def stop_when(self, condition: Callable[[], bool]) -> None:
        """Wait until a condition holds, then stop. Discouraged: set an `asyncio.Event` and call `stop` instead.

        Args:
            condition: Asked after each handled message, and ten times a second.

        Raises:
            RuntimeError: The runtime is not started.
            Exception: The first unhandled error of an event handler, unless they are ignored.
        """
        self._check_started()
        while self._dispatcher.running and not condition():
            await self._dispatcher.wait_for_change(_POLL_SECONDS)
        self._stop_if_started()

    async def close(self) -> None:
        """Stop if started, cancel the handlers that still run, and close every agent.

        Raises:
            Exception: The first error of an agent's `close`, after all were called; else the first unhandled error of
                an event handler, unless they are ignored.
        """
        unhandled: BaseException | None = None
        try:
            self._stop_if_started()
        except BaseException as exc:
            unhandled = exc
        await self._dispatcher.cancel_running()
        failure: BaseException | None = None
        for _, agent in self._agents.existing():
            try:
                await agent.close()
            except Exception as exc:
                failure = failure or exc
        if failure or unhandled:
            raise failure or unhandled  # type: ignore[misc] # one of them is there

    def _check_started(self) -> None:
        if not self._started:
            raise RuntimeError("Runtime is not started")

    def _stop_if_started(self) -> None:
        # Somebody else may have stopped it while the caller was waiting.
        if self._started:
            self._stop()

    def _stop(self) -> None:
        self._started = False
        self._stopped_before = True
        self._dispatcher.stop()
        error = self._errors.take()
        if error is not None:
            raise error

    # Agents.

    async def register_factory(
        self,
        type: str | AgentType,
        agent_factory: Callable[[], T | Awaitable[T]],
        *,
        expected_class: type[T] | None = None,
    ) -> AgentType:
        """Register a factory under an agent type, without subscriptions; `MyAgent.register` is the usual way.

        Args:
            type: The agent type; unique.
            agent_factory: Makes an agent, once per key; may be asynchronous. `AgentInstantiationContext` works inside.
            expected_class: What the factory has to make, checked when it did; None for no check.

        Raises:
            ValueError: The type exists already, is invalid, or the factory takes arguments.
        """
        agent_type = type if isinstance(type, AgentType) else AgentType(type)
        AgentId(agent_type, "default")  # Refuse an invalid type now, not at the first message.
        self._agents.add_type(agent_type.type, agent_factory, expected_class)
        return agent_type

    async def register_agent_instance(self, agent_instance: Agent, agent_id: AgentId) -> AgentId:
        """Register an agent that exists already, without subscriptions; `agent.register_instance` is the usual way.

        Raises:
            ValueError: The id exists already, its type has a factory, or other instances are of another class.
            RuntimeError: The agent is bound to another id or runtime.
        """
        await self._agents.add_instance(agent_instance, agent_id)
        return agent_id

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
        agent_id = id_or_type if isinstance(id_or_type, AgentId) else AgentId(id_or_type, key)
        if not lazy:
            await self._agents.get(agent_id)
        return agent_id

    async def try_get_underlying_agent_instance(self, id: AgentId, type: type[T] = Agent) -> T:  # type: ignore[assignment] # the documented default is the protocol itself
        """Return an agent's object, made if it does not exist yet. Discouraged: send messages instead.

        Raises:
            LookupError: Its type is unknown.
            TypeError: The object is of another class than `type`.
        """
        agent = await self._agents.get(id)
        if not isinstance(agent, type):
            raise TypeError(f"agent {id} is a {agent.__class__.__name__}, not a {type.__name__}")
        return agent

    async def agent_metadata(self, agent: AgentId) -> AgentMetadata:
        """Return an agent's type, key and description; the agent is made if it does not exist yet."""
        return (await self._agents.get(agent)).metadata

    # State.

    async def save_state(self) -> Mapping[str, Any]:
        """Return the state of every agent made so far by its id, `{"type/key": {...}}`; subscriptions are not in it."""
        return {str(agent_id): dict(await agent.save_state()) for agent_id, agent in self._agents.existing()}

    async def load_state(self, state: Mapping[str, Any]) -> None:
        """Give agents back what `save_state` returned, making them as needed; unknown agent types are skipped."""
        for text, agent_state in state.items():
            agent_id = AgentId.from_str(text)
            if agent_id.type in self._agents.types:
                await (await self._agents.get(agent_id)).load_state(agent_state)

    async def agent_save_state(self, agent: AgentId) -> Mapping[str, Any]:
        """Return the state of one agent, made if it does not exist yet."""
        return await (await self._agents.get(agent)).save_state()

    async def agent_load_state(self, agent: AgentId, state: Mapping[str, Any]) -> None:
        """Give one agent back what `agent_save_state` returned."""
        await (await self._agents.get(agent)).load_state(state)

    # Subscriptions, serializers, observers.

    async def add_subscription(self, subscription: Subscription) -> None:
        """Add a subscription, honoured by messages delivered from now on.

        Raises:
            ValueError: One with this id or this rule exists already.
        """
        self._subscriptions.add(subscription)

    async def remove_subscription(self, id: str) -> None:
        """Remove a subscription.

        Raises:
            SubscriptionNotFoundError: None has this id; a LookupError and a ValueError.
        """
        self._subscriptions.remove(id)

    def add_message_serializer(self, serializer: MessageSerializer[Any] | Sequence[MessageSerializer[Any]]) -> None:
        """Add serializers; one for a class that has one of the same content type already is ignored."""
        self._serializers.add_serializer(serializer)

    def add_observer(self, observer: DeliveryObserver) -> None:
        """Tell `observer` about each delivery from now on."""
        self._dispatcher.observers = (*self._dispatcher.observers, observer)

    def remove_observer(self, observer: DeliveryObserver) -> None:
        """Tell `observer` of no further deliveries, but still of the end of those it saw begin.

        Does nothing if it was not added.
        """
        self._dispatcher.observers = tuple(each for each in self._dispatcher.observers if each is not observer)


def _check_token(token: CancellationToken) -> None:
    if token.is_cancelled():
        raise asyncio.CancelledError("the message's cancellation token was cancelled before it was sent")
