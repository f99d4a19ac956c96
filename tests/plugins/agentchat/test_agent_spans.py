"""The spans of agents at work, as an OpenTelemetry SDK exports them (spec: newer N-031, N-032)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence

import pytest
from agentchat_agents import Scripted

from hubbub_agentchat.base import Response
from hubbub_agentchat.messages import BaseAgentEvent, BaseChatMessage, TextMessage, ThoughtEvent
from hubbub_agentchat.teams import RoundRobinGroupChat
from hubbub_core import CancellationToken

pytest.importorskip("opentelemetry.sdk.trace", reason="the OpenTelemetry SDK is not installed")

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode


@pytest.fixture
def exporter(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """Exports the spans of a provider that is the global one for the length of the test."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    return exporter


class Thinker(Scripted):
    """Shows a thought before it answers, and notes the span in which it works."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.spans: list[trace.Span] = []

    async def on_messages_stream(
        self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken
    ) -> AsyncGenerator[BaseAgentEvent | BaseChatMessage | Response, None]:
        self.spans.append(trace.get_current_span())
        yield ThoughtEvent(content="hm", source=self.name)
        self.spans.append(trace.get_current_span())
        yield Response(chat_message=TextMessage(content="done", source=self.name))


def names(exporter: InMemorySpanExporter) -> list[str]:
    return [span.name for span in exporter.get_finished_spans()]


async def test_span_of_a_streaming_run_is_current_for_the_agent_alone(exporter: InMemorySpanExporter) -> None:
    agent = Thinker("a")
    exporter.clear()

    seen = []
    with trace.get_tracer("test").start_as_current_span("consumer") as consumer:
        async for _ in agent.run_stream(task="go"):
            seen.append(trace.get_current_span())

    assert seen == [consumer] * 4  # task, thought, answer, result
    assert names(exporter) == ["invoke_agent a", "consumer"]
    assert len(set(agent.spans)) == 1
    assert agent.spans[0] is not consumer
    assert (exporter.get_finished_spans()[0].attributes or {})["gen_ai.agent.description"] == "Agent a."


async def test_run_that_another_task_ends_closes_its_span_quietly(
    exporter: InMemorySpanExporter, caplog: pytest.LogCaptureFixture
) -> None:
    stream = Thinker("a").run_stream(task="go", output_task_messages=False)
    exporter.clear()

    with caplog.at_level(logging.DEBUG):
        await asyncio.create_task(anext(stream))
        await asyncio.create_task(stream.aclose())

    assert names(exporter) == ["invoke_agent a"]
    assert caplog.records == []  # OpenTelemetry complains of a context that is left in another task
    assert not trace.get_current_span().get_span_context().is_valid


async def test_error_of_a_streaming_run_is_on_its_span(exporter: InMemorySpanExporter) -> None:
    agent = Scripted("a", ValueError("boom"))
    exporter.clear()

    with pytest.raises(ValueError, match="boom"):
        async for _ in agent.run_stream(task="go"):
            pass

    (span,) = exporter.get_finished_spans()
    assert span.status.status_code is StatusCode.ERROR
    assert (span.attributes or {})["error.type"] == "ValueError"


async def test_turn_of_a_participant_is_a_span_with_its_id_in_the_group(exporter: InMemorySpanExporter) -> None:
    team = RoundRobinGroupChat([Scripted("a"), Scripted("b")], max_turns=2)
    exporter.clear()

    await team.run(task="go")

    turns = [span for span in exporter.get_finished_spans() if span.name.startswith("invoke_agent")]
    assert [span.name for span in turns] == ["invoke_agent a", "invoke_agent b"]
    assert str((turns[0].attributes or {})["gen_ai.agent.id"]).startswith("a_")
