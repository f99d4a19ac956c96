"""The store in memory."""

from __future__ import annotations

from hubbub_core import CacheStore, InMemoryStore


def test_value_comes_back_and_a_missing_one_is_the_default() -> None:
    store = InMemoryStore[int]()

    store.set("a", 1)
    store.set("a", 2)

    assert (store.get("a"), store.get("b"), store.get("b", 7)) == (2, None, 7)


def test_loaded_store_is_empty() -> None:
    store = InMemoryStore[int]()
    store.set("a", 1)

    dumped = store.dump_component()
    loaded: CacheStore[int] = CacheStore.load_component(dumped)

    assert (dumped.provider, dumped.component_type, dumped.config) == ("hubbub_core.InMemoryStore", "cache_store", {})
    assert loaded.get("a") is None
