"""The Assistants API of the mock server: assistants, threads, messages and runs.

OpenAI shut it down in August 2026; servers of others still have it.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from openai.types.beta import Assistant, AssistantDeleted, AssistantStreamEvent, Thread, ThreadDeleted
from openai.types.beta.threads import Message, MessageDeleted, Run
from openai.types.beta.threads.runs import RunStep
from openai_replies import Answer, Call, Calls, CodeRun, FileSearch, Output, Reply, Text, words
from openai_responses import parts_of
from openai_storage import Handler, Storage, page
from openai_types import checked, checked_member
from openai_wire import CREATED, JsonObject, Request, ServiceError

_OVER = ("completed", "failed", "cancelled", "incomplete", "expired")


class Streamed(dict[str, object]):
    """A run together with the events that led to it: `events` is a list of name and data."""

    def __init__(self, run: JsonObject, events: list[tuple[str, JsonObject]]) -> None:
        super().__init__(run)
        self.events = events


class Assistants:
    """The assistants of a service.

    Args:
        storage: Where files and vector stores are.
        next_reply: Gives the next reply of the script, None when there is none.
    """

    def __init__(self, storage: Storage, next_reply: Callable[[], Reply | None]) -> None:
        self._storage = storage
        self._next_reply = next_reply
        self.assistants: dict[str, JsonObject] = {}
        self.threads: dict[str, JsonObject] = {}
        self.messages: dict[str, list[JsonObject]] = {}
        """Thread -> its messages, oldest first."""
        self.runs: dict[str, JsonObject] = {}
        self._steps: dict[str, list[JsonObject]] = {}

    def routes(self) -> list[tuple[str, str, Handler]]:
        """Return method, pattern of the path and handler of each endpoint."""
        thread = r"/threads/(\w+)"
        run = thread + r"/runs/(\w+)"
        return [
            ("POST", "/assistants", self.create_assistant),
            ("GET", r"/assistants/(\w+)", self.get_assistant),
            ("DELETE", r"/assistants/(\w+)", self.delete_assistant),
            ("POST", "/threads", self.create_thread),
            ("GET", thread, self.get_thread),
            ("POST", thread, self.update_thread),
            ("DELETE", thread, self.delete_thread),
            ("POST", f"{thread}/messages", self.create_message),
            ("GET", f"{thread}/messages", self.list_messages),
            ("DELETE", thread + r"/messages/(\w+)", self.delete_message),
            ("POST", f"{thread}/runs", self.create_run),
            ("GET", run, self.get_run),
            ("GET", f"{run}/steps", self.list_steps),
            ("POST", f"{run}/cancel", self.cancel_run),
            ("POST", f"{run}/submit_tool_outputs", self.submit),
        ]

    def create_assistant(self, request: Request) -> JsonObject:
        made = {
            "id": self._storage.new_id("asst"),
            "object": "assistant",
            "created_at": CREATED,
            "metadata": {},
            "tools": [],
            "instructions": None,
            **request.body,
        }
        self.assistants[made["id"]] = checked(Assistant, made)
        return made

    def get_assistant(self, request: Request, assistant_id: str) -> JsonObject:
        return _found(self.assistants, assistant_id, "assistant")

    def delete_assistant(self, request: Request, assistant_id: str) -> JsonObject:
        _found(self.assistants, assistant_id, "assistant")
        del self.assistants[assistant_id]
        return checked(AssistantDeleted, {"id": assistant_id, "object": "assistant.deleted", "deleted": True})

    def create_thread(self, request: Request) -> JsonObject:
        made: JsonObject = {
            "id": self._storage.new_id("thread"),
            "object": "thread",
            "created_at": CREATED,
            "metadata": request.body.get("metadata") or {},
            "tool_resources": request.body.get("tool_resources") or {},
        }
        self.threads[made["id"]] = checked(Thread, made)
        self.messages[made["id"]] = []
        return made

    def get_thread(self, request: Request, thread_id: str) -> JsonObject:
        return _found(self.threads, thread_id, "thread")

    def update_thread(self, request: Request, thread_id: str) -> JsonObject:
        thread = _found(self.threads, thread_id, "thread")
        thread["tool_resources"] = {**thread["tool_resources"], **request.body.get("tool_resources", {})}
        return checked(Thread, thread)

    def delete_thread(self, request: Request, thread_id: str) -> JsonObject:
        _found(self.threads, thread_id, "thread")
        del self.threads[thread_id]
        return checked(ThreadDeleted, {"id": thread_id, "object": "thread.deleted", "deleted": True})

    def create_message(self, request: Request, thread_id: str) -> JsonObject:
        _found(self.threads, thread_id, "thread")
        self._check_idle(thread_id)
        content = request.body["content"]
        if isinstance(content, str):
            content = [{"type": "text", "text": content}]
        parts = [
            {"type": "text", "text": {"value": part["text"], "annotations": []}} if part["type"] == "text" else part
            for part in content
        ]
        return self._add_message(thread_id, request.body["role"], parts, metadata=request.body.get("metadata") or {})

    def _add_message(self, thread_id: str, role: str, content: list[JsonObject], **fields: object) -> JsonObject:
        made = {
            "id": self._storage.new_id("msg"),
            "object": "thread.message",
            "created_at": CREATED,
            "thread_id": thread_id,
            "status": "completed",
            "role": role,
            "content": content,
            "attachments": [],
            "metadata": {},
            **fields,
        }
        self.messages[thread_id].append(checked(Message, made))
        return made

    def list_messages(self, request: Request, thread_id: str) -> JsonObject:
        _found(self.threads, thread_id, "thread")
        return page(self.messages[thread_id], request, Message)

    def delete_message(self, request: Request, thread_id: str, message_id: str) -> JsonObject:
        left = [message for message in self.messages[thread_id] if message["id"] != message_id]
        if len(left) == len(self.messages[thread_id]):
            raise ServiceError(404, f"No message found with id '{message_id}'.")
        self.messages[thread_id] = left
        return checked(MessageDeleted, {"id": message_id, "object": "thread.message.deleted", "deleted": True})

    def create_run(self, request: Request, thread_id: str) -> JsonObject:
        thread = _found(self.threads, thread_id, "thread")
        self._check_idle(thread_id)
        assistant = _found(self.assistants, request.body["assistant_id"], "assistant")
        self._check_resources(_resources(assistant, thread))
        run = {
            "id": self._storage.new_id("run"),
            "object": "thread.run",
            "created_at": CREATED,
            "thread_id": thread_id,
            "assistant_id": assistant["id"],
            "status": "queued",
            "instructions": request.body.get("instructions") or assistant["instructions"] or "",
            "model": request.body.get("model") or assistant["model"],
            "tools": assistant["tools"],
            "parallel_tool_calls": True,
            "metadata": request.body.get("metadata") or {},
            "required_action": None,
            "last_error": None,
            "incomplete_details": None,
            "usage": None,
        }
        self.runs[run["id"]] = run
        self._steps[run["id"]] = []
        events = [("thread.run.created", dict(checked(Run, run)))]
        return self._go_on(run, events, request)

    def get_run(self, request: Request, thread_id: str, run_id: str) -> JsonObject:
        return _found(self.runs, run_id, "run")

    def list_steps(self, request: Request, thread_id: str, run_id: str) -> JsonObject:
        _found(self.runs, run_id, "run")
        return page(self._steps[run_id], request, RunStep)

    def cancel_run(self, request: Request, thread_id: str, run_id: str) -> JsonObject:
        run = _found(self.runs, run_id, "run")
        if run["status"] in _OVER:
            raise ServiceError(400, f"Cannot cancel run with status '{run['status']}'.")
        run["status"] = "cancelled"
        return checked(Run, run)

    def submit(self, request: Request, thread_id: str, run_id: str) -> JsonObject:
        run = _found(self.runs, run_id, "run")
        if run["status"] != "requires_action":
            raise ServiceError(400, f'Runs in status "{run["status"]}" do not accept tool outputs.')
        asked = {call["id"] for call in run["required_action"]["submit_tool_outputs"]["tool_calls"]}
        given = {output["tool_call_id"]: output["output"] for output in request.body["tool_outputs"]}
        if asked != set(given):
            raise ServiceError(400, f"Expected tool outputs for call_ids {sorted(asked)}, got {sorted(given)}")
        run["required_action"] = None
        run["outputs"] = given
        return self._go_on(run, [], request)

    def _check_idle(self, thread_id: str) -> None:
        for run in self.runs.values():
            if run["thread_id"] == thread_id and run["status"] not in _OVER:
                raise ServiceError(400, f"Can't add messages to {thread_id} while a run {run['id']} is active.")

    def _check_resources(self, resources: dict[str, list[str]]) -> None:
        for file_id in resources["file_ids"]:
            if file_id not in self._storage.files:
                raise ServiceError(404, f"No file found with id '{file_id}'.")
        for store_id in resources["vector_store_ids"]:
            if store_id not in self._storage.vector_stores:
                raise ServiceError(404, f"No vector store found with id '{store_id}'.")

    def _go_on(self, run: JsonObject, events: list[tuple[str, JsonObject]], request: Request) -> JsonObject:
        """Let the model work on a run until it ends or needs tools."""
        reply = self._next_reply() or self._default_reply(run)
        assert isinstance(reply, Text | Calls | Output), f"{reply} is no answer for a run"
        run["status"] = "in_progress"
        events.append(("thread.run.in_progress", dict(checked(Run, run))))
        calls: list[JsonObject] = []
        citations: list[JsonObject] = []
        for part in parts_of(reply):
            if isinstance(part, CodeRun):
                outputs = [{"type": "logs", "logs": part.logs}]
                code = {"input": part.code, "outputs": outputs}
                events.extend(self._step(run, {"type": "code_interpreter", "code_interpreter": code}, part.failed))
            elif isinstance(part, FileSearch):
                events.extend(self._step(run, {"type": "file_search", "file_search": {}}))
                citations = self._search(run, part)
            elif isinstance(part, Call):
                arguments = part.arguments if isinstance(part.arguments, str) else json.dumps(part.arguments)
                function = {"name": part.name, "arguments": arguments}
                calls.append({"id": self._storage.new_id("call"), "type": "function", "function": function})
            elif isinstance(part, str):
                events.extend(self._say(run, part, citations, cut=reply.finish_reason == "length"))
                citations = []
            else:
                raise ServiceError(500, f"a run has no {type(part).__name__}")
        events.append(self._end(run, reply, calls))
        result = checked(Run, dict(run))
        if not request.body.get("stream"):
            return result
        for name, data in events:
            checked_member(AssistantStreamEvent, {"event": name, "data": data}, "event")
        return Streamed(result, events)

    def _end(self, run: JsonObject, reply: Answer, calls: list[JsonObject]) -> tuple[str, JsonObject]:
        if calls:
            run["status"] = "requires_action"
            run["required_action"] = {"type": "submit_tool_outputs", "submit_tool_outputs": {"tool_calls": calls}}
        elif reply.finish_reason == "failed":
            run["status"] = "failed"
            run["last_error"] = {"code": "server_error", "message": "The model failed"}
        else:
            run["status"] = "incomplete" if reply.finish_reason == "length" else "completed"
            if run["status"] == "incomplete":
                run["incomplete_details"] = {"reason": "max_completion_tokens"}
            run["usage"] = {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}
        return f"thread.run.{run['status']}", dict(run)

    def _step(self, run: JsonObject, call: JsonObject, failed: bool = False) -> list[tuple[str, JsonObject]]:
        step = {
            "id": self._storage.new_id("step"),
            "object": "thread.run.step",
            "created_at": CREATED,
            "run_id": run["id"],
            "assistant_id": run["assistant_id"],
            "thread_id": run["thread_id"],
            "type": "tool_calls",
            "status": "failed" if failed else "completed",
            "step_details": {"type": "tool_calls", "tool_calls": [{"id": self._storage.new_id("call"), **call}]},
        }
        self._steps[run["id"]].append(checked(RunStep, step))
        begun = {**step, "status": "in_progress"}
        return [("thread.run.step.created", begun), (f"thread.run.step.{step['status']}", step)]

    def _search(self, run: JsonObject, part: FileSearch) -> list[JsonObject]:
        thread, assistant = self.threads[run["thread_id"]], self.assistants[run["assistant_id"]]
        hits = self._storage.search(_resources(assistant, thread)["vector_store_ids"], part.query)
        return [
            {
                "type": "file_citation",
                "text": f"【{index}†source】",
                "start_index": 0,
                "end_index": 0,
                "file_citation": {"file_id": file_id},
            }
            for index, file_id in enumerate(dict.fromkeys(hit["file_id"] for hit in hits))
        ]

    def _say(
        self, run: JsonObject, text: str, citations: list[JsonObject], *, cut: bool
    ) -> list[tuple[str, JsonObject]]:
        marked = text + "".join(citation["text"] for citation in citations)
        annotations = [
            {
                **citation,
                "start_index": marked.index(citation["text"]),
                "end_index": marked.index(citation["text"]) + len(citation["text"]),
            }
            for citation in citations
        ]
        content = [{"type": "text", "text": {"value": marked, "annotations": annotations}}]
        message = self._add_message(
            run["thread_id"], "assistant", content, run_id=run["id"], assistant_id=run["assistant_id"]
        )
        events: list[tuple[str, JsonObject]] = [
            ("thread.message.created", {**message, "content": [], "status": "in_progress"})
        ]
        for word in words(marked):
            delta = {"content": [{"index": 0, "type": "text", "text": {"value": word}}]}
            data = {"id": message["id"], "object": "thread.message.delta", "delta": delta}
            events.append(("thread.message.delta", data))
        state = "incomplete" if cut else "completed"
        if cut:
            message["status"] = state
            message["incomplete_details"] = {"reason": "max_tokens"}
        events.append((f"thread.message.{state}", message))
        return events

    def _default_reply(self, run: JsonObject) -> Text:
        if run.get("outputs"):
            return Text("The tool says: " + "; ".join(run["outputs"].values()))
        asked = [message for message in self.messages[run["thread_id"]] if message["role"] == "user"]
        parts = asked[-1]["content"] if asked else []
        question = " ".join(part["text"]["value"] for part in parts if part["type"] == "text")
        return Text(f"{run['model']} was asked: {' '.join(question.split()[:12])}")


def _resources(*owners: JsonObject) -> dict[str, list[str]]:
    """Return the files and stores of an assistant and a thread together."""
    found: dict[str, list[str]] = {"file_ids": [], "vector_store_ids": []}
    for owner in owners:
        resources = owner.get("tool_resources") or {}
        for tool, key in (("code_interpreter", "file_ids"), ("file_search", "vector_store_ids")):
            found[key].extend((resources.get(tool) or {}).get(key) or ())
    return found


def _found(objects: dict[str, JsonObject], object_id: str, what: str) -> JsonObject:
    if object_id not in objects:
        raise ServiceError(404, f"No {what} found with id '{object_id}'.")
    return objects[object_id]
