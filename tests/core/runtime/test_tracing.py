"""Spans of messages, as OpenTelemetry's own SDK keeps them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from core_agents import Scripted, Text, add_agent
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import StatusCode

from hubbub_core import AgentId, MessageContext, SingleThreadedAgentRuntime, TopicId


class Traces:
    """A provider, and what it exported."""

    def __init__(self, **options: Any) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider(**options)
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))

    def spans(self) -> dict[str, ReadableSpan]:
        """Return the finished spans by name, each name once."""
        spans = self.exporter.get_finished_spans()
        by_name = {span.name.removeprefix("autogen "): span for span in spans}
        assert len(by_name) == len(spans)
        return by_name

    def parents(self) -> dict[str, str | None]:
        """Return the name of each span's parent by the name of the span."""
        spans = self.spans()
        names = {span.context.span_id: name for name, span in spans.items() if span.context is not None}
        return {name: names[span.parent.span_id] if span.parent else None for name, span in spans.items()}


@pytest.fixture
def traces() -> Iterator[Traces]:
    traces = Traces()
    yield traces
    traces.provider.shutdown()


async def converse(runtime: SingleThreadedAgentRuntime) -> None:
    """Have one agent publish and send; the agent it sends to fails."""

    async def forward(agent: Scripted, message: Text, ctx: MessageContext) -> Any:
        await agent.publish_message(message, TopicId("news", "s"))
        return await agent.send_message(message, AgentId("fails", "default"))

    async def fail(agent: Scripted, message: Text, ctx: MessageContext) -> None:
        await asyncio.sleep(0)
        raise ValueError("broken")

    async def note(agent: Scripted, message: Text, ctx: MessageContext) -> None:
        return None

    target = await add_agent(runtime, "forward", forward)
    await add_agent(runtime, "fails", fail)
    await add_agent(runtime, "note", note, "news")
    runtime.start()
    with pytest.raises(ValueError, match="broken"):
        await runtime.send_message(Text("x"), target)
    await runtime.stop_when_idle()


async def test_spans_follow_a_message_from_agent_to_agent(traces: Traces) -> None:
    await converse(SingleThreadedAgentRuntime(tracer_provider=traces.provider))

    assert traces.parents() == {
        "send forward.(default)-A": None,
        "process forward.(default)-A": "send forward.(default)-A",
        "publish news.(s)-T": "process forward.(default)-A",
        "process note.(s)-A": "publish news.(s)-T",
        "send fails.(default)-A": "process forward.(default)-A",
        "process fails.(default)-A": "send fails.(default)-A",
    }
    assert {span.context.trace_id for span in traces.spans().values() if span.context is not None} == {
        span.context.trace_id for span in [traces.spans()["send forward.(default)-A"]] if span.context is not None
    }


async def test_error_of_a_handler_is_recorded_on_its_span(traces: Traces) -> None:
    await converse(SingleThreadedAgentRuntime(tracer_provider=traces.provider))

    spans = traces.spans()
    failed = spans["process fails.(default)-A"]
    assert failed.status.status_code is StatusCode.ERROR
    assert failed.status.description == "broken"
    assert [(event.name, (event.attributes or {})["exception.message"]) for event in failed.events] == [
        ("exception", "broken")
    ]
    assert dict(failed.attributes or {}) == {
        "messaging.operation": "process",
        "messaging.destination": "fails.(default)-A",
        "messaging.message.type": "Text",
        "recipient_agent_type": "fails",
        "recipient_agent_class": "Scripted",
        "sender_agent_type": "forward",
        "sender_agent_class": "Scripted",
        "error.type": "ValueError",
    }
    assert spans["process note.(s)-A"].status.status_code is StatusCode.UNSET


async def test_span_of_a_handler_is_current_in_it_and_nowhere_else(traces: Traces) -> None:
    runtime = SingleThreadedAgentRuntime(tracer_provider=traces.provider)
    seen: dict[str, str] = {}
    tracer = traces.provider.get_tracer("test")

    async def look(agent: Scripted, message: Text, ctx: MessageContext) -> None:
        key = f"{agent.id} {message.content}"
        seen[key] = getattr(trace.get_current_span(), "name", "")
        if message.content == "waits":
            await asyncio.sleep(0)
            assert getattr(trace.get_current_span(), "name", "") == seen[key]

    await add_agent(runtime, "a", look, "news")
    await add_agent(runtime, "b", look, "news")
    runtime.start()
    with tracer.start_as_current_span("app"):
        for content in ("at once", "waits"):
            await runtime.publish_message(Text(content), TopicId("news", "s"))
        await runtime.send_message(Text("sent"), AgentId("a", "s"))
        assert getattr(trace.get_current_span(), "name", "") == "app"
    await runtime.stop_when_idle()

    assert seen == {
        f"{agent}/s {content}": f"autogen process {agent}.(s)-A"
        for agent, content in (("a", "at once"), ("b", "at once"), ("a", "waits"), ("b", "waits"), ("a", "sent"))
    }
    assert not trace.get_current_span().get_span_context().is_valid


async def test_traced_handlers_that_do_not_wait_share_a_task(traces: Traces) -> None:
    """The tracer takes back what it set, so that a message costs its spans and nothing more."""
    runtime = SingleThreadedAgentRuntime(tracer_provider=traces.provider)
    tasks: set[Any] = set()

    async def look(agent: Scripted, message: Text, ctx: MessageContext) -> None:
        tasks.add(asyncio.current_task())

    await add_agent(runtime, "look", look, "news")
    runtime.start()
    for _ in range(10):
        await runtime.publish_message(Text("x"), TopicId("news", "s"))
    await runtime.stop_when_idle()

    assert len(tasks) == 1


async def test_messages_are_shown_in_spans_on_request_only(traces: Traces, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "true")
    await converse(SingleThreadedAgentRuntime(tracer_provider=traces.provider))

    attributes = traces.spans()["process note.(s)-A"].attributes or {}
    assert attributes["message"] == '{"content":"x"}'
    context = json.loads(str(attributes["message_context"]))
    assert len(context.pop("message_id")) == 36
    assert context == {"sender": "forward/default", "topic_id": "news/s", "is_rpc": False}


async def test_messages_are_not_converted_for_spans_that_nobody_keeps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "true")
    monkeypatch.setattr("hubbub_core._runtime_tracing.payload_text", lambda message: pytest.fail("converted"))
    traces = Traces(sampler=ALWAYS_OFF)

    await converse(SingleThreadedAgentRuntime(tracer_provider=traces.provider))

    assert traces.spans() == {}


async def test_tracing_is_switched_off_by_the_environment(traces: Traces, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOGEN_DISABLE_RUNTIME_TRACING", "true")
    await converse(SingleThreadedAgentRuntime(tracer_provider=traces.provider))
    assert traces.spans() == {}

    # Exactly this word switches it off.
    monkeypatch.setenv("AUTOGEN_DISABLE_RUNTIME_TRACING", "1")
    await converse(SingleThreadedAgentRuntime(tracer_provider=traces.provider))
    assert len(traces.spans()) == 6


async def test_provider_without_effect_costs_nothing() -> None:
    runtime = SingleThreadedAgentRuntime(tracer_provider=trace.NoOpTracerProvider())

    assert runtime._tracing is None
    assert runtime._dispatcher.observers == ()
    assert SingleThreadedAgentRuntime()._tracing is None
