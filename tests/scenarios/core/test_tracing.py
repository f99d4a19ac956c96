"""A tracer provider that is handed to the runtime sees what the runtime does (spec: 000 TL-02; 001 OTEL-1..4)."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, get_current_span

from hubbub_core import (
    AgentId,
    DefaultTopicId,
    MessageContext,
    RoutedAgent,
    SingleThreadedAgentRuntime,
    default_subscription,
    message_handler,
)


@dataclass
class Message:
    content: str


@default_subscription
class Listener(RoutedAgent):
    def __init__(self) -> None:
        super().__init__("Listens")

    @message_handler
    async def on_text(self, message: Message, ctx: MessageContext) -> bool:
        return get_current_span().is_recording()


@dataclass
class Traces:
    provider: TracerProvider
    exporter: InMemorySpanExporter


@pytest.fixture
def traces() -> Iterator[Traces]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource({"service.name": "hubbub"}))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    yield Traces(provider, exporter)
    provider.shutdown()


async def talk(runtime: SingleThreadedAgentRuntime) -> bool:
    """Send one message and publish another; return whether the first one's handler ran inside a recording span."""
    await Listener.register(runtime, "listener", Listener)
    runtime.start()
    traced: bool = await runtime.send_message(Message("direct"), AgentId("listener", "default"))
    await runtime.publish_message(Message("to all"), DefaultTopicId())
    await runtime.stop_when_idle()
    return traced


async def test_sending_and_publishing_yield_spans(traces: Traces) -> None:
    traced = await talk(SingleThreadedAgentRuntime(tracer_provider=traces.provider))

    assert traced
    traces.provider.force_flush()
    spans = traces.exporter.get_finished_spans()
    names = {span.context.span_id: span.name for span in spans if span.context is not None}
    # Handling is part of the trace of sending.
    assert {(span.name, span.kind, names[span.parent.span_id] if span.parent else None) for span in spans} == {
        ("autogen send listener.(default)-A", SpanKind.PRODUCER, None),
        ("autogen process listener.(default)-A", SpanKind.CONSUMER, "autogen send listener.(default)-A"),
        ("autogen publish default.(default)-T", SpanKind.PRODUCER, None),
        ("autogen process listener.(default)-A", SpanKind.CONSUMER, "autogen publish default.(default)-T"),
    }
    assert {span.resource.attributes["service.name"] for span in spans} == {"hubbub"}


async def test_environment_switches_tracing_off(traces: Traces, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOGEN_DISABLE_RUNTIME_TRACING", "true")

    assert not await talk(SingleThreadedAgentRuntime(tracer_provider=traces.provider))
    traces.provider.force_flush()
    assert traces.exporter.get_finished_spans() == ()


# A global provider can be set once in a process, hence one of its own.
GLOBAL_PROVIDER = """
import asyncio
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from hubbub_core import AgentId, ClosureAgent, SingleThreadedAgentRuntime

async def echo(agent, message: str, ctx):
    return message

async def spans_with(**arguments):
    exporter.clear()
    runtime = SingleThreadedAgentRuntime(**arguments)
    await ClosureAgent.register_closure(runtime, "echo", echo)
    runtime.start()
    await runtime.send_message("hello", AgentId("echo", "default"))
    await runtime.stop_when_idle()
    return sorted(span.name for span in exporter.get_finished_spans())

exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
print(asyncio.run(spans_with()))
print(asyncio.run(spans_with(tracer_provider=trace.NoOpTracerProvider())))
"""


def test_global_provider_is_used_unless_a_no_op_one_is_given() -> None:
    done = subprocess.run([sys.executable, "-c", GLOBAL_PROVIDER], capture_output=True, text=True, timeout=60)

    assert (done.stderr, done.returncode) == ("", 0)
    assert done.stdout.splitlines() == [
        "['autogen process echo.(default)-A', 'autogen send echo.(default)-A']",
        "[]",
    ]
