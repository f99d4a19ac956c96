"""Spans of agents and tools, after the semantic conventions for generative AI; free while nobody traces.

OpenTelemetry is never imported here: a tracer can only have been set up by a program that has imported it.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

_T = TypeVar("_T")

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
    attributes = _tool_attributes(tool_name, tool_description, tool_call_id)
    with _span(f"execute_tool {tool_name}", "INTERNAL", attributes, tracer, parent) as span:
        yield span


def trace_tool_stream(
    stream: AsyncGenerator[_T, None],
    tool_name: str,
    *,
    tool_description: str | None = None,
    tool_call_id: str | None = None,
) -> AsyncGenerator[_T, None]:
    """Trace a tool that streams: one span like that of `trace_tool_span`, for all of `stream`.

    The span is the current one while the tool works, not while its consumer does something between two items.
    """
    attributes = _tool_attributes(tool_name, tool_description, tool_call_id)
    return _traced_stream(stream, f"execute_tool {tool_name}", "INTERNAL", attributes)


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


def trace_invoke_agent_stream(
    stream: AsyncGenerator[_T, None],
    agent_name: str,
    *,
    agent_id: str | None = None,
    agent_description: str | None = None,
) -> AsyncGenerator[_T, None]:
    """Trace a run of an agent that streams: one span like that of `trace_invoke_agent_span`, for all of `stream`.

    The span is the current one while the agent works, not while its consumer does something between two items. While
    nobody traces, `stream` itself is returned.
    """
    if not _tracing(None):
        return stream
    attributes = _agent_attributes("invoke_agent", agent_name, agent_id, agent_description)
    return _traced_stream(stream, f"invoke_agent {agent_name}", "CLIENT", attributes)


def _tool_attributes(name: str, description: str | None, call_id: str | None) -> Mapping[str, str | None]:
    return {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.system": SYSTEM,
        "gen_ai.tool.name": name,
        "gen_ai.tool.description": description,
        "gen_ai.tool.call.id": call_id,
    }


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


async def _traced_stream(
    stream: AsyncGenerator[_T, None], name: str, kind: str, attributes: Mapping[str, str | None]
) -> AsyncGenerator[_T, None]:
    async with aclosing(stream):
        if not _tracing(None):
            async for item in stream:
                yield item
            return
        from opentelemetry import trace

        given = {key: value for key, value in attributes.items() if value is not None}
        span = trace.get_tracer(TRACER_NAME).start_span(name, kind=trace.SpanKind[kind], attributes=given)
        try:
            while True:
                # Entered and left within one step: a generator has no context of its own, and its last step may run in
                # another task than its first.
                with trace.use_span(span, end_on_exit=False, record_exception=False, set_status_on_exception=False):
                    try:
                        item = await anext(stream)
                    except StopAsyncIteration:
                        return
                yield item
        except Exception as error:
            span.record_exception(error)
            span.set_status(trace.Status(trace.StatusCode.ERROR, f"{type(error).__name__}: {error}"))
            span.set_attribute("error.type", type(error).__name__)
            raise
        finally:
            span.end()
