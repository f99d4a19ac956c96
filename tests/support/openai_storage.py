"""What the service behind the mock server keeps: files, vector stores, conversations; and its embeddings."""

from __future__ import annotations

import base64
import hashlib
import itertools
import re
import struct
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from openai.types import CreateEmbeddingResponse, FileDeleted, FileObject, VectorStore, VectorStoreDeleted
from openai.types import VectorStoreSearchResponse as SearchResult
from openai.types.conversations import Conversation, ConversationDeletedResource, ConversationItem
from openai.types.vector_stores import VectorStoreFile, VectorStoreFileBatch
from openai_types import checked, checked_member
from openai_wire import CREATED, JsonObject, Request, ServiceError

Handler: TypeAlias = Callable[..., JsonObject]

_PARTS = {"user": "input_text", "system": "input_text", "developer": "input_text", "assistant": "output_text"}


class Storage:
    """The service's memory. Its handlers answer one request each; path parameters arrive as arguments."""

    def __init__(self) -> None:
        self.files: dict[str, JsonObject] = {}
        self.contents: dict[str, bytes] = {}
        self.vector_stores: dict[str, JsonObject] = {}
        self.store_files: dict[str, list[str]] = {}
        self.batches: dict[str, JsonObject] = {}
        self.conversations: dict[str, JsonObject] = {}
        self.items: dict[str, list[JsonObject]] = {}
        """Conversation -> its items, oldest first."""
        self.unreadable: set[str] = set()
        """Names of files that a vector store cannot read."""
        self._ids = itertools.count(1)

    def new_id(self, kind: str) -> str:
        """Return a new identifier: `conv_3`."""
        return f"{kind}_{next(self._ids)}"

    def routes(self) -> list[tuple[str, str, Handler]]:
        """Return method, pattern of the path and handler of each endpoint."""
        store = r"/vector_stores/(\w+)"
        conversation = r"/conversations/(\w+)"
        return [
            ("POST", "/files", self.create_file),
            ("GET", "/files", self.list_files),
            ("GET", r"/files/([\w-]+)", self.get_file),
            ("DELETE", r"/files/([\w-]+)", self.delete_file),
            ("POST", "/vector_stores", self.create_store),
            ("GET", store, self.get_store),
            ("DELETE", store, self.delete_store),
            ("POST", f"{store}/search", self.search_store),
            ("POST", f"{store}/files", self.add_store_file),
            ("GET", f"{store}/files", self.list_store_files),
            ("POST", f"{store}/file_batches", self.create_batch),
            ("GET", store + r"/file_batches/(\w+)", self.get_batch),
            ("POST", "/conversations", self.create_conversation),
            ("GET", conversation, self.get_conversation),
            ("DELETE", conversation, self.delete_conversation),
            ("POST", f"{conversation}/items", self.create_items),
            ("GET", f"{conversation}/items", self.list_items),
            ("DELETE", conversation + r"/items/(\w+)", self.delete_item),
            ("POST", "/embeddings", self.create_embeddings),
        ]

    def create_file(self, request: Request) -> JsonObject:
        if "file" not in request.files or "purpose" not in request.body:
            raise ServiceError(400, "'file' and 'purpose' are required")
        name, content = request.files["file"]
        made = {
            "id": f"file-{next(self._ids)}",
            "object": "file",
            "bytes": len(content),
            "created_at": CREATED,
            "filename": name,
            "purpose": request.body["purpose"],
            "status": "processed",
        }
        self.files[made["id"]] = checked(FileObject, made)
        self.contents[made["id"]] = content
        return made

    def list_files(self, request: Request) -> JsonObject:
        return page(list(self.files.values()), request, FileObject)

    def get_file(self, request: Request, file_id: str) -> JsonObject:
        return _found(self.files, file_id, "File")

    def delete_file(self, request: Request, file_id: str) -> JsonObject:
        del _having(self.files, file_id, "File")[file_id]
        return checked(FileDeleted, {"id": file_id, "object": "file", "deleted": True})

    def create_store(self, request: Request) -> JsonObject:
        made: JsonObject = {
            "id": self.new_id("vs"),
            "object": "vector_store",
            "created_at": CREATED,
            "name": request.body.get("name") or "",
            "status": "completed",
            "usage_bytes": 0,
            "file_counts": counts(),
            "metadata": request.body.get("metadata") or {},
            "last_active_at": CREATED,
        }
        self.vector_stores[made["id"]] = checked(VectorStore, made)
        self.store_files[made["id"]] = []
        for file_id in request.body.get("file_ids") or ():
            self._add_file(made["id"], file_id)
        return made

    def get_store(self, request: Request, store_id: str) -> JsonObject:
        return _found(self.vector_stores, store_id, "Vector store")

    def delete_store(self, request: Request, store_id: str) -> JsonObject:
        del _having(self.vector_stores, store_id, "Vector store")[store_id]
        return checked(VectorStoreDeleted, {"id": store_id, "object": "vector_store.deleted", "deleted": True})

    def add_store_file(self, request: Request, store_id: str) -> JsonObject:
        return self._add_file(store_id, request.body["file_id"])

    def list_store_files(self, request: Request, store_id: str) -> JsonObject:
        _found(self.vector_stores, store_id, "Vector store")
        files = [_store_file(store_id, file_id) for file_id in self.store_files[store_id]]
        return page(files, request, VectorStoreFile)

    def create_batch(self, request: Request, store_id: str) -> JsonObject:
        _found(self.vector_stores, store_id, "Vector store")
        batch = {
            "id": self.new_id("vsfb"),
            "object": "vector_store.files_batch",
            "created_at": CREATED,
            "vector_store_id": store_id,
            "status": "in_progress",
            "file_counts": counts(in_progress=len(request.body["file_ids"])),
            "file_ids": request.body["file_ids"],
        }
        self.batches[batch["id"]] = checked(VectorStoreFileBatch, batch)
        return dict(batch)

    def get_batch(self, request: Request, store_id: str, batch_id: str) -> JsonObject:
        """Return a batch; it is done when somebody asks for it the first time."""
        batch = _found(self.batches, batch_id, "Batch")
        if batch["status"] == "in_progress":
            added = [self._add_file(store_id, file_id)["status"] for file_id in batch["file_ids"]]
            batch["file_counts"] = counts(completed=added.count("completed"), failed=added.count("failed"))
            batch["status"] = "completed"
        return checked(VectorStoreFileBatch, batch)

    def _add_file(self, store_id: str, file_id: str) -> JsonObject:
        store = _found(self.vector_stores, store_id, "Vector store")
        name = _found(self.files, file_id, "File")["filename"]
        failed = name in self.unreadable
        if not failed:
            self.store_files[store_id].append(file_id)
        store["file_counts"] = counts(completed=len(self.store_files[store_id]))
        return checked(VectorStoreFile, _store_file(store_id, file_id, failed=failed))

    def search_store(self, request: Request, store_id: str) -> JsonObject:
        found = [
            {
                "file_id": hit["file_id"],
                "filename": hit["filename"],
                "score": hit["score"],
                "attributes": {},
                "content": [{"type": "text", "text": hit["text"]}],
            }
            for hit in self.search([store_id], request.body["query"])
        ]
        for hit in found:
            checked(SearchResult, hit)
        return {
            "object": "vector_store.search_results.page",
            "search_query": [request.body["query"]],
            "data": found,
            "has_more": False,
            "next_page": None,
        }

    def search(self, store_ids: list[str], query: str) -> list[JsonObject]:
        """Return the lines of files that share words with the query, best first."""
        wanted = set(re.findall(r"\w{4,}", query.lower()))
        hits: list[JsonObject] = []
        for store_id in store_ids:
            _found(self.vector_stores, store_id, "Vector store")
            for file_id in self.store_files[store_id]:
                if file_id not in self.files:
                    continue
                text = re.sub(r"<[^>]+>", "", self.contents[file_id].decode())
                for line in filter(None, (line.strip() for line in text.splitlines())):
                    shared = wanted & set(re.findall(r"\w{4,}", line.lower()))
                    if shared:
                        name = self.files[file_id]["filename"]
                        score = len(shared) / len(wanted)
                        hits.append({"file_id": file_id, "filename": name, "score": score, "text": line})
        return sorted(hits, key=lambda hit: -hit["score"])

    def create_conversation(self, request: Request) -> JsonObject:
        made: JsonObject = {
            "id": self.new_id("conv"),
            "object": "conversation",
            "created_at": CREATED,
            "metadata": request.body.get("metadata") or {},
        }
        self.conversations[made["id"]] = checked(Conversation, made)
        self.items[made["id"]] = [self.stored_item(item) for item in request.body.get("items") or ()]
        return made

    def get_conversation(self, request: Request, conversation_id: str) -> JsonObject:
        return _found(self.conversations, conversation_id, "Conversation")

    def delete_conversation(self, request: Request, conversation_id: str) -> JsonObject:
        del _having(self.conversations, conversation_id, "Conversation")[conversation_id]
        deleted = {"id": conversation_id, "object": "conversation.deleted", "deleted": True}
        return checked(ConversationDeletedResource, deleted)

    def create_items(self, request: Request, conversation_id: str) -> JsonObject:
        _found(self.conversations, conversation_id, "Conversation")
        made = [self.stored_item(item) for item in request.body["items"]]
        self.items[conversation_id].extend(made)
        return _list(made, has_more=False)

    def list_items(self, request: Request, conversation_id: str) -> JsonObject:
        _found(self.conversations, conversation_id, "Conversation")
        return page(self.items[conversation_id], request)

    def delete_item(self, request: Request, conversation_id: str, item_id: str) -> JsonObject:
        conversation = _found(self.conversations, conversation_id, "Conversation")
        left = [item for item in self.items[conversation_id] if item["id"] != item_id]
        if len(left) == len(self.items[conversation_id]):
            raise ServiceError(404, f"Item with id '{item_id}' not found.")
        self.items[conversation_id] = left
        return conversation

    def stored_item(self, item: JsonObject) -> JsonObject:
        """Return an item of a request as a conversation keeps it."""
        kind = item.get("type", "message")
        stored = {"id": self.new_id({"message": "msg", "function_call_output": "fco"}.get(kind, "item")), **item}
        stored["type"] = kind
        if kind == "message":
            part = _PARTS.get(item["role"])
            if part is None:
                raise ServiceError(400, f"Invalid value: '{item['role']}'. Supported values are: {list(_PARTS)}.")
            content = item["content"]
            parts: list[JsonObject] = (
                [{"type": part, "text": content}] if isinstance(content, str) else [dict(part) for part in content]
            )
            for each in parts:
                _check_part(each, item["role"])
                if each["type"] == "output_text":
                    each.setdefault("annotations", [])
            stored["content"] = parts
        if kind != "reasoning":
            stored.setdefault("status", "completed")
        return checked_member(ConversationItem, stored)

    def create_embeddings(self, request: Request) -> JsonObject:
        """Answer with vectors made of the hash of each text: equal texts are equal, others are not."""
        given = request.body["input"]
        texts = [given] if isinstance(given, str) else list(given)
        size = request.body.get("dimensions") or 8
        data: list[JsonObject] = []
        for index, text in enumerate(texts):
            values = list(itertools.islice(_numbers(str(text)), size))
            vector: Any = values
            if request.body.get("encoding_format") == "base64":
                vector = base64.b64encode(struct.pack(f"<{size}f", *values)).decode()
            else:
                checked(
                    CreateEmbeddingResponse,
                    {
                        "data": [{"object": "embedding", "index": index, "embedding": values}],
                        "model": request.body["model"],
                        "object": "list",
                        "usage": {"prompt_tokens": 1, "total_tokens": 1},
                    },
                )
            data.append({"object": "embedding", "index": index, "embedding": vector})
        used = sum(len(str(text).split()) for text in texts)
        usage = {"prompt_tokens": used, "total_tokens": used}
        return {"object": "list", "data": data, "model": request.body["model"], "usage": usage}


def page(items: list[JsonObject], request: Request, kind: Any = None) -> JsonObject:
    """Return one page of a list that is given oldest first, as `order`, `after` and `limit` ask for it."""
    ordered = items if request.query.get("order", "desc") == "asc" else items[::-1]
    after = request.query.get("after")
    if after is not None:
        ids = [item["id"] for item in ordered]
        if after not in ids:
            raise ServiceError(404, f"Item with id '{after}' not found.")
        ordered = ordered[ids.index(after) + 1 :]
    limit = int(request.query.get("limit", 20))
    for item in ordered[:limit]:
        if kind is not None:
            checked(kind, item)
    return _list(ordered[:limit], has_more=len(ordered) > limit)


def counts(**given: int) -> JsonObject:
    """Return how many files are in which state."""
    found = dict.fromkeys(("in_progress", "completed", "failed", "cancelled"), 0) | given
    return {**found, "total": sum(found.values())}


def _list(items: list[JsonObject], *, has_more: bool) -> JsonObject:
    ends = {"first_id": items[0]["id"], "last_id": items[-1]["id"]} if items else {"first_id": "", "last_id": ""}
    return {"object": "list", "data": items, **ends, "has_more": has_more}


def _store_file(store_id: str, file_id: str, *, failed: bool = False) -> JsonObject:
    return {
        "id": file_id,
        "object": "vector_store.file",
        "created_at": CREATED,
        "vector_store_id": store_id,
        "status": "failed" if failed else "completed",
        "usage_bytes": 1,
        "last_error": {"code": "unsupported_file", "message": "The file could not be parsed"} if failed else None,
    }


def _check_part(part: JsonObject, role: str) -> None:
    allowed = ("output_text", "refusal") if role == "assistant" else ("input_text", "input_image", "input_file")
    if part.get("type") not in allowed:
        raise ServiceError(400, f"Invalid value: '{part.get('type')}'. Supported values are: {allowed}.")
    if part["type"] == "input_image":
        part.setdefault("detail", "auto")


def _having(objects: dict[str, JsonObject], object_id: str, what: str) -> dict[str, JsonObject]:
    if object_id not in objects:
        raise ServiceError(404, f"{what} with id '{object_id}' not found.", "not_found")
    return objects


def _found(objects: dict[str, JsonObject], object_id: str, what: str) -> JsonObject:
    return _having(objects, object_id, what)[object_id]


def _numbers(text: str) -> Iterator[float]:
    for block in itertools.count():
        for byte in hashlib.sha256(f"{block}:{text}".encode()).digest():
            # Powers of two, so that a float of 32 bits holds them exactly.
            yield byte / 128 - 1
