"""A server that speaks the wire format of OpenAI's chat completions, for tests.

It listens on a real port, answers every request with the next reply of a script, or with a text made of the request,
and records what it was asked. What it sends is validated against the types of the installed SDK first. In a test:

    async with OpenAIServer() as server:
        server.reply(Text("Hello"), Status(429, retry_after=0), Calls(("get_time", {"zone": "UTC"})))
        client = AsyncOpenAI(api_key="test", base_url=server.url)

As a process of its own, for command-line tests (`running_process()` starts one):

    python tests/support/openai_server.py --port 0 [--replies FILE] [--record FILE]

prints its address, `http://127.0.0.1:PORT/v1`, as the first line. FILE of `--replies` is a JSON list; each item is a
text or an object such as `{"status": 401}`, `{"calls": [["get_time", {"zone": "UTC"}]]}`, `{"text": "...", "reasoning":
"..."}`. Every request is appended to the FILE of `--record` as a line of JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import re
import subprocess
import sys
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, TypeAlias

from openai.types.chat import ChatCompletion, ChatCompletionChunk

JsonObject: TypeAlias = dict[str, Any]
_CREATED = 1_790_000_000


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What every answer of the model has besides its content."""

    finish_reason: str | None = None
    """None: what fits the content."""
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
        for name, default in Answer().__dict__.items():
            object.__setattr__(self, name, fields.pop(name, default))
        if fields:
            raise TypeError(f"Calls has no {sorted(fields)}")


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


Reply: TypeAlias = Text | Refusal | Calls | Status | Raw | Chunks | Cut | Malformed | Stall


@dataclass
class Request:
    """A recorded request."""

    method: str
    path: str
    headers: dict[str, str]
    body: JsonObject
    closed: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    """Set when the client closed the connection before the answer was over."""

    @property
    def messages(self) -> list[JsonObject]:
        return list(self.body["messages"])


class OpenAIServer:
    """The server. Enter it to listen, leave it to stop; nothing of it outlives the block."""

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0, record: Path | None = None) -> None:
        self._host = host
        self._port = port
        self._record = record
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._ids = itertools.count(1)
        self._received = asyncio.Condition()
        self.replies: deque[Reply] = deque()
        self.requests: list[Request] = []

    def reply(self, *replies: Reply) -> None:
        """Add to the script."""
        self.replies.extend(replies)

    @property
    def url(self) -> str:
        """The `base_url` for clients."""
        return f"http://{self._host}:{self._port}/v1"

    async def __aenter__(self) -> OpenAIServer:
        self._server = await asyncio.start_server(self._accept, self._host, self._port)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()

    async def received(self, count: int = 1) -> Request:
        """Wait until that many requests have come, and return the last of them."""
        async with self._received:
            await self._received.wait_for(lambda: len(self.requests) >= count)
        return self.requests[count - 1]

    async def serve_forever(self) -> None:
        assert self._server is not None
        await self._server.serve_forever()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        try:
            while (request := await _read_request(reader)) is not None:
                await self._note(request)
                if not await self._answer(request, reader, writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            # The client went away, or the server is told to stop: either way the connection is over.
            pass
        finally:
            writer.close()

    async def _note(self, request: Request) -> None:
        if self._record is not None:
            line = json.dumps({"method": request.method, "path": request.path, "body": request.body})
            with self._record.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
        async with self._received:
            self.requests.append(request)
            self._received.notify_all()

    async def _answer(self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; return whether the connection goes on."""
        if not request.path.endswith("/chat/completions"):
            await _send(writer, 404, _error(404, f"Invalid URL ({request.method} {request.path})"))
            return True
        if not request.headers.get("authorization", "").startswith("Bearer "):
            await _send(writer, 401, _error(401, "You didn't provide an API key."))
            return True
        reply = self.replies.popleft() if self.replies else default_reply(request.body)
        stream = bool(request.body.get("stream"))
        number = next(self._ids)
        if isinstance(reply, Status):
            headers = {} if reply.retry_after is None else {"Retry-After": f"{reply.retry_after:g}"}
            await _send(writer, reply.status, _error(reply.status, reply.message), headers)
            return True
        if isinstance(reply, Raw):
            await _send(writer, 200, reply.body, {"Content-Type": reply.content_type})
            return True
        if isinstance(reply, Stall) and not stream:
            await _until_closed(reader, request)
            return False
        if not stream:
            return await _answer_whole(reply, request.body, number, writer)
        return await _answer_stream(reply, request, number, reader, writer)


async def _answer_whole(reply: Reply, body: JsonObject, number: int, writer: asyncio.StreamWriter) -> bool:
    if isinstance(reply, Malformed):
        await _send(writer, 200, '{"id": "chatcmpl-1", "choices": [')
        return True
    if isinstance(reply, Cut):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n")
        writer.write(b'{"id": "chatcmpl-1"')
        await writer.drain()
        return False
    assert isinstance(reply, Text | Refusal | Calls), f"{reply} is no answer for a request without stream"
    await _send(writer, 200, json.dumps(completion(reply, body, number)))
    return True


async def _answer_stream(
    reply: Reply, request: Request, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> bool:
    body = request.body
    writer.write(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n",
    )
    if isinstance(reply, Cut | Malformed | Stall):
        parts = stream_chunks(Text(reply.text), body, number)[: 1 + len(_words(reply.text))]
    elif isinstance(reply, Chunks):
        parts = [_chunk(part, body, number, valid=reply.valid) for part in reply.chunks]
    else:
        assert isinstance(reply, Text | Refusal | Calls), f"{reply} is no answer for a stream"
        parts = stream_chunks(reply, body, number)
    for part in parts:
        await _send_event(writer, json.dumps(part))
    if isinstance(reply, Cut):
        return False
    if isinstance(reply, Stall):
        await _until_closed(reader, request)
        return False
    if isinstance(reply, Malformed):
        await _send_event(writer, '{"id": "chatcmpl-1", "choices": [')
    await _send_event(writer, "[DONE]")
    writer.write(b"0\r\n\r\n")
    await writer.drain()
    return True


def completion(reply: Text | Refusal | Calls, body: JsonObject, number: int) -> JsonObject:
    """Return a whole answer as JSON, checked against the SDK's type."""
    message: JsonObject = {"role": "assistant", "content": None, "refusal": None}
    if isinstance(reply, Calls):
        message["content"] = reply.text
        message["tool_calls"] = _tool_calls(reply, number)
    elif isinstance(reply, Refusal):
        message["refusal"] = reply.text
    else:
        message["content"] = reply.text
    if reply.reasoning is not None:
        message[reply.reasoning_field] = reply.reasoning
    answer: JsonObject = {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": _CREATED,
        "model": reply.model or body["model"],
        "choices": [
            {
                "index": 0,
                "message": message,
                "finish_reason": _finish_reason(reply),
                "logprobs": _logprobs(reply, _words(reply.text or "")) if _wants_logprobs(reply, body) else None,
            },
        ],
    }
    if reply.usage != "none":
        answer["usage"] = _usage(reply, body)
    if reply.valid and reply.usage != "null":
        ChatCompletion.model_validate(answer)
    return answer


def stream_chunks(reply: Text | Refusal | Calls, body: JsonObject, number: int) -> list[JsonObject]:
    """Return the chunks of a streamed answer, each checked against the SDK's type."""
    field_name = "refusal" if isinstance(reply, Refusal) else "content"
    first: JsonObject = {"role": "assistant"} | ({} if isinstance(reply, Calls) else {field_name: ""})
    choices: list[JsonObject] = [{"delta": first}]
    choices += [{"delta": {reply.reasoning_field: word}} for word in _words(reply.reasoning or "")]
    for word in _words(reply.text or ""):
        choice: JsonObject = {"delta": {field_name: word}}
        if _wants_logprobs(reply, body):
            choice["logprobs"] = _logprobs(reply, [word])
        choices.append(choice)
    if isinstance(reply, Calls):
        for index, call in enumerate(_tool_calls(reply, number)):
            arguments = call["function"]["arguments"]
            head = {**call, "index": index, "function": {"name": call["function"]["name"], "arguments": ""}}
            choices.append({"delta": {"tool_calls": [head]}})
            if not isinstance(arguments, str):
                arguments = json.dumps(arguments)
            half = len(arguments) // 2
            for piece in (arguments[:half], arguments[half:]):
                choices.append({"delta": {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}})
    choices.append({"delta": {}, "finish_reason": _finish_reason(reply)})
    wants_usage = bool((body.get("stream_options") or {}).get("include_usage"))
    chunks = [
        _chunk({"model": reply.model, "choices": [choice]}, body, number, valid=reply.valid, usage_null=wants_usage)
        for choice in choices
    ]
    if wants_usage and reply.usage not in ("none", "null"):
        chunks.append(_chunk({"model": reply.model, "choices": [], "usage": _usage(reply, body)}, body, number))
    return chunks


def _chunk(
    part: JsonObject, body: JsonObject, number: int, *, valid: bool = True, usage_null: bool = False
) -> JsonObject:
    chunk: JsonObject = {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion.chunk",
        "created": _CREATED,
        **({"usage": None} if usage_null else {}),
        **part,
        "model": part.get("model") or body["model"],
        "choices": [
            {"index": 0, "finish_reason": None, "logprobs": None, **choice} for choice in part.get("choices", [])
        ],
    }
    if valid:
        ChatCompletionChunk.model_validate(chunk)
    return chunk


def default_reply(body: JsonObject) -> Reply:
    """Answer from the request alone, and always the same to the same request.

    A forced tool is called with arguments made of its schema, a JSON schema gets an instance, JSON mode an object with
    the question; otherwise the answer quotes the first words of the last user message.
    """
    tools = {tool["function"]["name"]: tool["function"] for tool in body.get("tools", [])}
    choice = body.get("tool_choice", "auto")
    name = choice["function"]["name"] if isinstance(choice, dict) else next(iter(tools), None)
    if name is not None and choice not in ("auto", "none"):
        return Calls((name, example(tools[name].get("parameters", {}))))
    question = last_user_text(body["messages"])
    response_format = body.get("response_format") or {"type": "text"}
    if response_format["type"] == "json_schema":
        return Text(json.dumps(example(response_format["json_schema"].get("schema", {}))))
    if response_format["type"] == "json_object":
        return Text(json.dumps({"question": question}))
    quoted = " ".join(question.split()[:12])
    results = [message for message in body["messages"] if message["role"] == "tool"]
    if results and body["messages"][-1]["role"] == "tool":
        return Text(f"The tool says: {results[-1]['content']}")
    return Text(f"{body['model']} was asked: {quoted}")


def last_user_text(messages: Sequence[Mapping[str, Any]]) -> str:
    """Return the text of the last user message."""
    for message in reversed(messages):
        if message["role"] == "user":
            content = message["content"]
            if isinstance(content, str):
                return content
            return " ".join(part["text"] for part in content if part["type"] == "text")
    return ""


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


def _words(text: str) -> list[str]:
    return re.findall(r"\s*\S+\s*$|\s*\S+", text)


def _finish_reason(reply: Text | Refusal | Calls) -> str:
    return reply.finish_reason or ("tool_calls" if isinstance(reply, Calls) else "stop")


def _tool_calls(reply: Calls, number: int) -> list[JsonObject]:
    calls: list[JsonObject] = []
    for index, (name, arguments) in enumerate(reply.calls):
        text = arguments if isinstance(arguments, str) or not reply.valid else json.dumps(arguments)
        function = {"name": name, "arguments": text}
        calls.append({"id": f"call_{number}_{index}", "type": "function", "function": function})
    return calls


def _wants_logprobs(reply: Answer, body: JsonObject) -> bool:
    return reply.logprobs or bool(body.get("logprobs"))


def _logprobs(reply: Answer, words: Sequence[str]) -> JsonObject:
    tokens = [
        {
            "token": word,
            "logprob": -0.25,
            "bytes": list(word.encode()),
            "top_logprobs": [{"token": word, "logprob": -0.25, "bytes": list(word.encode())}],
        }
        for word in words
    ]
    return {"content": tokens, "refusal": None}


def _usage(reply: Text | Refusal | Calls, body: JsonObject) -> JsonObject | None:
    if reply.usage == "null":
        return {"prompt_tokens": None, "completion_tokens": None, "total_tokens": None}
    if isinstance(reply.usage, tuple):
        prompt, answer = reply.usage
    else:
        prompt, answer = len(json.dumps(body["messages"]).split()), len(_words(reply.text or ""))
    return {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer}


def _error(status: int, message: str) -> str:
    kinds = {401: ("authentication_error", "invalid_api_key"), 429: ("rate_limit_error", "rate_limit_exceeded")}
    kind, code = kinds.get(status, ("server_error" if status >= 500 else "invalid_request_error", None))
    return json.dumps({"error": {"message": message, "type": kind, "param": None, "code": code}})


async def _read_request(reader: asyncio.StreamReader) -> Request | None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1") if not reader.at_eof() else ""
    if not head:
        return None
    first, *lines = head.rstrip("\r\n").split("\r\n")
    method, path, _ = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    content = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(method, path, headers, json.loads(content) if content else {})


async def _send(writer: asyncio.StreamWriter, status: int, body: str, headers: Mapping[str, str] | None = None) -> None:
    content = body.encode()
    fields = {"Content-Type": "application/json", "Content-Length": str(len(content)), **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    writer.write(f"HTTP/1.1 {status} Status\r\n{head}\r\n".encode() + content)
    await writer.drain()


async def _send_event(writer: asyncio.StreamWriter, data: str) -> None:
    event = f"data: {data}\n\n".encode()
    writer.write(f"{len(event):x}\r\n".encode() + event + b"\r\n")
    await writer.drain()


async def _until_closed(reader: asyncio.StreamReader, request: Request) -> None:
    try:
        await reader.read(1)
    finally:
        request.closed.set()


@contextmanager
def running_process(*arguments: str) -> Iterator[str]:
    """Run the server as a process of its own and give its address."""
    command = [sys.executable, __file__, "--port", "0", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        if not url:
            raise RuntimeError(f"the mock server did not start: exit status {process.wait(10)}")
        yield url
    finally:
        process.terminate()
        process.wait(10)
        assert process.stdout is not None
        process.stdout.close()


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


async def openai_server_fixture() -> AsyncIterator[OpenAIServer]:
    """Serve a test; `pytest_asyncio.fixture(openai_server_fixture, name="server")` makes the fixture of it."""
    async with OpenAIServer() as server:
        yield server


async def _main(port: int, replies: Path | None, record: Path | None) -> None:
    async with OpenAIServer(port=port, record=record) as server:
        if replies is not None:
            server.reply(*read_replies(replies))
        print(server.url, flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A server that speaks the wire format of OpenAI's chat completions.")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--replies", type=Path, help="JSON list of replies, given in order")
    parser.add_argument("--record", type=Path, help="append every request to this file as a line of JSON")
    options = parser.parse_args()
    try:
        asyncio.run(_main(options.port, options.replies, options.record))
    except KeyboardInterrupt:
        pass
