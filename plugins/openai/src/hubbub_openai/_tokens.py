"""Count tokens without a connection: exactly with a table that is on this machine, else by an upper bound."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import os
import struct
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from hubbub_core.tools import Tool, ToolSchema

from ._tools import tool_schema

# Where tiktoken keeps its tables: files named by the SHA-1 of the address. The digest is that of the file's content.
_TABLES: Final = {
    "cl100k_base": "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
    "o200k_base": "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
}
_ADDRESS: Final = "https://openaipublic.blob.core.windows.net/encodings/{}.tiktoken"

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

_IMAGE_BASE: Final = 85
_IMAGE_TILE: Final = 170


def _cached_table(encoding: str) -> Path | None:
    """Return the file of a table if tiktoken would find it in its cache and take it."""
    directory = os.environ.get("TIKTOKEN_CACHE_DIR", os.environ.get("DATA_GYM_CACHE_DIR"))
    if directory is None:
        directory = os.path.join(tempfile.gettempdir(), "data-gym-cache")
    digest = _TABLES.get(encoding)
    if not directory or digest is None:
        return None
    path = Path(directory, hashlib.sha1(_ADDRESS.format(encoding).encode()).hexdigest())
    try:
        content = path.read_bytes()
    except OSError:
        return None
    # tiktoken fetches a table anew when its digest is wrong; that would be a connection.
    return path if hashlib.sha256(content).hexdigest() == digest else None


@cache
def _encode(encoding: str) -> Callable[[str], int] | None:
    if find_spec("tiktoken") is None or _cached_table(encoding) is None:
        return None
    import tiktoken

    table = tiktoken.get_encoding(encoding)
    return lambda text: len(table.encode(text, disallowed_special=()))


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
        exact = _encode(self._encoding) if self._encoding else None
        if exact is not None:
            return exact
        if not self._warned:
            self._warned = True
            remedy = (
                "`pip install hubbub-openai[tokens]` and, once with a connection, "
                f"`python -c \"import tiktoken; tiktoken.get_encoding('{self._encoding}')\"` make it exact"
                if self._encoding
                else "its vendor publishes no table"
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
    properties: Mapping[str, Any] = schema.get("parameters", {"properties": {}}).get("properties", {})
    if properties:
        total += _PROPERTIES_START
    for name, property_schema in properties.items():
        total += _PER_PROPERTY + length(name) + _count_property(property_schema, length)
    return total


def _count_property(schema: Mapping[str, Any], length: Callable[[str], int]) -> int:
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
