"""A server that speaks the wire format of OpenAI's service, for tests.

Chat completions, Responses with their events, Conversations, files, vector stores, embeddings, and where asked for the
Assistants that OpenAI itself has shut down. It listens on a real port, keeps what it is given, lets the model answer
with the next reply of a script, or with a text made of the request, and records what it was asked. What it sends is
validated against the types of the installed SDK first. In a test:

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
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from openai_assistants import Assistants, Streamed
from openai_chat import chunk, completion, default_reply, stream_chunks
from openai_replies import (
    Call,
    Calls,
    Chunks,
    CodeRun,
    Cut,
    Fault,
    FileSearch,
    ImageResult,
    Malformed,
    McpApproval,
    McpCall,
    OtherItem,
    Output,
    Raw,
    Reasoning,
    Refusal,
    Reply,
    ShellCommand,
    Stall,
    Status,
    StreamError,
    Text,
    WebSearch,
    read_replies,
    words,
)
from openai_responses import Responses, stream_events
from openai_storage import Handler, Storage
from openai_wire import (
    JsonObject,
    Request,
    ServiceError,
    end_stream,
    error_body,
    read_request,
    send,
    send_cut,
    send_event,
    start_stream,
    until_closed,
)

__all__ = [
    "Call",
    "Calls",
    "Chunks",
    "CodeRun",
    "Cut",
    "FileSearch",
    "ImageResult",
    "Malformed",
    "McpApproval",
    "McpCall",
    "OpenAIServer",
    "OtherItem",
    "Output",
    "Raw",
    "Reasoning",
    "Refusal",
    "Reply",
    "Request",
    "ShellCommand",
    "Stall",
    "Status",
    "StreamError",
    "Text",
    "WebSearch",
    "completion",
    "openai_server_fixture",
    "running_process",
]

_GONE = "The Assistants API has been shut down. Use the Responses API instead."


class OpenAIServer:
    """The server. Enter it to listen, leave it to stop; nothing of it outlives the block.

    Args:
        assistants: Whether it has the Assistants endpoints; OpenAI's own answers 404 there.
    """

    def __init__(
        self, *, host: str = "127.0.0.1", port: int = 0, record: Path | None = None, assistants: bool = False
    ) -> None:
        self._host = host
        self._port = port
        self._record = record
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._ids = itertools.count(1)
        self._received = asyncio.Condition()
        self.replies: deque[Reply] = deque()
        self.faults: list[tuple[str, str, Fault]] = []
        self.requests: list[Request] = []
        self.storage = Storage()
        self.responses = Responses(self.storage)
        self.assistants = Assistants(self.storage, self._next_reply)
        self._routes: list[tuple[str, str, Handler]] = self.storage.routes()
        if assistants:
            self._routes += self.assistants.routes()

    def reply(self, *replies: Reply) -> None:
        """Add to the script of the model."""
        self.replies.extend(replies)

    def fail(self, method: str, pattern: str, fault: Fault) -> None:
        """Answer the next request of this method whose path matches the pattern with a fault."""
        self.faults.append((method, pattern, fault))

    def paths(self) -> list[str]:
        """Return method and path of each request, without `/v1`."""
        return [f"{request.method} {request.endpoint}" for request in self.requests]

    @property
    def url(self) -> str:
        """The `base_url` for clients."""
        return f"{self.azure_endpoint}/v1"

    @property
    def azure_endpoint(self) -> str:
        """The `azure_endpoint` for clients of Azure."""
        return f"http://{self._host}:{self._port}"

    def _next_reply(self) -> Reply | None:
        return self.replies.popleft() if self.replies else None

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
            while (request := await read_request(reader)) is not None:
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
        if not (request.headers.get("authorization", "").startswith("Bearer ") or request.headers.get("api-key")):
            await send(writer, 401, error_body(401, "You didn't provide an API key."))
            return True
        chat = request.method == "POST" and request.endpoint == "/chat/completions"
        asks_model = chat or (request.method == "POST" and request.endpoint == "/responses")
        runs = re.fullmatch(r"/threads/\w+/runs(/\w+/submit_tool_outputs)?", request.endpoint)
        reply: Reply | None = self._take_fault(request)
        if reply is None and asks_model:
            reply = self._next_reply()
        elif (
            reply is None and runs and request.method == "POST" and self.replies and isinstance(self.replies[0], Fault)
        ):
            # Only what the model answers is left to the run.
            reply = self.replies.popleft()
        if isinstance(reply, Status):
            headers = {} if reply.retry_after is None else {"Retry-After": f"{reply.retry_after:g}"}
            await send(writer, reply.status, error_body(reply.status, reply.message), headers)
            return True
        if isinstance(reply, Raw):
            await send(writer, 200, reply.body, {"Content-Type": reply.content_type})
            return True
        stream = bool(request.body.get("stream"))
        if isinstance(reply, Malformed | Cut) and not stream:
            if isinstance(reply, Cut):
                await send_cut(writer, '{"id": "1"')
                return False
            await send(writer, 200, '{"id": "1", "choices": [')
            return True
        if isinstance(reply, Stall) and not (stream and asks_model):
            await until_closed(reader, request)
            return False
        try:
            if chat:
                return await self._answer_chat(reply, request, reader, writer)
            if asks_model:
                return await self._answer_response(reply, request, reader, writer)
            answer = self._handle(request)
        except ServiceError as exc:
            await send(writer, exc.status, error_body(exc.status, exc.message, exc.code))
            return True
        if isinstance(answer, Streamed):
            await start_stream(writer)
            for name, data in answer.events:
                await send_event(writer, json.dumps(data), name)
            if isinstance(reply, Cut):
                return False
            await send_event(writer, "[DONE]", "done")
            await end_stream(writer)
        else:
            # The SDK waits a second between two looks unless it is told otherwise.
            await send(writer, 200, json.dumps(answer), {"openai-poll-after-ms": "1"})
        return True

    def _take_fault(self, request: Request) -> Fault | None:
        for index, (method, pattern, fault) in enumerate(self.faults):
            if method == request.method and re.search(pattern, request.endpoint):
                del self.faults[index]
                return fault
        return None

    def _handle(self, request: Request) -> JsonObject:
        for method, pattern, handler in self._routes:
            match = re.fullmatch(pattern, request.endpoint)
            if match and method == request.method:
                return handler(request, *match.groups())
        if re.match("/(assistants|threads)", request.endpoint):
            raise ServiceError(404, _GONE)
        raise ServiceError(404, f"Invalid URL ({request.method} {request.path})")

    async def _answer_chat(
        self, reply: Reply | None, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        body, number = request.body, next(self._ids)
        reply = default_reply(body) if reply is None else reply
        if not body.get("stream"):
            assert isinstance(reply, Text | Refusal | Calls), f"{reply} is no answer for a request without stream"
            await send(writer, 200, json.dumps(completion(reply, body, number)))
            return True
        if isinstance(reply, Cut | Malformed | Stall):
            parts = stream_chunks(Text(reply.text), body, number)[: 1 + len(words(reply.text))]
        elif isinstance(reply, Chunks):
            parts = [chunk(part, body, number, valid=reply.valid) for part in reply.chunks]
        else:
            assert isinstance(reply, Text | Refusal | Calls), f"{reply} is no answer for a stream"
            parts = stream_chunks(reply, body, number)
        await start_stream(writer)
        for part in parts:
            await send_event(writer, json.dumps(part))
        return await _end(reply, request, reader, writer, last="[DONE]")

    async def _answer_response(
        self, reply: Reply | None, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        body, number = request.body, next(self._ids)
        reply = self.responses.default_reply(body) if reply is None else reply
        broken = reply if isinstance(reply, Cut | Malformed | Stall | StreamError) else None
        answer = Text(broken.text, finish_reason="failed") if broken is not None else reply
        assert isinstance(answer, Text | Refusal | Calls | Output), f"{reply} is no answer for a response"
        response = self.responses.make(answer, body, number)
        if not body.get("stream"):
            assert broken is None, f"{reply} is no answer for a request without stream"
            await send(writer, 200, json.dumps(response))
            return True
        events = stream_events(response)
        if broken is not None:
            events = events[: 4 + len(words(broken.text))] if broken.text else events[:2]
        if isinstance(reply, StreamError):
            failed = {"type": "error", "message": reply.message, "code": "server_error", "param": None}
            events.append({**failed, "sequence_number": len(events)})
        await start_stream(writer)
        for event in events:
            await send_event(writer, json.dumps(event), event["type"])
        return await _end(reply, request, reader, writer)


async def _end(
    reply: Reply,
    request: Request,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    *,
    last: str | None = None,
) -> bool:
    """End a stream as the reply says; return whether the connection goes on."""
    if isinstance(reply, Cut):
        return False
    if isinstance(reply, Stall):
        await until_closed(reader, request)
        return False
    if isinstance(reply, Malformed):
        await send_event(writer, '{"id": "1", "choices": [')
    if last is not None:
        await send_event(writer, last)
    await end_stream(writer)
    return True


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
    parser = argparse.ArgumentParser(description="A server that speaks the wire format of OpenAI's service.")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--replies", type=Path, help="JSON list of replies, given in order")
    parser.add_argument("--record", type=Path, help="append every request to this file as a line of JSON")
    options = parser.parse_args()
    try:
        asyncio.run(_main(options.port, options.replies, options.record))
    except KeyboardInterrupt:
        pass
