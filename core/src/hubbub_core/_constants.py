"""Names that other programs configure: loggers and content types."""

from __future__ import annotations

from typing import Final

ROOT_LOGGER_NAME: Final = "hubbub_core"
"""Parent of both loggers below."""

EVENT_LOGGER_NAME: Final = "hubbub_core.events"
"""Structured events; each record's `msg` is an event object of `hubbub_core.logging`."""

TRACE_LOGGER_NAME: Final = "hubbub_core.trace"
"""Text for developers; neither content nor format is promised."""

JSON_DATA_CONTENT_TYPE: Final = "application/json"
"""Content type of pydantic models and dataclasses."""

PROTOBUF_DATA_CONTENT_TYPE: Final = "application/x-protobuf"
"""Content type of protobuf messages."""
