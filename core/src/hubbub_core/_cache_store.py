"""A store of values by key, for caches."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Generic, Self, TypeVar

from pydantic import BaseModel

from hubbub_registry import Component, ComponentBase

T = TypeVar("T")


class CacheStore(ABC, Generic[T], ComponentBase[BaseModel]):
    """Where a cache keeps its values. A subclass owns the life of its storage."""

    component_type: ClassVar[str] = "cache_store"

    @abstractmethod
    def get(self, key: str, default: T | None = None) -> T | None:
        """Return the value at `key`, or `default` if there is none."""

    @abstractmethod
    def set(self, key: str, value: T) -> None:
        """Keep `value` at `key`."""


class InMemoryStoreConfig(BaseModel):
    """Configuration of an `InMemoryStore`: nothing."""


class InMemoryStore(CacheStore[T], Component[InMemoryStoreConfig]):
    """A store in the memory of the process, without limit. It is empty again when loaded from its configuration."""

    component_provider_override: ClassVar[str] = "hubbub_core.InMemoryStore"
    component_config_schema = InMemoryStoreConfig

    def __init__(self) -> None:
        self._values: dict[str, T] = {}

    def get(self, key: str, default: T | None = None) -> T | None:
        """Return the value at `key`, or `default` if there is none."""
        return self._values.get(key, default)

    def set(self, key: str, value: T) -> None:
        """Keep `value` at `key`."""
        self._values[key] = value

    def _to_config(self) -> InMemoryStoreConfig:
        return InMemoryStoreConfig()

    @classmethod
    def _from_config(cls, config: InMemoryStoreConfig) -> Self:
        return cls()
