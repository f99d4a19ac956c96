"""Count tokens without a connection: exactly where tiktoken is installed, else by an upper bound."""

from __future__ import annotations

import base64
import json
import math
import struct
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from hubbub_core.tools import Tool, ToolSchema

from ._token_tables import load_length
from ._tools import tool_schema

# How the service wraps messages and tools (the vendor's cookbook, "How to count tokens with tiktoken").
_PER_MESSAGE: Final = 3
_PER_NAME: Final = 1
_REPLY_START: Final = 3
_PER_FUNCTION: Final = 7
_PER_PROPERTY: Final = 3
_PROPERTIES_START: Final = 3
_ENUM_START: Final = -3
_ENUM_ITEM: Final = 3
_FUNCTIONS_END: Final = 12
_NOT_COUNTED: Final = ("type", "title", "properties", "required", "additionalProperties")

_IMAGE_BASE: Final = 85
_IMAGE_TILE: Final = 170


def _utf8_length(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


class TokenCounter:
    """Counts for one model.

    Args:
        model: Its name, for the warning.
        encoding: Name of the tiktoken table; None if the vendor publishes none.
    """

    def __init__(self, model: str, encoding: str | None) -> None:
        self._model = model
        self._encoding = encoding
        self._warned = False

    def count(self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Tool | ToolSchema]) -> int:
        """Return the tokens of messages in the request's form, and of tools."""
        length = self._length()
        total = _REPLY_START
        for message in messages:
            total += _PER_MESSAGE
            for key, value in message.items():
                if value is None:
                    continue
                if key == "name":
                    total += _PER_NAME
                total += _count_value(value, length)
        if tools:
            total += sum(_count_tool(tool_schema(tool), length) for tool in tools) + _FUNCTIONS_END
        return total

    def _length(self) -> Callable[[str], int]:
        exact = load_length(self._encoding) if self._encoding else None
        if exact is not None:
            return exact
        if not self._warned:
            self._warned = True
            remedy = (
                "`pip install hubbub-openai[tokens]` makes it exact"
                if self._encoding
                else "its vendor has published no table"
            )
            warnings.warn(
                f"tokens of model {self._model!r} are counted as UTF-8 bytes, an upper bound; {remedy}",
                UserWarning,
                stacklevel=4,
            )
        return _utf8_length


def _count_value(value: Any, length: Callable[[str], int]) -> int:
    if isinstance(value, str):
        return length(value)
    total = 0
    for part in value:
        if part.get("type") == "image_url":
            total += image_tokens(part["image_url"]["url"], part["image_url"].get("detail", "auto"))
        elif part.get("type") == "text":
            total += length(part["text"])
        else:
            total += length(json.dumps(part))
    return total


def _count_tool(schema: ToolSchema, length: Callable[[str], int]) -> int:
    total = _PER_FUNCTION + length(f"{schema['name']}:{schema.get('description', '').rstrip('.')}")
    parameters: Mapping[str, Any] = schema.get("parameters", {})
    properties: Mapping[str, Any] = parameters.get("properties", {})
    # `$defs` and the like, which properties refer to.
    total += sum(length(json.dumps(value)) for key, value in parameters.items() if key not in _NOT_COUNTED)
    if properties:
        total += _PROPERTIES_START
    for name, property_schema in properties.items():
        total += _PER_PROPERTY + length(name) + _count_property(property_schema, length)
    return total


def _count_property(schema: Any, length: Callable[[str], int]) -> int:
    if not isinstance(schema, Mapping):
        return length(json.dumps(schema))  # JSON schema has `true` for anything
    total = 0
    for key, value in schema.items():
        if key == "enum":
            total += _ENUM_START + sum(_ENUM_ITEM + length(str(item)) for item in value)
        elif key in ("type", "title", "description", "format"):
            total += length(value if isinstance(value, str) else json.dumps(value))
        else:
            # `anyOf`, `default`, `items` and the rest of JSON schema reach the model as they are written.
            total += length(json.dumps(value))
    return total


def image_tokens(url: str, detail: str) -> int:
    """Return the tokens of an image (newer N-309).

    The image is fitted into 2048 x 2048 pixels, its short edge scaled down to 768, and cut into tiles of 512: 85
    tokens, and 170 for each tile. Detail `low` costs 85. A size that the data does not tell counts as the largest.
    """
    if detail == "low":
        return _IMAGE_BASE
    width, height = _png_size(url) or (2048, 768)
    scale = min(1.0, 2048 / max(width, height))
    width, height = int(width * scale), int(height * scale)
    scale = min(1.0, 768 / max(1, min(width, height)))
    width, height = int(width * scale), int(height * scale)
    return _IMAGE_BASE + _IMAGE_TILE * math.ceil(width / 512) * math.ceil(height / 512)


def _png_size(url: str) -> tuple[int, int] | None:
    prefix = "data:image/png;base64,"
    if not url.startswith(prefix):
        return None
    # Signature, length and type of the first chunk, then width and height: 24 bytes, 32 characters.
    head = base64.b64decode(url[len(prefix) : len(prefix) + 32])
    if head[:8] != b"\x89PNG\r\n\x1a\n" or len(head) < 24:
        return None
    width, height = struct.unpack(">II", head[16:24])
    return (width, height) if width and height else None
