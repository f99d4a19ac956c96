"""Structured events of an application, and of a stream, reach a log handler as objects.

Spec: 000 LG-08, part 3 L22886; 001 LOGGING-3..7.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from hubbub_core import EVENT_LOGGER_NAME, ROOT_LOGGER_NAME, TRACE_LOGGER_NAME
from hubbub_core.logging import LLMStreamStartEvent


@dataclass
class MyEvent:
    timestamp: str
    message: str


class MyHandler(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.objects: list[object] = []

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if isinstance(record.msg, MyEvent):
                self.seen.append(f"{record.name}: {record.msg.message} at {record.msg.timestamp}")
            self.objects.append(record.msg)
        except Exception:
            self.handleError(record)


@pytest.fixture
def handler() -> Iterator[MyHandler]:
    """A handler of the event logger, at INFO."""
    logger = logging.getLogger(EVENT_LOGGER_NAME)
    level = logger.level
    handler = MyHandler()
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(level)


def test_event_of_a_child_logger_arrives_as_the_object_it_is(handler: MyHandler) -> None:
    event = MyEvent("2024-06-01", "hello")
    logger = logging.getLogger(f"{EVENT_LOGGER_NAME}.my_module")

    logger.info(event)
    logger.debug(MyEvent("2024-06-02", "too fine"))
    logging.getLogger(f"{TRACE_LOGGER_NAME}.my_module").error("no event")

    assert handler.seen == [f"{EVENT_LOGGER_NAME}.my_module: hello at 2024-06-01"]
    assert handler.objects == [event]
    assert handler.objects[0] is event


def test_start_of_a_stream_is_an_event(handler: MyHandler) -> None:
    event = LLMStreamStartEvent(messages=[{"role": "user", "content": "Hello, world!"}])

    logging.getLogger(EVENT_LOGGER_NAME).info(event)

    assert handler.objects == [event]
    assert event.kwargs == {
        "type": "LLMStreamStart",
        "messages": [{"role": "user", "content": "Hello, world!"}],
        "agent_id": None,
    }


def test_root_logger_switches_everything(handler: MyHandler) -> None:
    root = logging.getLogger(ROOT_LOGGER_NAME)
    collected: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            collected.append(record.name)

    collector = Collector()
    root.addHandler(collector)
    try:
        logging.getLogger(f"{EVENT_LOGGER_NAME}.a").info(MyEvent("now", "event"))
        logging.getLogger(f"{TRACE_LOGGER_NAME}.b").warning("trace")
    finally:
        root.removeHandler(collector)

    assert collected == [f"{EVENT_LOGGER_NAME}.a", f"{TRACE_LOGGER_NAME}.b"]
