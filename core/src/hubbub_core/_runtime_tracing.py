"""OpenTelemetry spans of messages: one when a message is sent, one while a handler works on it.

OpenTelemetry is imported only by programs that use it: a tracer provider comes from the caller, or from a global one
that the program has set up already.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING, Any, Final, cast
from weakref import WeakKeyDictionary

from ._agent_id import AgentId
from ._envelope import DeliveryContext
from ._message_context import MessageContext
from ._topic import TopicId

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span, Tracer, TracerProvider

TRACER_NAME: Final = "autogen SingleThreadedAgentRuntime"
"""The name existing dashboards look for (spec: newer N-029)."""

_DISABLED: Final = "AUTOGEN_DISABLE_RUNTIME_TRACING"


def runtime_tracing(provider: TracerProvider | None) -> RuntimeTracing | None:
    """Return what traces a runtime's messages; None if nobody would see the spans.

    Args:
        provider: Where spans go; None means the global provider, if the program has set one.
    """
    if os.environ.get(_DISABLED) == "true":
        return None
    if provider is None:
        if "opentelemetry.trace" not in sys.modules:
            return None
        from opentelemetry.trace import ProxyTracerProvider, get_tracer_provider

        provider = get_tracer_provider()
        # The stand-in of a program that has set none.
        if isinstance(provider, ProxyTracerProvider):
            return None
    from opentelemetry.trace import NoOpTracerProvider

    if isinstance(provider, NoOpTracerProvider):
        return None
    return RuntimeTracing(provider.get_tracer(TRACER_NAME))


def _destination(receiver: AgentId | TopicId) -> str:
    if isinstance(receiver, AgentId):
        return f"{receiver.type}.({receiver.key})-A"
    return f"{receiver.type}.({receiver.source})-T"


class RuntimeTracing:
    """Starts and ends the spans; a `DeliveryObserver`.

    The span of a handler is the child of the span of its message, and current while the handler runs.
    """

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        # By task: one task runs one handler at a time, while recipients of one message share its context object.
        self._spans: WeakKeyDictionary[asyncio.Task[Any], Span] = WeakKeyDictionary()

    def submitted(self, operation: str, receiver: AgentId | TopicId, message: Any, context: DeliveryContext) -> None:
        """Note that a message was sent or published; `operation` is `"send"` or `"publish"`."""
        from opentelemetry.trace import SpanKind, set_span_in_context

        span = self._start(operation, receiver, SpanKind.PRODUCER, message, None)
        span.end()
        context.trace = set_span_in_context(span)

    def delivery_started(self, agent_id: AgentId, message: Any, context: MessageContext) -> None:
        """Start the span of a handler and make it the current one."""
        from opentelemetry.context import attach
        from opentelemetry.trace import SpanKind, set_span_in_context

        parent = cast("DeliveryContext", context).trace
        span = self._start("process", agent_id, SpanKind.CONSUMER, message, parent)
        if span.is_recording():
            span.set_attribute("recipient_agent_type", agent_id.type)
            if context.sender is not None:
                span.set_attribute("sender_agent_type", context.sender.type)
        # Taken back in delivery_finished, which is called in the same task.
        self._spans[_current_task()] = span
        attach(set_span_in_context(span, parent))

    def delivery_finished(
        self, agent_id: AgentId, message: Any, context: MessageContext, error: BaseException | None
    ) -> None:
        """End the span of a handler, with its error if there is one."""
        from opentelemetry.context import attach
        from opentelemetry.trace import StatusCode

        span = self._spans.pop(_current_task())
        if error is not None:
            span.record_exception(error)
            span.set_status(StatusCode.ERROR, str(error))
            span.set_attribute("error.type", type(error).__name__)
        span.end()
        attach(cast("DeliveryContext", context).trace)

    def _start(
        self, operation: str, receiver: AgentId | TopicId, kind: Any, message: Any, parent: Context | None
    ) -> Span:
        destination = _destination(receiver)
        attributes = {
            "messaging.operation": operation,
            "messaging.destination": destination,
            "messaging.message.type": type(message).__name__,
        }
        return self._tracer.start_span(f"autogen {operation} {destination}", parent, kind, attributes)


def _current_task() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    assert task is not None  # observers are called by the task that runs the handler
    return task
