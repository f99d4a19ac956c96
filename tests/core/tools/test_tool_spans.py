"""The spans of tools and agents, as an OpenTelemetry SDK exports them (spec: newer N-030..N-033)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from pydantic import BaseModel

from hubbub_core import (
    AgentId,
    AgentInstantiationContext,
    CancellationToken,
    FunctionCall,
    SingleThreadedAgentRuntime,
    trace_create_agent_span,
    trace_invoke_agent_span,
    trace_tool_span,
)
from hubbub_core.tool_agent import ToolAgent
from hubbub_core.tools import BaseStreamTool, FunctionTool, StaticStreamWorkbench, ToolResult

pytest.importorskip("opentelemetry.sdk.trace", reason="the OpenTelemetry SDK is not installed")

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def provider(exporter: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch) -> TracerProvider:
    """A provider that is the global one for the length of the test; OpenTelemetry lets a program set it only once."""
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    return provider


def double(x: int) -> int:
    """Double it."""
    if x < 0:
        raise LookupError("too small")
    return 2 * x


class CountArgs(BaseModel):
    n: int


class Count(BaseStreamTool[CountArgs, int, str]):
    def __init__(self) -> None:
        super().__init__(CountArgs, str, "count", "Counts.")

    async def run(self, args: CountArgs, cancellation_token: CancellationToken) -> str:
        return "done"

    async def run_stream(
        self, args: CountArgs, cancellation_token: CancellationToken
    ) -> AsyncGenerator[int | str, None]:
        for number in range(args.n):
            yield number
        yield "done"


def seen(span: ReadableSpan) -> tuple[str, SpanKind, dict[str, Any]]:
    return span.name, span.kind, dict(span.attributes or {})


async def test_run_of_a_tool_is_a_span(provider: TracerProvider, exporter: InMemorySpanExporter) -> None:
    await FunctionTool(double, "Double it.").run_json({"x": 1}, CancellationToken(), call_id="call-1")

    (span,) = exporter.get_finished_spans()
    assert seen(span) == (
        "execute_tool double",
        SpanKind.INTERNAL,
        {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.system": "autogen",
            "gen_ai.tool.name": "double",
            "gen_ai.tool.description": "Double it.",
            "gen_ai.tool.call.id": "call-1",
        },
    )
    assert span.instrumentation_scope is not None
    assert span.instrumentation_scope.name == "autogen-core"


async def test_stream_of_a_tool_is_one_span(provider: TracerProvider, exporter: InMemorySpanExporter) -> None:
    items = [item async for item in Count().run_json_stream({"n": 2}, CancellationToken(), call_id="c")]

    assert items == [0, 1, "done"]
    assert [(span.name, (span.attributes or {})["gen_ai.tool.call.id"]) for span in exporter.get_finished_spans()] == [
        ("execute_tool count", "c")
    ]


async def test_span_of_a_stream_is_current_for_the_tool_alone(
    provider: TracerProvider, exporter: InMemorySpanExporter
) -> None:
    inside: list[trace.Span] = []

    class Watching(Count):
        async def run_stream(
            self, args: CountArgs, cancellation_token: CancellationToken
        ) -> AsyncGenerator[int | str, None]:
            async for item in super().run_stream(args, cancellation_token):
                inside.append(trace.get_current_span())
                yield item

    with provider.get_tracer("test").start_as_current_span("consumer") as consumer:
        async for _ in Watching().run_json_stream({"n": 1}, CancellationToken()):
            assert trace.get_current_span() is consumer

    tool, outer = exporter.get_finished_spans()
    assert [span.get_span_context() for span in inside] == [tool.get_span_context()] * 2
    assert tool.parent == outer.get_span_context()


@pytest.mark.parametrize(("n", "error"), [(-1, "TypeError"), (-2, "LookupError")])
async def test_failure_of_a_stream_is_on_its_span(
    provider: TracerProvider, exporter: InMemorySpanExporter, n: int, error: str
) -> None:
    class Failing(Count):
        async def run_stream(
            self, args: CountArgs, cancellation_token: CancellationToken
        ) -> AsyncGenerator[int | str, None]:
            yield 1
            if args.n == -2:
                raise LookupError("too small")

    with pytest.raises((TypeError, LookupError)):
        async for _ in Failing().run_json_stream({"n": n}, CancellationToken()):
            pass

    (span,) = exporter.get_finished_spans()
    assert span.status.status_code is StatusCode.ERROR
    assert (span.attributes or {})["error.type"] == error


async def test_stream_that_is_finished_in_another_task_says_nothing(
    provider: TracerProvider, exporter: InMemorySpanExporter, caplog: pytest.LogCaptureFixture
) -> None:
    stream = Count().run_json_stream({"n": 5}, CancellationToken())
    await anext(stream)

    await asyncio.create_task(stream.aclose())

    assert [span.name for span in exporter.get_finished_spans()] == ["execute_tool count"]
    assert caplog.records == []


async def test_stream_that_is_left_early_ends_its_span(
    provider: TracerProvider, exporter: InMemorySpanExporter, caplog: pytest.LogCaptureFixture
) -> None:
    stream = StaticStreamWorkbench([Count()]).call_tool_stream("count", {"n": 5}, call_id="c")
    await anext(stream)

    await stream.aclose()

    assert [span.name for span in exporter.get_finished_spans()] == ["execute_tool count"]
    assert not trace.get_current_span().is_recording()
    assert caplog.records == []


async def test_failure_of_a_tool_is_on_its_span_and_travels_on(
    provider: TracerProvider, exporter: InMemorySpanExporter
) -> None:
    with pytest.raises(LookupError, match="too small"):
        await FunctionTool(double, "").run_json({"x": -1}, CancellationToken())

    (span,) = exporter.get_finished_spans()
    assert span.status.status_code is StatusCode.ERROR
    assert (span.attributes or {})["error.type"] == "LookupError"
    assert [event.name for event in span.events] == ["exception"]


async def test_call_id_of_the_model_reaches_the_span_through_every_caller(
    provider: TracerProvider, exporter: InMemorySpanExporter
) -> None:
    workbench = StaticStreamWorkbench([FunctionTool(double, "")])
    runtime = SingleThreadedAgentRuntime(tracer_provider=trace.NoOpTracerProvider())
    await ToolAgent.register(runtime, "tools", lambda: ToolAgent("Runs tools.", [FunctionTool(double, "")]))
    runtime.start()

    await workbench.call_tool("double", {"x": 1}, call_id="a")
    results = [item async for item in workbench.call_tool_stream("double", {"x": 1}, call_id="b")]
    await runtime.send_message(FunctionCall(id="c", arguments='{"x": 1}', name="double"), AgentId("tools", "k"))
    await runtime.stop()

    assert isinstance(results[-1], ToolResult)
    assert [(span.attributes or {})["gen_ai.tool.call.id"] for span in exporter.get_finished_spans()] == ["a", "b", "c"]


def test_spans_of_agents_take_tracer_and_parent(exporter: InMemorySpanExporter) -> None:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("mine")
    parent = tracer.start_span("parent")

    with trace_create_agent_span("writer", tracer=tracer, parent=parent, agent_id="w/1", agent_description="Writes."):
        pass
    with trace_invoke_agent_span("writer", tracer=tracer, parent=parent) as span:
        assert trace.get_current_span() is span
    with trace_tool_span("pen", tracer=tracer, parent=parent, tool_description="Ink.", tool_call_id="1"):
        pass

    created, invoked, tool = exporter.get_finished_spans()
    assert seen(created) == (
        "create_agent writer",
        SpanKind.CLIENT,
        {
            "gen_ai.operation.name": "create_agent",
            "gen_ai.system": "autogen",
            "gen_ai.agent.name": "writer",
            "gen_ai.agent.id": "w/1",
            "gen_ai.agent.description": "Writes.",
        },
    )
    assert seen(invoked) == (
        "invoke_agent writer",
        SpanKind.CLIENT,
        {"gen_ai.operation.name": "invoke_agent", "gen_ai.system": "autogen", "gen_ai.agent.name": "writer"},
    )
    assert {span.parent.span_id if span.parent else None for span in (created, invoked, tool)} == {
        parent.get_span_context().span_id
    }


@pytest.mark.parametrize("span", [trace_create_agent_span, trace_invoke_agent_span])
def test_failure_of_an_agent_is_on_its_span(exporter: InMemorySpanExporter, span: Any) -> None:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))

    with pytest.raises(KeyError), span("writer", tracer=provider.get_tracer("mine")):
        raise KeyError("pen")

    (failed,) = exporter.get_finished_spans()
    assert failed.status.status_code is StatusCode.ERROR
    assert (failed.attributes or {})["error.type"] == "KeyError"


def test_agent_that_is_being_made_names_itself(provider: TracerProvider, exporter: InMemorySpanExporter) -> None:
    runtime = SingleThreadedAgentRuntime()

    with (
        AgentInstantiationContext.populate_context((runtime, AgentId("writer", "k"))),
        trace_create_agent_span("writer"),
        trace_invoke_agent_span("writer"),
    ):
        pass

    invoked, created = exporter.get_finished_spans()
    assert (created.attributes or {})["gen_ai.agent.id"] == "writer/k"
    assert "gen_ai.agent.id" not in (invoked.attributes or {})
