"""Spans of messages, through OpenTelemetry's own interfaces."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from core_agents import Scripted, Text, add_agent

from hubbub_core import AgentId, MessageContext, SingleThreadedAgentRuntime, TopicId

trace = pytest.importorskip("opentelemetry.trace", reason="the OpenTelemetry API is not installed")


class RecordedSpan(trace.NonRecordingSpan):  # type: ignore[misc,name-defined] # the module is imported only if it is there
    """A span that keeps what it was told."""

    def __init__(self, name: str, parent: str | None, number: int, attributes: dict[str, Any]) -> None:
        super().__init__(trace.SpanContext(1, number, is_remote=False))
        self.name, self.parent, self.attributes, self.ended = name, parent, dict(attributes), 0
        self.errors: list[BaseException] = []

    def is_recording(self) -> bool:
        return True

    def set_attribute(self, key: str, value: Any) -> None:
        self.attributes[key] = value

    def record_exception(self, exception: BaseException, *_: Any, **__: Any) -> None:
        self.errors.append(exception)

    def end(self, end_time: int | None = None) -> None:
        self.ended += 1


class RecordingTracer(trace.Tracer):  # type: ignore[misc,name-defined] # the module is imported only if it is there
    def __init__(self) -> None:
        self.spans: list[RecordedSpan] = []

    def start_span(self, name: str, context: Any = None, kind: Any = None, attributes: Any = None, **_: Any) -> Any:
        parent = trace.get_current_span(context)
        span = RecordedSpan(name, getattr(parent, "name", None), len(self.spans) + 1, attributes)
        self.spans.append(span)
        return span

    @contextmanager
    def start_as_current_span(self, name: str, *args: Any, **kwargs: Any) -> Iterator[Any]:
        with trace.use_span(self.start_span(name)) as span:
            yield span


class RecordingProvider(trace.TracerProvider):  # type: ignore[misc,name-defined] # the module is imported only if it is there
    def __init__(self) -> None:
        self.tracer = RecordingTracer()

    def get_tracer(self, instrumenting_module_name: str, *_: Any, **__: Any) -> Any:
        assert instrumenting_module_name == "autogen SingleThreadedAgentRuntime"
        return self.tracer


async def run(provider: Any) -> list[RecordedSpan]:
    runtime = SingleThreadedAgentRuntime(tracer_provider=provider)

    async def forward(agent: Scripted, message: Text, ctx: MessageContext) -> Text:
        assert "process forward" in getattr(trace.get_current_span(), "name", "process forward")
        await agent.publish_message(message, TopicId("news", "s"))
        reply: Text = await agent.send_message(message, AgentId("fails", "default"))
        return reply

    async def fail(agent: Scripted, message: Text, ctx: MessageContext) -> None:
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
    return provider.tracer.spans if isinstance(provider, RecordingProvider) else []


async def test_spans_follow_a_message_from_agent_to_agent() -> None:
    spans = await run(RecordingProvider())

    assert sorted((span.name, span.parent) for span in spans) == [
        ("autogen process fails.(default)-A", "autogen send fails.(default)-A"),
        ("autogen process forward.(default)-A", "autogen send forward.(default)-A"),
        ("autogen process note.(s)-A", "autogen publish news.(s)-T"),
        ("autogen publish news.(s)-T", "autogen process forward.(default)-A"),
        ("autogen send fails.(default)-A", "autogen process forward.(default)-A"),
        ("autogen send forward.(default)-A", None),
    ]
    assert [span.ended for span in spans] == [1] * 6
    failed = {span.name: span for span in spans}["autogen process fails.(default)-A"]
    assert [repr(error) for error in failed.errors] == ["ValueError('broken')"]
    assert failed.attributes == {
        "messaging.operation": "process",
        "messaging.destination": "fails.(default)-A",
        "messaging.message.type": "Text",
        "recipient_agent_type": "fails",
        "sender_agent_type": "forward",
        "error.type": "ValueError",
    }
    assert getattr(trace.get_current_span(), "name", None) is None


async def test_tracing_is_switched_off_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOGEN_DISABLE_RUNTIME_TRACING", "true")

    assert await run(RecordingProvider()) == []


async def test_provider_without_effect_costs_nothing() -> None:
    runtime = SingleThreadedAgentRuntime(tracer_provider=trace.NoOpTracerProvider())

    assert runtime._tracing is None
    assert runtime._dispatcher.observers == ()
    assert SingleThreadedAgentRuntime()._tracing is None
