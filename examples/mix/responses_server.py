"""A model of the hub behind OpenAI's Responses API, on a port of this machine.

OpenAI's agent talks to a service, never to a Python object. This is the part of the service's wire format that such an
agent needs: text, function calls and their outputs, `previous_response_id`, whole answers and streamed ones.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from hubbub_core import FunctionCall
from hubbub_core.models import (
    AssistantMessage,
    ChatCompletionClient,
    CreateResult,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    LLMMessage,
    SystemMessage,
    UserMessage,
)
from hubbub_core.tools import ParametersSchema, ToolSchema

Json = dict[str, Any]


@asynccontextmanager
async def responses_server(model: ChatCompletionClient) -> AsyncIterator[str]:
    """Serve the model on a free port of 127.0.0.1 and give the `base_url`. When the block ends, nothing is left."""
    service = _Service(model)
    connections: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # a server runs each connection as a task
        connections.add(task)
        try:
            await service.answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client went away, or the server ends: either way this connection is over
        finally:
            connections.discard(task)
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        port = server.sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.close()
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections)
        await server.wait_closed()


class _RequestError(Exception):
    def __init__(self, status: int, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class _Service:
    def __init__(self, model: ChatCompletionClient) -> None:
        self._model = model
        self._numbers = itertools.count(1)
        self._kept: dict[str, list[LLMMessage]] = {}
        """Response id -> the conversation that it ends."""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the one request of a connection."""
        head, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        try:
            if head.split(" ")[:2] != ["POST", "/v1/responses"]:
                raise _RequestError(404, f"there is only POST /v1/responses here, not {head}")
            request = json.loads(body)
            response = await self._respond(request)
        except _RequestError as error:
            shown = {"message": str(error), "type": "invalid_request_error", "code": error.code}
            await _send(writer, error.status, "application/json", json.dumps({"error": shown}))
        except Exception as error:  # whatever the model raises, the client must hear of it
            shown = {"message": f"{type(error).__name__}: {error}", "type": "server_error", "code": None}
            await _send(writer, 500, "application/json", json.dumps({"error": shown}))
        else:
            if not request.get("stream"):
                await _send(writer, 200, "application/json", json.dumps(response))
                return
            events = enumerate(stream_events(response))
            text = "".join(
                f"event: {event['type']}\ndata: {json.dumps({**event, 'sequence_number': number})}\n\n"
                for number, event in events
            )
            await _send(writer, 200, "text/event-stream", text)

    async def _respond(self, request: Json) -> Json:
        previous = request.get("previous_response_id")
        if previous is not None and previous not in self._kept:
            raise _RequestError(400, f"there is no response {previous!r} here", "previous_response_not_found")
        given = request["input"]
        items = [{"role": "user", "content": given}] if isinstance(given, str) else given
        conversation = list(self._kept.get(previous or "", ()))
        if request.get("instructions"):
            conversation.append(SystemMessage(content=request["instructions"]))
        conversation += _messages(items, conversation)
        tools = [_tool(tool) for tool in request.get("tools") or ()]
        choice = request.get("tool_choice", "auto")
        result = await self._model.create(conversation, tools=tools, tool_choice="none" if choice == "none" else "auto")
        response = _response(request, result, f"resp_{next(self._numbers)}")
        if request.get("store", True):
            answer = AssistantMessage(content=result.content, source="assistant")
            self._kept[response["id"]] = [*conversation, answer]
        return response


def _messages(items: Sequence[Json], earlier: Sequence[LLMMessage]) -> list[LLMMessage]:
    calls = {call.id: call.name for message in earlier for call in _calls(message)}
    found: list[LLMMessage] = []
    for item in items:
        kind = item.get("type", "message")
        if kind == "function_call":
            call = FunctionCall(id=item["call_id"], name=item["name"], arguments=item["arguments"])
            calls[call.id] = call.name
            found.append(AssistantMessage(content=[call], source="assistant"))
        elif kind == "function_call_output":
            call_id = item["call_id"]
            if call_id not in calls:
                raise _RequestError(400, f"No tool call found for function call output with call_id {call_id}.")
            result = FunctionExecutionResult(content=item["output"], name=calls[call_id], call_id=call_id)
            found.append(FunctionExecutionResultMessage(content=[result]))
        elif kind == "message":
            found.append(_message(item["role"], _text(item["content"])))
        else:
            raise _RequestError(400, f"this service does not take items of type {kind!r}")
    return found


def _message(role: str, text: str) -> LLMMessage:
    if role == "assistant":
        return AssistantMessage(content=text, source=role)
    return UserMessage(content=text, source=role) if role == "user" else SystemMessage(content=text)


def _text(content: str | Sequence[Json]) -> str:
    if isinstance(content, str):
        return content
    for part in content:
        if part["type"] not in ("input_text", "output_text"):
            raise _RequestError(400, f"this service reads text, not {part['type']!r}")
    return "\n".join(part["text"] for part in content)


def _calls(message: LLMMessage) -> list[FunctionCall]:
    if isinstance(message, AssistantMessage) and not isinstance(message.content, str):
        return message.content
    return []


def _tool(tool: Json) -> ToolSchema:
    if tool["type"] != "function":
        raise _RequestError(400, f"this service has no tool {tool['type']!r} of its own, only yours")
    parameters: ParametersSchema = tool.get("parameters") or {"type": "object", "properties": {}}
    return ToolSchema(name=tool["name"], description=tool.get("description") or "", parameters=parameters)


def _response(request: Mapping[str, Any], result: CreateResult, response_id: str) -> Json:
    used = result.usage
    return {
        "id": response_id,
        "object": "response",
        "created_at": 0,
        "status": "completed",
        "model": request.get("model", ""),
        "output": list(_output(result, response_id)),
        "parallel_tool_calls": True,
        "previous_response_id": request.get("previous_response_id"),
        "tool_choice": request.get("tool_choice", "auto"),
        "tools": request.get("tools") or [],
        "usage": {
            "input_tokens": used.prompt_tokens,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": used.completion_tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": used.prompt_tokens + used.completion_tokens,
        },
    }


def _output(result: CreateResult, response_id: str) -> Iterator[Json]:
    if isinstance(result.content, str):
        part = {"type": "output_text", "text": result.content, "annotations": [], "logprobs": []}
        message = {"type": "message", "role": "assistant", "status": "completed", "content": [part]}
        yield {"id": f"msg_{response_id}", **message}
        return
    for number, call in enumerate(result.content):
        function = {"type": "function_call", "status": "completed", "call_id": call.id}
        yield {"id": f"fc_{response_id}_{number}", **function, "name": call.name, "arguments": call.arguments}


def stream_events(response: Json) -> Iterator[Json]:
    """Yield the events in which a response is streamed, without their numbers."""
    yield {"type": "response.created", "response": {**response, "status": "in_progress", "output": [], "usage": None}}
    for index, item in enumerate(response["output"]):
        place: Json = {"output_index": index, "item_id": item["id"]}
        empty: Json = {"content": []} if item["type"] == "message" else {"arguments": ""}
        begun = {**item, "status": "in_progress", **empty}
        yield {"type": "response.output_item.added", "output_index": index, "item": begun}
        if item["type"] == "message":
            (part,) = item["content"]
            place["content_index"] = 0
            yield {"type": "response.content_part.added", "part": {**part, "text": ""}, **place}
            yield {"type": "response.output_text.delta", "delta": part["text"], "logprobs": [], **place}
            yield {"type": "response.output_text.done", "text": part["text"], "logprobs": [], **place}
            yield {"type": "response.content_part.done", "part": part, **place}
        else:
            called = {"name": item["name"], "arguments": item["arguments"]}
            yield {"type": "response.function_call_arguments.done", **called, **place}
        yield {"type": "response.output_item.done", "output_index": index, "item": item}
    yield {"type": "response.completed", "response": response}


async def _send(writer: asyncio.StreamWriter, status: int, content_type: str, text: str) -> None:
    body = text.encode()
    reason = {200: "OK", 400: "Bad Request", 404: "Not Found"}.get(status, "Internal Server Error")
    head = (
        f"HTTP/1.1 {status} {reason}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
        "Connection: close\r\nx-should-retry: false\r\n\r\n"
    )
    writer.write(head.encode() + body)
    await writer.drain()
