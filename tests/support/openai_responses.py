"""Responses of the mock server: the objects, their stream of events, and the context that they answer in."""

from __future__ import annotations

import json
from collections.abc import Iterator

from openai.types.responses import Response, ResponseStreamEvent
from openai.types.responses.response_create_params import ResponseCreateParamsBase
from openai_replies import (
    Answer,
    Call,
    Calls,
    CodeRun,
    FileSearch,
    ImageResult,
    McpApproval,
    McpCall,
    OtherItem,
    Output,
    Part,
    Reasoning,
    Refusal,
    Reply,
    ShellCommand,
    Text,
    WebSearch,
    example,
    words,
)
from openai_storage import Storage
from openai_types import checked, checked_member
from openai_wire import CREATED, JsonObject, ServiceError

_REASONS = {"length": "max_output_tokens", "content_filter": "content_filter"}


class Responses:
    """The Responses of a service.

    A response is asked in a context: what `previous_response_id` or `conversation` say, and the new input. Every
    function call in it has to have its output, and every output its call.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.contexts: dict[str, list[JsonObject]] = {}
        """Stored response -> all items that it was made of, its own output included."""

    def context(self, body: JsonObject) -> tuple[list[JsonObject], list[JsonObject]]:
        """Return the items that are known already, and the new ones of a request.

        Raises:
            ServiceError: The request is one that the service refuses.
        """
        unknown = sorted(set(body) - set(ResponseCreateParamsBase.__annotations__) - {"stream"})
        if unknown:
            raise ServiceError(400, f"Unknown parameter: '{unknown[0]}'.", "unknown_parameter")
        self._check_tools(body)
        previous, conversation = body.get("previous_response_id"), body.get("conversation")
        if previous and conversation:
            raise ServiceError(400, "Mutually exclusive parameters: 'previous_response_id' and 'conversation'.")
        known: list[JsonObject] = []
        if previous:
            if previous not in self.contexts:
                raise ServiceError(
                    400, f"Previous response with id '{previous}' not found.", "previous_response_not_found"
                )
            known = self.contexts[previous]
        elif conversation:
            name = conversation if isinstance(conversation, str) else conversation["id"]
            if name not in self._storage.conversations:
                raise ServiceError(404, f"Conversation with id '{name}' not found.")
            known = self._storage.items[name]
        given = body.get("input") or []
        if isinstance(given, str):
            given = [{"role": "user", "content": given}]
        if not given and not known and not body.get("prompt"):
            raise ServiceError(400, "One of 'input', 'previous_response_id', 'prompt' or 'conversation' is required.")
        new = [self._storage.stored_item(item) for item in given]
        _check_calls([*known, *new])
        return known, new

    def _check_tools(self, body: JsonObject) -> None:
        for tool in body.get("tools") or ():
            if tool["type"] == "file_search":
                if not tool.get("vector_store_ids"):
                    raise ServiceError(400, "Missing required parameter: 'tools[0].vector_store_ids'.")
                for store_id in tool["vector_store_ids"]:
                    if store_id not in self._storage.vector_stores:
                        raise ServiceError(404, f"Vector store with id '{store_id}' not found.")
            if tool["type"] == "code_interpreter" and isinstance(tool["container"], dict):
                for file_id in tool["container"].get("file_ids") or ():
                    if file_id not in self._storage.files:
                        raise ServiceError(404, f"File with id '{file_id}' not found.")

    def make(self, reply: Text | Refusal | Calls | Output, body: JsonObject, number: int) -> JsonObject:
        """Return a whole response, and remember it; it is checked against the SDK's type.

        Raises:
            ServiceError: The request is one that the service refuses.
        """
        known, new = self.context(body)
        items = list(self._items(reply, body))
        response = self._response(reply, body, f"resp_{number}", items)
        if reply.valid:
            checked(Response, response)
        if response["status"] != "failed":
            self._remember(body, response["id"], [*known, *new], new, items)
        return response

    def _remember(
        self,
        body: JsonObject,
        response_id: str,
        context: list[JsonObject],
        new: list[JsonObject],
        items: list[JsonObject],
    ) -> None:
        if body.get("store", True):
            self.contexts[response_id] = [*context, *items]
        conversation = body.get("conversation")
        if conversation:
            name = conversation if isinstance(conversation, str) else conversation["id"]
            self._storage.items[name].extend([*new, *items])

    def _response(self, reply: Answer, body: JsonObject, response_id: str, items: list[JsonObject]) -> JsonObject:
        reason = _REASONS.get(reply.finish_reason or "")
        failed = reply.finish_reason == "failed"
        conversation = body.get("conversation")
        if isinstance(conversation, str):
            conversation = {"id": conversation}
        prompt = len(json.dumps(body.get("input", [])).split())
        answer = len(words(output_text(items)))
        prompt, answer = reply.usage if isinstance(reply.usage, tuple) else (prompt, answer)
        return {
            "id": response_id,
            "object": "response",
            "created_at": CREATED,
            "status": "failed" if failed else "incomplete" if reason else "completed",
            "background": False,
            "conversation": conversation,
            "error": {"code": "server_error", "message": "The model failed"} if failed else None,
            "incomplete_details": {"reason": reason} if reason else None,
            "instructions": body.get("instructions"),
            "max_output_tokens": body.get("max_output_tokens"),
            "metadata": body.get("metadata") or {},
            "model": reply.model or body.get("model") or "gpt-4o",
            "output": items,
            "parallel_tool_calls": body.get("parallel_tool_calls", True),
            "previous_response_id": body.get("previous_response_id"),
            "reasoning": body.get("reasoning") or {"effort": None, "summary": None},
            "store": body.get("store", True),
            "temperature": body.get("temperature", 1.0),
            "text": body.get("text") or {"format": {"type": "text"}},
            "tool_choice": body.get("tool_choice", "auto"),
            "tools": body.get("tools") or [],
            "top_p": body.get("top_p", 1.0),
            "truncation": body.get("truncation", "disabled"),
            "usage": None
            if failed
            else {
                "input_tokens": prompt,
                "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
                "output_tokens": answer,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": prompt + answer,
            },
        }

    def _items(self, reply: Text | Refusal | Calls | Output, body: JsonObject) -> Iterator[JsonObject]:
        annotations: list[JsonObject] = []
        for part in parts_of(reply):
            if isinstance(part, FileSearch):
                found = self._search(part, body)
                yield found
                citations = {result["file_id"]: result["filename"] for result in found["results"]}
                annotations = [
                    {"type": "file_citation", "file_id": file_id, "filename": name, "index": index}
                    for index, (file_id, name) in enumerate(citations.items())
                ]
            elif isinstance(part, WebSearch):
                yield self._item("ws", "web_search_call", action={"type": "search", "query": part.query})
                annotations = [
                    {"type": "url_citation", "url": part.url, "title": part.title, "start_index": 0, "end_index": 4}
                ]
            elif isinstance(part, str):
                content = {"type": "output_text", "text": part, "annotations": annotations, "logprobs": []}
                yield self._item("msg", "message", role="assistant", content=[content])
                annotations = []
            else:
                yield self._other_item(part, body)
        if isinstance(reply, Refusal):
            content = {"type": "refusal", "refusal": reply.text}
            yield self._item("msg", "message", role="assistant", content=[content])

    def _search(self, part: FileSearch, body: JsonObject) -> JsonObject:
        stores = [tool["vector_store_ids"] for tool in body.get("tools") or () if tool["type"] == "file_search"]
        if not stores:
            raise ServiceError(500, "the script searches files, but the request has no file_search tool")
        hits = self._storage.search(stores[0], part.query)
        results = [{**hit, "attributes": {}} for hit in hits]
        return self._item("fs", "file_search_call", queries=[part.query], results=results)

    def _other_item(self, part: Part, body: JsonObject) -> JsonObject:
        if isinstance(part, Reasoning):
            item = self._item("rs", "reasoning", summary=[{"type": "summary_text", "text": part.text}])
            del item["status"]
            return item
        if isinstance(part, CodeRun):
            if all(tool["type"] != "code_interpreter" for tool in body.get("tools") or ()):
                raise ServiceError(500, "the script runs code, but the request has no code_interpreter tool")
            wants_outputs = "code_interpreter_call.outputs" in (body.get("include") or ())
            outputs = [{"type": "logs", "logs": part.logs}] if wants_outputs else None
            made = self._item("ci", "code_interpreter_call", code=part.code, container_id="cntr_1", outputs=outputs)
            return {**made, "status": "failed"} if part.failed else made
        if isinstance(part, OtherItem):
            return {"id": self._storage.new_id("item"), "type": part.kind, **part.fields}
        if isinstance(part, ImageResult):
            return self._item("ig", "image_generation_call", result=part.base64)
        if isinstance(part, McpCall):
            fields = {"server_label": part.server, "name": part.name, "arguments": part.arguments}
            return self._item("mcp", "mcp_call", **fields, output=part.output)
        if isinstance(part, McpApproval):
            fields = {"server_label": part.server, "name": part.name, "arguments": part.arguments}
            item = self._item("mcpr", "mcp_approval_request", **fields)
            del item["status"]
            return item
        call_id = self._storage.new_id("call")
        if isinstance(part, ShellCommand):
            action = {"type": "exec", "command": list(part.command), "env": {}}
            return self._item("lsh", "local_shell_call", call_id=call_id, action=action)
        assert isinstance(part, Call)
        arguments = part.arguments if isinstance(part.arguments, str) else json.dumps(part.arguments)
        return self._item("fc", "function_call", call_id=call_id, name=part.name, arguments=arguments)

    def _item(self, prefix: str, kind: str, **fields: object) -> JsonObject:
        return {"id": self._storage.new_id(prefix), "type": kind, "status": "completed", **fields}

    def default_reply(self, body: JsonObject) -> Reply:
        """Answer from the request alone: the last tool output, a forced tool's call, the format asked for, or a text.

        Raises:
            ServiceError: The request is one that the service refuses.
        """
        known, new = self.context(body)
        items = [*known, *new]
        if items and items[-1]["type"] == "function_call_output":
            return Text(f"The tool says: {_output_text(items[-1]['output'])}")
        functions = [tool for tool in body.get("tools") or () if tool["type"] == "function"]
        choice = body.get("tool_choice", "auto")
        if functions and choice not in ("auto", "none"):
            wanted = choice["name"] if isinstance(choice, dict) else functions[0]["name"]
            function = next(tool for tool in functions if tool["name"] == wanted)
            return Calls((wanted, example(function["parameters"])))
        question = " ".join(last_question(items).split()[:12])
        form = (body.get("text") or {}).get("format") or {"type": "text"}
        if form["type"] == "json_schema":
            return Text(json.dumps(example(form["schema"])))
        if form["type"] == "json_object":
            return Text(json.dumps({"question": question}))
        return Text(f"{body['model']} was asked: {question}")


def parts_of(reply: Text | Refusal | Calls | Output) -> list[Part]:
    """Return the parts of an answer; a refusal has none."""
    if isinstance(reply, Output):
        return list(reply.parts)
    if isinstance(reply, Refusal):
        return []
    parts: list[Part] = [Reasoning(reply.reasoning)] if reply.reasoning else []
    if reply.text is not None:
        parts.append(reply.text)
    if isinstance(reply, Calls):
        parts.extend(Call(name, arguments) for name, arguments in reply.calls)
    return parts


def output_text(items: list[JsonObject]) -> str:
    """Return the texts of a response's messages."""
    parts = [part for item in items if item["type"] == "message" for part in item["content"]]
    return "".join(part["text"] for part in parts if part["type"] == "output_text")


def _output_text(output: str | list[JsonObject]) -> str:
    if isinstance(output, str):
        return output
    return " ".join(part["text"] if part["type"] == "input_text" else f"<{part['type']}>" for part in output)


def last_question(items: list[JsonObject]) -> str:
    """Return the text of the last message of a user."""
    for item in reversed(items):
        if item["type"] == "message" and item["role"] == "user":
            return " ".join(part["text"] for part in item["content"] if part["type"] == "input_text")
    return ""


def _check_calls(items: list[JsonObject]) -> None:
    open_calls: set[str] = set()
    for item in items:
        if item["type"] == "function_call":
            open_calls.add(item["call_id"])
        elif item["type"] == "function_call_output":
            if item["call_id"] not in open_calls:
                raise ServiceError(400, f"No tool call found for function call output with call_id {item['call_id']}.")
            open_calls.discard(item["call_id"])
    if open_calls:
        raise ServiceError(400, f"No tool output found for function call {min(open_calls)}.")


def stream_events(response: JsonObject) -> list[JsonObject]:
    """Return the events in which a response is streamed, each checked against the SDK's type."""
    begun = {**response, "status": "in_progress", "output": [], "usage": None, "error": None}
    begun["incomplete_details"] = None
    events: list[JsonObject] = [{"type": "response.created", "response": begun}]
    events.append({"type": "response.in_progress", "response": begun})
    for index, item in enumerate(response["output"]):
        place = {"output_index": index, "item_id": item["id"]}
        events.append({"type": "response.output_item.added", "output_index": index, "item": _begun(item)})
        events.extend({**event, **place} for event in _item_events(item))
        events.append({"type": "response.output_item.done", "output_index": index, "item": item})
    events.append({"type": f"response.{response['status']}", "response": response})
    for number, event in enumerate(events):
        event["sequence_number"] = number
        checked_member(ResponseStreamEvent, event)
    return events


def _begun(item: JsonObject) -> JsonObject:
    begun = {**item, **({"status": "in_progress"} if "status" in item else {})}
    empty = {"message": ("content", []), "function_call": ("arguments", ""), "reasoning": ("summary", [])}
    if item["type"] in empty:
        name, value = empty[item["type"]]
        begun[name] = value
    return begun


def _item_events(item: JsonObject) -> Iterator[JsonObject]:
    kind = item["type"]
    if kind == "message":
        yield from _message_events(item)
    elif kind == "reasoning":
        place = {"summary_index": 0}
        text = item["summary"][0]["text"]
        empty = {"type": "summary_text", "text": ""}
        yield {"type": "response.reasoning_summary_part.added", "part": empty, **place}
        for word in words(text):
            yield {"type": "response.reasoning_summary_text.delta", "delta": word, **place}
        yield {"type": "response.reasoning_summary_text.done", "text": text, **place}
        yield {"type": "response.reasoning_summary_part.done", "part": item["summary"][0], **place}
    elif kind == "function_call":
        half = len(item["arguments"]) // 2
        for piece in (item["arguments"][:half], item["arguments"][half:]):
            yield {"type": "response.function_call_arguments.delta", "delta": piece}
        done = {"type": "response.function_call_arguments.done", "arguments": item["arguments"]}
        yield {**done, "name": item["name"]}
    elif kind == "code_interpreter_call":
        yield {"type": "response.code_interpreter_call.in_progress"}
        for word in words(item["code"]):
            yield {"type": "response.code_interpreter_call_code.delta", "delta": word}
        yield {"type": "response.code_interpreter_call_code.done", "code": item["code"]}
        yield {"type": "response.code_interpreter_call.interpreting"}
        yield {"type": "response.code_interpreter_call.completed"}
    elif kind in ("file_search_call", "web_search_call"):
        for step in ("in_progress", "searching", "completed"):
            yield {"type": f"response.{kind}.{step}"}
    elif kind == "image_generation_call":
        for step in ("in_progress", "generating", "completed"):
            yield {"type": f"response.{kind}.{step}"}
    elif kind == "mcp_call":
        yield {"type": "response.mcp_call.in_progress"}
        yield {"type": "response.mcp_call_arguments.done", "arguments": item["arguments"]}
        yield {"type": "response.mcp_call.completed"}


def _message_events(item: JsonObject) -> Iterator[JsonObject]:
    for index, part in enumerate(item["content"]):
        place = {"content_index": index}
        field = "text" if part["type"] == "output_text" else "refusal"
        empty = {**part, field: ""} | ({"annotations": []} if field == "text" else {})
        yield {"type": "response.content_part.added", "part": empty, **place}
        name = f"response.{'output_text' if field == 'text' else 'refusal'}"
        logprobs: JsonObject = {"logprobs": []} if field == "text" else {}
        for word in words(part[field]):
            yield {"type": f"{name}.delta", "delta": word, **logprobs, **place}
        for number, annotation in enumerate(part.get("annotations", ())):
            added = {"annotation": annotation, "annotation_index": number}
            yield {"type": "response.output_text.annotation.added", **added, **place}
        yield {"type": f"{name}.done", field: part[field], **logprobs, **place}
        yield {"type": "response.content_part.done", "part": part, **place}
