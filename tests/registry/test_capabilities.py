"""Grants: nothing that runs code or starts a process is loaded unless the caller says so."""

from __future__ import annotations

import asyncio
from typing import ClassVar, Self

import pytest
from pydantic import BaseModel

from hubbub_registry import CapabilityError, Component, ComponentBase, ComponentModel, allow, granted, require


class Config(BaseModel):
    inner: ComponentModel | None = None


class Starter(ComponentBase[Config], Component[Config]):
    component_type = "tool"
    component_config_schema = Config
    component_provider_override = "tests_of_grants.Starter"
    component_capabilities: ClassVar[tuple[str, ...]] = ("process",)

    def _to_config(self) -> Config:
        return Config()

    @classmethod
    def _from_config(cls, config: Config) -> Self:
        return cls()


class Outer(ComponentBase[Config], Component[Config]):
    component_type = "agent"
    component_config_schema = Config
    component_provider_override = "tests_of_grants.Outer"

    def __init__(self, inner: Starter | None) -> None:
        self.inner = inner

    def _to_config(self) -> Config:
        return Config()

    @classmethod
    def _from_config(cls, config: Config) -> Self:
        return cls(Starter.load_component(config.inner) if config.inner else None)


STARTER = {"provider": "tests_of_grants.Starter", "config": {}}
NESTED = {"provider": "tests_of_grants.Outer", "config": {"inner": STARTER}}


def test_loading_what_asks_for_a_capability_is_refused_with_the_ways_to_grant_it() -> None:
    with pytest.raises(PermissionError) as caught:
        Starter.load_component(STARTER)

    assert str(caught.value) == (
        "component tests_of_grants.Starter asks for the capability 'process', which is not granted; if you trust it, "
        "grant it with `load_component(..., allow=['process'])`, `with allow('process'):` around the load, "
        "or `grants: [process]` in the hub file"
    )


def test_a_nested_load_is_refused_too() -> None:
    with pytest.raises(CapabilityError, match=r"tests_of_grants\.Starter"):
        Outer.load_component(NESTED)


def test_a_block_grants_nested_loads_and_ends() -> None:
    with allow("process"):
        assert Outer.load_component(NESTED).inner is not None
    with pytest.raises(CapabilityError):
        Outer.load_component(NESTED)


def test_an_argument_grants_one_load_with_what_is_nested_in_it() -> None:
    assert Outer.load_component(NESTED, allow=["process"]).inner is not None
    assert granted() == frozenset()


def test_another_capability_does_not_do() -> None:
    with allow("code"), pytest.raises(CapabilityError):
        Starter.load_component(STARTER)


def test_blocks_add_up() -> None:
    with allow("code"), allow("process"):
        require("code", "this test")
        require("process", "this test")


def test_a_grant_ends_when_the_block_raises() -> None:
    with pytest.raises(ZeroDivisionError), allow("code"):
        raise ZeroDivisionError

    assert granted() == frozenset()


async def test_a_grant_does_not_reach_a_task_that_was_created_outside() -> None:
    entered, checked = asyncio.Event(), asyncio.Event()

    async def other() -> frozenset[str]:
        await entered.wait()
        checked.set()
        return granted()

    task = asyncio.create_task(other())
    with allow("code"):
        entered.set()
        await checked.wait()
        assert granted() == {"code"}

    assert await task == frozenset()


@pytest.mark.parametrize("wrong", ["", ["code"], None])
def test_what_is_no_name_is_refused(wrong: str) -> None:
    with pytest.raises(TypeError, match="a capability is a non-empty string"):
        allow(wrong)


def test_a_string_for_allow_is_refused_as_it_would_grant_its_letters() -> None:
    with pytest.raises(TypeError, match="list of capabilities"):
        Starter.load_component(STARTER, allow="process")
