"""Delivering messages: one queue in the order of arrival, handlers that overlap, and books that always balance.

How it works. Messages wait in one queue. A *pump* is a task that takes them one after another and runs each handler's
first step right there, so handlers that finish without waiting share one task and cost no switch. As soon as a handler
suspends, the pump's task becomes that handler's own until it ends, and a new pump goes on with the queue; so every
handler that waits has a task to itself, `asyncio.current_task()` never changes under it, and it can be cancelled.
A shared task is also given up when a handler leaves a mark on it (a context variable it set, a cancellation it asked
for), and after a burst of messages, to let other tasks of the loop run.

A pump that finds the queue empty stands by for one round of the event loop. A sender that comes within that round has
its message delivered on the spot: it would only wait for the pump's turn.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine
from contextvars import Context, copy_context
from typing import Any, Final

from . import _event_log as event_log
from ._admission import admit
from ._agent import Agent
from ._agent_id import AgentId
from ._books import Books
from ._direct_message import DirectMessage
from ._envelope import Broadcast, Envelope
from ._first_step import Begun, Yielded
from ._hosted_agents import HostedAgents
from ._intervention_chain import INTERVENING, InterventionChain
from ._message_context import MessageContext
from ._message_handler_context import CURRENT_AGENT
from ._observers import notify_started
from ._routed_agent import Handler, begin_handling
from ._standby import Standby
from ._subscription_index import SubscriptionIndex
from ._unhandled_errors import UnhandledErrors
from .exceptions import MessageDroppedException
from .observe import DeliveryObserver

_BURST: Final = 64
"""Deliveries after which a pump lets the event loop run."""


Waiting = tuple[
    Coroutine[Any, Any, Any],
    Any,
    Handler | None,
    Envelope,
    AgentId,
    tuple[DeliveryObserver, ...],
    asyncio.Task[Any],
]
"""A handler that has made its first step, what that has yielded, and what it takes to end its delivery."""


class Dispatcher:
    """The queue of a runtime and the tasks that work on it.

    Invariant: `_pump` is the one task that takes from the queue, or None; while messages are queued and the dispatcher
    runs there is one.
    """

    def __init__(
        self,
        agents: HostedAgents,
        subscriptions: SubscriptionIndex,
        interventions: InterventionChain | None,
        errors: UnhandledErrors,
    ) -> None:
        self._agents = agents
        self._subscriptions = subscriptions
        self._interventions = interventions
        self._books = Books(errors, self.stop)
        self.observers: tuple[DeliveryObserver, ...] = ()
        self._queue: deque[Envelope] = deque()
        self._pump: asyncio.Task[None] | None = None
        # Handlers with a task of their own. The event loop itself keeps tasks by weak references only.
        self._tasks: set[asyncio.Task[Any]] = set()
        self.running = False
        self._context = copy_context()
        """What every handler's context is a copy of."""
        self.loop: asyncio.AbstractEventLoop | None = None
        """Where it was started last."""
        self._standby: Standby | None = None
        self._burst = 0

    @property
    def queued(self) -> int:
        """Messages whose delivery has not begun."""
        return len(self._queue)

    @property
    def idle(self) -> bool:
        """Whether nothing is queued and no handler runs."""
        return self._books.outstanding == 0

    def start(self) -> None:
        """Begin to deliver, in copies of the caller's context."""
        loop = asyncio.get_running_loop()
        if self.loop is not loop:
            self._forget_loop()
            self.loop = loop
            self._standby = Standby(loop)
        assert self._standby is not None
        self._take_context()
        self.running = True
        if self._standby.step is not None:
            # A pump of the last start, with the context of that.
            self._pump = None
        # A pump that the last stop found held by an intervention goes on by itself.
        if self._queue and (self._pump is None or self._pump.done()):
            self._start_pump()

    def stop(self) -> None:
        """Deliver no more. Running handlers go on; senders of queued messages get an error."""
        self.running = False
        queued = list(self._queue)
        self._queue.clear()
        for envelope in queued:
            if isinstance(envelope, Broadcast) and envelope.rest is not None:
                # Some of its recipients have it already: a message that is being delivered is delivered to all.
                self._spawn_rest(envelope)
            else:
                self._books.discard(envelope)
        self._books.idle_waiters.wake()
        self._books.change_waiters.wake()

    async def wait_until_idle(self) -> None:
        """Wait until nothing is queued and no handler runs, or the dispatcher is stopped."""
        while self._books.outstanding and self.running:
            await self._books.idle_waiters.wait()

    async def wait_for_change(self, timeout: float | None = None) -> None:
        """Wait until a message is finished, the dispatcher stops, or a message comes to one that is stopped.

        At most `timeout` seconds.
        """
        await self._books.change_waiters.wait(timeout)

    def submit(self, envelope: Envelope) -> None:
        """Take a message. Its delivery begins after that of all messages taken before."""
        self._books.outstanding += 1
        if self._interventions is not None and INTERVENING.get():
            # Sent by an intervention handler, which holds back the queue until it returns: do not wait for that.
            self._spawn(self._process(envelope))
            return
        self._queue.append(envelope)
        if self.running:
            pump = self._pump
            # A pump that is done without having said so was cancelled before it began.
            if pump is None or pump.done():
                self._start_pump()
        elif self._books.change_waiters:
            self._books.change_waiters.wake()

    def hasten(self) -> None:
        """Begin the delivery of the message just submitted here and now, if a pump stands by and nothing is before it.

        For a sender that is going to wait anyway: the step of the pump takes place within the sender's, and ends when
        the handler does, or waits. As the pump stands by no more then, such steps do not pile up.
        """
        standby = self._standby
        if (
            standby is not None
            and standby.step is not None
            and len(self._queue) == 1
            and self._burst < _BURST
            and self.running
        ):
            standby.wake()

    def _take_context(self) -> None:
        context = copy_context()
        context.run(CURRENT_AGENT.set, None)
        context.run(INTERVENING.set, False)
        self._context = context

    async def process_next(self) -> None:
        """Begin the delivery of one message, waiting for one if there is none; handlers may run on afterwards."""
        while not self._queue:
            await self.wait_for_change()
        if not self.running:
            self._take_context()
        self._spawn(self._process(self._queue.popleft()))
        # One round of the loop lets its handlers begin, as many as do not wait also end.
        await asyncio.sleep(0)

    async def cancel_running(self) -> None:
        """Cancel all running handlers and wait for them to end. The current task, if it is one, is spared."""
        # Tasks that have not begun would end without settling their message.
        await asyncio.sleep(0)
        current = asyncio.current_task()
        tasks: set[asyncio.Task[Any]] = {*self._tasks, *self._agents.in_making()}
        if self._pump is not None:
            tasks.add(self._pump)
        tasks.discard(current)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def is_running_handler(self, task: asyncio.Task[Any] | None) -> bool:
        """Say whether a task is running a message handler."""
        return task is not None and (task in self._tasks or task is self._pump)

    # The pump.

    def _start_pump(self) -> None:
        loop = self.loop
        assert loop is not None  # known since the start
        if loop.is_closed():
            # Its program went on in another one without a stop.
            loop = self.loop = asyncio.get_running_loop()
            self._standby = Standby(loop)
        self._burst = 0
        self._pump = loop.create_task(self._run(self._run_pump()), context=self._context.copy())

    async def _run_pump(self) -> Waiting | None:
        task = _current_task(self.loop)
        queue = self._queue
        standby = self._standby
        assert standby is not None  # made at the start
        if self._pump is not task:
            # Begun by an eager task factory (CPython 3.12), within the step of whoever sends and before `_start_pump`
            # knows the task: chains of agents would overflow the stack.
            await asyncio.sleep(0)
        # Messages may be queued after a stop that a handler here has called: they wait for the next start.
        while self.running:
            if not queue:
                # For one round of the loop: who sends a message often sends the next as soon as it is answered.
                try:
                    hastened = await standby
                except asyncio.CancelledError:
                    self._replace_pump(task)
                    raise
                if self._pump is not task:
                    return None
                if not queue:
                    break
                if not hastened:
                    self._burst = 0
                continue
            if self._burst >= _BURST:
                # A new task begins after everything else that is ready now.
                self._start_pump()
                return None
            envelope = queue.popleft()
            if self._interventions is None:
                waiting = self._distribute(envelope, task)
            else:
                waiting = await self._process(envelope)
            if self._pump is not task:
                # It was given up to a handler, which waits, or is over but has left a mark.
                if waiting is None:
                    self._tasks.discard(task)
                return waiting
        self._pump = None
        return None

    async def _process(self, envelope: Envelope) -> Waiting | None:
        """Pass a message through the interventions, if it has not, and distribute it."""
        begun = isinstance(envelope, Broadcast) and envelope.rest is not None
        if not begun and (envelope.cancelled or not await self._admit(envelope)):
            self._books.finish(envelope)
            return None
        return self._distribute(envelope, _current_task())

    def _distribute(self, envelope: Envelope, task: asyncio.Task[Any]) -> Waiting | None:
        """Deliver a message to all its recipients, or up to the first that waits."""
        if isinstance(envelope, DirectMessage):
            return self._deliver(envelope, envelope.recipient, task)
        assert isinstance(envelope, Broadcast)
        if envelope.rest is None and (envelope.cancelled or not self._address(envelope)):
            self._books.finish(envelope)
            return None
        assert envelope.rest is not None
        for recipient in envelope.rest:
            waiting = self._deliver(envelope, recipient, task)
            if waiting is not None:
                # The deliveries to the other recipients were spawned.
                return waiting
            if self._burst >= _BURST and self._pump is task and self.running:
                # The pump returns to it after the pause that is due.
                self._queue.appendleft(envelope)
                break
        return None

    def _address(self, broadcast: Broadcast) -> bool:
        """Look up the recipients. Return whether there are any."""
        recipients = self._subscriptions.recipients(broadcast.topic_id)
        sender = broadcast.context.sender
        if sender is not None and sender in recipients:
            recipients = tuple(recipient for recipient in recipients if recipient != sender)
        broadcast.unfinished = len(recipients)
        broadcast.rest = iter(recipients)
        return bool(recipients)

    async def _deliver_apart(self, envelope: Envelope, recipient: AgentId) -> Waiting | None:
        return self._deliver(envelope, recipient, _current_task())

    def _deliver(self, envelope: Envelope, recipient: AgentId, task: asyncio.Task[Any]) -> Waiting | None:
        """Run one agent's handler for a message and settle whoever waits. Raises only what ends the program.

        A handler that waits is returned. The task is its own then: what runs there has to return at once.

        The one long function of the runtime: every line of it is paid for by each delivery.
        """
        self._burst += 1
        if envelope.cancelled:
            self._books.finish_one(envelope)
            return None
        CURRENT_AGENT.set(recipient)
        message, context = envelope.message, envelope.context
        before = copy_context()
        # Those who heard the beginning hear the end.
        observers = self.observers
        if observers:
            notify_started(observers, recipient, message, context)
        if envelope.logged:
            event_log.log_delivered(message, context.sender, recipient, context.is_rpc)
        reply: Any = None
        error: BaseException | None = None
        try:
            hosted = self._agents.types.get(recipient.type)
            agent = hosted.instances.get(recipient.key) if hosted is not None else None
            if agent is None:
                agent = self._agents.get_nowait(recipient)
            handling: Coroutine[Any, Any, Any]
            if agent is None or (self._interventions is not None and context.is_rpc):
                handling, handler = self._handle(agent, recipient, message, context), None
            else:
                handling, handler = begin_handling(agent, message, context)
            try:
                awaited = handling.send(None)
            except StopIteration as finished:
                reply = finished.value
            else:
                self._give_up_task(envelope, task)
                envelope.add_task(task)
                return handling, awaited, handler, envelope, recipient, observers, task
            if handler is not None:
                handler.check_reply(reply)
        except GeneratorExit:
            # The loop was closed under the handler: nobody is left to be told.
            raise
        except BaseException as exc:
            error = exc
        self._books.settle(envelope, recipient, observers, reply, error)
        if _is_marked(before, task):
            self._give_up_task(envelope, task)
        self._books.finish_one(envelope)
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise error
        return None

    async def _handle(self, agent: Agent | None, recipient: AgentId, message: Any, context: MessageContext) -> Any:
        """The long way: make the agent first, pass the reply through the interventions afterwards."""
        if agent is None:
            agent = await self._agents.get(recipient)
        reply = await agent.on_message(message, context)
        if self._interventions is None or not context.is_rpc:
            return reply
        try:
            return await self._interventions.on_response(reply, recipient, context.sender)
        except MessageDroppedException:
            event_log.log_dropped(reply, recipient, context.sender, "RESPOND")
            raise

    def _give_up_task(self, envelope: Envelope, task: asyncio.Task[Any]) -> None:
        """Let the current task belong to the handler it runs; others go on with what it was to do."""
        self._tasks.add(task)
        if isinstance(envelope, Broadcast):
            self._spawn_rest(envelope)
        self._replace_pump(task)

    def _replace_pump(self, task: asyncio.Task[Any]) -> None:
        """Have another task work on the queue if this one did."""
        if self._pump is task:
            self._pump = None
            if self._queue and self.running:
                self._start_pump()

    def _spawn_rest(self, broadcast: Broadcast) -> None:
        # All at once, so that every recipient has begun before one that waits goes on.
        if broadcast.rest is not None:
            for recipient in broadcast.rest:
                self._spawn(self._deliver_apart(broadcast, recipient))

    def _spawn(self, work: Coroutine[Any, Any, Waiting | None]) -> None:
        task = asyncio.get_running_loop().create_task(self._run(work), context=self._context.copy())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, work: Coroutine[Any, Any, Waiting | None]) -> None:
        """Be all that a task runs: work on the queue, then the handler that waits, if the work ended with one.

        Few and small objects lie below a handler that waits, as the garbage collector has to walk through all of them
        while the event loop stands still: the work is over by then, and what is left of it is let go.
        """
        waiting = await work
        del work
        if waiting is None:
            return
        handling, awaited, handler, envelope, recipient, observers, task = waiting
        del waiting
        reply: Any = None
        error: BaseException | None = None
        try:
            while True:
                try:
                    # A message that another agent has to answer yields itself: one object less in a chain of agents.
                    await (awaited if isinstance(awaited, DirectMessage) else Yielded(awaited))
                except GeneratorExit:
                    handling.close()
                    raise
                except BaseException as exc:
                    # Thrown in by the task: a cancellation. The handler may end, raise, or await something else.
                    try:
                        awaited = handling.throw(exc)
                    except StopIteration as finished:
                        reply = finished.value
                        break
                else:
                    del awaited
                    reply = await Begun(handling)
                    break
            if handler is not None:
                handler.check_reply(reply)
        except GeneratorExit:
            # The loop was closed under the handler: nobody is left to be told.
            raise
        except BaseException as exc:
            error = exc
        self._tasks.discard(task)
        self._books.settle(envelope, recipient, observers, reply, error)
        self._books.finish_one(envelope)
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise error

    async def _admit(self, envelope: Envelope) -> bool:
        """Pass a message through the interventions. Return whether it is to be delivered; settle it if not."""
        if self._interventions is None:
            return True
        task = _current_task()
        try:
            return await admit(envelope, self._interventions, task)
        finally:
            if task.cancelling():
                # The cancellation was for this message only, but it stays with the task.
                self._replace_pump(task)

    def _forget_loop(self) -> None:
        """Forget what belonged to an event loop that is gone: its tasks never end, its futures are never awaited."""
        self._pump = None
        self._tasks.clear()
        if self.loop is not None:
            kept = [envelope for envelope in self._queue if isinstance(envelope, Broadcast)]
            self._queue = deque(kept)
        self._books.forget_loop(len(self._queue))


def _current_task(loop: asyncio.AbstractEventLoop | None = None) -> asyncio.Task[Any]:
    """Return the current task. With the loop it is found faster: asyncio asks the system for the process otherwise."""
    task = asyncio.current_task(loop)
    assert task is not None  # every coroutine of the dispatcher is run by a task
    return task


def _is_marked(before: Context, task: asyncio.Task[Any]) -> bool:
    """Say whether a handler left something on the task that it shared: a context variable, a cancellation."""
    try:
        return copy_context() != before or task.cancelling() > 0
    except Exception:
        # A context variable's value that refuses to be compared with another is a changed one.
        return True
