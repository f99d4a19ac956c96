"""What the model behind the mock server answers: the parts that a script is made of."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from openai_wire import JsonObject


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What every answer of the model has besides its content."""

    finish_reason: str | None = None
    """None: what fits the content. Responses know `length`, `content_filter` and `failed`."""
    model: str | None = None
    """The model that the answer names; None: the one that was asked for."""
    usage: tuple[int, int] | Literal["none", "null"] | None = None
    """Tokens of prompt and completion; None: words are counted; `"none"` and `"null"`: as sloppy servers do."""
    reasoning: str | None = None
    """Sent as `reasoning_content`."""
    reasoning_field: str = "reasoning_content"
    logprobs: bool = False
    """Send a log probability for each word, as if asked for."""
    valid: bool = True
    """False: the answer is deliberately not what the SDK's types say, and is sent unchecked."""


@dataclass(frozen=True)
class Text(Answer):
    """A text."""

    text: str


@dataclass(frozen=True)
class Refusal(Answer):
    """A refusal instead of content."""

    text: str


@dataclass(frozen=True, init=False)
class Calls(Answer):
    """Calls of tools, each a name and its arguments, perhaps with a text beside them."""

    calls: tuple[tuple[str, Any], ...]
    text: str | None = None

    def __init__(self, *calls: tuple[str, Any], text: str | None = None, **fields: Any) -> None:
        object.__setattr__(self, "calls", calls)
        object.__setattr__(self, "text", text)
        _set_fields(self, fields)


@dataclass(frozen=True)
class Reasoning:
    """A summary of the model's reasoning."""

    text: str


@dataclass(frozen=True)
class CodeRun:
    """The model ran code in the service's interpreter."""

    code: str
    logs: str = ""
    failed: bool = False


@dataclass(frozen=True)
class FileSearch:
    """The model searched the files of its vector stores. The server does search, and a text behind it cites them."""

    query: str


@dataclass(frozen=True)
class WebSearch:
    """The model searched the web; a text behind it cites the page."""

    query: str
    url: str
    title: str


@dataclass(frozen=True)
class ImageResult:
    """The model made an image."""

    base64: str


@dataclass(frozen=True)
class McpCall:
    """The model called a tool of an MCP server that the service connected to."""

    server: str
    name: str
    arguments: str
    output: str


@dataclass(frozen=True)
class McpApproval:
    """The model asks whether it may call a tool of an MCP server."""

    server: str
    name: str
    arguments: str


@dataclass(frozen=True)
class ShellCommand:
    """The model wants a command run on the client's machine."""

    command: tuple[str, ...]


@dataclass(frozen=True)
class OtherItem:
    """Any other item of Responses: its kind and fields."""

    kind: str
    fields: JsonObject


@dataclass(frozen=True)
class Call:
    """A call of a function."""

    name: str
    arguments: Any


Part: TypeAlias = (
    str
    | Reasoning
    | CodeRun
    | FileSearch
    | WebSearch
    | ImageResult
    | McpCall
    | McpApproval
    | ShellCommand
    | OtherItem
    | Call
)


@dataclass(frozen=True, init=False)
class Output(Answer):
    """An answer of several items, for Responses and Assistants: `Output(CodeRun("1+1", "2"), "It is 2")`."""

    parts: tuple[Part, ...]

    def __init__(self, *parts: Part, **fields: Any) -> None:
        object.__setattr__(self, "parts", parts)
        _set_fields(self, fields)


def _set_fields(answer: Answer, fields: dict[str, Any]) -> None:
    for name, default in Answer().__dict__.items():
        object.__setattr__(answer, name, fields.pop(name, default))
    if fields:
        raise TypeError(f"{type(answer).__name__} has no {sorted(fields)}")


@dataclass(frozen=True)
class Status:
    """An error of the service."""

    status: int
    message: str = "The server says no"
    retry_after: float | None = None
    """Seconds, sent as the header `Retry-After`."""


@dataclass(frozen=True)
class Raw:
    """Any body, sent as it is."""

    body: str
    content_type: str = "application/json"


@dataclass(frozen=True)
class Chunks:
    """A stream of given chunks; each needs only what differs: `{"choices": [...]}`."""

    chunks: tuple[JsonObject, ...]
    valid: bool = True


@dataclass(frozen=True)
class Cut:
    """An answer that begins and breaks off in the middle of its connection."""

    text: str = "This answer breaks"


@dataclass(frozen=True)
class Malformed:
    """A 200 whose JSON does not parse; in a stream after the first word."""

    text: str = "Hello"


@dataclass(frozen=True)
class Stall:
    """Nothing, after the first words of a stream: the connection stays open until the client goes away."""

    text: str = ""


@dataclass(frozen=True)
class StreamError:
    """A stream of Responses that begins and ends with an event `error`."""

    message: str = "The model stumbled"
    text: str = "This answer fails"


Fault: TypeAlias = Status | Raw | Cut | Malformed | Stall
Reply: TypeAlias = Text | Refusal | Calls | Output | Chunks | StreamError | Fault


def read_replies(path: Path) -> list[Reply]:
    """Read a script for `--replies`."""
    replies: list[Reply] = []
    for item in json.loads(path.read_text("utf-8")):
        if isinstance(item, str):
            replies.append(Text(item))
        elif "status" in item:
            replies.append(Status(**item))
        elif "calls" in item:
            replies.append(Calls(*((name, arguments) for name, arguments in item.pop("calls")), **item))
        elif "cut" in item:
            replies.append(Cut(item["cut"]))
        elif "stall" in item:
            replies.append(Stall(item["stall"]))
        else:
            replies.append(Text(**item))
    return replies


def words(text: str) -> list[str]:
    """Split a text into the pieces in which it is streamed."""
    return re.findall(r"\s*\S+\s*$|\s*\S+", text)


def example(schema: Mapping[str, Any], definitions: Mapping[str, Any] | None = None) -> Any:
    """Return the plainest instance of a JSON schema."""
    definitions = schema.get("$defs", {}) if definitions is None else definitions
    if "$ref" in schema:
        return example(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return example(schema[key][0], definitions)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "object":
        return {name: example(item, definitions) for name, item in schema.get("properties", {}).items()}
    if kind == "array":
        return [example(schema["items"], definitions)] if "items" in schema else []
    plain: dict[Any, Any] = {"string": "text", "integer": 1, "number": 1.5, "boolean": True, "null": None}
    return plain.get(kind)
