"""OpenTelemetry spans of messages: one when a message is sent, one while a handler works on it.

OpenTelemetry is imported only by programs that use it: a tracer provider comes from the caller, or from a global one
that the program has set up already.
"""

from __future__ import annotations

import os
import sys
from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, Any, Final, cast

from ._agent_id import AgentId
from ._envelope import DeliveryContext
from ._event_log import payload_text
from ._message_context import MessageContext
from ._topic import TopicId

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span, Tracer, TracerProvider

    from ._hosted_agents import HostedAgents

TRACER_NAME: Final = "autogen SingleThreadedAgentRuntime"
"""The name existing dashboards look for (spec: newer N-029)."""

_DISABLED: Final = "AUTOGEN_DISABLE_RUNTIME_TRACING"
_CONTENT: Final = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
"""OpenTelemetry's own switch for what people write: whether spans show messages is for the program to decide."""


def runtime_tracing(provider: TracerProvider | None, agents: HostedAgents) -> RuntimeTracing | None:
    """Return what traces a runtime's messages; None if nobody would see the spans.

    Args:
        provider: Where spans go; None means the global provider, if the program has set one.
        agents: The runtime's agents, whose classes are named.
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
    return RuntimeTracing(provider.get_tracer(TRACER_NAME), agents)


class _Processing:
    """The span of the handler that runs, and how to take back what its start set."""

    __slots__ = ("own_token", "span", "token")

    own_token: Token[_Processing | None]

    def __init__(self, span: Span, token: Token[Context]) -> None:
        self.span = span
        self.token = token


# Not on the message: its recipients share it. A delivery begins and ends in one context, each in its own.
_PROCESSING: Final[ContextVar[_Processing | None]] = ContextVar("hubbub_processing", default=None)


class RuntimeTracing:
    """Starts and ends the spans; a `DeliveryObserver`.

    The span of a handler is the child of the span of its message, and current while the handler runs.
    """

    def __init__(self, tracer: Tracer, agents: HostedAgents) -> None:
        from opentelemetry.context import attach, detach
        from opentelemetry.trace import SpanKind, StatusCode, set_span_in_context

        self._tracer = tracer
        self._agents = agents
        self._with_content = os.environ.get(_CONTENT, "").lower() in ("true", "span_only", "span_and_event")
        # Imported once: an import statement in each message's way costs as much as its delivery.
        self._attach, self._detach = attach, detach
        self._producer, self._consumer = SpanKind.PRODUCER, SpanKind.CONSUMER
        self._error: Any = StatusCode.ERROR
        self._set_span_in_context = set_span_in_context

    def submitted(self, operation: str, receiver: AgentId | TopicId, message: Any, context: DeliveryContext) -> None:
        """Note that a message was sent or published; `operation` is `"send"` or `"publish"`."""
        destination = _destination(receiver)
        attributes = {
            "messaging.operation": operation,
            "messaging.destination": destination,
            "messaging.message.type": type(message).__name__,
        }
        span = self._tracer.start_span(f"autogen {operation} {destination}", None, self._producer, attributes)
        span.end()
        context.trace = self._set_span_in_context(span)

    def delivery_started(self, agent_id: AgentId, message: Any, context: MessageContext) -> None:
        """Start the span of a handler and make it the current one."""
        parent = cast("DeliveryContext", context).trace
        destination = _destination(agent_id)
        attributes = {
            "messaging.operation": "process",
            "messaging.destination": destination,
            "messaging.message.type": type(message).__name__,
            "recipient_agent_type": agent_id.type,
        }
        self._add_class(attributes, "recipient_agent_class", agent_id)
        sender = context.sender
        if sender is not None:
            attributes["sender_agent_type"] = sender.type
            self._add_class(attributes, "sender_agent_class", sender)
        span = self._tracer.start_span(f"autogen process {destination}", parent, self._consumer, attributes)
        if self._with_content and span.is_recording():
            span.set_attributes({"message_context": _context_text(context), "message": payload_text(message)})
        processing = _Processing(span, self._attach(self._set_span_in_context(span, parent)))
        processing.own_token = _PROCESSING.set(processing)

    def delivery_finished(
        self, agent_id: AgentId, message: Any, context: MessageContext, error: BaseException | None
    ) -> None:
        """End the span of a handler, with its error if there is one."""
        processing = _PROCESSING.get()
        assert processing is not None  # set when the delivery started
        span = processing.span
        if error is not None:
            span.record_exception(error)
            span.set_status(self._error, str(error))
            span.set_attribute("error.type", type(error).__name__)
        span.end()
        _PROCESSING.reset(processing.own_token)
        self._detach(processing.token)

    def _add_class(self, attributes: dict[str, str], key: str, agent_id: AgentId) -> None:
        hosted = self._agents.types.get(agent_id.type)
        if hosted is None:
            return
        agent = hosted.instances.get(agent_id.key)
        agent_class = type(agent) if agent is not None else hosted.expected_class
        if agent_class is not None:
            attributes[key] = agent_class.__name__


def _destination(receiver: AgentId | TopicId) -> str:
    if isinstance(receiver, AgentId):
        return f"{receiver.type}.({receiver.key})-A"
    return f"{receiver.type}.({receiver.source})-T"


def _context_text(context: MessageContext) -> str:
    import json  # not loaded by a program that does not trace

    return json.dumps(
        {
            "sender": str(context.sender) if context.sender is not None else None,
            "topic_id": str(context.topic_id) if context.topic_id is not None else None,
            "is_rpc": context.is_rpc,
            "message_id": context.message_id,
        }
    )
