"""HTTP and server-sent events, as far as the mock server of OpenAI's service needs them."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, urlsplit

JsonObject: TypeAlias = dict[str, Any]

CREATED = 1_790_000_000
"""When everything was made, in seconds since 1970."""

_PREFIX = re.compile(r"^(?:/v1|/openai(?:/v1)?(?:/deployments/[^/]+)?)(?=/)")


class ServiceError(Exception):
    """The service refuses a request."""

    def __init__(self, status: int, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code


@dataclass
class Request:
    """A recorded request."""

    method: str
    path: str
    headers: dict[str, str]
    body: JsonObject
    query: dict[str, str] = field(default_factory=dict)
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    """Uploaded files of a form: field -> file name, content."""
    closed: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    """Set when the client closed the connection before the answer was over."""

    @property
    def endpoint(self) -> str:
        """The path without what stands before it: `/v1`, or Azure's `/openai/deployments/NAME`."""
        return _PREFIX.sub("", self.path)

    @property
    def messages(self) -> list[JsonObject]:
        return list(self.body["messages"])


def error_body(status: int, message: str, code: str | None = None) -> str:
    """Return the body of an error."""
    kinds = {401: ("authentication_error", "invalid_api_key"), 429: ("rate_limit_error", "rate_limit_exceeded")}
    kind, usual = kinds.get(status, ("server_error" if status >= 500 else "invalid_request_error", None))
    return json.dumps({"error": {"message": message, "type": kind, "param": None, "code": code or usual}})


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """Read the next request of a connection; None at its end."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1") if not reader.at_eof() else ""
    if not head:
        return None
    first, *lines = head.rstrip("\r\n").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if headers.get("transfer-encoding") == "chunked":
        content = await _read_chunks(reader)
    else:
        content = await reader.readexactly(int(headers.get("content-length", 0)))
    url = urlsplit(target)
    request = Request(method, url.path, headers, {}, dict(parse_qsl(url.query)))
    kind = headers.get("content-type", "")
    if kind.startswith("multipart/form-data"):
        _read_form(kind, content, request)
    elif content:
        request.body = json.loads(content)
    return request


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    content = b""
    while size := int(await reader.readline(), 16):
        content += await reader.readexactly(size)
        await reader.readline()
    await reader.readline()
    return content


def _read_form(kind: str, content: bytes, request: Request) -> None:
    message = BytesParser(policy=HTTP).parsebytes(f"Content-Type: {kind}\r\n\r\n".encode() + content)
    for part in message.iter_parts():
        name, filename = str(part.get_param("name", header="content-disposition")), part.get_filename()
        value = part.get_payload(decode=True)
        assert isinstance(value, bytes)
        if filename is not None:
            request.files[name] = (filename, value)
        else:
            request.body[name] = value.decode()


async def send(writer: asyncio.StreamWriter, status: int, body: str, headers: Mapping[str, str] | None = None) -> None:
    """Send a whole answer."""
    content = body.encode()
    fields = {"Content-Type": "application/json", "Content-Length": str(len(content)), **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    writer.write(f"HTTP/1.1 {status} Status\r\n{head}\r\n".encode() + content)
    await writer.drain()


async def send_cut(writer: asyncio.StreamWriter, begin: str) -> None:
    """Send the beginning of an answer that is promised to be longer."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n")
    writer.write(begin.encode())
    await writer.drain()


async def start_stream(writer: asyncio.StreamWriter) -> None:
    """Send the head of a stream of events."""
    writer.write(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n",
    )
    await writer.drain()


async def send_event(writer: asyncio.StreamWriter, data: str, name: str | None = None) -> None:
    """Send one event of a stream."""
    event = (f"event: {name}\n" if name else "").encode() + f"data: {data}\n\n".encode()
    writer.write(f"{len(event):x}\r\n".encode() + event + b"\r\n")
    await writer.drain()


async def end_stream(writer: asyncio.StreamWriter) -> None:
    """Send what ends a stream of events."""
    writer.write(b"0\r\n\r\n")
    await writer.drain()


async def until_closed(reader: asyncio.StreamReader, request: Request) -> None:
    """Wait until the client goes away."""
    try:
        await reader.read(1)
    finally:
        request.closed.set()
