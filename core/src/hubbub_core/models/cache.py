"""A model client that remembers the answers of another one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, TypeAlias

from pydantic import BaseModel, ValidationError

from hubbub_core._cache_store import CacheStore, InMemoryStore
from hubbub_core.models._model_client import ChatCompletionClient
from hubbub_core.models._model_info import ModelCapabilities, ModelInfo
from hubbub_core.models._types import CreateResult, LLMMessage, RequestUsage
from hubbub_registry import Component, ComponentModel

if TYPE_CHECKING:
    from hubbub_core._cancellation_token import CancellationToken
    from hubbub_core.tools._base import Tool, ToolSchema

__all__ = ["CHAT_CACHE_VALUE_TYPE", "ChatCompletionCache", "ChatCompletionCacheConfig"]

CHAT_CACHE_VALUE_TYPE: TypeAlias = CreateResult | list[str | CreateResult]
"""What a store keeps: the result of `create`, or all that `create_stream` yielded."""


class ChatCompletionCacheConfig(BaseModel):
    """Configuration of a `ChatCompletionCache`."""

    client: ComponentModel
    """The client whose answers are remembered."""

    store: ComponentModel | None = None
    """Where they are kept; in memory when missing."""


class ChatCompletionCache(ChatCompletionClient, Component[ChatCompletionCacheConfig]):
    """Asks another client once and answers equal requests from a store.

    Requests are equal when messages, tools, tool choice, output format and extra arguments are. `create` and
    `create_stream` share the entries: a hit of the other kind is converted (N-256). A hit is marked `cached`, counts no
    usage and ignores the cancellation token. Failed and abandoned requests are not kept. A store that hands back JSON
    data or text instead of objects is understood; an entry that makes no sense is a miss.

    Args:
        client: The client to ask. Close it, too.
        store: Where answers are kept; in memory when missing. Its life and size are the caller's business.
    """

    component_type: ClassVar[str] = "chat_completion_cache"
    component_provider_override: ClassVar[str] = "hubbub_core.models.cache.ChatCompletionCache"
    component_config_schema = ChatCompletionCacheConfig

    def __init__(
        self,
        client: ChatCompletionClient,
        store: CacheStore[CHAT_CACHE_VALUE_TYPE] | None = None,
    ) -> None:
        self.client = client
        # An empty store may count as false, so the comparison has to be with None.
        self.store: CacheStore[CHAT_CACHE_VALUE_TYPE] = InMemoryStore() if store is None else store

    async def create(
        self,
        messages: Sequence[LLMMessage],
        *,
        tools: Sequence[Tool | ToolSchema] = [],
        tool_choice: Tool | Literal["auto", "required", "none"] = "auto",
        json_output: bool | type[BaseModel] | None = None,
        extra_create_args: Mapping[str, Any] = {},
        cancellation_token: CancellationToken | None = None,
    ) -> CreateResult:
        """Return the remembered answer, or ask the client and remember its answer."""
        key = _key(messages, tools, tool_choice, json_output, extra_create_args)
        entry = _read(self.store.get(key))
        remembered = entry[-1] if isinstance(entry, list) else entry
        if isinstance(remembered, CreateResult):
            return _hit(remembered)
        result = await self.client.create(
            messages,
            tools=tools,
            tool_choice=tool_choice,
            json_output=json_output,
            extra_create_args=extra_create_args,
            cancellation_token=cancellation_token,
        )
        # A copy: what the caller does to the result must not reach later answers.
        self.store.set(key, result.model_copy(deep=True))
        return result

    async def create_stream(
        self,
        messages: Sequence[LLMMessage],
        *,
        tools: Sequence[Tool | ToolSchema] = [],
        tool_choice: Tool | Literal["auto", "required", "none"] = "auto",
        json_output: bool | type[BaseModel] | None = None,
        extra_create_args: Mapping[str, Any] = {},
        cancellation_token: CancellationToken | None = None,
    ) -> AsyncGenerator[str | CreateResult, None]:
        """Yield the remembered answer, or ask the client and remember what it yields once it is complete."""
        key = _key(messages, tools, tool_choice, json_output, extra_create_args)
        entry = _read(self.store.get(key))
        if isinstance(entry, CreateResult):
            entry = [entry.content, entry] if isinstance(entry.content, str) and entry.content else [entry]
        if entry is not None:
            for item in entry:
                yield _hit(item) if isinstance(item, CreateResult) else item
            return
        items: list[str | CreateResult] = []
        stream = self.client.create_stream(
            messages,
            tools=tools,
            tool_choice=tool_choice,
            json_output=json_output,
            extra_create_args=extra_create_args,
            cancellation_token=cancellation_token,
        )
        async with aclosing(stream):
            async for item in stream:
                if isinstance(item, CreateResult):
                    # Stored before it is handed out: a consumer that has its result need not exhaust the stream.
                    items.append(item.model_copy(deep=True))
                    self.store.set(key, items)
                else:
                    items.append(item)
                yield item

    async def close(self) -> None:
        """Close the client. The store is left alone."""
        await self.client.close()

    def actual_usage(self) -> RequestUsage:
        """Return the client's usage."""
        return self.client.actual_usage()

    def total_usage(self) -> RequestUsage:
        """Return the client's usage; hits add nothing."""
        return self.client.total_usage()

    def count_tokens(
        self,
        messages: Sequence[LLMMessage],
        *,
        tools: Sequence[Tool | ToolSchema] = [],
    ) -> int:
        """Return the client's count."""
        return self.client.count_tokens(messages, tools=tools)

    def remaining_tokens(
        self,
        messages: Sequence[LLMMessage],
        *,
        tools: Sequence[Tool | ToolSchema] = [],
    ) -> int:
        """Return the client's answer."""
        return self.client.remaining_tokens(messages, tools=tools)

    @property
    def capabilities(self) -> ModelCapabilities:
        """The client's capabilities."""
        return self.client.capabilities

    @property
    def model_info(self) -> ModelInfo:
        """The client's model info."""
        return self.client.model_info

    def _to_config(self) -> ChatCompletionCacheConfig:
        in_memory = type(self.store) is InMemoryStore
        return ChatCompletionCacheConfig(
            client=self.client.dump_component(),
            store=None if in_memory else self.store.dump_component(),
        )

    @classmethod
    def _from_config(cls, config: ChatCompletionCacheConfig) -> Self:
        client = ChatCompletionClient.load_component(config.client)
        store: CacheStore[CHAT_CACHE_VALUE_TYPE] | None = (
            None if config.store is None else CacheStore.load_component(config.store)
        )
        return cls(client=client, store=store)


def _hit(remembered: CreateResult) -> CreateResult:
    # Deep: the store may hand out the object it keeps, whose list of calls the caller must not be able to change.
    return remembered.model_copy(update={"cached": True}, deep=True)


def _key(
    messages: Sequence[LLMMessage],
    tools: Sequence[Tool | ToolSchema],
    tool_choice: Tool | Literal["auto", "required", "none"],
    json_output: bool | type[BaseModel] | None,
    extra_create_args: Mapping[str, Any],
) -> str:
    request = {
        "messages": [message.model_dump(mode="json") for message in messages],
        "tools": [tool if isinstance(tool, Mapping) else tool.schema for tool in tools],
        "tool_choice": tool_choice if isinstance(tool_choice, str) else {"name": tool_choice.name},
        "json_output": json_output,
        "extra_create_args": dict(extra_create_args),
    }
    text = json.dumps(request, sort_keys=True, default=_as_json)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _as_json(value: Any) -> Any:
    """Stand in for what JSON does not know; what has no text of its own makes an entry that is never hit again."""
    if isinstance(value, type) and issubclass(value, BaseModel):
        return value.model_json_schema()
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset):
        return sorted(map(repr, value))
    return repr(value)


def _read(entry: Any) -> CHAT_CACHE_VALUE_TYPE | None:
    """Make sense of what a store returned; `None` if it makes none."""
    if isinstance(entry, str | bytes):
        try:
            entry = json.loads(entry)
        except ValueError:
            return None
    try:
        if isinstance(entry, list):
            items = [item if isinstance(item, str) else CreateResult.model_validate(item) for item in entry]
            return items if items and isinstance(items[-1], CreateResult) else None
        return CreateResult.model_validate(entry)
    except ValidationError:
        return None
