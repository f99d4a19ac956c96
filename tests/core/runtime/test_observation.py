"""Observers, log lines and events: told when they listen, free when they do not."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from core_agents import Number, Scripted, Text, add_agent

from hubbub_core import (
    EVENT_LOGGER_NAME,
    ROOT_LOGGER_NAME,
    AgentId,
    DefaultInterventionHandler,
    DropMessage,
    MessageContext,
    SingleThreadedAgentRuntime,
    TopicId,
)
from hubbub_core.exceptions import MessageDroppedException


class Record:
    def __init__(self) -> None:
        self.calls: list[tuple[str, str, Any, str | None]] = []

    def delivery_started(self, agent_id: AgentId, message: Any, context: MessageContext) -> None:
        self.calls.append(("started", str(agent_id), message, str(context.topic_id)))

    def delivery_finished(
        self, agent_id: AgentId, message: Any, context: MessageContext, error: BaseException | None
    ) -> None:
        self.calls.append(("finished", str(agent_id), message, repr(error)))


class Broken:
    def delivery_started(self, *_: Any) -> None:
        raise ValueError("broken observer")

    def delivery_finished(self, *_: Any) -> None:
        raise ValueError("broken observer")


async def reply(agent: Scripted, message: Any, ctx: MessageContext) -> Number:
    if message == Text("fail"):
        raise ValueError("broken")
    return Number(1)


async def test_observer_is_told_of_each_delivery_until_it_is_removed(runtime: SingleThreadedAgentRuntime) -> None:
    target = await add_agent(runtime, "reply", reply, "news")
    record = Record()
    runtime.add_observer(record)
    await runtime.send_message(Text("a"), target)
    await runtime.publish_message(Text("b"), TopicId("news", "s"))
    with pytest.raises(ValueError, match="broken"):
        await runtime.send_message(Text("fail"), target)
    await runtime.stop_when_idle()
    runtime.start()
    runtime.remove_observer(record)
    runtime.remove_observer(record)
    await runtime.send_message(Text("c"), target)

    assert record.calls == [
        ("started", "reply/default", Text("a"), "None"),
        ("finished", "reply/default", Text("a"), "None"),
        ("started", "reply/s", Text("b"), "news/s"),
        ("finished", "reply/s", Text("b"), "None"),
        ("started", "reply/default", Text("fail"), "None"),
        ("finished", "reply/default", Text("fail"), "ValueError('broken')"),
    ]


async def test_failing_observer_harms_no_delivery(
    runtime: SingleThreadedAgentRuntime, caplog: pytest.LogCaptureFixture
) -> None:
    target = await add_agent(runtime, "reply", reply)
    runtime.add_observer(Broken())

    assert await runtime.send_message(Text("a"), target) == Number(1)
    assert [each.getMessage().split(" failed ")[1] for each in caplog.records] == [
        "in delivery_started",
        "in delivery_finished",
    ]


@pytest.fixture
def events() -> Iterator[list[Any]]:
    """The event objects that are logged."""

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            kept.append(record.msg)

    kept: list[Any] = []
    logger, handler = logging.getLogger(EVENT_LOGGER_NAME), Keep()
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield kept
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


def keys(event: Any, *names: str) -> dict[str, Any]:
    record = json.loads(str(event))
    return {name: record[name] for name in ("type", *names)}


async def test_events_tell_the_way_of_a_message(runtime: SingleThreadedAgentRuntime, events: list[Any]) -> None:
    target = await add_agent(runtime, "reply", reply, "news")
    await runtime.send_message(Text("a"), target, sender=AgentId("app", "1"))
    await runtime.publish_message(Text("b"), TopicId("news", "s"))
    await runtime.stop_when_idle()
    runtime.start()

    names = ("payload", "sender", "receiver", "kind", "delivery_stage")
    assert [tuple(keys(event, *names).values()) for event in events] == [
        ("Message", '{"content":"a"}', "app/1", "reply/default", "MessageKind.DIRECT", "DeliveryStage.SEND"),
        ("Message", '{"content":"a"}', "app/1", "reply/default", "MessageKind.DIRECT", "DeliveryStage.DELIVER"),
        ("Message", '{"value":1}', "reply/default", "app/1", "MessageKind.RESPOND", "DeliveryStage.DELIVER"),
        ("Message", '{"content":"b"}', None, "news/s", "MessageKind.PUBLISH", "DeliveryStage.SEND"),
        ("Message", '{"content":"b"}', None, "reply/s", "MessageKind.PUBLISH", "DeliveryStage.DELIVER"),
    ]


async def test_events_tell_of_drops_and_errors(events: list[Any]) -> None:
    class DropB(DefaultInterventionHandler):
        async def on_send(self, message: Any, *, message_context: MessageContext, recipient: AgentId) -> Any:
            return DropMessage if message == Text("b") else message

    def no_agent() -> Scripted:
        raise OSError("no disk")

    runtime = SingleThreadedAgentRuntime(intervention_handlers=[DropB()])
    target = await add_agent(runtime, "reply", reply)
    await Scripted.register(runtime, "broken", no_agent)
    runtime.start()
    results = await asyncio.gather(
        runtime.send_message(Text("b"), target),
        runtime.send_message(Text("fail"), target),
        runtime.send_message(object(), AgentId("broken", "1")),
        return_exceptions=True,
    )
    await runtime.stop()

    assert [type(result) for result in results] == [MessageDroppedException, ValueError, OSError]
    told = [str(event) for event in events if keys(event)["type"] != "Message"]
    assert [json.loads(each) for each in told] == [
        {
            "payload": '{"content":"b"}',
            "sender": None,
            "receiver": "reply/default",
            "kind": "MessageKind.DIRECT",
            "type": "MessageDropped",
        },
        {
            "payload": '{"content":"fail"}',
            "handling_agent": "reply/default",
            "exception": "broken",
            "type": "MessageHandlerException",
        },
        {"agent_id": "broken/1", "exception": "no disk", "type": "AgentConstructionException"},
        {
            "payload": "Message could not be serialized",
            "handling_agent": "broken/1",
            "exception": "no disk",
            "type": "MessageHandlerException",
        },
    ]


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_each_failure_of_a_factory_is_told_of_once_whoever_asks_for_the_agent(
    runtime: SingleThreadedAgentRuntime, events: list[Any], asynchronous: bool
) -> None:
    """Not once for each message that waits for the agent (spec: newer N-047)."""
    calls = 0

    async def later() -> Scripted:
        await asyncio.sleep(0)
        raise OSError("no disk")

    def factory() -> Any:
        nonlocal calls
        calls += 1
        if asynchronous:
            return later()
        raise OSError("no disk")

    await Scripted.register(runtime, "broken", factory)
    with pytest.raises(OSError, match="no disk"):
        await runtime.get("broken", lazy=False)
    sends = [runtime.send_message(Text("x"), AgentId("broken", "default")) for _ in range(3)]
    assert [type(each) for each in await asyncio.gather(*sends, return_exceptions=True)] == [OSError] * 3
    told = [event.kwargs for event in events if event.kwargs["type"] == "AgentConstructionException"]
    assert (
        told == [{"agent_id": "broken/default", "exception": "no disk", "type": "AgentConstructionException"}] * calls
    )
    assert calls == (3 if asynchronous else 4)


async def test_log_lines_tell_people_what_happens(
    runtime: SingleThreadedAgentRuntime, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, ROOT_LOGGER_NAME)
    target = await add_agent(runtime, "reply", reply, "news")
    await runtime.send_message(Text("a"), target)
    await runtime.publish_message(Text("b"), TopicId("news", "s"))
    await runtime.stop_when_idle()
    runtime.start()

    lines = [record.getMessage() for record in caplog.records if record.name == ROOT_LOGGER_NAME]
    assert lines == [
        'Sending message of type Text to reply: {"content":"a"}',
        "Calling message handler for reply/default with message type Text sent by Unknown",
        'Resolving response with message type Number for recipient None from reply: {"value":1}',
        'Publishing message of type Text to all subscribers: {"content":"b"}',
        "Calling message handler for reply/s with message type Text published by Unknown",
    ]


class CountedText:
    """A message whose conversion to text would be noticed."""

    converted = 0

    def __repr__(self) -> str:
        CountedText.converted += 1
        return "converted"


async def test_nothing_is_converted_while_nobody_listens(
    runtime: SingleThreadedAgentRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hubbub_core import _event_log

    monkeypatch.setattr(_event_log, "payload_text", lambda message: pytest.fail("converted"))
    target = await add_agent(runtime, "reply", reply, "news")
    await runtime.send_message(CountedText(), target)
    await runtime.publish_message(CountedText(), TopicId("news", "default"))
    await runtime.stop_when_idle()
    runtime.start()

    assert CountedText.converted == 0
