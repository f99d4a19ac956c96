"""Spans of agents and tools, after the semantic conventions for generative AI; free while nobody traces.

OpenTelemetry is never imported here: a tracer can only have been set up by a program that has imported it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

SYSTEM = "autogen"
"""Value of `gen_ai.system` that existing dashboards look for (spec: newer N-030)."""

TRACER_NAME = "autogen-core"


class _NoSpan:
    """Stands for a span where nobody traces."""

    def __getattr__(self, name: str) -> Any:
        return _ignore


def _ignore(*args: Any, **kwargs: Any) -> None:
    return None


_NO_SPAN: Any = _NoSpan()


@contextmanager
def trace_tool_span(
    tool_name: str,
    *,
    tracer: Tracer | None = None,
    parent: Span | None = None,
    tool_description: str | None = None,
    tool_call_id: str | None = None,
) -> Iterator[Span]:
    """Trace the execution of a tool (spec: newer N-030).

    Args:
        tool_name: Name of the tool.
        tracer: Makes the span; by default the global provider's.
        parent: The span above it; by default the current one.
        tool_description: What the tool does.
        tool_call_id: ID of the model's call.

    Yields:
        The span. An exception is recorded on it and travels on.
    """
    attributes = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.system": SYSTEM,
        "gen_ai.tool.name": tool_name,
        "gen_ai.tool.description": tool_description,
        "gen_ai.tool.call.id": tool_call_id,
    }
    with _span(f"execute_tool {tool_name}", "INTERNAL", attributes, tracer, parent) as span:
        yield span


@contextmanager
def trace_create_agent_span(
    agent_name: str,
    *,
    tracer: Tracer | None = None,
    parent: Span | None = None,
    agent_id: str | None = None,
    agent_description: str | None = None,
) -> Iterator[Span]:
    """Trace the creation of an agent; its ID is the one being instantiated unless given (spec: newer N-031)."""
    if agent_id is None and _tracing(tracer):
        from ._agent_instantiation import AgentInstantiationContext

        if AgentInstantiationContext.is_in_factory_call():
            agent_id = str(AgentInstantiationContext.current_agent_id())
    attributes = _agent_attributes("create_agent", agent_name, agent_id, agent_description)
    with _span(f"create_agent {agent_name}", "CLIENT", attributes, tracer, parent) as span:
        yield span


@contextmanager
def trace_invoke_agent_span(
    agent_name: str,
    *,
    tracer: Tracer | None = None,
    parent: Span | None = None,
    agent_id: str | None = None,
    agent_description: str | None = None,
) -> Iterator[Span]:
    """Trace a run of an agent (spec: newer N-032)."""
    attributes = _agent_attributes("invoke_agent", agent_name, agent_id, agent_description)
    with _span(f"invoke_agent {agent_name}", "CLIENT", attributes, tracer, parent) as span:
        yield span


def _agent_attributes(
    operation: str, name: str, agent_id: str | None, description: str | None
) -> Mapping[str, str | None]:
    return {
        "gen_ai.operation.name": operation,
        "gen_ai.system": SYSTEM,
        "gen_ai.agent.name": name,
        "gen_ai.agent.id": agent_id,
        "gen_ai.agent.description": description,
    }


def _tracing(tracer: Tracer | None) -> bool:
    return tracer is not None or "opentelemetry.trace" in sys.modules


@contextmanager
def _span(
    name: str, kind: str, attributes: Mapping[str, str | None], tracer: Tracer | None, parent: Span | None
) -> Iterator[Span]:
    if not _tracing(tracer):
        yield _NO_SPAN
        return
    from opentelemetry import trace

    tracer = tracer or trace.get_tracer(TRACER_NAME)
    context = trace.set_span_in_context(parent) if parent is not None else None
    given = {key: value for key, value in attributes.items() if value is not None}
    with tracer.start_as_current_span(
        name,
        context=context,
        kind=trace.SpanKind[kind],
        attributes=given,
        record_exception=True,
        set_status_on_exception=True,
    ) as span:
        try:
            yield span
        except Exception as error:
            span.set_attribute("error.type", type(error).__name__)
            raise
